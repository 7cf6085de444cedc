package outbox

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/perch-chat/perch/store"
)

// lookUp finds out what became of an attempt whose outcome is unknown.
func (r *runner) lookUp(sc scope, rec record) {
	rc, ok := r.kinds[rec.Kind].(Reconciler)
	if !ok {
		r.store(sc, rec.ID, func(tx store.Tx) error {
			return r.looked(tx, &rec, func(now *record) string { r.stick(now); return "unknown" })
		})
		return
	}
	// It has no effect, so it ends with the run.
	verdict, receipt, err := r.reconcile(sc.run, rc, rec.Action)
	if err != nil && sc.run.Err() != nil {
		return
	}
	pace := receipt.Pace
	if e, ok := errors.AsType[*Error](err); ok {
		pace = append(slices.Clip(pace), e.Pace...)
	}
	r.store(sc, rec.ID, func(tx store.Tx) error {
		if err := r.keepPace(tx, pace); err != nil {
			return err
		}
		if err := r.applyHold(tx, &rec, err); err != nil {
			return err
		}
		return r.looked(tx, &rec, func(now *record) string {
			switch {
			case err != nil:
				return r.lookFailed(now, err)
			case verdict == Found:
				now.State, now.Result, now.Failure, now.NotBefore = Done, receipt.Result, nil, time.Time{}
				return "found"
			case verdict == Repeat:
				return r.repeat(now)
			default:
				return r.absent(now, rc.Ladder())
			}
		})
	})
}

// looked stores what a look at was showed, unless another look came first.
func (r *runner) looked(tx store.Tx, was *record, fn func(now *record) string) error {
	old, err := find(tx, was.ID)
	if err != nil {
		return err
	}
	if old.State != Unknown || old.Stuck || old.Try != was.Try || old.Lookups != was.Lookups || old.LookFail != was.LookFail {
		return nil
	}
	now := old
	outcome := fn(&now)
	kind := now.Kind
	tx.OnCommit(func() { r.count(kind, outcome) })
	return r.change(tx, &old, &now)
}

// absent goes one rung up. At the last, not there means not sent: it is sent
// once more, and a second time a person decides, since a service that loses
// sight of its own may be wrong twice.
func (r *runner) absent(rec *record, ladder []time.Duration) string {
	rec.Lookups++
	rec.LookFail = 0
	switch {
	case rec.Lookups < len(ladder):
		rec.NotBefore = now().Add(ladder[rec.Lookups])
	case rec.Again > 0:
		r.stick(rec)
	default:
		rec.Again++
		rec.State, rec.NotBefore, rec.Failure = Queued, time.Time{}, nil
	}
	return "absent"
}

// repeat does again what harms nobody twice. It ends too: an action that kills
// its process would do so for ever.
func (r *runner) repeat(rec *record) string {
	rec.Again++
	rec.LookFail = 0
	if rec.Again >= r.opt.MaxAttempts {
		r.stick(rec)
		return "repeat"
	}
	rec.State, rec.NotBefore, rec.Failure = Queued, time.Time{}, nil
	if rec.Again > 1 {
		rec.NotBefore = now().Add(r.backoff(rec.Again - 1))
	}
	return "repeat"
}

// lookFailed tries the same rung again. Nothing is sent meanwhile; after many
// times a person may know better.
func (r *runner) lookFailed(rec *record, err error) string {
	var e *Error
	if errors.As(err, &e) && e.Outcome == Later && e.Failure.RetryAt.After(now()) {
		// The service says when it answers: to ask in vain until then tells
		// nothing, and a person would know no better.
		rec.NotBefore = e.Failure.RetryAt.UTC()
		return "lookup_later"
	}
	rec.LookFail++
	r.log.Warn("look up action", "kind", rec.Kind, "action", rec.ID, "attempt", rec.LookFail, "err", err)
	if rec.LookFail >= r.opt.MaxAttempts {
		r.stick(rec)
		return "lookup_failed"
	}
	rec.NotBefore = now().Add(r.backoff(rec.LookFail))
	return "lookup_failed"
}

func (r *runner) reconcile(ctx context.Context, rc Reconciler, a Action) (v Verdict, receipt Receipt, err error) {
	ctx, cancel := context.WithTimeout(ctx, r.opt.AttemptTimeout)
	defer cancel()
	defer r.caught(a, &err)
	return rc.Reconcile(ctx, a)
}
