package app

import (
	"context"
	"errors"
	"time"

	"github.com/perch-chat/perch/internal/accounts"
	"github.com/perch-chat/perch/internal/outbox"
	"github.com/perch-chat/perch/xapi"
)

// recheck is how long a lane is held for a reason that only somebody at X's
// console can end, before one action is tried to see whether it is over. Such
// a call costs nothing.
const recheck = time.Minute

// xs is what the executors of the x kinds share.
type xs struct {
	x       *xapi.Client
	acc     *accounts.Accounts
	recheck time.Duration
}

// as calls X with the account's token, and once more with a fresh one if X
// does not take the first.
func (s *xs) as(ctx context.Context, account string, call func(access string) error) error {
	access, err := s.acc.Token(ctx, account)
	if err != nil {
		return tokenError(account, err)
	}
	err = call(access)
	var e *xapi.Error
	if !errors.As(err, &e) || e.Code != xapi.CodeUnauthorized {
		return err
	}
	if access, err = s.acc.Invalidate(ctx, account, access); err != nil {
		return tokenError(account, err)
	}
	return call(access)
}

// tokenError is for calls that were never made for want of a token. The
// account's own hold keeps the action, and says why.
func tokenError(account string, err error) error {
	var e *accounts.Error
	if !errors.As(err, &e) {
		return &outbox.Error{Outcome: outbox.Later, Err: err, Failure: outbox.Failure{
			Code: "no_token", Message: "Perch could not get a key for the account. It tries again by itself.",
		}}
	}
	out := &outbox.Error{Outcome: outbox.Later, Err: err, Failure: outbox.Failure{Code: string(e.Code), Message: e.Message}}
	if e.Code == accounts.CodeReconnectNeeded || e.Code == accounts.CodeUnauthorized {
		out.Hold = &outbox.Hold{Lane: accounts.Lane(account), Code: "reconnect", Message: e.Message, Since: time.Now().UTC()}
	}
	return out
}

// pace is X's word on the lane's limits.
func pace(lane string, l xapi.Limits) []outbox.Pace {
	if !l.Known() {
		return nil
	}
	out := []outbox.Pace{{Lane: lane, Remaining: l.Remaining, Reset: l.Reset}}
	if l.DayLimit > 0 {
		out = append(out, outbox.Pace{Lane: lane, Remaining: l.DayRemaining, Reset: l.DayReset})
	}
	if l.AppDayLimit > 0 {
		out = append(out, outbox.Pace{Lane: lane, Remaining: l.AppDayRemaining, Reset: l.AppDayReset})
	}
	return out
}

// fate turns a failed call into what becomes of its action. what is "post" or
// "dm", the lane that X's limits are of.
func (s *xs) fate(account, what string, err error) error {
	var known *outbox.Error
	if err == nil || errors.As(err, &known) {
		return err
	}
	var e *xapi.Error
	if !errors.As(err, &e) {
		return err // nobody knows
	}
	lane := accounts.Lane(account)
	out := &outbox.Error{
		Outcome: outbox.Rejected, Err: err, Pace: pace(lane+":"+what, e.Limits),
		Failure: outbox.Failure{Code: string(e.Code), Message: e.Message, Detail: e.Error()},
	}
	hold := func(lane string, until time.Time) {
		out.Outcome = outbox.Later
		out.Hold = &outbox.Hold{Lane: lane, Code: string(e.Code), Message: e.Message, Since: time.Now().UTC(), Until: until}
	}
	switch {
	case e.Uncertain:
		out.Outcome = outbox.Uncertain
	case e.Code == xapi.CodeRateLimited:
		hold(lane+":"+what, e.Limits.Next(time.Now()))
	case e.Code == xapi.CodeNoCredits, e.Code == xapi.CodeUsageCap, e.Code == xapi.CodeSuspended, e.Code == xapi.CodeLocked,
		e.Code == xapi.CodeNotEnrolled:
		hold(lane, time.Now().Add(s.recheck).UTC())
	case e.Code == xapi.CodeUnauthorized:
		// Even the fresh token was refused: most likely X is having trouble
		// (https://docs.x.com/incidents), for a revoked grant can't be renewed.
		hold(lane, time.Now().Add(s.recheck).UTC())
	case e.Temporary():
		out.Outcome = outbox.Later
	}
	return out
}
