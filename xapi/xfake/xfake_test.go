package xfake

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"
)

const (
	callback  = "http://127.0.0.1:1/callback"
	verifier  = "0123456789012345678901234567890123456789012"
	allScopes = "tweet.read tweet.write users.read dm.read dm.write media.write offline.access"
)

// clock is a time that a test moves.
type clock struct {
	mu sync.Mutex
	t  time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.t
}

func (c *clock) add(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.t = c.t.Add(d)
}

// harness is a fake with an account, a customer and a client that is plain
// net/http.
type harness struct {
	t     *testing.T
	s     *Server
	web   *httptest.Server
	clock *clock
	acme  User
	cust  User
}

func start(t *testing.T, o Options) *harness {
	t.Helper()
	h := &harness{t: t, clock: &clock{t: time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)}}
	o.Now = h.clock.now
	o.RedirectURLs = append(o.RedirectURLs, callback)
	h.s = New(o)
	h.web = httptest.NewServer(h.s.Handler())
	t.Cleanup(func() {
		h.web.Close()
		if err := h.s.Close(t.Context()); err != nil && t.Context().Err() == nil {
			t.Errorf("close: %v", err)
		}
	})
	h.acme = h.s.AddUser(User{ID: "1001", Handle: "acme", Name: "Acme", Followers: 12})
	h.cust = h.s.AddUser(User{ID: "2002", Handle: "kim", Name: "Kim"})
	return h
}

type answer struct {
	status int
	header http.Header
	raw    string
	body   map[string]any
}

// at walks down objects and arrays; it fails the test when a step is absent.
func (a answer) at(t *testing.T, path ...any) any {
	t.Helper()
	var v any = a.body
	for _, p := range path {
		switch k := p.(type) {
		case string:
			m, _ := v.(map[string]any)
			v = m[k]
		case int:
			l, _ := v.([]any)
			if k >= len(l) {
				t.Fatalf("%v is not in %s", path, a.raw)
			}
			v = l[k]
		}
	}
	if v == nil {
		t.Fatalf("%v is not in %s", path, a.raw)
	}
	return v
}

func (a answer) str(t *testing.T, path ...any) string {
	t.Helper()
	s, ok := a.at(t, path...).(string)
	if !ok {
		t.Fatalf("%v is no string in %s", path, a.raw)
	}
	return s
}

func (h *harness) send(method, path, auth, ctype string, body io.Reader) (answer, error) {
	req, err := http.NewRequestWithContext(h.t.Context(), method, h.web.URL+path, body)
	if err != nil {
		return answer{}, err
	}
	if auth != "" {
		req.Header.Set("Authorization", auth)
	}
	if ctype != "" {
		req.Header.Set("Content-Type", ctype)
	}
	res, err := h.web.Client().Do(req)
	if err != nil {
		return answer{}, err
	}
	defer func() { _ = res.Body.Close() }()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		return answer{}, err
	}
	a := answer{status: res.StatusCode, header: res.Header, raw: string(b)}
	_ = json.Unmarshal(b, &a.body) // pages and cut answers are no JSON
	return a, nil
}

// call sends JSON and checks the status.
func (h *harness) call(want int, method, path, tok string, body any) answer {
	h.t.Helper()
	var r io.Reader
	ctype := ""
	if body != nil {
		b, err := json.Marshal(body)
		if err != nil {
			h.t.Fatal(err)
		}
		r, ctype = bytes.NewReader(b), "application/json"
	}
	auth := ""
	if tok != "" {
		auth = "Bearer " + tok
	}
	a, err := h.send(method, path, auth, ctype, r)
	if err != nil {
		h.t.Fatalf("%s %s: %v", method, path, err)
	}
	if a.status != want {
		h.t.Fatalf("%s %s = %d, want %d: %s", method, path, a.status, want, a.raw)
	}
	return a
}

