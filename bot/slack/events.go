package slack

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/tidwall/gjson"

	"github.com/perch-chat/perch/bot"
)

// happening is an event of the Events API, as far as it concerns us.
type happening struct {
	Type string `json:"type"`
	message

	Inner    *message `json:"message"`          // of message_changed
	Previous *message `json:"previous_message"` // of message_changed and message_deleted
	Deleted  string   `json:"deleted_ts"`
	EventTS  string   `json:"event_ts"`

	Reaction string `json:"reaction"`
	ItemUser string `json:"item_user"`
	Item     struct {
		Type    string `json:"type"`
		Channel string `json:"channel"`
		TS      string `json:"ts"`
	} `json:"item"`

	Tab     string `json:"tab"`        // of app_home_opened
	GroupID string `json:"subteam_id"` // of subteam_members_changed
	Group   struct {
		ID string `json:"id"`
	} `json:"subteam"` // of subteam_updated
	Tokens struct {
		Bot []string `json:"bot"`
	} `json:"tokens"` // of tokens_revoked
}

// message is a message in an event.
type message struct {
	Subtype     string          `json:"subtype"`
	Channel     json.RawMessage `json:"channel"` // an ID, or an object in events we don't want
	ChannelType string          `json:"channel_type"`
	User        string          `json:"user"`
	Bot         string          `json:"bot_id"`
	Username    string          `json:"username"` // what a bot calls itself
	App         string          `json:"app_id"`
	Team        string          `json:"team"`
	UserTeam    string          `json:"user_team"`
	SourceTeam  string          `json:"source_team"`
	Text        string          `json:"text"`
	Blocks      json.RawMessage `json:"blocks"`
	Files       []file          `json:"files"`
	TS          string          `json:"ts"`
	ThreadTS    string          `json:"thread_ts"`
	Edited      struct {
		User string `json:"user"`
		TS   string `json:"ts"`
	} `json:"edited"`
	Reactions []struct {
		Name  string   `json:"name"`
		Users []string `json:"users"`
		Count int      `json:"count"`
	} `json:"reactions"` // of a message that was asked for
}

type file struct {
	ID       string `json:"id"`
	Name     string `json:"name"`
	Type     string `json:"mimetype"`
	Size     int64  `json:"size"`
	Download string `json:"url_private_download"`
	Private  string `json:"url_private"`
	Alt      string `json:"alt_txt"`
}

func (m message) channel() string {
	var id string
	if err := json.Unmarshal(m.Channel, &id); err != nil {
		return ""
	}
	return id
}

func (m message) files() []bot.File {
	var out []bot.File
	for _, f := range m.Files {
		if f.ID != "" {
			out = append(out, bot.File{ID: f.ID, Name: f.Name, Type: f.Type, Size: f.Size, URL: orWord(f.Download, f.Private), Alt: f.Alt})
		}
	}
	return out
}

func (m message) team() string { return orWord(m.UserTeam, orWord(m.SourceTeam, m.Team)) }

// byPerson reports whether one of our people wrote a message: not a bot, not
// we, not somebody of another company in a shared channel.
func (d decoder) byPerson(m message) bool {
	return m.User != "" && m.User != "USLACKBOT" && m.User != d.me.User && m.Bot == "" && !d.foreign(m.User, m.team())
}

// text is what the person wrote. The event is told whom it names.
func (d decoder) text(ev *bot.Event, m message) string {
	if s, ok := plainBlocks(m.Blocks, d.names(ev)); ok {
		return s
	}
	ev.Names = nil // of blocks that were no text
	return plain(m.Text, d.names(ev))
}

// ownEcho reports whether a delivery is the echo of a message of our own, as
// most of what comes is: there is nothing in it to be stored, or to be kept in
// order. It is looked at without being decoded; of what it does not recognise,
// event decides the same.
func (a *Adapter) ownEcho(d delivery) bool {
	me := a.auth.Load()
	if d.kind != kindEvent || a.teams != nil || me == nil || me.Bot == "" {
		return false
	}
	return gjson.GetBytes(d.payload, "event.bot_id").Str == me.Bot && gjson.GetBytes(d.payload, "event.type").Str == "message" &&
		!gjson.GetBytes(d.payload, "event.subtype").Exists()
}

