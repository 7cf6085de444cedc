package xapi

import (
	"encoding/json"
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// request is what a test saw of a call.
type request struct {
	Method, Path string
	Query        map[string]string
	Body         string
}

// seeing answers and writes down what it was asked.
func seeing(got *[]request, answer func(n int) (int, string)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		q := map[string]string{}
		for k, v := range r.URL.Query() {
			q[k] = v[0]
		}
		*got = append(*got, request{r.Method, r.URL.Path, q, string(body)})
		status, text := answer(len(*got))
		answering(status, text)(w, r)
	}
}

func always(status int, body string) func(int) (int, string) {
	return func(int) (int, string) { return status, body }
}

func TestCreatePost(t *testing.T) {
	tests := []struct {
		name string
		post Post
		body string
	}{
		{"text", Post{Text: "héllo <&> 👋"}, `{"text":"héllo \u003c\u0026\u003e 👋"}`},
		{"media only still sends a text", Post{MediaIDs: []string{"5", "6"}}, `{"text":"","media":{"media_ids":["5","6"]}}`},
		{"reply", Post{Text: "x", ReplyTo: "9", ExcludeUsers: []string{"3"}}, `{"text":"x","reply":{"in_reply_to_tweet_id":"9","exclude_reply_user_ids":["3"]}}`},
		{"settings", Post{Text: "x", ReplySettings: "mentionedUsers"}, `{"text":"x","reply_settings":"mentionedUsers"}`},
	}
	for _, answer := range []string{
		`{"data":{"id":"1860","text":"x","edit_history_tweet_ids":["1860"]}}`,
		`{"data":{"id":"1860","text":"x","edit_history_post_ids":["1860"]}}`,
		`{"data":{"id":1860,"text":"x"}}`,
	} {
		for _, tt := range tests {
			var got []request
			c := newClient(t, seeing(&got, always(201, answer)))
			p, _, err := c.CreatePost(t.Context(), canary, tt.post)
			if err != nil || p.ID != "1860" || p.Text != "x" {
				t.Errorf("%s: got %+v, %v", tt.name, p, err)
			}
			want := []request{{"POST", "/2/tweets", map[string]string{}, tt.body}}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%s (-want +got):\n%s", tt.name, diff)
			}
		}
	}
}

