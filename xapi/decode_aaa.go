package xapi

import (
	"encoding/json"
	"regexp"
)

// accountActivity is a delivery of the Account Activity API, deprecated but
// delivered to those who have it.
type accountActivity struct {
	Account id        `json:"for_user_id"`
	Users   wireUsers `json:"users"`

	DMs     json.RawMessage   `json:"direct_message_events"`
	Reads   []wireRead        `json:"direct_message_mark_read_events"`
	Typings []wireRead        `json:"direct_message_indicate_typing_events"`
	Posts   []json.RawMessage `json:"tweet_create_events"`
	Gone    []struct {
		Status wireGone `json:"status"`
		At     stamp    `json:"timestamp_ms"`
	} `json:"tweet_delete_events"`
	UserEvent struct {
		Revoke *struct {
			At     stamp `json:"date_time"`
			Source struct {
				UserID id `json:"user_id"`
			} `json:"source"`
		} `json:"revoke"`
	} `json:"user_event"`
}

type wireGone struct {
	ID      id `json:"id"`
	IDStr   id `json:"id_str"`
	User    id `json:"user_id"`
	UserStr id `json:"user_id_str"`
}

type wireRead struct {
	At       stamp `json:"created_timestamp"`
	Sender   id    `json:"sender_id"`
	LastRead id    `json:"last_read_event_id"`
}

// signals makes an event of each reading or typing.
func signals(base Event, list []wireRead) []Event {
	var events []Event
	for _, r := range list {
		e := base
		e.UserID, e.ID, e.At = string(r.Sender), string(r.LastRead), r.At.Time
		events = append(events, e)
	}
	return events
}

// decodeAAA reads a delivery whose parts lie at the top. Parts that it does
// not know become Unknown events beside the others.
func decodeAAA(body []byte, top map[string]json.RawMessage) ([]Event, bool) {
	var a accountActivity
	if !lenient(body, &a) {
		return nil, false
	}
	var events []Event
	known := map[string]bool{"for_user_id": true, "users": true, "apps": true, "user_has_blocked": true, "user_event": true}
	base := func(key string) Event {
		known[key] = true
		return Event{Type: key, Account: string(a.Account), Users: a.Users}
	}
	events = append(events, directMessages(a.DMs, base("direct_message_events"), DMReceived)...)

	read := base("direct_message_mark_read_events")
	read.Kind = DMRead
	events = append(events, signals(read, a.Reads)...)
	typing := base("direct_message_indicate_typing_events")
	typing.Kind = Typing
	events = append(events, signals(typing, a.Typings)...)

	post := base("tweet_create_events")
	for _, raw := range a.Posts {
		events = append(events, firstPost(raw, post))
	}
	for _, g := range a.Gone {
		e := base("tweet_delete_events")
		e.Kind, e.ID, e.UserID, e.At = Deleted, firstID(g.Status.IDStr, g.Status.ID), firstID(g.Status.UserStr, g.Status.User), g.At.Time
		if e.ID != "" {
			events = append(events, e)
		}
	}
	if r := a.UserEvent.Revoke; r != nil {
		e := base("user_event")
		e.Kind, e.UserID, e.At = Revoked, string(r.Source.UserID), r.At.Time
		e.Account = orElse(e.Account, e.UserID)
		events = append(events, e)
	}
	if a.Account == "" && len(events) == 0 {
		return nil, false
	}
	for key, raw := range top {
		if !known[key] {
			e := base(clip(key, 100))
			e.Kind, e.Raw = Unknown, raw
			events = append(events, e)
		}
	}
	if len(events) == 0 {
		return nil, false
	}
	return events, true
}

// wireStatus is a post as X's first API writes it.
type wireStatus struct {
	ID        id           `json:"id"`
	IDStr     id           `json:"id_str"`
	Text      string       `json:"text"`
	FullText  string       `json:"full_text"`
	CreatedAt stamp        `json:"created_at"`
	ReplyTo   id           `json:"in_reply_to_status_id"`
	ReplyStr  id           `json:"in_reply_to_status_id_str"`
	ReplyUser id           `json:"in_reply_to_user_id"`
	ReplyUStr id           `json:"in_reply_to_user_id_str"`
	Quoted    id           `json:"quoted_status_id"`
	QuotedStr id           `json:"quoted_status_id_str"`
	User      wireUser     `json:"user"`
	Entities  wireEntities `json:"entities"`
	ExtEnt    wireEntities `json:"extended_entities"`
	Repeated  *struct {
		ID    id `json:"id"`
		IDStr id `json:"id_str"`
	} `json:"retweeted_status"`
	Extended *struct { // of truncated ones
		FullText string       `json:"full_text"`
		Entities wireEntities `json:"entities"`
		ExtEnt   wireEntities `json:"extended_entities"`
	} `json:"extended_tweet"`
}

// firstPost makes an event of a post in the form of X's first API.
func firstPost(raw json.RawMessage, base Event) Event {
	e := base
	var w wireStatus
	if !lenient(raw, &w) || firstID(w.IDStr, w.ID) == "" {
		e.Kind, e.Raw = Unknown, raw
		return e
	}
	t := w.tweet()
	e.ID, e.UserID, e.At, e.Post = t.ID, t.AuthorID, t.CreatedAt, &t
	if t.Author != nil {
		e.Users = merge(base.Users, map[string]User{t.Author.ID: *t.Author})
	}
	switch {
	case t.AuthorID == e.Account:
		e.Kind = Posted
	case t.RepostOf != "":
		e.Kind, e.Post, e.Raw = Unknown, nil, raw
	case t.Mentions(e.Account):
		e.Kind = Mention
	default:
		e.Kind = Reply
	}
	return e
}

func (w wireStatus) tweet() Tweet {
	text, entities, extended := orElse(w.FullText, w.Text), w.Entities, w.ExtEnt
	if x := w.Extended; x != nil && x.FullText != "" {
		text, entities, extended = x.FullText, x.Entities, x.ExtEnt
	}
	if len(extended.Media) > 0 { // the other list has only the first
		entities.Media = extended.Media
	}
	t := Tweet{
		ID:            firstID(w.IDStr, w.ID),
		CreatedAt:     w.CreatedAt.Time,
		InReplyToID:   firstID(w.ReplyStr, w.ReplyTo),
		InReplyToUser: firstID(w.ReplyUStr, w.ReplyUser),
		QuotedID:      firstID(w.QuotedStr, w.Quoted),
		Mentioned:     entities.mentioned(),
		Links:         entities.links(),
	}
	if u := w.User.user(); u.ID != "" {
		t.Author, t.AuthorID = &u, u.ID
	}
	if w.Repeated != nil {
		t.RepostOf = firstID(w.Repeated.IDStr, w.Repeated.ID)
	}
	for _, m := range entities.Media {
		t.Media = append(t.Media, m.attachment())
	}
	t.Text = readable(text, entities, len(t.Media) > 0)
	return t
}

var postAddress = regexp.MustCompile(`^https?://(?:mobile\.)?(?:x|twitter)\.com/(?:i/web|[A-Za-z0-9_]{1,15})/status/([0-9]{1,19})(?:[/?#]|$)`)

// postID finds the id in the address of a post.
func postID(address string) string {
	if m := postAddress.FindStringSubmatch(address); m != nil {
		return m[1]
	}
	return ""
}
