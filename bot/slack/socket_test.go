package slack_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/perch-chat/perch/bot"
	"github.com/perch-chat/perch/bot/slack"
	"github.com/perch-chat/perch/bot/slack/slackfake"
)

// kept is a sink that counts each event, and keeps gaps apart.
type kept struct {
	mu           sync.Mutex
	seen         map[string]int
	gaps, unread []bot.Event
	slow         chan struct{} // if set, every delivery waits for one
}

func (k *kept) Deliver(ctx context.Context, ev bot.Event) error {
	if k.slow != nil {
		select {
		case <-k.slow:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	switch ev.Kind {
	case bot.EventGap:
		k.gaps = append(k.gaps, ev)
		return nil
	case bot.EventUndecoded:
		k.unread = append(k.unread, ev)
	default:
	}
	if k.seen == nil {
		k.seen = map[string]int{}
	}
	k.seen[ev.ID]++
	return nil
}

func (k *kept) count() int {
	k.mu.Lock()
	defer k.mu.Unlock()
	return len(k.seen)
}

func (k *kept) times(id string) int {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.seen[id]
}

// start runs an adapter and waits until both its sockets are open. The func
// that it returns ends it.
func start(t *testing.T, w *workspace, a *slack.Adapter, sink bot.Sink) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- a.Run(ctx, sink) }()
	await(t, w, "two connections", func() bool { return len(w.Connections()) == 2 && a.Stats().Sockets == 2 })
	return sync.OnceFunc(func() {
		cancel()
		select {
		case err := <-ended:
			if err != nil {
				t.Errorf("Run = %v", err)
			}
		case <-time.After(15 * time.Second):
			t.Error("Run does not end with its context")
		}
	})
}

// await asks until the answer is yes.
func await(t *testing.T, w *workspace, what string, yes func() bool) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	end := time.After(20 * time.Second)
	for !yes() {
		select {
		case <-tick.C:
		case <-end:
			t.Fatalf("no %s; connections %v, %d opens", what, w.Connections(), w.Opens())
		}
	}
}

func TestRotationsLoseNothing(t *testing.T) {
	w := newWorkspace(t, slackfake.Options{LoseOffline: true})
	a, sink := w.adapter(t), &kept{}
	stop := start(t, w, a, sink)
	defer stop()
	const rotations, each = 12, 20
	sent := 0
	for range rotations {
		before := w.Opens()
		old := w.Rotate(20 * time.Millisecond)
		for i := range each {
			w.Command(w.ada, w.channel, "/twitter", fmt.Sprint("help ", i))
			sent++
		}
		await(t, w, "new socket", func() bool { return w.Opens() > before })
		await(t, w, "end of the old socket", func() bool {
			now := w.Connections()
			return len(now) == 2 && !slices.Contains(now, old[0])
		})
	}
	await(t, w, "end of it", func() bool { return len(w.Unacked()) == 0 && sink.count() == sent })
	if n := len(w.Ephemerals(w.ada)); n > 0 {
		t.Errorf("%d commands failed before Ada's eyes", n)
	}
	for id, n := range sink.seen {
		if n != 1 {
			t.Errorf("%s was stored %d times", id, n)
		}
	}
	if s := a.Stats(); s.Acked != int64(sent) || s.Undecoded+s.Refused > 0 {
		t.Errorf("stats %+v after %d commands", s, sent)
	}
}

func TestADeadSocketIsNoticed(t *testing.T) {
	if testing.Short() {
		t.Skip("takes 12 s")
	}
	t.Parallel()
	w := newWorkspace(t, slackfake.Options{PingEvery: -1})
	a, sink := w.adapter(t), &kept{}
	stop := start(t, w, a, sink)
	defer stop()
	began := time.Now()
	before := w.Opens()
	w.HalfOpen(false, w.Connections()[0]) // the other one is well
	await(t, w, "new socket", func() bool { return w.Opens() > before })
	if took := time.Since(began); took > 12*time.Second+time.Second {
		t.Errorf("noticed after %v, want 12 s", took)
	}
	// What Slack wrote to it came to nobody: that there was a gap is told.
	await(t, w, "gap", func() bool {
		return slices.ContainsFunc(sink.gapsSoFar(), func(e bot.Event) bool {
			return !e.Since.IsZero() && e.Since.Before(began.Add(6*time.Second)) && e.Since.After(began.Add(-10*time.Second))
		})
	})
}

