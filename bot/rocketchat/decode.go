package rocketchat

import (
	"cmp"
	"encoding/json"
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/perch-chat/perch/bot"
)

// moment is a time in either of the server's forms: {"$date": ms} in realtime
// events, RFC 3339 in REST answers.
type moment struct{ time.Time }

// errNoTime is what a time is refused with that is none, or one that can't be
// written again: an event with it could never be stored.
var errNoTime = errors.New("rocketchat: a time is none")

// UnmarshalJSON implements [json.Unmarshaler].
func (m *moment) UnmarshalJSON(b []byte) error {
	var d struct {
		Date json.Number `json:"$date"`
	}
	var s string
	var t time.Time
	if len(b) > 0 && b[0] == '{' {
		if err := json.Unmarshal(b, &d); err != nil {
			return err
		}
		ms, err := d.Date.Int64()
		if err != nil {
			return errNoTime
		}
		t = time.UnixMilli(ms)
	} else {
		if err := json.Unmarshal(b, &s); err != nil || s == "" {
			return err
		}
		var err error
		if t, err = time.Parse(time.RFC3339, s); err != nil {
			return errNoTime
		}
	}
	if t = t.UTC(); t.Year() < 0 || t.Year() > 9999 {
		return errNoTime
	}
	m.Time = t
	return nil
}

// person is a user as messages name them.
type person struct {
	ID       string `json:"_id"`
	Username string `json:"username"`
	Name     string `json:"name"`
}

func (p person) user() bot.User {
	return bot.User{Ref: userRef(p.ID), Name: cmp.Or(strings.TrimSpace(p.Name), p.Username), Handle: p.Username}
}

// message is a message of the server, as far as it concerns us.
type message struct {
	ID      string `json:"_id"`
	Room    string `json:"rid"`
	Text    string `json:"msg"`
	System  string `json:"t"`
	Thread  string `json:"tmid"`
	User    person `json:"u"`
	Token   string `json:"token"` // a visitor's
	At      moment `json:"ts"`
	Updated moment `json:"_updatedAt"`
	Edited  moment `json:"editedAt"`
	Editor  person `json:"editedBy"`
	Hidden  bool   `json:"_hidden"`
	Private bool   `json:"private"`
	Files   []file `json:"files"`
	File    *file  `json:"file"` // the first, of older servers the only one

	// Bot is there if an integration wrote it, under the name of a person or not.
	Bot      json.RawMessage `json:"bot"`
	Mentions []mentioned     `json:"mentions"`
	Channels []room          `json:"channels"` // that it names

	Transfer transfer `json:"transferData"`

	Blocks      json.RawMessage `json:"blocks"`
	Attachments []attached      `json:"attachments"`
	Reactions   reactions       `json:"reactions"`
}

// UnmarshalJSON implements [json.Unmarshaler]. What somebody says of a file is
// said with the message.
func (m *message) UnmarshalJSON(b []byte) error {
	type plain message
	if err := json.Unmarshal(b, (*plain)(m)); err != nil {
		return err
	}
	m.Text = m.said()
	return nil
}

// reactions are who reacted, by emoji. The server writes an empty list in place
// of none when it marks a message as deleted.
type reactions map[string]struct {
	Usernames []string `json:"usernames"`
}

// UnmarshalJSON implements [json.Unmarshaler].
func (r *reactions) UnmarshalJSON(b []byte) error {
	if len(b) > 0 && b[0] == '[' {
		return nil
	}
	type plain reactions
	return json.Unmarshal(b, (*plain)(r))
}

// mentioned is whom a message names: a person, a team, or all that are there.
type mentioned struct {
	person
	Type string `json:"type"`
}

// room is what is known of a room.
type room struct {
	ID       string `json:"_id"`
	Kind     string `json:"t"`
	Name     string `json:"name"`
	Shown    string `json:"fname"`
	Archived bool   `json:"archived"`
	Agent    person `json:"servedBy"`   // of a customer's
	Shared   bool   `json:"federated"`  // with people of other servers
	People   int    `json:"usersCount"` // who are in it
}

// decoder turns messages into events.
type decoder struct {
	me person
}

// serverCat is the user in whose name the server itself writes to people.
const serverCat = "rocket.cat"

// concerns reports whether a message is a person's: not ours, not the server's
// own, not a customer's, and not an integration's, which writes what somebody
// outside has it write, as whom it was set up for.
func (d decoder) concerns(m message) bool {
	return m.System == "" && m.Token == "" && !m.Hidden && !m.Private && m.User.ID != "" && m.User.ID != d.me.ID && m.User.ID != serverCat &&
		!m.integrated() && messageRef(m.Room, m.ID) != ""
}

func (m message) integrated() bool {
	b := strings.TrimSpace(string(m.Bot))
	return b != "" && b != "null" && b != "false"
}

// foreign reports whether somebody else than its author changed a message:
// moderators may. It is not the author's order then.
func (m message) foreign() bool {
	return m.Editor.ID != "" && m.Editor.ID != m.User.ID
}

// maxNames bounds how many of those whom a text names are told.
const maxNames = 50

