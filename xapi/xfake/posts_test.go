package xfake

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestPostIsCheckedAsTheSpecificationSays(t *testing.T) {
	h := start(t, Options{})
	tok, _ := h.login(h.acme.ID, allScopes)
	for _, tc := range []struct {
		name string
		body any
		want int
		text string
	}{
		{"unknown field", map[string]any{"text": "a", "status": "a"}, 400, "$.status"},
		{"unknown inner field", map[string]any{"text": "a", "reply": map[string]any{"in_reply_to_tweet_id": "1", "x": 1}}, 400, "$.x"},
		{"empty", map[string]any{}, 400, "$.text"},
		{"blank", map[string]any{"text": "  "}, 400, "$.text"},
		{"media without text", map[string]any{"media": map[string]any{"media_ids": []string{"1"}}}, 400, "$.text"},
		{"no media ids", map[string]any{"text": "a", "media": map[string]any{"media_ids": []string{}}}, 400, "1 and 4"},
		{"unknown media", map[string]any{"text": "a", "media": map[string]any{"media_ids": []string{"1"}}}, 400, "Your media IDs are invalid."},
		{"number as id", map[string]any{"text": "a", "reply": map[string]any{"in_reply_to_tweet_id": 1}}, 400, "not valid"},
		{"bad id", map[string]any{"text": "a", "reply": map[string]any{"in_reply_to_tweet_id": "x"}}, 400, "regex"},
		{"reply settings", map[string]any{"text": "a", "reply_settings": "everyone"}, 400, "enumeration"},
		{"quote", map[string]any{"text": "a", "quote_tweet_id": "1"}, 403, "Quoting this post is not allowed"},
		{"two cashtags", map[string]any{"text": "$ABC and $XYZ"}, 403, "one cashtag"},
		{"too long", map[string]any{"text": strings.Repeat("a", 281)}, 403, "too long"},
		{"too long by weight", map[string]any{"text": strings.Repeat("漢", 141)}, 403, "too long"},
		{"an invalid character", map[string]any{"text": "a\ufeffb"}, 403, "not permitted"},
		{"gone parent", map[string]any{"text": "a", "reply": map[string]any{"in_reply_to_tweet_id": "99"}}, 403, "deleted or not visible"},
		{"a long text that fits", map[string]any{"text": strings.Repeat("漢", 140)}, 201, ""},
		{"a URL counts 23", map[string]any{"text": strings.Repeat("a", 256) + " https://example.com/" + strings.Repeat("p", 300)}, 201, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			a := h.call(tc.want, "POST", "/2/tweets", tok, tc.body)
			if !strings.Contains(a.raw, tc.text) {
				t.Errorf("body = %s, want %q in it", a.raw, tc.text)
			}
		})
	}
	a, err := h.send("POST", "/2/tweets", "Bearer "+tok, "application/x-www-form-urlencoded", strings.NewReader("text=a"))
	if err != nil || a.status != 400 {
		t.Errorf("a form = %d %v, want 400", a.status, err)
	}
}

func TestPremiumMayPostLong(t *testing.T) {
	h := start(t, Options{})
	h.s.AddUser(User{ID: "1001", Handle: "acme", Name: "Acme", Premium: true})
	tok, _ := h.login(h.acme.ID, allScopes)
	h.post(tok, strings.Repeat("a ", 1000))
	me := h.call(200, "GET", "/2/users/me?user.fields=subscription_type", tok, nil)
	if got := me.str(t, "data", "subscription_type"); got != "Premium" {
		t.Errorf("subscription_type = %q, want Premium", got)
	}
}

func TestDuplicateText(t *testing.T) {
	h := start(t, Options{})
	tok, _ := h.login(h.acme.ID, allScopes)
	other, _ := h.login(h.cust.ID, allScopes)
	id := h.post(tok, "All good")
	a := h.call(403, "POST", "/2/tweets", tok, map[string]any{"text": "All good "})
	want := map[string]any{
		"detail": "You are not allowed to create a Tweet with duplicate content.", "type": "about:blank", "title": "Forbidden", "status": 403.0,
	}
	if d := cmp.Diff(want, a.body); d != "" {
		t.Errorf("body (-want +got):\n%s", d)
	}
	h.post(other, "All good")
	h.call(200, "DELETE", "/2/tweets/"+id, tok, nil)
	h.call(403, "POST", "/2/tweets", tok, map[string]any{"text": "All good"})
	h.clock.add(25 * time.Hour)
	tok, _ = h.login(h.acme.ID, allScopes)
	h.post(tok, "All good")
}

