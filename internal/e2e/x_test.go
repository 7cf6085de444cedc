package e2e

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/perch-chat/perch/xapi/xfake"
)

// world is X as the scripts see it: what customers do there and what they read.
type world interface {
	dm(handle, text string, files ...attached) error
	mention(handle, text string) error
	received(handle string) ([]string, error) // what the company wrote to them
	posts() ([]tweet, error)
	fault(name string, on bool) error
}

// tweet is a public post.
type tweet struct{ id, author, text, reply string }

// account is somebody's number on X.
func account(handle string) string {
	for _, u := range append(customers(), xfake.User{ID: company, Handle: "larkspur_hq"}) {
		if u.Handle == handle {
			return u.ID
		}
	}
	return ""
}

// sandboxX is the sandbox's own X, through the requests that its page makes.
type sandboxX struct{ p *play }

func (x sandboxX) ask(what string, fields map[string]any) error {
	x.p.asks++
	fields["id"] = fmt.Sprintf("x-%d-%d", os.Getpid(), x.p.asks)
	status, body, err := x.p.do(http.MethodPost, "/sandbox/"+what, "application/json", fields, nil)
	if err == nil && status >= 300 {
		err = fmt.Errorf("%s: %d %s", what, status, body)
	}
	return err
}

// attachedFiles are files as the pages send them.
func attachedFiles(files []attached) []map[string]any {
	var out []map[string]any
	for _, f := range files {
		out = append(out, map[string]any{"name": f.name, "data": f.data})
	}
	return out
}

func (x sandboxX) dm(handle, text string, files ...attached) error {
	return x.ask("dm", map[string]any{"customer": account(handle), "text": text, "files": attachedFiles(files)})
}

func (x sandboxX) mention(handle, text string) error {
	return x.ask("mention", map[string]any{"customer": account(handle), "text": text})
}

func (x sandboxX) fault(name string, on bool) error {
	return x.ask("fault", map[string]any{"fault": name, "on": on})
}

type xState struct {
	X struct {
		Posts []struct {
			ID     string
			Author struct{ Handle string }
			Text   string
			Reply  string `json:"reply_to"`
		}
		Customers []struct {
			Handle   string
			Messages []struct {
				Mine  bool
				Text  string
				Files []struct{ Show string }
			}
		}
	}
	Tour map[string]bool
}

func (x sandboxX) state() (xState, error) {
	var s xState
	status, body, err := x.p.do(http.MethodGet, "/sandbox/state", "", nil, &s)
	if err == nil && status != http.StatusOK {
		err = fmt.Errorf("sandbox state: %d %s", status, body)
	}
	return s, err
}

func (x sandboxX) received(handle string) ([]string, error) {
	s, err := x.state()
	var out []string
	for _, c := range s.X.Customers {
		for _, m := range c.Messages {
			if c.Handle == handle && !m.Mine {
				for _, f := range m.Files {
					m.Text += " {" + f.Show + "}"
				}
				out = append(out, m.Text)
			}
		}
	}
	return out, err
}

func (x sandboxX) posts() ([]tweet, error) {
	s, err := x.state()
	var out []tweet
	for _, p := range s.X.Posts {
		out = append(out, tweet{p.ID, p.Author.Handle, p.Text, p.Reply})
	}
	return out, err
}

// fakeX is the stand-in in the test's own process.
type fakeX struct {
	*xfake.Server
	url string
}

func (x fakeX) dm(handle, text string, files ...attached) error {
	var list []xfake.File
	for _, f := range files {
		list = append(list, xfake.File{Name: f.name, Type: f.kind, Data: f.data})
	}
	_, err := x.SendDMAs(handle, company, text, list...)
	return err
}

func (x fakeX) mention(handle, text string) error {
	_, err := x.MentionAs(handle, text)
	return err
}

func (x fakeX) received(handle string) ([]string, error) {
	var out []string
	for _, d := range x.DMs(company, account(handle)) {
		if d.From == company {
			for _, id := range d.MediaIDs {
				f, _ := x.Media(id)
				show, _, _ := strings.Cut(f.Type, "/")
				d.Text += " {" + show + "}"
			}
			out = append(out, d.Text)
		}
	}
	return out, nil
}

func (x fakeX) posts() ([]tweet, error) {
	var out []tweet
	for _, p := range x.Posts("") {
		if !p.Deleted {
			out = append(out, tweet{p.ID, p.Handle, p.Text, p.InReplyTo})
		}
	}
	return out, nil
}

// fault knows the switches of the sandbox.
func (x fakeX) fault(name string, on bool) error {
	f := xfake.Fault{Name: name, Method: http.MethodPost}
	paths := []string{"/2/tweets", "/2/dm_conversations/**"}
	switch name {
	case "no_credits":
		x.SetCredits(!on)
		return nil
	case "revoked":
		return x.RevokeUser(company)
	case "rate_limit":
		f.Status, f.Header = http.StatusTooManyRequests, http.Header{"Retry-After": {"10"}}
		f.Body = `{"title":"Too Many Requests","detail":"Too Many Requests","type":"about:blank","status":429}`
	case "lost_answer":
		f.Drop = xfake.DropAfter
	case "server_error":
		f.Method, f.Status, paths = "", http.StatusServiceUnavailable, []string{"/2/**"}
	default:
		return fmt.Errorf("there is no fault %q", name)
	}
	x.ClearFaults(name)
	for _, f.Path = range paths {
		if on {
			x.AddFault(f)
		}
	}
	return nil
}

// newX runs the stand-in of X, without the limits that X has on a minute's
// work, until end is called.
func newX() (x fakeX, end func()) {
	s := xfake.New(xfake.Options{AllowHTTPWebhooks: true, HTTP: &http.Client{Timeout: 2 * time.Second}})
	s.AddUser(xfake.User{ID: company, Handle: "larkspur_hq", Name: "Larkspur", Followers: 48210})
	for _, u := range customers() {
		s.AddUser(u)
	}
	for _, endpoint := range []string{
		"POST /2/tweets", "GET /2/users/{id}/tweets", "GET /2/users/{id}/mentions", "GET /2/users/me", "GET /2/dm_events",
		"POST /2/dm_conversations/with/{participant_id}/messages", "GET /2/dm_conversations/with/{participant_id}/dm_events",
		"GET /2/webhooks", "POST /2/webhooks", "PUT /2/webhooks/{webhook_id}", "GET /2/activity/subscriptions", "POST /2/activity/subscriptions",
	} {
		if !s.SetLimit(endpoint, xfake.Limit{User: 1e6, App: 1e6}) {
			panic("X has no " + endpoint)
		}
	}
	srv := httptest.NewServer(s.Handler())
	return fakeX{s, srv.URL}, func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		_ = s.Close(ctx) // whoever is delivered to is gone already
		srv.Close()
	}
}

// startX runs the stand-in of X for one test.
func startX(t *testing.T) (*xfake.Server, string) {
	t.Helper()
	x, end := newX()
	t.Cleanup(end)
	return x.Server, x.url
}

// ours are the public posts of the company's account.
func ours(w world) ([]tweet, error) {
	all, err := w.posts()
	return slices.DeleteFunc(all, func(t tweet) bool { return t.author != "larkspur_hq" }), err
}
