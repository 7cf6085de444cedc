package xfake

import (
	"net/http"
	"slices"
	"strings"
	"time"
)

// maxSubscriptions is what self-serve allows.
const maxSubscriptions = 1500

// SubscriptionShape is one of the three ways X documents the answer to a new
// subscription.
type SubscriptionShape int

// The documented shapes.
const (
	// ShapeSpec is data.subscription, as the specification says.
	ShapeSpec SubscriptionShape = iota
	// ShapeObject is data, as one guide says.
	ShapeObject
	// ShapeArray is data[0], as another says.
	ShapeArray
)

// SetSubscriptionShape chooses how new subscriptions are answered.
func (s *Server) SetSubscriptionShape(sh SubscriptionShape) { s.set(func() { s.shape = sh }) }

type subscription struct {
	ID        string            `json:"subscription_id"`
	EventType string            `json:"event_type"`
	Filter    map[string]string `json:"filter"`
	Tag       string            `json:"tag,omitempty"`
	WebhookID string            `json:"webhook_id,omitempty"`
	Created   time.Time         `json:"created_at"`
	Updated   time.Time         `json:"updated_at"`
}

// Subscription is an X Activity subscription.
type Subscription struct {
	ID, EventType, UserID, Tag, WebhookID string
}

// Subscriptions lists the X Activity subscriptions.
func (s *Server) Subscriptions() []Subscription {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []Subscription
	for _, id := range sortedKeys(s.st.Subs) {
		x := s.st.Subs[id]
		out = append(out, Subscription{x.ID, x.EventType, x.Filter["user_id"], x.Tag, x.WebhookID})
	}
	return out
}

func (s *Server) eventTypes() []string {
	all := []string{
		"profile.update.bio", "profile.update.profile_picture", "profile.update.banner_picture", "profile.update.screenname",
		"profile.update.geo", "profile.update.url", "profile.update.verified_badge", "profile.update.affiliate_badge",
		"profile.update.handle", "news.new", "follow.follow", "follow.unfollow", "spaces.start", "spaces.end", "chat.received",
		"chat.sent", "chat.conversation_join", "dm.sent", "dm.received", "dm.indicate_typing", "dm.read", "post.create",
		"post.delete", "post.mention.create", "post.reply.create", "post.quote.create", "post.repost.create", "like.create",
	}
	if !s.opt.RefuseRevokeSubscription {
		all = append(all, "oauth.revoke")
	}
	return all
}

// scopeOf is the scope an event needs; private events need the user's token.
func scopeOf(event string) (scope string, private bool) {
	switch {
	case strings.HasPrefix(event, "dm."), strings.HasPrefix(event, "chat."):
		return "dm.read", true
	case strings.HasPrefix(event, "like."):
		return "like.read", true
	case event == "post.mention.create", event == "post.reply.create", event == "oauth.revoke":
		return "tweet.read", true
	default:
		return "tweet.read", false
	}
}

func (s *Server) postSubscription(c *call) reply {
	var q struct {
		EventType string `json:"event_type"`
		Filter    *struct {
			UserID    string `json:"user_id"`
			Direction string `json:"direction"`
			Keyword   string `json:"keyword"`
		} `json:"filter"`
		Tag       string `json:"tag"`
		WebhookID string `json:"webhook_id"`
	}
	if rep, ok := decodeStrict(c, &q); !ok {
		return rep
	}
	all := s.eventTypes()
	switch {
	case !slices.Contains(all, q.EventType):
		return invalid("event_type", q.EventType, "$.event_type: does not have a value in the enumeration [%s]", strings.Join(all, ", "))
	case q.Filter == nil:
		return invalid("filter", "", "$.filter: is missing but it is required")
	case q.Filter.Keyword == "" && !isID(q.Filter.UserID):
		return invalid("filter.user_id", q.Filter.UserID, "$.filter.user_id: does not match the regex pattern ^[0-9]{1,19}$")
	case q.Filter.Direction != "" && q.Filter.Direction != "inbound" && q.Filter.Direction != "outbound":
		return invalid("filter.direction", q.Filter.Direction, "$.filter.direction: does not have a value in the enumeration [inbound, outbound]")
	case len(q.Tag) > 200:
		return invalid("tag", q.Tag, "$.tag: must be at most 200 characters long")
	case q.WebhookID != "" && s.st.Webhooks[q.WebhookID] == nil:
		return webhookError(http.StatusBadRequest, "WebhookIdInvalid", "there is no webhook "+q.WebhookID)
	}
	scope, private := scopeOf(q.EventType)
	switch {
	case c.app && private:
		return unsupportedAuth("OAuth 2.0 Application-Only", "OAuth 1.0a User Context", "OAuth 2.0 User Context")
	case !c.app && !slices.Contains(c.grant.Scopes, scope):
		return forbidden("Forbidden")
	case !c.app && private && q.Filter.UserID != c.user.ID:
		return forbidden("You are not authorized to subscribe to this event for the given user.")
	case len(s.st.Subs) >= maxSubscriptions:
		return blank(http.StatusForbidden, "Forbidden", "SubscriptionLimitExceeded")
	}
	filter := map[string]string{}
	for k, v := range map[string]string{"user_id": q.Filter.UserID, "direction": q.Filter.Direction, "keyword": q.Filter.Keyword} {
		if v != "" {
			filter[k] = v
		}
	}
	for _, o := range s.st.Subs {
		if o.EventType == q.EventType && o.Filter["user_id"] == filter["user_id"] && o.Filter["direction"] == filter["direction"] && o.Filter["keyword"] == filter["keyword"] {
			return reply{status: http.StatusConflict, body: problem{
				Title: "Conflict", Detail: "DuplicateSubscriptionFailed: the subscription exists already.", Type: problems + "conflict", Status: http.StatusConflict,
			}}
		}
	}
	now := s.now()
	sub := &subscription{ID: s.st.nextID(now), EventType: q.EventType, Filter: filter, Tag: q.Tag, WebhookID: q.WebhookID, Created: now, Updated: now}
	s.st.Subs[sub.ID] = sub
	meta := map[string]int{"total_subscriptions": len(s.st.Subs)}
	var data any
	switch s.shape {
	case ShapeObject:
		data = sub
	case ShapeArray:
		data = []any{sub}
	default:
		data = map[string]any{"subscription": sub, "total_subscriptions_for_instance_id": len(s.st.Subs)}
	}
	return reply{status: http.StatusOK, body: map[string]any{"data": data, "meta": meta}}
}

