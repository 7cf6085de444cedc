package web_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"

	"golang.org/x/net/html"

	"github.com/perch-chat/perch/internal/accounts"
	"github.com/perch-chat/perch/internal/inbox"
	"github.com/perch-chat/perch/web"
)

// fakeAccounts knows one ticket and what comes back with it.
type fakeAccounts struct{ finishErr error }

func (f fakeAccounts) Start(_ context.Context, ticket string) (string, string, error) {
	if ticket != "good" {
		return "", "", &accounts.Error{Code: accounts.CodeUnknownRequest, Message: "This link is not known."}
	}
	return "https://x.example/authorize?state=s1&a=<b>", "cookie1", nil
}

func (f fakeAccounts) Finish(_ context.Context, cookie, state, code, xerr string) (accounts.Account, error) {
	switch {
	case f.finishErr != nil:
		return accounts.Account{}, f.finishErr
	case xerr != "":
		return accounts.Account{}, &accounts.Error{Code: accounts.CodeDenied, Message: "You pressed Cancel at X."}
	case cookie != "cookie1" || state != "s1" || code != "c1":
		return accounts.Account{}, &accounts.Error{Code: accounts.CodeOtherBrowser, Message: "Open the link in one browser."}
	}
	return accounts.Account{Handle: "acme", Name: "<script>Acme</script>", Scopes: []string{"tweet.write", "dm.read"}, ConnectedByName: "Ada"}, nil
}

func pageWorld(t *testing.T, f fakeAccounts) *world {
	return newWorld(t, func(d *web.Deps) { d.Accounts = f })
}

// words is what a person reads on a page. It fails the test if there is a
// script, or a style that the policy doesn't allow.
func words(t *testing.T, a answer) string {
	t.Helper()
	doc, err := html.Parse(strings.NewReader(a.Body))
	if err != nil {
		t.Fatal(err)
	}
	var text []string
	for n := range doc.Descendants() {
		switch {
		case n.Type == html.ElementNode && n.Data == "script":
			t.Errorf("the page has a script: %s", a.Body)
		case n.Type == html.TextNode && n.Parent.Data != "style":
			text = append(text, strings.Fields(n.Data)...)
		}
	}
	for _, h := range []string{"Content-Security-Policy", "X-Content-Type-Options", "Referrer-Policy", "X-Frame-Options"} {
		if a.Header.Get(h) == "" {
			t.Errorf("the page has no %s", h)
		}
	}
	if csp := a.Header.Get("Content-Security-Policy"); !strings.Contains(csp, "default-src 'none'") || strings.Contains(csp, "unsafe") {
		t.Errorf("policy = %s", csp)
	}
	return strings.Join(text, " ")
}

func TestConnectPages(t *testing.T) {
	t.Parallel()
	w := pageWorld(t, fakeAccounts{})
	start := w.do("GET", "/x/start/good", "")
	if start.Status != http.StatusFound || start.Header.Get("Location") != "https://x.example/authorize?state=s1&a=<b>" || start.Body != "" {
		t.Errorf("start = %d %v %q", start.Status, start.Header, start.Body)
	}
	c, err := http.ParseSetCookie(start.Header.Get("Set-Cookie"))
	if err != nil || c.Value != "cookie1" || !c.HttpOnly || !c.Secure || c.SameSite != http.SameSiteLaxMode || c.Path != "/x/" || c.MaxAge != 600 {
		t.Errorf("cookie = %+v, %v", c, err)
	}
	if a := w.do("GET", "/x/start/other", ""); a.Status != 400 || !strings.Contains(words(t, a), "This link is not known") {
		t.Errorf("unknown ticket = %d %s", a.Status, a.Body)
	}
	done := w.do("GET", "/x/callback?state=s1&code=c1", "", "Cookie", "perch_x_auth=cookie1")
	if got := words(t, done); done.Status != 200 || !strings.Contains(got, "@acme is connected") || !strings.Contains(got, "Post and delete posts (tweet.write)") || !strings.Contains(got, "Connected by Ada") {
		t.Errorf("callback = %d %s", done.Status, got)
	}
	if c, err := http.ParseSetCookie(done.Header.Get("Set-Cookie")); err != nil || c.MaxAge >= 0 {
		t.Errorf("the cookie stays: %+v, %v", c, err)
	}
	if a := w.do("GET", "/x/callback?state=s1&code=c1", ""); a.Status != 400 || !strings.Contains(words(t, a), "This is another browser") {
		t.Errorf("without the cookie = %d %s", a.Status, a.Body)
	}
	if a := w.do("GET", "/x/callback?state=s1&error=access_denied", "", "Cookie", "perch_x_auth=cookie1"); a.Status != 400 || !strings.Contains(words(t, a), "You did not authorize Perch You pressed Cancel at X.") {
		t.Errorf("denied = %d %s", a.Status, words(t, a))
	}
}

