package slackfake

import "time"

// limiter counts calls per method and minute, as Slack's tiers do. It is off
// until Limits(true). Guarded by Server.mu.
type limiter struct {
	on, noHeader bool
	budget       map[string]int // by method, instead of the tier's
	windows      map[string]*window
	posts        map[string]*bucket
}

type window struct {
	start time.Time
	n     int
}

type bucket struct {
	at    time.Time
	level float64
}

// postBurst is how many posts a channel takes at once before 1 a second counts.
const postBurst = 3

// Limits switches rate limits on or off and forgets what was counted.
func (s *Server) Limits(on bool) {
	_ = s.do(func() error {
		s.limits = limiter{on: on, budget: s.limits.budget, noHeader: s.limits.noHeader}
		return nil
	})
}

// SetLimit gives a method its own budget a minute.
func (s *Server) SetLimit(method string, perMinute int) {
	_ = s.do(func() error {
		if s.limits.budget == nil {
			s.limits.budget = map[string]int{}
		}
		s.limits.budget[method] = perMinute
		return nil
	})
}

// OmitRetryAfter leaves the Retry-After header out of 429 answers.
func (s *Server) OmitRetryAfter(omit bool) {
	_ = s.do(func() error { s.limits.noHeader = omit; return nil })
}

// take counts the call and returns how long to wait if it was one too many.
func (l *limiter) take(now time.Time, c *call) time.Duration {
	if !l.on {
		return 0
	}
	team := ""
	if c.team != nil {
		team = c.team.id
	}
	if c.name == "chat.postMessage" {
		return l.post(now, team+c.str("channel"))
	}
	budget, ok := l.budget[c.name]
	if !ok {
		budget = map[int]int{0: 600, 1: 1, 2: 20, 3: 50, 4: 100}[c.m.tier]
	}
	if l.windows == nil {
		l.windows = map[string]*window{}
	}
	key := team + "|" + c.name
	w := l.windows[key]
	if w == nil || now.Sub(w.start) >= time.Minute {
		w = &window{start: now}
		l.windows[key] = w
	}
	if w.n >= budget {
		return max(w.start.Add(time.Minute).Sub(now), time.Second)
	}
	w.n++
	return 0
}

func (l *limiter) post(now time.Time, key string) time.Duration {
	if l.posts == nil {
		l.posts = map[string]*bucket{}
	}
	b := l.posts[key]
	if b == nil {
		b = &bucket{at: now, level: postBurst}
		l.posts[key] = b
	}
	b.level = min(b.level+now.Sub(b.at).Seconds(), postBurst)
	b.at = now
	if b.level < 1 {
		return time.Second
	}
	b.level--
	return 0
}
