package bot

import (
	"context"
	"io"
	"time"
)

// Livechat is a chat with a customer service of its own: queue, routing,
// departments and agents are its, and Perch is one of the ways by which
// customers come to it. A conversation is a room there; its ref is a MessageRef
// that stands where a thread's does. Errors are a *[Error] wherever the chat
// gave a definite answer; that of nobody being there has the code "no_agent".
//
// The calls for one customer are made one after the other.
type Livechat interface {
	// Enter makes sure that a customer has an open room and returns it. It may be
	// called again: it returns the same room until that is closed.
	Enter(ctx context.Context, v Visitor) (Entered, error)

	// Tell writes a customer's message into a room. A repeat of its key changes
	// nothing and returns the same message.
	Tell(ctx context.Context, m Told) (MessageRef, error)

	// Retell changes what a customer said, Untell takes it back.
	Retell(ctx context.Context, m Told, ref MessageRef) error
	Untell(ctx context.Context, v Visitor, ref MessageRef) error

	// Leave closes a room. One that is closed already is no error.
	Leave(ctx context.Context, room MessageRef, why string) error

	// Serves reports whether a department would be served now; an empty one
	// means the chat's own choice.
	Serves(ctx context.Context, department string) (bool, error)
}

// Visitor is a customer, as a customer service knows them. It is stored as
// JSON: fields are added, never renamed.
type Visitor struct {
	Key        string `json:"key"` // always the same for the same customer of the same account; never shown
	Name       string `json:"name"`
	Handle     string `json:"handle,omitempty"`
	AvatarURL  string `json:"avatar_url,omitempty"`
	Department string `json:"department,omitempty"` // an ID or a name; empty: the chat's own choice
}

// Entered is where a customer is.
type Entered struct {
	Room  MessageRef `json:"room"`
	Fresh bool       `json:"fresh,omitempty"` // it was made by this call
}

// Told is what a customer said.
type Told struct {
	Visitor Visitor
	Room    MessageRef
	Key     string // the action's
	Text    string
	File    *ToldFile
}

// ToldFile is a file of a customer. Content is read once.
type ToldFile struct {
	Name, Type string
	Content    io.Reader
}

// The kinds of events in the rooms of a Livechat. Thread is the room.
const (
	EventTaken       EventKind = "taken"       // User serves the customer from now on
	EventTransferred EventKind = "transferred" // to somebody else; Text says to whom or what
	EventHold        EventKind = "hold"        // User has put the conversation on hold
	EventClosed      EventKind = "closed"      // User closed it; Text is their comment
)

// The kinds of the outbox's actions in a Livechat.
const (
	KindEnter  = "livechat.enter"  // payload [Enter], result [Entered]
	KindTell   = "livechat.tell"   // payload [Tell], result [PostResult]
	KindRetell = "livechat.retell" // payload [Retell]
	KindUntell = "livechat.untell" // payload [Untell]
	KindLeave  = "livechat.leave"  // payload [Leave]
)

// Enter brings a customer into a room.
type Enter struct {
	Platform string  `json:"platform"`
	Visitor  Visitor `json:"visitor"`
}

// Tell writes what a customer said into the room that the action RoomOf made.
// A file is at URL, as what brought it named it.
type Tell struct {
	Platform string    `json:"platform"`
	Visitor  Visitor   `json:"visitor"`
	RoomOf   string    `json:"room_of"` // the key of the livechat.enter action
	Text     string    `json:"text,omitempty"`
	At       time.Time `json:"at"`

	Account string `json:"account,omitempty"` // the X account that can read URL
	URL     string `json:"url,omitempty"`
	Name    string `json:"name,omitempty"`
	Type    string `json:"type,omitempty"`
	Most    int64  `json:"most,omitempty"` // bytes; a longer file is refused
}

// Retell changes what the action TellOf wrote.
type Retell struct {
	Visitor Visitor `json:"visitor"`
	RoomOf  string  `json:"room_of"`
	TellOf  string  `json:"tell_of"`
	Text    string  `json:"text"`
}

// Untell takes back what the action TellOf wrote.
type Untell struct {
	Visitor Visitor `json:"visitor"`
	TellOf  string  `json:"tell_of"`
}

// Leave closes a room.
type Leave struct {
	Room MessageRef `json:"room"`
	Why  string     `json:"why,omitempty"`
}
