package xfake

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// receiver is a webhook as an app would write it.
type receiver struct {
	mu     sync.Mutex
	secret string
	status int
	bodies [][]byte
	bad    int
}

func (rc *receiver) mac(b []byte) string {
	m := hmac.New(sha256.New, []byte(rc.secret))
	m.Write(b)
	return "sha256=" + base64.StdEncoding.EncodeToString(m.Sum(nil))
}

func (rc *receiver) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	rc.mu.Lock()
	defer rc.mu.Unlock()
	if r.Method == http.MethodGet {
		_ = json.NewEncoder(w).Encode(map[string]string{"response_token": rc.mac([]byte(r.URL.Query().Get("crc_token")))})
		return
	}
	b, _ := io.ReadAll(r.Body)
	if r.Header.Get("X-Twitter-Webhooks-Signature") != rc.mac(b) {
		rc.bad++
	}
	rc.bodies = append(rc.bodies, b)
	if rc.status != 0 {
		w.WriteHeader(rc.status)
	}
}

func (rc *receiver) set(fn func()) {
	rc.mu.Lock()
	defer rc.mu.Unlock()
	fn()
}

// take returns the events received since the last take.
func (rc *receiver) take(t *testing.T, h *harness) []answer {
	t.Helper()
	if err := h.s.WaitDeliveries(waitCtx(t)); err != nil {
		t.Fatal(err)
	}
	rc.mu.Lock()
	defer rc.mu.Unlock()
	if rc.bad > 0 {
		t.Fatalf("%d deliveries have a wrong signature", rc.bad)
	}
	var out []answer
	for _, b := range rc.bodies {
		a := answer{raw: string(b)}
		if err := json.Unmarshal(b, &a.body); err != nil {
			t.Fatalf("body is no JSON: %v", err)
		}
		out = append(out, a)
	}
	rc.bodies = nil
	return out
}

// hooked is a harness with a registered webhook and a user's subscriptions.
func hooked(t *testing.T, kinds ...string) (*harness, *receiver, string) {
	t.Helper()
	h := start(t, Options{AllowHTTPWebhooks: true})
	rc := &receiver{secret: "consumer-secret"}
	web := httptest.NewServer(rc)
	t.Cleanup(web.Close)
	tok, _ := h.login(h.acme.ID, allScopes)
	hook := h.call(200, "POST", "/2/webhooks", "app-bearer", map[string]any{"url": web.URL + "/x"}).str(t, "data", "id")
	for _, k := range kinds {
		h.call(200, "POST", "/2/activity/subscriptions", tok, map[string]any{
			"event_type": k, "filter": map[string]any{"user_id": h.acme.ID}, "webhook_id": hook, "tag": "t",
		})
	}
	return h, rc, tok
}

func kinds(t *testing.T, got []answer) []string {
	t.Helper()
	var out []string
	for _, a := range got {
		out = append(out, a.str(t, "data", "event_type"))
	}
	return out
}

func TestWebhookRegistration(t *testing.T) {
	h := start(t, Options{})
	post := func(want int, url, text string) {
		t.Helper()
		if a := h.call(want, "POST", "/2/webhooks", "app-bearer", map[string]any{"url": url}); !strings.Contains(a.raw, text) {
			t.Errorf("POST %s: %s, want %q", url, a.raw, text)
		}
	}
	post(400, "http://perch.example/x", "UrlValidationFailed")
	post(400, "https://perch.example:8443/x", "UrlValidationFailed")
	post(400, "https://127.0.0.1/x", "UrlValidationFailed")
	post(400, "https://perch.example/"+strings.Repeat("x", 200), "UrlValidationFailed")

	h = start(t, Options{AllowHTTPWebhooks: true})
	rc := &receiver{secret: "wrong"}
	web := httptest.NewServer(rc)
	t.Cleanup(web.Close)
	moved := httptest.NewServer(http.RedirectHandler(web.URL, http.StatusFound))
	t.Cleanup(moved.Close)
	post(400, web.URL, "CrcValidationFailed")
	rc.set(func() { rc.secret = "consumer-secret" })
	post(400, moved.URL, "CrcValidationFailed")
	post(200, web.URL, `"valid":true`)
	post(400, web.URL, "DuplicateUrlFailed")
	post(400, web.URL+"/2", "WebhookLimitExceeded")

	a := h.call(200, "GET", "/2/webhooks", "app-bearer", nil)
	id := a.str(t, "data", 0, "id")
	rc.set(func() { rc.secret = "wrong" })
	if err := h.s.RevalidateWebhooks(t.Context()); err == nil {
		t.Error("RevalidateWebhooks = nil, want the wrong token noticed")
	}
	if a := h.call(200, "GET", "/2/webhooks", "app-bearer", nil); a.at(t, "data", 0, "valid") != false {
		t.Errorf("GET = %s, want it invalid", a.raw)
	}
	h.call(400, "PUT", "/2/webhooks/"+id, "app-bearer", nil)
	rc.set(func() { rc.secret = "consumer-secret" })
	h.call(200, "PUT", "/2/webhooks/"+id, "app-bearer", nil)
	if got := h.s.Webhooks(); len(got) != 1 || !got[0].Valid {
		t.Errorf("Webhooks = %+v, want one that is valid", got)
	}
	h.call(404, "PUT", "/2/webhooks/1", "app-bearer", nil)
	h.call(200, "DELETE", "/2/webhooks/"+id, "app-bearer", nil)
	h.call(404, "DELETE", "/2/webhooks/"+id, "app-bearer", nil)
}

