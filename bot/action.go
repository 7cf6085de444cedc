package bot

import (
	"strings"
	"time"
)

// The kinds of the outbox's actions in a chat. The platform is the one whose
// name begins the ref.
const (
	KindPost    = "chat.post"    // payload [Post], result [PostResult]
	KindEdit    = "chat.edit"    // payload [Edit]
	KindDelete  = "chat.delete"  // payload [Delete]
	KindReact   = "chat.react"   // payload [React]
	KindOpen    = "chat.open"    // payload [Open]
	KindChannel = "chat.channel" // payload [EnsureChannel], result [ChannelResult]
	KindPin     = "chat.pin"     // payload [Pin]
	KindHome    = "chat.home"    // payload [Home]
	KindRead    = "chat.read"    // payload [Read], result [ReadResult]
	KindHistory = "chat.history" // payload [History], result [HistoryResult]
	KindMembers = "chat.members" // payload [Members], result [MembersResult]
	KindPerson  = "chat.person"  // payload [Person], result [User]
	KindInspect = "chat.inspect" // payload [Inspect], result [Channel]
	KindInvite  = "chat.invite"  // payload [Invite]
	KindArchive = "chat.archive" // payload [Archive]
	KindUpload  = "chat.upload"  // payload [UploadFile], result [PostResult]
)

// Post sends a message.
type Post struct {
	Message Message `json:"message"`

	// ThreadOf is the key of the chat.post action whose message is the thread's
	// first; it is looked up when the action is carried out.
	ThreadOf string `json:"thread_of,omitempty"`
}

// PostResult is where the message now is.
type PostResult struct {
	Ref MessageRef `json:"ref"`
}

// Edit replaces a message. RefOf is the key of the chat.post action that sent
// it, for a message whose ref was not known yet.
type Edit struct {
	Ref     MessageRef `json:"ref,omitempty"`
	RefOf   string     `json:"ref_of,omitempty"`
	Message Message    `json:"message"`
}

// Delete deletes a message of the bot.
type Delete struct {
	Ref   MessageRef `json:"ref,omitempty"`
	RefOf string     `json:"ref_of,omitempty"`
}

// React sets or removes a reaction of the bot.
type React struct {
	Ref   MessageRef `json:"ref,omitempty"`
	RefOf string     `json:"ref_of,omitempty"`
	Emoji string     `json:"emoji"`
	On    bool       `json:"on"`
}

// Open shows a form to the person whose trigger it is.
type Open struct {
	Platform string `json:"platform"`
	Trigger  string `json:"trigger"`
	Form     Form   `json:"form"`

	// Only is the person, and Respond their event's Respond: they are told if
	// the form could not be shown.
	Only    UserRef `json:"only,omitempty"`
	Respond string  `json:"respond,omitempty"`
}

// EnsureChannel finds or makes a channel. Its Platform is that of another
// channel beside which it is to be: see [PlatformOf].
type EnsureChannel struct {
	Platform string `json:"platform"`
	Name     string `json:"name"`
	Purpose  string `json:"purpose,omitempty"`
	Private  bool   `json:"private,omitempty"`
}

// PlatformOf is the platform that a channel is in, with the workspace where the
// platform has several: "slack" or "slack:T012AB3CD".
func PlatformOf(ch ChannelRef) string {
	return string(ch[:max(strings.LastIndexByte(string(ch), ':'), 0)])
}

// ChannelResult is the channel.
type ChannelResult struct {
	Ref ChannelRef `json:"ref"`
}

// Pin pins a message, or takes the pin away.
type Pin struct {
	Ref   MessageRef `json:"ref,omitempty"`
	RefOf string     `json:"ref_of,omitempty"` // the key of the chat.post action that sent it
	On    bool       `json:"on"`
}

// Home shows a person their page of the bot.
type Home struct {
	User UserRef `json:"user"`
	Page Message `json:"page"`
}

// Read reads a message as it is now.
type Read struct {
	Ref MessageRef `json:"ref"`
}

// ReadResult is a message as it was when it was read. Gone says that there is
// none any more.
type ReadResult struct {
	Event     Event  `json:"event"`
	Permalink string `json:"permalink,omitempty"`
	Gone      bool   `json:"gone,omitempty"`
}

// History reads what people wrote in a thread after a time, and hands it to
// the inbox like anything else that came in.
type History struct {
	Thread MessageRef `json:"thread"`
	After  time.Time  `json:"after"`

	// Where the chat is a [Rereader]:
	Channel ChannelRef   `json:"channel,omitempty"` // in place of a thread: what stands in the channel itself
	Known   []MessageRef `json:"known,omitempty"`   // it is told which of them are gone
	Marked  []MessageRef `json:"marked,omitempty"`  // it is told if no reaction is on them any more
	Changes bool         `json:"changes,omitempty"` // what was written is not wanted, only what became of it
}

// HistoryResult says how much was read and how much of it was new.
type HistoryResult struct {
	Read int `json:"read"`
	New  int `json:"new"`
}

// Members lists a group's members.
type Members struct {
	Group GroupRef `json:"group"`
}

// MembersResult is who is in a group.
type MembersResult struct {
	Users []User `json:"users"`
}

// Person looks a person up.
type Person struct {
	User UserRef `json:"user"`
}

// Inspect asks what a channel is.
type Inspect struct {
	Channel ChannelRef `json:"channel"`
}

// Invite brings people into a channel. ChannelOf is the key of the
// chat.channel action that made it, for one whose ref was not known yet.
type Invite struct {
	Channel   ChannelRef `json:"channel,omitempty"`
	ChannelOf string     `json:"channel_of,omitempty"`
	Users     []UserRef  `json:"users"`
}

// Archive closes a channel.
type Archive struct {
	Channel ChannelRef `json:"channel"`
}

// UploadFile posts a file that is at URL, as what brought it named it: an
// attachment of a customer's message, say. Where the chat can't take it, the
// action fails and its Failure says why.
type UploadFile struct {
	Channel  ChannelRef `json:"channel"`
	Thread   MessageRef `json:"thread,omitempty"`
	ThreadOf string     `json:"thread_of,omitempty"`
	Account  string     `json:"account,omitempty"` // the X account that can read URL
	URL      string     `json:"url"`
	Name     string     `json:"name,omitempty"`
	Type     string     `json:"type,omitempty"`
	Size     int64      `json:"size,omitempty"`  // bytes, 0 if it is not known
	Most     int64      `json:"most,omitempty"`  // bytes; a longer file is refused
	Types    []string   `json:"types,omitempty"` // media types that are taken, "image/*"; none means all that are safe
	Text     string     `json:"text,omitempty"`
	Alt      string     `json:"alt,omitempty"`    // what it shows, for those who can't see it
	Author   *Author    `json:"author,omitempty"` // as in Upload

	// Key is always the same for the same file, whichever action shows it.
	Key string `json:"key,omitempty"`

	// Once: others wait behind it, so there is one short try. Where another
	// could help, the action fails with the code [FailureLater].
	Once bool `json:"once,omitempty"`
}

// FailureLater is the code of a failure after which another try may well succeed.
const FailureLater = "later"
