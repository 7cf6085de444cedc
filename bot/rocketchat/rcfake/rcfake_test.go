package rcfake

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/google/go-cmp/cmp"
)

// workspace is a server with a caller.
type workspace struct {
	*Server
	t   *testing.T
	url string
}

func open(t *testing.T, o Options) *workspace {
	t.Helper()
	s := New(o)
	srv := httptest.NewServer(s.Handler())
	t.Cleanup(func() {
		s.Close()
		srv.CloseClientConnections()
		srv.Close()
	})
	return &workspace{Server: s, t: t, url: srv.URL}
}

// do calls the API, as the bot if bot is set.
func (w *workspace) do(bot bool, method, path string, body any) (int, map[string]any, http.Header) {
	w.t.Helper()
	var rd io.Reader
	if body != nil {
		b, err := json.Marshal(body)
		if err != nil {
			w.t.Fatal(err)
		}
		rd = bytes.NewReader(b)
	}
	req, err := http.NewRequestWithContext(w.t.Context(), method, w.url+"/api/v1/"+path, rd)
	if err != nil {
		w.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	if bot {
		id, token := w.Bot()
		req.Header.Set("X-User-Id", id)
		req.Header.Set("X-Auth-Token", token)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		w.t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	var out map[string]any
	if err := json.NewDecoder(resp.Body).Decode(&out); err != nil {
		w.t.Fatal(err)
	}
	return resp.StatusCode, out, resp.Header
}

// customer makes a visitor with an open room and returns the room's ID.
func (w *workspace) customer(token string) string {
	w.t.Helper()
	if st, out, _ := w.do(false, "POST", "livechat/visitor", obj{"visitor": obj{"token": token, "name": "Casey"}}); st != 200 {
		w.t.Fatalf("visitor: %d %v", st, out)
	}
	st, out, _ := w.do(false, "GET", "livechat/room?token="+token, nil)
	if st != 200 {
		w.t.Fatalf("room: %d %v", st, out)
	}
	return out["room"].(map[string]any)["_id"].(string) //nolint:forcetypeassert // a test
}

func TestRefusals(t *testing.T) {
	w := open(t, Options{})
	w.AddUser(User{Username: "sam", Agent: true})
	rid := w.customer("tok")
	for _, c := range []struct {
		name, method, path string
		bot                bool
		body               any
		status             int
		want               string
	}{
		{"no such call", "GET", "livechat/nothing", true, nil, 404, "API endpoint not found"},
		{"a stranger", "GET", "me", false, nil, 401, "You must be logged in to do this."},
		{"a key too many", "POST", "livechat/message", false, obj{"token": "tok", "rid": rid, "msg": "a", "x": 1}, 400, "must NOT have additional properties [invalid-params]"},
		{"a key too few", "POST", "livechat/message", false, obj{"token": "tok", "rid": rid}, 400, "must have required property 'msg' [invalid-params]"},
		{"another token", "POST", "livechat/message", false, obj{"token": "no", "rid": rid, "msg": "a"}, 400, "invalid-token"},
		{"another room", "POST", "livechat/message", false, obj{"token": "tok", "rid": "no", "msg": "a"}, 400, "invalid-room"},
		{"a department that is none", "POST", "livechat/visitor", false, obj{"visitor": obj{"token": "x", "department": "no"}}, 400, "The provided department is invalid [error-invalid-department]"},
		{"for admins", "GET", "settings/Livechat_enabled", true, nil, 403, "User does not have the permissions required for this action [error-unauthorized]"},
		{"a room's name", "POST", "groups.create", true, obj{"name": "not a name"}, 400, "not a name is not a valid room name [error-invalid-room-name]"},
	} {
		st, out, _ := w.do(c.bot, c.method, c.path, c.body)
		if st != c.status || out["error"] != c.want || out["success"] != false {
			t.Errorf("%s: %d %v, want %d %q", c.name, st, out, c.status, c.want)
		}
	}
	old := open(t, Options{Version: "7.13.0"})
	if st, out, _ := old.do(false, "GET", "me", nil); st != 401 || out["status"] != "error" {
		t.Errorf("a stranger at a server of line 7: %d %v", st, out)
	}
}

func TestRepeatedID(t *testing.T) {
	w := open(t, Options{})
	w.AddUser(User{Username: "sam", Agent: true})
	rid := w.customer("tok")
	say := obj{"token": "tok", "rid": rid, "msg": "hello", "_id": "x1"}
	if st, out, _ := w.do(false, "POST", "livechat/message", say); st != 200 {
		t.Fatalf("first: %d %v", st, out)
	}
	if st, _, _ := w.do(false, "POST", "livechat/message", say); st != 400 {
		t.Errorf("a repeated ID: %d, want 400", st)
	}
	if st, out, _ := w.do(false, "GET", "livechat/message/x1?token=tok&rid="+rid, nil); st != 200 {
		t.Errorf("the message by its ID: %d %v", st, out)
	}
	n := 0
	for _, m := range w.Messages(rid) {
		if m.Text == "hello" {
			n++
		}
	}
	if n != 1 {
		t.Errorf("%d messages, want 1", n)
	}
}

func TestRoomRace(t *testing.T) {
	w := open(t, Options{})
	w.AddUser(User{Username: "sam", Agent: true})
	if st, _, _ := w.do(false, "POST", "livechat/visitor", obj{"visitor": obj{"token": "tok"}}); st != 200 {
		t.Fatal(st)
	}
	release := w.RaceRooms()
	done := make(chan bool, 2)
	for range 2 {
		go func() {
			resp, err := http.Get(w.url + "/api/v1/livechat/room?token=tok")
			if err == nil {
				_ = resp.Body.Close()
			}
			done <- err == nil
		}()
	}
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	<-ctx.Done() // both are inside
	release()
	<-done
	<-done
	if n := len(w.Rooms("l")); n != 2 {
		t.Errorf("%d rooms, want the two that the real server makes", n)
	}
}

// TestLimits shows five public calls a minute, and whom they are for: line 7
// counts the bot among the strangers, line 8 knows it where it says who it is.
func TestLimits(t *testing.T) {
	for version, exempt := range map[string]bool{"7.13.0": false, "8.8.1": true} {
		w := open(t, Options{Version: version})
		w.Limits(true, 0, 0)
		var ends []string
		for i := range 6 {
			st, out, h := w.do(false, "POST", "livechat/visitor", obj{"visitor": obj{"token": "tok"}})
			if i < 5 && st != 200 || i == 5 && (st != 429 || !strings.Contains(out["error"].(string), "too-many-requests")) { //nolint:forcetypeassert // a test
				t.Fatalf("%s, call %d: %d %v", version, i, st, out)
			}
			if h.Get("X-RateLimit-Limit") != "5" || len(h.Get("X-RateLimit-Reset")) != 13 || h.Get("Retry-After") != "" {
				t.Errorf("%s: headers: %v", version, h)
			}
			ends = append(ends, h.Get("X-RateLimit-Reset"))
		}
		if slices.Sort(ends); len(slices.Compact(ends)) == 1 {
			t.Errorf("%s: one end of the window in all answers: the server tells another in each", version)
		}
		st, _, h := w.do(true, "POST", "livechat/visitor", obj{"visitor": obj{"token": "tok"}})
		if (st == 200) != exempt || (h.Get("X-RateLimit-Limit") == "") != exempt {
			t.Errorf("%s: the bot's public call: %d %v, want exempt %v", version, st, h, exempt)
		}
		for range 30 {
			if st, _, _ := w.do(true, "GET", "me", nil); st != 200 {
				t.Fatalf("%s: the bot is limited where it may bypass: %d", version, st)
			}
		}
	}
}

// ddp is a realtime connection of a test.
type ddp struct {
	t    *testing.T
	conn *websocket.Conn
}

func (w *workspace) realtime() *ddp {
	w.t.Helper()
	conn, resp, err := websocket.Dial(w.t.Context(), "ws"+strings.TrimPrefix(w.url, "http")+"/websocket", nil)
	if err != nil {
		w.t.Fatal(err)
	}
	if resp.Body != nil {
		_ = resp.Body.Close()
	}
	w.t.Cleanup(func() { _ = conn.CloseNow() })
	d := &ddp{w.t, conn}
	d.send(`{"msg":"connect","version":"1","support":["1","pre2","pre1"]}`)
	d.until("connected")
	return d
}

func (d *ddp) send(s string) {
	d.t.Helper()
	if err := d.conn.Write(d.t.Context(), websocket.MessageText, []byte(s)); err != nil {
		d.t.Fatal(err)
	}
}

// until reads up to the next frame of a kind.
func (d *ddp) until(msg string) map[string]any {
	d.t.Helper()
	ctx, cancel := context.WithTimeout(d.t.Context(), 5*time.Second)
	defer cancel()
	for {
		_, raw, err := d.conn.Read(ctx)
		if err != nil {
			d.t.Fatalf("no %s: %v", msg, err)
		}
		var o map[string]any
		if err := json.Unmarshal(raw, &o); err != nil {
			d.t.Fatal(err)
		}
		if o["msg"] == msg {
			return o
		}
	}
}

func TestRealtime(t *testing.T) {
	w := open(t, Options{})
	w.AddUser(User{Username: "sam", Agent: true})
	rid := w.customer("tok")
	d := w.realtime()

	d.send(`{"msg":"sub","id":"1","name":"stream-room-messages","params":["` + rid + `",{"useCollection":false,"args":[{"token":"no","visitorToken":"no"}]}]}`)
	if o := d.until("nosub"); o["id"] != "1" || o["error"] == nil {
		t.Errorf("a stranger subscribed: %v", o)
	}
	d.send(`{"msg":"sub","id":"2","name":"stream-room-messages","params":["` + rid + `",{"useCollection":false,"args":[{"token":"tok","visitorToken":"tok"}]}]}`)
	d.until("ready")
	if _, err := w.Say(Says{Who: "sam", Room: rid, Text: "How can I help?"}); err != nil {
		t.Fatal(err)
	}
	fields, _ := d.until("changed")["fields"].(map[string]any)
	args, _ := fields["args"].([]any)
	m, _ := args[0].(map[string]any)
	if fields["eventName"] != rid || m["msg"] != "How can I help?" {
		t.Errorf("changed: %v", fields)
	}
	d.send(`{"msg":"ping","id":"p"}`)
	if o := d.until("pong"); o["id"] != "p" {
		t.Errorf("pong: %v", o)
	}
	id, token := w.Bot()
	d.send(`{"msg":"sub","id":"3","name":"stream-notify-user","params":["` + id + `/rooms-changed",false]}`)
	d.until("nosub") // before the login
	d.send(`{"msg":"method","method":"login","params":[{"resume":"` + token + `"}],"id":"4"}`)
	if o := d.until("result"); o["error"] != nil {
		t.Errorf("login: %v", o)
	}
	d.send(`{"msg":"sub","id":"5","name":"stream-notify-user","params":["` + id + `/rooms-changed",false]}`)
	d.until("ready")
	if err := w.CloseRoom("sam", rid, "bye"); err != nil {
		t.Fatal(err)
	}
	got := w.Rooms("l")[0]
	if diff := cmp.Diff(Room{ID: rid, Kind: "l", Visitor: "Casey", Source: "API", Agent: "sam", ClosedBy: "sam"}, got); diff != "" {
		t.Errorf("the room (-want +got):\n%s", diff)
	}
}
