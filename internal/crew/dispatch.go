package crew

import (
	"context"
	"time"
)

// Dispatch has somebody look for work until ctx ends: at once, whenever wake
// has a value, when the last look said that something becomes due, and every
// poll besides, for what nobody woke it for. pass begins what is due and
// returns when the next is, or zero. What goes wrong is told to failed, unless
// ctx has ended, and looked at again as after any other pass.
func Dispatch(ctx context.Context, wake <-chan struct{}, poll time.Duration, pass func() (next time.Time, err error), failed func(error)) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-wake:
		case <-timer.C:
		}
		if ctx.Err() != nil {
			return
		}
		next, err := pass()
		if err != nil && ctx.Err() == nil {
			failed(err)
		}
		d := poll
		if !next.IsZero() {
			d = min(d, max(time.Until(next), time.Millisecond))
		}
		timer.Reset(d)
	}
}
