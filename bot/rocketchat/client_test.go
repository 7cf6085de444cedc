package rocketchat

import (
	"context"
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
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/perch-chat/perch/bot"
	"github.com/perch-chat/perch/bot/rocketchat/rcfake"
)

// workspace is a stand-in of Rocket.Chat and its address.
type workspace struct {
	*rcfake.Server
	url string
}

func openWorkspace(t testing.TB, o rcfake.Options) workspace {
	t.Helper()
	s := rcfake.New(o)
	srv := httptest.NewServer(s.Handler())
	t.Cleanup(func() {
		s.Close()
		srv.CloseClientConnections()
		srv.Close()
	})
	return workspace{s, srv.URL}
}

func (w workspace) credentials() credentials {
	id, token := w.Bot()
	return credentials{id, token}
}

func (w workspace) client() client { return newClient(nil, w.url, w.credentials()) }

func TestCallRefusals(t *testing.T) {
	for _, version := range []string{"7.13.0", "8.8.1", "9.0.0"} {
		w := openWorkspace(t, rcfake.Options{Version: version})
		nobody := newClient(nil, w.url, credentials{"U", "wrong"})
		plain := w.client()
		w.AddUser(rcfake.User{Username: "mia", Token: "mia-token"})
		mia := newClient(nil, w.url, credentials{"Umia", "mia-token"})
		w.AddUser(rcfake.User{Username: "pat", Token: "pat-token", Roles: []string{"admin"}, TOTP: "123456"})
		pat := newClient(nil, w.url, credentials{"Upat", "pat-token"})
		for _, c := range []struct {
			name string
			c    client
			r    request
			want string
		}{
			{"a wrong token", nobody, request{route: "GET me"}, "unauthorized"},
			{"a role that lacks", mia, request{route: "GET livechat/rooms"}, "forbidden"},
			{"a department that is none", plain, request{route: "POST livechat/visitor", body: map[string]any{"visitor": map[string]any{"token": "t", "department": "x"}}}, "error-invalid-department"},
			{"a token that is none", plain, request{route: "POST livechat/message", body: map[string]any{"token": "t", "rid": "r", "msg": "m"}}, "invalid-token"},
			{"a second factor", pat, request{route: "GET settings/:id", path: "settings/Livechat_enabled"}, "totp-required"},
			{"no such call", plain, request{route: "GET nothing"}, "no_endpoint"},
		} {
			err := c.c.call(t.Context(), c.r, nil)
			e, ok := errors.AsType[*bot.Error](err)
			if !ok || e.Code != c.want || e.Message == "" || e.Temporary || c.want == "totp-required" && !strings.Contains(e.Message, "Ignore Two Factor") {
				t.Errorf("%s, %s: %v, want %s", version, c.name, err, c.want)
			}
		}
	}
}

// TestPermissionIsNoLogin shows that a status that says that nobody is logged in
// is not believed where the words say that somebody may not do something: it
// would end the connection for good.
func TestPermissionIsNoLogin(t *testing.T) {
	w := openWorkspace(t, rcfake.Options{})
	w.AddFault(rcfake.Fault{Status: http.StatusUnauthorized, Body: `{"success":false,"error":"Users must have a username [error-unauthorized]"}`})
	if err := w.client().call(t.Context(), request{route: "GET rooms.info"}, nil); code(err) != "forbidden" || fatal(err) {
		t.Errorf("%v (%s), want forbidden", err, code(err))
	}
}

