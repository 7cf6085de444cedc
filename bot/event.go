package bot

import "time"

// EventKind says what happened in the chat.
type EventKind string

// The kinds of events.
const (
	EventCommand        EventKind = "command"         // a slash command, or a mention of the bot
	EventMessage        EventKind = "message"         // a person wrote
	EventMessageEdited  EventKind = "message_edited"  // a person changed the text of a message
	EventMessageDeleted EventKind = "message_deleted" // a person deleted a message
	EventAction         EventKind = "action"          // a person pressed a button
	EventSubmit         EventKind = "submit"          // a person sent a form
	EventReaction       EventKind = "reaction"        // a person set a reaction
	EventReactionGone   EventKind = "reaction_gone"   // a person took a reaction back
	EventJoined         EventKind = "joined"          // the bot came into a channel
	EventHome           EventKind = "home"            // a person opened their page of the bot, see Homer
	EventGroup          EventKind = "group"           // the members of Group changed
	EventGap            EventKind = "gap"             // the chat may have said things since Since that never came
	EventInstalled      EventKind = "installed"       // the bot came into the workspace Team
	EventRemoved        EventKind = "removed"         // the workspace Team took the bot's access away
	EventUndecoded      EventKind = "undecoded"       // the chat sent what can't be read: Text is why, Raw what
)

// Event is something that happened in a chat. It is stored as JSON: fields are
// added, never renamed.
type Event struct {
	ID       string    `json:"id"` // unique in the platform; the same however often it is delivered
	Platform string    `json:"platform"`
	Kind     EventKind `json:"kind"`
	At       time.Time `json:"at"`
	User     User      `json:"user"`

	Channel     ChannelRef `json:"channel,omitempty"`
	ChannelName string     `json:"channel_name,omitempty"`
	Message     MessageRef `json:"message,omitempty"` // the message it is about
	Thread      MessageRef `json:"thread,omitempty"`  // the thread it is in, if any
	Live        bool       `json:"live,omitempty"`    // Thread is a customer's room of a Livechat
	Alone       bool       `json:"alone,omitempty"`   // nobody but User sees Message; for EventAction

	Command string `json:"command,omitempty"` // "/twitter"; for EventCommand
	Text    string `json:"text,omitempty"`    // the message's text, the words behind the command

	// Names are those whom Text names, in its order, as far as the chat says who
	// they are.
	Names []Named `json:"names,omitempty"`

	Action string            `json:"action,omitempty"` // the button's or the form's ID
	Value  string            `json:"value,omitempty"`  // the button's or the form's value
	Fields map[string]string `json:"fields,omitempty"` // what was filled in, for EventSubmit
	Emoji  string            `json:"emoji,omitempty"`

	// Ask is the Confirm of the button that was pressed where the chat could not
	// ask it by itself: nothing is to be done before the person has said yes.
	Ask string `json:"ask,omitempty"`

	Trigger string `json:"trigger,omitempty"` // lets Opener open a form, for a few seconds
	Respond string `json:"respond,omitempty"` // lets Post answer this person, see Message.Respond
	Files   []File `json:"files,omitempty"`

	Reactions []Reaction `json:"reactions,omitempty"` // for EventReactions

	// Author wrote the message that an EventAction on a message, a reaction or
	// a shortcut is about, where the chat says so.
	Author *User `json:"author,omitempty"`

	Group GroupRef  `json:"group,omitempty"` // for EventGroup
	Since time.Time `json:"since,omitzero"`  // for EventGap
	Team  string    `json:"team,omitempty"`  // for EventInstalled and EventRemoved: the workspace
	Raw   string    `json:"raw,omitempty"`   // for EventUndecoded, up to 64 KiB of it

	// Edit tells the edits of one message apart, for EventMessageEdited.
	Edit string `json:"edit,omitempty"`
}

// Asked reports whether the event is the answer to something that a person was
// asked alone. What comes of it takes the question's place, buttons and all.
func (e Event) Asked() bool {
	return e.Kind == EventAction && e.Alone && e.Message != ""
}

// AskedLife is how long after the answer what stands in a question's place is
// kept current. Slack lets it be changed for half an hour.
const AskedLife = 25 * time.Minute

// User is a person as the chat knows them.
type User struct {
	Ref    UserRef `json:"ref"`
	Name   string  `json:"name"`             // the name people see
	Handle string  `json:"handle,omitempty"` // without @
}

// Named is a person, a channel or a group that a text names. Text is how it
// stands there: "@Ada"; Name is the name that people see, where that is another.
// The ref of what it is is set, and no other.
type Named struct {
	Text    string     `json:"text"`
	Name    string     `json:"name,omitempty"`
	User    UserRef    `json:"user,omitempty"`
	Channel ChannelRef `json:"channel,omitempty"`
	Group   GroupRef   `json:"group,omitempty"`
}

// File is a file in the chat.
type File struct {
	ID   string `json:"id"`
	Name string `json:"name"`
	Type string `json:"type"` // media type
	Size int64  `json:"size"` // bytes
	URL  string `json:"url,omitempty"`
	Alt  string `json:"alt,omitempty"` // what it shows, as its sender says
}
