package xfake

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"golang.org/x/net/html"
)

// elements lists what matches, as tag plus attributes.
func elements(t *testing.T, page, tag string) []map[string]string {
	t.Helper()
	doc, err := html.Parse(strings.NewReader(page))
	if err != nil {
		t.Fatal(err)
	}
	var out []map[string]string
	for n := range doc.Descendants() {
		if n.Type != html.ElementNode || n.Data != tag {
			continue
		}
		m := map[string]string{}
		for _, a := range n.Attr {
			m[a.Key] = a.Val
		}
		out = append(out, m)
	}
	return out
}

func TestAuthorizePage(t *testing.T) {
	h := start(t, Options{})
	u, err := url.Parse(h.authURL(allScopes))
	if err != nil {
		t.Fatal(err)
	}
	a := h.call(200, "GET", u.RequestURI(), "", nil)
	for _, want := range []string{"stand-in for X", "Authorize app", "Cancel", "@acme", "@kim", "Send direct messages for you"} {
		if !strings.Contains(a.raw, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	if got := len(elements(t, a.raw, "script")); got != 0 {
		t.Errorf("%d scripts, want none", got)
	}
	var request string
	users := 0
	for _, in := range elements(t, a.raw, "input") {
		if in["name"] == "request" {
			request = in["value"]
		}
		if in["type"] == "radio" {
			users++
		}
	}
	if users != 2 {
		t.Errorf("%d people to choose from, want 2", users)
	}
	client := *h.web.Client()
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	press := func(decision, user string) (int, url.Values) {
		t.Helper()
		body := url.Values{"request": {request}, "user": {user}, "decision": {decision}}.Encode()
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, h.web.URL+"/i/oauth2/authorize", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		res, err := client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = res.Body.Close() }()
		to, err := url.Parse(res.Header.Get("Location"))
		if err != nil {
			t.Fatal(err)
		}
		return res.StatusCode, to.Query()
	}
	if code, q := press("cancel", ""); code != 302 || q.Get("error") != "access_denied" || q.Get("state") != "st-1" || q.Has("code") {
		t.Errorf("cancel = %d %v", code, q)
	}
	code, q := press("allow", h.acme.ID)
	if code != 302 || q.Get("state") != "st-1" {
		t.Fatalf("allow = %d %v", code, q)
	}
	h.form(200, "/2/oauth2/token", exchangeForm(q.Get("code")))
	if code, _ := press("allow", "9"); code != 400 {
		t.Errorf("as nobody = %d, want 400", code)
	}
}

func TestPublicPages(t *testing.T) {
	h := start(t, Options{})
	tok, _ := h.login(h.acme.ID, allScopes)
	id := h.post(tok, `Slow <script>alert(1)</script> see https://status.example.com & ask @kim`)
	leaf := h.call(201, "POST", "/2/tweets", tok, map[string]any{"text": "Fixed", "reply": map[string]any{"in_reply_to_tweet_id": id}}).str(t, "data", "id")
	for _, path := range []string{"/acme/status/" + leaf, "/ACME/status/" + id, "/acme"} {
		a := h.call(200, "GET", path, "", nil)
		if len(elements(t, a.raw, "script")) != 0 || !strings.Contains(a.raw, "Slow &lt;script&gt;") {
			t.Errorf("%s does not show the post escaped", path)
		}
		if got := len(elements(t, a.raw, "article")); got != 2 {
			t.Errorf("%s shows %d posts, want 2", path, got)
		}
		links := map[string]bool{}
		for _, l := range elements(t, a.raw, "a") {
			links[l["href"]] = true
		}
		if !links["https://status.example.com"] || !links["/kim"] || !links["/acme/status/"+leaf] {
			t.Errorf("%s links to %v", path, links)
		}
	}
	h.call(200, "GET", "/", "", nil)
	svg := h.call(200, "GET", "/avatar/1001.svg", "", nil)
	if svg.header.Get("Content-Type") != "image/svg+xml" || !strings.Contains(svg.raw, ">A<") {
		t.Errorf("avatar = %s", svg.raw)
	}
	h.call(404, "GET", "/avatar/9.svg", "", nil)
	h.call(404, "GET", "/nobody", "", nil)
	h.call(404, "GET", "/kim/status/"+id, "", nil)
	h.call(200, "DELETE", "/2/tweets/"+leaf, tok, nil)
	h.call(404, "GET", "/acme/status/"+leaf, "", nil)
}
