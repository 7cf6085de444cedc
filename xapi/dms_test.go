package xapi

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestSendDM(t *testing.T) {
	var got []request
	c := newClient(t, seeing(&got, always(201, `{"data":{"dm_conversation_id":"1-2","dm_event_id":"77"}}`)))
	sent, _, err := c.SendDM(t.Context(), canary, "2", DM{Text: "hi"})
	if err != nil || *sent != (SentDM{EventID: "77", ConversationID: "1-2"}) {
		t.Errorf("got %+v, %v", sent, err)
	}
	if _, _, err := c.SendDMTo(t.Context(), canary, "1-2", DM{MediaID: "5"}); err != nil {
		t.Error(err)
	}
	want := []request{
		{"POST", "/2/dm_conversations/with/2/messages", map[string]string{}, `{"text":"hi"}`},
		{"POST", "/2/dm_conversations/1-2/messages", map[string]string{}, `{"attachments":[{"media_id":"5"}]}`},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestDMEvents(t *testing.T) {
	// Not in order: "9" is older than "10".
	const body = `{"data":[
		{"id":"9","event_type":"MessageCreate","text":"first","sender_id":"2","dm_conversation_id":"1-2","created_at":"2026-11-22T02:30:00.000Z"},
		{"id":"10","event_type":"MessageCreate","text":"a dog https://t.co/pic","sender_id":"1","dm_conversation_id":"1-2","created_at":"2026-11-22T02:30:00.000Z",
		 "attachments":{"media_keys":["3_4","3_5"]},"%s":[{"id":"55"}]},
		{"id":"8","event_type":"ParticipantsJoin","participant_ids":["3","4"],"dm_conversation_id":"99"}],
		"includes":{"users":[{"id":"2","name":"Cy","username":"cy"}],"media":[{"media_key":"3_4","type":"video","preview_image_url":"https://p.example/i.jpg",
			"variants":[{"content_type":"application/x-mpegURL","url":"https://v.example/list"},{"bit_rate":1,"content_type":"video/mp4","url":"https://v.example/low"},{"bit_rate":9,"content_type":"video/mp4","url":"https://v.example/high"}]}]},
		"meta":{"result_count":3,"next_token":"0123456789abcdef"},"errors":[{"title":"Not Found Error","detail":"gone"}]}`
	at := time.Date(2026, 11, 22, 2, 30, 0, 0, time.UTC)
	want := &DMPage{
		Events: []DMEvent{
			{ID: "10", Type: "MessageCreate", Text: "a dog", SenderID: "1", ConversationID: "1-2", CreatedAt: at, Shared: []string{"55"}, Media: []Attachment{
				{Key: "3_4", Type: "video", URL: "https://v.example/high", PreviewURL: "https://p.example/i.jpg"}, {Key: "3_5"},
			}},
			{ID: "9", Type: "MessageCreate", Text: "first", SenderID: "2", ConversationID: "1-2", CreatedAt: at},
			{ID: "8", Type: "ParticipantsJoin", ConversationID: "99", Participants: []string{"3", "4"}},
		},
		Users: map[string]User{"2": {ID: "2", Name: "Cy", Username: "cy"}}, Next: "0123456789abcdef",
		Errors: []Problem{{Title: "Not Found Error", Detail: "gone"}},
	}
	for _, name := range []string{"referenced_tweets", "referenced_posts"} {
		var got []request
		c := newClient(t, seeing(&got, always(200, fmt.Sprintf(body, name))))
		page, _, err := c.DMEventsWith(t.Context(), canary, "2", DMOptions{Max: 500, Token: "tok"})
		if diff := cmp.Diff(want, page); diff != "" || err != nil {
			t.Errorf("%s: %v (-want +got):\n%s", name, err, diff)
		}
		if q := got[0].Query; got[0].Path != "/2/dm_conversations/with/2/dm_events" || q["max_results"] != "100" || q["pagination_token"] != "tok" || q["event_types"] != "MessageCreate" {
			t.Errorf("asked %+v", got[0])
		}
	}
}

func TestDMEventsSince(t *testing.T) {
	pages := []string{
		`{"data":[{"id":"105","text":"e"},{"id":"104","text":"d"}],"meta":{"next_token":"p2"}}`,
		`{"data":[{"id":"104","text":"d"},{"id":"103","text":"c"},{"id":"102","text":"b"}],"meta":{"next_token":"p3"}}`, // overlaps: one came in between
		`{"data":[{"id":"101","text":"a"},{"id":"99","text":"known"}],"meta":{"next_token":"p4"}}`,
		`{"meta":{"result_count":0}}`,
	}
	tests := []struct {
		name  string
		since string
		pages int
		want  string
		calls int
		more  bool
	}{
		{"until the known one", "100", 9, "101 102 103 104 105", 3, false},
		{"the known one is on the first page", "104", 9, "105", 1, false},
		{"too far back", "100", 2, "102 103 104 105", 2, true},
		{"from the start", "", 9, "99 101 102 103 104 105", 4, false},
		{"numbers, not words", "1000", 9, "", 1, false},
	}
	for _, tt := range tests {
		var got []request
		c := newClient(t, seeing(&got, func(n int) (int, string) { return 200, pages[n-1] }))
		page, more, _, err := c.DMEventsSince(t.Context(), canary, tt.since, tt.pages, DMOptions{})
		if err != nil {
			t.Fatal(err)
		}
		var ids []string
		for _, e := range page.Events {
			ids = append(ids, e.ID)
		}
		if s := strings.Join(ids, " "); s != tt.want || len(got) != tt.calls || more != tt.more {
			t.Errorf("%s: got %q in %d calls, more %v; want %q, %d, %v", tt.name, s, len(got), more, tt.want, tt.calls, tt.more)
		}
	}
}

func TestDMMedia(t *testing.T) {
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if a := r.Header.Get("Authorization"); a != "" {
			t.Errorf("another host got the token: %q", a)
		}
		w.Header().Set("Content-Type", "image/jpeg")
		_, _ = w.Write([]byte("elsewhere"))
	}))
	t.Cleanup(other.Close)
	c := newClient(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer "+canary {
			t.Errorf("%s came without the token", r.URL.Path)
		}
		switch r.URL.Path {
		case "/2/dm_conversations/media/1/2/here.jpg", "/2/dm_conversations/media/1/2/bare":
			w.Header().Set("Content-Type", "image/png")
			_, _ = w.Write([]byte("0123456789"))
		case "/2/dm_conversations/media/1/2/moved.jpg":
			http.Redirect(w, r, "/2/dm_conversations/media/1/2/here.jpg", http.StatusFound)
		case "/2/dm_conversations/media/1/2/away.jpg":
			http.Redirect(w, r, other.URL+"/x", http.StatusFound)
		case "/2/dm_conversations/media/1/2/file.jpg":
			w.Header().Set("Location", "file:///etc/passwd")
			w.WriteHeader(http.StatusFound)
		case "/2/dm_conversations/media/1/2/loop.jpg":
			http.Redirect(w, r, r.URL.Path, http.StatusFound)
		default:
			answering(404, `{"title":"Not Found"}`)(w, r)
		}
	})
	tests := []struct {
		resource string
		limit    int64
		want     string // "" with an error code
		code     Code
	}{
		{"here.jpg", 10, "image/png 0123456789", ""},
		{"here.jpg", 9, "", CodeBadMedia},
		{"bare.png", 10, "image/png 0123456789", ""}, // only without its extension
		{"moved.jpg", 10, "image/png 0123456789", ""},
		{"away.jpg", 10, "image/jpeg elsewhere", ""},
		{"file.jpg", 10, "", CodeBadResponse},
		{"loop.jpg", 10, "", CodeBadResponse},
		{"gone.jpg", 10, "", CodeNotFound},
	}
	for _, tt := range tests {
		f, _, err := c.DMMedia(t.Context(), canary, "1", "2", tt.resource, tt.limit)
		if tt.code != "" {
			if e := asError(t, err); e.Code != tt.code || f != nil {
				t.Errorf("%s: got %+v, %v, want %q", tt.resource, f, err, tt.code)
			}
			continue
		}
		if err != nil || f.Type+" "+string(f.Data) != tt.want {
			t.Errorf("%s: got %+v, %v, want %q", tt.resource, f, err, tt.want)
		}
	}
}

