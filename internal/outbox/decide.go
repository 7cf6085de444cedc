package outbox

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/perch-chat/perch/store"
)

// Submit queues a draft.
func (o *Outbox) Submit(tx store.Tx, id, by string) (Action, error) {
	return o.decide(tx, id, by, func(rec *record) error {
		if rec.State != Draft {
			return fmt.Errorf("%w: only a draft can be sent, this is %s", ErrState, describe(rec))
		}
		o.release(rec)
		return nil
	})
}

// Approve queues an action that awaits approval. Who created it can't approve it.
func (o *Outbox) Approve(tx store.Tx, id, by string) (Action, error) {
	return o.decide(tx, id, by, func(rec *record) error {
		if rec.State != Awaiting {
			return fmt.Errorf("%w: only what awaits approval can be approved, this is %s", ErrState, describe(rec))
		}
		if by == rec.CreatedBy {
			return ErrSelfApproval
		}
		o.release(rec)
		rec.ApprovedBy = by
		return nil
	})
}

// release queues what a person has just said yes to: that is also the answer
// to whether it is too late.
func (o *Outbox) release(rec *record) {
	rec.State = Queued
	if !rec.Expires.IsZero() && !rec.Expires.After(now()) {
		rec.Expires = time.Time{}
	}
}

// Cancel withdraws an action that has not gone out: a draft, one that awaits
// approval, is queued, has failed or is stuck. What comes after it is cancelled
// too. ErrTooLate is returned for one that is on its way or has gone out.
func (o *Outbox) Cancel(tx store.Tx, id, by string) (Action, error) {
	return o.decide(tx, id, by, func(rec *record) error {
		switch {
		case rec.State == Cancelled:
			return errUnchanged
		case rec.State == Done:
			return fmt.Errorf("%w: it has gone out", ErrTooLate)
		case rec.State == Attempting:
			return fmt.Errorf("%w: it is being sent", ErrTooLate)
		case rec.State == Unknown && !rec.Stuck:
			return fmt.Errorf("%w: it may have gone out, which is being looked up", ErrTooLate)
		}
		rec.State, rec.Stuck = Cancelled, false
		return nil
	})
}

// Retry queues, for now, an action that failed, is stuck or waits for its next
// try. It is a person's word: lateness no longer matters, and the tries are
// counted anew.
func (o *Outbox) Retry(tx store.Tx, id, by string) (Action, error) {
	return o.decide(tx, id, by, func(rec *record) error {
		switch {
		case rec.State == Failed, rec.State == Unknown && rec.Stuck:
		case rec.State == Queued && rec.Failure != nil:
		case rec.State == Queued && rec.NotBefore.After(now()):
			return fmt.Errorf("%w: it is scheduled, there is nothing to try again", ErrState)
		case rec.State == Queued, rec.State == Attempting:
			return errUnchanged // it is pressed twice: the first was enough
		case rec.State == Unknown:
			return fmt.Errorf("%w: it may have gone out, which is being looked up", ErrTooLate)
		default:
			return fmt.Errorf("%w: only what failed or is stuck can be tried again, this is %s", ErrState, describe(rec))
		}
		rec.State, rec.Stuck, rec.Failure = Queued, false, nil
		rec.NotBefore, rec.Expires = time.Time{}, time.Time{}
		rec.Laters, rec.Holds, rec.Again, rec.Lookups, rec.LookFail = 0, 0, 0, 0, 0
		return nil
	})
}

// Settle marks a stuck action as done: a person saw that it went out.
func (o *Outbox) Settle(tx store.Tx, id, by string, result json.RawMessage) (Action, error) {
	return o.decide(tx, id, by, func(rec *record) error {
		if rec.State == Done {
			return errUnchanged
		}
		if rec.State != Unknown || !rec.Stuck {
			return fmt.Errorf("%w: only what is stuck can be settled, this is %s", ErrState, describe(rec))
		}
		rec.State, rec.Stuck, rec.Failure, rec.Result = Done, false, nil, result
		return nil
	})
}

// SetPayload replaces what an action says, while it is a draft, awaits approval
// or is queued and was never attempted.
func (o *Outbox) SetPayload(tx store.Tx, id string, payload json.RawMessage) (Action, error) {
	if !json.Valid(payload) {
		return Action{}, fmt.Errorf("outbox: change %s: the payload is not JSON", id)
	}
	return o.decide(tx, id, "", func(rec *record) error {
		switch rec.State {
		case Draft, Awaiting:
		case Queued:
			if rec.Attempts > 0 {
				return fmt.Errorf("%w: it was tried already", ErrTooLate)
			}
		case Attempting, Done, Unknown:
			return fmt.Errorf("%w: it is %s", ErrTooLate, describe(rec))
		default:
			return fmt.Errorf("%w: it is %s", ErrState, describe(rec))
		}
		rec.Payload = payload
		return nil
	})
}

// errUnchanged tells decide that all is as it should be.
var errUnchanged = errors.New("unchanged")

// decide makes a change that somebody asked for.
func (o *Outbox) decide(tx store.Tx, id, by string, fn func(rec *record) error) (Action, error) {
	old, err := find(tx, id)
	if err != nil {
		return Action{}, err
	}
	rec := old
	switch err := fn(&rec); {
	case err == errUnchanged: //nolint:errorlint // it is never wrapped
		return old.Action, nil
	case err != nil:
		return old.Action, err
	}
	if by != "" {
		rec.ChangedBy = by
	}
	if rec.State == Queued && old.State != Queued && old.Try == 0 {
		if err := o.clearSlot(tx, &rec); err != nil {
			return Action{}, err
		}
	}
	if err := o.change(tx, &old, &rec); err != nil {
		return Action{}, err
	}
	return rec.Action, nil
}

// describe is the state in a person's words.
func describe(rec *record) string {
	switch rec.State {
	case Draft:
		return "a draft"
	case Awaiting:
		return "awaiting approval"
	case Queued:
		return "queued"
	case Attempting:
		return "being sent"
	case Done:
		return "done"
	case Failed:
		return "failed"
	case Cancelled:
		return "cancelled"
	case Unknown:
		if rec.Stuck {
			return "stuck"
		}
		return "being looked up"
	}
	return string(rec.State)
}