func TestSubscriptionIsChecked(t *testing.T) {
	h, _, tok := hooked(t, "dm.received")
	few, _ := h.login(h.cust.ID, "tweet.read users.read")
	for _, tc := range []struct {
		name string
		tok  string
		kind string
		user string
		want int
	}{
		{"pascal case", tok, "DmReceived", "1001", 400},
		{"unknown", tok, "dm.deleted", "1001", 400},
		{"twice", tok, "dm.received", "1001", 409},
		{"no user", tok, "dm.sent", "", 400},
		{"another user", tok, "dm.sent", "2002", 403},
		{"scope missing", few, "dm.sent", "2002", 403},
		{"scope there", few, "post.mention.create", "2002", 200},
		{"private by bearer", "app-bearer", "dm.sent", "1001", 403},
		{"public by bearer", "app-bearer", "post.create", "1001", 200},
		{"revocation", tok, "oauth.revoke", "1001", 200},
	} {
		t.Run(tc.name, func(t *testing.T) {
			h.call(tc.want, "POST", "/2/activity/subscriptions", tc.tok, map[string]any{"event_type": tc.kind, "filter": map[string]any{"user_id": tc.user}})
		})
	}
	h.call(400, "POST", "/2/activity/subscriptions", tok, map[string]any{"event_type": "dm.sent", "event_types": []string{"dm.read"}, "filter": map[string]any{"user_id": "1001"}})
	h.call(400, "POST", "/2/activity/subscriptions", tok, map[string]any{"event_type": "dm.sent", "filter": map[string]any{"user_id": "1001"}, "webhook_id": "9"})
	a := h.call(200, "GET", "/2/activity/subscriptions?max_results=2", "app-bearer", nil)
	if a.at(t, "meta", "total_subscriptions") != 4.0 || len(a.at(t, "data").([]any)) != 2 {
		t.Errorf("list = %s, want 2 of 4", a.raw)
	}
	rest := h.call(200, "GET", "/2/activity/subscriptions?max_results=2&pagination_token="+a.str(t, "meta", "next_token"), "app-bearer", nil)
	if len(rest.at(t, "data").([]any)) != 2 {
		t.Errorf("second page = %s, want 2", rest.raw)
	}
	id := a.str(t, "data", 0, "subscription_id")
	h.call(200, "PUT", "/2/activity/subscriptions/"+id, "app-bearer", map[string]any{"tag": "new"})
	h.call(200, "DELETE", "/2/activity/subscriptions/"+id, "app-bearer", nil)
	h.call(404, "DELETE", "/2/activity/subscriptions?ids="+id, "app-bearer", nil)
}

func TestSubscriptionShapes(t *testing.T) {
	h, _, tok := hooked(t)
	for i, path := range [][]any{{"data", "subscription", "event_type"}, {"data", "event_type"}, {"data", 0, "event_type"}} {
		h.s.SetSubscriptionShape(SubscriptionShape(i))
		kind := []string{"dm.received", "dm.sent", "dm.read"}[i]
		a := h.call(200, "POST", "/2/activity/subscriptions", tok, map[string]any{"event_type": kind, "filter": map[string]any{"user_id": "1001"}})
		if got := a.str(t, path...); got != kind {
			t.Errorf("shape %d: %s", i, a.raw)
		}
	}
}

