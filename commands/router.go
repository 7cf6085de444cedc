// Package commands is what people can tell Perch in chat: /twitter, /incident,
// /timeline and /duty, the buttons and the forms that go with them, and what
// Perch shows of incidents and X accounts. It runs inside the transaction of
// the event it handles and reaches the outside world through the outbox only.
package commands

import (
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"

	"github.com/perch-chat/perch/bot"
	"github.com/perch-chat/perch/desk"
	"github.com/perch-chat/perch/incident"
	"github.com/perch-chat/perch/internal/accounts"
	"github.com/perch-chat/perch/internal/inbox"
	"github.com/perch-chat/perch/internal/nearest"
	"github.com/perch-chat/perch/internal/outbox"
	"github.com/perch-chat/perch/store"
)

// Roles says who may do what. Its methods are called inside transactions: they
// answer from memory.
type Roles interface {
	IsAdmin(u bot.UserRef) bool
	IsResponder(u bot.UserRef) bool
	IsAgent(u bot.UserRef) bool
	Admins() []bot.UserRef
	Responders() []bot.UserRef // those that are named; IsResponder may say yes to more
}

// Deps is what the commands work on.
type Deps struct {
	Log       *slog.Logger
	Outbox    *outbox.Outbox
	Inbox     *inbox.Inbox
	Accounts  *accounts.Accounts
	Incidents *incident.Service
	Desk      *desk.Desk
	Roles     Roles

	// The channels are refs, or names (slack:#twitter-setup) of channels that
	// Perch finds or makes.
	SetupChannel     bot.ChannelRef // where the setup message stands; may be empty
	IncidentsChannel bot.ChannelRef // where incidents are announced; empty: where they are declared

	// Rooms are other channels that may be configured by their names, made
	// private. OnRoom is called once one of them was found or made.
	Rooms  func() []Room
	OnRoom func(tx store.Tx) error

	// PerIncident makes a channel for each incident, on the chat of IncidentsChannel.
	PerIncident bool

	// Emoji are the reactions that add a message to a timeline.
	Emoji []string

	// OnSetup, if set, is called once the setup channel is known that is
	// configured by its name, and whenever it was looked for again.
	OnSetup func(tx store.Tx, ch bot.ChannelRef) error

	Version string
	Support Support
}

// Room is a channel that Perch works in, and who belongs there if Perch makes it.
type Room struct {
	Channel bot.ChannelRef
	Purpose string
	People  []bot.UserRef
}

// Support is what /twitter support says of the outside.
type Support interface {
	// Lines are short facts on Perch's state, read from memory.
	Lines() []string
}

// Router finds what an event asks for and does it. It is safe for concurrent use.
type Router struct {
	Deps
	commands []command
	buttons  map[string]func(*call) error
	forms    map[string]func(*call) error
}

// role is who may use a command.
type role int

const (
	anybody role = iota
	responder
	agent
	admin
)

// command is one slash command with its words.
type command struct {
	name, about string
	words       []word
	bare        string // the word that is meant where none is given
	form        string // the one that is meant then in chats that show forms
}

// word is what follows a slash command.
type word struct {
	name    string
	aliases []string
	usage   string // what follows the word
	about   string
	role    role
	run     func(*call) error

	// opens is the title of the form that run shows for what follows the word,
	// "" if it shows none. See Opens.
	opens func(rest string) string

	meant bool // nobody wrote it: it is what the command alone means
}

// New returns a router and has it watch accounts and incidents. It is to be
// called once, before events are handled.
func New(d Deps) *Router {
	if d.Log == nil {
		d.Log = slog.New(slog.DiscardHandler)
	}
	r := &Router{Deps: d}
	r.commands = []command{r.twitter(), r.incident(), r.timeline(), r.duty()}
	r.buttons = map[string]func(*call) error{}
	r.forms = map[string]func(*call) error{}
	r.twitterButtons()
	r.incidentButtons()
	r.previewButtons()
	r.attentionButtons()
	r.dutyButtons()
	d.Accounts.OnChange(r.accountChanged)
	d.Incidents.Observe(incident.Observer{
		IncidentChanged:    r.incidentChanged,
		EntryChanged:       r.entryChanged,
		PublicationChanged: r.publicationChanged,
		WorkflowFailed:     r.workflowFailed,
	})
	return r
}

// Handle does what the event asks for. An event that asks for nothing is no
// error. A mistake of the person is answered, not returned.
func (r *Router) Handle(tx store.Tx, ev bot.Event) error {
	c := &call{Router: r, tx: tx, ev: ev}
	var run func(*call) error
	switch ev.Kind {
	case bot.EventCommand:
		if err := r.back(tx, ev.Channel); err != nil {
			return err
		}
		return c.answer(r.command(c))
	case bot.EventAction:
		if run = r.buttons[ev.Action]; ev.Ask != "" {
			run = sure
		}
	case bot.EventSubmit:
		run = r.forms[ev.Action]
	case bot.EventHome:
		return r.homeOpened(tx, ev.User.Ref)
	case bot.EventReaction, bot.EventReactionGone:
		return r.reacted(tx, ev)
	case bot.EventReactions:
		return r.reactions(tx, ev)
	case bot.EventGap:
		return r.onGap(tx, ev)
	case bot.EventMessageEdited, bot.EventMessageDeleted:
		return r.messageChanged(tx, ev)
	case bot.EventJoined:
		return r.joined(tx, ev.Channel)
	case bot.EventUndecoded:
		return r.notUnderstood(tx, ev)
	case bot.EventInstalled:
		return r.EnsureSetup(tx)
	default:
		return nil
	}
	if run == nil {
		return c.answer(refuse("This button belongs to an older version of Perch. Use the command instead: /twitter help"))
	}
	if err := c.answer(run(c)); err != nil || !c.atHome() {
		return err
	}
	h, ok, err := homes.Find(tx, store.Key(string(ev.User.Ref)))
	if err != nil || !ok {
		return err
	}
	return r.showHomes(tx, h)
}

