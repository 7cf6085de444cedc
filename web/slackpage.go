package web

import (
	"context"
	_ "embed"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/perch-chat/perch/internal/id"
	"github.com/perch-chat/perch/internal/installs"
)

//go:embed pages/slack.html
var slackHTML string

//go:embed pages/slack.css
var slackCSS string

// slackCookie is the name of the cookie that binds an installation to the
// browser that began it.
const slackCookie = "perch_slack_install"

// Slack carries an installation in a Slack workspace through the browser.
type Slack interface {
	// Look says until when the link with the ticket works.
	Look(ctx context.Context, ticket string) (until time.Time, err error)

	// Start begins an installation: the cookie is for this browser, which is
	// sent to redirect.
	Start(ctx context.Context, ticket string) (redirect, cookie string, err error)

	// Finish ends it with what Slack sent the browser back with.
	Finish(ctx context.Context, cookie, state, code, slackErr string) (installs.Workspace, error)
}

// SlackScope is a right that Perch asks Slack for, and the reason.
type SlackScope struct{ Name, Why string }

// slackPage is what the page shows.
type slackPage struct {
	OK        bool // of the page at the end
	Ask       bool // of the page at the beginning
	Title     string
	Message   string
	Link      string // where the button leads
	Until     string
	Scopes    []SlackScope
	Workspace installs.Workspace
	Named     bool // the configuration names places of the workspace
}

func (s *server) slackRoutes(mux *http.ServeMux) {
	p := newPages(slackHTML, pageCSS+slackCSS)
	mux.Handle("GET /slack/install", s.slackPage(p, func(http.ResponseWriter, *http.Request, *pages) error {
		return &installs.Error{Code: installs.CodeUnknownLink, Message: "Perch is installed with a link that works once. Ask whoever runs this Perch for one (perch slack install-link)."}
	}))
	mux.Handle("GET /slack/install/{ticket}", s.slackPage(p, s.askSlack))
	mux.Handle("GET /slack/install/{ticket}/start", s.slackPage(p, s.startSlack))
	mux.Handle("GET /slack/oauth", s.slackPage(p, s.finishSlack))
}

// slackPage makes errors a page for people.
func (s *server) slackPage(p *pages, h func(http.ResponseWriter, *http.Request, *pages) error) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		err := h(w, r, p)
		if err == nil {
			return
		}
		status, res := http.StatusBadRequest, slackPage{Title: "That did not work"}
		var e *installs.Error
		switch {
		case errors.As(err, &e):
			if e.Err != nil {
				s.Log.Warn("installation refused", "code", string(e.Code), "err", e.Err)
			}
			res.Title, res.Message = slackTitle(e.Code), e.Message
			if e.Code == installs.CodeUnknownLink {
				status = http.StatusForbidden
			}
		case errors.Is(err, context.Canceled) && r.Context().Err() != nil:
			return
		default:
			ref := id.New()
			s.Log.Error("page failed", "page", "slack", "ref", ref, "err", err)
			status, res.Message = http.StatusInternalServerError, "Something went wrong inside Perch. Open the link again; the log has more under "+ref+"."
		}
		if err := p.write(w, status, res); err != nil {
			s.Log.Error("page failed", "page", "slack", "err", err)
		}
	})
}

func slackTitle(c installs.Code) string {
	switch c {
	case installs.CodeUnknownLink:
		return "You need a link for this"
	case installs.CodeExpired:
		return "This has expired"
	case installs.CodeUsed:
		return "This was used already"
	case installs.CodeOtherBrowser:
		return "This is another browser"
	case installs.CodeDenied:
		return "You did not add Perch"
	default:
		return "Slack did not install Perch"
	}
}

// askSlack shows what Perch asks for and why.
func (s *server) askSlack(w http.ResponseWriter, r *http.Request, p *pages) error {
	ticket := r.PathValue("ticket")
	until, err := s.Slack.Look(r.Context(), ticket)
	if err != nil {
		return err
	}
	return p.write(w, http.StatusOK, slackPage{
		Ask: true, Title: "Add Perch to Slack", Link: "/slack/install/" + ticket + "/start", Until: until.UTC().Format("2 January 15:04 UTC"), Scopes: s.SlackScopes,
	})
}

// startSlack sends the person's browser to Slack's authorize page.
func (s *server) startSlack(w http.ResponseWriter, r *http.Request, p *pages) error {
	to, cookie, err := s.Slack.Start(r.Context(), r.PathValue("ticket"))
	if err != nil {
		return err
	}
	http.SetCookie(w, s.slackCookie(cookie, 600))
	p.secure(w.Header())
	w.Header().Set("Location", to) // http.Redirect would write a body with the address in it
	w.WriteHeader(http.StatusFound)
	return nil
}

func (s *server) slackCookie(value string, seconds int) *http.Cookie {
	return &http.Cookie{ //nolint:gosec // Secure where there is TLS: a stand-in on loopback has none
		Name: slackCookie, Value: value, Path: "/slack/", MaxAge: seconds, HttpOnly: true, SameSite: http.SameSiteLaxMode,
		Secure: strings.HasPrefix(s.PublicURL, "https://"),
	}
}

// finishSlack takes what Slack sent the browser back with.
func (s *server) finishSlack(w http.ResponseWriter, r *http.Request, p *pages) error {
	q := r.URL.Query()
	cookie := ""
	if c, err := r.Cookie(slackCookie); err == nil {
		cookie = c.Value
	}
	ws, err := s.Slack.Finish(r.Context(), cookie, q.Get("state"), q.Get("code"), q.Get("error"))
	if err != nil {
		return err
	}
	http.SetCookie(w, s.slackCookie("", -1))
	return p.write(w, http.StatusOK, slackPage{
		OK: true, Title: "Perch is in " + ws.Name, Workspace: ws, Named: s.SlackNamed != nil && s.SlackNamed(ws.Team),
	})
}
