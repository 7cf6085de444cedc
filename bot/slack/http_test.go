package slack

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/perch-chat/perch/bot"
)

// memory is a sink that keeps what it is given, unless it is told to refuse.
type memory struct {
	mu     sync.Mutex
	refuse int
	got    []bot.Event
}

func (m *memory) Deliver(_ context.Context, ev bot.Event) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.refuse > 0 {
		m.refuse--
		return errors.New("not stored")
	}
	m.got = append(m.got, ev)
	return nil
}

func (m *memory) events() []bot.Event {
	m.mu.Lock()
	defer m.mu.Unlock()
	return append([]bot.Event(nil), m.got...)
}

func sign(secret, stamp, body string) string {
	mac := hmac.New(sha256.New, []byte(secret))
	_, _ = fmt.Fprintf(mac, "v0:%s:%s", stamp, body)
	return "v0=" + hex.EncodeToString(mac.Sum(nil))
}

func TestSigned(t *testing.T) {
	// The example of Slack's own documentation.
	const secret, stamp = "8f742231b10e8888abcd99yyyzzz85a5", "1531420618"
	const body = "token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V&channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text=&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c"
	const signature = "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503"
	at := time.Unix(1531420618, 0)
	tests := []struct {
		name, secret, stamp, signature, body string
		now                                  time.Time
		want                                 bool
	}{
		{"as documented", secret, stamp, signature, body, at, true},
		{"4 minutes late", secret, stamp, signature, body, at.Add(4 * time.Minute), true},
		{"6 minutes late", secret, stamp, signature, body, at.Add(6 * time.Minute), false},
		{"from the future", secret, stamp, signature, body, at.Add(-6 * time.Minute), false},
		{"another body", secret, stamp, signature, body + "&", at, false},
		{"another secret", "x", stamp, signature, body, at, false},
		{"no secret", "", stamp, sign("", stamp, body), body, at, false},
		{"another time", secret, "1531420619", signature, body, at, false},
		{"no signature", secret, stamp, "", body, at, false},
		{"half a signature", secret, stamp, signature[:20], body, at, false},
		{"another version", secret, stamp, "v1" + signature[2:], body, at, false},
		{"no time", secret, "", signature, body, at, false},
	}
	for _, tt := range tests {
		if got := signed(tt.secret, tt.stamp, tt.signature, []byte(tt.body), tt.now); got != tt.want {
			t.Errorf("%s: signed = %v, want %v", tt.name, got, tt.want)
		}
	}
}

func TestHTTPMode(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "auth.test") {
			_, _ = w.Write([]byte(`{"ok":true,"team_id":"T1","user_id":"UBOT","bot_id":"BBOT","user":"perch"}`))
			return
		}
		people(w, r)
	}))
	defer srv.Close()
	a, err := New(Options{BotToken: testToken, SigningSecret: testSecret, HTTPMode: true, APIURL: srv.URL})
	if err != nil {
		t.Fatal(err)
	}
	send := func(contentType, body string, sign func(stamp, body string) string) *httptest.ResponseRecorder {
		stamp := fmt.Sprint(time.Now().Unix())
		r := httptest.NewRequest(http.MethodPost, "/slack/events", strings.NewReader(body))
		r.Header.Set("Content-Type", contentType)
		r.Header.Set("X-Slack-Request-Timestamp", stamp)
		r.Header.Set("X-Slack-Signature", sign(stamp, body))
		r.Header.Set("X-Slack-Retry-Num", "1")
		w := httptest.NewRecorder()
		a.Handler().ServeHTTP(w, r)
		return w
	}
	good := func(stamp, body string) string { return sign(testSecret, stamp, body) }
	const js, form = "application/json", "application/x-www-form-urlencoded"
	message := event(`{"type":"message","channel":"C1","user":"U1","text":"x","ts":"1.1"}`)

	if w := send(js, message, good); w.Code != http.StatusServiceUnavailable {
		t.Errorf("before Run: %d", w.Code)
	}
	ctx, cancel := context.WithCancel(t.Context())
	sink := &memory{}
	ended := make(chan error, 1)
	go func() { ended <- a.Run(ctx, sink) }()
	defer func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("Run = %v", err)
		}
	}()
	for tick := time.NewTicker(time.Millisecond); len(sink.events()) == 0; { // the gap of the start
		<-tick.C
	}

	if w := send(js, message, func(stamp, body string) string { return sign("wrong", stamp, body) }); w.Code != http.StatusUnauthorized || len(sink.events()) > 1 {
		t.Errorf("wrong signature: %d", w.Code)
	}
	if w := send(js, `{"type":"url_verification","challenge":"c-1"}`, good); w.Code != http.StatusOK || w.Body.String() != "c-1" {
		t.Errorf("challenge: %d %q", w.Code, w.Body)
	}
	sink.refuse = 2
	for name, body := range map[string]struct{ contentType, body string }{
		"event":       {js, message},
		"command":     {form, url.Values{"command": {"/twitter"}, "text": {"help"}, "user_id": {"U1"}, "trigger_id": {"1.2"}}.Encode()},
		"interaction": {form, url.Values{"payload": {`{"type":"shortcut","callback_id":"x","user":{"id":"U1"},"trigger_id":"1.3"}`}}.Encode()},
	} {
		if w := send(body.contentType, body.body, good); w.Code != http.StatusOK || w.Body.Len() > 0 {
			t.Errorf("%s: %d %q", name, w.Code, w.Body)
		}
	}
	kinds := map[bot.EventKind]int{}
	for _, ev := range sink.events() {
		kinds[ev.Kind]++
	}
	if kinds[bot.EventMessage] != 1 || kinds[bot.EventCommand] != 1 || kinds[bot.EventAction] != 1 {
		t.Errorf("stored %v", kinds)
	}
	if w := send(js, event(`{"type":"message","ts":17}`), good); w.Code != http.StatusOK || a.Stats().Undecoded != 1 {
		t.Errorf("unreadable: %d", w.Code)
	}
	if w := send(js, `{"type`, good); w.Code != http.StatusOK || a.Stats().Undecoded != 2 {
		t.Errorf("no JSON: %d", w.Code)
	}
	kinds = map[bot.EventKind]int{}
	for _, ev := range sink.events() {
		kinds[ev.Kind]++
		if ev.Kind == bot.EventUndecoded && (ev.Raw == "" || ev.Text == "") {
			t.Errorf("unreadable stored as %+v", ev)
		}
		if ev.Kind == bot.EventGap && !ev.Since.IsZero() {
			t.Errorf("the gap of the start %+v", ev)
		}
	}
	if kinds[bot.EventUndecoded] != 2 || kinds[bot.EventGap] != 1 {
		t.Errorf("stored %v", kinds)
	}
	// What Slack held back is read up, as after any gap.
	if w := send(js, `{"type":"app_rate_limited","team_id":"T1","api_app_id":"A1","minute_rate_limited":1795330500}`, good); w.Code != http.StatusOK {
		t.Errorf("told of a limit: %d", w.Code)
	}
	told := sink.events()
	if last := told[len(told)-1]; last.Kind != bot.EventGap || last.Since.Unix() != 1795330500 {
		t.Errorf("the limit became %+v", last)
	}
	sink.refuse = 1 << 20
	if w := send(form, url.Values{"command": {"/twitter"}, "user_id": {"U1"}, "trigger_id": {"1.4"}}.Encode(), good); w.Code < 500 {
		t.Errorf("not stored: %d", w.Code)
	}
}