func TestReplyRule(t *testing.T) {
	h := start(t, Options{})
	tok, _ := h.login(h.acme.ID, allScopes)
	reply := func(want int, text, to string) answer {
		t.Helper()
		return h.call(want, "POST", "/2/tweets", tok, map[string]any{"text": text, "reply": map[string]any{"in_reply_to_tweet_id": to}})
	}
	plain, err := h.s.PostAs("kim", "Nothing to do with you")
	if err != nil {
		t.Fatal(err)
	}
	if a := reply(403, "Hello", plain.ID); !strings.Contains(a.raw, "you have not been mentioned") {
		t.Errorf("body = %s", a.raw)
	}
	mention, err := h.s.MentionAs("kim", "Is @ACME down?")
	if err != nil {
		t.Fatal(err)
	}
	reply(201, "We are on it", mention.ID)
	// A reply to our own post without @ is not a mention.
	own := h.post(tok, "Own")
	under, err := h.s.PostAs("kim", "Thanks", own)
	if err != nil {
		t.Fatal(err)
	}
	reply(403, "Welcome", under.ID)
	if _, err := h.s.MentionAs("kim", "nobody here"); err == nil {
		t.Error("MentionAs without a mention = nil, want an error")
	}
}

func TestLag(t *testing.T) {
	h := start(t, Options{})
	tok, _ := h.login(h.acme.ID, allScopes)
	h.s.SetLag(Lag{Timeline: 5 * time.Second, Reply: time.Second})
	id := h.post(tok, "One")
	body := map[string]any{"text": "Two", "reply": map[string]any{"in_reply_to_tweet_id": id}}
	a := h.call(403, "POST", "/2/tweets", tok, body)
	if got := a.at(t, "errors", 0, "code"); got != 385.0 {
		t.Errorf("code = %v, want 385", got)
	}
	if a := h.call(200, "GET", "/2/users/1001/tweets", tok, nil); a.at(t, "meta", "result_count") != 0.0 || a.body["data"] != nil {
		t.Errorf("timeline = %s, want it empty and without data", a.raw)
	}
	h.clock.add(time.Second)
	h.call(201, "POST", "/2/tweets", tok, body)
	h.clock.add(4 * time.Second)
	if a := h.call(200, "GET", "/2/users/1001/tweets", tok, nil); a.str(t, "data", 0, "id") != id {
		t.Errorf("timeline = %s, want the first post", a.raw)
	}
	if got := len(h.s.Posts("acme")); got != 2 {
		t.Errorf("Posts = %d, want 2 whatever the lag", got)
	}
}

func TestTimelineSinceAndPages(t *testing.T) {
	h := start(t, Options{})
	tok, _ := h.login(h.acme.ID, allScopes)
	var ids []string
	for text := range strings.FieldsSeq("a b c d e f g h") {
		ids = append(ids, h.post(tok, text))
		h.clock.add(time.Second)
	}
	a := h.call(200, "GET", "/2/users/1001/tweets?max_results=5&since_id="+ids[0], tok, nil)
	if got := []string{a.str(t, "meta", "newest_id"), a.str(t, "meta", "oldest_id")}; !cmp.Equal(got, []string{ids[7], ids[3]}) {
		t.Errorf("newest and oldest = %v, want %v", got, []string{ids[7], ids[3]})
	}
	next := a.str(t, "meta", "next_token")
	b := h.call(200, "GET", "/2/users/1001/tweets?max_results=5&since_id="+ids[0]+"&pagination_token="+next, tok, nil)
	if b.at(t, "meta", "result_count") != 2.0 || b.at(t, "meta").(map[string]any)["next_token"] != nil {
		t.Errorf("second page = %s, want the last two", b.raw)
	}
	h.call(400, "GET", "/2/users/1001/mentions?pagination_token="+next, tok, nil)
	h.call(400, "GET", "/2/users/1001/tweets?max_results=4", tok, nil)
	h.call(400, "GET", "/2/users/1001/tweets?max_results=101", tok, nil)
	h.call(400, "GET", "/2/users/1001/tweets?limit=5", tok, nil)
	h.call(400, "GET", "/2/users/1001/tweets?tweet.fields=body", tok, nil)
	h.call(400, "GET", "/2/users/1001/tweets?since_id=x", tok, nil)
}

func TestTextIsRewrittenAsXDoes(t *testing.T) {
	h := start(t, Options{})
	tok, _ := h.login(h.acme.ID, allScopes)
	sent := "Q&A <now>: https://status.example.com/incidents/42 @kim"
	id := h.post(tok, sent)
	a := h.call(200, "GET", "/2/tweets/"+id+"?tweet.fields=entities", tok, nil)
	text := a.str(t, "data", "text")
	if !strings.HasPrefix(text, "Q&amp;A &lt;now&gt;: https://t.co/") || strings.Contains(text, "status.example.com") {
		t.Errorf("text = %q, want it escaped and shortened", text)
	}
	if got := a.str(t, "data", "entities", "urls", 0, "expanded_url"); got != "https://status.example.com/incidents/42" {
		t.Errorf("expanded_url = %q", got)
	}
	if got := a.str(t, "data", "entities", "mentions", 0, "id"); got != h.cust.ID {
		t.Errorf("mention = %q, want %q", got, h.cust.ID)
	}
	if got := h.s.Posts("acme")[0].Text; got != sent {
		t.Errorf("Posts text = %q, want what was sent", got)
	}
	plain := start(t, Options{PlainText: true})
	tok, _ = plain.login(plain.acme.ID, allScopes)
	if a := plain.call(201, "POST", "/2/tweets", tok, map[string]any{"text": sent}); a.str(t, "data", "text") != sent {
		t.Errorf("PlainText: %s", a.raw)
	}
}

