package app

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/perch-chat/perch/internal/accounts"
	"github.com/perch-chat/perch/internal/outbox"
	"github.com/perch-chat/perch/xapi"
)

// TestFate is the table of what a failed call of X means for its action. What
// isn't X's clear word may have had its effect.
func TestFate(t *testing.T) {
	t.Parallel()
	soon := time.Now().Add(time.Minute).UTC()
	known := &outbox.Error{Outcome: outbox.Rejected, Failure: outbox.Failure{Code: "ours"}}
	const unknown = outbox.Outcome(-1)
	for name, c := range map[string]struct {
		err  error
		want outbox.Outcome
		lane string // that is held
	}{
		"no error of X":        {errors.New("connection reset"), unknown, ""},
		"ended":                {fmt.Errorf("call: %w", context.DeadlineExceeded), unknown, ""},
		"known already":        {known, outbox.Rejected, ""},
		"uncertain":            {&xapi.Error{Status: 503, Code: xapi.CodeServer, Uncertain: true}, outbox.Uncertain, ""},
		"uncertain, of limits": {&xapi.Error{Status: 429, Code: xapi.CodeRateLimited, Uncertain: true}, outbox.Uncertain, ""},
		"refused":              {&xapi.Error{Status: 403, Code: xapi.CodeDuplicate}, outbox.Rejected, ""},
		"rate limited":         {&xapi.Error{Status: 429, Code: xapi.CodeRateLimited, Limits: xapi.Limits{Limit: 5, Reset: soon}}, outbox.Later, "x:1:post"},
		"no credits":           {&xapi.Error{Status: 402, Code: xapi.CodeNoCredits}, outbox.Later, "x:1"},
		"usage cap":            {&xapi.Error{Status: 429, Code: xapi.CodeUsageCap}, outbox.Later, "x:1"},
		"suspended":            {&xapi.Error{Status: 403, Code: xapi.CodeSuspended}, outbox.Later, "x:1"},
		"locked":               {&xapi.Error{Status: 403, Code: xapi.CodeLocked}, outbox.Later, "x:1"},
		"not enrolled":         {&xapi.Error{Status: 403, Code: xapi.CodeNotEnrolled}, outbox.Later, "x:1"},
		"token refused twice":  {&xapi.Error{Status: 401, Code: xapi.CodeUnauthorized}, outbox.Later, "x:1"},
	} {
		err := (&xs{recheck: time.Minute}).fate("1", "post", c.err)
		if !errors.Is(err, c.err) {
			t.Errorf("%s: %v hides its cause", name, err)
		}
		var e *outbox.Error
		if got := errors.As(err, &e); got == (c.want == unknown) {
			t.Errorf("%s: %v, want an outcome: %v", name, err, c.want != unknown)
			continue
		}
		if e == nil {
			continue
		}
		lane := ""
		if e.Hold != nil {
			lane = e.Hold.Lane
			if !e.Hold.Until.After(time.Now()) {
				t.Errorf("%s: held until %v, and nobody releases it", name, e.Hold.Until)
			}
		}
		if e.Outcome != c.want || lane != c.lane {
			t.Errorf("%s: outcome %d, lane %q held; want %d, %q", name, e.Outcome, lane, c.want, c.lane)
		}
	}
}

// TestTokenError: for want of a token nothing was sent, and an account that has
// to be connected again waits for that, whatever else it has to send.
func TestTokenError(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		err  error
		code string
		held bool
	}{
		"grant dead":   {&accounts.Error{Code: accounts.CodeReconnectNeeded, Message: "Connect it again."}, "reconnect_needed", true},
		"disconnected": {&accounts.Error{Code: accounts.CodeUnauthorized, Message: "Connect it again."}, "unauthorized", true},
		"later":        {&accounts.Error{Code: accounts.CodeLater, Message: "Later."}, "later", false},
		"store away":   {errors.New("disk full"), "no_token", false},
	} {
		err := tokenError("1", fmt.Errorf("get: %w", c.err))
		var e *outbox.Error
		if !errors.As(err, &e) || !errors.Is(err, c.err) {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if e.Outcome != outbox.Later || e.Failure.Code != c.code || (e.Hold != nil) != c.held {
			t.Errorf("%s: outcome %d, %+v, hold %+v", name, e.Outcome, e.Failure, e.Hold)
		}
		if e.Hold != nil && (e.Hold.Lane != "x:1" || !e.Hold.Until.IsZero()) {
			t.Errorf("%s: hold %+v, want the account's until it is connected", name, e.Hold)
		}
	}
}
