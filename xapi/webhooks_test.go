package xapi

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestCRCResponse(t *testing.T) {
	// The value was made with: printf %s TOKEN | openssl dgst -sha256 -hmac secret -binary | base64
	const token, want = "aGVsbG8gd29ybGQgMTIz", "sha256=Hc0PQQzmbug7f6TO2ibUJ4u9GgABaRwjAGB0v0pzYMw="
	if got, err := CRCResponse("secret", token); err != nil || got != want {
		t.Errorf("CRCResponse = %q, %v, want %q", got, err, want)
	}
	for _, bad := range []string{
		"", "short", strings.Repeat("a", 129), `{"for_user_id":"1"}`, "aaaaaaaaaaaaaaaa\n", "aaaaaaaa aaaaaaaa", "aaaaaaaaaaaaaaa\x00", "äääääääääääääääääääää",
		`{"data":{"event_type":"dm.received"}}`,
	} {
		if got, err := CRCResponse("secret", bad); !errors.Is(err, ErrCRCToken) || got != "" {
			t.Errorf("CRCResponse(%q) = %q, %v, want it refused", bad, got, err)
		}
	}
	for _, good := range []string{strings.Repeat("a", 16), strings.Repeat("Z", 128), "ab+/=_-0123456789"} {
		if _, err := CRCResponse("secret", good); err != nil {
			t.Errorf("CRCResponse(%q): %v", good, err)
		}
	}
	if _, err := CRCResponse("", token); err == nil {
		t.Error("a challenge was answered without a key")
	}
}

func TestVerifySignature(t *testing.T) {
	body := []byte(`{"for_user_id":"1"}`)
	good := sign("secret", body)
	tests := []struct {
		name, secret, header string
		body                 string
		want                 bool
	}{
		{"right", "secret", good, string(body), true},
		{"another key", "Secret", good, string(body), false},
		{"another body", "secret", good, string(body) + " ", false},
		{"no header", "secret", "", string(body), false},
		{"no prefix", "secret", strings.TrimPrefix(good, "sha256="), string(body), false},
		{"other prefix", "secret", strings.Replace(good, "sha256=", "sha1=", 1), string(body), false},
		{"cut", "secret", good[:len(good)-1], string(body), false},
		{"no key", "", sign("", body), string(body), false},
	}
	for _, tt := range tests {
		if got := VerifySignature(tt.secret, tt.header, []byte(tt.body)); got != tt.want {
			t.Errorf("%s: got %v, want %v", tt.name, got, tt.want)
		}
	}
}

func TestCreateWebhook(t *testing.T) {
	want := &Webhook{ID: "12", URL: "https://perch.example/x/webhook", Valid: true}
	for name, answer := range map[string]string{
		"guide":         `{"data":{"id":"12","url":"https://perch.example/x/webhook","valid":true}}`,
		"specification": `{"id":"12","url":"https://perch.example/x/webhook","valid":true}`,
	} {
		var got []request
		c := newClient(t, seeing(&got, always(200, answer)))
		hook, err := c.CreateWebhook(t.Context(), want.URL)
		if diff := cmp.Diff(want, hook); diff != "" || err != nil {
			t.Errorf("%s: %v (-want +got):\n%s", name, err, diff)
		}
		if diff := cmp.Diff([]request{{"POST", "/2/webhooks", map[string]string{}, `{"url":"https://perch.example/x/webhook"}`}}, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	c := newClient(t, answering(200, `{}`))
	for _, bad := range []string{"", "perch.example", "https://", "https://perch.example/" + strings.Repeat("x", 200)} {
		_, err := c.CreateWebhook(t.Context(), bad)
		if e := asError(t, err); e.Code != CodeBadWebhookURL {
			t.Errorf("CreateWebhook(%q): got %v", bad, e)
		}
	}
}

func TestWebhookNotDone(t *testing.T) {
	for _, answer := range []string{`{"data":{"deleted":false}}`, `{"errors":[{"title":"WebhookIdInvalid"}]}`} {
		c := newClient(t, answering(200, answer))
		err := c.DeleteWebhook(t.Context(), "1")
		if e := asError(t, err); e.Uncertain {
			t.Errorf("%s: %v is uncertain", answer, e)
		}
	}
	for _, answer := range []string{`{"data":{"deleted":true}}`, `{"data":{"attempted":true}}`, `{}`, ``} {
		c := newClient(t, answering(200, answer))
		if err := c.ValidateWebhook(t.Context(), "1"); err != nil {
			t.Errorf("%s: %v", answer, err)
		}
	}
}

func TestSubscribe(t *testing.T) {
	const one = `{"subscription_id":"9","event_type":"dm.received","filter":{"user_id":"1","direction":"inbound"},"tag":"perch","webhook_id":"12"}`
	want := &Subscription{ID: "9", EventType: "dm.received", UserID: "1", Direction: "inbound", Tag: "perch", WebhookID: "12"}
	for name, answer := range map[string]string{
		"list":  `{"data":[{"subscription_id":"8","event_type":"dm.sent"},` + one + `]}`,
		"one":   `{"data":` + one + `}`,
		"below": `{"data":{"subscription":` + one + `,"total_subscriptions_for_instance_id":1}}`,
	} {
		var got []request
		c := newClient(t, seeing(&got, always(200, answer)))
		s, err := c.Subscribe(t.Context(), canary, *want)
		if diff := cmp.Diff(want, s); diff != "" || err != nil {
			t.Errorf("%s: %v (-want +got):\n%s", name, err, diff)
		}
		body := `{"event_type":"dm.received","filter":{"user_id":"1","direction":"inbound"},"tag":"perch","webhook_id":"12"}`
		if got[0].Body != body {
			t.Errorf("%s: asked %s, want %s", name, got[0].Body, body)
		}
	}
	c := newClient(t, answering(200, `{"data":[]}`))
	_, err := c.Subscribe(t.Context(), canary, *want)
	if e := asError(t, err); e.Code != CodeBadResponse {
		t.Errorf("no subscription in the answer: got %v", e)
	}
}

func TestSubscriptions(t *testing.T) {
	var got []request
	c := newClient(t, seeing(&got, func(n int) (int, string) {
		if n == 1 {
			return 200, `{"data":[{"subscription_id":"1","event_type":"dm.received","filter":{"user_id":"7"}}],"meta":{"next_token":"0123456789abcdef"}}`
		}
		return 200, `{"data":[{"subscription_id":"2","event_type":"dm.sent","filter":{"user_id":"7"}}],"meta":{"total_subscriptions":2}}`
	}))
	list, err := c.Subscriptions(t.Context())
	want := []Subscription{{ID: "1", EventType: "dm.received", UserID: "7"}, {ID: "2", EventType: "dm.sent", UserID: "7"}}
	if diff := cmp.Diff(want, list); diff != "" || err != nil {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	if len(got) != 2 || got[1].Query["pagination_token"] != "0123456789abcdef" {
		t.Errorf("asked %+v", got)
	}
}
