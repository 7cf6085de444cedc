package webchat_test

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/perch-chat/perch/bot"
	"github.com/perch-chat/perch/bot/webchat"
)

func openWith(t *testing.T, journal string) (*webchat.Adapter, *takes) {
	t.Helper()
	a, err := webchat.Open(webchat.Options{
		Journal: journal, PublicURL: "http://localhost:8080", Channels: []webchat.Channel{{Name: "support"}, {Name: "other"}},
		Users: []webchat.User{{Ref: "webchat:U_ada", Name: "Ada", Handle: "ada"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	s := &takes{}
	run(t, a, s)
	<-a.Started()
	return a, s
}

func png() []byte { return []byte("\x89PNG\r\n\x1a\n picture") }

// see is what Ada sees of a channel.
func see(t *testing.T, a *webchat.Adapter) []webchat.ViewMessage {
	t.Helper()
	v, err := a.Look("webchat:U_ada")
	if err != nil {
		t.Fatal(err)
	}
	return v.Messages
}

func fetch(a *webchat.Adapter, url string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodGet, url, nil)
	r.Host = "localhost:8080"
	w := httptest.NewRecorder()
	a.Handler().ServeHTTP(w, r)
	return w
}

func TestFilesOfPeople(t *testing.T) {
	t.Parallel()
	for name, journal := range map[string]string{"in memory": "", "on disk": filepath.Join(t.TempDir(), "chat.journal")} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a, s := openWith(t, journal)
			files := []webchat.Attach{{Name: `C:\pics\a.png`, Data: png()}, {Name: "x.html", Data: []byte("<html><script>alert(1)</script>")}}
			ans, err := a.Say(t.Context(), webchat.Ask{ID: "1", As: "webchat:U_ada", Channel: "webchat:support", Files: files})
			if err != nil {
				t.Fatal(err)
			}
			ev := s.events(bot.EventMessage)
			if len(ev) != 1 || len(ev[0].Files) != 2 || ev[0].Text != "" {
				t.Fatalf("events = %+v", ev)
			}
			got := ev[0].Files[0]
			if got.Name != "a.png" || got.Type != "image/png" || got.Size != int64(len(png())) {
				t.Errorf("file = %+v", got)
			}
			r, err := a.Download(t.Context(), got, 100)
			if err != nil {
				t.Fatal(err)
			}
			data, err := io.ReadAll(r)
			if err != nil || !bytes.Equal(data, png()) || r.Close() != nil {
				t.Errorf("Download = %q, %v", data, err)
			}
			wantCode(t, "too large", func() error { _, err := a.Download(t.Context(), got, 3); return err }, "file_too_large")

			msg := see(t, a)[0]
			w := fetch(a, msg.Files[0].URL)
			if w.Code != 200 || w.Header().Get("Content-Type") != "image/png" || !strings.HasPrefix(w.Header().Get("Content-Disposition"), "inline") || msg.Files[0].Show != "image" {
				t.Errorf("picture: %d %v, shown as %q", w.Code, w.Header(), msg.Files[0].Show)
			}
			w = fetch(a, msg.Files[1].URL)
			if w.Header().Get("Content-Type") != "application/octet-stream" || !strings.HasPrefix(w.Header().Get("Content-Disposition"), "attachment") ||
				w.Header().Get("X-Content-Type-Options") != "nosniff" || !strings.Contains(w.Header().Get("Content-Security-Policy"), "sandbox") || msg.Files[1].Show != "" {
				t.Errorf("page: %d %v", w.Code, w.Header())
			}
			if w := fetch(a, "/chat/file/..%2Fchat.journal"); w.Code != 404 {
				t.Errorf("another file: %d %s", w.Code, w.Body)
			}

			if _, err := a.Remove(t.Context(), webchat.Ask{ID: "2", As: "webchat:U_ada", Ref: ans.Ref}); err != nil {
				t.Fatal(err)
			}
			if w := fetch(a, msg.Files[0].URL); w.Code != 404 {
				t.Errorf("a deleted message's file: %d", w.Code)
			}
			wantCode(t, "deleted", func() error { _, err := a.Download(t.Context(), got, 100); return err }, "file_not_found")
		})
	}
}

