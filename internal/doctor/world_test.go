package doctor_test

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/perch-chat/perch/bot"
	"github.com/perch-chat/perch/bot/webchat"
	"github.com/perch-chat/perch/internal/accounts"
	"github.com/perch-chat/perch/internal/app"
	"github.com/perch-chat/perch/internal/config"
	"github.com/perch-chat/perch/internal/doctor"
	"github.com/perch-chat/perch/store"
	"github.com/perch-chat/perch/xapi/xfake"
)

// world is a Perch that serves, one connected account, and an X on loopback.
type world struct {
	t    *testing.T
	c    config.Config
	x    *xfake.Server
	xsrv *httptest.Server
	app  *app.App
	stop func() // ends Perch

	date   atomic.Int64                 // seconds that X's clock is ahead
	public atomic.Pointer[http.Handler] // what answers at public_url instead of Perch
	front  *httptest.Server
}

const accountID = "1000000000000000001"

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, x: xfake.New(xfake.Options{AllowHTTPWebhooks: true})}
	w.x.AddUser(xfake.User{ID: accountID, Handle: "larkspur_hq"})
	w.xsrv = httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		rw.Header().Set("Date", time.Now().Add(time.Duration(w.date.Load())*time.Second).UTC().Format(http.TimeFormat))
		w.x.Handler().ServeHTTP(rw, r)
	}))
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	proxy := httputil.NewSingleHostReverseProxy(&url.URL{Scheme: "http", Host: ln.Addr().String()})
	w.front = httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if h := w.public.Load(); h != nil {
			(*h).ServeHTTP(rw, r)
			return
		}
		proxy.ServeHTTP(rw, r)
	}))
	w.c = w.config()
	w.x.AddRedirectURL(w.c.PublicURL + "/x/callback")
	chat, err := webchat.Open(webchat.Options{
		Journal:   filepath.Join(t.TempDir(), "chat.journal"),
		Users:     []webchat.User{{Ref: "webchat:U_ada", Name: "Ada"}, {Ref: "webchat:U_sam", Name: "Sam"}},
		Channels:  []webchat.Channel{{Name: "setup"}, {Name: "support"}, {Name: "incidents"}},
		PublicURL: w.c.PublicURL,
	})
	if err != nil {
		t.Fatal(err)
	}
	ready := make(chan struct{})
	w.app, err = app.New(t.Context(), app.Options{
		Config: w.c, Version: "test", Listener: ln, Platforms: []bot.Platform{chat}, Ready: func() { close(ready) }, AtEnd: func() { _ = chat.Close() },
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	done := make(chan error, 1)
	go func() { done <- w.app.Run(ctx) }()
	var stopped bool
	w.stop = func() {
		cancel()
		if stopped {
			return
		}
		stopped = true
		if err := <-done; err != nil {
			t.Errorf("Run() = %v", err)
		}
	}
	t.Cleanup(func() {
		w.stop()
		w.front.Close()
		w.xsrv.Close()
		_ = w.x.Close(ctx) // only the test's own
	})
	<-ready
	w.connect()
	return w
}

func (w *world) config() config.Config {
	c := config.Default()
	c.Data, c.PublicURL = shortDir(w.t), w.front.URL
	c.EncryptionKey = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="
	c.X.APIBase, c.X.AuthorizeURL = w.xsrv.URL, w.xsrv.URL+"/i/oauth2/authorize"
	c.X.ClientID, c.X.ClientSecret = "client-id", "client-secret"
	c.X.ConsumerKey, c.X.ConsumerSecret, c.X.BearerToken = "consumer-key", "consumer-secret", "app-bearer"
	c.Team.Admins = []string{"webchat:U_ada"}
	c.Channels = config.Channels{Setup: "webchat:setup", Incidents: "webchat:incidents"}
	c.Departments = []config.Department{{Name: "Support", Channel: "webchat:support", Agents: []string{"webchat:U_sam"}, OnDuty: []string{"webchat:U_sam"}}}
	c.Shutdown.Drain = config.Duration(3 * time.Second)
	return c
}

// shortDir is a folder whose path leaves room for a socket's name.
func shortDir(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if len(dir) > 80 {
		t.Skipf("the path %s is too long for a socket", dir)
	}
	return filepath.Join(dir, "d")
}

// connect connects the account as a person does, and waits until all is set up.
func (w *world) connect() {
	w.t.Helper()
	ctx := w.t.Context()
	var link string
	w.update(func(tx store.Tx) (err error) {
		link, err = w.app.Accounts.Begin(tx, accounts.Requester{User: "webchat:U_ada", UserName: "Ada", Channel: "webchat:setup"})
		return err
	})
	redirect, cookie, err := w.app.Accounts.Start(ctx, link[strings.LastIndexByte(link, '/')+1:])
	if err != nil {
		w.t.Fatal(err)
	}
	back, err := w.x.Authorize(redirect, accountID, true)
	if err != nil {
		w.t.Fatal(err)
	}
	u, err := url.Parse(back)
	if err != nil {
		w.t.Fatal(err)
	}
	if _, err := w.app.Accounts.Finish(ctx, cookie, u.Query().Get("state"), u.Query().Get("code"), ""); err != nil {
		w.t.Fatal(err)
	}
	w.wait("subscriptions and the first look", func() bool {
		s, err := app.NewControl(w.c).Status(ctx)
		return err == nil && len(s.Accounts) == 1 && len(w.x.Subscriptions()) == 6
	})
}

// wait waits until ok is true.
func (w *world) wait(what string, ok func() bool) {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), 20*time.Second)
	defer cancel()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-ctx.Done():
			w.t.Fatalf("waited in vain for %s", what)
		case <-tick.C:
		}
	}
}

func (w *world) update(fn func(tx store.Tx) error) {
	w.t.Helper()
	if err := w.app.DB.Update(w.t.Context(), fn); err != nil {
		w.t.Fatal(err)
	}
}

// edit changes the one record of a table that has old in it.
func (w *world) edit(table, old, text string) {
	w.t.Helper()
	w.update(func(tx store.Tx) error {
		pairs, err := store.Collect(tx.Scan(table, store.Range{}))
		if err != nil {
			return err
		}
		for _, p := range pairs {
			if strings.Contains(string(p.Val), old) {
				return tx.Put(table, p.Key, []byte(strings.Replace(string(p.Val), old, text, 1)))
			}
		}
		return errors.New("no record has " + old)
	})
}

// examine makes the checks as the command does and returns what is not well.
func (w *world) examine() (bad []doctor.Finding) {
	w.t.Helper()
	healthy, err := app.Examine(w.t.Context(), w.c, nil, "test", func(f doctor.Finding) {
		w.t.Logf("%s %s: %s %s", f.State.Sign(), f.Check, f.Text, f.Do)
		if f.State == doctor.Warn || f.State == doctor.Fail {
			bad = append(bad, f)
		}
	})
	if err != nil {
		w.t.Fatal(err)
	}
	if failed := slices.ContainsFunc(bad, func(f doctor.Finding) bool { return f.State == doctor.Fail }); healthy == failed {
		w.t.Errorf("Examine() = %t with findings %v", healthy, bad)
	}
	return bad
}