func TestDroppedSocketsComeBack(t *testing.T) {
	t.Parallel()
	w := newWorkspace(t, slackfake.Options{})
	a, sink := w.adapter(t), &kept{}
	stop := start(t, w, a, sink)
	defer stop()
	w.FailOpens(2, "internal_error", "503")
	w.Drop()
	await(t, w, "two connections", func() bool { return len(w.Connections()) == 2 })
	w.Command(w.ada, w.channel, "/twitter", "help")
	await(t, w, "command", func() bool { return sink.count() == 1 && len(w.Unacked()) == 0 })
}

func TestWhatTryingAgainCanNotCureEndsRun(t *testing.T) {
	for name, change := range map[string]func(*slack.Options){
		"app token":  func(o *slack.Options) { o.AppToken = "xapp-wrong" },
		"bot token":  func(o *slack.Options) { o.BotToken = "xoxb-wrong" },
		"wrong team": func(o *slack.Options) { o.Team = "T0OTHER" },
	} {
		w := newWorkspace(t, slackfake.Options{})
		err := w.adapter(t, change).Run(t.Context(), &kept{})
		if e, ok := errors.AsType[*bot.Error](err); !ok || e.Message == "" {
			t.Errorf("%s: Run = %v, want Slack's refusal", name, err)
		}
	}
}

func TestUnreadableIsAcknowledgedAndCounted(t *testing.T) {
	w := newWorkspace(t, slackfake.Options{})
	a, sink := w.adapter(t), &kept{}
	stop := start(t, w, a, sink)
	defer stop()
	w.SendEnvelope("from_the_future", map[string]any{"x": 1})
	w.SendEvent(map[string]any{"type": "message", "channel": w.channel, "ts": 17})
	w.SendFrame([]byte("no JSON"))
	w.SendEvent(map[string]any{"type": "from_the_future", "thing": map[string]any{}})
	await(t, w, "acknowledgements", func() bool { return len(w.Unacked()) == 0 && a.Stats().Undecoded == 3 && a.Stats().Acked == 3 })
	sink.mu.Lock()
	defer sink.mu.Unlock()
	for _, ev := range sink.unread {
		if ev.Text == "" || ev.Raw == "" {
			t.Errorf("told of %+v, want it with its reason", ev)
		}
	}
	if len(sink.unread) != 3 {
		t.Errorf("told of %+v", sink.unread)
	}
}

func TestASlowSinkHoldsNothingUp(t *testing.T) {
	w := newWorkspace(t, slackfake.Options{AckWithin: time.Minute})
	a, sink := w.adapter(t), &kept{slow: make(chan struct{})}
	stop := start(t, w, a, sink)
	defer stop()
	const n = 100
	for i := range n {
		w.Command(w.ada, w.channel, "/twitter", fmt.Sprint(i))
	}
	await(t, w, "all of them in flight", func() bool { return a.Stats().Received == n })
	if got := a.Stats().Acked; got != 0 {
		t.Errorf("%d were acknowledged before they were stored", got)
	}
	close(sink.slow)
	await(t, w, "acknowledgements", func() bool { return len(w.Unacked()) == 0 })
}

func TestTheEndStoresWhatWasTakenIn(t *testing.T) {
	w := newWorkspace(t, slackfake.Options{})
	a, sink := w.adapter(t), &kept{slow: make(chan struct{})}
	stop := start(t, w, a, sink)
	for i := range 5 {
		w.Command(w.ada, w.channel, "/twitter", fmt.Sprint(i))
	}
	await(t, w, "all of them in flight", func() bool { return a.Stats().Received == 5 })
	done := make(chan struct{})
	go func() { defer close(done); stop() }()
	close(sink.slow)
	<-done
	if got := a.Stats(); got.Acked != 5 || got.Sockets != 0 || sink.count() != 5 {
		t.Errorf("at the end %+v, %d stored", got, sink.count())
	}
}
