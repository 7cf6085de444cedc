package xapi

import (
	"net/http"
	"strconv"
	"time"
)

// Limits is what a response's headers say of how many more calls X takes of
// this endpoint. A window whose limit is zero was not mentioned.
// See https://docs.x.com/x-api/fundamentals/rate-limits.
type Limits struct {
	Limit, Remaining int // of the window of (mostly) 15 minutes
	Reset            time.Time

	DayLimit, DayRemaining int // of this user's 24 hours
	DayReset               time.Time

	AppDayLimit, AppDayRemaining int // of the whole app's 24 hours
	AppDayReset                  time.Time

	RetryAfter time.Duration
}

// Known reports whether X said anything about limits.
func (l Limits) Known() bool {
	return l.Limit > 0 || l.DayLimit > 0 || l.AppDayLimit > 0 || l.RetryAfter > 0
}

// Next is the earliest time at which X takes another call, judged by every
// window that is used up; it is zero if one may be made now.
func (l Limits) Next(now time.Time) time.Time {
	var next time.Time
	later := func(t time.Time) {
		if t.After(now) && t.After(next) {
			next = t
		}
	}
	if l.Limit > 0 && l.Remaining <= 0 {
		later(l.Reset)
	}
	if l.DayLimit > 0 && l.DayRemaining <= 0 {
		later(l.DayReset)
	}
	if l.AppDayLimit > 0 && l.AppDayRemaining <= 0 {
		later(l.AppDayReset)
	}
	if l.RetryAfter > 0 {
		later(now.Add(l.RetryAfter))
	}
	return next
}

// maxRetryAfter keeps a nonsensical header from stopping an account for years.
const maxRetryAfter = 24 * time.Hour

func readLimits(h http.Header, now time.Time) Limits {
	var l Limits
	l.Limit, l.Remaining, l.Reset = readWindow(h, "x-rate-limit-")
	l.DayLimit, l.DayRemaining, l.DayReset = readWindow(h, "x-user-limit-24hour-")
	l.AppDayLimit, l.AppDayRemaining, l.AppDayReset = readWindow(h, "x-app-limit-24hour-")
	if s := h.Get("retry-after"); s != "" {
		if n, err := strconv.Atoi(s); err == nil && n > 0 {
			l.RetryAfter = time.Duration(min(n, int(maxRetryAfter/time.Second))) * time.Second
		} else if at, err := http.ParseTime(s); err == nil && at.After(now) {
			l.RetryAfter = min(at.Sub(now), maxRetryAfter)
		}
	}
	return l
}

// readWindow takes a window only whole: a limit without what remains of it
// would read as used up.
func readWindow(h http.Header, prefix string) (limit, remaining int, reset time.Time) {
	limit, err := strconv.Atoi(h.Get(prefix + "limit"))
	if err != nil || limit <= 0 {
		return 0, 0, time.Time{}
	}
	remaining, err = strconv.Atoi(h.Get(prefix + "remaining"))
	if err != nil || remaining < 0 {
		return 0, 0, time.Time{}
	}
	if unix, err := strconv.ParseInt(h.Get(prefix+"reset"), 10, 64); err == nil && unix > 0 && unix < 1<<40 {
		reset = time.Unix(unix, 0).UTC()
	}
	return limit, remaining, reset
}
