package app_test

import (
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/perch-chat/perch/bot"
	"github.com/perch-chat/perch/bot/slack/slackfake"
	"github.com/perch-chat/perch/internal/app"
	"github.com/perch-chat/perch/internal/config"
	"github.com/perch-chat/perch/internal/outbox"
	"github.com/perch-chat/perch/store"
	"github.com/perch-chat/perch/store/postgres/pgtest"
	"github.com/perch-chat/perch/xapi/xfake"
)

// campus is a Slack with the workspaces Acme and Beta, and a Perch that is in
// none of them yet.
type campus struct {
	t             *testing.T
	slack         *slackfake.Server
	config        config.Config
	app           *app.App
	stop          func()
	support, beta string // channels
}

func newCampus(t *testing.T, change ...func(*config.Config)) *campus {
	t.Helper()
	ln := listen(t)
	public := "http://" + ln.Addr().String()
	c := &campus{t: t, slack: slackfake.New(slackfake.Options{RefuseBodyTokens: true, RedirectURLs: []string{public + "/slack/oauth"}})}
	srv := httptest.NewServer(c.slack.Handler())
	c.slack.SetURL(srv.URL)
	t.Cleanup(func() {
		c.slack.Close()
		srv.CloseClientConnections()
		srv.Close()
	})
	c.slack.AddTeam("T0BETA", "Beta")
	c.slack.AddUser(slackfake.User{Name: "ada", RealName: "Ada"})
	c.slack.AddUser(slackfake.User{Name: "bea", RealName: "Bea", Team: "T0BETA"})
	c.support = c.slack.AddChannel(slackfake.Channel{Name: "x-support", Private: true, Members: []string{"ada", "perch"}})
	c.beta = c.slack.AddChannel(slackfake.Channel{Name: "incidents", Team: "T0BETA", Members: []string{"U0BEA", "U0BETABOT"}})

	x := xfake.New(xfake.Options{AllowHTTPWebhooks: true, RedirectURLs: []string{public + "/x/callback"}})
	xs := httptest.NewServer(x.Handler())
	t.Cleanup(xs.Close)
	t.Cleanup(func() { _ = x.Close(context.WithoutCancel(t.Context())) })

	c.config = config.Default()
	c.config.PublicURL, c.config.Data = public, t.TempDir()
	c.config.EncryptionKey = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="
	c.config.X.ClientID, c.config.X.ClientSecret, c.config.X.ConsumerKey, c.config.X.ConsumerSecret, c.config.X.BearerToken = "client-id", "client-secret", "consumer-key", "consumer-secret", "app-bearer"
	c.config.X.APIBase, c.config.X.AuthorizeURL = xs.URL, xs.URL+"/i/oauth2/authorize"
	c.config.Chat.Slack = config.Slack{ClientID: "client-id", ClientSecret: "client-secret", AppToken: "xapp-perch-app", APIURL: srv.URL + "/api/"}
	c.config.Team.Admins = []string{"slack:T0ACME:U0ADA"}
	c.config.Channels = config.Channels{Setup: "slack:T0ACME:#x-setup", Incidents: "slack:T0BETA:" + c.beta}
	c.config.Departments = []config.Department{{Name: "Support", Channel: "slack:T0ACME:" + c.support}}
	for _, f := range change {
		f(&c.config)
	}
	c.start(ln)
	t.Cleanup(func() { c.stop() })
	return c
}

// replica is another Perch with the same store.
func (c *campus) replica() *campus {
	r := *c
	r.start(listen(c.t))
	c.t.Cleanup(func() { r.stop() })
	return &r
}

