package xfake

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/perch-chat/perch/xapi/xtext"
)

// premiumLength is what subscribers may post (X's changelog, 2024-08-20).
const premiumLength = 25000

// duplicateWindow is how long the same text is refused. X gives no number.
const duplicateWindow = 24 * time.Hour

type tweetRequest struct {
	Text  *string `json:"text"`
	Media *struct {
		IDs       []string        `json:"media_ids"`
		Tagged    []string        `json:"tagged_user_ids"`
		CTA       json.RawMessage `json:"call_to_actions"`
		Desc      json.RawMessage `json:"description"`
		Embed     json.RawMessage `json:"embeddable"`
		PreviewID json.RawMessage `json:"preview_media_id"`
		Title     json.RawMessage `json:"title"`
	} `json:"media"`
	Reply *struct {
		InReplyTo string   `json:"in_reply_to_tweet_id"`
		Exclude   []string `json:"exclude_reply_user_ids"`
		Auto      bool     `json:"auto_populate_reply_metadata"`
	} `json:"reply"`
	Quote string `json:"quote_tweet_id"`
	Poll  *struct {
		Options       []json.RawMessage `json:"options"`
		Duration      int               `json:"duration_minutes"`
		ReplySettings string            `json:"reply_settings"`
	} `json:"poll"`
	ReplySettings string `json:"reply_settings"`
	Edit          *struct {
		Previous string `json:"previous_post_id"`
	} `json:"edit_options"`
	CardURI    string          `json:"card_uri"`
	Community  string          `json:"community_id"`
	DeepLink   string          `json:"direct_message_deep_link"`
	SuperOnly  bool            `json:"for_super_followers_only"`
	Geo        json.RawMessage `json:"geo"`
	AI         bool            `json:"made_with_ai"`
	Nullcast   bool            `json:"nullcast"`
	Paid       bool            `json:"paid_partnership"`
	ShareWidth bool            `json:"share_with_followers"`
}

// decodeStrict refuses what the specification calls additionalProperties.
func decodeStrict(c *call, v any) (reply, bool) {
	ctype, _, _ := strings.Cut(c.r.Header.Get("Content-Type"), ";")
	if strings.TrimSpace(ctype) != "application/json" {
		return invalid("", "", "The Content-Type [%s] is not supported; use application/json.", ctype), false
	}
	dec := json.NewDecoder(bytes.NewReader(c.body))
	dec.DisallowUnknownFields()
	if err := dec.Decode(v); err != nil {
		if name, ok := strings.CutPrefix(err.Error(), "json: unknown field "); ok {
			n := strings.Trim(name, `"`)
			return invalid(n, "", "$.%s: is not defined in the schema and the schema does not allow additional properties", n), false
		}
		return invalid("", "", "The request body is not valid: %s", err.Error()), false
	}
	if dec.More() {
		return invalid("", "", "The request body holds more than one JSON value."), false
	}
	return reply{}, true
}

func (s *Server) postTweet(c *call) reply {
	var q tweetRequest
	if rep, ok := decodeStrict(c, &q); !ok {
		return rep
	}
	text := ""
	if q.Text != nil {
		text = *q.Text
	}
	hasMedia := q.Media != nil
	switch {
	case q.Text == nil && hasMedia:
		return invalid("text", "", "$.text: is missing but it is required")
	case strings.TrimSpace(text) == "" && !hasMedia:
		return invalid("text", text, "$.text: must be at least 1 characters long")
	case q.Reply != nil && !isID(q.Reply.InReplyTo):
		return invalid("reply.in_reply_to_tweet_id", q.Reply.InReplyTo, "$.reply.in_reply_to_tweet_id: does not match the regex pattern ^[0-9]{1,19}$")
	case q.ReplySettings != "" && !slices.Contains([]string{"following", "mentionedUsers", "subscribers", "verified"}, q.ReplySettings):
		return invalid("reply_settings", q.ReplySettings, "$.reply_settings: does not have a value in the enumeration [following, mentionedUsers, subscribers, verified]")
	case q.Poll != nil && hasMedia:
		return invalid("poll", "", "Only one of media, quote_tweet_id, poll, card_uri may be given.")
	case q.Quote != "":
		return forbidden("Quoting this post is not allowed because you have not been mentioned or are not part of the conversation thread.")
	}
	if rep, ok := checkText(text, c.user.Premium); !ok {
		return rep
	}
	if hasMedia {
		if rep, ok := s.usable(c.user.ID, q.Media.IDs); !ok {
			return rep
		}
	}
	p := &Post{AuthorID: c.user.ID, Text: text, API: true, ReplySettings: q.ReplySettings}
	if hasMedia {
		p.MediaIDs = q.Media.IDs
	}
	if q.Reply != nil {
		if rep, ok := s.mayReply(c.user, q.Reply.InReplyTo); !ok {
			return rep
		}
		p.InReplyTo = q.Reply.InReplyTo
	}
	if s.duplicate(p) {
		return forbidden("You are not allowed to create a Tweet with duplicate content.")
	}
	s.publish(p)
	data := map[string]any{"id": p.ID, "text": s.readText(p)}
	s.put(data, "edit_history_tweet_ids", "edit_history_post_ids", p.history())
	return reply{status: http.StatusCreated, body: map[string]any{"data": data}}
}