func TestDeletePost(t *testing.T) {
	var got []request
	c := newClient(t, seeing(&got, always(200, `{"data":{"deleted":true}}`)))
	if _, err := c.DeletePost(t.Context(), canary, "1860"); err != nil {
		t.Error(err)
	}
	if diff := cmp.Diff([]request{{"DELETE", "/2/tweets/1860", map[string]string{}, ""}}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestPostURL: with and without the name of the account.
func TestPostURL(t *testing.T) {
	for _, tt := range []struct{ name, id, want string }{
		{"perch", "1", "https://x.com/perch/status/1"},
		{"", "1", "https://x.com/i/web/status/1"},
		{"a/b", "1", "https://x.com/a%2Fb/status/1"},
	} {
		if got := PostURL(tt.name, tt.id); got != tt.want {
			t.Errorf("PostURL(%q, %q) = %q, want %q", tt.name, tt.id, got, tt.want)
		}
	}
}

// The same page in both generations of names.
const (
	oldPage = `{"data":[{
		"id":"20","text":"@perch look &amp; see https://t.co/abc https://t.co/pic","author_id":"7","conversation_id":"10","created_at":"2026-11-22T02:30:00.000Z",
		"in_reply_to_user_id":"1","referenced_tweets":[{"type":"replied_to","id":"19"},{"type":"quoted","id":"5"}],"edit_history_tweet_ids":["18","20"],
		"attachments":{"media_keys":["3_4"]},"reply_settings":"everyone",
		"entities":{"mentions":[{"username":"perch","id":"1"}],"urls":[
			{"url":"https://t.co/abc","expanded_url":"https://perch.example/a?b=1"},
			{"url":"https://t.co/pic","expanded_url":"https://x.com/ada/status/20/photo/1","media_key":"3_4"}]}}],
		"includes":{"users":[{"id":"7","name":"Ada","username":"ada","profile_image_url":"https://img.example/a","public_metrics":{"followers_count":12}}],
			"media":[{"media_key":"3_4","type":"photo","url":"https://pbs.example/p.jpg","alt_text":"a dog"}],"tweets":[{"id":"19","text":"x"}]},
		"meta":{"result_count":1,"newest_id":"20","oldest_id":"20","next_token":"more"}}`
	newPage = `{"data":[{
		"id":"20","text":"@perch look &amp; see https://t.co/abc https://t.co/pic","author_id":"7","conversation_id":"10","created_at":"2026-11-22T02:30:00Z",
		"in_reply_to_user_id":"1","in_reply_to_post_id":"19","referenced_posts":[{"type":"replied_to","id":"19"},{"type":"quoted","id":"5"}],"edit_history_post_ids":["18","20"],
		"attachments":{"media_keys":["3_4"]},"reply_settings":"everyone",
		"entities":{"mentions":[{"username":"perch","id":"1"}],"urls":[
			{"url":"https://t.co/abc","expanded_url":"https://perch.example/a?b=1"},
			{"url":"https://t.co/pic","expanded_url":"https://x.com/ada/status/20/photo/1","media_key":"3_4"}]}}],
		"includes":{"users":[{"id":"7","name":"Ada","username":"ada","profile_image_url":"https://img.example/a","public_metrics":{"followers_count":12}}],
			"media":[{"media_key":"3_4","type":"photo","url":"https://pbs.example/p.jpg","alt_text":"a dog"}],"posts":[{"id":"19","text":"x"}]},
		"meta":{"result_count":1,"newest_id":"20","oldest_id":"20","next_token":"more"}}`
)

func wantTweet() Tweet {
	return Tweet{
		ID: "20", Text: "@perch look & see https://perch.example/a?b=1", AuthorID: "7", ConversationID: "10", InReplyToID: "19", InReplyToUser: "1", QuotedID: "5",
		Author:    &User{ID: "7", Name: "Ada", Username: "ada", AvatarURL: "https://img.example/a", Followers: 12},
		CreatedAt: time.Date(2026, 11, 22, 2, 30, 0, 0, time.UTC), Mentioned: []Mentioned{{ID: "1", Username: "perch"}},
		Links: []Link{{URL: "https://t.co/abc", Expanded: "https://perch.example/a?b=1"}},
		Media: []Attachment{{Key: "3_4", Type: "photo", URL: "https://pbs.example/p.jpg", AltText: "a dog"}}, ReplySettings: "everyone", EditHistory: []string{"18", "20"},
	}
}

func TestBothGenerationsOfPosts(t *testing.T) {
	for name, body := range map[string]string{"old": oldPage, "new": newPage} {
		var got []request
		c := newClient(t, seeing(&got, always(200, body)))
		page, _, err := c.Mentions(t.Context(), canary, "1", PostsOptions{SinceID: "3", Max: 1000, Token: "tok"})
		if err != nil {
			t.Fatal(err)
		}
		want := &Posts{Posts: []Tweet{wantTweet()}, NewestID: "20", Next: "more"}
		if diff := cmp.Diff(want, page); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
		if !page.Posts[0].Mentions("1") || page.Posts[0].Mentions("2") || page.Posts[0].Mentions("") {
			t.Errorf("%s: Mentions is wrong about %+v", name, page.Posts[0].Mentioned)
		}
		q := got[0].Query
		if got[0].Path != "/2/users/1/mentions" || q["since_id"] != "3" || q["max_results"] != "100" || q["pagination_token"] != "tok" {
			t.Errorf("%s: asked %+v", name, got[0])
		}
	}
}

func TestUserPosts(t *testing.T) {
	var got []request
	c := newClient(t, seeing(&got, always(200, `{"meta":{"result_count":0}}`)))
	page, _, err := c.UserPosts(t.Context(), canary, "1", "", 1)
	if err != nil || len(page.Posts) != 0 || page.NewestID != "" {
		t.Errorf("an empty page: got %+v, %v", page, err)
	}
	if _, has := got[0].Query["since_id"]; has || got[0].Path != "/2/users/1/tweets" || got[0].Query["max_results"] != "5" {
		t.Errorf("asked %+v", got[0])
	}
}

func TestLongPost(t *testing.T) {
	for _, name := range []string{"note_tweet", "note_post"} {
		c := newClient(t, answering(200, `{"data":{"id":"1","text":"the start… https://t.co/x","`+name+`":{"text":"the start and the end https://t.co/y","entities":{"urls":[{"url":"https://t.co/y","expanded_url":"https://a.example"}]}}}}`))
		p, _, err := c.LookupPost(t.Context(), canary, "1")
		if err != nil || p.Text != "the start and the end https://a.example" {
			t.Errorf("%s: got %+v, %v", name, p, err)
		}
	}
}

func TestSameText(t *testing.T) {
	tests := []struct {
		sent string
		post Tweet
		want bool
	}{
		{"We are down. See https://status.example/1", Tweet{Text: "We are down. See https://status.example/1"}, true},
		{"See status.example", Tweet{Text: "See http://status.example/"}, true},
		{"two  spaces\nand lines ", Tweet{Text: "two spaces and lines"}, true},
		{"fixed", Tweet{Text: "@ada @bob fixed", InReplyToID: "1"}, true},
		{"fixed", Tweet{Text: "@ada fixed"}, false}, // no reply: the name is part of the text
		{"fixed", Tweet{Text: "@ada", InReplyToID: "1"}, false},
		{"We are down", Tweet{Text: "We are down."}, false},
		{"", Tweet{Text: "x"}, false},
	}
	for _, tt := range tests {
		if got := tt.post.SameText(tt.sent); got != tt.want {
			t.Errorf("%+v.SameText(%q) = %v, want %v", tt.post, tt.sent, got, tt.want)
		}
	}
}

func TestReadable(t *testing.T) {
	var e wireEntities
	if err := json.Unmarshal([]byte(`{"urls":[{"url":"https://t.co/a","expanded_url":"https://a.example/"}]}`), &e); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name, text string
		entities   wireEntities
		media      bool
		want       string
	}{
		{"link stays", "see https://t.co/a", e, false, "see https://a.example/"},
		{"media link goes", "see https://t.co/zz", wireEntities{}, true, "see"},
		{"only media", "https://t.co/zz", wireEntities{}, true, ""},
		{"media behind a link", "see https://t.co/a https://t.co/zz", e, true, "see https://a.example/"},
		{"the last link is the author's", "see https://t.co/a", e, true, "see https://a.example/"},
		{"no media, unknown link stays", "see https://t.co/zz", wireEntities{}, false, "see https://t.co/zz"},
		{"entities of HTML", "1 &lt; 2 &amp;&amp; 3 &gt; 2 &amp;lt;", wireEntities{}, false, "1 < 2 && 3 > 2 &lt;"},
	}
	for _, tt := range tests {
		if got := readable(tt.text, tt.entities, tt.media); got != tt.want {
			t.Errorf("%s: readable(%q) = %q, want %q", tt.name, tt.text, got, tt.want)
		}
	}
}

func TestUsers(t *testing.T) {
	yes := true
	want := &User{ID: "1", Name: "Ada", Username: "ada", AvatarURL: "https://img.example/a", Verified: true, VerifiedType: "blue", Subscription: "Premium", Followers: 3, TakesDMs: &yes}
	var got []request
	c := newClient(t, seeing(&got, always(200, `{"data":{"id":"1","name":"Ada","username":"ada","profile_image_url":"https://img.example/a","verified":true,"verified_type":"blue","subscription_type":"Premium","receives_your_dm":true,"public_metrics":{"followers_count":3}}}`)))
	me, err := c.Me(t.Context(), canary)
	if diff := cmp.Diff(want, me); diff != "" || err != nil {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	if _, err := c.LookupUser(t.Context(), canary, "1"); err != nil {
		t.Error(err)
	}
	if _, err := c.LookupUsername(t.Context(), canary, "ada"); err != nil {
		t.Error(err)
	}
	for i, path := range []string{"/2/users/me", "/2/users/1", "/2/users/by/username/ada"} {
		if got[i].Path != path {
			t.Errorf("call %d went to %s, want %s", i, got[i].Path, path)
		}
	}
}

func TestIDs(t *testing.T) {
	tests := []struct {
		a, b string
		want int
	}{
		{"9", "10", -1},
		{"10", "9", 1},
		{"10", "10", 0},
		{"007", "7", 0},
		{"", "1", -1},
		{"18446744073709551615", "18446744073709551616", -1}, // beyond uint64 too
	}
	for _, tt := range tests {
		if got := CompareIDs(tt.a, tt.b); got != tt.want {
			t.Errorf("CompareIDs(%q, %q) = %d, want %d", tt.a, tt.b, got, tt.want)
		}
	}
	if got := ConversationOf("100", "99"); got != "99-100" {
		t.Errorf("ConversationOf = %q, want the smaller number first", got)
	}
	for body, want := range map[string]id{
		`"12"`: "12", `1860000000000000001`: "1860000000000000001", `-5`: "-5", `null`: "", `1.5e3`: "", `{"a":1}`: "", `true`: "", `["1"]`: "",
	} {
		var v struct {
			ID id `json:"id"`
		}
		if err := json.Unmarshal([]byte(`{"id":`+body+`}`), &v); err != nil || v.ID != want {
			t.Errorf("id %s reads as %q, %v, want %q", body, v.ID, err, want)
		}
	}
}