// TestPageHidesErrors checks that what isn't meant for people isn't shown.
func TestPageHidesErrors(t *testing.T) {
	t.Parallel()
	w := pageWorld(t, fakeAccounts{finishErr: errors.New("dial tcp 10.0.0.1: secret")})
	if a := w.do("GET", "/x/callback?state=s1&code=c1", ""); a.Status != 500 || strings.Contains(a.Body, "10.0.0.1") || !strings.Contains(words(t, a), "Start again in the chat") {
		t.Errorf("callback = %d %s", a.Status, a.Body)
	}
}

type fakeHook struct{}

func (fakeHook) CRC(token string) (string, error) {
	if token != "challenge" {
		return "", errors.New("no challenge")
	}
	return "sha256=abc", nil
}
func (fakeHook) Verify(signature string, body []byte) bool { return signature == "good" }
func (fakeHook) Decode(body []byte) ([]inbox.Item, error) {
	if string(body) == "odd" {
		return nil, errors.New("odd")
	}
	return []inbox.Item{{Key: "x:dm:1", Kind: "x.dm", Body: body}}, nil
}

type fakeInbox struct {
	items []inbox.Item
	err   error
}

func (f *fakeInbox) Put(_ context.Context, items ...inbox.Item) (int, error) {
	f.items = append(f.items, items...)
	return len(items), f.err
}

func TestWebhook(t *testing.T) {
	t.Parallel()
	in := &fakeInbox{}
	w := newWorld(t, func(d *web.Deps) { d.XWebhook, d.Inbox = fakeHook{}, in })
	if a := w.do("GET", "/x/webhook?crc_token=challenge", ""); a.Status != 200 || a.Body != `{"response_token":"sha256=abc"}` || a.Header.Get("Content-Type") != "application/json" {
		t.Errorf("challenge = %d %s", a.Status, a.Body)
	}
	if a := w.do("GET", "/x/webhook?crc_token=%3Cscript%3E", ""); a.Status != 400 || strings.Contains(a.Body, "script") {
		t.Errorf("odd challenge = %d %s", a.Status, a.Body)
	}
	const sig = "X-Twitter-Webhooks-Signature"
	if a := w.do("POST", "/x/webhook", `{}`, sig, "bad"); a.Status != 403 || len(in.items) != 0 {
		t.Errorf("bad signature = %d, %d items", a.Status, len(in.items))
	}
	if a := w.do("POST", "/x/webhook", `{}`, sig, "good"); a.Status != 200 || len(in.items) != 1 {
		t.Errorf("delivery = %d, %d items", a.Status, len(in.items))
	}
	if a := w.do("POST", "/x/webhook", "odd", sig, "good"); a.Status != 200 || len(in.items) != 1 {
		t.Errorf("unreadable delivery = %d", a.Status)
	}
	if a := w.do("POST", "/x/webhook", strings.Repeat("x", 1<<20+1), sig, "good"); a.Status != 413 {
		t.Errorf("large delivery = %d", a.Status)
	}
	in.err = errors.New("disk full")
	if a := w.do("POST", "/x/webhook", `{}`, sig, "good"); a.Status != 500 || strings.Contains(a.Body, "disk") {
		t.Errorf("not stored = %d %s, want 500 so that X sends it again", a.Status, a.Body)
	}
	bare := newWorld(t)
	if a := bare.do("POST", "/x/webhook", `{}`); a.Status != 404 {
		t.Errorf("without a webhook = %d", a.Status)
	}
}
