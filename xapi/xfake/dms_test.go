package xfake

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

func TestMessageIsChecked(t *testing.T) {
	h := start(t, Options{})
	tok, _ := h.login(h.acme.ID, allScopes)
	h.s.AddUser(User{ID: "3003", Handle: "shut", DMsClosed: true})
	for _, tc := range []struct {
		name, path string
		body       any
		want       int
		text       string
	}{
		{"empty", "with/2002", map[string]any{}, 400, "$.text"},
		{"empty text", "with/2002", map[string]any{"text": ""}, 400, "at least 1"},
		{"unknown field", "with/2002", map[string]any{"text": "a", "media_id": "1"}, 400, "$.media_id"},
		{"10,001 characters", "with/2002", map[string]any{"text": strings.Repeat("é", 10001)}, 400, "10000"},
		{"10,000 characters", "with/2002", map[string]any{"text": strings.Repeat("é", 10000)}, 201, "dm_event_id"},
		{"two attachments", "with/2002", map[string]any{"attachments": []any{map[string]any{"media_id": "1"}, map[string]any{"media_id": "2"}}}, 400, "at most 1"},
		{"unknown media", "with/2002", map[string]any{"attachments": []any{map[string]any{"media_id": "1"}}}, 400, "media IDs"},
		{"closed inbox", "with/3003", map[string]any{"text": "a"}, 403, "You do not have permission to DM one or more participants."},
		{"nobody", "with/4004", map[string]any{"text": "a"}, 403, "You do not have permission"},
		{"handle as id", "with/kim", map[string]any{"text": "a"}, 400, "participant_id"},
		{"by conversation", "1001-2002", map[string]any{"text": "a"}, 201, "1001-2002"},
		{"turned round", "2002-1001", map[string]any{"text": "a"}, 403, "permission"},
		{"somebody else's", "2002-3003", map[string]any{"text": "a"}, 403, "permission"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			a := h.call(tc.want, "POST", "/2/dm_conversations/"+tc.path+"/messages", tok, tc.body)
			if !strings.Contains(a.raw, tc.text) {
				t.Errorf("body = %s, want %q in it", a.raw, tc.text)
			}
		})
	}
	if err := h.s.SetDMsClosed("kim", true); err != nil {
		t.Fatal(err)
	}
	h.call(403, "POST", "/2/dm_conversations/with/2002/messages", tok, map[string]any{"text": "a"})
}

func TestMessagesPage(t *testing.T) {
	h := start(t, Options{})
	tok, _ := h.login(h.acme.ID, allScopes)
	for i := range 5 {
		if _, err := h.s.SendDMAs("kim", "acme", fmt.Sprintf("m%d", i)); err != nil {
			t.Fatal(err)
		}
	}
	h.s.AddUser(User{ID: "3003", Handle: "lee"})
	if _, err := h.s.SendDMAs("lee", "kim", "not for acme"); err != nil {
		t.Fatal(err)
	}
	if _, err := h.s.SendDMAs("lee", "acme", "other"); err != nil {
		t.Fatal(err)
	}
	var got []string
	path := "/2/dm_conversations/with/2002/dm_events?max_results=2"
	for next := ""; ; {
		a := h.call(200, "GET", path+next, tok, nil)
		for _, e := range a.at(t, "data").([]any) {
			got = append(got, e.(map[string]any)["text"].(string))
		}
		tok, more := a.at(t, "meta").(map[string]any)["next_token"].(string)
		if !more {
			break
		}
		next = "&pagination_token=" + tok
	}
	if want := "m4 m3 m2 m1 m0"; strings.Join(got, " ") != want {
		t.Errorf("with kim: %v, want %s", got, want)
	}
	for path, want := range map[string]float64{
		"/2/dm_events": 6, "/2/dm_conversations/1001-2002/dm_events": 5, "/2/dm_conversations/1001-3003/dm_events": 1,
		"/2/dm_events?event_types=ParticipantsJoin": 0,
	} {
		if a := h.call(200, "GET", path, tok, nil); a.at(t, "meta", "result_count") != want {
			t.Errorf("GET %s: %s, want %v", path, a.raw, want)
		}
	}
	h.call(403, "GET", "/2/dm_conversations/2002-3003/dm_events", tok, nil)
	for _, bad := range []string{"max_results=0", "max_results=101", "since_id=1", "pagination_token=x", "dm_event.fields=body", "event_types=x"} {
		h.call(400, "GET", "/2/dm_events?"+bad, tok, nil)
	}
}

