package rcfake

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Options say which workspace it is.
type Options struct {
	Version string // of the server, default "8.8.1"; "7.13.0" answers as a server of the line 7 does, "9.0.0" as line 9 is going to
	Bot     User   // default twitter.bot with the roles bot and livechat-manager and the token "bot-token"
	Limits  bool   // whether calls are limited from the start
	Log     *slog.Logger
	Seed    uint64
}

// Server is one workspace. It is safe for concurrent use.
type Server struct {
	opt    Options
	log    *slog.Logger
	major  int
	routes []route

	mu        sync.Mutex
	st        state
	base      string
	last      time.Time
	rnd       *rand.Rand
	calls     []Call
	faults    []*fault
	limits    limiter
	ddp       ddpLimits
	deafTo    string // the stream of which no more subscriptions are taken
	sessions  map[*session]bool
	waiters   map[int]chan struct{}
	nextWait  int
	roomDelay chan struct{} // see RaceRooms
	closing   *user         // see CloseWhileWriting
	down      bool          // see Stop
	pongs     int

	lose int // messages that the streams keep to themselves

	apps http.Handler // see SetApps

	ctx  context.Context //nolint:containedctx // the server's own life, ended by Close
	stop context.CancelFunc
	bg   sync.WaitGroup
}

// New returns a workspace with the bot in it.
func New(o Options) *Server {
	if o.Version == "" {
		o.Version = "8.8.1"
	}
	if o.Bot.Username == "" {
		o.Bot = User{Username: "twitter.bot", Name: "Twitter", Roles: []string{"bot", "livechat-manager"}, Token: "bot-token"}
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	first, _, _ := strings.Cut(o.Version, ".")
	major, err := strconv.Atoi(first)
	if err != nil {
		major = 8
	}
	s := &Server{
		opt: o, log: o.Log, major: major, sessions: map[*session]bool{}, waiters: map[int]chan struct{}{},
		rnd: rand.New(rand.NewPCG(o.Seed, 2)),
	}
	s.ctx, s.stop = context.WithCancel(context.Background())
	s.st.init()
	s.limits.on = o.Limits
	s.routes = s.table()
	s.AddUser(o.Bot)
	return s
}

// Handler serves /api, /websocket and /file-upload.
func (s *Server) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/api/", s.serveAPI)
	mux.HandleFunc("/api/apps/", s.serveApps)
	mux.HandleFunc("GET /websocket", s.serveDDP)
	mux.HandleFunc("GET /file-upload/{id}/{name}", s.serveFile)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		if s.base == "" {
			s.base = "http://" + r.Host
		}
		s.mu.Unlock()
		mux.ServeHTTP(w, r)
	})
}

// Close cuts all connections and waits for what the server does by itself.
func (s *Server) Close() {
	s.stop()
	s.DropAll()
	s.bg.Wait()
}

// do runs fn alone and tells those who wait that something may have changed.
func (s *Server) do(fn func() error) error {
	s.mu.Lock()
	err := fn()
	s.changed()
	s.mu.Unlock()
	return err
}

// changed wakes those who wait. The lock is held.
func (s *Server) changed() {
	for _, ch := range s.waiters {
		select {
		case ch <- struct{}{}:
		default:
		}
	}
}

// Wait blocks until is returns true, asking again after each change.
func (s *Server) Wait(ctx context.Context, is func() bool) error {
	ch := make(chan struct{}, 1)
	s.mu.Lock()
	s.nextWait++
	n := s.nextWait
	s.waiters[n] = ch
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		delete(s.waiters, n)
		s.mu.Unlock()
	}()
	for !is() {
		select {
		case <-ch:
		case <-ctx.Done():
			return fmt.Errorf("rcfake: waited in vain: %w", ctx.Err())
		}
	}
	return nil
}

// now is a time that no other record has: messages are ordered by it. The lock is held.
func (s *Server) now() time.Time {
	t := time.Now().UTC().Truncate(time.Millisecond)
	if !t.After(s.last) {
		t = s.last.Add(time.Millisecond)
	}
	s.last = t
	return t
}

const idChars = "23456789ABCDEFGHJKLMNPQRSTWXYZabcdefghijkmnopqrstuvwxyz"

// newID is an ID as the server makes them: 17 characters. The lock is held.
func (s *Server) newID() string {
	b := make([]byte, 17)
	for i := range b {
		b[i] = idChars[s.rnd.IntN(len(idChars))]
	}
	return string(b)
}
