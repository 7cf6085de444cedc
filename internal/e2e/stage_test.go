package e2e

import "errors"

// stage is a chat in which people act and see. One script runs on every chat
// that its first line names.
type stage interface {
	// name is the chat's, as the scripts write it.
	name() string

	// user, group and channel are the refs of a person, of a group of people
	// and of a channel.
	user(name string) string
	group(handle string) string
	channel(name string) string

	// ready returns once the running Perch can be spoken to.
	ready() error

	// sees returns all that the person sees in a channel, threads and what is
	// for their eyes alone included, oldest first. Two places are no channels:
	// "home", the person's page of the bot, and "bot", what they and the bot
	// say to each other.
	sees(who, channel string) ([]seen, error)

	// forms are those that the person has open, the topmost last.
	forms(who string) ([]form, error)

	// says writes a message or a command, in a thread if one is given.
	says(who, channel, thread, text string, files ...attached) error
	edits(who string, m seen, text string) error
	deletes(who string, m seen) error
	reacts(who string, m seen, emoji string, on bool) error

	// opens goes to a place: a person's page of the bot is filled when it is opened.
	opens(who, channel string) error

	// shortcut picks an entry of a message's menu by its name, or of the menu
	// for all if there is no message.
	shortcut(who, label string, m *seen) error

	// settled returns once the chat has handed over what happened so far.
	settled() error
}

// errNone is what a chat answers that has nothing of the kind.
var errNone = errors.New("this chat has none of that")

// seen is a message as one person sees it.
type seen struct {
	ref, thread string
	channel     string // as the chat itself calls it
	reads       string // everything that is read: author, text, buttons, reactions
	mine        bool   // the person wrote it
	alone       bool   // nobody else sees it
	beside      bool   // it is told beside the place, so whatever thread is looked at
	pinned      bool
	told        []string // who is notified
	links       []string // where one can go from it
	files       []attached
	buttons     []knob
}

// knob is a button.
type knob struct {
	label, url string
	press      func() error
}

// form is what a person is asked.
type form struct {
	title, reads string
	inputs       []string
	buttons      []knob
	send         func(fields map[string]string) error
}

// attached is a file of a message.
type attached struct {
	name, kind string
	data       []byte
}
