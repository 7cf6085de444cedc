package slack

import (
	"context"
	"sync"
	"time"
)

// within is context.WithTimeout whose timer begins to run when somebody waits
// for it: most deliveries are read without asking Slack anything.
func within(ctx context.Context, d time.Duration) (context.Context, context.CancelFunc) {
	at := time.Now().Add(d)
	if before, ok := ctx.Deadline(); ok && before.Before(at) {
		at = before
	}
	c := &lateTimer{Context: ctx, at: at}
	return c, c.cancel
}

// lateTimer is what within returns.
type lateTimer struct {
	context.Context //nolint:containedctx // it is a context itself
	at              time.Time

	mu    sync.Mutex
	timer context.Context //nolint:containedctx // it is a context itself
	stop  context.CancelFunc
	over  bool
}

func (c *lateTimer) Deadline() (time.Time, bool) { return c.at, true }

func (c *lateTimer) Done() <-chan struct{} { return c.started().Done() }

func (c *lateTimer) Err() error { return c.started().Err() }

func (c *lateTimer) started() context.Context {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.timer == nil {
		c.timer, c.stop = context.WithDeadline(c.Context, c.at)
		if c.over {
			c.stop()
		}
	}
	return c.timer
}

// cancel ends the context. What is derived from it later has ended as well.
func (c *lateTimer) cancel() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.over = true
	if c.stop != nil {
		c.stop()
	}
}
