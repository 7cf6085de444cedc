package xfake

import (
	"encoding/base64"
	"encoding/json"
	"strconv"
	"strings"
	"time"
)

// Payload is the generation of webhook bodies.
type Payload int

// The generations.
const (
	// PayloadXAA is the X Activity API's envelope.
	PayloadXAA Payload = iota
	// PayloadAAA is the deprecated Account Activity API's.
	PayloadAAA
)

// SetPayload chooses how events are written.
func (s *Server) SetPayload(p Payload) { s.set(func() { s.payload = p }) }

// event is one thing that happened to one subscribed user.
type event struct {
	kind   string
	userID string
	uuid   string
	at     time.Time
	// xaa and aaa are the two ways of saying it; a nil one is not sent.
	xaa, includes map[string]any
	aaa           map[string]any
}

// emit queues the event for every subscription it fits.
func (s *Server) emit(e event) {
	e.at = s.now()
	if s.payload == PayloadAAA {
		if e.aaa != nil {
			s.emitAAA(e)
		}
		return
	}
	for _, id := range sortedKeys(s.st.Subs) {
		sub := s.st.Subs[id]
		if sub.EventType != e.kind || sub.Filter["user_id"] != e.userID {
			continue
		}
		data := map[string]any{
			"event_uuid": e.uuid, "event_type": e.kind, "filter": map[string]string{"user_id": e.userID}, "payload": e.xaa,
		}
		if sub.Tag != "" {
			data["tag"] = sub.Tag
		}
		if len(e.includes) > 0 {
			data["includes"] = e.includes
		}
		s.queue(sub.WebhookID, e.kind, map[string]any{"data": data})
	}
	if len(s.st.AAASubs) > 0 && e.aaa != nil {
		s.emitAAA(e)
	}
}

// emitAAA sends the old body once to each webhook that has the user.
func (s *Server) emitAAA(e event) {
	to := map[string]bool{}
	for key := range s.st.AAASubs {
		hook, user, _ := strings.Cut(key, "/")
		to[hook] = to[hook] || user == e.userID
	}
	if s.payload == PayloadAAA {
		for _, sub := range s.st.Subs {
			if sub.Filter["user_id"] == e.userID && sub.EventType == e.kind {
				to[sub.WebhookID] = true
			}
		}
	}
	for _, hook := range sortedKeys(to) {
		if to[hook] {
			s.queue(hook, e.kind, e.aaa)
		}
	}
}

func (s *Server) queue(hookID, kind string, body map[string]any) {
	w := s.st.Webhooks[hookID]
	if w == nil || !w.Valid {
		return
	}
	b, err := json.Marshal(body)
	if err != nil {
		s.log.Error("event not written", "kind", kind, "err", err)
		return
	}
	s.del.put(s, job{webhook: hookID, url: w.URL, kind: kind, body: b})
}

// fullUser is the v2 user object of webhooks, with _str twins of numbers left
// out since ids are strings already.
func (s *Server) fullUser(u *userRec) map[string]any {
	return s.user(u, fieldSet{"created_at": true, "description": true, "protected": true, "verified": true, "profile_image_url": true, "public_metrics": true})
}

func (s *Server) v1User(u *userRec) map[string]any {
	n, _ := strconv.ParseInt(u.ID, 10, 64) // ids are checked when they are made
	return map[string]any{
		"id": strconv.FormatInt(n, 10), "id_str": u.ID, "name": u.Name, "screen_name": u.Handle, "created_timestamp": strconv.FormatInt(u.Created.UnixMilli(), 10),
		"followers_count": u.Followers, "profile_image_url_https": s.avatarURL(u), "protected": false, "verified": u.Premium,
	}
}

func (s *Server) emitDM(d *DM) {
	if d.Encrypted {
		s.emitChat(d)
		return
	}
	for _, to := range d.To {
		if to != d.From {
			s.emitDMFor(d, to, "dm.received")
		}
	}
	s.emitDMFor(d, d.From, "dm.sent")
}

func (s *Server) emitDMFor(d *DM, userID, kind string) {
	msg := map[string]any{"text": s.dmText(d), "entities": map[string]any{
		"hashtags": []any{}, "symbols": []any{}, "user_mentions": []any{}, "urls": s.dmURLs(d, true),
	}}
	if len(d.MediaIDs) > 0 {
		m := s.st.Media[d.MediaIDs[0]]
		msg["attachment"] = map[string]any{"type": "media", "media": map[string]any{
			"id_str": m.ID, "media_url_https": tonURL(d.ID, m), "type": m.kind(), "url": mediaLink(d),
		}}
	}
	events := []any{map[string]any{
		"type": "message_create", "id": d.ID, "created_timestamp": strconv.FormatInt(d.At.UnixMilli(), 10),
		"message_create": map[string]any{"target": map[string]any{"recipient_id": d.To[0]}, "sender_id": d.From, "message_data": msg},
	}}
	users, old := map[string]any{}, map[string]any{}
	for _, id := range append([]string{d.From}, d.To...) {
		if u := s.st.Users[id]; u != nil {
			users[id] = map[string]any{"data": s.fullUser(u)}
			old[id] = s.v1User(u)
		}
	}
	s.emit(event{
		kind: kind, userID: userID, uuid: d.ID + strconv.Itoa(len(kind)),
		xaa: map[string]any{"direct_message_events": events, "users": users},
		aaa: map[string]any{"for_user_id": userID, "direct_message_events": events, "users": old, "apps": map[string]any{}},
	})
}

