package outbox

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"runtime/debug"
	"slices"
	"time"

	"github.com/perch-chat/perch/store"
)

// maxChain bounds how many of one Order a worker does in a row, so that the
// others get their turn.
const maxChain = 8

// work does what rec, which has boarded, needs, and what follows it directly.
func (r *runner) work(sc scope, rec record) {
	if rec.State == Unknown {
		defer r.leave(rec.ID)
		r.lookUp(sc, rec)
		return
	}
	claimed, ok := r.take(sc, rec)
	if !ok {
		r.leave(rec.ID)
		return
	}
	r.carryOut(sc, claimed)
}

// carryOut attempts what was claimed, and what follows it directly.
func (r *runner) carryOut(sc scope, claimed record) {
	for n := 1; ; n++ {
		next := r.attempt(sc, claimed, n < maxChain)
		r.leave(claimed.ID)
		if next == nil {
			return
		}
		claimed = *next
	}
}

// take stores that rec is being attempted, after its executor looked around if
// it is one that does.
func (r *runner) take(sc scope, rec record) (claimed record, ok bool) {
	var armed json.RawMessage
	armer, looks := r.kinds[rec.Kind].(Armer)
	if looks {
		var err error
		// It has no effect, so it ends with the run.
		armed, err = r.arm(sc.run, armer, rec.Action)
		if sc.run.Err() != nil {
			return record{}, false
		}
		if err != nil {
			r.store(sc, rec.ID, func(tx store.Tx) error { return r.notArmed(tx, &rec, err) })
			return record{}, false
		}
	}
	err := r.db.Update(sc.run, func(tx store.Tx) error {
		claimed, ok = record{}, false
		old, err := find(tx, rec.ID)
		if err != nil {
			return err
		}
		if looks && !sameWork(&old, &rec) {
			return nil // it was changed meanwhile: look again
		}
		claimed, ok, err = r.claimIn(tx, old, armed)
		return err
	})
	if err != nil {
		if sc.run.Err() == nil {
			r.log.Error("claim action", "kind", rec.Kind, "action", rec.ID, "err", err)
			r.delay(rec.ID, time.Second)
		}
		return record{}, false
	}
	return claimed, ok
}

func sameWork(a, b *record) bool {
	return a.Updated.Equal(b.Updated) && bytes.Equal(compact(a.Payload), compact(b.Payload))
}

func compact(j json.RawMessage) []byte {
	var b bytes.Buffer
	if err := json.Compact(&b, j); err != nil {
		return j
	}
	return b.Bytes()
}

// claimIn makes old, if it can go out now, this instance's attempt.
func (r *runner) claimIn(tx store.Tx, old record, armed json.RawMessage) (rec record, ok bool, err error) {
	if ok, err := r.claimable(tx, &old); err != nil || !ok {
		return record{}, false, err
	}
	if isLate(&old) {
		return record{}, false, r.failLate(tx, &old)
	}
	rec = old
	r.claim(&rec, armed)
	if err := r.change(tx, &old, &rec); err != nil {
		return record{}, false, err
	}
	return rec, true, nil
}

// claimable reports whether an action can go out now.
func (r *runner) claimable(tx store.Tx, rec *record) (bool, error) {
	if rec.State != Queued || rec.Waits || rec.Order != "" && !rec.Head || rec.NotBefore.After(now()) || !r.leased() {
		return false, nil
	}
	held, err := r.holdsOn(tx, rec.Lanes)
	return err == nil && len(held) == 0, err
}

// claim makes rec this instance's attempt. It is not stored yet.
func (r *runner) claim(rec *record, armed json.RawMessage) {
	rec.State, rec.Owner, rec.Armed = Attempting, r.opt.Owner, armed
	rec.Attempts++
	rec.Try++
	rec.Failure, rec.NotBefore = nil, time.Time{}
}

// attempt makes the call and stores its outcome. With chain, the next of the
// Order is claimed in the same transaction, if it can go out, and returned.
func (r *runner) attempt(sc scope, rec record, chain bool) (next *record) {
	receipt, err := r.call(sc.calls, rec)
	pace := receipt.Pace
	if e, ok := errors.AsType[*Error](err); ok {
		pace = append(slices.Clip(pace), e.Pace...)
	}
	r.heed(rec.Lanes, pace)

	writes := sc
	if rec.Order == "" && r.opt.Linger > 0 && sc.run.Err() == nil {
		writes.writes = store.Unhurried(sc.writes, r.opt.Linger)
	}
	var outcome string
	r.store(writes, rec.ID, func(tx store.Tx) error {
		next, outcome = nil, "" // it may run twice
		old, ferr := find(tx, rec.ID)
		if ferr != nil {
			return ferr
		}
		now := old
		outcome = r.conclude(&now, receipt, err)
		if !r.counts(&old, &rec, now.State) {
			r.log.Warn("answer to an attempt that was given up", "kind", rec.Kind, "action", rec.ID, "state", old.State, "outcome", outcome)
			outcome = ""
			return nil
		}
		if ferr := r.applyHold(tx, &now, err); ferr != nil {
			return ferr
		}
		if ferr := r.keepPace(tx, pace); ferr != nil {
			return ferr
		}
		if ferr := r.change(tx, &old, &now); ferr != nil {
			return ferr
		}
		if chain && sc.run.Err() == nil {
			next, ferr = r.chain(tx, rec.Order)
		}
		return ferr
	})
	if outcome != "" {
		r.count(rec.Kind, outcome)
	}
	if next != nil {
		r.mu.Lock()
		r.enter(next)
		r.mu.Unlock()
	}
	return next
}

