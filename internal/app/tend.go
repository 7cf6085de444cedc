package app

import (
	"context"
	"time"

	"github.com/perch-chat/perch/store"
)

// deskLook is how often the desk looks at the clock: snoozes that end and
// customers who wait are told this late at most.
const deskLook = 2 * time.Second

// tendDesk has the desk do what its clock asks for.
func (a *App) tendDesk(ctx context.Context) error {
	tick := time.NewTicker(deskLook)
	defer tick.Stop()
	for {
		for more := true; more && ctx.Err() == nil; {
			var err error
			if more, err = a.tickDesk(ctx); err != nil && ctx.Err() == nil {
				a.log.ErrorContext(ctx, "the desk could not do what was due", "err", err)
			}
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// tickDesk writes only when something is due.
func (a *App) tickDesk(ctx context.Context) (more bool, err error) {
	due := false
	err = a.DB.View(ctx, func(tx store.Tx) (err error) {
		due, err = a.Desk.Due(tx)
		return err
	})
	if err != nil || !due {
		return false, err
	}
	err = a.DB.Update(ctx, func(tx store.Tx) (err error) {
		more, err = a.Desk.Tick(tx)
		return err
	})
	return more && err == nil, err
}
