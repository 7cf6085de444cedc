package xfake

import (
	"html"
	"net/http"
	"path"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

const (
	// dmLength is dm_text_character_limit of X's old configuration endpoint.
	dmLength = 10000
	// dmKept is how far back dm_events reach.
	dmKept = 30 * 24 * time.Hour
)

type dmRequest struct {
	Text        *string `json:"text"`
	Attachments []struct {
		MediaID string `json:"media_id"`
	} `json:"attachments"`
}

func (q dmRequest) check() (reply, bool) {
	switch {
	case q.Text == nil && len(q.Attachments) == 0:
		return invalid("text", "", "$.text: is missing but it is required"), false
	case q.Text != nil && *q.Text == "":
		return invalid("text", "", "$.text: must be at least 1 characters long"), false
	case q.Text != nil && utf8.RuneCountInString(*q.Text) > dmLength:
		return invalid("text", "", "The text of a Direct Message must have at most %d characters.", dmLength), false
	case len(q.Attachments) > 1:
		return invalid("attachments", "", "$.attachments: must have at most 1 items"), false
	}
	return reply{}, true
}

func (s *Server) postDMWith(c *call) reply {
	other := c.path["participant_id"]
	if !isID(other) {
		return badID("participant_id", other)
	}
	return s.sendDM(c, s.direct(c.user.ID, other))
}

func (s *Server) postDMIn(c *call) reply {
	id := c.path["dm_conversation_id"]
	conv := s.st.Convs[id]
	if a, b, ok := strings.Cut(id, "-"); conv == nil && ok && isID(a) && isID(b) && convID(a, b) == id {
		conv = s.direct(a, b)
	}
	if conv == nil || !contains(conv.Members, c.user.ID) {
		return forbidden("You do not have permission to DM one or more participants.")
	}
	return s.sendDM(c, conv)
}

func (s *Server) direct(a, b string) *conversation {
	id := convID(a, b)
	if conv := s.st.Convs[id]; conv != nil {
		return conv
	}
	return &conversation{ID: id, Members: []string{a, b}}
}

func (s *Server) postGroup(c *call) reply {
	var q struct {
		Type    string    `json:"conversation_type"`
		Members []string  `json:"participant_ids"`
		Message dmRequest `json:"message"`
	}
	if rep, ok := decodeStrict(c, &q); !ok {
		return rep
	}
	if q.Type != "Group" {
		return invalid("conversation_type", q.Type, "$.conversation_type: does not have a value in the enumeration [Group]")
	}
	if len(q.Members) < 2 || len(q.Members) > 49 {
		return invalid("participant_ids", "", "$.participant_ids: must have between 2 and 49 items")
	}
	conv := &conversation{ID: s.st.nextID(s.now()), Members: append([]string{c.user.ID}, q.Members...), Group: true}
	return s.sendChecked(c, conv, q.Message)
}

func (s *Server) sendDM(c *call, conv *conversation) reply {
	var q dmRequest
	if rep, ok := decodeStrict(c, &q); !ok {
		return rep
	}
	return s.sendChecked(c, conv, q)
}

func (s *Server) sendChecked(c *call, conv *conversation, q dmRequest) reply {
	if rep, ok := q.check(); !ok {
		return rep
	}
	for _, m := range conv.Members {
		u := s.st.Users[m]
		if u == nil || m != c.user.ID && (u.DMsClosed || u.Suspended) {
			return forbidden("You do not have permission to DM one or more participants.")
		}
	}
	d := &DM{Conversation: conv.ID, From: c.user.ID, API: true}
	if q.Text != nil {
		d.Text = *q.Text
	}
	for _, a := range q.Attachments {
		if rep, ok := s.usableDM(c.user.ID, a.MediaID); !ok {
			return rep
		}
		d.MediaIDs = append(d.MediaIDs, a.MediaID)
	}
	s.storeDM(conv, d)
	return reply{status: http.StatusCreated, body: map[string]any{"data": map[string]string{
		"dm_conversation_id": conv.ID, "dm_event_id": d.ID,
	}}}
}

// storeDM keeps d and tells the webhooks of both sides.
func (s *Server) storeDM(conv *conversation, d *DM) {
	s.st.Convs[conv.ID] = conv
	d.At = s.now()
	d.ID = s.st.nextID(d.At)
	for _, m := range conv.Members {
		if m != d.From {
			d.To = append(d.To, m)
		}
	}
	if len(d.To) == 0 {
		d.To = []string{d.From}
	}
	s.st.DMs = append(s.st.DMs, d)
	s.emitDM(d)
}

func (s *Server) getDMEvents(c *call) reply {
	return s.dmPage(c, func(*DM) bool { return true })
}

func (s *Server) getDMEventsWith(c *call) reply {
	other := c.path["participant_id"]
	if !isID(other) {
		return badID("participant_id", other)
	}
	id := convID(c.user.ID, other)
	return s.dmPage(c, func(d *DM) bool { return d.Conversation == id })
}

func (s *Server) getDMEventsIn(c *call) reply {
	id := c.path["id"]
	conv := s.st.Convs[id]
	if conv != nil && !contains(conv.Members, c.user.ID) {
		return forbidden("You are not a participant of this conversation.")
	}
	return s.dmPage(c, func(d *DM) bool { return d.Conversation == id })
}

func (s *Server) sees(user string, d *DM) bool {
	return d != nil && !d.Encrypted && (d.From == user || contains(d.To, user)) &&
		!contains(d.DeletedBy, user) && s.now().Sub(d.At) <= dmKept
}

func (s *Server) dmPage(c *call, match func(*DM) bool) reply {
	pg, rep, ok := s.paging(c, 1, 100, 100)
	if !ok {
		return rep
	}
	types := strings.Split(c.r.URL.Query().Get("event_types"), ",")
	if types[0] != "" && !contains(types, "MessageCreate") {
		match = func(*DM) bool { return false }
	}
	var all []*DM
	for _, d := range slices.Backward(s.st.DMs) {
		if s.sees(c.user.ID, d) && match(d) && (pg.before == "" || less(d.ID, pg.before)) {
			all = append(all, d)
		}
	}
	all, meta := cutPage(pg, all, func(d *DM) string { return d.ID })
	body := map[string]any{"meta": meta}
	if len(all) > 0 {
		data := make([]any, len(all))
		for i, d := range all {
			data[i] = s.dmEvent(d, c.dmFields())
		}
		body["data"] = data
	}
	return reply{status: http.StatusOK, body: withIncludes(body, s.dmIncludes(c, all))}
}

func (s *Server) findDM(id string) *DM {
	for _, d := range s.st.DMs {
		if d.ID == id {
			return d
		}
	}
	return nil
}

func (s *Server) getDMEvent(c *call) reply {
	id := c.path["event_id"]
	d := s.findDM(id)
	if !s.sees(c.user.ID, d) {
		return reply{status: http.StatusOK, body: map[string]any{"errors": []missing{notFound("dm_event", "event_id", id)}}}
	}
	return reply{status: http.StatusOK, body: withIncludes(map[string]any{"data": s.dmEvent(d, c.dmFields())}, s.dmIncludes(c, []*DM{d}))}
}

func (s *Server) deleteDMEvent(c *call) reply {
	d := s.findDM(c.path["event_id"])
	if !s.sees(c.user.ID, d) || d.From != c.user.ID {
		return forbidden("You are not allowed to delete this Direct Message.")
	}
	d.DeletedBy = append(append(d.DeletedBy, d.From), d.To...)
	return reply{status: http.StatusOK, body: map[string]any{"data": map[string]bool{"deleted": true}}}
}

// dmText is the text as X returns it: rewritten as in posts, and media ends it
// with a t.co link.
func (s *Server) dmText(d *DM) string {
	text := s.rewrite(d.ID, d.Text)
	if len(d.MediaIDs) == 0 {
		return text
	}
	return strings.TrimSpace(text + " " + mediaLink(d))
}

func mediaLink(d *DM) string { return "https://t.co/" + base36(d.ID, 1000) }

// dmURLs lists also the link of the media, which leads to the message.
func (s *Server) dmURLs(d *DM, v1 bool) []map[string]any {
	out := s.urlEntities(d.ID, d.Text, v1)
	if len(d.MediaIDs) == 0 {
		return out
	}
	text := []rune(html.UnescapeString(s.dmText(d)))
	to := "twitter.com/messages/media/" + d.ID
	m := map[string]any{"url": mediaLink(d), "expanded_url": "https://" + to, "display_url": "pic.twitter.com/" + d.ID}
	if from := len(text) - len(mediaLink(d)); v1 {
		m["indices"] = []int{from, len(text)}
	} else {
		m["start"], m["end"] = from, len(text)
	}
	return append(out, m)
}

// dmEvent holds event_type, id and text always, the rest when asked for.
func (s *Server) dmEvent(d *DM, fs fieldSet) map[string]any {
	m := map[string]any{"id": d.ID, "event_type": "MessageCreate", "text": s.dmText(d)}
	if fs["created_at"] {
		m["created_at"] = d.At.Format(stamp)
	}
	if fs["dm_conversation_id"] {
		m["dm_conversation_id"] = d.Conversation
	}
	if fs["sender_id"] {
		m["sender_id"] = d.From
	}
	if urls := s.dmURLs(d, false); fs["entities"] && len(urls) > 0 {
		m["entities"] = map[string]any{"urls": urls}
	}
	if fs["attachments"] && len(d.MediaIDs) > 0 {
		keys := make([]string, len(d.MediaIDs))
		for i, id := range d.MediaIDs {
			keys[i] = s.mediaKey(id)
		}
		m["attachments"] = map[string]any{"media_keys": keys}
	}
	return m
}

func (s *Server) dmIncludes(c *call, ds []*DM) map[string]any {
	ex, uf, mf := c.fields("expansions"), c.fields("user.fields"), c.fields("media.fields")
	var users, media []any
	var seen []string
	for _, d := range ds {
		if u := s.st.Users[d.From]; ex["sender_id"] && u != nil && !contains(seen, u.ID) {
			seen = append(seen, u.ID)
			users = append(users, s.user(u, uf))
		}
		for _, id := range d.MediaIDs {
			if m := s.st.Media[id]; ex["attachments.media_keys"] && m != nil {
				media = append(media, s.mediaObject(m, d.ID, mf))
			}
		}
	}
	out := map[string]any{}
	if users != nil {
		out["users"] = users
	}
	if media != nil {
		out["media"] = media
	}
	return out
}

// getDMMedia sends the bytes of an attachment; the resource may be named with
// or without its extension.
func (s *Server) getDMMedia(c *call) reply {
	d, m := s.findDM(c.path["dm_id"]), s.st.Media[c.path["media_id"]]
	if !s.sees(c.user.ID, d) || m == nil || !contains(d.MediaIDs, m.ID) {
		return notFoundPath()
	}
	res := c.path["resource_id"]
	if res != m.resource() && res != strings.TrimSuffix(m.resource(), path.Ext(m.resource())) {
		return notFoundPath()
	}
	return reply{status: http.StatusOK, raw: m.Data, ctype: m.Type}
}
