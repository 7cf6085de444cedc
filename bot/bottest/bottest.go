// Package bottest is the one conformance suite that every chat adapter passes.
// An adapter's test opens its chat (a fake that speaks the chat's real
// protocol) and says how people act in it and what they see; the suite does
// the rest. It never looks inside of an adapter, and a difference between two
// chats is an answer of the harness, logged where it leaves a case out.
package bottest

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/perch-chat/perch/bot"
)

// Harness is one chat with an adapter that is not running yet. A func that is
// nil is something that the chat can't do; cases that need it are skipped.
type Harness struct {
	Platform bot.Platform
	Channel  bot.ChannelRef // where bot and people are
	People   [2]bot.UserRef // two of them, both in the channel

	NoChannel bot.ChannelRef // well formed, but there is none
	NoMessage bot.MessageRef

	// Idempotent: a second Post with the same Key sends nothing and returns the same ref.
	Idempotent bool

	// Alone: what one person sees comes to them in a room of their own, not in
	// the thread that it is about.
	Alone bool

	// The bot's handle, with which a message that mentions it begins.
	Handle string

	// What a person does. It returns once the chat has taken it, which may be
	// before the adapter has; an event that the adapter refused is no error.
	Say     func(ctx context.Context, who bot.UserRef, thread bot.MessageRef, text string) (bot.MessageRef, error)
	Command func(ctx context.Context, who bot.UserRef, thread bot.MessageRef, text string) error
	Press   func(ctx context.Context, who bot.UserRef, message bot.MessageRef, button string) error
	Change  func(ctx context.Context, who bot.UserRef, message bot.MessageRef, text string) error
	Remove  func(ctx context.Context, who bot.UserRef, message bot.MessageRef) error
	React   func(ctx context.Context, who bot.UserRef, message bot.MessageRef, emoji string, on bool) error
	Submit  func(ctx context.Context, who bot.UserRef, fields map[string]string) error

	// Look is what a person sees in a channel, threads too, oldest first.
	Look func(ctx context.Context, who bot.UserRef, channel bot.ChannelRef) ([]Seen, error)

	// Attach is a person who writes with a file. Files are those shown with a message.
	Attach func(ctx context.Context, who bot.UserRef, thread bot.MessageRef, text, name string, data []byte) (bot.MessageRef, error)
	Files  func(ctx context.Context, message bot.MessageRef) ([]SeenFile, error)

	Names  [2]string // what the two people are called
	Group  bot.GroupRef
	NoUser bot.UserRef // well formed, but there is none

	// Pinned are the messages that are pinned to a channel, Home the bot's page
	// that a person sees, Inside whether somebody is in a channel.
	Pinned func(ctx context.Context, channel bot.ChannelRef) ([]bot.MessageRef, error)
	Home   func(ctx context.Context, who bot.UserRef) (*Seen, error)
	Inside func(ctx context.Context, who bot.UserRef, channel bot.ChannelRef) (bool, error)

	// Topic is what people read at the head of a channel.
	Topic func(ctx context.Context, channel bot.ChannelRef) (string, error)

	// LookForm is the form that a person has open, nil if none.
	LookForm func(ctx context.Context, who bot.UserRef) (*SeenForm, error)

	// Redeliver makes the chat deliver its last event once more, as it would if
	// the acknowledgement had been lost.
	Redeliver func(ctx context.Context) error

	// Cut ends the connection on which the adapter hears the chat, does something
	// that nobody hears, and lets the adapter connect again.
	Cut func(ctx context.Context, unheard func() error) error

	// Stall makes the chat take calls and not answer them, until it is told otherwise.
	Stall func(on bool)

	// Restart ends the adapter and makes another on the same chat.
	Restart func(ctx context.Context) (bot.Platform, error)
}

// Seen is a message as a person sees it: what the chat's own clients would
// draw, after everything that the chat's format means was interpreted.
type Seen struct {
	Ref       bot.MessageRef
	Thread    bot.MessageRef // the thread's first message, empty for one that is none's answer
	Author    string         // the name shown
	Text      string         // all text that is shown, blocks too
	Buttons   []bot.Button   // ID, Label, Value and URL
	Links     []string       // addresses that a click leads to, buttons' not included
	Mentions  []string       // whoever is notified, "@all" and the like too
	Styled    []string       // runs in bold, italics, code or strike
	Reactions []string
	Only      bool // nobody else sees it
}

// SeenFile is a file as a person gets it.
type SeenFile struct {
	Name string
	Alt  string
	Data []byte
}

// SeenForm is an open form as a person sees it.
type SeenForm struct {
	Title  string
	Labels []string
}

// patience is how long something may take that has no reason to.
const patience = 10 * time.Second

