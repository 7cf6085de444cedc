package slack_test

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/perch-chat/perch/bot"
	"github.com/perch-chat/perch/bot/slack/slackfake"
)

func wantCode(t *testing.T, what string, err error, want string) {
	t.Helper()
	e, ok := errors.AsType[*bot.Error](err)
	if !ok || e.Code != want || e.Message == "" {
		t.Errorf("%s: %v (%+v), want %s", what, err, e, want)
	}
	if err != nil && strings.Contains(err.Error(), "xoxb-") {
		t.Errorf("%s: the error holds the token", what)
	}
}

// The token goes to Slack and to nobody else, whatever a file's address is and
// wherever it leads.
func TestDownloadKeepsTheTokenAtSlack(t *testing.T) {
	w := newWorkspace(t, slackfake.Options{})
	a := w.adapter(t)
	var stolen []string
	other := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		stolen = append(stolen, r.Header.Get("Authorization")+r.URL.String())
		_, _ = io.WriteString(rw, "ours now")
	}))
	defer other.Close()
	ts, err := w.Person(slackfake.Says{User: "ada", Channel: w.channel, Files: []slackfake.Upload{
		{Name: "a.txt", MIME: "text/plain", Data: []byte("hello")},
		{Name: "doc", MIME: "application/pdf", Data: []byte("x"), External: true},
		{Name: "shared.txt", MIME: "text/plain", Data: []byte("from afar"), CheckInfo: true},
		{Name: "page.html", MIME: "text/html", Data: []byte("<html>mine</html>")},
	}})
	if err != nil {
		t.Fatal(err)
	}
	ev, err := a.ReadMessage(t.Context(), bot.MessageRef("slack:"+w.channel+":"+ts))
	if err != nil || len(ev.Files) != 4 {
		t.Fatalf("read %+v, %v", ev, err)
	}
	own, external, checked, page := ev.Files[0], ev.Files[1], ev.Files[2], ev.Files[3]
	read := func(f bot.File) (string, error) {
		body, err := a.Download(t.Context(), f, 1000)
		if err != nil {
			return "", err
		}
		defer func() { _ = body.Close() }()
		b, err := io.ReadAll(body)
		return string(b), err
	}
	for _, tt := range []struct {
		f    bot.File
		want string
	}{{own, "hello"}, {checked, "from afar"}, {page, "<html>mine</html>"}} {
		if got, err := read(tt.f); err != nil || got != tt.want {
			t.Errorf("Download(%+v) = %q, %v, want %q", tt.f, got, err, tt.want)
		}
	}
	_, err = read(external)
	wantCode(t, "a file at another service", err, "external_file")
	own.URL = other.URL + "/a.txt"
	if got, err := read(own); err != nil || got != "hello" {
		t.Errorf("with an address elsewhere: %q, %v, want what Slack itself says", got, err)
	}
	for _, u := range []string{"https://slack.com.evil.test/x", "http://files.slack.com/x", "https://files.slack.com:8443/x", "https://a@files.slack.com/x", "file:///etc/passwd", "https://evilslack.com/x"} {
		_, err = read(bot.File{ID: "F0NONE", URL: u})
		wantCode(t, u, err, "file_not_found")
	}

	own = ev.Files[0]
	w.AddFault(slackfake.Fault{Method: "file", Status: http.StatusFound, Header: http.Header{"Location": {other.URL + "/elsewhere"}}})
	_, err = read(own)
	wantCode(t, "a redirect to somebody else", err, "bad_redirect")
	w.AddFault(slackfake.Fault{Method: "file", Status: http.StatusFound, Header: http.Header{"Location": {own.URL}}})
	if got, err := read(own); err != nil || got != "hello" {
		t.Errorf("a redirect within Slack: %q, %v", got, err)
	}
	w.AddFault(slackfake.Fault{Method: "file", Status: http.StatusFound, Times: 20, Header: http.Header{"Location": {own.URL}}})
	_, err = read(own)
	wantCode(t, "redirects without end", err, "bad_redirect")
	w.ClearFaults()
	if len(stolen) > 0 {
		t.Errorf("somebody else was asked: %q", stolen)
	}

	signIn := http.Header{"Content-Type": {"text/html; charset=utf-8"}}
	w.AddFault(slackfake.Fault{Method: "file", Body: "<!DOCTYPE html><html>Sign in", Header: signIn})
	_, err = read(own)
	wantCode(t, "a page that asks to sign in", err, "missing_scope")
	w.AddFault(slackfake.Fault{Method: "file", Body: "<!DOCTYPE html><html>Sign in", Header: signIn})
	_, err = read(page)
	wantCode(t, "the same instead of a page", err, "missing_scope")
	for status, want := range map[int]string{404: "file_deleted", 429: "ratelimited", 500: "unreachable", 403: "http_403"} {
		w.AddFault(slackfake.Fault{Method: "file", Status: status})
		_, err = read(own)
		wantCode(t, http.StatusText(status), err, want)
	}
	w.AddFault(slackfake.Fault{Method: "file", Body: strings.Repeat("x", 1001)})
	_, err = read(own)
	wantCode(t, "more bytes than Slack said", err, "file_too_large")
	for _, c := range w.Calls() {
		if c.TokenIn != "" && c.TokenIn != "header" {
			t.Errorf("%s has the token in its %s", c.Method, c.TokenIn)
		}
	}
}