func wantCode(t *testing.T, what string, do func() error, code string) {
	t.Helper()
	var e *bot.Error
	if err := do(); !errors.As(err, &e) || e.Code != code || e.Message == "" {
		t.Errorf("%s: %v, want %s", what, err, code)
	}
}

func TestFilesRefused(t *testing.T) {
	t.Parallel()
	a, s := openWith(t, "")
	one := webchat.Attach{Name: "a.png", Data: png()}
	for name, q := range map[string]webchat.Ask{
		"too many": {Text: "x", Files: []webchat.Attach{one, one, one, one, one}},
		"empty":    {Text: "x", Files: []webchat.Attach{{Name: "a.png"}}},
		"too much": {Text: "x", Files: []webchat.Attach{{Name: "a.png", Data: make([]byte, 8<<20+1)}}},
		"nothing":  {},
		"blank":    {Text: "  "},
	} {
		q.ID, q.As, q.Channel = name, "webchat:U_ada", "webchat:support"
		if _, err := a.Say(t.Context(), q); err == nil {
			t.Errorf("%s was taken", name)
		}
	}
	if n := len(s.events(bot.EventMessage)); n != 0 {
		t.Errorf("%d events", n)
	}
}

// TestStagedFiles: a file is shown once, also when the process ended between
// its two steps, and what was never shown goes.
func TestStagedFiles(t *testing.T) {
	t.Parallel()
	journal := filepath.Join(t.TempDir(), "chat.journal")
	a, err := webchat.Open(webchat.Options{Journal: journal, Channels: []webchat.Channel{{Name: "support"}}, Users: []webchat.User{{Ref: "webchat:U_ada", Name: "Ada"}}})
	if err != nil {
		t.Fatal(err)
	}
	up := bot.Upload{Channel: "webchat:support", Name: "photo.png", Size: int64(len(png())), Alt: "A bird", Author: &bot.Author{Name: "Casey"}, Content: bytes.NewReader(png())}
	id, err := a.Stage(t.Context(), up)
	if err != nil || len(see(t, a)) != 0 {
		t.Fatalf("Stage: %v, and %d messages are seen", err, len(see(t, a)))
	}
	if err := os.WriteFile(filepath.Join(journal+".files", "orphan"), []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	b, _ := openWith(t, journal)
	if _, err := os.Stat(filepath.Join(journal+".files", "orphan")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a file of nobody stays: %v", err)
	}
	first, err := b.Share(t.Context(), up, id)
	if err != nil {
		t.Fatal(err)
	}
	again, err := b.Share(t.Context(), up, id)
	if err != nil || again != first || len(see(t, b)) != 1 {
		t.Errorf("Share again = %q, %v, want %q; %d messages", again, err, first, len(see(t, b)))
	}
	if by := see(t, b)[0].Author; by == nil || by.Name != "Casey" {
		t.Errorf("the sender is %+v", by)
	}
	if f := see(t, b)[0].Files[0]; f.Name != "photo.png" || f.Alt != "A bird" || f.Show != "image" {
		t.Errorf("file = %+v", f)
	}
	if err := b.Delete(t.Context(), first); err != nil {
		t.Fatal(err)
	}
	if list, err := os.ReadDir(journal + ".files"); err != nil || len(list) != 0 {
		t.Errorf("%d files are left, %v", len(list), err)
	}
	wantCode(t, "unknown file", func() error { _, err := b.Share(t.Context(), up, "no"); return err }, "file_not_found")
	wantCode(t, "empty file", func() error { up.Content = strings.NewReader(""); _, err := b.Stage(t.Context(), up); return err }, "file_empty")
	up.Channel = "webchat:none"
	up.Content = bytes.NewReader(png())
	wantCode(t, "no channel", func() error { _, err := b.Upload(t.Context(), up); return err }, "channel_not_found")
	for i := range 70 { // what is never shown does not pile up
		up.Content = strings.NewReader(strings.Repeat("x", i+1))
		if _, err := b.Stage(t.Context(), up); err != nil {
			t.Fatal(err)
		}
	}
	if list, err := os.ReadDir(journal + ".files"); err != nil || len(list) > 64 {
		t.Errorf("%d staged files are kept, %v", len(list), err)
	}
}