// emitChat writes an X Chat message: nobody without the keys can read it, so
// the ciphertext is random.
func (s *Server) emitChat(d *DM) {
	conv := strings.ReplaceAll(d.Conversation, "-", ":")
	p := map[string]any{
		"conversation_id": conv, "sender_id": d.From, "id": d.ID, "created_at_msec": strconv.FormatInt(d.At.UnixMilli(), 10),
		"encoded_event":            base64.StdEncoding.EncodeToString([]byte(secret(""))),
		"conversation_key_version": "1", "conversation_token": secret("")[:32],
		"message_event_signature": map[string]any{"signature": base64.StdEncoding.EncodeToString([]byte(secret(""))), "public_key_version": "1", "signature_version": "1"},
	}
	for _, to := range d.To {
		s.emit(event{kind: "chat.received", userID: to, uuid: d.ID + "1", xaa: p})
	}
	s.emit(event{kind: "chat.sent", userID: d.From, uuid: d.ID + "2", xaa: p})
}

func (s *Server) emitPost(p *Post) {
	author := s.st.Users[p.AuthorID]
	full := s.tweet(p, fieldSet{
		"author_id": true, "conversation_id": true, "created_at": true, "entities": true, "in_reply_to_user_id": true,
		"referenced_tweets": true, "lang": true, "reply_settings": true, "attachments": true,
	})
	if p.InReplyTo != "" {
		full["in_reply_to_tweet_id"] = p.InReplyTo
	}
	inc := map[string]any{"users": []any{s.fullUser(author)}}
	old := map[string]any{
		"id": json.Number(p.ID), "id_str": p.ID, "text": s.readText(p), "truncated": false, "user": s.v1User(author),
		"created_at": p.At.Format("Mon Jan 02 15:04:05 -0700 2006"), "timestamp_ms": strconv.FormatInt(p.At.UnixMilli(), 10),
		"in_reply_to_status_id_str": nil, "in_reply_to_user_id_str": nil,
		"entities": map[string]any{"user_mentions": s.v1Mentions(p), "urls": s.urlEntities(p.ID, p.Text, true), "hashtags": []any{}, "symbols": []any{}},
	}
	parent := s.st.Posts[p.InReplyTo]
	if parent != nil {
		old["in_reply_to_status_id_str"], old["in_reply_to_user_id_str"] = parent.ID, parent.AuthorID
	}
	aaa := func(user string) map[string]any {
		return map[string]any{"for_user_id": user, "user_has_blocked": false, "tweet_create_events": []any{old}}
	}
	s.emit(event{kind: "post.create", userID: p.AuthorID, uuid: p.ID, xaa: full, includes: inc, aaa: aaa(p.AuthorID)})
	for _, id := range p.Mentions {
		if id != p.AuthorID {
			s.emit(event{kind: "post.mention.create", userID: id, uuid: p.ID, xaa: full, includes: inc, aaa: aaa(id)})
		}
	}
	if parent != nil && parent.AuthorID != p.AuthorID {
		s.emit(event{kind: "post.reply.create", userID: parent.AuthorID, uuid: p.ID, xaa: full, includes: inc})
	}
}

func (s *Server) v1Mentions(p *Post) []any {
	out := []any{}
	for _, id := range p.Mentions {
		if u := s.st.Users[id]; u != nil {
			out = append(out, map[string]any{"screen_name": u.Handle, "name": u.Name, "id_str": u.ID})
		}
	}
	return out
}

func (s *Server) emitDeleted(p *Post) {
	s.emit(event{
		kind: "post.delete", userID: p.AuthorID, uuid: "-" + p.ID,
		xaa: map[string]any{"id": p.ID, "author_id": p.AuthorID, "deleted_at": s.now().Format(stamp)},
		aaa: map[string]any{"for_user_id": p.AuthorID, "tweet_delete_events": []any{map[string]any{
			"status": map[string]string{"id": p.ID, "user_id": p.AuthorID}, "timestamp_ms": strconv.FormatInt(s.now().UnixMilli(), 10),
		}}},
	})
}

func (s *Server) emitRevoked(u *userRec) {
	at := s.now().Format(stamp)
	s.emit(event{
		kind: "oauth.revoke", userID: u.ID, uuid: s.st.nextID(s.now()),
		xaa: map[string]any{"date_time": at, "user_id": u.ID, "app_id": "1234567890"},
		aaa: map[string]any{"user_event": map[string]any{"revoke": map[string]any{
			"date_time": at, "target": map[string]string{"app_id": "1234567890"}, "source": map[string]string{"user_id": u.ID},
		}}},
	})
}
