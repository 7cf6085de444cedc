package app

import (
	"context"
	"time"

	"github.com/perch-chat/perch/internal/id"
	"github.com/perch-chat/perch/store"
)

// leadFor is how long a replica that went away is waited for.
const leadFor = 30 * time.Second

// alone has one replica at a time do what all need done once: each read of X
// costs money. The embedded store has one process anyway.
func (a *App) alone(what string, fn func(context.Context) error) func(context.Context) error {
	if a.o.Config.Store.Driver == "bolt" {
		return fn
	}
	owner := id.New()
	return func(ctx context.Context) error {
		for ctx.Err() == nil {
			err := store.HoldLease(ctx, a.DB, leaseName(what), owner, leadFor, func(ctx context.Context, _ store.Lease) error { return fn(ctx) })
			if ctx.Err() != nil {
				return nil //nolint:nilerr // the end was asked for
			}
			if err != nil {
				a.log.WarnContext(ctx, "another replica goes on", "part", what, "err", err)
			}
			select {
			case <-ctx.Done():
			case <-time.After(leadFor / 3):
			}
		}
		return nil
	}
}
