package app_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/perch-chat/perch/incident"
	"github.com/perch-chat/perch/internal/accounts"
	"github.com/perch-chat/perch/internal/app"
	"github.com/perch-chat/perch/internal/config"
	"github.com/perch-chat/perch/store"
	"github.com/perch-chat/perch/store/postgres/pgtest"
	"github.com/perch-chat/perch/web"
	"github.com/perch-chat/perch/xapi/xfake"
)

// replica is one Perch of several over one database.
type replica struct {
	*app.App
	url  string
	stop func()
}

func startReplica(t *testing.T, dsn, public string, ln net.Listener, x *httptest.Server) *replica {
	t.Helper()
	c := config.Default()
	c.PublicURL = public
	c.EncryptionKey = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="
	c.Store = config.Store{Driver: "postgres", PostgresURL: config.Secret(dsn)}
	c.X.ClientID, c.X.ClientSecret, c.X.ConsumerKey, c.X.ConsumerSecret, c.X.BearerToken = "client-id", "client-secret", "consumer-key", "consumer-secret", "app-bearer"
	c.X.APIBase, c.X.AuthorizeURL = x.URL, x.URL+"/i/oauth2/authorize"
	c.Publish.API = "direct"
	c.Shutdown.Drain = config.Duration(2 * time.Second)
	ready := make(chan struct{})
	a, err := app.New(t.Context(), app.Options{
		Config: c, Listener: ln, Version: "test", Ready: func() { close(ready) },
		Ladder: []time.Duration{50 * time.Millisecond, 100 * time.Millisecond}, Recheck: 100 * time.Millisecond,
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	done := make(chan error, 1)
	go func() { done <- a.Run(ctx) }()
	select {
	case <-ready:
	case err := <-done:
		t.Fatalf("the replica ended: %v", err)
	}
	r := &replica{App: a, url: "http://" + ln.Addr().String()}
	var once sync.Once
	r.stop = func() {
		once.Do(func() {
			cancel()
			if err := <-done; err != nil {
				t.Errorf("the replica did not end well: %v", err)
			}
		})
	}
	t.Cleanup(r.stop)
	return r
}

func listen(t *testing.T) net.Listener {
	t.Helper()
	ln, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return ln
}

// connect has an account connected through the replica's own pages.
func connect(t *testing.T, r *replica, x *xfake.Server, user string) {
	t.Helper()
	var link string
	err := r.DB.Update(t.Context(), func(tx store.Tx) (err error) {
		link, err = r.Accounts.Begin(tx, accounts.Requester{User: "webchat:U_ada", UserName: "Ada"})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	browser := &http.Client{Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	resp, err := browser.Get(link)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	back, err := x.Authorize(resp.Header.Get("Location"), user, true)
	if err != nil {
		t.Fatal(err)
	}
	resp, err = browser.Get(back)
	if err != nil {
		t.Fatal(err)
	}
	page, err := io.ReadAll(resp.Body)
	_ = resp.Body.Close()
	if err != nil || !strings.Contains(string(page), "is connected") {
		t.Fatalf("the account was not connected: %v %s", err, page)
	}
}

// TestReplicas has two replicas over one PostgreSQL database publish what both
// take in, while X loses answers and one replica goes away in the middle: each
// entry becomes one post.
func TestReplicas(t *testing.T) {
	dsn := pgtest.Start(t).Schema(t)
	lnA, lnB := listen(t), listen(t)
	public := "http://" + lnA.Addr().String()
	x := xfake.New(xfake.Options{AllowHTTPWebhooks: true, RedirectURLs: []string{public + "/x/callback"}})
	x.AddUser(xfake.User{ID: "1001", Handle: "larkspur_hq", Name: "Larkspur"})
	xs := httptest.NewServer(x.Handler())
	t.Cleanup(xs.Close)
	t.Cleanup(func() { _ = x.Close(context.WithoutCancel(t.Context())) })

	a := startReplica(t, dsn, public, lnA, xs)
	b := startReplica(t, dsn, public, lnB, xs)
	connect(t, a, x, "1001")

	var inc incident.Incident
	var secret string
	err := a.DB.Update(t.Context(), func(tx store.Tx) (err error) {
		if secret, _, err = web.CreateToken(tx, web.NewToken{Name: "test", Scopes: web.Scopes()}); err != nil {
			return err
		}
		inc, err = a.Incidents.Create(tx, incident.New{Title: "Signals fail"})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	x.AddFault(xfake.Fault{Name: "lost", Method: http.MethodPost, Path: "/2/tweets", Drop: xfake.DropAfter, Probability: 0.4, Seed: 7})

	const each = 12
	var wg sync.WaitGroup
	for i, r := range []*replica{a, b} {
		wg.Go(func() {
			for n := range each {
				body := fmt.Sprintf(`{"data":{"type":"incident_events","attributes":{"event":"Update %d of replica %d","visibility":"twitter"}}}`, n, i)
				req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, r.url+"/v1/incidents/"+url.PathEscape(inc.ID)+"/events", bytes.NewReader([]byte(body)))
				if err != nil {
					t.Error(err)
					return
				}
				req.Header.Set("Authorization", "Bearer "+secret)
				req.Header.Set("Content-Type", "application/vnd.api+json")
				resp, err := http.DefaultClient.Do(req)
				if err != nil {
					t.Error(err)
					return
				}
				answer, _ := io.ReadAll(resp.Body)
				_ = resp.Body.Close()
				if resp.StatusCode != http.StatusCreated {
					t.Errorf("replica %d: %d %s", i, resp.StatusCode, answer)
				}
			}
		})
	}
	wg.Wait()
	b.stop() // the other one goes on with what is left

	deadline := time.Now().Add(60 * time.Second)
	for len(x.Posts("1001")) < 2*each && time.Now().Before(deadline) {
		<-time.After(50 * time.Millisecond)
	}
	<-time.After(500 * time.Millisecond) // a second copy would come now
	posts := x.Posts("1001")
	seen := map[string]int{}
	for i, p := range posts {
		seen[p.Text]++
		if i > 0 && p.InReplyTo != posts[0].ID {
			t.Errorf("%q is no reply to the first post", p.Text)
		}
	}
	for i := range 2 {
		for n := range each {
			text := fmt.Sprintf("Update %d of replica %d", n, i)
			if seen[text] != 1 {
				t.Errorf("%q was posted %d times", text, seen[text])
			}
		}
	}
}