func checkText(text string, premium bool) (reply, bool) {
	weighted, valid := weigh(text)
	limit := 280
	if premium {
		limit = premiumLength
	}
	switch {
	case !valid:
		return forbidden("You are not permitted to perform this action."), false
	case weighted > limit:
		return forbidden("Your Tweet text is too long."), false
	case len(xtext.Cashtags(text)) > 1:
		return forbidden("Posts are limited to a maximum of one cashtag"), false
	}
	return reply{}, true
}

// mayReply is the rule of February 2026: to one's own posts, and to posts
// whose author mentioned one.
func (s *Server) mayReply(me *userRec, parentID string) (reply, bool) {
	parent := s.st.Posts[parentID]
	if parent == nil || parent.Deleted || s.now().Sub(parent.At) < s.lag.Reply {
		return reply{status: http.StatusForbidden, body: problem{
			Errors: []problemItem{{Code: 385, Message: "You attempted to reply to a Tweet that is deleted or not visible to you."}},
			Title:  "Forbidden", Detail: "You attempted to reply to a Tweet that is deleted or not visible to you.",
			Type: "about:blank", Status: http.StatusForbidden,
		}}, false
	}
	if parent.AuthorID == me.ID || slices.Contains(parent.Mentions, me.ID) {
		return reply{}, true
	}
	return forbidden("Reply to this conversation is not allowed because you have not been mentioned or otherwise engaged by the author of the post you are replying to."), false
}

// duplicate also sees deleted posts, as X does.
func (s *Server) duplicate(p *Post) bool {
	if strings.TrimSpace(p.Text) == "" {
		return false
	}
	now := s.now()
	for _, o := range s.st.Posts {
		if o.AuthorID == p.AuthorID && strings.EqualFold(strings.TrimSpace(o.Text), strings.TrimSpace(p.Text)) &&
			slices.Equal(o.MediaIDs, p.MediaIDs) && now.Sub(o.At) < duplicateWindow {
			return true
		}
	}
	return false
}

// publish stores p and tells the webhooks.
func (s *Server) publish(p *Post) {
	p.At = s.now()
	p.ID = s.st.nextID(p.At)
	p.Conversation = p.ID
	if p.began != "" {
		p.Conversation = p.began
	}
	if parent := s.st.Posts[p.InReplyTo]; parent != nil {
		p.Conversation = parent.Conversation
	}
	author := s.st.Users[p.AuthorID]
	p.Handle, p.Name = author.Handle, author.Name
	for _, h := range handlesIn(p.Text) {
		if u := s.st.byHandle(h); u != nil && !slices.Contains(p.Mentions, u.ID) {
			p.Mentions = append(p.Mentions, u.ID)
		}
	}
	s.st.Posts[p.ID] = p
	s.st.PostOrder = append(s.st.PostOrder, p.ID)
	s.emitPost(p)
}

// handlesIn lists the handles that X would link, without their @.
func handlesIn(text string) []string {
	var out []string
	for _, sp := range xtext.Mentions(text) {
		out = append(out, strings.TrimLeft(text[sp.Start:sp.End], "@＠"))
	}
	return out
}

func (s *Server) deleteTweet(c *call) reply {
	id := c.path["id"]
	if !isID(id) {
		return badID("id", id)
	}
	p := s.st.Posts[id]
	switch {
	case p == nil || p.Deleted:
		// X answers the same for a post that never was and one that is gone.
		return reply{status: http.StatusOK, body: map[string]any{"data": map[string]bool{"deleted": true}}}
	case p.AuthorID != c.user.ID:
		return forbidden("You are not authorized to delete this Tweet.")
	}
	s.unpublish(p)
	return reply{status: http.StatusOK, body: map[string]any{"data": map[string]bool{"deleted": true}}}
}

func (s *Server) unpublish(p *Post) {
	p.Deleted = true
	s.emitDeleted(p)
}

func badID(param, v string) reply {
	return invalid(param, v, "The `%s` query parameter value [%s] is not valid", param, v)
}

func postURL(handle, id string) string { return fmt.Sprintf("/%s/status/%s", handle, id) }
