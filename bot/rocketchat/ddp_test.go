package rocketchat

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/perch-chat/perch/bot"
	"github.com/perch-chat/perch/bot/rocketchat/rcfake"
)

// soon is how long something may take that has no reason to.
const soon = 10 * time.Second

// The login goes over the realtime connection as it is. A workspace that sends
// us elsewhere would have it given to whoever is there.
func TestRealtimeFollowsNoRedirect(t *testing.T) {
	w, elsewhere := openWorkspace(t, rcfake.Options{}), openWorkspace(t, rcfake.Options{})
	home := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/websocket" {
			http.Redirect(rw, r, elsewhere.url+r.URL.Path, http.StatusTemporaryRedirect)
			return
		}
		w.Handler().ServeHTTP(rw, r)
	}))
	defer home.Close()
	id, token := w.Bot() // which the other would take
	a, err := New(Options{URL: home.URL, UserID: id, Token: token})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- a.Run(ctx, nowhere{}) }()
	tick, end := time.NewTicker(time.Millisecond), time.After(soon)
	defer tick.Stop()
	for !strings.Contains(a.Health().Problem, "/websocket") {
		select {
		case <-tick.C:
		case <-a.Started():
			t.Fatal("it went where it was sent")
		case <-end:
			t.Fatalf("the problem is %q", a.Health().Problem)
		}
	}
	cancel()
	if err := <-done; err != nil {
		t.Errorf("Run: %v, want that it tries again", err)
	}
	if n := elsewhere.Sessions(); n > 0 {
		t.Errorf("%d connections to another host", n)
	}
}

func TestRealtimeBelowAPath(t *testing.T) {
	w := openWorkspace(t, rcfake.Options{})
	for _, below := range []string{"", "/", "/chat", "/chat/"} {
		home := httptest.NewServer(http.StripPrefix(strings.TrimSuffix(below, "/"), w.Handler()))
		id, token := w.Bot()
		a, err := New(Options{URL: home.URL + below, UserID: id, Token: token})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- a.Run(ctx, nowhere{}) }()
		select {
		case <-a.Started():
		case <-time.After(soon):
			t.Errorf("%q: no connection: %s", below, a.Health().Problem)
		}
		cancel()
		if err := <-done; err != nil {
			t.Errorf("%q: %v", below, err)
		}
		home.CloseClientConnections()
		home.Close()
	}
}

// nowhere takes every event.
type nowhere struct{}

func (nowhere) Deliver(context.Context, bot.Event) error { return nil }

