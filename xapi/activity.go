package xapi

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"time"
)

// The events of the X Activity API that Perch asks for,
// https://docs.x.com/x-api/activity/introduction.
const (
	EventDMReceived   = "dm.received"
	EventDMSent       = "dm.sent"
	EventDMRead       = "dm.read"
	EventDMTyping     = "dm.indicate_typing"
	EventChatReceived = "chat.received"
	EventMention      = "post.mention.create"
	EventPost         = "post.create"
	EventPostDelete   = "post.delete"
	EventReply        = "post.reply.create"
	EventRevoke       = "oauth.revoke"
)

// Subscription asks for the events of one type of one user.
type Subscription struct {
	ID        string
	EventType string
	UserID    string
	Direction string // "inbound", "outbound" or both
	Tag       string
	WebhookID string // without it only the stream gets the events
	CreatedAt time.Time
}

type wireSubscription struct {
	ID        id     `json:"subscription_id"`
	EventType string `json:"event_type"`
	Filter    struct {
		UserID    id     `json:"user_id"`
		Direction string `json:"direction"`
	} `json:"filter"`
	Tag       string `json:"tag"`
	WebhookID id     `json:"webhook_id"`
	CreatedAt stamp  `json:"created_at"`
}

func (w wireSubscription) subscription() Subscription {
	return Subscription{
		ID: string(w.ID), EventType: w.EventType, UserID: string(w.Filter.UserID), Direction: w.Filter.Direction,
		Tag: w.Tag, WebhookID: string(w.WebhookID), CreatedAt: w.CreatedAt.Time,
	}
}

// Subscribe asks for events with the token of the user they are about; without
// one it uses the app-only token, which X takes for public events.
func (c *Client) Subscribe(ctx context.Context, access string, s Subscription) (*Subscription, error) {
	const op = "subscribe"
	if s.EventType == "" || !validID(s.UserID) || (s.WebhookID != "" && !validID(s.WebhookID)) {
		return nil, invalid(op, "a subscription needs an event type, a user's id, and a webhook's id that is one")
	}
	type filter struct {
		UserID    string `json:"user_id"`
		Direction string `json:"direction,omitempty"`
	}
	body := struct {
		EventType string `json:"event_type"`
		Filter    filter `json:"filter"`
		Tag       string `json:"tag,omitempty"`
		WebhookID string `json:"webhook_id,omitempty"`
	}{s.EventType, filter{s.UserID, s.Direction}, s.Tag, s.WebhookID}
	var out struct {
		Data   lenientSubscriptions `json:"data"`
		Errors []problem            `json:"errors"`
	}
	// Another one for the same event and user is refused or the same: harmless.
	k := &call{op: op, method: http.MethodPost, path: "/2/activity/subscriptions", body: body, out: &out, bearer: access, harmless: true}
	var limits Limits
	var err error
	if access == "" {
		limits, err = c.app(ctx, k)
	} else {
		limits, err = c.do(ctx, k)
	}
	if err != nil {
		return nil, err
	}
	for _, w := range out.Data {
		if got := w.subscription(); got.ID != "" && (got.EventType == s.EventType || got.EventType == "") {
			got.EventType, got.UserID = s.EventType, orElse(got.UserID, s.UserID)
			return &got, nil
		}
	}
	return nil, c.empty(k, limits, out.Errors)
}

// lenientSubscriptions reads the three documented forms of the answer: a list,
// one subscription, and one below "subscription".
type lenientSubscriptions []wireSubscription

func (l *lenientSubscriptions) UnmarshalJSON(b []byte) error {
	if bytes.HasPrefix(bytes.TrimSpace(b), []byte("[")) {
		var list []wireSubscription
		if err := json.Unmarshal(b, &list); err != nil && !typeError(err) {
			return err
		}
		*l = list
		return nil
	}
	var one struct {
		wireSubscription
		Below *wireSubscription `json:"subscription"`
	}
	if err := json.Unmarshal(b, &one); err != nil && !typeError(err) {
		return err
	}
	if one.Below != nil {
		*l = lenientSubscriptions{*one.Below}
		return nil
	}
	*l = lenientSubscriptions{one.wireSubscription}
	return nil
}

// maxSubscriptionPages is more than a self-serve app's 1500 subscriptions fill.
const maxSubscriptionPages = 20

// Subscriptions lists all of the app's subscriptions.
func (c *Client) Subscriptions(ctx context.Context) ([]Subscription, error) {
	var all []Subscription
	q := url.Values{}
	for range maxSubscriptionPages {
		var out struct {
			Data lenientSubscriptions `json:"data"`
			Meta wireMeta             `json:"meta"`
		}
		if _, err := c.app(ctx, &call{op: "list subscriptions", method: http.MethodGet, path: "/2/activity/subscriptions", query: q, out: &out}); err != nil {
			return nil, err
		}
		for _, w := range out.Data {
			if s := w.subscription(); s.ID != "" {
				all = append(all, s)
			}
		}
		if out.Meta.NextToken == "" {
			break
		}
		q = url.Values{"pagination_token": {out.Meta.NextToken}}
	}
	return all, nil
}

// DeleteSubscription ends a subscription.
func (c *Client) DeleteSubscription(ctx context.Context, subscriptionID string) error {
	const op = "unsubscribe"
	if !validID(subscriptionID) {
		return invalid(op, "the id of the subscription is no id")
	}
	return c.flagged(ctx, &call{op: op, method: http.MethodDelete, path: "/2/activity/subscriptions/" + subscriptionID, harmless: true})
}
