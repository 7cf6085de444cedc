package bot

import "context"

// Rereader is a Historian that also tells what became of messages. Reread reads
// what h asks for. Besides what History tells it tells of known messages that
// are gone, without a User where the chat doesn't say who did it, and which
// reactions stand on messages, as EventReactions behind all else.
type Rereader interface {
	Reread(ctx context.Context, h History, limit int) ([]Event, error)
}

// EventReactions tells which reactions of people stand on a message now. It was
// asked for, and nobody knows when they were set. At is when the message was written.
const EventReactions EventKind = "reactions"

// Reaction is a person's reaction.
type Reaction struct {
	User  User   `json:"user"`
	Emoji string `json:"emoji"`
}
