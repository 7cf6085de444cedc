package bot

import (
	"context"
	"io"
	"time"
)

// GroupRef names a group of people that a chat keeps, such as a Slack user group.
type GroupRef string

// More abilities, optional and found by type assertion like those of bot.go.
// Their errors are a *[Error] wherever the chat gave a definite answer.
type (
	// Pinner pins a message to its channel, or takes the pin away. Pinning
	// what is pinned, or the opposite, is not an error.
	Pinner interface {
		Pin(ctx context.Context, ref MessageRef, on bool) error
	}

	// Homer shows a person their own page of the bot. The page is a message
	// without channel; the newest replaces the one before.
	Homer interface {
		ShowHome(ctx context.Context, user UserRef, page Message) error
	}

	// Grouper lists the members of a group. An unknown group is a *[Error].
	Grouper interface {
		Members(ctx context.Context, group GroupRef) ([]User, error)
	}

	// Directory tells who a person is.
	Directory interface {
		Person(ctx context.Context, user UserRef) (User, error)
	}

	// Namer finds a person by the name that people sign in with. An unknown one
	// is a *[Error].
	Namer interface {
		PersonNamed(ctx context.Context, name string) (User, error)
	}

	// Inspector tells what a channel is.
	Inspector interface {
		Inspect(ctx context.Context, channel ChannelRef) (Channel, error)
	}

	// Inviter brings people into a channel. Those who are there already are no
	// error; an error names who could not be brought in.
	Inviter interface {
		Invite(ctx context.Context, channel ChannelRef, users []UserRef) error
	}

	// Archiver closes a channel for good, with all that was said in it kept.
	// One that is closed already is no error.
	Archiver interface {
		Archive(ctx context.Context, channel ChannelRef) error
	}

	// Reader reads a message as it is now: an EventMessage without Trigger and
	// Respond. It returns ErrNotFound if the message is gone. Somebody who is
	// not one of the team's people (a bot, a guest of another company) is read
	// too: the event's User.Ref is empty then.
	Reader interface {
		ReadMessage(ctx context.Context, ref MessageRef) (Event, error)
	}

	// Historian reads what people wrote in a thread after a time, oldest first,
	// up to a limit. The events have the IDs that they would have had, had
	// they been delivered: to store one that came already changes nothing.
	// Edits made since are told as EventMessageEdited, behind their message.
	Historian interface {
		History(ctx context.Context, thread MessageRef, after time.Time, limit int) ([]Event, error)
	}

	// Filer moves files. Download returns the bytes of a file that an event
	// brought, up to limit bytes (a longer one is a *[Error] with the code
	// "file_too_large"); the caller closes it. Upload posts a file.
	Filer interface {
		Download(ctx context.Context, f File, limit int64) (io.ReadCloser, error)
		Upload(ctx context.Context, u Upload) (MessageRef, error)
	}

	// Pacer is a chat that takes only so much at a time. Lanes names the queues
	// that an action of a kind waits in which is about ref: what goes into one
	// queue counts together. On tells kinds apart that set and take back. Left
	// says how many more calls the chat takes in a queue now and, if none,
	// when it takes the next; a zero time means that no limit is known. Both
	// call nobody.
	Pacer interface {
		Lanes(kind, ref string, on bool) []string
		Left(lane string) (n int, next time.Time)
	}

	// Stager is a Filer whose uploads have two steps, so that one whose outcome
	// nobody knows is not shown twice. Stage brings the bytes to the chat, where
	// nobody sees them yet, and returns the chat's id of the file. Share shows
	// that file as u says, whose Content it does not read; called again with
	// the same id it shows nothing more. The message may be unknown (empty)
	// where the chat tells of it later.
	Stager interface {
		Filer
		Stage(ctx context.Context, u Upload) (fileID string, err error)
		Share(ctx context.Context, u Upload, fileID string) (MessageRef, error)
	}
)

// Channel is what is known of a channel.
type Channel struct {
	Ref      ChannelRef `json:"ref"`
	Name     string     `json:"name"`
	Private  bool       `json:"private"`            // only those who were invited read it
	Shared   bool       `json:"shared,omitempty"`   // people of other companies are in it
	Member   bool       `json:"member"`             // the bot is in it
	Archived bool       `json:"archived,omitempty"` // nobody can write any more
	Direct   bool       `json:"direct,omitempty"`   // between one person and the bot
}

// Upload is a file to post. Content is read once.
type Upload struct {
	Channel ChannelRef
	Thread  MessageRef // of that channel; empty: not in a thread
	Name    string
	Type    string  // media type
	Size    int64   // bytes
	Alt     string  // what it shows, for those who can't see it
	Text    string  // said with it, plain words
	Author  *Author // shown as the sender where the chat can do that
	Key     string  // always the same for the same file; by it a repeat finds the one that is there
	Content io.Reader
}

// PermalinkOf gives the address of a message, or nothing where the chat has none.
func PermalinkOf(ctx context.Context, p Platform, ref MessageRef) string {
	l, ok := p.(Linker)
	if !ok {
		return ""
	}
	s, err := l.Permalink(ctx, ref)
	if err != nil {
		return ""
	}
	return s
}
