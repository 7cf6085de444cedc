package app_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/perch-chat/perch/bot/slack/slackfake"
	"github.com/perch-chat/perch/internal/app"
	"github.com/perch-chat/perch/internal/config"
	"github.com/perch-chat/perch/xapi/xfake"
)

// office is a Slack workspace, an X and a Perch between them.
type office struct {
	t                         *testing.T
	slack                     *slackfake.Server
	x                         *xfake.Server
	setup, support, incidents string // channels
}

// newOffice starts all three. change, if any, sees the workspace and the
// configuration before Perch starts.
func newOffice(t *testing.T, change ...func(o *office, c *config.Config)) *office {
	t.Helper()
	o := &office{t: t, slack: slackfake.New(slackfake.Options{RefuseBodyTokens: true})}
	srv := httptest.NewServer(o.slack.Handler())
	o.slack.SetURL(srv.URL)
	t.Cleanup(func() {
		o.slack.Close()
		srv.CloseClientConnections()
		srv.Close()
	})
	for _, name := range []string{"ada", "rio", "sam"} {
		o.slack.AddUser(slackfake.User{Name: name, RealName: strings.ToUpper(name[:1]) + name[1:]})
	}
	everybody := []string{"ada", "rio", "sam", "perch"}
	o.setup = o.slack.AddChannel(slackfake.Channel{Name: "x-setup", Private: true, Members: everybody})
	o.support = o.slack.AddChannel(slackfake.Channel{Name: "x-support", Private: true, Members: everybody})
	o.incidents = o.slack.AddChannel(slackfake.Channel{Name: "incidents", Members: everybody})

	ln := listen(t)
	public := "http://" + ln.Addr().String()
	o.x = xfake.New(xfake.Options{AllowHTTPWebhooks: true, RedirectURLs: []string{public + "/x/callback"}})
	o.x.AddUser(xfake.User{ID: "1001", Handle: "larkspur_hq", Name: "Larkspur"})
	o.x.AddUser(xfake.User{ID: "1002", Handle: "casey_r", Name: "Casey Rivera"})
	xs := httptest.NewServer(o.x.Handler())
	t.Cleanup(xs.Close)
	t.Cleanup(func() { _ = o.x.Close(context.WithoutCancel(t.Context())) })

	c := config.Default()
	c.PublicURL, c.Data = public, t.TempDir()
	c.EncryptionKey = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="
	c.X.ClientID, c.X.ClientSecret, c.X.ConsumerKey, c.X.ConsumerSecret, c.X.BearerToken = "client-id", "client-secret", "consumer-key", "consumer-secret", "app-bearer"
	c.X.APIBase, c.X.AuthorizeURL = xs.URL, xs.URL+"/i/oauth2/authorize"
	c.Chat.Slack = config.Slack{BotToken: "xoxb-perch-bot", AppToken: "xapp-perch-app", APIURL: srv.URL + "/api/"}
	c.Team.Admins = []string{"slack:U0ADA"}
	c.Channels = config.Channels{Setup: "slack:" + o.setup, Incidents: "slack:" + o.incidents}
	c.Departments = []config.Department{{Name: "Support", Channel: "slack:" + o.support, Agents: []string{"slack:U0SAM"}, OnDuty: []string{"slack:U0SAM"}}}
	for _, fn := range change {
		fn(o, &c)
	}
	log := logs(t)
	platforms, routes, err := app.Chats(c, log)
	if err != nil {
		t.Fatal(err)
	}
	ready := make(chan struct{})
	a, err := app.New(t.Context(), app.Options{
		Config: c, Log: log, Listener: ln, Platforms: platforms, Routes: routes, Version: "test", Ready: func() { close(ready) },
		Ladder: []time.Duration{50 * time.Millisecond, 100 * time.Millisecond}, Recheck: 100 * time.Millisecond,
	})
	if err != nil {
		t.Fatal(err)
	}
	runs(t, a)
	<-ready
	// Slack hands nobody's click to an app that is not connected. Some of these
	// apps never are.
	wait, stop := context.WithTimeout(t.Context(), 5*time.Second)
	defer stop()
	_ = o.slack.Wait(wait, func() bool { return len(o.slack.Connections()) > 0 })
	return o
}