func (c *campus) start(ln net.Listener) {
	c.t.Helper()
	log := logs(c.t)
	platforms, routes, err := app.Chats(c.config, log)
	if err != nil {
		c.t.Fatal(err)
	}
	ready := make(chan struct{})
	c.app, err = app.New(c.t.Context(), app.Options{
		Config: c.config, Log: log, Listener: ln, Platforms: platforms, Routes: routes, Version: "test", Ready: func() { close(ready) },
		Ladder: []time.Duration{50 * time.Millisecond, 100 * time.Millisecond}, Recheck: 100 * time.Millisecond,
	})
	if err != nil {
		c.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(c.t.Context()))
	done := make(chan error, 1)
	a := c.app
	go func() { done <- a.Run(ctx) }()
	<-ready
	c.stop = func() {
		cancel()
		if err := <-done; err != nil {
			c.t.Errorf("perch did not end well: %v", err)
		}
		c.stop = func() {}
	}
	c.t.Cleanup(func() { c.stop() }) // before what it logged is looked at
}

func (c *campus) await(what string, yes func() bool) {
	c.t.Helper()
	await(&office{t: c.t, slack: c.slack, setup: c.slack.ChannelID("x-setup"), support: c.support, incidents: c.beta}, what, func() (struct{}, bool) { return struct{}{}, yes() })
}

// reads waits for a message of a channel; channel "" is what who alone sees.
func (c *campus) reads(channel, who, text string) {
	c.t.Helper()
	c.await("message that reads "+text, func() bool {
		list := c.slack.Ephemerals(who)
		if channel != "" {
			list = c.slack.Messages(channel)
		}
		for _, m := range list {
			if strings.Contains(m.Shown, text) {
				return true
			}
		}
		return false
	})
}

// link has the running Perch make a link, as the command line does.
func (c *campus) link() string {
	c.t.Helper()
	var o app.SlackOrder
	var err error
	if c.config.Store.Driver == "bolt" {
		o, err = app.NewControl(c.config).SlackLink(c.t.Context())
	} else {
		err = c.app.DB.Update(c.t.Context(), func(tx store.Tx) error {
			o, err = app.NewSlackLink(tx, c.config.PublicURL)
			return err
		})
	}
	if err != nil {
		c.t.Fatal(err)
	}
	return o.Link
}

// browser is somebody's browser, which follows no redirect by itself.
func (c *campus) browser() *http.Client {
	c.t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		c.t.Fatal(err)
	}
	return &http.Client{Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}

func (c *campus) get(b *http.Client, address string) (status int, location, page string) {
	c.t.Helper()
	resp, err := b.Get(address)
	if err != nil {
		c.t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		c.t.Fatal(err)
	}
	return resp.StatusCode, resp.Header.Get("Location"), string(body)
}

// consent leaves for Slack, agrees (or more) there for a workspace and returns
// where Slack sends the browser back to.
func (c *campus) consent(b *http.Client, link, team, more string) (back string) {
	c.t.Helper()
	if status, _, page := c.get(b, link); status != http.StatusOK || !strings.Contains(page, "Add to Slack") || !strings.Contains(page, "chat:write") {
		c.t.Fatalf("the page that asks = %d %s", status, page)
	}
	status, to, _ := c.get(b, link+"/start")
	if status != http.StatusFound {
		c.t.Fatalf("start = %d", status)
	}
	status, back, _ = c.get(b, to+"&team="+team+more)
	if u, err := url.Parse(back); status != http.StatusFound || err != nil || !strings.HasPrefix(back, c.config.PublicURL+"/slack/oauth?") || u.Query().Get("state") == "" {
		c.t.Fatalf("Slack's page = %d, sends back to %q", status, back)
	}
	return back
}

func (c *campus) install(team string) {
	c.t.Helper()
	b := c.browser()
	status, _, page := c.get(b, c.consent(b, c.link(), team, ""))
	if status != http.StatusOK || !strings.Contains(page, "Perch is in ") || !strings.Contains(page, team) {
		c.t.Fatalf("the end = %d %s", status, page)
	}
}