func (h *harness) form(want int, path string, v url.Values) answer {
	h.t.Helper()
	req, err := http.NewRequestWithContext(h.t.Context(), http.MethodPost, h.web.URL+path, strings.NewReader(v.Encode()))
	if err != nil {
		h.t.Fatal(err)
	}
	req.SetBasicAuth("client-id", "client-secret")
	a, err := h.send(http.MethodPost, path, req.Header.Get("Authorization"), "application/x-www-form-urlencoded", strings.NewReader(v.Encode()))
	if err != nil {
		h.t.Fatal(err)
	}
	if a.status != want {
		h.t.Fatalf("POST %s = %d, want %d: %s", path, a.status, want, a.raw)
	}
	return a
}

func (h *harness) authURL(scope string) string {
	q := url.Values{
		"response_type": {"code"}, "client_id": {"client-id"}, "redirect_uri": {callback}, "scope": {scope}, "state": {"st-1"},
		"code_challenge": {challenge(verifier)}, "code_challenge_method": {"S256"},
	}
	return h.web.URL + "/i/oauth2/authorize?" + q.Encode()
}

func (h *harness) code(user, scope string) string {
	h.t.Helper()
	to, err := h.s.Authorize(h.authURL(scope), user, true)
	if err != nil {
		h.t.Fatal(err)
	}
	u, err := url.Parse(to)
	if err != nil {
		h.t.Fatal(err)
	}
	return u.Query().Get("code")
}

func exchangeForm(code string) url.Values {
	return url.Values{"grant_type": {"authorization_code"}, "code": {code}, "redirect_uri": {callback}, "code_verifier": {verifier}}
}

func (h *harness) login(user, scope string) (access, refresh string) {
	h.t.Helper()
	a := h.form(http.StatusOK, "/2/oauth2/token", exchangeForm(h.code(user, scope)))
	access = a.str(h.t, "access_token")
	refresh, _ = a.body["refresh_token"].(string)
	return access, refresh
}

func (h *harness) post(tok, text string) string {
	h.t.Helper()
	return h.call(http.StatusCreated, http.MethodPost, "/2/tweets", tok, map[string]any{"text": text}).str(h.t, "data", "id")
}

func waitCtx(t *testing.T) context.Context {
	t.Helper()
	ctx, stop := context.WithTimeout(t.Context(), 20*time.Second)
	t.Cleanup(stop)
	return ctx
}

func TestFirstSteps(t *testing.T) {
	h := start(t, Options{})
	tok, _ := h.login(h.acme.ID, allScopes)
	me := h.call(200, "GET", "/2/users/me?user.fields=profile_image_url,subscription_type", tok, nil)
	if got := me.str(t, "data", "username"); got != "acme" {
		t.Errorf("username = %q, want acme", got)
	}
	id := h.post(tok, "We are looking into it")
	reply := h.call(201, "POST", "/2/tweets", tok, map[string]any{"text": "Fixed", "reply": map[string]any{"in_reply_to_tweet_id": id}})
	thread := h.s.Thread(id)
	if len(thread) != 2 || thread[1].ID != reply.str(t, "data", "id") || thread[1].InReplyTo != id {
		t.Errorf("thread = %+v, want the post and its reply", thread)
	}
	dm := h.call(201, "POST", "/2/dm_conversations/with/2002/messages", tok, map[string]any{"text": "Hello"})
	if got := dm.str(t, "data", "dm_conversation_id"); got != "1001-2002" {
		t.Errorf("conversation = %q, want 1001-2002", got)
	}
	if _, err := h.s.SendDMAs("kim", "acme", "Hi"); err != nil {
		t.Fatal(err)
	}
	ev := h.call(200, "GET", "/2/dm_events?dm_event.fields=sender_id,created_at,dm_conversation_id", tok, nil)
	if got := ev.str(t, "data", 0, "text"); got != "Hi" {
		t.Errorf("newest message = %q, want Hi", got)
	}
	if got := ev.str(t, "data", 1, "sender_id"); got != "1001" {
		t.Errorf("sender = %q, want 1001", got)
	}
}
