// Package sandbox is the page on which Perch is tried out: on the left the
// built-in chat of a small team, on the right X as the outside world sees it,
// with customers to speak for and switches that make X fail. It only shows and
// presses; it knows nothing of Perch's insides and never touches its store.
package sandbox

import (
	"bytes"
	"context"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"html/template"
	"io/fs"
	"log/slog"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/perch-chat/perch/bot/webchat"
)

// XControl is X on this machine, to look at and to act upon. Its methods are
// safe for concurrent use and answer from memory.
type XControl interface {
	// State is what the page shows of X.
	State(ctx context.Context) (XState, error)

	// SendDM has a customer write to the company's account, with a picture or
	// a video if there is one.
	SendDM(ctx context.Context, customer, text string, files ...webchat.Attach) error

	// Media returns a file that is on X.
	Media(ctx context.Context, id string) (XMedia, bool)

	// Mention has a customer mention the account in public.
	Mention(ctx context.Context, customer, text string) error

	// SetFault makes X fail in one way, or lets it work again. The names are
	// those of [Faults].
	SetFault(ctx context.Context, name string, on bool) error
}

// XState is X as the page shows it.
type XState struct {
	Account   XProfile    `json:"account"` // whom customers write to
	Posts     []XPost     `json:"posts"`   // oldest first
	Customers []XCustomer `json:"customers"`
	Faults    []string    `json:"faults"` // the names of those that are on
	Calls     []XCall     `json:"calls"`  // the last calls that X answered, oldest first
}

// XProfile is somebody on X.
type XProfile struct {
	ID     string `json:"id"`
	Handle string `json:"handle"` // without @
	Name   string `json:"name"`
}

// XPost is a public post.
type XPost struct {
	ID      string    `json:"id"`
	Author  XProfile  `json:"author"`
	Text    string    `json:"text"`
	At      time.Time `json:"at"`
	ReplyTo string    `json:"reply_to,omitempty"`
	URL     string    `json:"url,omitempty"`
	Files   []XFile   `json:"files,omitempty"`
}

// XCustomer is a customer and their direct messages with the account.
type XCustomer struct {
	XProfile
	Messages []XMessage `json:"messages"` // oldest first
}

// XMessage is a direct message.
type XMessage struct {
	ID   string    `json:"id"`
	Mine bool      `json:"mine"` // the customer wrote it
	Text string    `json:"text"`
	At   time.Time `json:"at"`

	Files []XFile `json:"files,omitempty"`
}

// XFile is a file of a post or a message as the page shows it.
type XFile struct {
	URL  string `json:"url"`
	Name string `json:"name"`
	Show string `json:"show,omitempty"` // "image" or "video"
	Size int64  `json:"size"`
}

// XMedia is a file on X.
type XMedia struct {
	Name, Type string
	Data       []byte
}

// MediaURL is where the page finds a file that is on X.
func MediaURL(id string) string { return "/sandbox/media/" + url.PathEscape(id) }

// XCall is one call of the API as X saw it.
type XCall struct {
	At     time.Time `json:"at"`
	Call   string    `json:"call"` // "POST /2/tweets"
	Status int       `json:"status"`
	Note   string    `json:"note,omitempty"` // "answer lost"
}

// Fault is a way in which X can fail.
type Fault struct {
	Name  string `json:"name"`
	Label string `json:"label"`
	About string `json:"about"` // what X does then, and what Perch makes of it
}

// Faults are the ways in which the page can make X fail.
func Faults() []Fault {
	return []Fault{
		{"rate_limit", "Rate limit", "X answers 429, too many requests. Perch waits for as long as X says."},
		{"no_credits", "No credits", "X answers 402, nothing left to spend. Perch keeps everything and says so."},
		{"lost_answer", "Lost answer", "X does it, but its answer is lost. Perch looks before it sends again."},
		{"server_error", "Server error", "X answers 503 to everything. Perch tries again by itself."},
		{"revoked", "Revoked", "The account takes its permission back. Perch asks to be connected again."},
	}
}

