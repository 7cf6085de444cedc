package outbox

import (
	"errors"
	"fmt"
	"runtime/debug"
	"slices"

	"github.com/perch-chat/perch/store"
)

// change stores rec, which was old, with all that follows from it: its place in
// its Order, who may go next, what waits for it, and the hooks. It is the only
// way in which an action changes. The caller must not use rec afterwards but to
// return it, since a hook may have changed the action again.
func (o *Outbox) change(tx store.Tx, old, rec *record) error {
	if err := check(old, rec); err != nil {
		return err
	}
	rec.Updated = now()
	if rec.State != Attempting {
		rec.Owner = ""
	}
	if rec.State == Queued && (old == nil || old.State != Queued) {
		if err := o.enqueue(tx, rec); err != nil {
			return err
		}
	}
	claimed, err := o.claimAdded(tx, old, rec)
	if err != nil {
		return err
	}
	if !rec.inOrder() {
		rec.Head = false
	}
	if err := actions().Put(tx, *rec); err != nil {
		return err
	}
	if old != nil && rec.Order != "" && (old.State != Queued || rec.State != Attempting) {
		if err := o.settleOrder(tx, rec.Order); err != nil {
			return err
		}
	}
	if old != nil && old.class() != rec.class() {
		if err := o.tellDependents(tx, rec); err != nil {
			return err
		}
	}
	if rec.State == Queued || rec.State == Unknown || rec.Order != "" {
		tx.OnCommit(o.wake) // it, or the next of its Order, may be due
	}
	switch {
	case claimed: // two changes in one
		queued := *rec
		queued.State = Queued
		if err := o.tell(tx, "", &queued); err != nil {
			return err
		}
		return o.tell(tx, Queued, rec)
	case old == nil:
		return o.tell(tx, "", rec)
	case old.State == rec.State && old.Stuck == rec.Stuck && code(old.Failure) == code(rec.Failure):
		return nil
	default:
		return o.tell(tx, old.State, rec)
	}
}

// quietTx is a transaction whose changes the hooks don't hear of: the last
// resort when they keep an outcome from being stored.
type quietTx struct{ store.Tx }

// hookError is a change that a hook refused.
type hookError struct{ err error }

func (e *hookError) Error() string { return e.err.Error() }
func (e *hookError) Unwrap() error { return e.err }

// tell calls the hooks.
func (o *Outbox) tell(tx store.Tx, was State, rec *record) (err error) {
	if _, ok := tx.(quietTx); ok {
		return nil
	}
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("panic: %v\n%s", v, debug.Stack())
		}
		if err != nil {
			err = &hookError{fmt.Errorf("outbox: hook: %s %s became %s: %w", rec.Kind, rec.ID, rec.State, err)}
		}
	}()
	for _, fn := range o.changed {
		if err := fn(tx, was, rec.Action); err != nil {
			return err
		}
	}
	return nil
}

func code(f *Failure) string {
	if f == nil {
		return ""
	}
	return f.Code
}

// check refuses a change of state that there isn't: the callers ask first, so
// that would be a mistake here.
func check(old, rec *record) error {
	if old == nil || old.State == rec.State {
		return nil
	}
	if slices.Contains(steps(old.State), rec.State) {
		return nil
	}
	return fmt.Errorf("%w: %s can't become %s", ErrState, old.State, rec.State)
}

// steps lists the states that can follow one.
func steps(s State) []State {
	switch s {
	case Draft, Awaiting:
		return []State{Queued, Cancelled}
	case Queued:
		// Done: the answer of an attempt that was given up came after all.
		// Unknown: looking before the leap may have had an effect of its own.
		return []State{Attempting, Failed, Cancelled, Done, Unknown}
	case Attempting:
		return []State{Done, Failed, Unknown, Queued}
	case Unknown:
		return []State{Done, Failed, Queued, Cancelled}
	case Failed:
		return []State{Queued, Cancelled}
	case Done, Cancelled:
	}
	return nil
}

// enqueue gives rec, which has just become queued, its place.
func (o *Outbox) enqueue(tx store.Tx, rec *record) error {
	rec.Waits, rec.Parked = false, false
	var dep record
	if rec.After != "" {
		var err error
		dep, err = find(tx, rec.After)
		if errors.Is(err, store.ErrNotFound) {
			dep.State, err = Done, nil // only what is over is forgotten, and what is cancelled takes this along
		}
		if err != nil {
			return err
		}
		switch dep.class() {
		case classDone:
		case classCancelled:
			return fmt.Errorf("%w: the action it comes after was cancelled", ErrState)
		case classPerson:
			rec.Waits, rec.Parked = true, true
		case classActive:
			rec.Waits = true
		}
	}
	if rec.Order == "" {
		rec.Head = false
		return nil
	}
	last, busy, err := o.last(tx, rec.Order)
	if err != nil {
		return err
	}
	if rec.Seq == 0 {
		// Time, so that a retry finds its way back to its place; but never
		// before the last in the queue, whatever the clock does.
		rec.Seq = max(rec.Updated.UnixNano(), last.Seq+1)
	}
	rec.Head = !busy && !rec.Parked
	return nil
}

// last is the one at the end of an Order's queue.
func (o *Outbox) last(tx store.Tx, order string) (rec record, ok bool, err error) {
	for rec, err := range actions().By(tx, byOrder, store.Key(order), store.Range{Reverse: true, Limit: 1}) {
		return rec, err == nil, err
	}
	return record{}, false, nil
}

// settleOrder has the first of an Order, and nobody else, be its head.
func (o *Outbox) settleOrder(tx store.Tx, order string) error {
	// Each change puts at most one before the old head, so it is among two.
	first, err := store.Collect(actions().By(tx, byOrder, store.Key(order), store.Range{Limit: 2}))
	if err != nil {
		return err
	}
	for i, rec := range first {
		if rec.Head != (i == 0) {
			rec.Head = i == 0
			if err := actions().Put(tx, rec); err != nil {
				return err
			}
		}
	}
	return nil
}

// tellDependents has what comes after rec learn what became of it.
func (o *Outbox) tellDependents(tx store.Tx, rec *record) error {
	deps, err := store.Collect(actions().By(tx, byAfter, store.Key(rec.ID), store.Range{}))
	if err != nil {
		return err
	}
	for _, d := range deps {
		// Read anew: a hook of the one before may have changed it.
		old, err := find(tx, d.ID)
		if err != nil {
			return err
		}
		if !old.Waits || old.class() == classCancelled {
			continue
		}
		dep := old
		switch rec.class() {
		case classDone:
			dep.Waits, dep.Parked = false, false
		case classCancelled:
			dep.State = Cancelled
			dep.Failure = &Failure{Code: "after_cancelled", Message: "What it was to follow was cancelled, so this was cancelled too."}
		case classPerson:
			dep.Parked = dep.State == Queued
		case classActive:
			dep.Parked = false
			if dep.Order == rec.Order && dep.Seq <= rec.Seq && dep.State == Queued {
				dep.Seq = rec.Seq + 1 // it was queued before the draft that it follows
			}
		}
		if err := o.change(tx, &old, &dep); err != nil {
			return err
		}
	}
	return nil
}
