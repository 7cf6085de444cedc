package xapi

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func ms(n int64) time.Time { return time.UnixMilli(n).UTC() }

const (
	xaaDM = `{"data":{"event_uuid":"-42","filter":{"user_id":"1"},"event_type":"dm.received","tag":"perch","payload":{
		"direct_message_events":[{"type":"message_create","id":"100","created_timestamp":"1763778600000","message_create":{"target":{"recipient_id":"1"},"sender_id":"7",
			"message_data":{"text":"look &amp; see https://t.co/abc https://t.co/pic","entities":{"urls":[{"url":"https://t.co/abc","expanded_url":"https://x.com/perch/status/55?s=20"}]},
			"attachment":{"type":"media","media":{"id":3,"id_str":"33","media_url_https":"https://ton.twitter.com/1.1/ton/data/dm/100/33/a.jpg","url":"https://t.co/pic","type":"photo"}}}}},
			{"type":"message_create","id":"101","created_timestamp":"1763778600001","message_create":{"target":{"recipient_id":"1"},"sender_id":"7","message_data":{"text":"and"}}}],
		"users":{"7":{"data":{"id":"7","name":"Cy","username":"cy","profile_image_url":"https://img.example/c","public_metrics":{"followers_count":4}}},"1":{"data":{"id":"1","name":"Perch","username":"perch"}}}}}}`

	aaaDM = `{"for_user_id":"1","direct_message_events":[
		{"type":"message_create","id":"100","created_timestamp":"1763778600000","message_create":{"target":{"recipient_id":"1"},"sender_id":"7","message_data":{"text":"first"}}},
		{"type":"message_create","id":"101","created_timestamp":"1763778600001","message_create":{"target":{"recipient_id":"7"},"sender_id":"1","message_data":{"text":"answer"}}},
		{"type":"message_create","id":102,"created_timestamp":1763778600002,"message_create":{"target":{"recipient_id":1},"sender_id":7,"message_data":{"text":"third"}}}],
		"apps":{},"users":{"7":{"id":"7","created_timestamp":"1","name":"Cy","screen_name":"cy","followers_count":4,"profile_image_url_https":"https://img.example/c"},"1":{"id":"1","name":"Perch","screen_name":"perch"}}}`
)

func cy() User {
	return User{ID: "7", Name: "Cy", Username: "cy", AvatarURL: "https://img.example/c", Followers: 4}
}

func perch() User { return User{ID: "1", Name: "Perch", Username: "perch"} }

func TestDecodeDMs(t *testing.T) {
	users := map[string]User{"7": cy(), "1": perch()}
	dm := func(id, from, to, text string, at int64) *DMEvent {
		return &DMEvent{ID: id, Type: "MessageCreate", Text: text, SenderID: from, RecipientID: to, ConversationID: "1-7", CreatedAt: ms(at)}
	}
	withMedia := dm("100", "7", "1", "look & see https://x.com/perch/status/55?s=20", 1763778600000)
	withMedia.Media = []Attachment{{Key: "33", Type: "photo", URL: "https://ton.twitter.com/1.1/ton/data/dm/100/33/a.jpg"}}
	withMedia.Links = []Link{{URL: "https://t.co/abc", Expanded: "https://x.com/perch/status/55?s=20"}}
	withMedia.Shared = []string{"55"}
	tests := []struct {
		name, body string
		want       []Event
	}{
		{"activity API", xaaDM, []Event{
			{Kind: DMReceived, Type: "dm.received", Account: "1", ID: "100", UUID: "-42", UserID: "7", At: ms(1763778600000), DM: withMedia, Users: users},
			{Kind: DMReceived, Type: "dm.received", Account: "1", ID: "101", UUID: "-42", UserID: "7", At: ms(1763778600001), DM: dm("101", "7", "1", "and", 1763778600001), Users: users},
		}},
		{"account activity", aaaDM, []Event{
			{Kind: DMReceived, Type: "direct_message_events", Account: "1", ID: "100", UserID: "7", At: ms(1763778600000), DM: dm("100", "7", "1", "first", 1763778600000), Users: users},
			{Kind: DMSent, Type: "direct_message_events", Account: "1", ID: "101", UserID: "1", At: ms(1763778600001), DM: dm("101", "1", "7", "answer", 1763778600001), Users: users},
			{Kind: DMReceived, Type: "direct_message_events", Account: "1", ID: "102", UserID: "7", At: ms(1763778600002), DM: dm("102", "7", "1", "third", 1763778600002), Users: users},
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := DecodeWebhook([]byte(tt.body))
			if diff := cmp.Diff(tt.want, got); diff != "" || err != nil {
				t.Errorf("%v (-want +got):\n%s", err, diff)
			}
		})
	}
}