func TestMessagesEndAfterThirtyDays(t *testing.T) {
	h := start(t, Options{})
	if _, err := h.s.SendDMAs("kim", "acme", "old"); err != nil {
		t.Fatal(err)
	}
	h.clock.add(30*24*time.Hour + time.Second)
	tok, _ := h.login(h.acme.ID, allScopes)
	a := h.call(200, "GET", "/2/dm_events", tok, nil)
	if a.body["data"] != nil {
		t.Errorf("body = %s, want no data", a.raw)
	}
	if got := h.s.DMs("kim", "acme"); len(got) != 1 {
		t.Errorf("DMs = %+v, want the old one still", got)
	}
}

func TestMessageFieldsAndDeletion(t *testing.T) {
	h := start(t, Options{})
	tok, _ := h.login(h.acme.ID, allScopes)
	d, err := h.s.NativeDM("acme", "kim", "typed on x.com")
	if err != nil {
		t.Fatal(err)
	}
	a := h.call(200, "GET", "/2/dm_events/"+d.ID, tok, nil)
	if got := len(a.at(t, "data").(map[string]any)); got != 3 {
		t.Errorf("without fields: %s, want id, event_type and text", a.raw)
	}
	a = h.call(200, "GET", "/2/dm_events/"+d.ID+"?dm_event.fields=created_at,dm_conversation_id&expansions=sender_id", tok, nil)
	if a.str(t, "data", "created_at") != "2026-11-22T09:00:00.000Z" || a.str(t, "data", "sender_id") != "1001" || a.str(t, "includes", "users", 0, "username") != "acme" {
		t.Errorf("body = %s", a.raw)
	}
	kim, _ := h.login(h.cust.ID, allScopes)
	h.call(403, "DELETE", "/2/dm_events/"+d.ID, kim, nil)
	h.call(200, "DELETE", "/2/dm_events/"+d.ID, tok, nil)
	if a := h.call(200, "GET", "/2/dm_events/"+d.ID, tok, nil); a.body["data"] != nil {
		t.Errorf("after the deletion: %s", a.raw)
	}
}

func TestMessageMedia(t *testing.T) {
	h := start(t, Options{})
	tok, _ := h.login(h.acme.ID, allScopes)
	other, _ := h.login(h.s.AddUser(User{ID: "3003", Handle: "lee"}).ID, allScopes)
	d, err := h.s.SendDMAs("kim", "acme", "look", File{Name: "shot.png", Type: "image/png", Data: []byte("\x89PNG bytes")})
	if err != nil {
		t.Fatal(err)
	}
	a := h.call(200, "GET", "/2/dm_events?expansions=attachments.media_keys&media.fields=url", tok, nil)
	url := a.str(t, "includes", "media", 0, "url")
	want := "https://ton.twitter.com/1.1/ton/data/dm/" + d.ID + "/" + d.MediaIDs[0] + "/shot.png"
	if url != want {
		t.Errorf("url = %q, want %q", url, want)
	}
	if text := a.str(t, "data", 0, "text"); !strings.HasPrefix(text, "look https://t.co/") {
		t.Errorf("text = %q, want it to end with a t.co link", text)
	}
	path := "/2/dm_conversations/media/" + d.ID + "/" + d.MediaIDs[0] + "/"
	for _, res := range []string{"shot.png", "shot"} {
		got := h.call(200, "GET", path+res, tok, nil)
		if got.raw != "\x89PNG bytes" || got.header.Get("Content-Type") != "image/png" {
			t.Errorf("%s = %q %s", res, got.raw, got.header.Get("Content-Type"))
		}
	}
	h.call(404, "GET", path+"other.png", tok, nil)
	h.call(404, "GET", path+"shot.png", other, nil)
	h.call(403, "GET", path+"shot.png", "app-bearer", nil)
}

func TestGroup(t *testing.T) {
	h := start(t, Options{})
	h.s.AddUser(User{ID: "3003", Handle: "lee"})
	tok, _ := h.login(h.acme.ID, allScopes)
	a := h.call(201, "POST", "/2/dm_conversations", tok, map[string]any{
		"conversation_type": "Group", "participant_ids": []string{"2002", "3003"}, "message": map[string]any{"text": "all"},
	})
	id := a.str(t, "data", "dm_conversation_id")
	lee, _ := h.login("3003", allScopes)
	h.call(201, "POST", "/2/dm_conversations/"+id+"/messages", lee, map[string]any{"text": "here"})
	if a := h.call(200, "GET", "/2/dm_conversations/"+id+"/dm_events", tok, nil); a.at(t, "meta", "result_count") != 2.0 {
		t.Errorf("group = %s, want two messages", a.raw)
	}
	h.call(400, "POST", "/2/dm_conversations", tok, map[string]any{"conversation_type": "Group", "participant_ids": []string{"2002"}, "message": map[string]any{"text": "x"}})
}
