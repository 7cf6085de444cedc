package sandbox_test

import (
	"bufio"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/perch-chat/perch/bot/webchat"
	"github.com/perch-chat/perch/internal/sandbox"
)

func page(t *testing.T, x *scripted) *sandbox.Handler {
	t.Helper()
	h, err := sandbox.New(sandbox.Deps{X: x, Tour: x.Tour})
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func ask(h http.Handler, method, path, body string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	r.Host = "localhost:8080"
	if method == http.MethodPost {
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set(webchat.Header, "1")
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

// TestPageIsSelfContained makes sure that the page loads nothing from anywhere
// else, runs nothing inline, and that all its parts are there.
func TestPageIsSelfContained(t *testing.T) {
	t.Parallel()
	h := page(t, newScripted())
	w := ask(h, "GET", "/", "")
	if w.Code != http.StatusOK {
		t.Fatalf("status %d", w.Code)
	}
	policy := w.Header().Get("Content-Security-Policy")
	for _, want := range []string{"default-src 'none'", "script-src 'self'", "style-src 'self'", "frame-ancestors 'none'"} {
		if !strings.Contains(policy, want) {
			t.Errorf("the policy %q lacks %q", policy, want)
		}
	}
	if strings.Contains(policy, "unsafe") || strings.Contains(policy, "http") {
		t.Errorf("the policy %q is too wide", policy)
	}
	seen := map[string]bool{}
	var follow func(body string)
	follow = func(body string) {
		if m := regexp.MustCompile(`(?i)<[^>]+\s(style|on[a-z]+)=`).FindString(body); m != "" {
			t.Errorf("inline script or style: %s", m)
		}
		for _, m := range regexp.MustCompile(`(?:src|href)="([^"#]+)"|from "\./([^"]+)"`).FindAllStringSubmatch(body, -1) {
			path := m[1]
			if m[2] != "" {
				path = "/sandbox/assets/" + m[2]
			}
			if seen[path] {
				continue
			}
			seen[path] = true
			part := ask(h, "GET", path, "")
			if !strings.HasPrefix(path, "/") || part.Code != http.StatusOK {
				t.Errorf("%s: status %d", path, part.Code)
			}
			if strings.HasSuffix(path, ".js") {
				follow(part.Body.String())
			}
		}
	}
	follow(w.Body.String())
	if len(seen) < 10 {
		t.Errorf("only %d parts were found: %v", len(seen), seen)
	}
	for _, f := range sandbox.Faults() {
		if !strings.Contains(w.Body.String(), `data-fault="`+f.Name+`"`) {
			t.Errorf("the page has no switch for %s", f.Name)
		}
	}
}

func TestState(t *testing.T) {
	t.Parallel()
	x := newScripted()
	x.tour.Connected = true
	w := ask(page(t, x), "GET", "/sandbox/state", "")
	var got struct {
		X    sandbox.XState `json:"x"`
		Tour sandbox.Tour   `json:"tour"`
	}
	if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	if !got.Tour.Connected || got.X.Account != acme || len(got.X.Customers) != 2 {
		t.Errorf("state %s", w.Body)
	}
	if strings.Contains(w.Body.String(), "null") {
		t.Errorf("an empty list is null: %s", w.Body)
	}
	x.fail = errors.New("secret detail")
	if w := ask(page(t, x), "GET", "/sandbox/state", ""); w.Code != http.StatusInternalServerError || strings.Contains(w.Body.String(), "secret") {
		t.Errorf("a failing X: %d %s", w.Code, w.Body)
	}
}

func TestOrders(t *testing.T) {
	t.Parallel()
	x := newScripted()
	h := page(t, x)
	for _, c := range []struct {
		name, path, body string
		want             int
	}{
		{"a message", "/sandbox/dm", `{"id":"1","customer":"7","text":" hello "}`, 204},
		{"the same once more", "/sandbox/dm", `{"id":"1","customer":"7","text":" hello "}`, 204},
		{"a mention", "/sandbox/mention", `{"id":"2","customer":"7","text":"@acme hi"}`, 204},
		{"a fault", "/sandbox/fault", `{"id":"3","fault":"rate_limit","on":true}`, 204},
		{"nobody", "/sandbox/dm", `{"id":"4","customer":"99","text":"hello"}`, 409},
		{"nobody again is refused again", "/sandbox/dm", `{"id":"4","customer":"99","text":"hello"}`, 409},
		{"nothing", "/sandbox/dm", `{"id":"5","customer":"7","text":"  "}`, 409},
		{"no id", "/sandbox/dm", `{"customer":"7","text":"x"}`, 409},
		{"too long", "/sandbox/dm", `{"id":"6","customer":"7","text":"` + strings.Repeat("x", 10_001) + `"}`, 409},
		{"not JSON", "/sandbox/dm", `hello`, 409},
		{"too much", "/sandbox/dm", `{"id":"7","text":"` + strings.Repeat("x", 300<<10) + `"}`, 409},
	} {
		if w := ask(h, "POST", c.path, c.body); w.Code != c.want {
			t.Errorf("%s: status %d %s, want %d", c.name, w.Code, w.Body, c.want)
		}
	}
	want := []string{"dm 7 hello", "mention 7 @acme hi", "dm 99 hello", "dm 99 hello"}
	if diff := cmp.Diff(want, x.calls); diff != "" {
		t.Errorf("X was told (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"rate_limit"}, x.state.Faults); diff != "" {
		t.Errorf("faults (-want +got):\n%s", diff)
	}

	r := httptest.NewRequest(http.MethodPost, "/sandbox/fault", strings.NewReader(`{"id":"9","fault":"revoked","on":true}`))
	r.Host = "localhost:8080"
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Origin", "http://evil.example")
	r.Header.Set(webchat.Header, "1")
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	if w.Code != http.StatusForbidden {
		t.Errorf("another site could switch a fault on: %d", w.Code)
	}
	r = httptest.NewRequest(http.MethodGet, "/", nil)
	r.Host = "evil.example"
	w = httptest.NewRecorder()
	h.ServeHTTP(w, r)
	if w.Code != http.StatusMisdirectedRequest {
		t.Errorf("the page answers under another name: %d", w.Code)
	}
}

func TestEvents(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.url+"/sandbox/events", nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req) //nolint:bodyclose // closed when the test ends
	if err != nil {
		t.Fatal(err)
	}
	body := resp.Body
	defer body.Close()
	lines := make(chan string, 10)
	go func() {
		defer close(lines)
		for sc := bufio.NewScanner(body); sc.Scan(); {
			if d, ok := strings.CutPrefix(sc.Text(), "data: "); ok {
				lines <- d
			}
		}
	}()
	next := func(part string) {
		t.Helper()
		select {
		case l := <-lines:
			if !strings.Contains(l, part) {
				t.Errorf("state %s, want %q in it", l, part)
			}
		case <-time.After(10 * time.Second):
			t.Fatalf("no state with %q came", part)
		}
	}
	next(`"faults":[]`)
	if err := s.x.SetFault(t.Context(), "revoked", true); err != nil {
		t.Fatal(err)
	}
	s.page.Changed()
	next(`"faults":["revoked"]`)
	// What nobody tells of is found all the same.
	if err := s.x.SetFault(t.Context(), "revoked", false); err != nil {
		t.Fatal(err)
	}
	next(`"faults":[]`)
	if err := s.chat.Close(); err != nil {
		t.Fatal(err)
	}
	select {
	case _, open := <-lines:
		if open {
			t.Error("a state came after the end")
		}
	case <-time.After(10 * time.Second):
		t.Error("the stream did not end with the chat")
	}
}