// Run runs the suite. open returns a fresh chat each time.
func Run(t *testing.T, open func(t *testing.T) *Harness) {
	t.Helper()
	for _, c := range []struct {
		name string
		run  func(t *testing.T, c *chat)
	}{
		{"name and refs", testRefs},
		{"post is seen by everybody", testPost},
		{"a key posts once or is found", testKey},
		{"threads", testThreads},
		{"edit in place", testEdit},
		{"delete", testDelete},
		{"reactions", testReactions},
		{"nothing is markup", testEscaping},
		{"styles, links and mentions are what was asked for", testSpans},
		{"only one person sees it", testOnly},
		{"an answer takes the place of a private question", testReplace},
		{"buttons", testButtons},
		{"definite errors", testErrors},
		{"cancelled before the call", testCancelled},
		{"cancelled during the call", testStalled},
		{"channels", testChannels},
		{"permalinks", testPermalink},
		{"many at once", testConcurrent},
		{"long messages are shown whole", testLong},
		{"what people do arrives", testEvents},
		{"commands and mentions", testCommands},
		{"forms", testForms},
		{"refused events come again", testRefused},
		{"a repeated delivery keeps its id", testRedelivered},
		{"events from before the start", testLate},
		{"what nobody heard is not lost", testGap},
		{"run ends with its context", testRunEnds},
		{"refs survive a restart", testRestart},
		{"pins", testPins},
		{"a page of one's own", testHome},
		{"people and groups", testPeople},
		{"what a channel is", testInspect},
		{"invite and archive", testInvite},
		{"a topic", testTopic},
		{"read a message as it is", testRead},
		{"what was said in a thread", testHistory},
		{"what became of messages", testReread},
		{"files from people", testDownload},
		{"files from the bot", testUpload},
	} {
		t.Run(c.name, func(t *testing.T) { c.run(t, &chat{Harness: open(t), sink: newSink()}) })
	}
}

// chat is a harness in the course of one case.
type chat struct {
	*Harness
	sink *sink
	stop func()
}

// start runs the adapter until the case ends.
func (c *chat) start(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	p := c.Platform
	go func() { ended <- p.Run(ctx, c.sink) }()
	stopped := false
	c.stop = func() {
		if stopped {
			return
		}
		stopped = true
		cancel()
		select {
		case err := <-ended:
			if err != nil && !errors.Is(err, context.Canceled) {
				t.Errorf("Run ended with its context: %v, want nil", err)
			}
		case <-time.After(patience):
			t.Errorf("Run has not returned %v after its context ended", patience)
		}
	}
	t.Cleanup(c.stop)
}

// need skips the case if the harness can't do something.
func need(t *testing.T, what string, can bool) {
	t.Helper()
	if !can {
		t.Skipf("left out: this chat has no %s", what)
	}
}

// ability returns the platform as an optional interface, or skips the case.
func ability[T any](t *testing.T, c *chat) T {
	t.Helper()
	v, ok := c.Platform.(T)
	if !ok {
		t.Skipf("left out: %s is no %T", c.Platform.Name(), new(T))
	}
	return v
}

func (c *chat) post(t *testing.T, m bot.Message) bot.MessageRef {
	t.Helper()
	if m.Channel == "" {
		m.Channel = c.Channel
	}
	ref, err := c.Platform.Post(t.Context(), m)
	if err != nil {
		t.Fatalf("Post(%+v): %v", m, err)
	}
	return ref
}

func (c *chat) look(t *testing.T, who bot.UserRef) []Seen {
	t.Helper()
	seen, err := c.Look(t.Context(), who, c.Channel)
	if err != nil {
		t.Fatalf("look: %v", err)
	}
	return seen
}

// see waits until who sees the message and it is as ok wants it.
func (c *chat) see(t *testing.T, who bot.UserRef, ref bot.MessageRef, what string, ok func(Seen) bool) Seen {
	t.Helper()
	var last []Seen
	var found Seen
	if !wait(t, func() bool {
		last = c.look(t, who)
		for _, s := range last {
			if s.Ref == ref && ok(s) {
				found = s
				return true
			}
		}
		return false
	}) {
		t.Fatalf("%s does not see %s (%s); sees %+v", who, ref, what, last)
	}
	return found
}

// gone waits until who does not see the message.
func (c *chat) gone(t *testing.T, who bot.UserRef, ref bot.MessageRef) {
	t.Helper()
	if !wait(t, func() bool { return count(c.look(t, who), ref) == 0 }) {
		t.Fatalf("%s still sees %s", who, ref)
	}
}

func count(seen []Seen, ref bot.MessageRef) (n int) {
	for _, s := range seen {
		if s.Ref == ref {
			n++
		}
	}
	return n
}

func anything(Seen) bool { return true }

// wait asks until the answer is yes, or patience ends.
func wait(t *testing.T, yes func() bool) bool {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	end := time.After(patience)
	for {
		if yes() {
			return true
		}
		select {
		case <-tick.C:
		case <-end:
			return yes()
		}
	}
}

// definite fails unless err says that the call surely had no effect.
func definite(t *testing.T, what string, err error) {
	t.Helper()
	e, ok := errors.AsType[*bot.Error](err)
	if !ok {
		t.Errorf("%s: error %v (%T), want a *bot.Error", what, err, err)
		return
	}
	if e.Code == "" || e.Message == "" {
		t.Errorf("%s: %+v lacks its code or its sentence", what, e)
	}
}

// code is the chat's word for an error.
func code(err error) string {
	if e, ok := errors.AsType[*bot.Error](err); ok {
		return e.Code
	}
	return ""
}
