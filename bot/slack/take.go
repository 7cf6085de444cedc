package slack

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/perch-chat/perch/bot"
	"github.com/perch-chat/perch/internal/crew"
)

const (
	maxInFlight = 256 // deliveries taken in and not yet stored
	// Slack gives up on a command after 3 s and tells the person; an event it
	// sends again, so that storing it late helps.
	commandPatience = 2800 * time.Millisecond
	eventPatience   = 10 * time.Second
)

// take stores what a delivery says. It returns nil once the delivery may be
// acknowledged: everything in it is stored, even if it can't be read.
func (a *Adapter) take(ctx context.Context, sink bot.Sink, d delivery) error {
	if a.teams != nil {
		return a.teams.take(ctx, sink, d)
	}
	a.stats.received.Add(1)
	me, err := a.whoami(ctx)
	if err != nil {
		a.stats.refused.Add(1)
		return fmt.Errorf("slack: who is the bot: %w", err)
	}
	events, err := a.decode(ctx, me, d)
	if err != nil {
		return a.unread(ctx, sink, d.payload, err)
	}
	events = a.lost(ctx, events)
	limit := commandPatience
	if d.kind == kindEvent {
		limit = eventPatience
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	for i := range events {
		a.openEarly(ctx, &events[i])
	}
	for _, ev := range events {
		if err := a.store(ctx, sink, ev); err != nil {
			a.stats.refused.Add(1)
			return fmt.Errorf("slack: store %s: %w", ev.Kind, err)
		}
	}
	return nil
}

// store hands an event to the sink until it takes it or the time is over.
func (a *Adapter) store(ctx context.Context, sink bot.Sink, ev bot.Event) error {
	wait := backoff{first: 20 * time.Millisecond, most: time.Second}
	for {
		err := sink.Deliver(ctx, ev)
		if err == nil {
			return nil
		}
		a.log.Debug("event not stored", "event", ev.ID, "err", err)
		if werr := wait.sleep(ctx); werr != nil {
			return errors.Join(err, werr)
		}
	}
}

// errClosed is returned for work that came after the end.
var errClosed = errors.New("slack: the adapter has ended")

// lanes run work side by side, but in order where it has the same key. They
// take in a bounded amount.
type lanes struct {
	slots chan struct{} // one for each piece of work taken in
	crew  *crew.Crew

	mu     sync.Mutex
	queues map[string][]func() // keys at work, with what waits behind
	turns  turns
	closed bool
}

// maxIdle bounds the goroutines that wait for work.
const maxIdle = 64

func newLanes(n int) *lanes {
	return &lanes{slots: make(chan struct{}, n), crew: crew.New(maxIdle), queues: map[string][]func(){}}
}

// put takes work in. It blocks while there is too much of it.
func (l *lanes) put(ctx context.Context, key string, work func()) error {
	return l.inTurn(ctx, key, "", work)
}

// inTurn is put for work that also follows what has the same turn. Places in
// the lane and in the turn are given out together, so that no two wait for
// each other.
func (l *lanes) inTurn(ctx context.Context, key, turn string, work func()) error {
	select {
	case l.slots <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		l.free()
		return errClosed
	}
	if turn != "" {
		work = l.turns.take(context.WithoutCancel(ctx), work, turn)
	}
	if key == "" {
		l.crew.Go(func() { defer l.free(); work() })
		return nil
	}
	if q, busy := l.queues[key]; busy {
		l.queues[key] = append(q, work)
		return nil
	}
	l.queues[key] = nil
	l.crew.Go(func() { l.drain(key, work) })
	return nil
}

func (l *lanes) free() { <-l.slots }

func (l *lanes) drain(key string, work func()) {
	for work != nil {
		func() { defer l.free(); work() }()
		work = l.next(key)
	}
}

func (l *lanes) next(key string) func() {
	l.mu.Lock()
	defer l.mu.Unlock()
	q := l.queues[key]
	if len(q) == 0 {
		delete(l.queues, key)
		return nil
	}
	l.queues[key] = q[1:]
	return q[0]
}

// close takes in no more and waits for all that was.
func (l *lanes) close() {
	l.mu.Lock()
	l.closed = true
	l.mu.Unlock()
	l.crew.End()
	l.crew.Wait()
}

// backoff waits longer each time. Its zero value suits connections.
type backoff struct {
	first, most time.Duration
	n           int
}

func (b *backoff) reset() { b.n = 0 }

// sleep waits, or returns why ctx ended.
func (b *backoff) sleep(ctx context.Context) error { return b.sleepAtLeast(ctx, 0) }

func (b *backoff) sleepAtLeast(ctx context.Context, least time.Duration) error {
	first, most := b.first, b.most
	if first <= 0 {
		first = 500 * time.Millisecond
	}
	if most <= 0 {
		most = 30 * time.Second
	}
	d := min(first<<min(b.n, 16), most)
	b.n++
	// A fifth of chance keeps many from coming back at the same moment.
	d = max(d*4/5+rand.N(d/5+1), least) //nolint:gosec // no secret
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// budget lets something happen a few times at once and then once in a while.
type budget struct {
	tokens chan time.Time // when each may be used
	every  time.Duration
}

func newBudget(burst int, every time.Duration) *budget {
	b := &budget{tokens: make(chan time.Time, burst), every: every}
	for range burst {
		b.tokens <- time.Time{}
	}
	return b
}

// take waits for a token. A used one is ready again after as long as the
// whole burst takes at the steady rate.
func (b *budget) take(ctx context.Context) error {
	var ready time.Time
	select {
	case ready = <-b.tokens:
	case <-ctx.Done():
		return ctx.Err()
	}
	t := time.NewTimer(time.Until(ready))
	defer t.Stop()
	select {
	case <-t.C:
		b.tokens <- time.Now().Add(b.every * time.Duration(cap(b.tokens))) // never blocks: one was just taken
		return nil
	case <-ctx.Done():
		b.tokens <- ready
		return ctx.Err()
	}
}
