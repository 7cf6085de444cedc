package web_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/perch-chat/perch/internal/installs"
	"github.com/perch-chat/perch/web"
)

// fakeSlack knows one ticket and what comes back with it.
type fakeSlack struct{ finishErr error }

var errNoLink = &installs.Error{Code: installs.CodeUnknownLink, Message: "Ask for a link."}

func (f fakeSlack) Look(_ context.Context, ticket string) (time.Time, error) {
	if ticket != "good" {
		return time.Time{}, errNoLink
	}
	return time.Date(2026, 11, 23, 9, 30, 0, 0, time.UTC), nil
}

func (f fakeSlack) Start(_ context.Context, ticket string) (string, string, error) {
	if ticket != "good" {
		return "", "", errNoLink
	}
	return "https://slack.example/oauth/v2/authorize?state=s1", "cookie1", nil
}

func (f fakeSlack) Finish(_ context.Context, cookie, state, code, slackErr string) (installs.Workspace, error) {
	switch {
	case f.finishErr != nil:
		return installs.Workspace{}, f.finishErr
	case slackErr != "":
		return installs.Workspace{}, &installs.Error{Code: installs.CodeDenied, Message: "Nothing was installed."}
	case cookie != "cookie1" || state != "s1" || code != "c1":
		return installs.Workspace{}, &installs.Error{Code: installs.CodeOtherBrowser, Message: "Stay in one browser."}
	}
	return installs.Workspace{Team: "T0ACME", Name: "<script>Acme</script>", BotName: "perch", Token: "SEALED"}, nil
}

func slackWorld(t *testing.T, f fakeSlack, named bool) *world {
	return newWorld(t, func(d *web.Deps) {
		d.Slack, d.SlackScopes = f, []web.SlackScope{{Name: "chat:write", Why: "write messages"}}
		d.SlackNamed = func(team string) bool { return named && team == "T0ACME" }
	})
}

func TestSlackPages(t *testing.T) {
	t.Parallel()
	w := slackWorld(t, fakeSlack{}, false)
	if a := w.do("GET", "/slack/install", ""); a.Status != 403 || !strings.Contains(words(t, a), "perch slack install-link") {
		t.Errorf("without a link = %d %s", a.Status, a.Body)
	}
	if a := w.do("GET", "/slack/install/other", ""); a.Status != 403 || !strings.Contains(words(t, a), "You need a link for this") {
		t.Errorf("unknown link = %d %s", a.Status, a.Body)
	}
	ask := w.do("GET", "/slack/install/good", "")
	if got := words(t, ask); ask.Status != 200 || !strings.Contains(got, "Add to Slack") || !strings.Contains(got, "write messages chat:write") || !strings.Contains(got, "23 November 09:30 UTC") {
		t.Errorf("the page that asks = %d %s", ask.Status, got)
	}
	if !strings.Contains(ask.Body, `href="/slack/install/good/start"`) || ask.Header.Get("Set-Cookie") != "" || ask.Header.Get("Referrer-Policy") != "no-referrer" {
		t.Errorf("the page that asks: %v %s", ask.Header, ask.Body)
	}

	start := w.do("GET", "/slack/install/good/start", "")
	if start.Status != http.StatusFound || start.Header.Get("Location") != "https://slack.example/oauth/v2/authorize?state=s1" || start.Body != "" {
		t.Errorf("start = %d %v %q", start.Status, start.Header, start.Body)
	}
	c, err := http.ParseSetCookie(start.Header.Get("Set-Cookie"))
	if err != nil || c.Value != "cookie1" || !c.HttpOnly || !c.Secure || c.SameSite != http.SameSiteLaxMode || c.Path != "/slack/" || c.MaxAge != 600 {
		t.Errorf("cookie = %+v, %v", c, err)
	}
	if a := w.do("GET", "/slack/install/other/start", ""); a.Status != 403 || a.Header.Get("Set-Cookie") != "" {
		t.Errorf("start with an unknown link = %d %v", a.Status, a.Header)
	}

	const cookie = "perch_slack_install=cookie1"
	done := w.do("GET", "/slack/oauth?state=s1&code=c1", "", "Cookie", cookie)
	got := words(t, done)
	if done.Status != 200 || !strings.Contains(got, "Perch is in <script>Acme</script>") || !strings.Contains(got, "slack:T0ACME:C024BE91L") || strings.Contains(done.Body, "SEALED") {
		t.Errorf("the end = %d %s", done.Status, got)
	}
	if c, err := http.ParseSetCookie(done.Header.Get("Set-Cookie")); err != nil || c.MaxAge >= 0 {
		t.Errorf("the cookie stays: %+v, %v", c, err)
	}
	if a := w.do("GET", "/slack/oauth?state=s1&code=c1", ""); a.Status != 400 || !strings.Contains(words(t, a), "This is another browser") {
		t.Errorf("without the cookie = %d %s", a.Status, a.Body)
	}
	if a := w.do("GET", "/slack/oauth?state=s1&error=access_denied", "", "Cookie", cookie); a.Status != 400 || !strings.Contains(words(t, a), "You did not add Perch Nothing was installed.") {
		t.Errorf("declined = %d %s", a.Status, words(t, a))
	}
	named := slackWorld(t, fakeSlack{}, true)
	if got := words(t, named.do("GET", "/slack/oauth?state=s1&code=c1", "", "Cookie", cookie)); !strings.Contains(got, "Start Authentication") {
		t.Errorf("the end where the configuration knows the workspace: %s", got)
	}
	if a := newWorld(t).do("GET", "/slack/install/good", ""); a.Status != 404 {
		t.Errorf("with one workspace only = %d", a.Status)
	}
}

func TestSlackPageHidesErrors(t *testing.T) {
	t.Parallel()
	w := slackWorld(t, fakeSlack{finishErr: errors.New("dial tcp 10.0.0.1: secret")}, false)
	if a := w.do("GET", "/slack/oauth?state=s1&code=c1", ""); a.Status != 500 || strings.Contains(a.Body, "10.0.0.1") || !strings.Contains(words(t, a), "Open the link again") {
		t.Errorf("page = %d %s", a.Status, a.Body)
	}
}