// A stream that the server ends would leave us deaf on a connection that is
// alive: another one is made.
func TestRealtimeEndsWithItsStreams(t *testing.T) {
	w := openWorkspace(t, rcfake.Options{})
	r, err := dial(t.Context(), w.client().http, w.url, w.credentials(), usual())
	if err != nil {
		t.Fatal(err)
	}
	defer r.close()
	if err := r.require(t.Context(), "stream-room-messages", "__my_messages__"); err != nil {
		t.Fatal(err)
	}
	rid := w.AddRoom("support", true, "twitter.bot")
	id, err := r.subscribe(t.Context(), "stream-notify-room", rid+"/deleteMessage")
	if err != nil {
		t.Fatal(err)
	}
	// One that nothing depends on, and one that we end ourselves, end nothing.
	w.EndSubscriptions("stream-notify-room", rid+"/deleteMessage")
	if err := r.unsubscribe(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	if _, err := r.method(t.Context(), "livechat:setUpConnection"); err != nil {
		t.Fatalf("the connection ended: %v", err)
	}
	w.EndSubscriptions("stream-room-messages", "__my_messages__")
	select {
	case <-r.ended:
		if why := r.why(); why == nil || !strings.Contains(why.Error(), "ended a subscription") {
			t.Errorf("ended for %v", why)
		}
	case <-time.After(soon):
		t.Fatal("nobody noticed")
	}
}

func TestRealtimeKeepsWhatItCannotRead(t *testing.T) {
	w := openWorkspace(t, rcfake.Options{})
	r, err := dial(t.Context(), w.client().http, w.url, w.credentials(), usual())
	if err != nil {
		t.Fatal(err)
	}
	defer r.close()
	w.Babble(`{"server_id":"0"}`) // said by older servers, of use to nobody
	for _, odd := range []string{`<html>`, `{"msg":"changed","collection":"stream-room-messages","fields":{"eventName":7}}`} {
		w.Babble(odd)
		select {
		case n := <-r.notices:
			if n.stream != undecoded || len(n.args) != 1 || string(n.args[0]) != odd {
				t.Errorf("notice %+v, want the frame %q", n, odd)
			}
		case <-time.After(soon):
			t.Fatalf("nothing is told of %q", odd)
		}
	}
	if _, err := r.method(t.Context(), "livechat:setUpConnection"); err != nil {
		t.Errorf("the connection ended: %v", err)
	}
}

// Changes of messages are counted whatever the bot may do. One that is refused
// for it is to be made again.
func TestManyEdits(t *testing.T) {
	w := newTeam(t)
	w.DDPLimits(true, 200*time.Millisecond)
	a := w.adapter(t)
	m := bot.Message{Channel: roomRef(w.room), Key: "k", Text: "0"}
	ref, err := a.Post(t.Context(), m)
	must(t, err)
	refused := 0
	for i := 1; i <= 15; {
		m.Text = fmt.Sprint(i)
		switch err := a.Edit(t.Context(), ref, m); {
		case err == nil:
			i++
		case code(err) != codeLimited:
			t.Fatalf("edit %d: %v", i, err)
		default:
			refused++
			pause(t.Context(), 20*time.Millisecond)
		}
	}
	if all := w.Messages(w.room); refused == 0 || all[0].Text != "15" {
		t.Errorf("%d refused, the message reads %q", refused, all[0].Text)
	}
}

func TestDDPErrors(t *testing.T) {
	for _, c := range []struct {
		name, raw string
		code      string
		temporary bool
		after     int
	}{
		{"limited", `{"error":"too-many-requests","reason":"Slow down.","details":{"timeToReset":8400}}`, "rate_limited", true, 9},
		{"limited, without a time", `{"error":"too-many-requests"}`, "rate_limited", true, 1},
		{"limited for very long", `{"error":"too-many-requests","details":{"timeToReset":1e12}}`, "rate_limited", true, 60},
		{"forbidden", `{"error":403,"reason":"Not allowed"}`, "forbidden", false, 0},
		{"a word", `{"error":"error-action-not-allowed","reason":"Message editing not allowed"}`, "error-action-not-allowed", false, 0},
		{"a number", `{"error":404,"reason":"Method not found"}`, "404", false, 0},
		{"nothing", `{}`, "refused", false, 0},
		{"a text", `"no"`, "refused", false, 0},
		{"odd details", `{"error":"x","details":[1]}`, "refused", false, 0},
	} {
		var f frame
		if err := json.Unmarshal([]byte(`{"msg":"result","id":"1","error":`+c.raw+`}`), &f); err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		e, ok := errors.AsType[*bot.Error](f.Error.err("method"))
		if !ok || e.Code != c.code || e.Temporary != c.temporary || e.RetryAfter != c.after || e.Message == "" {
			t.Errorf("%s: %+v, want %s", c.name, e, c.code)
		}
		if fatal(e) {
			t.Errorf("%s ends the connection for good", c.name)
		}
		if l := loginError(e); fatal(l) == c.temporary {
			t.Errorf("%s: the login's error is %v", c.name, l)
		}
	}
	if loginError(nil) != nil || fatal(loginError(context.DeadlineExceeded)) {
		t.Error("a login of which nobody knows what became is no refusal")
	}
}
