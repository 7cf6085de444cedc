package rocketchat_test

import (
	"context"
	"errors"
	"fmt"
	"html"
	"io"
	"maps"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/perch-chat/perch/bot"
	"github.com/perch-chat/perch/bot/bottest"
	"github.com/perch-chat/perch/bot/rocketchat"
)

// formSite serves the forms of an adapter on an address that it is given.
type formSite struct {
	*httptest.Server
	handler http.Handler
}

func newFormSite(t *testing.T) *formSite {
	t.Helper()
	s := &formSite{}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { s.handler.ServeHTTP(w, r) }))
	t.Cleanup(s.Close)
	return s
}

// reader is a person's browser.
type reader struct {
	client *http.Client
	origin string
}

func (s *formSite) reader(t *testing.T) *reader {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &reader{client: &http.Client{Jar: jar}, origin: s.URL}
}

func (b *reader) do(ctx context.Context, method, address string, values url.Values) (status int, page string, h http.Header, err error) {
	req, err := http.NewRequestWithContext(ctx, method, address, strings.NewReader(values.Encode()))
	if err != nil {
		return 0, "", nil, err
	}
	if method == http.MethodPost {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		if b.origin != "" {
			req.Header.Set("Origin", b.origin)
		}
	}
	resp, err := b.client.Do(req)
	if err != nil {
		return 0, "", nil, err
	}
	defer func() { _ = resp.Body.Close() }()
	raw, err := io.ReadAll(resp.Body)
	return resp.StatusCode, string(raw), resp.Header, err
}

var (
	titleRE = regexp.MustCompile(`<h1>([^<]*)</h1>`)
	labelRE = regexp.MustCompile(`<label for="[^"]*">([^<]*)`)
	sealRE  = regexp.MustCompile(`name="perch_seal" value="([^"]*)"`)
)

// formLink is the newest form that a person was given, if it is not sent yet.
func (w *workspace) formLink(username string) string {
	for _, m := range slices.Backward(w.Messages(w.DirectRoom(username))) {
		for _, b := range m.Buttons {
			if strings.Contains(b.URL, rocketchat.FormPath) {
				return b.URL
			}
		}
	}
	return ""
}

// forms plays the forms of the conformance suite.
func (w *workspace) forms(t *testing.T, h *bottest.Harness, site *formSite) {
	t.Helper()
	b := site.reader(t)
	h.LookForm = func(ctx context.Context, who bot.UserRef) (*bottest.SeenForm, error) {
		link := w.formLink(name(who))
		if link == "" {
			return nil, nil //nolint:nilnil // there is none
		}
		status, page, _, err := b.do(ctx, http.MethodGet, link, nil)
		if err != nil || status != http.StatusOK || !sealRE.MatchString(page) {
			return nil, err
		}
		f := &bottest.SeenForm{Title: html.UnescapeString(titleRE.FindStringSubmatch(page)[1])}
		for _, l := range labelRE.FindAllStringSubmatch(page, -1) {
			f.Labels = append(f.Labels, strings.TrimSpace(html.UnescapeString(l[1])))
		}
		return f, nil
	}
	h.Submit = func(ctx context.Context, who bot.UserRef, fields map[string]string) error {
		link := w.formLink(name(who))
		_, page, _, err := b.do(ctx, http.MethodGet, link, nil)
		if err != nil {
			return err
		}
		values := url.Values{"perch_seal": {sealRE.FindStringSubmatch(page)[1]}}
		for k, v := range fields {
			values.Set(k, v)
		}
		status, page, _, err := b.do(ctx, http.MethodPost, link, values)
		if err == nil && (status != http.StatusOK || !strings.Contains(page, "✅ Sent")) {
			err = fmt.Errorf("%d %s", status, page)
		}
		return err
	}
}

// keeper keeps the events, or refuses them.
type keeper struct {
	mu     sync.Mutex
	got    []bot.Event
	refuse bool
}

func (k *keeper) Deliver(_ context.Context, ev bot.Event) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.refuse {
		return fmt.Errorf("the disk is full")
	}
	k.got = append(k.got, ev)
	return nil
}

func (k *keeper) submits() (out []bot.Event) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, ev := range k.got {
		if ev.Kind == bot.EventSubmit {
			out = append(out, ev)
		}
	}
	return out
}

// running is an adapter that takes events, and the site of its forms.
func running(t *testing.T) (*workspace, *rocketchat.Adapter, *formSite, *keeper) {
	t.Helper()
	w, site, sink := newWorkspace(t), newFormSite(t), &keeper{}
	w.public = site.URL
	a := w.adapter(t)
	site.handler = a.FormHandler()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- a.Run(ctx, sink) }()
	t.Cleanup(func() {
		cancel()
		err := <-done
		if e, ok := errors.AsType[*bot.Error](err); err != nil && (!ok || e.Code != "unauthorized") {
			t.Error(err)
		}
	})
	<-a.Started()
	return w, a, site, sink
}

const hostile = `"><script>alert(1)</script> & 'x' {{.}}`

func hostileForm() bot.Form {
	return bot.Form{
		ID: "f.id", Title: hostile, Submit: hostile, Value: "v", Channel: "rocketchat:r", Thread: "rocketchat:r:m",
		Inputs: []bot.Input{
			{Name: "title", Label: hostile, Hint: hostile, Initial: hostile, Max: 60},
			{Name: "body", Label: "Body", Initial: "</textarea><b>" + hostile, Lines: 3, Optional: true},
			{Name: "pick", Label: "Pick", Initial: "b", Options: []bot.Option{{Value: "a", Label: hostile}, {Value: "b", Label: "B"}}},
		},
	}
}