func TestCallOutcomes(t *testing.T) {
	w := openWorkspace(t, rcfake.Options{})
	c := w.client()
	for _, f := range []rcfake.Fault{{Status: 502}, {Drop: rcfake.DropBefore}, {Drop: rcfake.DropAfter}} {
		w.AddFault(f)
		err := c.call(t.Context(), request{route: "POST groups.create", body: map[string]any{"name": "a"}}, nil)
		if _, definite := errors.AsType[*bot.Error](err); err == nil || definite {
			t.Errorf("%+v: %v, want an error of which nobody knows what became", f, err)
		}
	}
	gone := newClient(nil, "http://127.0.0.1:1", credentials{"a", "b"})
	if e, ok := errors.AsType[*bot.Error](gone.call(t.Context(), request{route: "GET me"}, nil)); !ok || !e.Temporary || e.Code != "unreachable" {
		t.Errorf("nobody listens: %v", e)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if e, ok := errors.AsType[*bot.Error](c.call(ctx, request{route: "GET me"}, nil)); !ok || !e.Temporary {
		t.Errorf("called off before: %v", e)
	}
}

func TestRedirectIsNotFollowed(t *testing.T) {
	var mu sync.Mutex
	var got []string
	other := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		got = append(got, r.Header.Get("X-Auth-Token"))
	}))
	defer other.Close()
	srv := httptest.NewServer(http.RedirectHandler(other.URL, http.StatusFound))
	defer srv.Close()
	c := newClient(nil, srv.URL, credentials{"a", "secret"})
	if code(c.call(t.Context(), request{route: "GET me"}, nil)) != "redirect" {
		t.Error("want a refusal that names the address")
	}
	mu.Lock()
	defer mu.Unlock()
	if len(got) > 0 {
		t.Errorf("the token went to another host: %q", got)
	}
}

func TestLimiterKeepsToWhatTheServerSays(t *testing.T) {
	w := openWorkspace(t, rcfake.Options{Version: "7.13.0"})
	w.Limits(true, 0, 0)
	c := w.client()
	visitor := request{route: "POST livechat/visitor", body: map[string]any{"visitor": map[string]any{"token": "t"}}}
	for range 5 {
		if err := c.call(t.Context(), visitor, nil); err != nil {
			t.Fatal(err)
		}
	}
	e, ok := errors.AsType[*bot.Error](c.call(t.Context(), visitor, nil))
	if !ok || e.Code != "rate_limited" || !e.Temporary || e.RetryAfter < 50 || e.RetryAfter > 61 {
		t.Errorf("the sixth: %+v", e)
	}
	if n := len(w.Calls("POST livechat/visitor")); n != 5 {
		t.Errorf("the server saw %d calls, want 5: refused ones count too", n)
	}
	if err := c.call(t.Context(), request{route: "GET livechat/config"}, nil); err != nil {
		t.Errorf("another route waits too: %v", err)
	}
}

// TestLimiterSwitchedOff shows that what was learnt is forgotten once the server
// counts no more: an admin who frees the bot need not restart it.
func TestLimiterSwitchedOff(t *testing.T) {
	w := openWorkspace(t, rcfake.Options{Version: "7.13.0"})
	w.Limits(true, 0, 100*time.Millisecond)
	c := w.client()
	r := request{route: "GET livechat/config"}
	call := func() {
		t.Helper()
		if err := c.call(t.Context(), r, nil); err != nil {
			t.Fatal(err)
		}
	}
	call()
	if n := c.limits.told(r.route); n != 10 {
		t.Fatalf("limit %d, want 10", n)
	}
	w.AddFault(rcfake.Fault{Status: http.StatusBadGateway}) // says nothing of it
	_ = c.call(t.Context(), r, nil)
	if n := c.limits.told(r.route); n != 10 {
		t.Errorf("limit %d after an answer of a proxy, want 10", n)
	}
	w.Limits(false, 0, 0)
	call()
	if n := c.limits.told(r.route); n != 0 {
		t.Errorf("limit %d, want none", n)
	}
	start := time.Now()
	for range 50 {
		call()
	}
	if d := time.Since(start); d > patience {
		t.Errorf("50 calls took %s: they wait for a limit that is none", d)
	}
}