func xaa(typ, payload string) string {
	return `{"data":{"event_uuid":"u1","filter":{"user_id":"1"},"event_type":"` + typ + `","payload":` + payload + `,"includes":{"users":[{"id":"7","name":"Cy","username":"cy"}],"tweets":[]}}}`
}

// TestDecodeKinds checks what of each payload decides its handling.
func TestDecodeKinds(t *testing.T) {
	v2 := func(more string) string {
		return `{"id":1860000000000000001,"id_str":"1860000000000000001","text":"x","author_id":7,"author_id_str":"7","created_at":"2026-11-22T02:30:00.000Z"` + more + `}`
	}
	v1 := func(more string) string {
		return `{"for_user_id":"1","user_has_blocked":false,"tweet_create_events":[{"id":1860000000000000001,"id_str":"1860000000000000001","text":"x","created_at":"Sun Nov 22 02:30:00 +0000 2026","user":{"id":7,"id_str":"7","screen_name":"cy","name":"Cy"}` + more + `}]}`
	}
	const post = "1860000000000000001"
	tests := []struct {
		name, body                 string
		kind                       Kind
		typ, account, id, user, at string
	}{
		{"mention", xaa("post.mention.create", v2(`,"entities":{"mentions":[{"id":"1","username":"perch"}]}`)), Mention, "post.mention.create", "1", post, "7", "2026-11-22T02:30:00Z"},
		{"mention of which X left out the names", xaa("post.mention.create", v2(``)), Mention, "post.mention.create", "1", post, "7", "2026-11-22T02:30:00Z"},
		{"reply that names us", xaa("post.reply.create", v2(`,"entities":{"mentions":[{"id":"1","username":"perch"}]}`)), Mention, "post.reply.create", "1", post, "7", "2026-11-22T02:30:00Z"},
		{"reply", xaa("post.reply.create", v2(`,"in_reply_to_tweet_id":"5"`)), Reply, "post.reply.create", "1", post, "7", "2026-11-22T02:30:00Z"},
		{"own post", xaa("post.create", `{"id":"9","text":"x","author_id":"1"}`), Posted, "post.create", "1", "9", "1", ""},
		{"own post names itself", xaa("post.mention.create", `{"id":"9","text":"x","author_id":"1"}`), Posted, "post.mention.create", "1", "9", "1", ""},
		{"repeat of ours", xaa("post.mention.create", v2(`,"referenced_tweets":[{"type":"retweeted","id":"5"}]`)), Unknown, "post.mention.create", "1", "", "", ""},
		{"deleted", xaa("post.delete", `{"id":"9","user_id":"1"}`), Deleted, "post.delete", "1", "9", "1", ""},
		{"deleted, other outline", xaa("post.delete", `{"status":{"id":9,"id_str":"9","user_id_str":"1"},"timestamp_ms":"1763778600000"}`), Deleted, "post.delete", "1", "9", "1", "2025-11-22T02:30:00Z"},
		{"deleted, new name", xaa("post.delete", `{"post_id":"9"}`), Deleted, "post.delete", "1", "9", "1", ""},
		{"encrypted", xaa("chat.received", `{"conversation_id":"1:7","sender_id":"7","id":"0b-uuid","created_at_msec":"1763778600000","encoded_event":"AAAA","conversation_key_version":"1"}`), EncryptedChat, "chat.received", "1", "0b-uuid", "7", "2025-11-22T02:30:00Z"},
		{"revoked", xaa("oauth.revoke", `{"date_time":"2026-11-22T02:30:00Z","user_id":"1","app_id":"5"}`), Revoked, "oauth.revoke", "1", "", "1", "2026-11-22T02:30:00Z"},
		{"read", xaa("dm.read", `{"direct_message_mark_read_events":[{"created_timestamp":"1763778600000","sender_id":"7","target":{"recipient_id":"1"},"last_read_event_id":"100"}]}`), DMRead, "dm.read", "1", "100", "7", "2025-11-22T02:30:00Z"},
		{"typing", xaa("dm.indicate_typing", `{"direct_message_indicate_typing_events":[{"created_timestamp":"1763778600000","sender_id":"7"}]}`), Typing, "dm.indicate_typing", "1", "", "7", "2025-11-22T02:30:00Z"},
		{"typing, other outline", xaa("dm.indicate_typing", `{"sender_id":"7"}`), Typing, "dm.indicate_typing", "1", "", "7", ""},
		{"unknown type", xaa("follow.follow", `{"x":1}`), Unknown, "follow.follow", "1", "", "", ""},
		{"payload of a wrong type", xaa("dm.received", `7`), Unknown, "dm.received", "1", "", "", ""},
		{"no message in it", xaa("dm.received", `{}`), Unknown, "dm.received", "1", "", "", ""},

		{"v1 mention", v1(`,"entities":{"user_mentions":[{"id":1,"id_str":"1","screen_name":"perch"}]}`), Mention, "tweet_create_events", "1", post, "7", "2026-11-22T02:30:00Z"},
		{"v1 reply", v1(`,"in_reply_to_status_id_str":"5","in_reply_to_user_id_str":"1"`), Reply, "tweet_create_events", "1", post, "7", "2026-11-22T02:30:00Z"},
		{"v1 own", strings.ReplaceAll(v1(``), `"id":7,"id_str":"7"`, `"id":1,"id_str":"1"`), Posted, "tweet_create_events", "1", post, "1", "2026-11-22T02:30:00Z"},
		{"v1 repeat", v1(`,"retweeted_status":{"id_str":"5"}`), Unknown, "tweet_create_events", "1", post, "7", "2026-11-22T02:30:00Z"},
		{"v1 deleted", `{"for_user_id":"1","tweet_delete_events":[{"status":{"id":"9","user_id":"1"},"timestamp_ms":"1763778600000"}]}`, Deleted, "tweet_delete_events", "1", "9", "1", "2025-11-22T02:30:00Z"},
		{"v1 revoked", `{"user_event":{"revoke":{"date_time":"2026-11-22T02:30:00+00:00","target":{"app_id":"5"},"source":{"user_id":"1"}}}}`, Revoked, "user_event", "1", "", "1", "2026-11-22T02:30:00Z"},
		{"v1 read", `{"for_user_id":"1","direct_message_mark_read_events":[{"created_timestamp":"1763778600000","sender_id":"7","last_read_event_id":"100"}],"users":{}}`, DMRead, "direct_message_mark_read_events", "1", "100", "7", "2025-11-22T02:30:00Z"},
		{"v1 unknown", `{"for_user_id":"1","follow_events":[{}]}`, Unknown, "follow_events", "1", "", "", ""},
		{"unknown outline", `{"replay_job_status":{"state":"Complete"}}`, Unknown, "replay_job_status", "", "", "", ""},
		{"data of another kind", `{"data":{"x":1}}`, Unknown, "data", "", "", "", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := DecodeWebhook([]byte(tt.body))
			if err != nil || len(got) != 1 {
				t.Fatalf("got %d events, %v, want one", len(got), err)
			}
			e, at := got[0], ""
			if !e.At.IsZero() {
				at = e.At.Format(time.RFC3339)
			}
			if e.Kind != tt.kind || e.Type != tt.typ || e.Account != tt.account || e.ID != tt.id || e.UserID != tt.user || at != tt.at {
				t.Errorf("got kind %q, type %q, account %q, id %q, user %q, at %q\nwant     %q, %q, %q, %q, %q, %q", e.Kind, e.Type, e.Account, e.ID, e.UserID, at,
					tt.kind, tt.typ, tt.account, tt.id, tt.user, tt.at)
			}
			if (e.Kind == Unknown) != (e.Raw != nil) || (e.Kind == Unknown && !json.Valid(e.Raw)) {
				t.Errorf("the bytes of %q: %q", e.Kind, e.Raw)
			}
			if isPost := e.Kind == Mention || e.Kind == Reply || e.Kind == Posted; isPost != (e.Post != nil) {
				t.Errorf("%q with the post %+v", e.Kind, e.Post)
			}
			if (e.Kind == EncryptedChat) != (e.Chat != nil) {
				t.Errorf("%q with the chat %+v", e.Kind, e.Chat)
			}
		})
	}
}

