package xfake

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"html/template"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"strings"
	"sync"
	"time"
)

// Options configures a Server. Every field has a default that suits a test.
type Options struct {
	// Now is the clock of posts, tokens and limits; time.Now by default.
	Now func() time.Time
	// ClientID and ClientSecret are the confidential OAuth 2.0 client
	// ("client-id" and "client-secret" by default).
	ClientID, ClientSecret string
	// ConsumerKey and ConsumerSecret are the app's API key pair: the secret
	// keys CRC answers and signatures ("consumer-key", "consumer-secret").
	ConsumerKey, ConsumerSecret string
	// Bearer is the app-only bearer token ("app-bearer").
	Bearer string
	// RedirectURLs are the callback URLs registered with the app; a request
	// must name one of them exactly. See also Server.AddRedirectURL.
	RedirectURLs []string
	// PublicURL is where a browser reaches the fake, for avatar and media
	// links; without it links are relative.
	PublicURL string
	// AllowHTTPWebhooks accepts webhook URLs that X would refuse because they
	// are plain http, have a port, or are on loopback.
	AllowHTTPWebhooks bool
	// HTTP makes CRC checks and deliveries; the default has a 10 s timeout
	// and follows no redirect, as X does.
	HTTP *http.Client
	// Log receives debug records of calls and deliveries; discarded by default.
	Log *slog.Logger
	// PlainText leaves URLs and & < > in read texts as they were sent. X
	// rewrites URLs to t.co links and escapes the three characters.
	PlainText bool
	// RefuseRevokeSubscription refuses oauth.revoke subscriptions, as the
	// published enum does while the guide lists the event.
	RefuseRevokeSubscription bool
}

// Server is the fake. Its methods are safe for concurrent use.
type Server struct {
	opt    Options
	log    *slog.Logger
	routes []route
	pages  *template.Template

	mu        sync.Mutex
	st        state
	names     FieldNames
	payload   Payload
	shape     SubscriptionShape
	lag       Lag
	limits    map[string]Limit
	windows   map[string]*window
	faults    []*fault
	credits   bool
	usageCap  bool
	calls     []Call
	listeners []func()

	del delivery
}

// New returns a Server that knows nobody yet; see AddUser.
func New(o Options) *Server {
	o.ClientID = cmp.Or(o.ClientID, "client-id")
	o.ClientSecret = cmp.Or(o.ClientSecret, "client-secret")
	o.ConsumerKey = cmp.Or(o.ConsumerKey, "consumer-key")
	o.ConsumerSecret = cmp.Or(o.ConsumerSecret, "consumer-secret")
	o.Bearer = cmp.Or(o.Bearer, "app-bearer")
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.HTTP == nil {
		o.HTTP = &http.Client{
			Timeout:       10 * time.Second,
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		}
	}
	s := &Server{
		opt:     o,
		log:     o.Log,
		credits: true,
		limits:  defaultLimits(),
		windows: map[string]*window{},
		pages:   parsePages(),
	}
	s.st.init()
	s.st.Redirects = append(s.st.Redirects, o.RedirectURLs...)
	s.routes = s.table()
	s.del.init()
	return s
}

// Handler serves the API, the authorize page and the status pages.
func (s *Server) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /oauth2/token", s.serveAppToken)
	mux.HandleFunc("GET /i/oauth2/authorize", s.serveAuthorize)
	mux.HandleFunc("POST /i/oauth2/authorize", s.serveDecision)
	mux.HandleFunc("GET /avatar/{file}", s.serveAvatar)
	mux.HandleFunc("GET /media/{id}", s.serveMedia)
	mux.HandleFunc("GET /{handle}/status/{id}", s.serveStatus)
	mux.HandleFunc("GET /{handle}", s.serveProfile)
	mux.HandleFunc("GET /{$}", s.serveHome)
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) { writeReply(w, notFoundPath()) })
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/2/") {
			s.serveAPI(w, r)
			return
		}
		mux.ServeHTTP(w, r)
	})
}

// Close stops deliveries: those under way are cancelled when ctx ends, those
// waiting are dropped. A second Close does nothing.
func (s *Server) Close(ctx context.Context) error { return s.del.close(ctx) }

// OnChange registers fn to run after anything changed. It runs on the
// caller's goroutine with no lock held and must not block.
func (s *Server) OnChange(fn func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.listeners = append(s.listeners, fn)
}

func (s *Server) changed() {
	s.mu.Lock()
	fns := s.listeners
	s.mu.Unlock()
	for _, fn := range fns {
		fn()
	}
}

func (s *Server) now() time.Time { return s.opt.Now().UTC() }

// do runs fn under the lock and tells the listeners.
func (s *Server) do(fn func() error) error {
	s.mu.Lock()
	err := fn()
	s.mu.Unlock()
	s.changed()
	return err
}

// Call is one request the fake has answered. It never holds a token.
type Call struct {
	Method string    `json:"method"`
	Path   string    `json:"path"`
	Query  string    `json:"query,omitempty"`
	Status int       `json:"status"`
	At     time.Time `json:"at"`
	User   string    `json:"user,omitempty"`
	Fault  bool      `json:"fault,omitempty"`
}

// Calls returns what was asked of the API, oldest first; the last 2,000 are kept.
func (s *Server) Calls() []Call {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]Call(nil), s.calls...)
}

// Status 0 stands for a connection that was cut.
func (s *Server) record(c *call, status int, faulted bool) {
	const keep = 2000
	s.mu.Lock()
	e := Call{Method: c.r.Method, Path: c.r.URL.Path, Query: c.r.URL.RawQuery, Status: status, At: s.now(), Fault: faulted}
	if c.user != nil {
		e.User = c.user.ID
	}
	s.calls = append(s.calls, e)
	if len(s.calls) > keep {
		s.calls = append([]Call(nil), s.calls[len(s.calls)-keep:]...)
	}
	s.mu.Unlock()
	s.log.Debug("call answered", "method", e.Method, "path", e.Path, "status", status)
	s.changed()
}

// call is one API request on its way through a route.
type call struct {
	r     *http.Request
	path  map[string]string
	body  []byte
	grant *grant
	user  *userRec
	app   bool
}

func (c *call) ctx() context.Context { return c.r.Context() }

// reply is an answer before it is written.
type reply struct {
	status int
	body   any
	raw    []byte
	ctype  string
	header http.Header
}

func (r reply) bytes() ([]byte, string) {
	if r.raw != nil {
		return r.raw, r.ctype
	}
	b, err := json.Marshal(r.body)
	if err != nil {
		b = fmt.Appendf(nil, `{"title":"Internal Server Error","detail":%q,"type":"about:blank","status":500}`, err.Error())
	}
	return b, "application/json; charset=utf-8"
}

func writeReply(w http.ResponseWriter, rep reply) {
	b, ctype := rep.bytes()
	maps.Copy(w.Header(), rep.header)
	w.Header().Set("Content-Type", ctype)
	w.WriteHeader(rep.status)
	_, _ = w.Write(b) // the client may be gone; nothing else to tell
}

// maxBody is above X's largest append segment (5 MB) in base64.
const maxBody = 8 << 20

var errTooBig = errors.New("body too large")

func readBody(r *http.Request) ([]byte, error) {
	b, err := io.ReadAll(io.LimitReader(r.Body, maxBody+1))
	if err != nil {
		return nil, fmt.Errorf("read body: %w", err)
	}
	if len(b) > maxBody {
		return nil, errTooBig
	}
	return b, nil
}