func upload(w *workspace, thread string) bot.Upload {
	u := bot.Upload{Channel: bot.ChannelRef("slack:" + w.channel), Name: "a.txt", Type: "text/plain", Size: 5, Content: strings.NewReader("hello"), Text: "look <!here>"}
	if thread != "" {
		u.Thread = bot.MessageRef("slack:" + w.channel + ":" + thread)
	}
	return u
}

func shared(w *workspace) (n int) {
	for _, m := range w.Messages(w.channel) {
		if len(m.Files) > 0 {
			n++
		}
	}
	return n
}

// An answer that is lost never makes a second copy: the file itself knows if
// it was shown.
func TestUploadIsShownOnce(t *testing.T) {
	for _, drop := range []slackfake.Drop{slackfake.DropBefore, slackfake.DropAfter} {
		w := newWorkspace(t, slackfake.Options{})
		a := w.adapter(t)
		u := upload(w, "")
		id, err := a.Stage(t.Context(), u)
		if err != nil {
			t.Fatal(err)
		}
		w.AddFault(slackfake.Fault{Method: "files.completeUploadExternal", Drop: drop})
		ref, err := a.Share(t.Context(), u, id)
		if e, ok := errors.AsType[*bot.Error](err); ok {
			t.Errorf("Share with a lost answer = %q, %+v: claims to know", ref, e)
		}
		if drop == slackfake.DropAfter && (err != nil || ref == "") {
			t.Errorf("Share with a lost answer = %q, %v, want what the file itself tells", ref, err)
		}
		again, err := a.Share(t.Context(), u, id)
		if err != nil || again == "" || ref != "" && again != ref {
			t.Errorf("Share again = %q, %v, want %q", again, err, ref)
		}
		if n := shared(w); n != 1 {
			t.Errorf("the file is shown %d times", n)
		}
	}
}

func TestUploadErrors(t *testing.T) {
	w := newWorkspace(t, slackfake.Options{})
	a := w.adapter(t)
	empty := upload(w, "")
	empty.Size = 0
	_, err := a.Upload(t.Context(), empty)
	wantCode(t, "an empty file", err, "empty_file")
	short := upload(w, "")
	short.Content = bytes.NewReader([]byte("hel"))
	_, err = a.Upload(t.Context(), short)
	wantCode(t, "a file that ends early", err, "unreachable")
	for _, method := range []string{"files.getUploadURLExternal", "upload"} {
		w.AddFault(slackfake.Fault{Method: method, Drop: slackfake.DropAfter})
		_, err = a.Upload(t.Context(), upload(w, ""))
		wantCode(t, "nothing was shown when "+method+" broke off", err, "unreachable")
		w.AddFault(slackfake.Fault{Method: method, Status: 500})
		_, err = a.Upload(t.Context(), upload(w, ""))
		wantCode(t, "nothing was shown when "+method+" failed", err, "unreachable")
	}
	foreign := upload(w, "")
	foreign.Thread = "slack:C0OTHER:1.000001"
	_, err = a.Upload(t.Context(), foreign)
	wantCode(t, "a thread of another channel", err, "thread_not_found")

	// A thread whose first message is gone: Slack shows the file to all.
	ts, err := w.PersonSays("ada", w.channel, "root")
	if err != nil {
		t.Fatal(err)
	}
	if err := w.PersonDeletes("ada", w.channel, ts); err != nil {
		t.Fatal(err)
	}
	_, err = a.Upload(t.Context(), upload(w, ts))
	wantCode(t, "a thread that is gone", err, "thread_not_found")
	if n := shared(w); n != 0 {
		t.Errorf("%d files are shown", n)
	}
	for _, c := range w.Calls() {
		if c.TokenIn != "" && c.TokenIn != "header" {
			t.Errorf("%s has the token in its %s", c.Method, c.TokenIn)
		}
	}
}
