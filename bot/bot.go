// Package bot is the chat port: what Perch asks of a chat (Slack,
// Rocket.Chat, the built-in web chat) and what a chat tells Perch, in words
// that belong to none of them. It is a leaf: types and contracts only.
package bot

import (
	"context"
	"errors"
)

// Refs are opaque outside of the adapter that made them. They are stored, so
// an adapter keeps understanding the refs it once gave out. Each begins with
// the platform's name and a colon.
type (
	// UserRef names a person of one chat.
	UserRef string

	// ChannelRef names a channel, group or direct conversation.
	ChannelRef string

	// MessageRef names one message. As a thread it names the thread's first message.
	MessageRef string
)

// Platform is a chat. Its methods are safe for concurrent use.
type Platform interface {
	// Name is the platform's name, "slack", "rocketchat" or "webchat": the first part of its refs.
	Name() string

	// Run connects, reconnects and delivers events to sink until ctx ends. It
	// returns early only with an error that trying again can't cure. An
	// event is acknowledged to the chat once sink.Deliver returned nil.
	Run(ctx context.Context, sink Sink) error

	// Post sends a message. Its error is a *[Error] wherever the outcome is
	// known; any other error means that nobody knows if it was sent.
	Post(ctx context.Context, m Message) (MessageRef, error)
}

// The abilities below are optional and found by type assertion.
type (
	// Editor changes and deletes the bot's own messages. One that a single
	// person sees is changed with the Respond of what they did with it; where
	// the chat lets nobody change it any more, m is shown to m.Only anew.
	Editor interface {
		Edit(ctx context.Context, ref MessageRef, m Message) error
		Delete(ctx context.Context, ref MessageRef) error
	}

	// Reactor sets and removes the bot's reactions. Setting one twice, or
	// removing a missing one, is not an error. Emoji are names without colons.
	Reactor interface {
		React(ctx context.Context, ref MessageRef, emoji string, on bool) error
	}

	// Opener shows a form to the person whose click or command gave the trigger.
	Opener interface {
		Open(ctx context.Context, trigger string, f Form) error
	}

	// Finder looks up a message by the Key it was posted with, for outcomes
	// that nobody knows. It returns ErrNotFound if the chat surely has none.
	Finder interface {
		FindMessage(ctx context.Context, m Message) (MessageRef, error)
	}

	// Channeler finds or makes a channel by name and lets the bot join it. It
	// may be called again with the same name: it returns the same channel.
	Channeler interface {
		EnsureChannel(ctx context.Context, name, purpose string, private bool) (ChannelRef, error)
	}

	// Linker gives the address at which a person opens a message.
	Linker interface {
		Permalink(ctx context.Context, ref MessageRef) (string, error)
	}
)

// Sink takes events in.
type Sink interface {
	// Deliver returns nil once the event is stored; only then may the adapter
	// acknowledge it. It handles nothing. An event delivered twice is stored once.
	Deliver(ctx context.Context, ev Event) error
}

// BatchSink is a Sink that stores several events for what it costs to store one.
// An adapter that reads what it missed hands it over so.
type BatchSink interface {
	Sink
	// DeliverAll is Deliver of several events, in their order: all of them are
	// stored, or none.
	DeliverAll(ctx context.Context, evs []Event) error
}

// ErrNotFound is returned by a Finder whose chat has no such message.
var ErrNotFound = errors.New("bot: message not found")

// Error is a chat's definite answer that the call had no effect.
type Error struct {
	Code       string // the chat's own word for it, such as "channel_not_found"
	Message    string // a sentence for people that says what to do next
	Temporary  bool   // trying again later can help
	RetryAfter int    // seconds to wait first, 0 if the chat gave none
	Err        error
}

func (e *Error) Error() string {
	if e.Err != nil {
		return "chat: " + e.Code + ": " + e.Err.Error()
	}
	return "chat: " + e.Code
}

// Unwrap returns the error beneath.
func (e *Error) Unwrap() error { return e.Err }
