package slackfake

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"time"
)

// Options configures a Server. Every field has a default that suits a test.
type Options struct {
	// Clock moves retries, expiries and limits by hand; real time by default.
	Clock *Clock
	// Seed fixes the choice of a connection for each envelope.
	Seed uint64
	// AppID, TeamID, BotUser and BotID are "A0PERCH", "T0ACME", "U0PERCHBOT"
	// and "B0PERCH" by default.
	AppID, TeamID, BotUser, BotID string
	// BotToken and AppToken are "xoxb-perch-bot" and "xapp-perch-app".
	BotToken, AppToken string
	// SigningSecret signs HTTP deliveries ("signing-secret").
	SigningSecret string
	// ClientID and ClientSecret are those of an OAuth install ("client-id",
	// "client-secret").
	ClientID, ClientSecret string
	// RedirectURLs are where the consent page may send people back to;
	// anywhere by default.
	RedirectURLs []string
	// Scopes of the bot token; AllScopes by default.
	Scopes []string
	// RefuseBodyTokens answers not_authed if the token is not in the header.
	RefuseBodyTokens bool
	// AckAnywhere counts an ack that comes on another connection than the
	// envelope went out on. Nobody outside Slack knows if Slack does.
	AckAnywhere bool
	// LoseOffline drops what happens while no connection is open, instead of
	// retrying events. Reports of what Slack does differ.
	LoseOffline bool
	// MaxReactors is how many of those who set a reaction a message names, 50 by default.
	MaxReactors int
	// PingEvery is the time between the server's pings, 5 s by default;
	// negative sends none.
	PingEvery time.Duration
	// AckWithin is how long Slack waits for an ack, 3 s by default.
	AckWithin time.Duration
	// Retries are the waits before an event is sent again: none, 1 and 5 minutes.
	Retries []time.Duration
	// MaxConnections is 10 by default.
	MaxConnections int
	// HTTP makes deliveries to request URLs.
	HTTP *http.Client
	// Log receives debug records; discarded by default.
	Log *slog.Logger
}

// Server is the fake. Its methods are safe for concurrent use.
type Server struct {
	opt     Options
	log     *slog.Logger
	methods map[string]method

	mu        sync.Mutex
	rnd       *rand.Rand
	base      string // http://host:port, learned from the first request
	lastTS    int64
	serial    int
	st        state
	calls     []Call
	faults    []*fault
	limits    limiter
	failOpens []string
	listeners []func()
	waiters   map[int]chan struct{} // each holds one token when something changed
	onCall    []func(Call)

	sock sockets
	del  deliveries
	bg   sync.WaitGroup
	stop context.CancelFunc
	ctx  context.Context //nolint:containedctx // ends the server's own goroutines, which outlive any request
}

// New returns a Server with one workspace and the bot in it; see AddUser and
// AddChannel.
func New(o Options) *Server {
	o.AppID = cmp.Or(o.AppID, "A0PERCH")
	o.TeamID = cmp.Or(o.TeamID, "T0ACME")
	o.BotUser = cmp.Or(o.BotUser, "U0PERCHBOT")
	o.BotID = cmp.Or(o.BotID, "B0PERCH")
	o.BotToken = cmp.Or(o.BotToken, "xoxb-perch-bot")
	o.AppToken = cmp.Or(o.AppToken, "xapp-perch-app")
	o.SigningSecret = cmp.Or(o.SigningSecret, "signing-secret")
	o.ClientID = cmp.Or(o.ClientID, "client-id")
	o.ClientSecret = cmp.Or(o.ClientSecret, "client-secret")
	o.PingEvery = cmp.Or(o.PingEvery, 5*time.Second)
	o.AckWithin = cmp.Or(o.AckWithin, 3*time.Second)
	o.MaxConnections = cmp.Or(o.MaxConnections, 10)
	if o.Scopes == nil {
		o.Scopes = AllScopes()
	}
	if o.Retries == nil {
		o.Retries = []time.Duration{0, time.Minute, 5 * time.Minute}
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.HTTP == nil {
		o.HTTP = &http.Client{
			CheckRedirect: func(_ *http.Request, via []*http.Request) error {
				if len(via) > 2 {
					return http.ErrUseLastResponse
				}
				return nil
			},
		}
	}
	s := &Server{opt: o, log: o.Log, waiters: map[int]chan struct{}{}, rnd: rand.New(rand.NewPCG(o.Seed, 1))}
	s.ctx, s.stop = context.WithCancel(context.Background())
	s.st.init()
	s.sock.tickets = map[string]time.Time{}
	s.del.open = map[string]*Delivery{}
	s.methods = s.table()
	s.addTeam(&team{
		id: o.TeamID, name: "Acme", domain: "acme", botUser: o.BotUser, botID: o.BotID,
		token: o.BotToken, scopes: o.Scopes,
	})
	return s
}

// Handler serves the Web API under /api/, sockets, response URLs, uploads,
// files and the install page.
func (s *Server) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/api/{method}", s.serveAPI)
	mux.HandleFunc("GET /link/", s.serveSocket)
	mux.HandleFunc("POST /commands/{id}", s.serveRespond)
	mux.HandleFunc("POST /upload/{id}", s.serveUpload)
	mux.HandleFunc("GET /files/{id}/{name}", s.serveFile)
	mux.HandleFunc("GET /oauth/v2/authorize", s.serveAuthorize)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		if s.base == "" {
			s.base = "http://" + r.Host
			if r.TLS != nil {
				s.base = "https://" + r.Host
			}
		}
		s.mu.Unlock()
		mux.ServeHTTP(w, r)
	})
}