// command runs the word that follows the slash command. The name may also be
// the first word, as behind a mention of the bot: "@perch twitter help".
func (r *Router) command(c *call) error {
	var err error
	if c.cmd, c.word, c.rest, err = r.words(c.ev); err != nil {
		return err
	}
	if err := c.need(c.word.role); err != nil {
		if c.word.meant {
			return help(c) // who may not fill the form in may know what else there is
		}
		return err
	}
	return c.offer(c.word.run(c))
}

// words finds the command and the word of an event, and what follows them.
func (r *Router) words(ev bot.Event) (cmd command, w word, rest string, err error) {
	name, text := strings.TrimPrefix(strings.ToLower(ev.Command), "/"), strings.TrimSpace(ev.Text)
	cmd, ok := r.find(name)
	if !ok {
		first, rest := cutWord(text)
		cmd, ok = r.find(strings.TrimPrefix(strings.ToLower(first), "/"))
		switch {
		case ok:
			text = rest
		case name == "" && r.ofTwitter(first): // "@twitter.bot authorize"
			cmd, _ = r.find("twitter")
		default:
			return cmd, w, "", r.unknownCommand(orDefault(name, first), name == "")
		}
	}
	first, rest := cutWord(text)
	bare := first == ""
	if bare {
		first = cmd.bare
		if cmd.form != "" && ev.Trigger != "" {
			first = cmd.form
		}
	}
	if w, ok = cmd.word(strings.ToLower(first)); !ok {
		return cmd, w, "", unknownWord(cmd, first)
	}
	w.meant = bare
	return cmd, w, rest, nil
}

// ofTwitter reports whether a word alone is meant for /twitter: Perch is
// spoken to as the bot that runs X accounts.
func (r *Router) ofTwitter(first string) bool {
	cmd, _ := r.find("twitter")
	_, ok := cmd.word(strings.ToLower(first))
	return ok
}

func (r *Router) find(name string) (command, bool) {
	for _, cmd := range r.commands {
		if cmd.name == name {
			return cmd, true
		}
	}
	return command{}, false
}

func (c command) word(name string) (word, bool) {
	for _, w := range c.words {
		if w.name == name || slices.Contains(w.aliases, name) {
			return w, true
		}
	}
	return word{}, false
}

// unknownCommand says what there is. Spoken to alone, Perch also knows the words
// of /twitter.
func (r *Router) unknownCommand(first string, alone bool) error {
	var names []string
	for _, cmd := range r.commands {
		names = append(names, cmd.name)
	}
	if best, ok := nearest.Word(first, names); ok {
		return refuse("I don't know %q. Did you mean /%s? See: /%s help", clip(first), best, best)
	}
	if cmd, ok := r.find("twitter"); ok && alone {
		if best, ok := nearest.Word(first, cmd.names()); ok {
			return refuse("I don't know %q. Did you mean /twitter %s? All of them: /twitter help", clip(first), best)
		}
	}
	return refuse("Tell me one of: /%s. Each has a help: /twitter help", strings.Join(names, ", /"))
}

func (c command) names() []string {
	var names []string
	for _, w := range c.words {
		names = append(names, w.name)
	}
	return names
}

func unknownWord(cmd command, first string) error {
	names := cmd.names()
	if best, ok := nearest.Word(first, names); ok {
		return refuse("/%s has no %q. Did you mean /%s %s? All of them: /%s help", cmd.name, clip(first), cmd.name, best, cmd.name)
	}
	return refuse("/%s has no %q. There is: %s. More: /%s help", cmd.name, clip(first), strings.Join(names, ", "), cmd.name)
}

// clip keeps what a person typed short enough to be repeated to them.
func clip(s string) string {
	if r := []rune(s); len(r) > 40 {
		return string(r[:40]) + "…"
	}
	return s
}

// refusal is an answer to a mistake of the person. It is shown, not returned.
type refusal struct{ text string }

func (e *refusal) Error() string { return e.text }

func refuse(format string, args ...any) error {
	return &refusal{text: fmt.Sprintf(format, args...)}
}

// answer shows a mistake to the person who made it. What was stored before the
// mistake was noticed is nothing: handlers check first.
func (c *call) answer(err error) error {
	var (
		ref *refusal
		acc *accounts.Error
		inc *incident.Error
		den *denied
	)
	switch {
	case err == nil:
		return nil
	case errors.As(err, &ref):
		return c.reply(text(ref.text))
	case errors.As(err, &den):
		return c.reply(den.message())
	case errors.As(err, &acc):
		return c.reply(text(acc.Message))
	case errors.As(err, &inc):
		return c.reply(text(inc.Message))
	case errors.Is(err, outbox.ErrTooLate), errors.Is(err, outbox.ErrSelfApproval), errors.Is(err, outbox.ErrState):
		return c.reply(text(sentence(err)))
	case errors.Is(err, store.ErrNotFound):
		return c.reply(text("This is gone: it was done or removed long ago. See /twitter support"))
	}
	return err
}
