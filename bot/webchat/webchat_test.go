package webchat_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/perch-chat/perch/bot"
	"github.com/perch-chat/perch/bot/webchat"
)

// takes is a sink that takes everything, or nothing while err is set.
type takes struct {
	mu  sync.Mutex
	err error
	got []bot.Event
}

func (s *takes) Deliver(_ context.Context, ev bot.Event) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err != nil {
		return s.err
	}
	s.got = append(s.got, ev)
	return nil
}

func (s *takes) events(kind bot.EventKind) (out []bot.Event) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, e := range s.got {
		if e.Kind == kind {
			out = append(out, e)
		}
	}
	return out
}

func run(t *testing.T, a *webchat.Adapter, s bot.Sink) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- a.Run(ctx, s) }()
	var once sync.Once
	stop = func() {
		once.Do(func() {
			cancel()
			if err := <-ended; err != nil {
				t.Errorf("Run: %v", err)
			}
		})
	}
	t.Cleanup(stop)
	return stop
}

func until(t *testing.T, what string, yes func() bool) {
	t.Helper()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	end := time.After(10 * time.Second)
	for !yes() {
		select {
		case <-tick.C:
		case <-end:
			t.Fatalf("still not: %s", what)
		}
	}
}

func serve(t *testing.T, a *webchat.Adapter) *browser {
	t.Helper()
	srv := httptest.NewServer(a.Handler())
	t.Cleanup(srv.Close)
	return &browser{base: srv.URL}
}

func TestRequestIsDoneOnce(t *testing.T) {
	t.Parallel()
	a := openChat(t, options(""))
	s := &takes{}
	run(t, a, s)
	b := serve(t, a)
	q := webchat.Ask{ID: "one", As: ada, Channel: "webchat:support", Text: "hello"}
	until(t, "the chat runs", func() bool { return len(s.events(bot.EventJoined)) == 2 })
	_, first, err := b.send(t.Context(), "message", q)
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			if _, again, err := b.send(t.Context(), "message", q); err != nil || again != first {
				t.Errorf("again: %+v, %v, want %+v", again, err, first)
			}
		})
	}
	wg.Wait()
	if got := s.events(bot.EventMessage); len(got) != 1 {
		t.Errorf("%d events for one request: %+v", len(got), got)
	}
	other := q
	other.Text = "something else"
	if status, _, _ := b.send(t.Context(), "message", other); status != http.StatusConflict {
		t.Errorf("another text with the same id: status %d, want 409", status)
	}
	other.As = sam // another person may use the same id
	if _, ans, err := b.send(t.Context(), "message", other); err != nil || ans.Ref == first.Ref {
		t.Errorf("another person with the same id: %+v, %v", ans, err)
	}
}

func TestNotTakenIsNotAcknowledged(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "chat.journal")
	a := openChat(t, options(path))
	s := &takes{err: errors.New("disk full")}
	stop := run(t, a, s)
	b := serve(t, a)
	q := webchat.Ask{ID: "one", As: ada, Channel: "webchat:support", Text: "hello"}
	if status, _, _ := b.send(t.Context(), "message", q); status != http.StatusServiceUnavailable {
		t.Fatalf("status %d while the sink refuses, want 503", status)
	}
	stop()
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}

	// The process ends before the event was taken: it is delivered after the next start.
	a = openChat(t, options(path))
	s = &takes{}
	run(t, a, s)
	until(t, "the kept event is delivered", func() bool { return len(s.events(bot.EventMessage)) == 1 })
	b = serve(t, a)
	_, ans, err := b.send(t.Context(), "message", q)
	if err != nil {
		t.Fatalf("the browser's retry: %v", err)
	}
	got := s.events(bot.EventMessage)
	if len(got) != 1 || got[0].ID != ans.Event || got[0].Message != ans.Ref || got[0].Text != "hello" {
		t.Errorf("events %+v, want the one that the retry names: %+v", got, ans)
	}
}

