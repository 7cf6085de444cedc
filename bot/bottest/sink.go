package bottest

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"

	"github.com/perch-chat/perch/bot"
)

// errRefused is what a sink says that can't store an event now.
var errRefused = errors.New("bottest: not stored")

// sink remembers every delivery. It refuses as many as it is told to.
type sink struct {
	mu     sync.Mutex
	refuse int
	all    []bot.Event // every delivery
	stored []bot.Event // what was acknowledged, an ID once
	again  int         // deliveries of an event that was already stored
}

func newSink() *sink { return &sink{} }

// Deliver takes an event, or refuses it.
func (s *sink) Deliver(_ context.Context, ev bot.Event) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.all = append(s.all, ev)
	if s.refuse > 0 && ev.Kind != bot.EventJoined && ev.Kind != bot.EventGap {
		s.refuse--
		return errRefused
	}
	if slices.ContainsFunc(s.stored, func(x bot.Event) bool { return x.ID == ev.ID }) {
		s.again++
		return nil
	}
	s.stored = append(s.stored, ev)
	return nil
}

func (s *sink) refuseNext(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.refuse = n
}

// events are the stored events of a kind.
func (s *sink) events(kind bot.EventKind) []bot.Event {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []bot.Event
	for _, e := range s.stored {
		if e.Kind == kind {
			out = append(out, e)
		}
	}
	return out
}

// deliveries counts how often an event was delivered.
func (s *sink) deliveries(id string) (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, e := range s.all {
		if e.ID == id {
			n++
		}
	}
	return n
}

// wait returns the first stored event of the kind for which ok is true, and
// checks what every event has.
func (c *chat) wait(t *testing.T, kind bot.EventKind, who bot.UserRef, ok func(bot.Event) bool) bot.Event {
	t.Helper()
	var got bot.Event
	if !wait(t, func() bool {
		for _, e := range c.sink.events(kind) {
			if ok(e) {
				got = e
				return true
			}
		}
		return false
	}) {
		c.sink.mu.Lock()
		defer c.sink.mu.Unlock()
		t.Fatalf("no such %s event; delivered: %+v", kind, c.sink.all)
	}
	if got.ID == "" || got.Platform != c.Platform.Name() || got.User.Ref != who || got.Channel != c.Channel || got.At.IsZero() {
		t.Errorf("event %+v, want an id, a time, platform %q, user %q, channel %q", got, c.Platform.Name(), who, c.Channel)
	}
	return got
}
