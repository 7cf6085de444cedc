package rcfake

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// as calls the API with a person's token, and a second factor if there is one.
func (w *workspace) as(id, token, code, method, path string, body any) (int, map[string]any) {
	w.t.Helper()
	b, err := json.Marshal(body)
	if err != nil {
		w.t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(w.t.Context(), method, w.url+"/api/v1/"+path, bytes.NewReader(b))
	if err != nil {
		w.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("X-User-Id", id)
	req.Header.Set("X-Auth-Token", token)
	if code != "" {
		req.Header.Set("X-2fa-Code", code)
		req.Header.Set("X-2fa-Method", "totp")
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
	return resp.StatusCode, out
}

// TestRefusalShapes shows the same refusals of servers of all lines: the form
// that was planned for line 8 is put off to line 9 in the server's own code.
func TestRefusalShapes(t *testing.T) {
	const text = "User does not have the permissions required for this action [error-unauthorized]"
	asked := obj{"method": "totp", "emailOrUsername": "pat", "codeGenerated": false, "availableMethods": []any{"totp"}}
	type answer struct {
		Status int
		Body   obj
	}
	now := map[string]answer{
		"stranger":     {401, obj{"success": false, "status": "error", "error": "You must be logged in to do this.", "message": "You must be logged in to do this."}},
		"not allowed":  {403, obj{"success": false, "error": text}},
		"password":     {401, obj{"success": false, "status": "error", "error": "Unauthorized", "message": "Unauthorized"}},
		"no code":      {401, obj{"success": false, "status": "error", "error": "totp-required", "message": "TOTP Required", "details": asked}},
		"wrong code":   {401, obj{"success": false, "status": "error", "error": "totp-invalid", "message": "TOTP Invalid", "details": asked}},
		"guarded call": {400, obj{"success": false, "error": "TOTP Required [totp-required]", "errorType": "totp-required", "details": asked}},
	}
	for version, want := range map[string]map[string]answer{
		"7.13.0": now,
		"8.8.1":  now,
		"9.0.0": {
			"stranger":     {401, obj{"success": false, "error": "You must be logged in to do this."}},
			"not allowed":  {403, obj{"success": false, "error": text}},
			"password":     {401, obj{"success": false, "error": "unauthorized"}},
			"no code":      {401, obj{"success": false, "error": "unauthorized"}},
			"wrong code":   {401, obj{"success": false, "error": "unauthorized"}},
			"guarded call": {400, obj{"success": false, "error": "TOTP Required [totp-required]", "errorType": "totp-required", "details": asked}},
		},
	} {
		t.Run(version, func(t *testing.T) {
			w := open(t, Options{Version: version})
			pat := w.AddUser(User{Username: "pat", Roles: []string{"admin"}, Token: "pat-token", Password: "correct horse", TOTP: "123456"})
			mia := w.AddUser(User{Username: "mia", Token: "mia-token"})
			got := map[string]answer{}
			note := func(what string, status int, body obj) { got[what] = answer{status, body} }
			call := func(what, id, token, code, method, path string, body any) {
				st, out := w.as(id, token, code, method, path, body)
				note(what, st, out)
			}
			call("stranger", "", "", "", "GET", "me", nil)
			call("not allowed", mia, "mia-token", "", "GET", "livechat/rooms", nil)
			call("password", "", "", "", "POST", "login", obj{"user": "pat", "password": "battery staple"})
			call("no code", "", "", "", "POST", "login", obj{"user": "pat", "password": "correct horse"})
			call("wrong code", "", "", "", "POST", "login", obj{"user": "pat", "password": "correct horse", "code": "000000"})
			call("guarded call", pat, "pat-token", "", "GET", "settings/Livechat_enabled", nil)
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("refusals (-want +got):\n%s", diff)
			}
			if st, out := w.as("", "", "123456", "POST", "login", obj{"user": "pat", "password": "correct horse"}); st != 200 || out["status"] != "success" {
				t.Errorf("the login with its code: %d %v", st, out)
			}
			if st, out := w.as(pat, "pat-token", "123456", "GET", "settings/Livechat_enabled", nil); st != 200 || out["value"] != true {
				t.Errorf("the guarded call with its code: %d %v", st, out)
			}
		})
	}
}

// TestRefusalOrder shows what is looked at first: the login, then the limiter
// and what is in the call, and whether the caller may: at last in line 7, at
// first in line 8.
func TestRefusalOrder(t *testing.T) {
	for version, want := range map[string][]int{"7.13.0": {400, 403, 429}, "8.8.1": {403, 403, 403}} {
		w := open(t, Options{Version: version})
		mia := w.AddUser(User{Username: "mia", Token: "mia-token"})
		max := w.AddUser(User{Username: "max", Token: "max-token", Roles: []string{"livechat-manager"}})
		w.Limits(true, 2, time.Minute)
		for range 4 {
			if st, _, h := w.do(false, "POST", "livechat/room.closeByUser", obj{"x": 1}); st != 401 || h.Get("X-RateLimit-Limit") != "" {
				t.Errorf("%s: a stranger: %d %v, want no word of the limiter", version, st, h)
			}
		}
		for i, want := range want {
			body := obj{"rid": "r"}
			if i == 0 {
				body["x"] = 1
			}
			if st, out := w.as(mia, "mia-token", "", "POST", "livechat/room.closeByUser", body); st != want {
				t.Errorf("%s, call %d: %d %v, want %d", version, i, st, out, want)
			}
		}
		w.Limits(true, 1, time.Minute)
		for i, want := range []int{400, 429} {
			if st, out := w.as(max, "max-token", "", "POST", "livechat/room.closeByUser", obj{"x": 1}); st != want {
				t.Errorf("%s, call %d of one who may: %d %v, want %d", version, i, st, out, want)
			}
		}
		if st, out, _ := w.do(true, "GET", "rooms.info?roomId=r&query={}", nil); st != 400 || out["errorType"] != "invalid-params" {
			t.Errorf("%s: a query with a key too many: %d %v", version, st, out)
		}
	}
}

// TestRestart shows a server that goes away and comes back.
func TestRestart(t *testing.T) {
	w := open(t, Options{})
	w.AddUser(User{Username: "sam", Agent: true})
	rid := w.customer("tok")
	w.Limits(true, 1, time.Minute)
	say := func(text string) int {
		st, _, _ := w.do(false, "POST", "livechat/message", obj{"token": "tok", "rid": rid, "msg": text})
		return st
	}
	if a, b := say("one"), say("two"); a != 200 || b != 429 {
		t.Fatalf("before: %d %d", a, b)
	}
	d := w.realtime()
	d.send(`{"msg":"sub","id":"1","name":"stream-room-messages","params":["` + rid + `",{"args":[{"visitorToken":"tok"}]}]}`)
	d.until("ready")
	w.Stop()
	if _, _, err := d.conn.Read(t.Context()); err == nil {
		t.Error("the connection lives on")
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, w.url+"/api/info", nil)
	if err != nil {
		t.Fatal(err)
	}
	if resp, err := http.DefaultClient.Do(req); err == nil {
		_ = resp.Body.Close()
		t.Error("a stopped server answers")
	}
	if _, err := w.Say(Says{Who: "sam", Room: rid, Text: "from before"}); err != nil {
		t.Fatal(err)
	}
	w.Start()
	if st := say("three"); st != 200 {
		t.Errorf("the limiter remembers: %d", st)
	}
	var got []string
	for _, m := range w.Messages(rid) {
		if m.Kind == "" {
			got = append(got, m.Text)
		}
	}
	if diff := cmp.Diff([]string{"one", "from before", "three"}, got); diff != "" {
		t.Errorf("what is stored (-want +got):\n%s", diff)
	}
}

// TestSystemMessages shows what the server itself writes into a customer's room.
func TestSystemMessages(t *testing.T) {
	w := open(t, Options{})
	support, sales := w.AddDepartment("Support"), w.AddDepartment("Sales")
	w.AddUser(User{Username: "sam", Agent: true, Departments: []string{"Support"}})
	w.AddUser(User{Username: "lee", Agent: true, Departments: []string{"Sales"}})
	if st, out, _ := w.do(false, "POST", "livechat/visitor", obj{"visitor": obj{"token": "tok", "department": "Support"}}); st != 200 {
		t.Fatal(out)
	}
	rid := w.customer("tok")
	must := func(what string, err error, want string) {
		t.Helper()
		if got := fmt.Sprint(err); got != want {
			t.Fatalf("%s: %s, want %s", what, got, want)
		}
	}
	must("hold", w.Hold("sam", rid), "<nil>")
	must("forward from hold", w.Forward("sam", rid, "", "Sales"), "rcfake: error-room-onHold")
	if st, out, _ := w.do(false, "POST", "livechat/message", obj{"token": "tok", "rid": rid, "msg": "Hello?"}); st != 200 {
		t.Fatal(out)
	}
	must("forward to where it is", w.Forward("sam", rid, "", "Support"), "rcfake: error-forwarding-chat-same-department")
	must("forward", w.Forward("sam", rid, "", "Sales"), "<nil>")
	must("close", w.CloseRoom("lee", rid, "solved"), "<nil>")
	_, out, _ := w.do(true, "GET", "chat.syncMessages?lastUpdate=2020-01-01T00:00:00.000Z&roomId="+rid, nil)
	type note struct {
		Kind, Text, By string
		Token          bool
	}
	var got []note
	result, _ := out["result"].(map[string]any)
	updated, _ := result["updated"].([]any)
	for _, x := range slices.Backward(updated) { // it is newest first
		m, _ := x.(map[string]any)
		by, _ := m["u"].(map[string]any)
		got = append(got, note{str(m, "t"), str(m, "msg"), str(by, "username"), m["token"] != nil})
		if data, ok := m["transferData"].(map[string]any); ok {
			want := map[string]any{"scope": "department", "previousDepartment": support, "nextDepartment": map[string]any{"_id": sales, "name": "Sales"}}
			for k, v := range want {
				if diff := cmp.Diff(v, data[k]); diff != "" {
					t.Errorf("transferData.%s (-want +got):\n%s", k, diff)
				}
			}
		}
	}
	want := []note{
		{"livechat-started", "", "guest-1", false},
		{"command", "connected", "sam", false},
		{"uj", "", "sam", false},
		{"omnichannel_placed_chat_on_hold", "", "sam", false},
		{"", "Hello?", "guest-1", true},
		{"omnichannel_on_hold_chat_resumed", "", "rocket.cat", false},
		{"command", "connected", "lee", false},
		{"uj", "", "lee", false},
		{"livechat_transfer_history", "", "sam", false},
		{"ul", "sam", "sam", false},
		{"livechat-close", "solved", "lee", false},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the room (-want +got):\n%s", diff)
	}
}
