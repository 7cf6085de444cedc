package app_test

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/perch-chat/perch/bot/rocketchat/rcfake"
	"github.com/perch-chat/perch/internal/app"
	"github.com/perch-chat/perch/internal/config"
	"github.com/perch-chat/perch/xapi/xfake"
)

// companion is a Rocket.Chat workspace, whose app this test plays, and a Perch.
type companion struct {
	t    *testing.T
	rc   *rcfake.Server
	url  string // Perch's
	room string
}

const companionSecret = "a secret that is long enough"

func newCompanion(t *testing.T) *companion {
	t.Helper()
	o := &companion{t: t, rc: rcfake.New(rcfake.Options{})}
	srv := httptest.NewServer(o.rc.Handler())
	t.Cleanup(func() {
		o.rc.Close()
		srv.CloseClientConnections()
		srv.Close()
	})
	o.rc.AddUser(rcfake.User{ID: "Uada", Username: "ada", Name: "Ada"})
	o.room = o.rc.AddRoom("support", true, "ada", "twitter.bot")
	ln := listen(t)
	o.url = "http://" + ln.Addr().String()
	x := xfake.New(xfake.Options{})
	xs := httptest.NewServer(x.Handler())
	t.Cleanup(xs.Close)
	t.Cleanup(func() { _ = x.Close(context.WithoutCancel(t.Context())) })

	c := config.Default()
	c.PublicURL, c.Data = o.url, t.TempDir()
	c.EncryptionKey = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="
	c.X.ClientID, c.X.ClientSecret, c.X.Webhook = "client-id", "client-secret", false
	c.X.APIBase, c.X.AuthorizeURL = xs.URL, xs.URL+"/i/oauth2/authorize"
	id, token := o.rc.Bot()
	c.Chat.RocketChat.URL, c.Chat.RocketChat.UserID, c.Chat.RocketChat.Token = srv.URL, id, config.Secret(token)
	c.Chat.RocketChat.AppSecret = companionSecret
	c.Team.Admins = []string{"rocketchat:Uada"}
	c.Channels.Setup = "rocketchat:" + o.room
	c.Departments = []config.Department{{Name: "Support", Channel: "rocketchat:" + o.room}}
	log := logs(t)
	platforms, routes, err := app.Chats(c, log)
	if err != nil {
		t.Fatal(err)
	}
	ready := make(chan struct{})
	a, err := app.New(t.Context(), app.Options{
		Config: c, Log: log, Listener: ln, Platforms: platforms, Routes: routes, Version: "test", Ready: func() { close(ready) },
	})
	if err != nil {
		t.Fatal(err)
	}
	runs(t, a)
	<-ready
	return o
}

// says posts what the app says and returns the answer.
func (o *companion) says(body string) (status int, settings map[string]string, message string) {
	o.t.Helper()
	stamp := strconv.FormatInt(time.Now().Unix(), 10)
	mac := hmac.New(sha256.New, []byte(companionSecret))
	mac.Write([]byte("v1:" + stamp + ":" + body))
	req, err := http.NewRequestWithContext(o.t.Context(), http.MethodPost, o.url+"/rocketchat/app", strings.NewReader(body))
	if err != nil {
		o.t.Fatal(err)
	}
	req.Header.Set("X-Perch-Timestamp", stamp)
	req.Header.Set("X-Perch-Signature", hex.EncodeToString(mac.Sum(nil)))
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		o.t.Fatal(err)
	}
	defer res.Body.Close()
	raw, err := io.ReadAll(res.Body)
	if err != nil {
		o.t.Fatal(err)
	}
	var answer struct {
		Settings map[string]string
		Error    struct{ Message string }
	}
	if err := json.Unmarshal(raw, &answer); err != nil {
		o.t.Fatalf("%v: %s", err, raw)
	}
	return res.StatusCode, answer.Settings, answer.Error.Message
}

func TestCompanionSettings(t *testing.T) {
	t.Parallel()
	o := newCompanion(t)
	status, now, _ := o.says(`{"type":"settings","id":"q1","settings":{}}`)
	if status != 200 || now["default_department"] != "support" || now["file_upload"] != "true" {
		t.Errorf("the settings are %d %v", status, now)
	}
	old := `{"type":"settings","id":"c1","settings":{"welcome":"Hello.","file_upload":"off"}}`
	for range 2 {
		if status, now, _ = o.says(old); status != 200 || now["welcome"] != "Hello." || now["file_upload"] != "false" {
			t.Errorf("a change: %d %v", status, now)
		}
	}
	if status, now, _ = o.says(`{"type":"settings","id":"c2","user":{"username":"ada"},"settings":{"welcome":"Good day."}}`); status != 200 || now["welcome"] != "Good day." {
		t.Errorf("another change: %d %v", status, now)
	}
	if status, now, _ = o.says(old); status != 200 || now["welcome"] != "Good day." {
		t.Errorf("a change that is played again: %d %v, want it to change nothing", status, now)
	}
	status, _, message := o.says(`{"type":"settings","id":"c3","settings":{"agents_display_name":"name","welcome":"No.","media_types":"nonsense"}}`)
	if status != 422 || !strings.Contains(message, "is no media type") {
		t.Errorf("a mistake: %d %q", status, message)
	}
	if _, now, _ = o.says(`{"type":"settings","id":"q2"}`); now["agents_display_name"] != "none" || now["welcome"] != "Good day." {
		t.Errorf("of a request with a mistake something was done: %v", now)
	}

	// The commands of the app are those of a message, answered to one alone.
	if status, _, message := o.says(`{"type":"command","id":"m1","user":{"id":"Uada","username":"ada","name":"Ada"},` +
		`"room":{"id":"` + o.room + `","name":"support","type":"p"},"command":"/twitter","text":"settings"}`); status != 200 {
		t.Fatalf("a command: %d %s", status, message)
	}
	var seen []rcfake.Message
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	err := o.rc.Wait(ctx, func() bool {
		if rid := o.rc.DirectRoom("ada"); rid != "" {
			seen = o.rc.Messages(rid)
		}
		return len(seen) > 0
	})
	if err != nil {
		t.Fatal(err)
	}
	if text := strings.ReplaceAll(seen[0].Text, "\u2060", ""); !strings.Contains(text, "Good day.") || !strings.Contains(text, "by Rocket.Chat app (ada)") {
		t.Errorf("the settings in chat read %q", text)
	}
}