// Tour says which steps of the first tour have been taken.
type Tour struct {
	Connected bool `json:"connected"` // an X account is connected
	Wrote     bool `json:"wrote"`     // a customer's message has come in
	Answered  bool `json:"answered"`  // an agent's answer has been delivered
	Incident  bool `json:"incident"`  // an incident has been opened
	Posted    bool `json:"posted"`    // an update of an incident is on X
}

// Hint is a command that the chat suggests while one is typed.
type Hint struct {
	Command string `json:"command"` // "/incident new"
	Usage   string `json:"usage"`   // "TITLE"
	About   string `json:"about"`
}

// Hints are the commands that are suggested if Deps has none.
func Hints() []Hint {
	return []Hint{
		{"/incident new", "TITLE", "Open an incident"},
		{"/incident list", "", "Show open incidents"},
		{"/incident resolve", "", "Close the incident"},
		{"/timeline add", "TEXT", "Add an update, and post it to X if you like"},
		{"/timeline show", "", "Show the incident's timeline"},
		{"/duty on", "", "Take customers' conversations"},
		{"/duty off", "", "Stop taking conversations"},
		{"/twitter authorize", "", "Connect an X account"},
		{"/twitter unauthorize", "", "Disconnect it"},
		{"/twitter support", "", "Show how Perch is doing"},
		{"/twitter help", "", "Show all commands"},
	}
}

// Deps is what the page shows.
type Deps struct {
	Chat  *webchat.Adapter
	X     XControl // nil: the page is the team's chat alone
	Tour  func(ctx context.Context) (Tour, error)
	Hints []Hint   // default [Hints]
	Hosts []string // names, besides localhost, under which the page may be asked for
	Log   *slog.Logger
}

// Handler serves the page, its parts under /sandbox/ and the chat under /chat/.
type Handler struct {
	d    Deps
	mux  http.Handler
	page []byte

	mu       sync.Mutex
	watchers map[chan struct{}]struct{}
	done     map[string]bool // requests that were answered
	order    []string
}

//go:embed page.html
var pageSource string

//go:embed assets
var assets embed.FS

const csp = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; media-src 'self'; connect-src 'self'; " +
	"form-action 'none'; base-uri 'none'; frame-ancestors 'none'"

// New returns the page.
func New(d Deps) (*Handler, error) {
	if d.Log == nil {
		d.Log = slog.New(slog.DiscardHandler)
	}
	if d.Hints == nil {
		d.Hints = Hints()
	}
	h := &Handler{d: d, watchers: map[chan struct{}]struct{}{}, done: map[string]bool{}}
	t, err := template.New("page").Parse(pageSource)
	if err != nil {
		return nil, fmt.Errorf("sandbox: parse the page: %w", err)
	}
	var buf bytes.Buffer
	if err := t.Execute(&buf, map[string]any{"Hints": d.Hints, "Faults": Faults(), "Header": webchat.Header, "Alone": d.X == nil}); err != nil {
		return nil, fmt.Errorf("sandbox: make the page: %w", err)
	}
	h.page = buf.Bytes()
	files, err := fs.Sub(assets, "assets")
	if err != nil {
		return nil, fmt.Errorf("sandbox: find the page's parts: %w", err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", h.servePage)
	mux.Handle("GET /sandbox/assets/", http.StripPrefix("/sandbox/assets/", noCache(http.FileServerFS(files))))
	if d.X != nil {
		mux.HandleFunc("GET /sandbox/state", h.serveState)
		mux.HandleFunc("GET /sandbox/events", h.serveEvents)
		mux.HandleFunc("GET /sandbox/media/{id}", h.serveMedia)
		mux.HandleFunc("POST /sandbox/dm", h.post(func(ctx context.Context, q order) error { return d.X.SendDM(ctx, q.Customer, q.Text, q.Files...) }))
		mux.HandleFunc("POST /sandbox/mention", h.post(func(ctx context.Context, q order) error {
			if len(q.Files) > 0 {
				return &Refusal{"Here only direct messages take pictures."}
			}
			return d.X.Mention(ctx, q.Customer, q.Text)
		}))
		mux.HandleFunc("POST /sandbox/fault", h.post(func(ctx context.Context, q order) error { return d.X.SetFault(ctx, q.Fault, q.On) }))
	}
	guarded := webchat.Guard(d.Hosts, mux)
	outer := http.NewServeMux()
	outer.Handle("/", guarded)
	if d.Chat != nil {
		outer.Handle("/chat/", d.Chat.Handler())
	}
	h.mux = outer
	return h, nil
}

// ServeHTTP serves the page and everything beneath it.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) { h.mux.ServeHTTP(w, r) }

// Changed says that X or the tour may look different now. It never blocks.
func (h *Handler) Changed() {
	h.mu.Lock()
	defer h.mu.Unlock()
	for ch := range h.watchers {
		select {
		case ch <- struct{}{}:
		default:
		}
	}
}

func (h *Handler) servePage(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Security-Policy", csp)
	w.Header().Set("Cache-Control", "no-cache")
	_, _ = w.Write(h.page) // the browser is gone: nothing to do
}

// noCache lets the browser keep a part, but ask each time: a newer Perch has newer parts.
func noCache(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "no-cache")
		w.Header().Set("Content-Security-Policy", csp)
		next.ServeHTTP(w, r)
	})
}