// TestFollow: a download is sent on only to where it may go.
func TestFollow(t *testing.T) {
	c := New(Config{})
	tests := []struct {
		from, to string
		ok, auth bool
	}{
		{"https://api.x.com/2/a", "https://api.x.com/2/b", true, true},
		{"https://api.x.com/2/a", "/2/b", true, true},
		{"https://api.x.com/2/a", "https://ton.x.com/b", true, false},
		{"https://api.x.com/2/a", "https://api.x.com:444/b", true, false},
		{"https://api.x.com/2/a", "http://api.x.com/2/b", false, false},
		{"https://api.x.com/2/a", "ftp://api.x.com/2/b", false, false},
		{"https://api.x.com/2/a", "https://user:pass@api.x.com/2/b", false, false},
		{"http://127.0.0.1:1/2/a", "http://127.0.0.1:2/b", true, false},
		{"https://api.x.com/2/a", "https://%zz", false, false},
	}
	for _, tt := range tests {
		from := httptest.NewRequest(http.MethodGet, tt.from, nil)
		from.Header.Set("Authorization", "Bearer "+canary)
		to, err := c.follow(t.Context(), from, &http.Response{Header: http.Header{"Location": {tt.to}}})
		if (err == nil) != tt.ok {
			t.Errorf("%s to %s: %v, want allowed %v", tt.from, tt.to, err, tt.ok)
			continue
		}
		if err == nil && (to.Header.Get("Authorization") != "") != tt.auth {
			t.Errorf("%s to %s with the token: %v, want %v", tt.from, tt.to, !tt.auth, tt.auth)
		}
	}
}

func TestDMMediaRef(t *testing.T) {
	tests := map[string]string{
		"https://ton.twitter.com/1.1/ton/data/dm/11/22/a-B_c.jpg": "11 22 a-B_c.jpg",
		"https://ton.x.com/i/ton/data/dm/11/22/abc.jpg?x=y":       "11 22 abc.jpg",
		"https://ton.twitter.com/1.1/ton/data/dm/11/22/..":        "",
		"https://ton.twitter.com/1.1/ton/data/dm/11/22":           "",
		"https://ton.twitter.com/1.1/ton/data/dm/11/x/abc.jpg":    "",
		"https://pbs.twimg.com/media/abc.jpg":                     "",
		":":                                                       "",
	}
	for address, want := range tests {
		e, m, r, ok := DMMediaRef(address)
		if got := strings.TrimSpace(e + " " + m + " " + r); got != want || ok != (want != "") {
			t.Errorf("DMMediaRef(%q) = %q, %v, want %q", address, got, ok, want)
		}
	}
}
