package rocketchat

import (
	"context"
	"math"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/perch-chat/perch/bot"
)

// patience is how long a call waits for its route by itself. A longer wait is
// an answer, so that the caller's other work goes on.
const patience = 2 * time.Second

// sameEnd is how far apart two ends may be that are of one window: the server
// reckons it anew for each answer.
const sameEnd = 100 * time.Millisecond

// clocksDiffer is how far apart clocks are that differ: a Date has no parts of
// a second, and took its time.
const clocksDiffer = 5 * time.Second

// turn is how long is waited for an answer that tells of the window.
const turn = 50 * time.Millisecond

// limiter keeps each route within what the server last said of it. The server
// counts by route and address, refused calls too, in windows of a minute.
// See https://developer.rocket.chat/apidocs/rate-limiters
type limiter struct {
	mu     sync.Mutex
	routes map[string]*allowance
	off    atomic.Int64 // see clock
}

// clock is how much later it is by the server's clock than by ours, where they
// differ.
func (l *limiter) clock() time.Duration { return time.Duration(l.off.Load()) }

type allowance struct {
	limit int // calls a window, 0 if the server did not say
	left  int
	reset time.Time // zero: the window has not begun
	began time.Time // when the first call of a new window went out
}

func newLimiter() *limiter { return &limiter{routes: map[string]*allowance{}} }

// take waits for a route, or says when it is free again.
func (l *limiter) take(ctx context.Context, route string) error {
	for {
		wait := l.reserve(route)
		if wait <= 0 {
			return nil
		}
		if wait > patience {
			return wouldExceed(wait)
		}
		t := time.NewTimer(wait)
		select {
		case <-t.C:
		case <-ctx.Done():
			t.Stop()
			return &bot.Error{Code: "cancelled", Message: "The call was called off before it began.", Temporary: true, Err: ctx.Err()}
		}
	}
}

// reserve takes one call of the route's, or returns how long there is none.
func (l *limiter) reserve(route string) time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	a := l.routes[route]
	if a == nil {
		return 0
	}
	if !a.reset.IsZero() && time.Until(a.reset) <= 0 {
		// A new window, as large as the last: no more calls go out at once than
		// it takes, for refused ones count too.
		a.left, a.reset, a.began = a.limit, time.Time{}, time.Now()
	}
	if a.reset.IsZero() && a.left == 0 && time.Since(a.began) > patience {
		a.left, a.began = a.limit, time.Now() // none of them was answered
	}
	switch {
	case a.limit == 0 && a.reset.IsZero():
		return 0
	case a.left > 0:
		a.left--
		return 0
	case a.reset.IsZero():
		return turn // until the first answer of the window
	}
	return time.Until(a.reset)
}

// heard learns from an answer's headers. Times are milliseconds since 1970.
func (l *limiter) heard(route string, h http.Header, status int) {
	refused := status == http.StatusTooManyRequests
	if date, err := http.ParseTime(h.Get("Date")); err == nil {
		off := time.Until(date)
		if off.Abs() <= clocksDiffer {
			off = 0
		}
		l.off.Store(int64(off))
	}
	left, err := strconv.Atoi(h.Get("X-RateLimit-Remaining"))
	ms, err2 := strconv.ParseInt(h.Get("X-RateLimit-Reset"), 10, 64)
	l.mu.Lock()
	defer l.mu.Unlock()
	if err != nil || err2 != nil {
		if refused { // by a proxy, which may say how long
			wait := time.Minute
			if s, err := strconv.Atoi(h.Get("Retry-After")); err == nil && s > 0 {
				wait = min(time.Duration(s)*time.Second, time.Hour)
			}
			l.routes[route] = &allowance{reset: time.Now().Add(wait)}
		} else if a := l.routes[route]; a != nil && a.limit > 0 && status < 300 {
			delete(l.routes, route) // the limiter was switched off, or the bot may pass it by now
		}
		return
	}
	reset := time.UnixMilli(ms)
	// The end is one by the server's clock: one that is off, here or there, must
	// not let calls through or hold them up.
	reset = reset.Add(-l.clock())
	if d := time.Until(reset); d > time.Hour {
		reset = time.Now().Add(time.Hour) // a clock that is wrong must not stop us for good
	}
	a := l.routes[route]
	if a == nil {
		a = &allowance{left: left}
		l.routes[route] = a
	}
	if n, err := strconv.Atoi(h.Get("X-RateLimit-Limit")); err == nil && n > 0 {
		a.limit = n
	}
	switch {
	case a.reset.IsZero(), reset.Sub(a.reset).Abs() < sameEnd: // answers overtake each other
		a.left, a.reset = min(a.left, left), later(a.reset, reset)
	case reset.After(a.reset):
		a.left, a.reset = left, reset
	}
	if refused {
		a.left = 0
	}
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// told is how many calls of a route the server takes in a window, 0 if it said
// nothing of that.
func (l *limiter) told(route string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	if a := l.routes[route]; a != nil {
		return a.limit
	}
	return 0
}

// tooMany is the error of a refused call.
func (l *limiter) tooMany(route string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	wait := time.Minute
	if a := l.routes[route]; a != nil {
		wait = max(time.Until(a.reset), time.Second)
	}
	return wouldExceed(wait)
}

// codeLimited is the code of a call that is put off, or was refused, for its
// route's limit.
const codeLimited = "rate_limited"

func wouldExceed(wait time.Duration) error {
	return &bot.Error{
		Code: codeLimited, Message: "Rocket.Chat takes no more calls of this kind for a moment. Perch goes on by itself.",
		Temporary: true, RetryAfter: int(math.Ceil(wait.Seconds())),
	}
}