func TestDeliveries(t *testing.T) {
	h, rc, tok := hooked(t, "dm.received", "dm.sent", "post.mention.create", "post.create", "post.delete", "chat.received", "oauth.revoke")
	d, err := h.s.SendDMAs("kim", "acme", "Help!", File{Name: "a.png", Type: "image/png", Data: []byte("x")})
	if err != nil {
		t.Fatal(err)
	}
	got := rc.take(t, h)
	if d := cmp.Diff([]string{"dm.received"}, kinds(t, got)); d != "" {
		t.Fatalf("kinds (-want +got):\n%s", d)
	}
	ev := got[0]
	for _, c := range []struct {
		want string
		path []any
	}{
		{"1001", []any{"data", "filter", "user_id"}},
		{"t", []any{"data", "tag"}},
		{d.ID, []any{"data", "payload", "direct_message_events", 0, "id"}},
		{"2002", []any{"data", "payload", "direct_message_events", 0, "message_create", "sender_id"}},
		{"1001", []any{"data", "payload", "direct_message_events", 0, "message_create", "target", "recipient_id"}},
		{"kim", []any{"data", "payload", "users", "2002", "data", "username"}},
	} {
		if got := ev.str(t, c.path...); got != c.want {
			t.Errorf("%v = %q, want %q", c.path, got, c.want)
		}
	}
	if url := ev.str(t, "data", "payload", "direct_message_events", 0, "message_create", "message_data", "attachment", "media", "media_url_https"); !strings.HasSuffix(url, "/"+d.ID+"/"+d.MediaIDs[0]+"/a.png") {
		t.Errorf("media url = %q", url)
	}

	h.call(201, "POST", "/2/dm_conversations/with/2002/messages", tok, map[string]any{"text": "Hello"})
	if _, err := h.s.MentionAs("kim", "@acme hi"); err != nil {
		t.Fatal(err)
	}
	id := h.post(tok, "Ours")
	h.call(200, "DELETE", "/2/tweets/"+id, tok, nil)
	if _, err := h.s.SendEncryptedDMAs("kim", "acme", "my secret"); err != nil {
		t.Fatal(err)
	}
	if err := h.s.RevokeUser("acme"); err != nil {
		t.Fatal(err)
	}
	got = rc.take(t, h)
	want := []string{"dm.sent", "post.mention.create", "post.create", "post.delete", "chat.received", "oauth.revoke"}
	if d := cmp.Diff(want, kinds(t, got)); d != "" {
		t.Fatalf("kinds (-want +got):\n%s", d)
	}
	if m := got[1]; m.str(t, "data", "payload", "entities", "mentions", 0, "id") != "1001" || m.str(t, "data", "includes", "users", 0, "username") != "kim" {
		t.Errorf("mention = %s", m.raw)
	}
	if c := got[4]; strings.Contains(c.raw, "my secret") || c.str(t, "data", "payload", "conversation_id") != "1001:2002" {
		t.Errorf("encrypted = %s", c.raw)
	}
}

func TestEncryptedMessagesAreInNoPage(t *testing.T) {
	h := start(t, Options{})
	tok, _ := h.login(h.acme.ID, allScopes)
	if _, err := h.s.SendEncryptedDMAs("kim", "acme", "x"); err != nil {
		t.Fatal(err)
	}
	if a := h.call(200, "GET", "/2/dm_events", tok, nil); a.body["data"] != nil {
		t.Errorf("dm_events = %s, want none", a.raw)
	}
}

func TestOldPayloads(t *testing.T) {
	h, rc, tok := hooked(t, "dm.received", "post.mention.create", "post.delete", "oauth.revoke", "chat.received")
	h.s.SetPayload(PayloadAAA)
	if _, err := h.s.SendDMAs("kim", "acme", "Hi"); err != nil {
		t.Fatal(err)
	}
	m, err := h.s.MentionAs("kim", "@acme hi")
	if err != nil {
		t.Fatal(err)
	}
	id := h.post(tok, "Ours")
	h.call(200, "DELETE", "/2/tweets/"+id, tok, nil)
	if _, err := h.s.SendEncryptedDMAs("kim", "acme", "x"); err != nil {
		t.Fatal(err)
	}
	if err := h.s.RevokeUser("acme"); err != nil {
		t.Fatal(err)
	}
	got := rc.take(t, h)
	if len(got) != 4 {
		t.Fatalf("%d events, want 4 (X Chat has no old form)", len(got))
	}
	if got[0].str(t, "for_user_id") != "1001" || got[0].str(t, "users", "2002", "screen_name") != "kim" {
		t.Errorf("message = %s", got[0].raw)
	}
	if got[1].str(t, "tweet_create_events", 0, "id_str") != m.ID || !strings.Contains(got[1].raw, `"id":`+m.ID) {
		t.Errorf("mention = %s", got[1].raw)
	}
	if got[2].str(t, "tweet_delete_events", 0, "status", "id") != id {
		t.Errorf("deletion = %s", got[2].raw)
	}
	if got[3].str(t, "user_event", "revoke", "source", "user_id") != "1001" {
		t.Errorf("revocation = %s", got[3].raw)
	}
}

