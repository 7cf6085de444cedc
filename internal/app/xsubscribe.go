package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/perch-chat/perch/internal/accounts"
	"github.com/perch-chat/perch/internal/outbox"
	"github.com/perch-chat/perch/xapi"
)

// wanted are the events Perch asks X for.
func wanted(typing bool) []string {
	all := []string{
		xapi.EventDMReceived, xapi.EventDMSent, xapi.EventChatReceived, xapi.EventMention, xapi.EventPostDelete, xapi.EventRevoke,
	}
	if typing { // X asks nothing for it
		all = append(all, xapi.EventDMTyping)
	}
	return all
}

// xSubscribe has X deliver an account's events to Perch's webhook. What is
// there already is left as it is, so it may be repeated.
type xSubscribe struct {
	*xs
	outbox.Repeatable
	url string // of the webhook; empty: Perch only polls
	own bool   // every webhook of the app is Perch's: those of older addresses make room

	typing bool // a chat shows that customers write
}

var _ outbox.Reconciler = xSubscribe{}

// ourTag marks the subscriptions that Perch made.
const ourTag = "perch"

// subscribed is what came of it.
type subscribed struct {
	Webhook string   `json:"webhook,omitempty"`
	Events  []string `json:"events,omitempty"`
	Refused []string `json:"refused,omitempty"` // event types that X does not offer this app
}

func (s xSubscribe) Do(ctx context.Context, a outbox.Action) (outbox.Receipt, error) {
	if s.url == "" {
		return receipt(subscribed{})
	}
	var x accounts.XSubscribe
	if err := json.Unmarshal(a.Payload, &x); err != nil {
		return outbox.Receipt{}, unreadable(err)
	}
	hook, err := s.webhook(ctx)
	if err != nil {
		return outbox.Receipt{}, s.refused(x.Account, err)
	}
	have, err := s.x.Subscriptions(ctx)
	if err != nil {
		return outbox.Receipt{}, s.refused(x.Account, err)
	}
	if have, err = s.dropLost(ctx, have, x.Account, hook.ID); err != nil {
		return outbox.Receipt{}, s.refused(x.Account, err)
	}
	out := subscribed{Webhook: hook.ID}
	for _, event := range wanted(s.typing) {
		if slices.ContainsFunc(have, func(h xapi.Subscription) bool {
			return h.EventType == event && h.UserID == x.Account && h.WebhookID == hook.ID
		}) {
			out.Events = append(out.Events, event)
			continue
		}
		err := s.as(ctx, x.Account, func(access string) error {
			_, err := s.x.Subscribe(ctx, access, xapi.Subscription{EventType: event, UserID: x.Account, Tag: ourTag, WebhookID: hook.ID})
			return err
		})
		var e *xapi.Error
		switch {
		case err == nil:
			out.Events = append(out.Events, event)
		case errors.As(err, &e) && !e.Temporary() && !e.Uncertain && event != xapi.EventDMReceived &&
			(e.Code == xapi.CodeInvalidRequest || e.Code == xapi.CodeForbidden || e.Code == xapi.CodeUnsupportedAuth):
			out.Refused = append(out.Refused, event) // not every app is offered every event; polling fills in
		default:
			return outbox.Receipt{}, s.refused(x.Account, fmt.Errorf("subscribe to %s: %w", event, err))
		}
	}
	return receipt(out)
}

// dropLost deletes the account's subscriptions that were to a webhook which is
// gone: X would take the new ones for duplicates of them.
func (s xSubscribe) dropLost(ctx context.Context, have []xapi.Subscription, account, hook string) ([]xapi.Subscription, error) {
	hooks, err := s.x.Webhooks(ctx)
	if err != nil {
		return nil, err
	}
	lives := map[string]bool{hook: true}
	for _, h := range hooks {
		lives[h.ID] = true
	}
	var kept []xapi.Subscription
	for _, h := range have {
		theirs := h.WebhookID == "" && h.Tag != ourTag // somebody's stream
		if h.UserID != account || lives[h.WebhookID] || theirs {
			kept = append(kept, h)
			continue
		}
		var e *xapi.Error
		if err := s.x.DeleteSubscription(ctx, h.ID); err != nil && (!errors.As(err, &e) || e.Code != xapi.CodeNotFound) {
			return nil, err
		}
	}
	return kept, nil
}

// webhook finds Perch's webhook, makes it, or has X call it again if X gave up on it.
func (s xSubscribe) webhook(ctx context.Context) (xapi.Webhook, error) {
	hooks, err := s.x.Webhooks(ctx)
	if err != nil {
		return xapi.Webhook{}, err
	}
	for _, h := range hooks {
		if h.URL != s.url {
			continue
		}
		if !h.Valid {
			if err := s.x.ValidateWebhook(ctx, h.ID); err != nil {
				return xapi.Webhook{}, err
			}
		}
		return h, nil
	}
	if s.own {
		for _, h := range hooks {
			if err := s.x.DeleteWebhook(ctx, h.ID); err != nil {
				return xapi.Webhook{}, err
			}
		}
	}
	h, err := s.x.CreateWebhook(ctx, s.url)
	var e *xapi.Error
	if errors.As(err, &e) && e.Code == xapi.CodeWebhookLimit && len(hooks) > 0 {
		return xapi.Webhook{}, rejected(string(e.Code), fmt.Sprintf("X delivers this app's events to %s and allows one address only. "+
			"If that is an older address of this Perch, delete it in the X developer console and press Retry. "+
			"If another Perch uses it, give each an app of its own. Until then Perch reads messages every few minutes.", hooks[0].URL), err)
	}
	if err != nil {
		return xapi.Webhook{}, err
	}
	return *h, nil
}

// refused is fate that treats what may have had its effect as what surely had none: what X has
// already is found the next time.
func (s xSubscribe) refused(account string, err error) error {
	err = s.fate(account, "subscribe", err)
	var e *outbox.Error
	if errors.As(err, &e) && e.Outcome == outbox.Uncertain {
		e.Outcome = outbox.Later
	}
	return err
}

// xRevoke gives a grant back at X and forgets its tokens. It may be repeated.
type xRevoke struct {
	*xs
	outbox.Repeatable
}

var _ outbox.Reconciler = xRevoke{}

func (r xRevoke) Do(ctx context.Context, a outbox.Action) (outbox.Receipt, error) {
	var x accounts.XRevoke
	if err := json.Unmarshal(a.Payload, &x); err != nil {
		return outbox.Receipt{}, unreadable(err)
	}
	if err := r.acc.Revoke(ctx, x); err != nil {
		out := &outbox.Error{Outcome: outbox.Later, Err: err, Failure: outbox.Failure{
			Code: "revoke_failed", Message: "X did not take the access back yet. Perch tries again by itself.",
		}}
		var e *xapi.Error
		if errors.As(err, &e) && !e.Temporary() && !e.Uncertain {
			out.Outcome = outbox.Rejected
			out.Failure = outbox.Failure{Code: string(e.Code), Message: e.Message + " You can take the access back yourself at x.com/settings/connected_apps."}
		}
		return outbox.Receipt{}, out
	}
	return outbox.Receipt{}, nil
}
