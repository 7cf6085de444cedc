package webchat

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/perch-chat/perch/bot"
)

// How long a delivery that failed waits before it is tried again by itself.
const (
	firstRetry = 100 * time.Millisecond
	lastRetry  = 5 * time.Second
)

var errNoSink = errors.New("webchat: nobody takes events yet")

// Run hands what people do to sink until ctx ends: at once while they do it,
// and again and again whatever sink did not take, in the order in which it
// happened and with the same ID.
func (a *Adapter) Run(ctx context.Context, sink bot.Sink) error {
	a.sinkMu.Lock()
	if a.sink != nil {
		a.sinkMu.Unlock()
		return errors.New("webchat: Run is already running")
	}
	a.sink = sink
	a.sinkMu.Unlock()
	a.startOnce.Do(func() { close(a.started) })
	defer func() {
		a.sinkMu.Lock()
		a.sink = nil
		a.sinkMu.Unlock()
		a.end()
	}()

	retry := firstRetry
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-a.done:
			return nil
		case <-a.wake:
		case <-timer.C:
		}
		err := a.deliver(ctx, "")
		if ctx.Err() != nil {
			return nil // what is left is delivered after the next start
		}
		if err == nil {
			retry = firstRetry
			continue
		}
		a.log.WarnContext(ctx, "event not taken, trying again", "platform", Platform, "retry_in", retry, "err", err)
		timer.Reset(retry)
		retry = min(2*retry, lastRetry)
	}
}

// Started is closed once Run takes events: before, what people do is answered
// with "try again".
func (a *Adapter) Started() <-chan struct{} { return a.started }

// deliver gives the sink what it has not taken yet, oldest first, up to and
// with the event upTo (all, if that is empty).
func (a *Adapter) deliver(ctx context.Context, upTo string) error {
	select {
	case a.deliverer <- struct{}{}:
		defer func() { <-a.deliverer }()
	case <-ctx.Done():
		return fmt.Errorf("wait to deliver: %w", context.Cause(ctx))
	}
	for {
		a.mu.Lock()
		var ev bot.Event
		wanted := upTo == ""
		for i := range a.st.pending {
			wanted = wanted || a.st.pending[i].ID == upTo
		}
		if wanted && len(a.st.pending) > 0 {
			ev = a.st.pending[0]
		}
		a.mu.Unlock()
		if ev.ID == "" {
			return nil
		}
		a.sinkMu.Lock()
		sink := a.sink
		a.sinkMu.Unlock()
		if sink == nil {
			return errNoSink
		}
		if err := sink.Deliver(ctx, ev); err != nil {
			return fmt.Errorf("deliver event %s: %w", ev.ID, err)
		}
		a.mu.Lock()
		err := a.commitLocked(record{Acked: ev.ID})
		a.mu.Unlock()
		if err != nil {
			return err
		}
	}
}
