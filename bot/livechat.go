package bot

import (
	"context"
	"strings"
	"time"
)

// Livechat is a chat with a customer service of its own: queue, routing,
// departments and agents are its, and Perch is one of the ways by which
// customers come to it. A conversation is a room there, whose ref stands where a
// thread's does. In such a thread a message with an Author is the customer's
// own, of whom Post, Edit and Delete speak then, and all else is the bot's word
// to the agents. Errors are a *[Error] wherever the chat gave a definite answer;
// that of nobody being there has the code "no_agent" and is Temporary.
type Livechat interface {
	// Enter makes sure that a customer has an open room and returns it. It may be
	// called again: it returns the same room until that is closed. The calls for
	// one customer are made one after the other.
	Enter(ctx context.Context, v Visitor) (Entered, error)

	// Leave closes a room. One that is closed already is no error.
	Leave(ctx context.Context, room MessageRef, why string) error

	// Serves reports whether a department would be served now; an empty one
	// means the chat's own choice.
	Serves(ctx context.Context, department string) (bool, error)
}

// Typer shows the agents in a room of a [Livechat] that the customer writes. It
// is worth one try: nobody misses it.
type Typer interface {
	Typing(ctx context.Context, room MessageRef, name string) error
}

// Visitor is a customer, as a customer service knows them. It is stored as
// JSON: fields are added, never renamed.
type Visitor struct {
	Key        string `json:"key"` // always the same for the same customer of the same account; never shown
	Name       string `json:"name"`
	Handle     string `json:"handle,omitempty"`
	Department string `json:"department,omitempty"` // an ID or a name; empty: the chat's own choice
	Account    string `json:"account,omitempty"`    // the handle of ours to which they wrote, where there are several

	// Since is since when they are to be brought in: nobody may have heard the
	// answer to a call for it that was made from then on.
	Since time.Time `json:"since,omitzero"`
}

// Entered is where a customer is.
type Entered struct {
	Ref   MessageRef `json:"ref"`             // the room
	Fresh bool       `json:"fresh,omitempty"` // it was made by this call

	// Stray are other rooms of theirs that calls may have made whose answers
	// nobody heard. Agents may have answered there, and closed them.
	Stray []MessageRef `json:"stray,omitempty"`

	Served   bool `json:"served,omitempty"`   // an agent serves them already
	Unserved bool `json:"unserved,omitempty"` // nobody is there who could
}

// The kinds of events in the rooms of a Livechat. Thread is the room.
const (
	EventTaken       EventKind = "taken"       // User serves the customer from now on
	EventTransferred EventKind = "transferred" // User serves the customer no more; Text says to whom or what it was handed on, if to any
	EventHold        EventKind = "hold"        // User has put the conversation on hold
	EventClosed      EventKind = "closed"      // User closed it; Text is their comment
)

// The kinds of the outbox's actions in a Livechat.
const (
	KindEnter = "livechat.enter" // payload [Enter], result [Entered]
	KindLeave = "livechat.leave" // payload [Leave]
	KindServe = "livechat.serve" // payload [Serve], result [Served]
)

// Enter brings a customer into a room. Its key stands where that of a thread's
// first message does.
type Enter struct {
	Platform string  `json:"platform"`
	Visitor  Visitor `json:"visitor"`
}

// Leave closes a room.
type Leave struct {
	Room MessageRef `json:"room"`
	Why  string     `json:"why,omitempty"`
	By   User       `json:"by,omitzero"` // who asked for it
}

// Serve asks whether a department would be served now.
type Serve struct {
	Platform   string `json:"platform"`
	Department string `json:"department,omitempty"`
}

// Served is the answer.
type Served struct {
	Served bool `json:"served"`
}

// liveMark is what the ref of a department of a [Livechat] has in place of a
// channel's ID.
const liveMark = "omnichannel"

// LiveDepartment reads the channel of a department whose customers a [Livechat]
// serves: "rocketchat:omnichannel", which leaves the choice to the chat, or
// "rocketchat:omnichannel:Sales", a department of the chat's by ID or name.
func LiveDepartment(ch ChannelRef) (platform, department string, ok bool) {
	platform, rest, _ := strings.Cut(string(ch), ":")
	mark, department, named := strings.Cut(rest, ":")
	ok = platform != "" && mark == liveMark && (!named || department != "")
	if !ok {
		return "", "", false
	}
	return platform, department, true
}

// CodeNoAgent is the code of nobody being there who could serve a customer.
const CodeNoAgent = "no_agent"

// CodeSetUp is the code of customers not let in for a reason that is none of
// theirs: somebody has to change how the chat, or the bot's user in it, is set up.
const CodeSetUp = "set_up"

// LiveChannel is the channel that [LiveDepartment] reads.
func LiveChannel(platform, department string) ChannelRef {
	ref := platform + ":" + liveMark
	if department != "" {
		ref += ":" + department
	}
	return ChannelRef(ref)
}

// LiveLane begins the outbox's lanes of those who are to be let into a
// department's rooms: the department's channel is behind it. A lane is held
// while nobody is there.
const LiveLane = "livechat:"
