package slack_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/perch-chat/perch/bot"
	"github.com/perch-chat/perch/bot/slack/slackfake"
)

func (k *kept) gapsSoFar() []bot.Event {
	k.mu.Lock()
	defer k.mu.Unlock()
	return append([]bot.Event(nil), k.gaps...)
}

func TestGapsAreTold(t *testing.T) {
	w := newWorkspace(t, slackfake.Options{})
	a, sink := w.adapter(t), &kept{}
	stop := start(t, w, a, sink)
	defer stop()
	await(t, w, "gap of the start", func() bool { return len(sink.gapsSoFar()) == 1 })
	if g := sink.gapsSoFar()[0]; g.Platform != "slack" || !g.Since.IsZero() || g.At.IsZero() || g.ID == "" {
		t.Errorf("the gap of the start is %+v", g)
	}

	// While one socket is open, nothing is missed.
	for range 2 {
		old := w.Connections()[0]
		before := w.Opens()
		w.Drop(old)
		await(t, w, "new socket", func() bool { return w.Opens() > before && len(w.Connections()) == 2 && a.Stats().Sockets == 2 })
	}
	old := w.Rotate(0)
	await(t, w, "rotation", func() bool { c := w.Connections(); return len(c) == 2 && c[0] != old[0] && a.Stats().Sockets == 2 })
	if n := len(sink.gapsSoFar()); n != 1 {
		t.Errorf("%d gaps while a socket was open", n-1)
	}

	heard := a.Stats().LastSeen
	w.FailOpens(2)
	w.Drop()
	await(t, w, "gap", func() bool { return len(sink.gapsSoFar()) == 2 })
	first, g := sink.gapsSoFar()[0], sink.gapsSoFar()[1]
	if g.ID == first.ID || g.Since.Before(heard) || !g.Since.Before(g.At) {
		t.Errorf("the gap is %+v, want one since %v or later with an ID of its own", g, heard)
	}
	await(t, w, "two connections", func() bool { return len(w.Connections()) == 2 })
	if n := len(sink.gapsSoFar()); n != 2 {
		t.Errorf("%d gaps were told for one", n-1)
	}
}

// stubborn refuses a few times and then stores.
type stubborn struct {
	kept
	left sync.Mutex
	n    int
}

func (s *stubborn) Deliver(ctx context.Context, ev bot.Event) error {
	s.left.Lock()
	s.n--
	no := s.n >= 0
	s.left.Unlock()
	if no {
		return errors.New("not stored")
	}
	return s.kept.Deliver(ctx, ev)
}

func TestAGapIsToldUntilItIsStored(t *testing.T) {
	w := newWorkspace(t, slackfake.Options{})
	sink := &stubborn{n: 4}
	a := w.adapter(t)
	stop := start(t, w, a, sink)
	defer stop()
	await(t, w, "gap", func() bool { return len(sink.gapsSoFar()) == 1 })
}

func TestWhatCanNotBeReadIsKeptWithinBounds(t *testing.T) {
	w := newWorkspace(t, slackfake.Options{})
	a, sink := w.adapter(t), &kept{}
	stop := start(t, w, a, sink)
	defer stop()
	d := w.SendEvent(map[string]any{"type": "message", "channel": w.channel, "ts": 17, "text": strings.Repeat("<&é", 60_000)})
	await(t, w, "acknowledgement", func() bool { return len(w.Unacked()) == 0 })
	w.Redeliver(d)
	await(t, w, "both", func() bool { return a.Stats().Undecoded == 2 && a.Stats().Acked == 2 })
	sink.mu.Lock()
	defer sink.mu.Unlock()
	if len(sink.unread) != 2 || sink.unread[0].ID != sink.unread[1].ID || sink.unread[0].Platform != "slack" {
		t.Fatalf("told of %d, want the same twice", len(sink.unread))
	}
	if n := len(sink.unread[0].Raw); n == 0 || n > 64<<10 {
		t.Errorf("%d bytes were kept", n)
	}
	if at := time.Since(sink.unread[0].At); at < 0 || at > time.Minute {
		t.Errorf("at %v", sink.unread[0].At)
	}
}
