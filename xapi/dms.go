package xapi

import (
	"context"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// maxDMText is X's dm_text_character_limit.
const maxDMText = 10_000

// DM is a direct message to be sent: a text, one attachment, or both.
type DM struct {
	Text    string
	MediaID string // uploaded with a category of direct messages
}

// SentDM is a direct message that X took.
type SentDM struct {
	EventID        string // comes back in a dm.sent event
	ConversationID string
}

// SendDM sends to one person. Only legacy, unencrypted conversations are
// reached. On an Uncertain error look at [Client.DMEventsWith] before another
// try.
func (c *Client) SendDM(ctx context.Context, access, participantID string, m DM) (*SentDM, Limits, error) {
	const op = "send direct message"
	if !validID(participantID) {
		return nil, Limits{}, invalid(op, "the id of the recipient is no id")
	}
	return c.sendDM(ctx, op, access, "/2/dm_conversations/with/"+participantID+"/messages", m)
}

// SendDMTo sends into a conversation that exists, also one of a group.
func (c *Client) SendDMTo(ctx context.Context, access, conversationID string, m DM) (*SentDM, Limits, error) {
	const op = "send direct message"
	if !validConversation(conversationID) {
		return nil, Limits{}, invalid(op, "the id of the conversation is no id")
	}
	return c.sendDM(ctx, op, access, "/2/dm_conversations/"+conversationID+"/messages", m)
}

func (c *Client) sendDM(ctx context.Context, op, access, path string, m DM) (*SentDM, Limits, error) {
	type attachment struct {
		MediaID string `json:"media_id"`
	}
	var body struct {
		Text        string       `json:"text,omitempty"`
		Attachments []attachment `json:"attachments,omitempty"`
	}
	switch {
	case m.Text == "" && m.MediaID == "":
		return nil, Limits{}, invalid(op, "a direct message needs a text or an attachment")
	case utf8.RuneCountInString(m.Text) > maxDMText:
		return nil, Limits{}, &Error{Op: op, Code: CodeTooLong, Detail: "a direct message has at most 10,000 characters", Message: sentence(CodeTooLong, Limits{})}
	case m.MediaID != "" && !validID(m.MediaID):
		return nil, Limits{}, invalid(op, "the id of the media is no id")
	}
	body.Text = m.Text
	if m.MediaID != "" {
		body.Attachments = []attachment{{m.MediaID}}
	}
	var out struct {
		Data struct {
			Conversation string `json:"dm_conversation_id"`
			Event        id     `json:"dm_event_id"`
		} `json:"data"`
		Errors []problem `json:"errors"`
	}
	k := &call{op: op, method: http.MethodPost, path: path, body: body, bearer: access, out: &out}
	limits, err := c.do(ctx, k)
	if err != nil {
		return nil, limits, err
	}
	if out.Data.Event == "" {
		return nil, limits, c.empty(k, limits, out.Errors)
	}
	return &SentDM{EventID: string(out.Data.Event), ConversationID: out.Data.Conversation}, limits, nil
}

// DMEvent is something that happened in a conversation: with Type
// "MessageCreate" a message.
type DMEvent struct {
	ID             string
	Type           string // "MessageCreate", "ParticipantsJoin", "ParticipantsLeave"
	Text           string // as people read it
	SenderID       string
	RecipientID    string // only webhooks tell it
	ConversationID string
	CreatedAt      time.Time
	Participants   []string // who joined or left
	Media          []Attachment
	Links          []Link
	Shared         []string // ids of the posts that the message shows
}

// DMOptions asks for a page of events.
type DMOptions struct {
	Max   int      // 1 to 100; 0 lets X choose, which is 100
	Token string   // Next of the page before
	Types []string // none: only "MessageCreate", for X bills each event
}

// DMPage is a page of events, newest first by their number.
type DMPage struct {
	Events []DMEvent
	Users  map[string]User
	Next   string // token of the next page; empty: this was the last
	Errors []Problem
}

// DMEvents reads the account's newest events of the last 30 days, of all its
// unencrypted conversations.
func (c *Client) DMEvents(ctx context.Context, access string, o DMOptions) (*DMPage, Limits, error) {
	return c.dmEvents(ctx, access, "/2/dm_events", o)
}

// DMEventsWith reads the newest events of the conversation with one person.
func (c *Client) DMEventsWith(ctx context.Context, access, participantID string, o DMOptions) (*DMPage, Limits, error) {
	if !validID(participantID) {
		return nil, Limits{}, invalid(opReadDMs, "the id of the participant is no id")
	}
	return c.dmEvents(ctx, access, "/2/dm_conversations/with/"+participantID+"/dm_events", o)
}

// DMEventsIn reads the newest events of a conversation.
func (c *Client) DMEventsIn(ctx context.Context, access, conversationID string, o DMOptions) (*DMPage, Limits, error) {
	if !validConversation(conversationID) {
		return nil, Limits{}, invalid(opReadDMs, "the id of the conversation is no id")
	}
	return c.dmEvents(ctx, access, "/2/dm_conversations/"+conversationID+"/dm_events", o)
}

// DMEventsSince reads all events newer than the one with id since, oldest
// first, on at most pages pages: X has no since_id here, and 15 calls in 15
// minutes. More reports that older new ones were left behind.
func (c *Client) DMEventsSince(ctx context.Context, access, since string, pages int, o DMOptions) (page *DMPage, more bool, l Limits, err error) {
	all := &DMPage{Users: map[string]User{}}
	seen := map[string]bool{}
	for range max(pages, 1) {
		p, limits, err := c.DMEvents(ctx, access, o)
		if err != nil {
			return nil, false, limits, err
		}
		l, more = limits, p.Next != ""
		for _, e := range p.Events {
			if since != "" && CompareIDs(e.ID, since) <= 0 {
				more = false // what is older is known
				continue
			}
			if !seen[e.ID] {
				seen[e.ID] = true
				all.Events = append(all.Events, e)
			}
		}
		maps.Copy(all.Users, p.Users)
		all.Errors = append(all.Errors, p.Errors...)
		if o.Token = p.Next; !more {
			break
		}
	}
	slices.SortStableFunc(all.Events, func(a, b DMEvent) int { return CompareIDs(a.ID, b.ID) })
	all.Next = o.Token
	return all, more, l, nil
}

const opReadDMs = "read direct messages"

func (c *Client) dmEvents(ctx context.Context, access, path string, o DMOptions) (*DMPage, Limits, error) {
	types := o.Types
	if len(types) == 0 {
		types = []string{"MessageCreate"}
	}
	q := url.Values{
		// X's own names of before August 2026, for its tools still send them.
		"dm_event.fields": {"attachments,created_at,dm_conversation_id,entities,event_type,id,participant_ids,referenced_tweets,sender_id,text"},
		"event_types":     {strings.Join(types, ",")},
		"expansions":      {"attachments.media_keys,sender_id"},
		"media.fields":    {mediaFields},
		"user.fields":     {"name,profile_image_url,public_metrics,username,verified,verified_type"},
	}
	if o.Max > 0 {
		q.Set("max_results", strconv.Itoa(min(o.Max, 100)))
	}
	if o.Token != "" {
		q.Set("pagination_token", o.Token)
	}
	var out struct {
		Data     []wireDM     `json:"data"`
		Includes wireIncludes `json:"includes"`
		Meta     wireMeta     `json:"meta"`
		Errors   []problem    `json:"errors"`
	}
	limits, err := c.do(ctx, &call{op: opReadDMs, method: http.MethodGet, path: path, query: q, bearer: access, out: &out})
	if err != nil {
		return nil, limits, err
	}
	p := &DMPage{Users: out.Includes.users(), Next: out.Meta.NextToken, Errors: problems(out.Errors)}
	media := out.Includes.media()
	for _, d := range out.Data {
		if e := d.event(media); e.ID != "" {
			p.Events = append(p.Events, e)
		}
	}
	// X promises no order for events of the same millisecond.
	slices.SortStableFunc(p.Events, func(a, b DMEvent) int { return CompareIDs(b.ID, a.ID) })
	return p, limits, nil
}

type wireDM struct {
	ID           id            `json:"id"`
	Type         string        `json:"event_type"`
	Text         string        `json:"text"`
	Sender       id            `json:"sender_id"`
	Conversation id            `json:"dm_conversation_id"`
	CreatedAt    stamp         `json:"created_at"`
	Participants []id          `json:"participant_ids"`
	RefTweets    []wireRef     `json:"referenced_tweets"`
	RefPosts     []wireRef     `json:"referenced_posts"`
	Attachments  wireMediaKeys `json:"attachments"`
	Entities     wireEntities  `json:"entities"`
	URLs         []wireURL     `json:"urls"`
}

func (w wireDM) event(media map[string]Attachment) DMEvent {
	e := DMEvent{
		ID: string(w.ID), Type: orElse(w.Type, "MessageCreate"), SenderID: string(w.Sender),
		ConversationID: string(w.Conversation), CreatedAt: w.CreatedAt.Time,
	}
	for _, p := range w.Participants {
		e.Participants = append(e.Participants, string(p))
	}
	for _, r := range append(w.RefPosts, w.RefTweets...) {
		e.Shared = append(e.Shared, firstID(r.IDStr, r.ID))
	}
	for _, k := range w.Attachments.Keys {
		a, ok := media[k]
		if !ok {
			a = Attachment{Key: k}
		}
		e.Media = append(e.Media, a)
	}
	w.Entities.URLs = append(w.Entities.URLs, w.URLs...)
	e.Links = w.Entities.links()
	e.Text = readable(w.Text, w.Entities, len(e.Media) > 0)
	return e
}
