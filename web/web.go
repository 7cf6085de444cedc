// Package web is Perch's face to HTTP: the JSON:API of incidents and their
// events, the page on which everybody reads what was posted of an incident, the
// pages through which an X account is connected and Perch is installed in
// Slack, and the endpoint of X's webhook. What it answers with success is
// stored already. It never calls out: effects are the business of the outbox.
package web

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"runtime/debug"
	"strings"
	"time"

	"github.com/perch-chat/perch/incident"
	"github.com/perch-chat/perch/internal/accounts"
	"github.com/perch-chat/perch/internal/id"
	"github.com/perch-chat/perch/internal/inbox"
	"github.com/perch-chat/perch/store"
)

// Accounts carries an X account's authorization through the browser.
type Accounts interface {
	// Start begins the authorization of a ticket: the cookie is for this
	// browser, which is sent to redirect.
	Start(ctx context.Context, ticket string) (redirect, cookie string, err error)

	// Finish ends it with what X sent the browser back with.
	Finish(ctx context.Context, cookie, state, code, xerr string) (accounts.Account, error)
}

// Inbox stores what came in.
type Inbox interface {
	Put(ctx context.Context, items ...inbox.Item) (added int, err error)
}

// XWebhook knows the form of what X delivers.
type XWebhook interface {
	// CRC answers X's challenge. Tokens that X wouldn't send are an error.
	CRC(token string) (string, error)

	// Verify reports whether the body was signed by X. It takes the same time
	// for every signature.
	Verify(signature string, body []byte) bool

	// Decode turns a delivery into items of the inbox.
	Decode(body []byte) ([]inbox.Item, error)
}

// Deps is what the handler works with. Accounts, Slack, Inbox and XWebhook may
// be nil: then their pages are not found.
type Deps struct {
	DB        store.Store
	Incidents *incident.Service
	Accounts  Accounts
	Inbox     Inbox
	XWebhook  XWebhook
	Log       *slog.Logger
	PublicURL string // where clients reach Perch, for links
	RateLimit int    // requests a minute of each token, reads and writes apart; 0 is 3000

	Slack       Slack
	SlackScopes []SlackScope
	SlackNamed  func(team string) bool // whether the configuration names places of the workspace
}

type server struct {
	Deps
	limits limiter
	keys   keyring
}

// New returns the handler of /v1, /api/v1, /incidents, /x and /slack.
func New(d Deps) http.Handler {
	if d.Log == nil {
		d.Log = slog.New(slog.DiscardHandler)
	}
	if d.RateLimit <= 0 {
		d.RateLimit = defaultRate
	}
	d.PublicURL = strings.TrimRight(d.PublicURL, "/")
	s := &server{Deps: d, limits: limiter{limit: d.RateLimit}}
	mux := http.NewServeMux()
	// The second is the address in Rootly's guide, the last in its older texts.
	for _, base := range []string{"/v1", "/api/v1", "/api/v1/teams/{team_id}"} {
		s.eventRoutes(mux, base)
		s.incidentRoutes(mux, base)
		s.workflowRoutes(mux, base)
		for _, k := range areaForms {
			s.areaRoutes(mux, base, k)
		}
	}
	public := newPages(incidentHTML, incidentCSS)
	mux.Handle("GET /incidents/{ref...}", s.publicPage(public))
	if d.Accounts != nil {
		s.xRoutes(mux)
	}
	if d.Slack != nil {
		s.slackRoutes(mux)
	}
	if d.XWebhook != nil && d.Inbox != nil {
		mux.Handle("GET /x/webhook", s.handle(s.answerCRC))
		mux.Handle("POST /x/webhook", s.handle(s.receiveX))
	}
	return s.recovered(jsonErrors(mux))
}

// handler answers a request or returns an error for the caller to be told.
type handler func(w http.ResponseWriter, r *http.Request) error

// handle makes errors the answers that the catalogue has for them.
func (s *server) handle(h handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := h(w, r); err != nil {
			s.answerError(w, r, err)
		}
	})
}

func (s *server) answerError(w http.ResponseWriter, r *http.Request, err error) {
	f := failure(err)
	if f.code == codeInternal {
		if errors.Is(err, context.Canceled) && r.Context().Err() != nil {
			return // nobody listens any more
		}
		ref := id.New()
		s.Log.Error("request failed", "method", r.Method, "path", r.URL.Path, "ref", ref, "err", err)
		f.problems = []problem{{Title: catalogue[codeInternal].title, Detail: "The log has more under " + ref + "."}}
	}
	f.write(w)
}

// recovered answers a panic as an internal error.
func (s *server) recovered(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			v := recover()
			if v == nil {
				return
			}
			if v == http.ErrAbortHandler { //nolint:errorlint,err113 // that is how net/http compares it
				panic(v)
			}
			s.Log.Error("handler panicked", "path", loggable(r), "panic", v, "stack", string(debug.Stack()))
			(&fail{code: codeInternal}).write(w)
		}()
		next.ServeHTTP(w, r)
	})
}

// loggable is a request's path, unless there is a ticket in it.
func loggable(r *http.Request) string {
	if r.PathValue("ticket") != "" {
		return r.Pattern
	}
	return r.URL.Path
}

// jsonErrors has the mux's own answers, 404 and 405, in the API's form.
func jsonErrors(mux *http.ServeMux) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h, pattern := mux.Handler(r)
		if pattern != "" {
			mux.ServeHTTP(w, r)
			return
		}
		probe := &probe{header: http.Header{}}
		h.ServeHTTP(probe, r)
		if allow := probe.header.Get("Allow"); allow != "" {
			w.Header().Set("Allow", allow)
			(&fail{code: codeMethod}).write(w)
			return
		}
		(&fail{code: codeNotFound}).write(w)
	})
}

// probe takes an answer and keeps its header only.
type probe struct{ header http.Header }

func (p *probe) Header() http.Header         { return p.header }
func (p *probe) WriteHeader(int)             {}
func (p *probe) Write(b []byte) (int, error) { return len(b), nil }

// base is what links begin with.
func (s *server) base(r *http.Request) string {
	if s.PublicURL != "" {
		return s.PublicURL
	}
	return (&url.URL{Scheme: "http", Host: r.Host}).String()
}

// stamp is a time as the API writes it.
func stamp(t time.Time) *string {
	if t.IsZero() {
		return nil
	}
	s := t.UTC().Format("2006-01-02T15:04:05.000-07:00")
	return &s
}
