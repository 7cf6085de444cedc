package xapi

import (
	"bytes"
	"encoding/json"
)

// envelope is what the X Activity API puts around every event.
type envelope struct {
	UUID   id     `json:"event_uuid"`
	Type   string `json:"event_type"`
	Filter struct {
		UserID id `json:"user_id"`
	} `json:"filter"`
	Payload  json.RawMessage `json:"payload"`
	Includes includes        `json:"includes"`
}

// includes are the objects that an event speaks of.
type includes struct {
	Users wireUsers   `json:"users"`
	Media []wireMedia `json:"media"`
}

// decodeXAA reads the value of "data": an envelope, or several. It reports
// false if it is none.
func decodeXAA(data json.RawMessage) ([]Event, bool) {
	list := []json.RawMessage{data}
	if bytes.HasPrefix(bytes.TrimSpace(data), []byte("[")) {
		list = nil
		if !lenient(data, &list) || len(list) == 0 {
			return nil, false
		}
	}
	var events []Event
	for _, one := range list {
		var env envelope
		if !lenient(one, &env) || env.Type == "" {
			if len(list) == 1 {
				return nil, false
			}
			events = append(events, Event{Kind: Unknown, Raw: bytes.Clone(one)})
			continue
		}
		events = append(events, env.events(one)...)
	}
	return events, true
}

// payload holds what the payloads of all types have, each its part.
type payload struct {
	DMs      json.RawMessage `json:"direct_message_events"`
	Users    wireUsers       `json:"users"`
	Includes includes        `json:"includes"`

	ID        id    `json:"id"`
	IDStr     id    `json:"id_str"`
	PostID    id    `json:"post_id"`
	TweetID   id    `json:"tweet_id"`
	UserID    id    `json:"user_id"`
	UserIDStr id    `json:"user_id_str"`
	AuthorID  id    `json:"author_id"`
	SenderID  id    `json:"sender_id"`
	DateTime  stamp `json:"date_time"`
	CreatedMS stamp `json:"created_at_msec"`
	Timestamp stamp `json:"timestamp_ms"`

	Conversation string     `json:"conversation_id"`
	Status       *wireGone  `json:"status"`
	Reads        []wireRead `json:"direct_message_mark_read_events"`
	Typings      []wireRead `json:"direct_message_indicate_typing_events"`
}

func (env envelope) events(raw json.RawMessage) []Event {
	base := Event{Type: clip(env.Type, 100), Account: string(env.Filter.UserID), UUID: string(env.UUID)}
	unknown := func() []Event {
		e := base
		e.Kind, e.Raw = Unknown, bytes.Clone(raw)
		return []Event{e}
	}
	var p payload
	if !lenient(env.Payload, &p) {
		return unknown()
	}
	base.Users = merge(env.Includes.Users, p.Includes.Users, p.Users)
	switch env.Type {
	case EventDMReceived, EventDMSent:
		kind := DMReceived
		if env.Type == EventDMSent {
			kind = DMSent
		}
		if events := directMessages(p.DMs, base, kind); len(events) > 0 {
			return events
		}
	case EventDMRead, EventDMTyping:
		return p.signals(base, env.Type)
	case EventChatReceived:
		return []Event{p.chat(base)}
	case EventMention, EventReply, EventPost, "post.quote.create":
		if e, ok := env.post(base); ok {
			return []Event{e}
		}
	case EventPostDelete:
		if e := p.deleted(base); e.ID != "" {
			return []Event{e}
		}
	case EventRevoke:
		e := base
		e.Kind, e.UserID, e.At = Revoked, orElse(firstID(p.UserIDStr, p.UserID), base.Account), p.DateTime.Time
		e.Account = orElse(e.Account, e.UserID)
		return []Event{e}
	}
	return unknown()
}

// signals are the readings and the typing, of which only who and when matter.
func (p payload) signals(base Event, typ string) []Event {
	e := base
	list := p.Typings
	e.Kind = Typing
	if typ == EventDMRead {
		e.Kind, list = DMRead, p.Reads
	}
	e.UserID, e.ID, e.At = firstID(p.SenderID, p.UserIDStr, p.UserID), firstID(p.IDStr, p.ID), p.Timestamp.Time
	if len(list) == 0 {
		return []Event{e}
	}
	return signals(e, list)
}

func (p payload) chat(base Event) Event {
	e := base
	chat := Chat{ID: firstID(p.IDStr, p.ID), ConversationID: p.Conversation, SenderID: string(p.SenderID), At: p.CreatedMS.Time}
	e.Kind, e.ID, e.UserID, e.At, e.Chat = EncryptedChat, chat.ID, chat.SenderID, chat.At, &chat
	return e
}

func (p payload) deleted(base Event) Event {
	e := base
	e.Kind, e.ID, e.At = Deleted, firstID(p.IDStr, p.PostID, p.TweetID, p.ID), p.Timestamp.Time
	e.UserID = firstID(p.UserIDStr, p.UserID, p.AuthorID)
	if p.Status != nil {
		e.ID = orElse(e.ID, firstID(p.Status.IDStr, p.Status.ID))
		e.UserID = orElse(e.UserID, firstID(p.Status.UserStr, p.Status.User))
	}
	e.UserID = orElse(e.UserID, e.Account)
	return e
}

// post reads a payload that is a post. What kind of event it is, the post
// decides: only one that names the account explicitly may be answered.
func (env envelope) post(base Event) (Event, bool) {
	var w wireTweet
	if !lenient(env.Payload, &w) {
		return Event{}, false
	}
	media := map[string]Attachment{}
	for _, m := range env.Includes.Media {
		media[m.Key] = m.attachment()
	}
	t := w.tweet(base.Users, media)
	if t.ID == "" {
		return Event{}, false
	}
	e := base
	e.ID, e.UserID, e.At, e.Post = t.ID, t.AuthorID, t.CreatedAt, &t
	switch {
	case t.AuthorID != "" && t.AuthorID == e.Account:
		e.Kind = Posted
	case t.RepostOf != "":
		return Event{}, false // a repeat of our words is no word to us
	case t.Mentions(e.Account), env.Type == EventMention:
		e.Kind = Mention
	case env.Type == EventPost:
		e.Kind = Posted
	default:
		e.Kind = Reply
	}
	return e, true
}