// runs runs Perch until the test ends, and says if it did not end well.
func runs(t *testing.T, a *app.App) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	done := make(chan error, 1)
	go func() { done <- a.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("perch did not end well: %v", err)
		}
	})
}

// await waits until fn finds what it looks for.
func await[T any](o *office, what string, fn func() (T, bool)) T {
	o.t.Helper()
	var found T
	ctx, cancel := context.WithTimeout(o.t.Context(), 20*time.Second)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		if v, ok := fn(); ok {
			return v
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			var all strings.Builder
			for _, ch := range []string{o.setup, o.support, o.incidents} {
				for _, m := range o.slack.Messages(ch) {
					fmt.Fprintf(&all, "%s (in %q): %s\n", ch, m.ThreadTS, m.Shown)
				}
			}
			for _, e := range o.slack.Unacked() {
				fmt.Fprintf(&all, "not acknowledged: %+v\n", e)
			}
			o.t.Fatalf("still no %s in\n%s", what, all.String())
			return found
		}
	}
}

// reads is the newest message that reads text; channel "" is what who alone sees.
func (o *office) reads(channel, who, text string) slackfake.Message {
	o.t.Helper()
	return await(o, "message that reads "+text, func() (m slackfake.Message, ok bool) {
		list := o.slack.Messages(channel)
		if channel == "" {
			list = o.slack.Ephemerals(who)
		}
		for _, x := range list {
			if strings.Contains(x.Shown, text) {
				m, ok = x, true
			}
		}
		return m, ok
	})
}

// offers is the newest message of the channel with a button that reads label.
func (o *office) offers(channel, label string) slackfake.Message {
	o.t.Helper()
	return await(o, "button "+label, func() (m slackfake.Message, ok bool) {
		for _, x := range o.slack.Messages(channel) {
			for _, b := range x.Buttons {
				if b.Text == label {
					m, ok = x, true
				}
			}
		}
		return m, ok
	})
}

// click presses the button that reads label.
func (o *office) click(who string, m slackfake.Message, label string) {
	o.t.Helper()
	for _, b := range m.Buttons {
		if b.Text == label {
			if _, err := o.slack.Use(who, m.TS, b.ActionID, b.BlockID, ""); err != nil {
				o.t.Fatal(err)
			}
			return
		}
	}
	o.t.Fatalf("no button %q in %+v", label, m.Buttons)
}