// counts reports whether the outcome of the attempt that mine is still matters
// to the action as it is now, which may have been given up meanwhile: then only
// what is sure does.
func (r *runner) counts(old, mine *record, to State) bool {
	if old.Try != mine.Try {
		return false
	}
	switch old.State {
	case Attempting:
		return old.Owner == mine.Owner
	case Unknown:
		return to == Done || to == Failed
	case Queued:
		return to == Done
	default:
		return false
	}
}

// chain claims the next of an Order.
func (r *runner) chain(tx store.Tx, order string) (*record, error) {
	if order == "" {
		return nil, nil
	}
	first, ok, err := actions().First(tx, byOrder, store.Key(order))
	if err != nil || !ok {
		return nil, err
	}
	ex := r.kinds[first.Kind]
	if _, looks := ex.(Armer); looks || ex == nil || !r.fits(first.Lanes) {
		return nil, nil
	}
	rec, ok, err := r.claimIn(tx, first, nil)
	if err != nil || !ok {
		return nil, err
	}
	return &rec, nil
}

// fits is within, for those who don't hold r.mu.
func (r *runner) fits(lanes []string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.within(lanes)
}

// call carries out an attempt, within its time.
func (r *runner) call(ctx context.Context, rec record) (receipt Receipt, err error) {
	ctx, cancel := context.WithTimeout(ctx, r.patience(rec.Action))
	defer cancel()
	r.mu.Lock()
	if f := r.flights[rec.ID]; f != nil {
		f.cancel = cancel
	}
	r.mu.Unlock()
	defer r.caught(rec.Action, &err)
	return r.kinds[rec.Kind].Do(ctx, rec.Action)
}

// caught makes a panic of an executor its error. It is to be deferred.
func (r *runner) caught(a Action, err *error) {
	if v := recover(); v != nil {
		r.log.Error("executor panicked", "kind", a.Kind, "action", a.ID, "panic", v, "stack", string(debug.Stack()))
		*err = fmt.Errorf("panic: %v", v)
	}
}

// patience is how long a call for the action may take.
func (r *runner) patience(a Action) time.Duration {
	if p, ok := r.kinds[a.Kind].(Patient); ok {
		if d := p.Patience(a); d > 0 {
			return d
		}
	}
	return r.opt.AttemptTimeout
}

func (r *runner) arm(ctx context.Context, armer Armer, a Action) (armed json.RawMessage, err error) {
	ctx, cancel := context.WithTimeout(ctx, r.patience(a))
	defer cancel()
	defer r.caught(a, &err)
	return armer.Arm(ctx, a)
}

// notArmed stores that rec could not be attempted.
func (r *runner) notArmed(tx store.Tx, rec *record, cause error) error {
	old, err := find(tx, rec.ID)
	if err != nil {
		return err
	}
	if old.State != Queued || !sameWork(&old, rec) {
		return nil
	}
	var e *Error
	if !errors.As(cause, &e) {
		e = &Error{Outcome: Later, Err: cause, Failure: Failure{
			Code: "not_ready", Message: "It could not be sent yet; it is tried again by itself.", Detail: detail(cause),
		}}
	}
	now := old
	now.Attempts++ // conclude takes back what a hold doesn't count
	outcome := r.conclude(&now, Receipt{}, e)
	now.Attempts = old.Attempts
	kind := now.Kind
	tx.OnCommit(func() { r.count(kind, outcome) })
	if err := r.applyHold(tx, &now, e); err != nil {
		return err
	}
	if err := r.keepPace(tx, e.Pace); err != nil {
		return err
	}
	return r.change(tx, &old, &now)
}

// store makes a change that must not get lost: it tries until it is stored or
// the run is over. If it is a hook that refuses, the last tries do without.
func (r *runner) store(sc scope, id string, fn func(store.Tx) error) {
	const patience = 5
	refused := 0
	for wait := 50 * time.Millisecond; ; wait = min(2*wait, 5*time.Second) {
		err := r.db.Update(sc.writes, func(tx store.Tx) error {
			if refused >= patience {
				tx = quietTx{tx}
			}
			return fn(tx)
		})
		if err == nil {
			return
		}
		r.log.Error("store outcome", "action", id, "err", err)
		if errors.Is(err, store.ErrNotFound) {
			return
		}
		if _, ok := errors.AsType[*hookError](err); ok {
			refused++
		}
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-sc.writes.Done():
			timer.Stop()
			return // it is looked up at the next start
		}
	}
}