// event reads an event of the Events API.
func (d decoder) event(in delivery) ([]bot.Event, error) {
	raw := in.payload
	// Most of what comes is nothing to us, above all the echo of every message
	// of our own: as little as possible is read of it.
	outer := in.glance
	if outer == nil {
		var err error
		if outer, err = glanceAt(raw); err != nil {
			return nil, fmt.Errorf("slack: event: %w", err)
		}
	}
	kind := outer.Event
	if kind.Type == "" || outer.ID == "" {
		return nil, errors.New("slack: event: no type or no ID")
	}
	read := d.reading(kind.Type)
	if read == nil || kind.Type == "message" && kind.Subtype == "" && kind.Bot != "" && kind.Bot == d.me.Bot {
		return nil, nil
	}
	var inner struct {
		Event happening `json:"event"`
	}
	if err := json.Unmarshal(raw, &inner); err != nil {
		return nil, fmt.Errorf("slack: event %s: %w", kind.Type, err)
	}
	h := inner.Event
	ev := bot.Event{ID: outer.ID, At: d.when(orWord(h.EventTS, h.TS))}
	if !read(&ev, h) {
		return nil, nil
	}
	if ev.Kind == bot.EventRemoved {
		ev.Team = outer.Team
	}
	return []bot.Event{ev}, nil
}

// reading is what reads the events of a type, nil for those that are nothing
// to us. It says false of an event that is none.
func (d decoder) reading(kind string) func(*bot.Event, happening) bool {
	switch kind {
	case "message":
		return d.message
	case "app_mention":
		return d.mention
	case "reaction_added", "reaction_removed":
		return d.reaction
	case "member_joined_channel":
		return d.joined
	case "app_home_opened":
		return d.home
	case "subteam_members_changed", "subteam_updated":
		return d.group
	case "app_uninstalled", "tokens_revoked":
		return d.removed
	}
	return nil
}

// message reads what happened to a message. It says false of what is no
// concern of ours, above all of our own messages: to answer those would never end.
func (d decoder) message(ev *bot.Event, h happening) bool {
	switch h.Subtype {
	case "", "file_share", "thread_broadcast", "me_message":
		return d.writtenLive(ev, h)
	case "message_changed":
		return d.changed(ev, h)
	case "message_deleted":
		return h.Previous != nil && d.gone(ev, h, *h.Previous, orWord(h.Deleted, h.Previous.TS))
	}
	return false
}

// writtenLive reads a message that is delivered.
func (d decoder) writtenLive(ev *bot.Event, h happening) bool {
	return d.written(ev, h.channel(), h.message)
}

// written reads a message of a person, delivered or read later.
func (d decoder) written(ev *bot.Event, ch string, m message) bool {
	if !d.byPerson(m) || d.refs.message(ch, m.TS) == "" {
		return false
	}
	// Slack tells of a mention as a message and as an app_mention, under two IDs.
	ev.ID = d.refs.eventID("msg", ch, m.TS)
	ev.Kind, ev.Channel, ev.Message, ev.Thread = bot.EventMessage, d.refs.channel(ch), d.refs.message(ch, m.TS), d.thread(ch, m.TS, m.ThreadTS)
	ev.At, ev.User, ev.Files = d.when(m.TS), d.person(m.User), m.files()
	if rest, ok := d.addressed(m.Text); ok {
		order(ev, plain(rest, d.names(ev)))
		return true
	}
	ev.Text = d.text(ev, m)
	if strings.HasPrefix(ch, "D") {
		order(ev, ev.Text) // whoever writes to the bot alone means the bot
	}
	return true
}

// mention reads an app_mention. One that does not begin with the bot's name is
// a message among people, and comes as such.
func (d decoder) mention(ev *bot.Event, h happening) bool {
	if _, ok := d.addressed(h.Text); !ok {
		return false
	}
	return d.writtenLive(ev, h)
}

// changed reads a message_changed. Slack sends one for answers in the thread,
// unfurled links and much else: only another text is an edit of the person.
func (d decoder) changed(ev *bot.Event, h happening) bool {
	if h.Inner == nil {
		return false
	}
	m := *h.Inner
	if m.Subtype == "tombstone" && h.Previous != nil {
		return d.gone(ev, h, *h.Previous, m.TS) // deleted, but it has answers
	}
	ch := h.channel()
	if !d.byPerson(m) || d.refs.message(ch, m.TS) == "" || h.Previous == nil || h.Previous.Text == m.Text {
		return false
	}
	ev.Kind, ev.Channel, ev.Message, ev.Thread = bot.EventMessageEdited, d.refs.channel(ch), d.refs.message(ch, m.TS), d.thread(ch, m.TS, m.ThreadTS)
	d.edited(ev, ch, m)
	return true
}