// TestLimiterOneWindow shows that answers of one window, each of which tells a
// slightly other end, are not taken for those of several.
func TestLimiterOneWindow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLimiter()
		end := time.Now().Add(time.Minute)
		for i, left := range []string{"4", "1", "3"} { // the third was overtaken
			h := http.Header{"X-Ratelimit-Limit": {"5"}, "X-Ratelimit-Remaining": {left}}
			h.Set("X-RateLimit-Reset", strconv.FormatInt(end.UnixMilli()+int64(i), 10))
			l.heard("GET a", h, http.StatusOK)
		}
		for i, ok := range []bool{true, false} {
			if err := l.take(t.Context(), "GET a"); (err == nil) != ok {
				t.Errorf("call %d: %v, want ok %v: one is left", i, err, ok)
			}
		}
	})
}

func TestLimiterWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLimiter()
		h := http.Header{}
		set := func(left string, reset time.Time) {
			h.Set("X-RateLimit-Remaining", left)
			h.Set("X-RateLimit-Reset", strconv.FormatInt(reset.UnixMilli(), 10))
		}
		start := time.Now()
		set("1", start.Add(time.Second))
		l.heard("GET a", h, http.StatusOK)
		for range 2 { // one is left, the other waits for the window's end
			if err := l.take(t.Context(), "GET a"); err != nil {
				t.Fatal(err)
			}
		}
		if d := time.Since(start); d != time.Second {
			t.Errorf("waited %s, want 1s", d)
		}
		set("0", time.Now().Add(time.Minute))
		l.heard("GET a", h, http.StatusTooManyRequests)
		if e, ok := errors.AsType[*bot.Error](l.take(t.Context(), "GET a")); !ok || e.RetryAfter != 60 {
			t.Errorf("a long wait: %v", e)
		}
		set("0", time.Now().Add(48*time.Hour)) // its clock is wrong
		l.heard("GET b", h, http.StatusTooManyRequests)
		if e, ok := errors.AsType[*bot.Error](l.take(t.Context(), "GET b")); !ok || e.RetryAfter > 3600 {
			t.Errorf("a wrong clock: %v", e)
		}
	})
}

func TestRealtime(t *testing.T) {
	w := openWorkspace(t, rcfake.Options{})
	sam := w.AddUser(rcfake.User{Username: "sam"})
	rid := w.AddRoom("support", true, "sam", "twitter.bot")
	r, err := dial(t.Context(), w.client().http, w.url, w.credentials(), usual())
	if err != nil {
		t.Fatal(err)
	}
	defer r.close()
	if _, err := r.subscribe(t.Context(), "stream-room-messages", rid); err != nil {
		t.Fatal(err)
	}
	if _, err := r.subscribe(t.Context(), "stream-notify-user", sam+"/message"); code(err) != "not-allowed" {
		t.Errorf("somebody else's stream: %v", err)
	}
	w.PingAll()
	if _, err := w.Say(rcfake.Says{Who: "sam", Room: rid, Text: "hello"}); err != nil {
		t.Fatal(err)
	}
	select {
	case n := <-r.notices:
		if diff := cmp.Diff([]string{"stream-room-messages", rid}, []string{n.stream, n.key}); diff != "" || len(n.args) != 1 {
			t.Errorf("notice %+v", n)
		}
	case <-time.After(5 * time.Second):
		t.Fatal("nothing came")
	}
	w.DropAll()
	select {
	case <-r.ended:
	case <-time.After(5 * time.Second):
		t.Fatal("the end was not noticed")
	}
	for range r.notices { // closed, or this would hang
	}
}

func TestRealtimeRefusesLogin(t *testing.T) {
	w := openWorkspace(t, rcfake.Options{})
	if _, err := dial(t.Context(), w.client().http, w.url, credentials{"x", "wrong"}, usual()); !fatal(err) {
		t.Errorf("a wrong token: %v, want an error that ends it", err)
	}
	if n := w.Sessions(); n > 0 {
		t.Logf("%d connections still being closed", n)
	}
}

