package rocketchat_test

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/perch-chat/perch/bot"
	"github.com/perch-chat/perch/bot/rocketchat"
	"github.com/perch-chat/perch/bot/rocketchat/rcfake"
)

const appSecret = "a secret that is long enough"

// appSign signs as rocketchat-app/src/perch.ts does.
func appSign(secret, stamp, body string) string {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte("v1:" + stamp + ":" + body))
	return hex.EncodeToString(mac.Sum(nil))
}

// appWorld is a running adapter that a companion app may call.
type appWorld struct {
	*sink
	ws      *workspace
	adapter *rocketchat.Adapter
	handler http.Handler
	stop    func() // ends the adapter, at the latest with the test
}

type takesSettings = func(context.Context, rocketchat.AppSettings) (map[string]string, error)

func newAppWorld(t *testing.T, settings takesSettings) *appWorld {
	t.Helper()
	ws := newWorkspace(t)
	ws.AddUser(rcfake.User{ID: "adaadaadaadaadaad", Username: "ada.app", Name: "Ada"})
	ws.room = ws.AddRoom("of-the-app", true, "ada.app", "ada", "rio", "twitter.bot")
	return startApp(t, ws, settings, shelf{})
}

// shelf is a rocketchat.Shelf in memory.
type shelf map[string][]byte

func (s shelf) Kept(context.Context) (map[string][]byte, error) { return maps.Clone(s), nil }

func (s shelf) Keep(_ context.Context, message string, what []byte) error {
	s[message] = what
	return nil
}

func (s shelf) Drop(_ context.Context, message string) error {
	delete(s, message)
	return nil
}

// startApp starts an adapter in a workspace.
func startApp(t *testing.T, ws *workspace, settings takesSettings, kept rocketchat.Shelf) *appWorld {
	t.Helper()
	w := &appWorld{sink: newSink(), ws: ws}
	id, token := ws.Bot()
	a, err := rocketchat.New(rocketchat.Options{URL: ws.url, UserID: id, Token: token, AppSecret: appSecret, AppSettings: settings, Shelf: kept, Log: slog.New(slog.NewTextHandler(testWriter{t}, &slog.HandlerOptions{Level: slog.LevelDebug}))})
	if err != nil {
		t.Fatal(err)
	}
	a.SetSecret([]byte("the store's own"))
	w.adapter, w.handler = a, a.App()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- a.Run(ctx, w.sink) }()
	w.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(w.stop)
	select {
	case <-a.Started():
	case <-time.After(15 * time.Second):
		t.Fatal("the adapter does not start")
	}
	return w
}

// post sends a body that is signed now, and returns the status and the code of
// the refusal.
func (w *appWorld) post(t *testing.T, body string) (status int, code string) {
	t.Helper()
	stamp := strconv.FormatInt(time.Now().Unix(), 10)
	return w.send(t, stamp, appSign(appSecret, stamp, body), body)
}

func (w *appWorld) send(t *testing.T, stamp, signature, body string) (status int, code string) {
	t.Helper()
	r := httptest.NewRequest(http.MethodPost, "/rocketchat/app", strings.NewReader(body))
	r.Header.Set("X-Perch-Timestamp", stamp)
	r.Header.Set("X-Perch-Signature", signature)
	rec := httptest.NewRecorder()
	w.handler.ServeHTTP(rec, r)
	var answer struct {
		OK    bool
		Error struct{ Code, Message string }
	}
	if err := json.Unmarshal(rec.Body.Bytes(), &answer); err != nil {
		t.Fatalf("the answer is no JSON: %v: %s", err, rec.Body)
	}
	if answer.OK != (rec.Code == http.StatusOK) || !answer.OK && answer.Error.Message == "" {
		t.Errorf("%d %s", rec.Code, rec.Body)
	}
	return rec.Code, answer.Error.Code
}

const appCommand = `{"type":"command","id":"c1","at":"2020-01-01T00:00:00Z","user":{"id":"u1","username":"ada","name":"Ada"},` +
	`"room":{"id":"r1","name":"support","type":"p"},"thread":"m1","command":"/twitter","text":" authorize\nnow "}`