func TestDecodeLongStatus(t *testing.T) {
	got, err := DecodeWebhook([]byte(`{"for_user_id":"1","tweet_create_events":[{"id_str":"9","text":"the sta… https://t.co/more","truncated":true,"user":{"id_str":"7"},
		"extended_tweet":{"full_text":"@perch the start &amp; the end https://t.co/pic","entities":{"user_mentions":[{"id_str":"1","screen_name":"perch"}],"media":[{"id_str":"3","url":"https://t.co/pic","type":"photo","media_url_https":"https://pbs.example/1.jpg"}]},
		"extended_entities":{"media":[{"id_str":"3","url":"https://t.co/pic","type":"photo","media_url_https":"https://pbs.example/1.jpg"},{"id_str":"4","url":"https://t.co/pic","type":"photo","media_url_https":"https://pbs.example/2.jpg"}]}}}]}`))
	if err != nil || len(got) != 1 || got[0].Kind != Mention {
		t.Fatalf("got %+v, %v", got, err)
	}
	if p := got[0].Post; p.Text != "@perch the start & the end" || len(p.Media) != 2 {
		t.Errorf("got %+v", p)
	}
}

// TestDecodeSeveral: no event of a body is lost over another.
func TestDecodeSeveral(t *testing.T) {
	one, two := xaa("post.delete", `{"id":"1"}`), xaa("post.delete", `{"id":"2"}`)
	inner := func(s string) string { return strings.TrimSuffix(strings.TrimPrefix(s, `{"data":`), `}`) }
	for name, body := range map[string]string{
		"list of envelopes":   `[` + one + `,` + two + `]`,
		"list below data":     `{"data":[` + inner(one) + `,` + inner(two) + `]}`,
		"with a broken third": `{"data":[` + inner(one) + `,7,` + inner(two) + `]}`,
		"both in one body":    `{"for_user_id":"1","tweet_delete_events":[{"status":{"id":"1"}},{"status":{"id":"2"}}]}`,
	} {
		got, err := DecodeWebhook([]byte(body))
		var ids []string
		for _, e := range got {
			if e.Kind == Deleted {
				ids = append(ids, e.ID)
			}
		}
		if strings.Join(ids, " ") != "1 2" || err != nil {
			t.Errorf("%s: got %v, %v", name, ids, err)
		}
	}
	got, err := DecodeWebhook([]byte(`{"for_user_id":"1","direct_message_events":[{"type":"message_create","id":"1","message_create":{"sender_id":"7","message_data":{"text":{"odd":1}}}},{"type":"other","id":"2"},7],"favorite_events":[1]}`))
	kinds := map[Kind]int{}
	for _, e := range got {
		kinds[e.Kind]++
	}
	if diff := cmp.Diff(map[Kind]int{DMReceived: 1, Unknown: 3}, kinds); diff != "" || err != nil {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
}

func TestDecodeRefuses(t *testing.T) {
	for _, body := range []string{``, `null`, `7`, `"x"`, `{`, `[1]`, `<html>`, `[`, `{"data":`} {
		if got, err := DecodeWebhook([]byte(body)); err == nil {
			t.Errorf("DecodeWebhook(%q) = %+v, want an error", body, got)
		}
	}
}

// TestKeys: the same thing delivered again has the same key, another has another.
func TestKeys(t *testing.T) {
	key := func(body string) string {
		t.Helper()
		events, err := DecodeWebhook([]byte(body))
		if err != nil || len(events) == 0 {
			t.Fatalf("%s: %v", body, err)
		}
		return events[0].Key()
	}
	if a, b := key(xaaDM), key(strings.Replace(xaaDM, `"-42"`, `"other"`, 1)); a != b || a != "dm:1:100" {
		t.Errorf("a delivery and its repeat: %q and %q", a, b)
	}
	if a, b := key(xaaDM), key(aaaDM); a != b {
		t.Errorf("both APIs about one message: %q and %q", a, b)
	}
	mention, reply := xaa("post.mention.create", `{"id":"9","author_id":"7"}`), xaa("post.reply.create", `{"id":"9","author_id":"7"}`)
	if a, b := key(mention), key(reply); a != b {
		t.Errorf("one post as mention and as reply: %q and %q", a, b)
	}
	if a, b := key(mention), key(strings.Replace(mention, `"user_id":"1"`, `"user_id":"2"`, 1)); a == b {
		t.Errorf("two accounts have the key %q for one post", a)
	}
	unknown := xaa("follow.follow", `{"x":1}`)
	if a, b := key(unknown), key(unknown); a != b {
		t.Errorf("an unknown event and its repeat: %q and %q", a, b)
	}
	if a, b := key(xaa("dm.indicate_typing", `{"sender_id":"7"}`)), key(xaa("dm.indicate_typing", `{"sender_id":"8"}`)); a == b {
		t.Errorf("two people type with one key %q", a)
	}
	e := Event{Users: map[string]User{"7": cy()}}
	if e.User("7") != cy() || e.User("8") != (User{ID: "8"}) {
		t.Error("User does not find who was told about")
	}
}

func TestReadTime(t *testing.T) {
	tests := map[string]time.Time{
		"2026-11-22T02:30:00.000Z":       time.Date(2026, 11, 22, 2, 30, 0, 0, time.UTC),
		"2026-11-22T03:30:00+01:00":      time.Date(2026, 11, 22, 2, 30, 0, 0, time.UTC),
		"Sun Nov 22 02:30:00 +0000 2026": time.Date(2026, 11, 22, 2, 30, 0, 0, time.UTC),
		"1763778600000":                  ms(1763778600000),
		"1763778600":                     ms(1763778600000),
		"":                               {}, "0": {}, "-1": {}, "soon": {}, "99999999999999999999": {}, "9223372036854775807": {},
	}
	for s, want := range tests {
		if got := readTime(s); !got.Equal(want) {
			t.Errorf("readTime(%q) = %v, want %v", s, got, want)
		}
	}
}

func FuzzDecodeWebhook(f *testing.F) {
	for _, s := range []string{
		xaaDM, aaaDM, xaa("post.mention.create", `{"id":1}`), xaa("chat.received", `{}`), xaa("post.delete", `{"status":null}`), `[]`, `[[]]`, `{"data":[]}`,
		`{"for_user_id":1,"users":{"1":null,"x":[]},"tweet_create_events":[{"id":1,"extended_tweet":null,"entities":{"urls":[null]}}],"tweet_delete_events":[{}],"user_event":{"revoke":{}}}`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		events, err := DecodeWebhook(body)
		if err != nil && events != nil {
			t.Errorf("an error and %d events", len(events))
		}
		for _, e := range events {
			if e.Kind == "" || e.Key() == "" {
				t.Errorf("%q gave an event without kind or key: %+v", body, e)
			}
			if (e.Kind == Unknown) != (e.Raw != nil) {
				t.Errorf("%q: an event of kind %q with the bytes %q", body, e.Kind, e.Raw)
			}
			if (e.Kind == DMReceived || e.Kind == DMSent) && (e.DM == nil || e.DM.ID == "") {
				t.Errorf("%q: a message without its id", body)
			}
			if _, err := json.Marshal(e); err != nil {
				t.Errorf("%q: the event cannot be stored: %v", body, err)
			}
		}
	})
}

func FuzzParseProblem(f *testing.F) {
	f.Add(403, []byte(`{"detail":"x","errors":[{"code":187,"message":"y","errors":[{}]}]}`))
	f.Add(400, []byte(`{"errors":"none","title":7}`))
	f.Add(500, []byte("<html>"))
	f.Fuzz(func(t *testing.T, status int, body []byte) {
		p := parseProblem(body)
		if classify(status, p) == "" {
			t.Errorf("no code for %d %q", status, body)
		}
		c := New(Config{})
		e := c.refused(&call{op: "x", method: "POST"}, status, body, Limits{})
		if len(e.Detail) > maxDetail+len("…") || e.Message == "" {
			t.Errorf("%d %q: detail of %d bytes, sentence %q", status, body, len(e.Detail), e.Message)
		}
	})
}

// moduleRoot is where go.mod lies.
func moduleRoot(t *testing.T) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for ; ; dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir
		}
		if dir == filepath.Dir(dir) {
			t.Fatal("no go.mod above the test")
		}
	}
}