func TestRealtimeNoticesDeath(t *testing.T) {
	w := openWorkspace(t, rcfake.Options{})
	r, err := dial(t.Context(), w.client().http, w.url, w.credentials(), liveness{every: 20 * time.Millisecond, dead: 100 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	defer r.close()
	w.HalfOpen()
	select {
	case <-r.ended:
		if !errors.Is(r.why(), errDead) {
			t.Errorf("ended for %v, want %v", r.why(), errDead)
		}
	case <-time.After(5 * time.Second):
		t.Fatal("a dead connection was not noticed")
	}
}

// TestTransport says which failures surely had no effect: those of calls that
// never reached the server.
func TestTransport(t *testing.T) {
	secure := httptest.NewUnstartedServer(http.NotFoundHandler())
	secure.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, 0) // it complains of us
	secure.StartTLS()
	defer secure.Close()
	plain := httptest.NewServer(http.NotFoundHandler())
	defer plain.Close()
	for _, c := range []struct{ name, url, says string }{
		{"a certificate that nobody vouches for", secure.URL, "certificate"},
		{"no certificate at all", strings.Replace(plain.URL, "http:", "https:", 1), "certificate"},
		{"nobody listens", "http://127.0.0.1:1", "can't be reached"},
	} {
		err := newClient(nil, c.url, credentials{"u", "secret"}).call(t.Context(), request{route: "POST chat.sendMessage", body: map[string]any{}}, nil)
		e, ok := errors.AsType[*bot.Error](err)
		if !ok || e.Code != "unreachable" || !e.Temporary || !strings.Contains(e.Message, c.says) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: %v, want a sentence with %q", c.name, err, c.says)
		}
	}
}

func TestOddAnswers(t *testing.T) {
	for _, c := range []struct {
		name   string
		status int
		body   string
		header http.Header
		code   string // empty: nobody knows what became of the call
	}{
		{"too large for a proxy", 413, "<html>", nil, "too_large"},
		{"a page", 404, "<html>", nil, "http_404"},
		{"a proxy that finds no server", 404, `{"message":"no Route matched"}`, nil, "http_404"},
		{"a proxy's own login", 401, `{"error":"unauthorized"}`, nil, "http_401"},
		{"a proxy that does not like it", 403, `{"message":"Forbidden"}`, nil, "http_403"},
		{"no login, as line 7 says it", 401, `{"status":"error","message":"You must be logged in to do this."}`, nil, "unauthorized"},
		{"a very long page", 403, strings.Repeat("x", 20<<20), nil, "http_403"},
		{"no JSON", 200, "<html>", nil, ""},
		{"other JSON", 200, "[1]", nil, ""},
		{"no success", 200, `{"success":false}`, nil, "refused"},
		{"a title for a type", 400, `{"success":false,"error":"not-allowed","errorType":"Not Allowed"}`, nil, "Not Allowed"},
		{"a proxy is at its limit", 429, "<html>", http.Header{"Retry-After": {"7"}}, codeLimited},
		{"away", 302, "", http.Header{"Location": {"https://elsewhere.example"}}, "redirect"},
		{"broken", 502, "<html>", nil, ""},
	} {
		srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			maps.Copy(w.Header(), c.header)
			w.WriteHeader(c.status)
			_, _ = w.Write([]byte(c.body))
		}))
		cl := newClient(nil, srv.URL, credentials{"u", "secret"})
		err := cl.call(t.Context(), request{route: "GET me"}, nil)
		e, ok := errors.AsType[*bot.Error](err)
		if err == nil || ok != (c.code != "") || ok && (e.Code != c.code || e.Message == "") || len(err.Error()) > 1000 {
			t.Errorf("%s: %v, want %q", c.name, err, c.code)
		}
		if again := c.status == 429 || c.code == "http_401" || c.code == "http_404"; ok && e.Temporary != again || fatal(err) != (c.code == "unauthorized" || c.code == "redirect") {
			t.Errorf("%s: temporary %v, fatal %v", c.name, e.Temporary, fatal(err))
		}
		if c.code == codeLimited && e.RetryAfter != 7 {
			t.Errorf("%s: again in %d s", c.name, e.RetryAfter)
		}
		srv.Close()
	}
}

