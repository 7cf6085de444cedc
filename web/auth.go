package web

import (
	"context"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/perch-chat/perch/incident"
	"github.com/perch-chat/perch/store"
)

// authed is a handler of requests that have a token.
type authed func(w http.ResponseWriter, r *http.Request, t Token) error

// usedEvery is how exact Token.Used is: a write for each request would be dear.
const usedEvery = time.Hour

// anyScope is what requests need that every token may make.
const anyScope Scope = ""

// guard lets requests in that have a token with the scope, and not too many.
func (s *server) guard(scope Scope, h authed) http.Handler {
	return s.handle(func(w http.ResponseWriter, r *http.Request) error {
		kind, secret, _ := strings.Cut(r.Header.Get("Authorization"), " ")
		secret = strings.TrimSpace(secret)
		if !strings.EqualFold(kind, "bearer") || secret == "" || len(secret) > 512 {
			return &fail{code: codeToken}
		}
		var t Token
		var ok bool
		err := s.DB.View(r.Context(), func(tx store.Tx) error {
			var err error
			t, ok, err = s.keys.find(tx, secret)
			return err
		})
		if err != nil {
			return err
		}
		if !ok {
			return &fail{code: codeToken}
		}
		if !s.limits.allow(w.Header(), t.ID, r.Method == http.MethodGet || r.Method == http.MethodHead, time.Now()) {
			return &fail{code: codeRate}
		}
		if scope != anyScope && !t.May(scope) {
			return &fail{code: codeForbidden, problems: []problem{{Title: "Unauthorized Action. The token lacks the scope " + string(scope)}}}
		}
		if time.Since(t.Used) > usedEvery {
			s.used(r.Context(), t)
		}
		return h(w, r, t)
	})
}

// used notes that a token was used. That it fails is no reason to refuse the
// request.
func (s *server) used(ctx context.Context, token Token) {
	err := s.DB.Update(ctx, func(tx store.Tx) error {
		t, err := tokens.Get(tx, store.Key(token.Hash))
		if err != nil {
			return err
		}
		t.Used = time.Now().UTC()
		return tokens.Put(tx, t)
	})
	if err != nil {
		s.Log.Warn("note a token's use", "token", token.ID, "err", err)
	}
}

// by is the token as the author of what it writes.
func by(t Token) incident.Person { return incident.Person{Ref: "token:" + t.ID, Name: t.Name} }

const (
	defaultRate = 3000
	windowSize  = 60 // seconds
)

// limiter counts each token's requests in a window that slides over the last
// minute, reads and writes apart. It is kept in memory, for each process.
type limiter struct {
	limit int
	mu    sync.Mutex
	wins  map[string]*window
	swept time.Time
}

type window struct {
	counts [windowSize]int
	last   int64 // the second that was counted last
}

// allow counts a request, unless there were too many, and says in h how many
// are left.
func (l *limiter) allow(h http.Header, token string, read bool, now time.Time) bool {
	if read {
		token += ":r"
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.sweep(now)
	win := l.wins[token]
	if win == nil {
		win = &window{}
		l.wins[token] = win
	}
	used, reset := win.slide(now.Unix())
	ok := used < l.limit
	if ok {
		win.counts[now.Unix()%windowSize]++
		used++
		if used == 1 {
			reset = now.Unix() + windowSize
		}
	} else {
		h.Set("Retry-After", strconv.FormatInt(max(1, reset-now.Unix()), 10))
	}
	limit, left, at := strconv.Itoa(l.limit), strconv.Itoa(max(0, l.limit-used)), strconv.FormatInt(reset, 10)
	for _, family := range []string{"RateLimit-", "X-RateLimit-"} { // Rootly's documents and its clients disagree
		h.Set(family+"Limit", limit)
		h.Set(family+"Remaining", left)
		h.Set(family+"Reset", at)
	}
	h.Set("X-RateLimit-Used", strconv.Itoa(used))
	return ok
}

// slide forgets what is over a minute ago, and returns how many requests are
// left in the window and when the first of them leaves it.
func (w *window) slide(now int64) (used int, reset int64) {
	if now-w.last >= windowSize || now < w.last {
		w.counts = [windowSize]int{}
	} else {
		for sec := w.last + 1; sec <= now; sec++ {
			w.counts[sec%windowSize] = 0
		}
	}
	w.last = now
	for sec := now - windowSize + 1; sec <= now; sec++ {
		n := w.counts[((sec%windowSize)+windowSize)%windowSize]
		if n > 0 && used == 0 {
			reset = sec + windowSize
		}
		used += n
	}
	return used, reset
}

// sweep forgets tokens that weren't used for a while.
func (l *limiter) sweep(now time.Time) {
	if l.wins == nil {
		l.wins = map[string]*window{}
	}
	if now.Sub(l.swept) < windowSize*time.Second {
		return
	}
	l.swept = now
	for k, w := range l.wins {
		if now.Unix()-w.last > windowSize {
			delete(l.wins, k)
		}
	}
}
