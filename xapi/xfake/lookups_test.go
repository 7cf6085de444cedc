package xfake

import (
	"net/url"
	"strings"
	"testing"
	"time"
)

func TestLookups(t *testing.T) {
	h := start(t, Options{})
	tok, _ := h.login(h.acme.ID, allScopes)
	first := h.post(tok, "first")
	h.clock.add(time.Minute)
	second := h.post(tok, "second")
	a := h.call(200, "GET", "/2/tweets?ids="+second+","+first+",7&expansions=author_id", tok, nil)
	if a.str(t, "data", 0, "text") != "second" || a.str(t, "data", 1, "author_id") != "1001" || a.str(t, "errors", 0, "value") != "7" || len(a.at(t, "includes", "users").([]any)) != 1 {
		t.Errorf("GET tweets = %s", a.raw)
	}
	h.call(400, "GET", "/2/tweets?ids=x", tok, nil)
	h.call(400, "GET", "/2/tweets", tok, nil)
	h.call(400, "GET", "/2/tweets?ids="+strings.Repeat("1,", 100)+"1", tok, nil)
	for query, want := range map[string]float64{
		"start_time=" + h.clock.now().Format(time.RFC3339): 1, "end_time=" + h.clock.now().Format(time.RFC3339): 1,
		"until_id=" + second: 1, "exclude=replies": 2,
	} {
		if a := h.call(200, "GET", "/2/users/1001/tweets?"+query, tok, nil); a.at(t, "meta", "result_count") != want {
			t.Errorf("%s: %s, want %v", query, a.raw, want)
		}
	}
	h.call(400, "GET", "/2/users/1001/tweets?start_time=today", tok, nil)
	if a := h.call(200, "GET", "/2/users/7/tweets", tok, nil); a.str(t, "errors", 0, "resource_type") != "user" {
		t.Errorf("timeline of nobody = %s", a.raw)
	}
}

func TestControlFindsPeople(t *testing.T) {
	h := start(t, Options{})
	if got := h.s.Users(); len(got) != 2 || got[0].Handle != "acme" || got[1].Handle != "kim" {
		t.Errorf("Users = %+v", got)
	}
	for _, ref := range []string{"2002", "kim", "@Kim"} {
		if u, ok := h.s.User(ref); !ok || u.ID != "2002" {
			t.Errorf("User(%q) = %+v %v", ref, u, ok)
		}
	}
	if _, ok := h.s.User("nobody"); ok {
		t.Error("User(nobody) = true")
	}
	for name, err := range map[string]error{
		"message from nobody": second(h.s.SendDMAs("nobody", "kim", "x")),
		"message to nobody":   second(h.s.SendDMAs("kim", "nobody", "x")),
		"empty message":       second(h.s.SendDMAs("kim", "acme", "")),
		"post of nobody":      second(h.s.PostAs("nobody", "x")),
		"reply to nothing":    second(h.s.PostAs("kim", "x", "7")),
		"deletion":            h.s.DeletePostAs("kim", "7"),
		"revocation":          h.s.RevokeUser("nobody"),
		"redelivery":          h.s.Redeliver(7),
	} {
		if err == nil {
			t.Errorf("%s = nil, want an error", name)
		}
	}
	h.s.SetCredits(false)
	if h.s.Credits() {
		t.Error("Credits = true")
	}
}

func second[T any](_ T, err error) error { return err }

func TestAddRedirectURL(t *testing.T) {
	h := start(t, Options{})
	const other = "http://127.0.0.1:2/x/callback"
	u, err := url.Parse(h.authURL(allScopes))
	if err != nil {
		t.Fatal(err)
	}
	q := u.Query()
	q.Set("redirect_uri", other)
	u.RawQuery = q.Encode()
	if _, err := h.s.Authorize(u.String(), "acme", true); err == nil {
		t.Fatal("an unknown callback = nil, want an error")
	}
	h.s.AddRedirectURL(other)
	to, err := h.s.Authorize(u.String(), "acme", true)
	if err != nil || !strings.HasPrefix(to, other+"?") {
		t.Errorf("Authorize = %q, %v", to, err)
	}
}

func TestAltText(t *testing.T) {
	h := start(t, Options{})
	tok, _ := h.login(h.acme.ID, allScopes)
	id := h.call(200, "POST", "/2/media/upload", tok, map[string]any{"media": "iVBORw0KGgo=", "media_category": "tweet_image"}).str(t, "data", "id")
	alt := func(want int, id, text string) {
		t.Helper()
		h.call(want, "POST", "/2/media/metadata", tok, map[string]any{"id": id, "metadata": map[string]any{"alt_text": map[string]any{"text": text}}})
	}
	alt(200, id, strings.Repeat("é", 1000))
	alt(400, id, strings.Repeat("é", 1001))
	alt(400, "7", "x")
	h.call(400, "GET", "/2/media/upload?command=INIT&media_id="+id, tok, nil)
	h.call(400, "GET", "/2/media/upload?command=STATUS", tok, nil)
	if a := h.call(200, "GET", "/2/media/upload?media_id="+id, tok, nil); a.at(t, "data").(map[string]any)["processing_info"] != nil {
		t.Errorf("STATUS of an image = %s, want no processing_info", a.raw)
	}
	post := h.call(201, "POST", "/2/tweets", tok, map[string]any{"text": "", "media": map[string]any{"media_ids": []string{id}}}).str(t, "data", "id")
	a := h.call(200, "GET", "/2/tweets/"+post+"?expansions=attachments.media_keys&media.fields=url,alt_text", tok, nil)
	if a.str(t, "data", "attachments", "media_keys", 0) != "3_"+id || a.str(t, "includes", "media", 0, "url") != "/media/"+id {
		t.Errorf("post = %s", a.raw)
	}
	if page := h.call(200, "GET", "/acme/status/"+post, "", nil); len(elements(t, page.raw, "img")) != 2 {
		t.Errorf("the page shows no picture beside the avatar")
	}
}