func TestFormPage(t *testing.T) {
	w, a, site, sink := running(t)
	if err := a.Open(t.Context(), "user:Uada", hostileForm()); err != nil {
		t.Fatal(err)
	}
	link, b := w.formLink("ada"), site.reader(t)
	if w.formLink("rio") != "" {
		t.Error("another person got it too")
	}
	status, page, h, err := b.do(t.Context(), http.MethodGet, link, nil)
	if err != nil || status != http.StatusOK {
		t.Fatal(status, err)
	}
	if strings.Contains(page, "<script") || strings.Contains(page, "<b>") {
		t.Errorf("somebody's words are markup:\n%s", page)
	}
	for _, want := range []string{`<option value="b" selected>`, `aria-describedby`, `<html lang="en">`, `maxlength="60"`, "width=device-width", html.EscapeString("</textarea><b>")} {
		if !strings.Contains(page, want) {
			t.Errorf("the page has no %s", want)
		}
	}
	if csp := h.Get("Content-Security-Policy"); !strings.Contains(csp, "default-src 'none'") || strings.Contains(csp, "unsafe") || !strings.Contains(csp, "frame-ancestors 'none'") {
		t.Errorf("the policy is %q", csp)
	}
	if c := h.Get("Set-Cookie"); !strings.Contains(c, "SameSite=Strict") || !strings.Contains(c, "HttpOnly") || h.Get("Cache-Control") != "no-store" {
		t.Errorf("the cookie is %q, the page is kept as %q", c, h.Get("Cache-Control"))
	}
	seal := sealRE.FindStringSubmatch(page)[1]
	good := url.Values{"perch_seal": {seal}, "title": {"It\r\nburns"}, "body": {hostile}, "pick": {"a"}, "more": {"x"}}
	with := func(k, v string) url.Values {
		u := url.Values{}
		maps.Copy(u, good)
		u.Set(k, v)
		return u
	}
	foreign := &reader{client: b.client, origin: "https://evil.example"}
	silent := &reader{client: b.client}
	stranger := site.reader(t) // without the cookie
	for _, c := range []struct {
		name   string
		by     *reader
		values url.Values
		status int
		reads  string
	}{
		{"another site", foreign, good, http.StatusForbidden, "own page"},
		{"no origin", silent, good, http.StatusForbidden, "own page"},
		{"no cookie", stranger, good, http.StatusForbidden, "own page"},
		{"a wrong seal", b, with("perch_seal", "x"), http.StatusForbidden, "own page"},
		{"nothing in it", b, with("title", " "), http.StatusUnprocessableEntity, "Please fill this in"},
		{"too long", b, with("title", strings.Repeat("ä", 61)), http.StatusUnprocessableEntity, "too long"},
		{"no choice", b, with("pick", "c"), http.StatusUnprocessableEntity, "one of the list"},
		{"too much", b, with("body", strings.Repeat("x", 300<<10)), http.StatusBadRequest, "too much"},
	} {
		status, page, _, err := c.by.do(t.Context(), http.MethodPost, link, c.values)
		if err != nil || status != c.status || !strings.Contains(page, c.reads) || strings.Contains(page, "<script") {
			t.Errorf("%s: %d %v\n%s", c.name, status, err, page)
		}
	}
	sink.mu.Lock()
	sink.refuse = true
	sink.mu.Unlock()
	if status, page, _, err := b.do(t.Context(), http.MethodPost, link, good); err != nil || status != http.StatusServiceUnavailable || !strings.Contains(page, "burns") {
		t.Errorf("a full disk: %d %v\n%s", status, err, page)
	}
	if got := sink.submits(); len(got) != 0 {
		t.Fatalf("taken nevertheless: %+v", got)
	}
	sink.mu.Lock()
	sink.refuse = false
	sink.mu.Unlock()
	for range 2 { // a second time nothing more happens
		if status, page, _, err := b.do(t.Context(), http.MethodPost, link, good); err != nil || status != http.StatusOK || !strings.Contains(page, "✅ Sent") {
			t.Fatalf("sent: %d %v\n%s", status, err, page)
		}
	}
	got := sink.submits()
	if len(got) != 1 {
		t.Fatalf("%d events", len(got))
	}
	want := bot.Event{
		ID: got[0].ID, At: got[0].At, Platform: "rocketchat", Kind: bot.EventSubmit, User: bot.User{Ref: "rocketchat:Uada", Name: "Ada", Handle: "ada"},
		Action: "f.id", Value: "v", Channel: "rocketchat:r", Thread: "rocketchat:r:m", Trigger: "user:Uada",
		Fields: map[string]string{"title": "It\nburns", "body": hostile, "pick": "a"},
	}
	if d := cmp.Diff(want, got[0]); d != "" {
		t.Error(d)
	}
}

func TestFormsAreBounded(t *testing.T) {
	w, a, site, _ := running(t)
	b := site.reader(t)
	var links []string
	for i := range 22 {
		if err := a.Open(t.Context(), "user:Uada", hostileForm()); err != nil {
			t.Fatal(i, err)
		}
		links = append(links, w.formLink("ada"))
	}
	for i, link := range links {
		want := http.StatusOK
		if i < 2 { // the oldest gave way
			want = http.StatusNotFound
		}
		if status, page, _, err := b.do(t.Context(), http.MethodGet, link, nil); err != nil || status != want {
			t.Errorf("form %d: %d %v, want %d\n%s", i, status, err, want, page)
		}
	}
	for _, path := range []string{"", "nothing", "a/b", "%2e%2e"} {
		status, page, _, err := b.do(t.Context(), http.MethodGet, site.URL+rocketchat.FormPath+path, nil)
		if err != nil || status != http.StatusNotFound || !strings.Contains(page, "press the button, or write the command, again") {
			t.Errorf("%q: %d %v", path, status, err)
		}
	}
}