// SetURL says where the Handler is served, for response URLs and files. It is
// learned from the first request otherwise.
func (s *Server) SetURL(url string) {
	s.mu.Lock()
	s.base = strings.TrimSuffix(url, "/")
	s.mu.Unlock()
}

// Close cuts all sockets and waits for what the server does by itself. A
// second Close does nothing.
func (s *Server) Close() {
	s.mu.Lock() // see started
	s.stop()
	s.mu.Unlock()
	s.Drop()
	s.bg.Wait()
}

// OnChange registers fn to run after anything changed. It runs with no lock
// held and must not block.
func (s *Server) OnChange(fn func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.listeners = append(s.listeners, fn)
}

// OnCall registers fn to run after each answered call, with no lock held.
func (s *Server) OnCall(fn func(Call)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.onCall = append(s.onCall, fn)
}

// Wait blocks until is returns true, asking again after each change.
func (s *Server) Wait(ctx context.Context, is func() bool) error {
	again := make(chan struct{}, 1)
	s.mu.Lock()
	s.serial++
	id := s.serial
	s.waiters[id] = again
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		delete(s.waiters, id)
		s.mu.Unlock()
	}()
	for !is() {
		select {
		case <-again:
		case <-ctx.Done():
			return fmt.Errorf("wait for slackfake: %w", ctx.Err())
		}
	}
	return nil
}

func (s *Server) changed() {
	s.mu.Lock()
	fns := s.listeners
	for _, w := range s.waiters {
		select {
		case w <- struct{}{}:
		default:
		}
	}
	s.mu.Unlock()
	for _, fn := range fns {
		fn()
	}
}

// do runs fn under the lock and tells the listeners.
func (s *Server) do(fn func() error) error {
	s.mu.Lock()
	err := fn()
	s.mu.Unlock()
	s.changed()
	return err
}

// started reports whether a goroutine may start and counts it. The lock is held.
func (s *Server) started(n int) bool {
	if s.ctx.Err() != nil {
		return false
	}
	s.bg.Add(n)
	return true
}

func (s *Server) now() time.Time {
	if s.opt.Clock != nil {
		return s.opt.Clock.Now().UTC()
	}
	return time.Now().UTC()
}

// after runs fn later, by the server's clock, unless the server is closed.
func (s *Server) after(d time.Duration, fn func()) (stop func()) {
	run := func() {
		if s.ctx.Err() == nil {
			fn()
		}
	}
	if s.opt.Clock != nil {
		return s.opt.Clock.afterFunc(d, run)
	}
	t := time.AfterFunc(d, run)
	return func() { t.Stop() }
}

// nextTS returns a message timestamp that no other message has. The lock is held.
func (s *Server) nextTS() string {
	s.lastTS = max(s.lastTS+1, s.now().UnixMicro())
	return fmt.Sprintf("%d.%06d", s.lastTS/1e6, s.lastTS%1e6)
}

// nextID returns an unused id with the prefix. The lock is held.
func (s *Server) nextID(prefix string) string {
	s.serial++
	return fmt.Sprintf("%s0%08d", prefix, s.serial)
}