// post has Perch write into a channel, and returns the action's ID.
func (c *campus) post(channel, text string) string {
	c.t.Helper()
	payload, err := json.Marshal(bot.Post{Message: bot.Message{Channel: bot.ChannelRef(channel), Text: text}})
	if err != nil {
		c.t.Fatal(err)
	}
	var act outbox.Action
	err = c.app.DB.Update(c.t.Context(), func(tx store.Tx) (err error) {
		act, _, err = c.app.Outbox.Add(tx, outbox.Action{Kind: bot.KindPost, Payload: payload})
		return err
	})
	if err != nil {
		c.t.Fatal(err)
	}
	return act.ID
}

// TestWorkspaces is Perch in two workspaces of Slack, from the first
// installation to the end of one of them and its return.
func TestWorkspaces(t *testing.T) {
	c := newCampus(t)

	// Nobody gets in without a link, in another browser or twice.
	stranger := c.browser()
	if status, _, page := c.get(stranger, c.config.PublicURL+"/slack/install"); status != http.StatusForbidden || !strings.Contains(page, "install-link") {
		t.Errorf("without a link = %d %s", status, page)
	}
	link, own := c.link(), c.browser()
	if status, _, page := c.get(stranger, c.consent(own, link, "T0ACME", "")); status != http.StatusBadRequest || !strings.Contains(page, "another browser") {
		t.Errorf("in another browser = %d %s", status, page)
	}
	if status, _, page := c.get(own, c.consent(own, link, "T0ACME", "&deny=1")); status != http.StatusBadRequest || !strings.Contains(page, "You did not add Perch") {
		t.Errorf("declined = %d %s", status, page)
	}
	if n := len(c.slack.Calls("oauth.v2.access")); n != 0 {
		t.Errorf("%d codes were exchanged", n)
	}
	back := c.consent(own, link, "T0ACME", "")
	if status, _, page := c.get(own, back); status != http.StatusOK || !strings.Contains(page, "Perch is in Acme") || strings.Contains(page, "xoxb-") {
		t.Fatalf("the end = %d %s", status, page)
	}
	if status, _, page := c.get(own, back); status != http.StatusBadRequest || !strings.Contains(page, "used already") {
		t.Errorf("once more = %d %s", status, page)
	}
	if status, _, _ := c.get(own, link+"/start"); status != http.StatusBadRequest {
		t.Errorf("the link once more = %d", status)
	}

	// What waited for the workspace goes out: the setup channel is made.
	c.await("setup channel", func() bool { return c.slack.ChannelID("x-setup") != "" })
	setup := c.slack.ChannelID("x-setup")
	c.reads(setup, "", "Connect X (Twitter)")

	c.install("T0BETA")
	c.reads(setup, "", "Perch was installed in the Slack workspace Beta (T0BETA)")
	o, err := app.NewControl(c.config).SlackWorkspaces(t.Context())
	if err != nil || len(o.Workspaces) != 2 || o.Workspaces[1].Name != "Beta" || o.Workspaces[1].Bot != "perch" {
		t.Errorf("workspaces = %+v, %v", o, err)
	}

	// Each has its own people, words and answers.
	c.slack.Command("U0BEA", c.beta, "/incident", "new Signals fail near Oakham")
	c.reads(c.beta, "", "INC-1: Signals fail near Oakham")
	c.slack.Command("ada", c.support, "/twitter", "help")
	c.reads("", "ada", "/twitter")
	for _, ch := range []string{setup, c.support} {
		for _, m := range c.slack.Messages(ch) {
			if strings.Contains(m.Shown, "Oakham") {
				t.Errorf("what happens in Beta is shown in Acme: %s", m.Shown)
			}
		}
	}

	// No token can be read in the store.
	raw, err := os.ReadFile(app.StoreFile(c.config))
	if err != nil {
		t.Fatal(err)
	}
	for _, secret := range []string{"xoxb-perch-bot", "xoxb-beta-bot", "client-secret", strings.TrimPrefix(link, c.config.PublicURL+"/slack/install/")} {
		if strings.Contains(string(raw), secret) {
			t.Errorf("the store holds %q in clear", secret)
		}
	}

	// A restart keeps both.
	c.stop()
	ln, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", strings.TrimPrefix(c.config.PublicURL, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	c.start(ln)
	c.post("slack:T0BETA:"+c.beta, "after the restart")
	c.reads(c.beta, "", "after the restart")
	c.await("connection", func() bool { return len(c.slack.Connections()) > 0 })
	c.slack.Command("U0BEA", c.beta, "/incident", "list")
	c.reads("", "U0BEA", "INC-1")

	// Beta throws Perch out: what goes there waits, Acme goes on.
	c.slack.Uninstall("T0BETA")
	c.reads(setup, "", "Perch was removed from the Slack workspace Beta (T0BETA)")
	waiting := c.post("slack:T0BETA:"+c.beta, "are you there?")
	c.await("hold", func() (held bool) {
		_ = c.app.DB.View(t.Context(), func(tx store.Tx) error {
			holds, err := c.app.Outbox.Holds(tx)
			for _, h := range holds {
				held = held || h.Lane == "slack:T0BETA" && strings.Contains(h.Message, "install-link")
			}
			return err
		})
		return held
	})
	c.post("slack:T0ACME:"+c.support, "Acme goes on")
	c.reads(c.support, "", "Acme goes on")

	// And takes it back.
	c.install("T0BETA")
	c.reads(c.beta, "", "are you there?")
	c.slack.Command("U0BEA", c.beta, "/incident", "new Back again")
	c.reads(c.beta, "", "INC-2: Back again")

	// Without its key, it is as if it weren't there; the others are not disturbed.
	c.stop()
	key := c.config.EncryptionKey
	c.config.EncryptionKey = "ZmVkY2JhOTg3NjU0MzIxMGZlZGNiYTk4NzY1NDMyMTA="
	if ln, err = (&net.ListenConfig{}).Listen(t.Context(), "tcp", strings.TrimPrefix(c.config.PublicURL, "http://")); err != nil {
		t.Fatal(err)
	}
	c.start(ln)
	c.await("connection", func() bool { return len(c.slack.Connections()) > 0 })
	d := c.slack.Command("U0BEA", c.beta, "/incident", "list")
	<-d.Done()
	if _, ok := d.Acked(); !ok {
		t.Error("what can't be worked on is not acknowledged")
	}
	c.stop()
	c.config.EncryptionKey = key
	if ln, err = (&net.ListenConfig{}).Listen(t.Context(), "tcp", strings.TrimPrefix(c.config.PublicURL, "http://")); err != nil {
		t.Fatal(err)
	}
	c.start(ln)

	// A token that ends without a word shows when it is used.
	c.slack.EndToken("T0BETA", "account_inactive")
	last := c.post("slack:T0BETA:"+c.beta, "and once more")
	c.await("second removal", func() bool {
		n := 0
		for _, m := range c.slack.Messages(setup) {
			if strings.Contains(m.Shown, "Perch was removed from the Slack workspace Beta") {
				n++
			}
		}
		return n == 2
	})
	c.install("T0BETA")
	c.reads(c.beta, "", "and once more")
	for _, id := range []string{waiting, last} {
		c.await("end of what waited", func() bool {
			var act outbox.Action
			err := c.app.DB.View(t.Context(), func(tx store.Tx) (err error) {
				act, err = c.app.Outbox.Get(tx, id)
				return err
			})
			return err == nil && act.State == outbox.Done
		})
	}
}

