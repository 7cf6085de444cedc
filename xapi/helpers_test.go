package xapi

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

const (
	canary       = "canary-user-token-0123456789"
	clientSecret = "canary-client-secret"
	consumerKey  = "canary-consumer-secret"
	appToken     = "canary-app-token"
)

// newClient returns a client of a server that answers with h.
func newClient(t *testing.T, h http.HandlerFunc) *Client {
	t.Helper()
	srv := httptest.NewServer(h)
	t.Cleanup(srv.Close)
	return clientOf(srv.URL, srv.Client())
}

func clientOf(base string, hc *http.Client) *Client {
	return New(Config{
		APIBase: base, HTTP: hc, ClientID: "client", ClientSecret: clientSecret, RedirectURL: "http://127.0.0.1/cb",
		ConsumerKey: "key", ConsumerSecret: consumerKey, BearerToken: appToken,
		PollMin: time.Millisecond, PollMax: 2 * time.Millisecond, ProcessingLimit: 5 * time.Second,
	})
}

// apiCall is one method of the client, as the tables that hold for all need it.
type apiCall struct {
	name      string
	effective bool // an unknown outcome matters
	answer    string
	run       func(context.Context, *Client) error
}

// everyCall lists all methods that go to X, with an answer that suits them.
func everyCall() []apiCall {
	png := func() Media { return Media{Type: "image/png", Size: 3} }
	return []apiCall{
		{"Exchange", true, tokenAnswer, func(ctx context.Context, c *Client) error {
			_, err := c.Exchange(ctx, "canary-code", "canary-verifier")
			return err
		}},
		{"Refresh", true, tokenAnswer, func(ctx context.Context, c *Client) error { _, err := c.Refresh(ctx, canary); return err }},
		{"Revoke", false, `{"revoked":true}`, func(ctx context.Context, c *Client) error { return c.Revoke(ctx, canary, HintRefresh) }},
		{"CreatePost", true, `{"data":{"id":"1","text":"hi"}}`, func(ctx context.Context, c *Client) error {
			_, _, err := c.CreatePost(ctx, canary, Post{Text: "hi", ReplyTo: "7", MediaIDs: []string{"8"}, ReplySettings: "following"})
			return err
		}},
		{"DeletePost", true, `{"data":{"deleted":true}}`, func(ctx context.Context, c *Client) error { _, err := c.DeletePost(ctx, canary, "1"); return err }},
		{"UserPosts", false, `{"meta":{"result_count":0}}`, func(ctx context.Context, c *Client) error {
			_, _, err := c.UserPosts(ctx, canary, "1", "2", 5)
			return err
		}},
		{"Mentions", false, `{"meta":{"result_count":0}}`, func(ctx context.Context, c *Client) error {
			_, _, err := c.Mentions(ctx, canary, "1", PostsOptions{SinceID: "2", Max: 7, Token: "page"})
			return err
		}},
		{"LookupPost", false, `{"data":{"id":"1","text":"hi"}}`, func(ctx context.Context, c *Client) error { _, _, err := c.LookupPost(ctx, canary, "1"); return err }},
		{"Me", false, userAnswer, func(ctx context.Context, c *Client) error { _, err := c.Me(ctx, canary); return err }},
		{"LookupUser", false, userAnswer, func(ctx context.Context, c *Client) error { _, err := c.LookupUser(ctx, canary, "1"); return err }},
		{"LookupUsername", false, userAnswer, func(ctx context.Context, c *Client) error { _, err := c.LookupUsername(ctx, canary, "ada"); return err }},
		{"SendDM", true, `{"data":{"dm_conversation_id":"1-2","dm_event_id":"3"}}`, func(ctx context.Context, c *Client) error {
			_, _, err := c.SendDM(ctx, canary, "1", DM{Text: "hi", MediaID: "9"})
			return err
		}},
		{"SendDMTo", true, `{"data":{"dm_conversation_id":"1-2","dm_event_id":"3"}}`, func(ctx context.Context, c *Client) error {
			_, _, err := c.SendDMTo(ctx, canary, "1-2", DM{Text: "hi"})
			return err
		}},
		{"DMEvents", false, `{"meta":{"result_count":0}}`, func(ctx context.Context, c *Client) error {
			_, _, err := c.DMEvents(ctx, canary, DMOptions{Max: 10, Token: "0123456789abcdef"})
			return err
		}},
		{"DMEventsWith", false, `{"meta":{"result_count":0}}`, func(ctx context.Context, c *Client) error {
			_, _, err := c.DMEventsWith(ctx, canary, "1", DMOptions{Types: []string{"MessageCreate", "ParticipantsJoin"}})
			return err
		}},
		{"DMEventsIn", false, `{"meta":{"result_count":0}}`, func(ctx context.Context, c *Client) error {
			_, _, err := c.DMEventsIn(ctx, canary, "1-2", DMOptions{})
			return err
		}},
		{"DMEventsSince", false, `{"meta":{"result_count":0}}`, func(ctx context.Context, c *Client) error {
			_, _, _, err := c.DMEventsSince(ctx, canary, "1", 2, DMOptions{})
			return err
		}},
		{"DMMedia", false, `bytes`, func(ctx context.Context, c *Client) error {
			_, _, err := c.DMMedia(ctx, canary, "1", "2", "file", 100)
			return err
		}},
		{"OpenMedia", false, `bytes`, func(ctx context.Context, c *Client) error {
			d, _, err := c.OpenMedia(ctx, canary, "https://ton.twitter.com/1.1/ton/data/dm/1/2/file")
			if err == nil {
				_, err = io.Copy(io.Discard, d.Body)
				_ = d.Body.Close()
			}
			return err
		}},
		{"UploadMedia image", false, `{"data":{"id":"5","media_key":"3_5"}}`, func(ctx context.Context, c *Client) error {
			_, err := c.UploadMedia(ctx, canary, strings.NewReader("png"), png())
			return err
		}},
		{"UploadMedia video", false, `{"data":{"id":"5","media_key":"7_5"}}`, func(ctx context.Context, c *Client) error {
			_, err := c.UploadMedia(ctx, canary, strings.NewReader("mp4"), Media{Type: "video/mp4", Category: DMVideo, Size: 3})
			return err
		}},
		{"SetAltText", false, `{"data":{"id":"5"}}`, func(ctx context.Context, c *Client) error { return c.SetAltText(ctx, canary, "5", "a dog") }},
		{"Webhooks", false, `{"meta":{"result_count":0}}`, func(ctx context.Context, c *Client) error { _, err := c.Webhooks(ctx); return err }},
		{"CreateWebhook", true, `{"data":{"id":"1","url":"https://a.example/x","valid":true}}`, func(ctx context.Context, c *Client) error {
			_, err := c.CreateWebhook(ctx, "https://a.example/x")
			return err
		}},
		{"ValidateWebhook", false, `{"data":{"attempted":true}}`, func(ctx context.Context, c *Client) error { return c.ValidateWebhook(ctx, "1") }},
		{"DeleteWebhook", false, `{"data":{"deleted":true}}`, func(ctx context.Context, c *Client) error { return c.DeleteWebhook(ctx, "1") }},
		{"Subscribe", false, `{"data":{"subscription":{"subscription_id":"1","event_type":"dm.received"}}}`, func(ctx context.Context, c *Client) error {
			_, err := c.Subscribe(ctx, canary, Subscription{EventType: EventDMReceived, UserID: "2", Direction: "inbound", Tag: "perch", WebhookID: "4"})
			return err
		}},
		{"Subscriptions", false, `{"meta":{"result_count":0}}`, func(ctx context.Context, c *Client) error { _, err := c.Subscriptions(ctx); return err }},
		{"DeleteSubscription", false, `{"data":{"deleted":true}}`, func(ctx context.Context, c *Client) error { return c.DeleteSubscription(ctx, "1") }},
	}
}

const (
	tokenAnswer = `{"token_type":"bearer","expires_in":7200,"access_token":"new-access","scope":"tweet.read dm.read","refresh_token":"new-refresh"}`
	userAnswer  = `{"data":{"id":"1","name":"Ada","username":"ada"}}`
)

// answering writes a status, headers and a body.
func answering(status int, body string, header ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.Header().Set("Content-Type", "application/json")
		for i := 0; i+1 < len(header); i += 2 {
			w.Header().Set(header[i], header[i+1])
		}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}

// asError fails unless err is a typed error with a sentence for people.
func asError(t *testing.T, err error) *Error {
	t.Helper()
	var e *Error
	if !errors.As(err, &e) {
		t.Fatalf("got error %v (%T), want an *Error", err, err)
	}
	if e.Message == "" || e.Op == "" || e.Code == "" {
		t.Errorf("error %#v lacks an operation, a code or a sentence for people", e)
	}
	return e
}