func TestJournal(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "chat.journal")
	a := openChat(t, options(path))
	ref, err := a.Post(t.Context(), bot.Message{Channel: "webchat:setup", Text: "v1", Key: "k"})
	if err != nil {
		t.Fatal(err)
	}
	for i := range 50 {
		if err := a.Edit(t.Context(), ref, bot.Message{Text: fmt.Sprintf("v%d", i+2)}); err != nil {
			t.Fatal(err)
		}
	}
	before, err := a.Look(ada)
	if err != nil {
		t.Fatal(err)
	}
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	size := func() int64 {
		fi, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		return fi.Size()
	}
	grown := size()

	// Cut off while it was written.
	f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteString(`{"seq":99,"message":{"ref":"webchat:m:torn","te`); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	for round := range 2 { // the second reads what the first has rewritten
		a = openChat(t, options(path))
		after, err := a.Look(ada)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(before, after); diff != "" {
			t.Errorf("round %d: the chat is not as it was (-before +after):\n%s", round, diff)
		}
		if again, err := a.Post(t.Context(), bot.Message{Channel: "webchat:setup", Text: "v1", Key: "k"}); err != nil || again != ref {
			t.Errorf("Post of the known key = %q, %v, want %q", again, err, ref)
		}
		if err := a.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if size() >= grown/2 {
		t.Errorf("the journal has %d bytes, had %d: it was not rewritten", size(), grown)
	}

	// A line that is damaged in the middle is not passed over in silence.
	if err := os.WriteFile(path, []byte("{\"seq\":1,\"epoch\":\"abc\"}\nrubbish\n{\"seq\":2}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := webchat.Open(options(path)); err == nil || !strings.Contains(err.Error(), "line 2") {
		t.Errorf("Open of a damaged journal: %v, want an error that names line 2", err)
	}
}

func TestHistoryIsBounded(t *testing.T) {
	t.Parallel()
	o := options("")
	o.History = 20
	a := openChat(t, o)
	post := func(thread bot.MessageRef, i int) bot.MessageRef {
		t.Helper()
		ref, err := a.Post(t.Context(), bot.Message{Channel: "webchat:support", Thread: thread, Text: fmt.Sprint(i), Key: fmt.Sprint("k", i)})
		if err != nil {
			t.Fatal(err)
		}
		return ref
	}
	root := post("", 0) // old, but its thread goes on
	for i := 1; i < 100; i++ {
		thread := root
		if i%5 != 0 {
			thread = ""
		}
		post(thread, i)
	}
	v, err := a.Look(ada)
	if err != nil {
		t.Fatal(err)
	}
	if n := len(v.Messages); n > 22 || n < 15 {
		t.Errorf("%d messages are kept, want about 20", n)
	}
	if v.Messages[0].Ref != root {
		t.Errorf("the first message of a living thread is gone; first is %+v", v.Messages[0])
	}
}

func TestGuard(t *testing.T) {
	t.Parallel()
	a := openChat(t, options(""))
	run(t, a, &takes{})
	const body = `{"id":"g","as":"webchat:U_ada","channel":"webchat:support","text":"hi"}`
	for _, c := range []struct {
		name, method, host, body string
		header                   map[string]string
		want                     int
	}{
		{name: "the page", want: 200},
		{name: "by address", host: "127.0.0.1:8080", want: 200},
		{name: "by IPv6 address", host: "[::1]:8080", want: 200},
		{name: "same origin", header: map[string]string{"Origin": "http://localhost:8080", "Sec-Fetch-Site": "same-origin"}, want: 200},
		{name: "another name", host: "evil.example:8080", want: 421},
		{name: "another name, reading", host: "evil.example:8080", method: "GET", want: 421},
		{name: "another site, reading", method: "GET", header: map[string]string{"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"}, want: 403},
		{name: "another site, framing", method: "GET", header: map[string]string{"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "iframe"}, want: 403},
		{name: "a link followed", method: "GET", header: map[string]string{"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}, want: 200},
		{name: "another site", header: map[string]string{"Sec-Fetch-Site": "cross-site"}, want: 403},
		{name: "another origin", header: map[string]string{"Origin": "http://evil.example"}, want: 403},
		{name: "another port", header: map[string]string{"Origin": "http://localhost:9999"}, want: 403},
		{name: "null origin", header: map[string]string{"Origin": "null"}, want: 403},
		{name: "no header", header: map[string]string{webchat.Header: ""}, want: 403},
		{name: "a form", header: map[string]string{"Content-Type": "text/plain"}, want: 415},
		{name: "not JSON", body: "{", want: 400},
		{name: "unknown field", body: `{"id":"g","admin":true}`, want: 400},
		{name: "too large", body: `{"id":"g","text":"` + strings.Repeat("x", 13<<20) + `"}`, want: 413},
		{name: "the bot itself", body: strings.Replace(body, "U_ada", "U_perch", 1), want: 403},
		{name: "a stranger", body: strings.Replace(body, "U_ada", "U_eve", 1), want: 403},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			method, path := "POST", "/chat/message"
			if c.method != "" {
				method, path = c.method, "/chat/state?as=webchat:U_ada"
			}
			b := c.body
			if b == "" {
				b = strings.Replace(body, `"g"`, `"`+c.name+`"`, 1)
			}
			r := httptest.NewRequest(method, path, strings.NewReader(b))
			r.Host = "localhost:8080"
			if c.host != "" {
				r.Host = c.host
			}
			r.Header.Set("Content-Type", "application/json")
			r.Header.Set(webchat.Header, "1")
			for k, v := range c.header {
				r.Header.Set(k, v)
			}
			w := httptest.NewRecorder()
			until(t, "an answer that is not 503", func() bool {
				w = httptest.NewRecorder()
				r.Body = http.NoBody
				q := r.Clone(t.Context())
				q.Body = readCloser{strings.NewReader(b)}
				a.Handler().ServeHTTP(w, q)
				return w.Code != http.StatusServiceUnavailable
			})
			if w.Code != c.want {
				t.Errorf("status %d %s, want %d", w.Code, w.Body, c.want)
			}
			if w.Header().Get("Access-Control-Allow-Origin") != "" {
				t.Error("another origin may read it")
			}
		})
	}
}

type readCloser struct{ *strings.Reader }

func (readCloser) Close() error { return nil }

func TestSayIsCommand(t *testing.T) {
	t.Parallel()
	a := openChat(t, options(""))
	s := &takes{}
	run(t, a, s)
	until(t, "it runs", func() bool { return len(s.events(bot.EventJoined)) == 2 })
	root, err := a.Post(t.Context(), bot.Message{Channel: "webchat:support", Text: "root"})
	if err != nil {
		t.Fatal(err)
	}
	for i, c := range []struct{ text, command, rest string }{
		{"/twitter authorize", "/twitter", "authorize"},
		{"/Twitter", "/twitter", ""},
		{"/timeline add a\nb", "/timeline", "add a\nb"},
		{"@perch twitter help", "/twitter", "help"},
		{"@Perch, /incident new x", "/incident", "new x"},
		{"@perch", "", ""},
		{"//not for the customer", "-", ""},
		{"/ spaced", "-", ""},
		{"@perchance we meet", "-", ""},
		{"see /twitter", "-", ""},
		{"1/2", "-", ""},
	} {
		ans, err := a.Say(t.Context(), webchat.Ask{ID: fmt.Sprint(i), As: ada, Channel: "webchat:support", Thread: root, Text: c.text})
		if err != nil {
			t.Fatalf("Say(%q): %v", c.text, err)
		}
		s.mu.Lock()
		ev := s.got[len(s.got)-1]
		s.mu.Unlock()
		if ev.ID != ans.Event || ev.Thread != root {
			t.Errorf("%q: event %+v, want id %s in the thread", c.text, ev, ans.Event)
		}
		switch {
		case c.command == "-":
			if ev.Kind != bot.EventMessage || ev.Text != c.text {
				t.Errorf("%q: event %+v, want a message", c.text, ev)
			}
		case ev.Kind != bot.EventCommand || ev.Command != c.command || ev.Text != c.rest || ev.Trigger == "":
			t.Errorf("%q: event %+v, want command %q with %q", c.text, ev, c.command, c.rest)
		}
	}
	v, err := a.Look(sam)
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range v.Messages {
		if strings.HasPrefix(m.Text, "/t") {
			t.Errorf("somebody else sees the command %q", m.Text)
		}
	}
}

func TestFormIsChecked(t *testing.T) {
	t.Parallel()
	a := openChat(t, options(""))
	s := &takes{}
	run(t, a, s)
	until(t, "it runs", func() bool { return len(s.events(bot.EventJoined)) == 2 })
	if _, err := a.Say(t.Context(), webchat.Ask{ID: "c", As: ada, Channel: "webchat:support", Text: "/incident new"}); err != nil {
		t.Fatal(err)
	}
	trigger := s.events(bot.EventCommand)[0].Trigger
	f := bot.Form{ID: "f", Title: "New", Submit: "Go", Channel: "webchat:support", Inputs: []bot.Input{
		{Name: "title", Label: "Title", Max: 5}, {Name: "sev", Label: "Severity", Optional: true, Options: []bot.Option{{Value: "1", Label: "1"}}},
	}}
	for range 2 { // again with the same trigger: still one form
		if err := a.Open(t.Context(), trigger, f); err != nil {
			t.Fatal(err)
		}
	}
	v, err := a.Look(ada)
	if err != nil || len(v.Forms) != 1 {
		t.Fatalf("forms %+v, %v, want one", v.Forms, err)
	}
	id := v.Forms[0].ID
	for i, c := range []struct {
		fields map[string]string
		wrong  string
	}{
		{map[string]string{}, "title"},
		{map[string]string{"title": "too long"}, "title"},
		{map[string]string{"title": "ok", "sev": "9"}, "sev"},
	} {
		_, err := a.Submit(t.Context(), webchat.Ask{ID: fmt.Sprint("w", i), As: ada, Form: id, Fields: c.fields})
		var p *webchat.Problem
		if !errors.As(err, &p) || p.Fields[c.wrong] == "" {
			t.Errorf("Submit(%v) = %v, want a word about %s", c.fields, err, c.wrong)
		}
	}
	if _, err := a.Submit(t.Context(), webchat.Ask{ID: "s", As: sam, Form: id, Fields: map[string]string{"title": "ok"}}); err == nil {
		t.Error("another person could send the form")
	}
	if _, err := a.Submit(t.Context(), webchat.Ask{ID: "ok", As: ada, Form: id, Fields: map[string]string{"title": "ok", "extra": "x"}}); err != nil {
		t.Fatal(err)
	}
	got := s.events(bot.EventSubmit)
	if want := map[string]string{"title": "ok", "sev": ""}; len(got) != 1 || !cmp.Equal(got[0].Fields, want) {
		t.Errorf("submitted %+v, want once %v", got, want)
	}
	if v, err := a.Look(ada); err != nil || len(v.Forms) != 0 {
		t.Errorf("forms after it was sent: %+v, %v", v.Forms, err)
	}
}

func TestOthersCanNotChange(t *testing.T) {
	t.Parallel()
	a := openChat(t, options(""))
	s := &takes{}
	run(t, a, s)
	until(t, "it runs", func() bool { return len(s.events(bot.EventJoined)) == 2 })
	mine, err := a.Say(t.Context(), webchat.Ask{ID: "m", As: ada, Channel: "webchat:support", Text: "mine"})
	if err != nil {
		t.Fatal(err)
	}
	secret, err := a.Post(t.Context(), bot.Message{Channel: "webchat:support", Only: ada, Text: "x", Blocks: []bot.Block{bot.Actions(bot.Button{ID: "b", Label: "B"})}})
	if err != nil {
		t.Fatal(err)
	}
	for name, do := range map[string]func() (webchat.Answer, error){
		"edit": func() (webchat.Answer, error) {
			return a.Change(t.Context(), webchat.Ask{ID: "1", As: sam, Ref: mine.Ref, Text: "x"})
		},
		"delete": func() (webchat.Answer, error) {
			return a.Remove(t.Context(), webchat.Ask{ID: "2", As: sam, Ref: mine.Ref})
		},
		"dismiss": func() (webchat.Answer, error) {
			return a.Dismiss(t.Context(), webchat.Ask{ID: "3", As: sam, Ref: secret})
		},
		"press": func() (webchat.Answer, error) {
			return a.Press(t.Context(), webchat.Ask{ID: "4", As: sam, Ref: secret, Action: "b"})
		},
		"react": func() (webchat.Answer, error) {
			return a.Reaction(t.Context(), webchat.Ask{ID: "5", As: sam, Ref: secret, Emoji: "eyes", On: true})
		},
		"thread": func() (webchat.Answer, error) {
			return a.Say(t.Context(), webchat.Ask{ID: "6", As: sam, Channel: "webchat:support", Thread: secret, Text: "x"})
		},
		"forged": func() (webchat.Answer, error) {
			return a.Press(t.Context(), webchat.Ask{ID: "7", As: ada, Ref: secret, Action: "b", Value: "forged"})
		},
	} {
		var p *webchat.Problem
		if _, err := do(); !errors.As(err, &p) {
			t.Errorf("%s: %v, want a *Problem", name, err)
		}
	}
	if err := a.Edit(t.Context(), mine.Ref, bot.Message{Text: "x"}); err == nil {
		t.Error("the bot could edit a person's message")
	}
	if _, err := a.Press(t.Context(), webchat.Ask{ID: "8", As: ada, Ref: secret, Action: "b"}); err != nil {
		t.Errorf("pressing one's own button: %v", err)
	}
}