func (s *Server) getSubscriptions(c *call) reply {
	pg, rep, ok := s.paging(c, 1, 1000, 1000)
	if !ok {
		return rep
	}
	var data []any
	meta := map[string]any{"total_subscriptions": len(s.st.Subs)}
	for _, id := range slices.Backward(sortedKeys(s.st.Subs)) {
		sub := s.st.Subs[id]
		if !c.app && sub.Filter["user_id"] != c.user.ID || pg.before != "" && !less(id, pg.before) {
			continue
		}
		if len(data) == pg.size {
			meta["next_token"] = pg.token(data[len(data)-1].(*subscription).ID)
			break
		}
		data = append(data, sub)
	}
	meta["result_count"] = len(data)
	body := map[string]any{"meta": meta}
	if data != nil {
		body["data"] = data
	}
	return reply{status: http.StatusOK, body: body}
}

func (s *Server) deleteSubscriptions(c *call) reply {
	ids, rep, ok := list(c, "ids")
	if !ok {
		return rep
	}
	return s.dropSubs(ids)
}

func (s *Server) deleteSubscription(c *call) reply {
	return s.dropSubs([]string{c.path["subscription_id"]})
}

func (s *Server) dropSubs(ids []string) reply {
	for _, id := range ids {
		if s.st.Subs[id] == nil {
			return reply{status: http.StatusNotFound, body: problem{
				Title: "Not Found Error", Detail: "There is no subscription " + id + ".", Type: problems + "resource-not-found", Status: http.StatusNotFound,
			}}
		}
	}
	for _, id := range ids {
		delete(s.st.Subs, id)
	}
	return reply{status: http.StatusOK, body: map[string]any{
		"data": map[string]bool{"deleted": true}, "meta": map[string]int{"total_subscriptions": len(s.st.Subs)},
	}}
}

func (s *Server) putSubscription(c *call) reply {
	var q struct {
		Tag       string `json:"tag"`
		WebhookID string `json:"webhook_id"`
	}
	if rep, ok := decodeStrict(c, &q); !ok {
		return rep
	}
	sub := s.st.Subs[c.path["subscription_id"]]
	switch {
	case sub == nil:
		return s.dropSubs([]string{c.path["subscription_id"]})
	case q.WebhookID != "" && s.st.Webhooks[q.WebhookID] == nil:
		return webhookError(http.StatusBadRequest, "WebhookIdInvalid", "there is no webhook "+q.WebhookID)
	}
	if q.Tag != "" {
		sub.Tag = q.Tag
	}
	if q.WebhookID != "" {
		sub.WebhookID = q.WebhookID
	}
	sub.Updated = s.now()
	return reply{status: http.StatusOK, body: map[string]any{"data": map[string]any{"subscription": sub, "total_subscriptions": len(s.st.Subs)}}}
}

// postAAA is the deprecated Account Activity subscription of a user.
func (s *Server) postAAA(c *call) reply {
	if s.st.Webhooks[c.path["webhook_id"]] == nil {
		return webhookError(http.StatusNotFound, "WebhookIdInvalid", "there is no webhook "+c.path["webhook_id"])
	}
	key := c.path["webhook_id"] + "/" + c.user.ID
	if s.st.AAASubs[key] {
		return blank(http.StatusConflict, "Conflict", "DuplicateSubscriptionFailed")
	}
	s.st.AAASubs[key] = true
	return reply{status: http.StatusOK, body: map[string]any{"data": map[string]bool{"subscribed": true}}}
}

func (s *Server) getAAA(c *call) reply {
	on := s.st.AAASubs[c.path["webhook_id"]+"/"+c.user.ID]
	return reply{status: http.StatusOK, body: map[string]any{"data": map[string]bool{"subscribed": on}}}
}