// TestClosedRooms shows that people are told what to do where a room takes no
// message, in the words that the server says it with.
func TestClosedRooms(t *testing.T) {
	for text, says := range map[string]string{
		"You can't send messages because the room is readonly.": "read-only",
		"You_have_been_muted": "Unmute",
		"room_is_blocked":     "unblock",
		"Not allowed to send un-encrypted messages in an encrypted room [error-not-allowed]": "Switch encryption off",
		"not-allowed [error-not-allowed]":                     "Threads are switched off",
		"Not allowed [error-not-allowed]":                     "Invite it into the room",
		"The channel, ops, is archived [error-room-archived]": "Unarchive it",
	} {
		w := newTeam(t)
		body, err := json.Marshal(map[string]any{"success": false, "error": text})
		must(t, err)
		w.AddFault(rcfake.Fault{Route: "POST chat.sendMessage", Status: http.StatusBadRequest, Body: string(body)})
		_, err = w.adapter(t).Post(t.Context(), bot.Message{Channel: roomRef(w.room), Text: "x", Key: "k"})
		if e, ok := errors.AsType[*bot.Error](err); !ok || e.Temporary || !strings.Contains(e.Message, says) {
			t.Errorf("%q: %v, want words with %q", text, err, says)
		}
	}
}

// TestLimiterWithOtherClocks shows that a clock that is off, here or there, lets
// no calls through and holds none up.
func TestLimiterWithOtherClocks(t *testing.T) {
	for _, off := range []time.Duration{0, time.Second, -10 * time.Minute, 10 * time.Minute, -48 * time.Hour} {
		synctest.Test(t, func(t *testing.T) {
			l, there := newLimiter(), time.Now().Add(off)
			l.heard("GET a", http.Header{
				"X-Ratelimit-Limit": {"5"}, "X-Ratelimit-Remaining": {"0"}, "X-Ratelimit-Reset": {strconv.FormatInt(there.Add(40*time.Second).UnixMilli(), 10)},
				"Date": {there.UTC().Format(http.TimeFormat)},
			}, http.StatusOK)
			e, ok := errors.AsType[*bot.Error](l.take(t.Context(), "GET a"))
			if !ok || e.RetryAfter < 38 || e.RetryAfter > 42 {
				t.Errorf("a clock that is off by %s: %+v, want 40 s", off, e)
			}
		})
	}
}

func TestLimiterGivesUpWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLimiter()
		l.heard("GET a", http.Header{"X-Ratelimit-Limit": {"5"}, "X-Ratelimit-Remaining": {"0"}, "X-Ratelimit-Reset": {strconv.FormatInt(time.Now().Add(time.Second).UnixMilli(), 10)}}, http.StatusOK)
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
		defer cancel()
		err := l.take(ctx, "GET a")
		if e, ok := errors.AsType[*bot.Error](err); !ok || !e.Temporary || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("take = %v", err)
		}
	})
}

// TestClockOfTheServer shows that rooms are read by the server's clock: by
// another's, what was just said could be in the future, or long ago.
func TestClockOfTheServer(t *testing.T) {
	for _, off := range []time.Duration{0, 2 * time.Second, 3 * time.Hour, -3 * time.Hour} {
		srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Date", time.Now().Add(off).UTC().Format(http.TimeFormat))
			_, _ = w.Write([]byte(`{"success":true,"_id":"u","username":"b"}`))
		}))
		a, err := New(Options{URL: srv.URL, UserID: "u", Token: "t"})
		must(t, err)
		must(t, a.meet(t.Context()))
		if d := time.Until(a.now()) - off; d.Abs() > clocksDiffer {
			t.Errorf("a clock that is off by %s: %s away from it", off, d)
		}
		srv.Close()
	}
}
