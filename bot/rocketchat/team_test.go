package rocketchat

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/perch-chat/perch/bot"
	"github.com/perch-chat/perch/bot/rocketchat/rcfake"
)

// collector keeps events, each ID once, as the inbox does.
type collector struct {
	mu    sync.Mutex
	got   []bot.Event
	tried int   // how often something was handed over
	fails error // what comes of the next batch
	woken chan struct{}
}

var _ bot.BatchSink = (*collector)(nil)

func newCollector() *collector { return &collector{woken: make(chan struct{}, 1)} }

func (c *collector) Deliver(_ context.Context, ev bot.Event) error {
	c.mu.Lock()
	c.tried++
	c.keep(ev)
	c.mu.Unlock()
	c.wake()
	return nil
}

func (c *collector) DeliverAll(_ context.Context, evs []bot.Event) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.tried++
	if err := c.fails; err != nil {
		c.fails = nil
		return err
	}
	for _, ev := range evs {
		c.keep(ev)
	}
	c.wake()
	return nil
}

// keep keeps an event that is not known. The lock is held.
func (c *collector) keep(ev bot.Event) {
	if !slices.ContainsFunc(c.got, func(e bot.Event) bool { return e.ID == ev.ID }) {
		c.got = append(c.got, ev)
	}
}

func (c *collector) wake() {
	select {
	case c.woken <- struct{}{}:
	default:
	}
}

// lines are the events so far, in short: those about the connection left out.
func (c *collector) lines() (out []string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, e := range c.got {
		if e.Kind == bot.EventGap || e.Kind == bot.EventJoined {
			continue
		}
		out = append(out, strings.TrimSpace(string(e.Kind)+" "+e.User.Handle+" "+e.Emoji+e.Command+e.Text))
	}
	return out
}

// count is how many events of a kind there are.
func (c *collector) count(kind bot.EventKind) (n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, e := range c.got {
		if e.Kind == kind {
			n++
		}
	}
	return n
}

// wait waits until there are so many events, those about the connection left out.
func (c *collector) wait(t *testing.T, n int) {
	t.Helper()
	end := time.After(soon)
	for len(c.lines()) < n {
		select {
		case <-c.woken:
		case <-end:
			t.Fatalf("%d events, want %d: %q", len(c.lines()), n, c.lines())
		}
	}
}

// last is the newest event.
func (c *collector) last() bot.Event {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.got[len(c.got)-1]
}

// want waits until the events are these.
func (c *collector) want(t *testing.T, want ...string) {
	t.Helper()
	end := time.After(soon)
	for {
		got := c.lines()
		if slices.Equal(got, want) {
			return
		}
		select {
		case <-c.woken:
		case <-end:
			t.Fatalf("events (-want +got):\n%s", cmp.Diff(want, got))
		}
	}
}

// team is a workspace with Ada, Rio and the bot in one room.
type team struct {
	workspace
	room string
	live liveness
}

func newTeam(t testing.TB) *team {
	t.Helper()
	w := openWorkspace(t, rcfake.Options{})
	w.AddUser(rcfake.User{Username: "ada", Name: "Ada"})
	w.AddUser(rcfake.User{Username: "rio", Name: "Rio"})
	return &team{workspace: w, room: w.AddRoom("support", true, "ada", "rio", "twitter.bot"), live: usual()}
}

func (w *team) adapter(t testing.TB) *Adapter {
	t.Helper()
	id, token := w.Bot()
	a, err := New(Options{URL: w.url, UserID: id, Token: token, live: w.live, Secret: []byte("0123456789abcdef0123456789abcdef")})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// start runs an adapter until the test ends or it is stopped.
func (w *team) start(t testing.TB, a *Adapter) (*collector, func()) {
	t.Helper()
	c := newCollector()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- a.Run(ctx, c) }()
	stop := sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run: %v", err)
		}
	})
	t.Cleanup(stop)
	select {
	case <-a.Started():
	case <-time.After(soon):
		t.Fatalf("not connected: %s", a.Health().Problem)
	}
	return c, stop
}

func (w *team) say(t testing.TB, who, rid, text string) string {
	t.Helper()
	id, err := w.Say(rcfake.Says{Who: who, Room: rid, Text: text})
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func rawArgs(t *testing.T, args ...any) (out []json.RawMessage) {
	t.Helper()
	for _, x := range args {
		b, err := json.Marshal(x)
		must(t, err)
		out = append(out, b)
	}
	return out
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// until waits until something is so that nobody tells of.
func until(t testing.TB, what string, is func() bool) {
	t.Helper()
	for end := time.After(soon); !is(); {
		select {
		case <-time.After(10 * time.Millisecond):
		case <-end:
			t.Fatalf("waited in vain until %s", what)
		}
	}
}