func TestAccountActivitySubscription(t *testing.T) {
	h, rc, tok := hooked(t)
	hook := h.s.Webhooks()[0].ID
	path := "/2/account_activity/webhooks/" + hook + "/subscriptions/all"
	h.call(200, "POST", path, tok, nil)
	h.call(409, "POST", path, tok, nil)
	h.call(200, "GET", path, tok, nil)
	h.call(404, "POST", "/2/account_activity/webhooks/9/subscriptions/all", tok, nil)
	if _, err := h.s.SendDMAs("kim", "acme", "Hi"); err != nil {
		t.Fatal(err)
	}
	if got := rc.take(t, h); len(got) != 1 || got[0].str(t, "for_user_id") != "1001" {
		t.Errorf("events = %+v, want one in the old form", got)
	}
}

func TestDuplicatesDisorderAndLoss(t *testing.T) {
	h, rc, _ := hooked(t, "dm.received")
	say := func(texts ...string) {
		t.Helper()
		for _, text := range texts {
			if _, err := h.s.SendDMAs("kim", "acme", text); err != nil {
				t.Fatal(err)
			}
		}
	}
	texts := func() string {
		t.Helper()
		var out []string
		for _, a := range rc.take(t, h) {
			out = append(out, a.str(t, "data", "payload", "direct_message_events", 0, "message_create", "message_data", "text"))
		}
		return strings.Join(out, " ")
	}
	h.s.SetDelivery(DeliveryMode{Duplicates: 1})
	say("a")
	if got := texts(); got != "a a" {
		t.Errorf("duplicates: %q", got)
	}
	h.s.SetDelivery(DeliveryMode{Hold: true})
	say("b", "c", "d")
	if got := texts(); got != "" {
		t.Errorf("held: %q, want nothing", got)
	}
	h.s.SetDelivery(DeliveryMode{})
	if n := h.s.Release(true); n != 3 {
		t.Errorf("Release = %d, want 3", n)
	}
	if got := texts(); got != "d c b" {
		t.Errorf("released: %q, want d c b", got)
	}
	h.s.SetDelivery(DeliveryMode{Lose: true})
	say("e")
	h.s.SetDelivery(DeliveryMode{})
	rc.set(func() { rc.status = 500 })
	say("f")
	if got := texts(); got != "f" {
		t.Errorf("after a 500: %q, want no retry", got)
	}
	log := h.s.Deliveries()
	if last := log[len(log)-1]; last.Status != 500 || !bytes.Contains(last.Body, []byte(`"text":"f"`)) {
		t.Errorf("last delivery = %+v", last)
	}
	rc.set(func() { rc.status = 0 })
	if err := h.s.Redeliver(log[0].ID); err != nil {
		t.Fatal(err)
	}
	if got := texts(); got != "a" {
		t.Errorf("redelivered: %q, want a", got)
	}
	h.s.InvalidateWebhooks()
	say("g")
	if got := texts(); got != "" {
		t.Errorf("to an invalid webhook: %q, want nothing", got)
	}
}

func TestCloseEndsDeliveries(t *testing.T) {
	h := start(t, Options{AllowHTTPWebhooks: true})
	entered, leave := make(chan struct{}), make(chan struct{})
	rc := &receiver{secret: "consumer-secret"}
	var once sync.Once
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost {
			once.Do(func() { close(entered) })
			<-leave
			return
		}
		rc.ServeHTTP(w, r)
	}))
	t.Cleanup(func() { close(leave); web.Close() })
	tok, _ := h.login(h.acme.ID, allScopes)
	hook := h.call(200, "POST", "/2/webhooks", "app-bearer", map[string]any{"url": web.URL}).str(t, "data", "id")
	h.call(200, "POST", "/2/activity/subscriptions", tok, map[string]any{"event_type": "dm.received", "filter": map[string]any{"user_id": "1001"}, "webhook_id": hook})
	for range 3 {
		if _, err := h.s.SendDMAs("kim", "acme", "x"); err != nil {
			t.Fatal(err)
		}
	}
	<-entered
	ctx, stop := withCancelled(t)
	defer stop()
	if err := h.s.Close(ctx); err == nil {
		t.Error("Close = nil, want it to say that the time was over")
	}
	if err := h.s.Close(t.Context()); err != nil {
		t.Errorf("second Close = %v", err)
	}
	if got := len(h.s.Deliveries()); got != 1 {
		t.Errorf("%d deliveries, want the cancelled one only", got)
	}
}