// TestWorkspacesOfReplicas has a replica learn of what another one installed,
// while it runs and without a word between them.
func TestWorkspacesOfReplicas(t *testing.T) {
	dsn := pgtest.Start(t).Schema(t)
	a := newCampus(t, func(c *config.Config) {
		c.Store = config.Store{Driver: "postgres", PostgresURL: config.Secret(dsn)}
		c.Channels, c.Departments = config.Channels{Incidents: c.Channels.Incidents}, nil
	})
	b := a.replica()
	a.await("connections of both", func() bool { return len(a.slack.Connections()) == 4 })
	for range 8 { // each comes to one of them, and is of a workspace that neither knows
		<-a.slack.Command("U0BEA", a.beta, "/incident", "list").Done()
	}
	a.install("T0BETA")
	a.stop()
	b.slack.Command("U0BEA", b.beta, "/incident", "new Signals fail")
	b.reads(b.beta, "", "INC-1: Signals fail")

	// Installed anew by the first, while the second has the old token.
	ln, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", strings.TrimPrefix(a.config.PublicURL, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	a.start(ln)
	a.slack.EndToken("T0BETA", "")
	a.install("T0BETA")
	a.stop()
	b.post("slack:T0BETA:"+b.beta, "with the new token")
	b.reads(b.beta, "", "with the new token")
	if o, err := installedIn(t, b.app); err != nil || len(o.Workspaces) != 1 {
		t.Errorf("workspaces = %+v, %v", o, err)
	}
}