func TestAppEvents(t *testing.T) {
	w := newAppWorld(t, nil)
	for _, body := range []string{
		appCommand,
		appCommand, // again: the same event
		strings.Replace(appCommand, `"thread":"m1"`, `"trigger":"t1"`, 1),
	} {
		if status, code := w.post(t, body); status != http.StatusOK {
			t.Errorf("%s: %d %s", body, status, code)
		}
	}
	got := w.of(bot.EventCommand, bot.EventAction, bot.EventSubmit)
	want := []bot.Event{{
		ID: "app:c1", Platform: "rocketchat", Kind: bot.EventCommand, User: bot.User{Ref: "rocketchat:u1", Name: "Ada", Handle: "ada"},
		Channel: "rocketchat:r1", ChannelName: "support", Thread: "rocketchat:r1:m1", Command: "/twitter", Text: "authorize\nnow",
	}}
	if d := cmp.Diff(want, got, cmpopts.IgnoreFields(bot.Event{}, "At")); d != "" {
		t.Error(d)
	}
	if len(got) > 0 && time.Since(got[0].At) > time.Minute {
		t.Errorf("the time of an event is %s: a clock that is years off was believed", got[0].At)
	}
}

func TestAppRefuses(t *testing.T) {
	w := newAppWorld(t, nil)
	now := time.Now()
	at := func(d time.Duration) string { return strconv.FormatInt(now.Add(d).Unix(), 10) }
	change := func(old, with string) string {
		s := strings.Replace(appCommand, old, with, 1)
		if s == appCommand {
			t.Fatalf("%s is not in the body", old)
		}
		return s
	}
	for name, tt := range map[string]struct {
		stamp, secret, body, signature string
		status                         int
		code                           string
	}{
		"another secret":     {stamp: at(0), secret: "another", body: appCommand, status: 401, code: "unauthorized"},
		"no signature":       {stamp: at(0), signature: "-", body: appCommand, status: 401, code: "unauthorized"},
		"signature is short": {stamp: at(0), signature: appSign(appSecret, at(0), appCommand)[:62], body: appCommand, status: 401, code: "unauthorized"},
		"other body":         {stamp: at(0), signature: appSign(appSecret, at(0), appCommand), body: change("ada", "eva"), status: 401, code: "unauthorized"},
		"other time":         {stamp: at(time.Second), signature: appSign(appSecret, at(0), appCommand), body: appCommand, status: 401, code: "unauthorized"},
		"old":                {stamp: at(-6 * time.Minute), body: appCommand, status: 401, code: "clock"},
		"ahead":              {stamp: at(6 * time.Minute), body: appCommand, status: 401, code: "clock"},
		"no time":            {stamp: "soon", body: appCommand, status: 401, code: "clock"},
		"too long":           {stamp: at(0), body: change("authorize", strings.Repeat("x", 64<<10)), status: 413, code: "too_long"},
		"no JSON":            {stamp: at(0), body: "{", status: 400, code: "invalid"},
		"two objects":        {stamp: at(0), body: appCommand + "{}", status: 400, code: "invalid"},
		"no ID":              {stamp: at(0), body: change(`"c1"`, `""`), status: 400, code: "invalid"},
		"ID of another kind": {stamp: at(0), body: change(`"c1"`, `"a:b"`), status: 400, code: "invalid"},
		"unknown type":       {stamp: at(0), body: change(`"type":"command"`, `"type":"dance"`), status: 400, code: "invalid"},
		"unknown command":    {stamp: at(0), body: change("/twitter", "/kick"), status: 400, code: "invalid"},
		"no person":          {stamp: at(0), body: change(`"u1"`, `""`), status: 400, code: "invalid"},
		"no room":            {stamp: at(0), body: change(`"r1"`, `""`), status: 400, code: "invalid"},
		"ref in a room":      {stamp: at(0), body: change(`"r1"`, `"r1:m1"`), status: 400, code: "invalid"},
		"ref in a thread":    {stamp: at(0), body: change(`"m1"`, `"m1:x"`), status: 400, code: "invalid"},
		"no button":          {stamp: at(0), body: change(`"type":"command"`, `"type":"action"`), status: 422, code: "no_button"},
		"a button unsealed":  {stamp: at(0), body: change(`"type":"command"`, `"type":"action","value":"!perch claim .m1"`), status: 422, code: "no_button"},
		"no form":            {stamp: at(0), body: change(`"type":"command"`, `"type":"submit"`), status: 410, code: "form_over"},
	} {
		t.Run(name, func(t *testing.T) {
			if tt.secret == "" {
				tt.secret = appSecret
			}
			if tt.signature == "" {
				tt.signature = appSign(tt.secret, tt.stamp, tt.body)
			}
			if status, code := w.send(t, tt.stamp, tt.signature, tt.body); status != tt.status || code != tt.code {
				t.Errorf("%d %s, want %d %s", status, code, tt.status, tt.code)
			}
		})
	}
	if got := w.of(bot.EventCommand, bot.EventAction, bot.EventSubmit); len(got) != 0 {
		t.Errorf("refused and yet stored: %v", got)
	}
}

