package rcfake

import (
	"net/http"
	"strconv"
	"time"
)

// limiter counts calls a route and caller, as the server does: a window that
// begins with the first call, in which refused calls count too.
type limiter struct {
	on      bool
	calls   int // the default number, 10 if 0
	window  time.Duration
	routes  map[string]int // a route's own number, instead of the default
	windows map[string]*window
}

type window struct {
	from time.Time
	n    int
}

// Limits switches the limiter on or off and forgets what was counted. calls a
// window is the default of the routes; 0 means the server's 10 a minute.
func (s *Server) Limits(on bool, calls int, window time.Duration) {
	_ = s.do(func() error {
		s.limits = limiter{on: on, calls: calls, window: window, routes: s.limits.routes}
		s.st.settings["API_Enable_Rate_Limiter"] = on
		return nil
	})
}

// SetLimit gives a route, such as "POST livechat/message", its own number of calls.
func (s *Server) SetLimit(route string, calls int) {
	_ = s.do(func() error {
		if s.limits.routes == nil {
			s.limits.routes = map[string]int{}
		}
		s.limits.routes[route] = calls
		return nil
	})
}

// take counts a call and says what the caller is told of it, if the caller is
// not exempt.
func (l *limiter) take(now time.Time, rt route, caller string, exempt bool) (http.Header, time.Duration) {
	if !l.on || exempt {
		return nil, 0
	}
	most, every := l.calls, l.window
	if most == 0 {
		most = 10
	}
	if every == 0 {
		every = time.Minute
	}
	if rt.limit > 0 {
		most = rt.limit // written into the route: no setting changes it
		every = max(every, time.Minute)
		if l.window != 0 {
			every = l.window
		}
	}
	if n, ok := l.routes[rt.name()]; ok {
		most = n
	}
	if l.windows == nil {
		l.windows = map[string]*window{}
	}
	key := rt.name() + "|" + caller
	w := l.windows[key]
	if w == nil || now.Sub(w.from) >= every {
		w = &window{from: now}
		l.windows[key] = w
	}
	w.n++
	reset := w.from.Add(every)
	h := http.Header{}
	h.Set("X-RateLimit-Limit", strconv.Itoa(most))
	h.Set("X-RateLimit-Remaining", strconv.Itoa(max(most-w.n, 0)))
	// The server adds what is left of the window to the time at which it writes
	// the header, so that each answer of a window tells a slightly other end.
	h.Set("X-RateLimit-Reset", strconv.FormatInt(reset.UnixMilli()+int64(w.n%4), 10))
	if w.n > most {
		return h, max(reset.Sub(now), time.Millisecond)
	}
	return h, 0
}