// TestOverSlack is the whole of Perch in a Slack workspace: an account is
// connected, a message is answered, and an update becomes a post.
func TestOverSlack(t *testing.T) {
	o := newOffice(t)

	// Connect the account: only the one who clicked gets the link.
	o.click("ada", o.reads(o.setup, "", "Connect X (Twitter)"), "Start Authentication")
	link := o.reads("", "ada", "Click here to authorize")
	if n := len(o.slack.Ephemerals("rio")); n != 0 {
		t.Errorf("Rio sees %d messages that are for Ada", n)
	}
	url := ""
	for _, b := range link.Buttons {
		if b.URL != "" {
			url = b.URL
		}
	}
	o.authorize(url)
	o.reads(o.setup, "", "Connected @larkspur_hq")

	// A customer writes: hostile words stay words.
	if _, err := o.x.SendDMAs("1002", "1001", "Hello <!channel> *is* the 8:15 <https://evil.example|running>? & why"); err != nil {
		t.Fatal(err)
	}
	card := o.offers(o.support, "Claim")
	in := await(o, "customer's message in the card's thread", func() (slackfake.Message, bool) {
		for _, m := range o.slack.Thread(o.support, card.TS) {
			if m.TS != card.TS && strings.Contains(m.Shown, "Hello <!channel> *is* the 8:15 <https://evil.example|running>? & why") {
				return m, true
			}
		}
		return slackfake.Message{}, false
	})
	if len(in.Notifies) != 0 || len(in.Links) != 0 {
		t.Errorf("the customer's message notifies %v and links to %v", in.Notifies, in.Links)
	}
	o.click("sam", card, "Claim")
	o.reads(o.support, "", "is on it") // Slack keeps no order between a click and what is written after it
	ts, err := o.slack.PersonSays("sam", o.support, "Yes: 12 minutes late & on platform 3.", card.TS)
	if err != nil {
		t.Fatal(err)
	}
	await(o, "answer on X", func() (struct{}, bool) {
		for _, m := range o.x.DMs("1001", "1002") {
			if m.Text == "Yes: 12 minutes late & on platform 3." {
				return struct{}{}, true
			}
		}
		return struct{}{}, false
	})
	o.ticked(ts)

	// An incident, and its update on X.
	o.slack.Command("rio", o.incidents, "/incident", "new Signals fail near Oakham --severity sev2")
	o.reads(o.incidents, "", "INC-1: Signals fail near Oakham")
	o.slack.Command("rio", o.incidents, "/timeline", `add --visibility “status page + twitter” Trains near Oakham are late.`)
	preview := o.reads(o.incidents, "", "Preview – not public yet")
	if len(o.x.Posts("1001")) != 0 {
		t.Fatal("it was posted before anybody confirmed")
	}
	o.click("rio", preview, "Post to X")
	o.reads(o.incidents, "", "Posted on X as @larkspur_hq")
	if posts := o.x.Posts("1001"); len(posts) != 1 || posts[0].Text != "Trains near Oakham are late." {
		t.Errorf("posts: %+v", posts)
	}
	await(o, "acknowledgement of everything", func() (struct{}, bool) {
		for _, e := range o.slack.Unacked() {
			if !e.Lost { // what happened before Perch was connected comes again
				return struct{}{}, false
			}
		}
		return struct{}{}, true
	})
}

// authorize follows a link of Perch and presses Authorize app on X's page.
func (o *office) authorize(link string) {
	o.t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		o.t.Fatal(err)
	}
	browser := &http.Client{Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	resp, err := browser.Get(link)
	if err != nil {
		o.t.Fatal(err)
	}
	_ = resp.Body.Close()
	back, err := o.x.Authorize(resp.Header.Get("Location"), "1001", true)
	if err != nil {
		o.t.Fatal(err)
	}
	resp, err = browser.Get(back)
	if err != nil {
		o.t.Fatal(err)
	}
	page, err := io.ReadAll(resp.Body)
	_ = resp.Body.Close()
	if err != nil || !strings.Contains(string(page), "is connected") {
		o.t.Fatalf("the account was not connected: %v %s", err, page)
	}
}

// logs shows what Perch logs in a verbose test, and fails any test in which a
// secret is logged, at whatever level.
func logs(t *testing.T) *slog.Logger {
	w := &discreet{t: t}
	t.Cleanup(func() {
		if w.wrote.Load() == 0 {
			t.Error("nothing was logged: the look for secrets is blind")
		}
	})
	return slog.New(slog.NewTextHandler(w, &slog.HandlerOptions{Level: slog.LevelDebug}))
}

// discreet looks for secrets in what is written.
type discreet struct {
	t     *testing.T
	wrote atomic.Int64
}

func (d *discreet) Write(p []byte) (int, error) {
	d.wrote.Add(1)
	for _, secret := range []string{"xoxb-", "xapp-", "client-secret", "consumer-secret", "app-bearer", "signing-secret", "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY", "Bearer ", "/slack/install/"} {
		if strings.Contains(string(p), secret) {
			d.t.Errorf("a secret is logged (%s): %s", secret, p)
		}
	}
	if testing.Verbose() {
		return d.t.Output().Write(p)
	}
	return len(p), nil
}