func TestAppSettings(t *testing.T) {
	var (
		got    []rocketchat.AppSettings
		answer error
	)
	w := newAppWorld(t, func(_ context.Context, s rocketchat.AppSettings) (map[string]string, error) {
		if s.ID == "" {
			return nil, nil // the adapter itself asks, for the app's page
		}
		got = append(got, s)
		return nil, answer
	})
	if status, _ := w.post(t, `{"type":"settings","id":"s1","settings":{}}`); status != http.StatusOK {
		t.Errorf("a question: %d", status)
	}
	answer = &bot.Error{Code: "invalid", Message: "Choose on or off."}
	if status, code := w.post(t, `{"type":"settings","id":"s2","user":{"username":"ada"},"settings":{"file_upload":"maybe"}}`); status != http.StatusUnprocessableEntity || code != "invalid" {
		t.Errorf("a refusal: %d %s", status, code)
	}
	answer = errors.New("the disk is full")
	if status, code := w.post(t, `{"type":"settings","id":"s3","settings":{"welcome":"Hi"}}`); status != http.StatusServiceUnavailable || code != "not_stored" {
		t.Errorf("a failure: %d %s", status, code)
	}
	want := []rocketchat.AppSettings{
		{ID: "app:s1", By: "Rocket.Chat app", Changes: map[string]string{}},
		{ID: "app:s2", By: "Rocket.Chat app (ada)", Changes: map[string]string{"file_upload": "maybe"}},
		{ID: "app:s3", By: "Rocket.Chat app", Changes: map[string]string{"welcome": "Hi"}},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

func TestAppNotRunning(t *testing.T) {
	ws := newWorkspace(t)
	id, token := ws.Bot()
	o := rocketchat.Options{URL: ws.url, UserID: id, Token: token}
	a, err := rocketchat.New(o)
	if err != nil {
		t.Fatal(err)
	}
	if a.App() != nil {
		t.Error("without a secret there is an app")
	}
	o.AppSecret = appSecret + "\n" // as files and secret stores have it
	if a, err = rocketchat.New(o); err != nil {
		t.Fatal(err)
	}
	w := &appWorld{handler: a.App()}
	if status, code := w.post(t, appCommand); status != http.StatusServiceUnavailable || code != "starting" {
		t.Errorf("%d %s", status, code)
	}
	if status, _ := w.post(t, `{"type":"settings","id":"s1"}`); status != http.StatusBadRequest {
		t.Errorf("settings that nobody takes: %d", status)
	}
}

// The server hands a command of an app's over with whichever room a client
// names: in a private one Perch asks whether they are in it.
func TestAppAsksWhoIsInARoom(t *testing.T) {
	w := newAppWorld(t, nil)
	secret := w.ws.AddRoom("secret", true, "rio", "ada.app.two", "twitter.bot")
	open := w.ws.AddRoom("open", false, "rio", "twitter.bot")
	command := func(id, room, kind string) string {
		return `{"type":"command","id":"` + id + `","user":{"id":"adaadaadaadaadaad","username":"ada.app","name":"Ada"},"room":{"id":"` + room + `","type":"` + kind + `"},"command":"/incident","text":"list"}`
	}
	for name, c := range map[string]struct {
		room, kind string
		fault      bool
		status     int
		code       string
	}{
		"a member":               {room: w.ws.room, kind: "p", status: 200},
		"no member":              {room: secret, kind: "p", status: 403, code: "not_member"},
		"a room for everybody":   {room: open, kind: "c", status: 200},
		"the bot is not in it":   {room: "elsewhere", kind: "p", status: 200},
		"the server is too busy": {room: w.ws.room, kind: "p", fault: true, status: 503, code: "not_seen"},
	} {
		t.Run(name, func(t *testing.T) {
			if c.fault {
				w.ws.AddFault(rcfake.Fault{Route: "GET groups.members"})
			}
			before := len(w.of(bot.EventCommand))
			status, code := w.post(t, command("c"+c.room+c.code, c.room, c.kind))
			if status != c.status || code != c.code {
				t.Errorf("%d %s, want %d %s", status, code, c.status, c.code)
			}
			if came := len(w.of(bot.EventCommand)) > before; came != (c.status == 200) {
				t.Errorf("it came to Perch: %v", came)
			}
		})
	}
}