// names are those whom the message names, without the bot.
func (d decoder) names(m message) (out []bot.Named) {
	for _, x := range m.Mentions {
		n := bot.Named{Text: "@" + x.Username}
		switch {
		case x.ID == d.me.ID || !idRE.MatchString(x.ID) || x.Username == "":
			continue
		case x.Type == "team" || x.ID == "all" || x.ID == "here":
			n.Group = bot.GroupRef(Platform + ":" + x.ID)
		default:
			n.User, n.Name = userRef(x.ID), strings.TrimSpace(x.Name)
		}
		out = append(out, n)
	}
	for _, r := range m.Channels {
		if ref := roomRef(r.ID); ref != "" && r.Name != "" {
			out = append(out, bot.Named{Text: "#" + r.Name, Channel: ref})
		}
	}
	return out[:min(len(out), maxNames)]
}

// events reads a message. The same message comes again for an edit, the preview
// of a link, a reaction: its events have the IDs that they had before.
func (d decoder) events(m message, kind string) []bot.Event {
	if m.System == systemGone {
		return d.gone(m)
	}
	if kind == "l" {
		return d.live(m)
	}
	if !d.concerns(m) {
		return nil
	}
	ev := bot.Event{
		ID: "msg:" + m.Room + ":" + m.ID, Platform: Platform, Kind: bot.EventMessage, At: m.At.Time, User: m.User.user(),
		Channel: roomRef(m.Room), Message: messageRef(m.Room, m.ID), Text: m.Text, Files: m.files(), Names: d.names(m),
	}
	if m.Thread != "" {
		ev.Thread = messageRef(m.Room, m.Thread)
	}
	if order, ok := d.order(ev, m, kind); ok {
		if m.foreign() {
			return nil
		}
		return []bot.Event{order}
	}
	out := []bot.Event{ev}
	if !m.Edited.IsZero() {
		e := ev
		e.Kind, e.Edit = bot.EventMessageEdited, strconv.FormatInt(m.Edited.UnixMilli(), 10)
		e.ID = "edit:" + m.Room + ":" + m.ID + ":" + e.Edit
		e.At = m.Edited.Time
		if m.Editor.ID != "" && m.Editor.ID != m.User.ID {
			e.User = m.Editor.user()
		}
		out = append(out, e)
	}
	return out
}

// systemGone is the kind of what stays of a message that was deleted, where the
// workspace shows that, or where there is a thread.
const systemGone = "rm"

// gone reads what stays of a deleted message. Its ID is that of a deletion
// without a trace.
func (d decoder) gone(m message) []bot.Event {
	ref := messageRef(m.Room, m.ID)
	if m.Token != "" || m.Hidden || m.Private || ref == "" {
		return nil
	}
	ev := bot.Event{
		ID: "del:" + m.Room + ":" + m.ID, Platform: Platform, Kind: bot.EventMessageDeleted, At: m.Edited.Time, User: m.Editor.user(),
		Channel: roomRef(m.Room), Message: ref,
	}
	if m.Thread != "" {
		ev.Thread = messageRef(m.Room, m.Thread)
	}
	return []bot.Event{ev}
}

// orders are the commands that may be written with an exclamation mark, for
// workspaces that keep unknown slash commands to themselves.
func orders() []string { return []string{"twitter", "incident", "timeline", "duty"} }

// order reads what somebody told the bot, by words or by a button.
func (d decoder) order(ev bot.Event, m message, kind string) (bot.Event, bool) {
	text := permaRE.ReplaceAllString(strings.ReplaceAll(m.Text, joiner, ""), "") // as it was copied from us, or under a quotation
	if p, ok := press(text); ok {
		ev.Kind, ev.Text, ev.Message = bot.EventAction, "", messageRef(m.Room, p.message)
		ev.Action, ev.Value, ev.Ask = p.button, p.value, p.ask
		return ev, true
	}
	words, ok := d.addressed(text, kind)
	if !ok {
		return ev, false
	}
	ev.Kind, ev.Command, ev.Text = bot.EventCommand, "", words
	if name, rest := firstWord(words); strings.HasPrefix(name, "/") {
		ev.Command, ev.Text = name, rest
	}
	return ev, true
}

// firstWord splits the first word off.
func firstWord(s string) (first, rest string) {
	s = strings.TrimSpace(s)
	i := strings.IndexFunc(s, unicode.IsSpace)
	if i < 0 {
		return s, ""
	}
	return s[:i], strings.TrimSpace(s[i:])
}

// addressed returns the words that are meant for the bot: behind its name, all
// that somebody writes to it alone, a command.
func (d decoder) addressed(text, kind string) (words string, ok bool) {
	text = strings.TrimSpace(text)
	if at := "@" + d.me.Username; len(at) > 1 && len(text) >= len(at) && strings.EqualFold(text[:len(at)], at) {
		rest := text[len(at):]
		words := strings.TrimLeftFunc(rest, func(r rune) bool { return unicode.IsSpace(r) || r == ':' || r == ',' })
		if rest == "" || words != rest {
			return strings.TrimSpace(words), true
		}
	}
	first, rest := firstWord(text)
	if len(first) > 1 && (first[0] == '!' || first[0] == '/') && slices.Contains(orders(), strings.ToLower(first[1:])) {
		return strings.TrimSpace("/" + strings.ToLower(first[1:]) + " " + rest), true
	}
	return text, kind == "d"
}