// state is what the page shows besides the chat.
type state struct {
	X    XState `json:"x"`
	Tour Tour   `json:"tour"`
}

func (h *Handler) state(ctx context.Context) ([]byte, error) {
	x, err := h.d.X.State(ctx)
	if err != nil {
		return nil, fmt.Errorf("look at X: %w", err)
	}
	s := state{X: x.filled()}
	if h.d.Tour != nil {
		if s.Tour, err = h.d.Tour(ctx); err != nil {
			return nil, fmt.Errorf("look at the tour: %w", err)
		}
	}
	b, err := json.Marshal(s)
	if err != nil {
		return nil, fmt.Errorf("encode the state: %w", err)
	}
	return b, nil
}

// filled has empty lists where there were none, so that the page finds lists.
func (x XState) filled() XState {
	x.Posts = append([]XPost{}, x.Posts...)
	x.Faults = append([]string{}, x.Faults...)
	x.Calls = append([]XCall{}, x.Calls...)
	x.Customers = append([]XCustomer{}, x.Customers...)
	for i := range x.Customers {
		x.Customers[i].Messages = append([]XMessage{}, x.Customers[i].Messages...)
	}
	return x
}

func (h *Handler) serveState(w http.ResponseWriter, r *http.Request) {
	b, err := h.state(r.Context())
	if err != nil {
		h.fail(w, r, err)
		return
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	_, _ = w.Write(b) // the browser is gone: nothing to do
}

// serveMedia shows what is on X: pictures and films only.
func (h *Handler) serveMedia(w http.ResponseWriter, r *http.Request) {
	m, ok := h.d.X.Media(r.Context(), r.PathValue("id"))
	if !ok {
		http.NotFound(w, r)
		return
	}
	webchat.ServeFile(w, r, m.Name, m.Type, bytes.NewReader(m.Data))
}

// Refusal is a control's answer that says to the person what to do instead.
type Refusal struct{ Message string }

func (e *Refusal) Error() string { return "sandbox: " + e.Message }

func (h *Handler) fail(w http.ResponseWriter, r *http.Request, err error) {
	status, code, msg := http.StatusInternalServerError, "internal", "Something went wrong. Look at the log."
	var no *Refusal
	var big *http.MaxBytesError
	switch {
	case errors.As(err, &no):
		status, code, msg = http.StatusConflict, "refused", no.Message
	case errors.As(err, &big):
		status, code, msg = http.StatusRequestEntityTooLarge, "too_large", "That is too much at once."
	default:
		h.d.Log.ErrorContext(r.Context(), "sandbox request", "path", r.URL.Path, "err", err)
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]any{"error": map[string]string{"code": code, "message": msg}}) // the browser is gone: nothing to do
}