// TestTheOnlyWorkspaceEnds has Perch lose its one workspace and get a new token.
func TestTheOnlyWorkspaceEnds(t *testing.T) {
	c := newCampus(t, func(c *config.Config) {
		c.Chat.Slack = config.Slack{BotToken: "xoxb-perch-bot", AppToken: "xapp-perch-app", APIURL: c.Chat.Slack.APIURL}
		c.Channels = config.Channels{Setup: "slack:T0ACME:#x-setup"} // the ID may be there
	})
	c.await("setup channel", func() bool { return c.slack.ChannelID("x-setup") != "" })
	c.reads(c.slack.ChannelID("x-setup"), "", "Connect X (Twitter)")
	held := func() (held bool) {
		_ = c.app.DB.View(t.Context(), func(tx store.Tx) error {
			holds, err := c.app.Outbox.Holds(tx)
			for _, h := range holds {
				held = held || h.Lane == "slack" && strings.Contains(h.Message, "Install the app again")
			}
			return err
		})
		return held
	}
	renew := func() {
		c.stop()
		resp, err := http.PostForm(c.config.Chat.Slack.APIURL+"oauth.v2.access", url.Values{
			"client_id": {"client-id"}, "client_secret": {"client-secret"}, "code": {c.slack.InstallCode("T0ACME", "")},
		})
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		var o struct {
			Token string `json:"access_token"`
		}
		if err := json.NewDecoder(resp.Body).Decode(&o); err != nil || o.Token == c.config.Chat.Slack.BotToken.Reveal() {
			t.Fatalf("the new token = %q, %v", o.Token, err)
		}
		c.config.Chat.Slack.BotToken = config.Secret(o.Token)
		ln, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", strings.TrimPrefix(c.config.PublicURL, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		c.start(ln)
	}
	health := func() string {
		_, _, page := c.get(c.browser(), c.config.PublicURL+"/readyz")
		return page
	}

	c.slack.Uninstall("T0ACME") // and says so
	c.await("hold", held)
	if page := health(); !strings.Contains(page, "Install the app again") {
		t.Errorf("readyz = %s", page)
	}
	c.post("slack:"+c.support, "first")
	renew()
	c.reads(c.support, "", "first")
	if held() {
		t.Error("it is held still")
	}

	c.slack.EndToken("T0ACME", "") // without a word
	c.post("slack:"+c.support, "second")
	c.await("second hold", held)
	renew()
	c.reads(c.support, "", "second")
}

func installedIn(t *testing.T, a *app.App) (o app.SlackOrder, err error) {
	err = a.DB.View(t.Context(), func(tx store.Tx) error {
		o, err = app.ListSlackWorkspaces(tx)
		return err
	})
	return o, err
}