// edited fills in what an edit made of a message.
func (d decoder) edited(ev *bot.Event, ch string, m message) {
	if m.Edited.TS != "" {
		ev.ID, ev.Edit = d.refs.eventID("edit", ch, m.TS, m.Edited.TS), m.Edited.TS
	}
	ev.User, ev.Text, ev.Files = d.person(orWord(m.Edited.User, m.User)), d.text(ev, m), m.files()
}

// gone reads a deletion. Slack does not say who deleted, so it is the author.
func (d decoder) gone(ev *bot.Event, h happening, was message, ts string) bool {
	ch := h.channel()
	if !d.byPerson(was) || d.refs.message(ch, ts) == "" {
		return false
	}
	ev.Kind, ev.Channel, ev.Message, ev.Thread = bot.EventMessageDeleted, d.refs.channel(ch), d.refs.message(ch, ts), d.thread(ch, ts, was.ThreadTS)
	ev.ID, ev.User = d.refs.eventID("del", ch, ts), d.person(was.User)
	return true
}

func (d decoder) reaction(ev *bot.Event, h happening) bool {
	ref := d.refs.message(h.Item.Channel, h.Item.TS)
	if h.Item.Type != "message" || ref == "" || h.User == "" || h.User == d.me.User || d.outsider(h.User) {
		return false
	}
	ev.Kind = bot.EventReaction
	if h.Type == "reaction_removed" {
		ev.Kind = bot.EventReactionGone
	}
	ev.Channel, ev.Message, ev.User = d.refs.channel(h.Item.Channel), ref, d.person(h.User)
	ev.Emoji, _, _ = strings.Cut(h.Reaction, "::") // without the skin's tone
	if h.ItemUser != "" {
		u := d.author(message{User: h.ItemUser})
		ev.Author = &u
	}
	return true
}

func (d decoder) joined(ev *bot.Event, h happening) bool {
	ch := d.refs.channel(h.channel())
	if h.User != d.me.User || ch == "" {
		return false
	}
	ev.Kind, ev.Channel = bot.EventJoined, ch
	ev.User = bot.User{Ref: d.refs.user(d.me.User), Name: orWord(d.me.Name, d.me.User), Handle: d.me.Name}
	return true
}

// author is who wrote a message. Somebody who is not one of our people has no ref.
func (d decoder) author(m message) bot.User {
	switch m.User {
	case "":
		return bot.User{Name: orWord(clean(m.Username), "A bot")}
	case d.me.User:
		return bot.User{Name: orWord(clean(m.Username), d.me.Name), Handle: d.me.Name}
	}
	e := d.people.get(d.ctx, m.User)
	u := bot.User{Ref: d.refs.user(m.User), Name: orWord(clean(m.Username), orWord(e.name, m.User)), Handle: e.handle}
	if !d.byPerson(m) || d.outsider(m.User) {
		u.Ref = ""
	}
	return u
}

// home reads app_home_opened. The tab with the messages is no page of ours.
func (d decoder) home(ev *bot.Event, h happening) bool {
	if h.Tab != "home" || h.User == "" {
		return false
	}
	ev.Kind, ev.User = bot.EventHome, d.person(h.User)
	return ev.User.Ref != ""
}

// group reads that the members of a user group may have changed.
func (d decoder) group(ev *bot.Event, h happening) bool {
	ev.Kind, ev.Group = bot.EventGroup, d.refs.group(orWord(h.GroupID, h.Group.ID))
	return ev.Group != ""
}

// removed reads that a workspace took the app's access away. Tokens of people
// may go as they like: we use none.
func (d decoder) removed(ev *bot.Event, h happening) bool {
	if h.Type == "tokens_revoked" && len(h.Tokens.Bot) == 0 {
		return false
	}
	d.log.Error("slack took the app's access away; install it again", "event", h.Type)
	ev.Kind = bot.EventRemoved
	return true
}
