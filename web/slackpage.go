package web

import (
	"context"
	_ "embed"
	"errors"
	"net/http"
	"time"

	"github.com/perch-chat/perch/internal/installs"
)

//go:embed pages/slack.html
var slackHTML string

//go:embed pages/slack.css
var slackCSS string

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

// slackConsent installs Perch in a Slack workspace.
type slackConsent struct {
	consent
	slack  Slack
	scopes []SlackScope
	named  func(team string) bool
}

func (s *server) slackRoutes(mux *http.ServeMux) {
	c := &slackConsent{slack: s.Slack, scopes: s.SlackScopes, named: s.SlackNamed, consent: consent{
		pages: newPages(slackHTML, pageCSS+slackCSS), log: s.Log, name: "slack", cookie: "perch_slack_install", path: "/slack/", tls: s.hasTLS(),
		view:    func(title, message string) any { return slackPage{Title: title, Message: message} },
		explain: explainSlack,
		again:   "Open the link again",
	}}
	mux.Handle("GET /slack/install", c.handle(func(http.ResponseWriter, *http.Request) error {
		return &installs.Error{Code: installs.CodeUnknownLink, Message: "Perch is installed with a link that works once. Ask whoever runs this Perch for one (perch slack install-link)."}
	}))
	mux.Handle("GET /slack/install/{ticket}", c.handle(c.ask))
	mux.Handle("GET /slack/install/{ticket}/start", c.handle(c.start))
	mux.Handle("GET /slack/oauth", c.handle(c.callback))
}

func explainSlack(err error) (explanation, bool) {
	e, ok := errors.AsType[*installs.Error](err)
	if !ok {
		return explanation{}, false
	}
	status := http.StatusBadRequest
	if e.Code == installs.CodeUnknownLink {
		status = http.StatusForbidden
	}
	return explanation{status: status, title: slackTitle(e.Code), message: e.Message, cause: e.Err}, true
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

// ask shows what Perch asks for and why.
func (c *slackConsent) ask(w http.ResponseWriter, r *http.Request) error {
	ticket := r.PathValue("ticket")
	until, err := c.slack.Look(r.Context(), ticket)
	if err != nil {
		return err
	}
	return c.write(w, http.StatusOK, slackPage{
		Ask: true, Title: "Add Perch to Slack", Link: "/slack/install/" + ticket + "/start", Until: until.UTC().Format("2 January 15:04 UTC"), Scopes: c.scopes,
	})
}

// start sends the person's browser to Slack's authorize page.
func (c *slackConsent) start(w http.ResponseWriter, r *http.Request) error {
	to, cookie, err := c.slack.Start(r.Context(), r.PathValue("ticket"))
	if err != nil {
		return err
	}
	c.leave(w, to, cookie)
	return nil
}

// callback takes what Slack sent the browser back with.
func (c *slackConsent) callback(w http.ResponseWriter, r *http.Request) error {
	b := c.returned(r)
	ws, err := c.slack.Finish(r.Context(), b.cookie, b.state, b.code, b.refused)
	if err != nil {
		return err
	}
	return c.finish(w, slackPage{OK: true, Title: "Perch is in " + ws.Name, Workspace: ws, Named: c.named != nil && c.named(ws.Team)})
}