func TestFieldNames(t *testing.T) {
	h := start(t, Options{})
	tok, _ := h.login(h.acme.ID, allScopes)
	root := h.post(tok, "root")
	id := h.call(201, "POST", "/2/tweets", tok, map[string]any{"text": "leaf", "reply": map[string]any{"in_reply_to_tweet_id": root}}).str(t, "data", "id")
	h.call(400, "GET", "/2/tweets/"+id+"?post.fields=created_at", tok, nil)
	for _, tc := range []struct {
		emit     Emit
		old, new bool
	}{{EmitOld, true, false}, {EmitNew, false, true}, {EmitBoth, true, true}} {
		h.s.SetFieldNames(FieldNames{AcceptPost: true, Emit: tc.emit})
		a := h.call(200, "GET", "/2/tweets/"+id+"?post.fields=referenced_posts&expansions=referenced_tweets.id", tok, nil)
		data, inc := a.at(t, "data").(map[string]any), a.at(t, "includes").(map[string]any)
		got := []bool{
			data["edit_history_tweet_ids"] != nil, data["referenced_tweets"] != nil, inc["tweets"] != nil,
			data["edit_history_post_ids"] != nil, data["referenced_posts"] != nil, inc["posts"] != nil,
		}
		if want := []bool{tc.old, tc.old, tc.old, tc.new, tc.new, tc.new}; !cmp.Equal(got, want) {
			t.Errorf("emit %d: %v, want %v: %s", tc.emit, got, want, a.raw)
		}
	}
}

func TestDelete(t *testing.T) {
	h := start(t, Options{})
	tok, _ := h.login(h.acme.ID, allScopes)
	id := h.post(tok, "x")
	other, err := h.s.PostAs("kim", "mine")
	if err != nil {
		t.Fatal(err)
	}
	h.call(403, "DELETE", "/2/tweets/"+other.ID, tok, nil)
	if a := h.call(200, "DELETE", "/2/tweets/"+id, tok, nil); a.at(t, "data", "deleted") != true {
		t.Errorf("body = %s", a.raw)
	}
	if a := h.call(200, "GET", "/2/tweets/"+id, tok, nil); a.body["data"] != nil || a.str(t, "errors", 0, "title") != "Not Found Error" {
		t.Errorf("after the deletion: %s", a.raw)
	}
	if err := h.s.DeletePostAs("kim", other.ID); err != nil {
		t.Fatal(err)
	}
	if got := h.s.Posts(""); len(got) != 0 {
		t.Errorf("Posts = %+v, want none", got)
	}
}

func TestUnknownCalls(t *testing.T) {
	h := start(t, Options{})
	tok, _ := h.login(h.acme.ID, allScopes)
	h.call(404, "GET", "/2/nothing", tok, nil)
	h.call(404, "GET", "/2/tweets/1/2/3", tok, nil)
	h.call(405, "PATCH", "/2/tweets", tok, nil)
	a := h.call(400, "GET", "/2/users/me?fields=id", tok, nil)
	if !strings.Contains(a.str(t, "errors", 0, "message"), "[fields]") || !strings.HasSuffix(a.str(t, "type"), "/invalid-request") {
		t.Errorf("body = %s", a.raw)
	}
}

func TestUsers(t *testing.T) {
	h := start(t, Options{PublicURL: "https://x.example"})
	tok, _ := h.login(h.acme.ID, allScopes)
	a := h.call(200, "GET", "/2/users?ids=1001,2002,3&user.fields=profile_image_url,receives_your_dm", tok, nil)
	if a.str(t, "data", 1, "profile_image_url") != "https://x.example/avatar/2002.svg" || a.str(t, "errors", 0, "resource_id") != "3" {
		t.Errorf("body = %s", a.raw)
	}
	if a := h.call(200, "GET", "/2/users/by?usernames=KIM", tok, nil); a.str(t, "data", 0, "id") != "2002" {
		t.Errorf("body = %s", a.raw)
	}
	if a := h.call(200, "GET", "/2/users/by/username/nobody", "app-bearer", nil); a.body["data"] != nil {
		t.Errorf("body = %s", a.raw)
	}
	h.call(400, "GET", "/2/users/kim", tok, nil)
	h.call(400, "GET", "/2/users", tok, nil)
}
