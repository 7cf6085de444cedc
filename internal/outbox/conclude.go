package outbox

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/perch-chat/perch/store"
)

// conclude makes rec what the outcome of its attempt says, and names the
// outcome. Only what was answered clearly counts as clear: anything but an
// [Error] may have had its effect.
func (o *Outbox) conclude(rec *record, receipt Receipt, err error) (outcome string) {
	var e *Error
	switch {
	case err == nil:
		rec.State, rec.Result, rec.Failure = Done, receipt.Result, nil
		rec.NotBefore, rec.Holds = time.Time{}, 0
		return "done"
	case !errors.As(err, &e):
		o.uncertain(rec, &Failure{Code: "no_answer", Detail: detail(err)})
		return "unknown"
	case e.Outcome == Uncertain:
		o.uncertain(rec, failure(e))
		return "unknown"
	case e.Hold != nil:
		o.heldBack(rec, e)
		return "held"
	case e.Outcome == Later:
		o.later(rec, e)
		return "later"
	default:
		rec.State, rec.Failure, rec.NotBefore = Failed, failure(e), time.Time{}
		return "rejected"
	}
}

func failure(e *Error) *Failure {
	f := e.Failure
	if f.Code == "" {
		f.Code = "failed"
	}
	if f.Detail == "" && e.Err != nil {
		f.Detail = detail(e.Err)
	}
	return &f
}

// detail is an error for the log, cut to a size that does no harm.
func detail(err error) string {
	const most = 500
	s := err.Error()
	if len(s) > most {
		s = s[:most] + "…"
	}
	return s
}

// uncertain has rec looked up, or decided by a person if nobody can look.
func (o *Outbox) uncertain(rec *record, f *Failure) {
	rec.State, rec.Failure = Unknown, f
	rec.Lookups, rec.LookFail = 0, 0
	rc, ok := o.kinds[rec.Kind].(Reconciler)
	if !ok && o.kinds[rec.Kind] != nil {
		o.stick(rec)
		return
	}
	if f.Message == "" {
		f.Message = "No clear answer came, so it may have gone out. Perch is looking for it before it does anything else."
	}
	rec.NotBefore = now()
	if ok {
		if ladder := rc.Ladder(); len(ladder) > 0 {
			rec.NotBefore = now().Add(ladder[0])
		}
	}
}

// stick leaves it to a person.
func (o *Outbox) stick(rec *record) {
	f := Failure{Code: "unknown_outcome"}
	if rec.Failure != nil {
		f = *rec.Failure
	}
	f.Message = "It is not known whether this went out. Have a look: if it is there, settle it; if it isn't, send it again."
	rec.Stuck, rec.NotBefore, rec.Failure = true, time.Time{}, &f
}

// heldBack has rec wait for a lane. That is no attempt of its own.
func (o *Outbox) heldBack(rec *record, e *Error) {
	f := failure(e)
	if f.Message == "" {
		f.Message = e.Hold.Message
	}
	rec.State, rec.Failure = Queued, f
	rec.Attempts--
	rec.Holds++
	f.RetryAt = e.Hold.Until
	rec.NotBefore = time.Time{}
	soon := !e.Hold.Until.IsZero() && time.Until(e.Hold.Until) < time.Second
	if soon || !slices.Contains(rec.Lanes, e.Hold.Lane) {
		// The hold alone would not keep it from trying in circles.
		rec.NotBefore = now().Add(o.backoff(rec.Holds))
		f.RetryAt = rec.NotBefore
	}
}

// applyHold stores the hold that an outcome asks for.
func (o *Outbox) applyHold(tx store.Tx, rec *record, err error) error {
	var e *Error
	if !errors.As(err, &e) || e.Hold == nil || e.Hold.Lane == "" {
		return nil
	}
	h := *e.Hold
	if h.Message == "" {
		h.Message = message(rec.Failure)
	}
	if h.Code == "" {
		h.Code = code(rec.Failure)
	}
	return o.Hold(tx, h)
}

// later has rec tried again, or gives it up after so many times.
func (o *Outbox) later(rec *record, e *Error) {
	f := failure(e)
	rec.Failure, rec.Holds = f, 0
	rec.Laters++
	if rec.Laters >= o.opt.MaxAttempts {
		rec.State, rec.NotBefore = Failed, time.Time{}
		f.RetryAt = time.Time{}
		f.Message += fmt.Sprintf(" Perch tried %d times and gave up: try again, or discard it.", rec.Laters)
		return
	}
	rec.State = Queued
	rec.NotBefore = f.RetryAt.UTC()
	if f.RetryAt.IsZero() {
		rec.NotBefore = now().Add(o.backoff(rec.Laters))
	}
	f.RetryAt = rec.NotBefore
}

// backoff is the wait after the nth time, with some chance in it so that what
// failed together isn't tried together.
func (o *Outbox) backoff(n int) time.Duration {
	d := o.opt.MaxBackoff
	if n < 32 {
		d = min(d, o.opt.Backoff<<(max(n, 1)-1))
	}
	if d <= 0 {
		d = o.opt.MaxBackoff
	}
	return d - time.Duration(rand.Int64N(int64(d)/5+1)) //nolint:gosec // nobody gains by guessing it
}
