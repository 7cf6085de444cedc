package outbox

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/perch-chat/perch/store"
)

// owner is the sign of life of an instance. Attempts carry their owner's name;
// when its lease has run out they are given up by whoever notices.
type owner struct {
	ID    string    `json:"id"`
	Until time.Time `json:"until"`
}

func owners() store.Table[owner] {
	return store.Table[owner]{
		Name: "outbox_owner",
		Key:  func(w owner) []byte { return store.Key(w.ID) },
	}
}

// beginOwner takes the lease, and gives up what this or a dead owner left.
func (r *runner) beginOwner(ctx context.Context) error {
	if err := r.beat(ctx); err != nil {
		return err
	}
	return r.recover(ctx, func(rec *record, alive map[string]bool) bool {
		return r.opt.Exclusive || rec.Owner == r.opt.Owner || !alive[rec.Owner]
	})
}

// endOwner gives the lease back, so that others need not wait for its end.
func (r *runner) endOwner(ctx context.Context) {
	if r.opt.Exclusive {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, storeGrace)
	defer cancel()
	err := r.db.Update(ctx, func(tx store.Tx) error {
		return owners().Delete(tx, store.Key(r.opt.Owner))
	})
	if err != nil {
		r.log.Warn("give back the lease", "err", err)
	}
}

// beat extends the lease.
func (r *runner) beat(ctx context.Context) error {
	if r.opt.Exclusive {
		return nil
	}
	until := now().Add(r.opt.Lease)
	err := r.db.Update(ctx, func(tx store.Tx) error {
		return owners().Put(tx, owner{ID: r.opt.Owner, Until: until})
	})
	if err != nil {
		return fmt.Errorf("outbox: extend the lease: %w", err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.leaseEnd = until
	return nil
}

// leased reports whether others take this instance for alive, so that it may begin attempts.
func (r *runner) leased() bool {
	if r.opt.Exclusive {
		return true
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return now().Before(r.leaseEnd)
}

// tend does, until ctx ends, what is to be done from time to time.
func (r *runner) tend(ctx context.Context) {
	beat := time.NewTicker(r.opt.Lease / 3)
	defer beat.Stop()
	prune := time.NewTimer(time.Minute) // not while all begins
	defer prune.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-beat.C:
			r.beatOnce(ctx)
		case <-prune.C:
			more, err := r.prune(ctx)
			if err != nil && ctx.Err() == nil {
				r.log.Error("prune actions", "err", err)
			}
			prune.Reset(time.Hour)
			if more {
				prune.Reset(time.Second)
			}
		}
	}
}

func (r *runner) beatOnce(ctx context.Context) {
	bounded, cancel := context.WithTimeout(ctx, r.opt.Lease/3)
	defer cancel()
	if err := r.beat(bounded); err != nil && ctx.Err() == nil {
		r.log.Error("keep the lease", "err", err)
	}
	if !r.leased() {
		// Others give these attempts up: better to end them here first.
		r.cancelFlights()
		return
	}
	old := now().Add(-2 * r.opt.AttemptTimeout)
	err := r.recover(bounded, func(rec *record, alive map[string]bool) bool {
		if rec.Owner == r.opt.Owner {
			return !r.skip(rec.ID) && rec.Updated.Before(old) // its outcome could not be stored
		}
		return !r.opt.Exclusive && !alive[rec.Owner]
	})
	if err != nil {
		r.log.Error("give up attempts of the dead", "err", err)
	}
}

func (r *runner) cancelFlights() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, f := range r.flights {
		if f.cancel != nil {
			f.cancel()
		}
	}
}

// recover makes unknown what was being attempted and is nobody's now.
func (r *runner) recover(ctx context.Context, lost func(rec *record, alive map[string]bool) bool) error {
	var dead []record
	look := func(tx store.Tx) error {
		dead = nil
		alive := map[string]bool{}
		for w, err := range owners().Scan(tx, store.Range{}) {
			if err != nil {
				return err
			}
			// A bit more, so that the owner, who stops in time, is surely done.
			alive[w.ID] = w.Until.Add(r.opt.Lease / 6).After(now())
		}
		for rec, err := range actions().By(tx, byState, store.Key(string(Attempting)), store.Range{}) {
			if err != nil {
				return err
			}
			if lost(&rec, alive) {
				dead = append(dead, rec)
			}
		}
		return nil
	}
	if err := r.db.View(ctx, look); err != nil {
		return fmt.Errorf("outbox: look for lost attempts: %w", err)
	}
	for _, d := range dead {
		err := r.db.Update(ctx, func(tx store.Tx) error { return r.giveUp(tx, &d) })
		if err != nil {
			return fmt.Errorf("outbox: give up lost attempt %s: %w", d.ID, err)
		}
		r.log.Info("attempt found under way is looked up", "kind", d.Kind, "action", d.ID)
	}
	return nil
}

func (r *runner) giveUp(tx store.Tx, dead *record) error {
	old, err := find(tx, dead.ID)
	if err != nil {
		return err
	}
	if old.State != Attempting || old.Try != dead.Try || old.Owner != dead.Owner {
		return nil
	}
	rec := old
	r.uncertain(&rec, &Failure{
		Code:    "interrupted",
		Message: "Perch was stopped while sending, so it may have gone out. Perch is looking for it before it does anything else.",
	})
	return r.change(tx, &old, &rec)
}

// prune forgets what has been over for long, keys included, and instances that
// are long gone and gave back no lease.
func (o *Outbox) prune(ctx context.Context) (more bool, err error) {
	const batch = 200
	before := now().Add(-o.opt.Retention)
	err = o.db.Update(ctx, func(tx store.Tx) error {
		more = false
		var old []string
		for _, st := range []State{Done, Cancelled} {
			for rec, err := range actions().By(tx, byState, store.Key(string(st)), store.Range{Limit: 10 * batch}) {
				if err != nil {
					return err
				}
				if !rec.Created.Before(before) || len(old) == batch {
					break
				}
				if rec.Updated.Before(before) {
					old = append(old, rec.ID)
				}
			}
		}
		if old, err = o.brief(tx, old, batch); err != nil {
			return err
		}
		for _, id := range old {
			if err := actions().Delete(tx, store.Key(id)); err != nil {
				return err
			}
		}
		more = len(old) == batch
		return o.buryOwners(tx)
	})
	return more, err
}

// buryOwners deletes the leases that ran out long ago: each process that is
// killed leaves one. Its attempts are given up as those of any dead owner.
func (o *Outbox) buryOwners(tx store.Tx) error {
	all, err := store.Collect(owners().Scan(tx, store.Range{}))
	if err != nil {
		return err
	}
	for _, w := range all {
		if w.Until.After(now().Add(-briefly)) {
			continue
		}
		if err := owners().Delete(tx, store.Key(w.ID)); err != nil {
			return err
		}
	}
	return nil
}

// brief adds, to what is to be forgotten, what is so after a day. Where both
// sides would name it, it stands there once.
func (o *Outbox) brief(tx store.Tx, old []string, most int) ([]string, error) {
	before := now().Add(-min(briefly, o.opt.Retention))
	for rec, err := range actions().By(tx, byBrief, nil, store.Range{Limit: most}) {
		if err != nil {
			return nil, err
		}
		if !rec.Updated.Before(before) || len(old) >= most {
			break
		}
		if !slices.Contains(old, rec.ID) {
			old = append(old, rec.ID)
		}
	}
	return old, nil
}

// briefly is how long a brief action is remembered after its end.
const briefly = 24 * time.Hour
