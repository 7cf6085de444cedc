package rocketchat

import (
	"cmp"
	"encoding/json"
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/perch-chat/perch/bot"
)

// moment is a time in either of the server's forms: {"$date": ms} in realtime
// events, RFC 3339 in REST answers.
type moment struct{ time.Time }

// UnmarshalJSON implements [json.Unmarshaler].
func (m *moment) UnmarshalJSON(b []byte) error {
	var d struct {
		Date json.Number `json:"$date"`
	}
	if len(b) > 0 && b[0] == '{' {
		if err := json.Unmarshal(b, &d); err != nil {
			return err
		}
		ms, err := d.Date.Int64()
		if err != nil {
			return errors.New("rocketchat: a time is none")
		}
		m.Time = time.UnixMilli(ms).UTC()
		return nil
	}
	var s string
	if err := json.Unmarshal(b, &s); err != nil {
		return err
	}
	if s == "" {
		return nil
	}
	t, err := time.Parse(time.RFC3339, s)
	if err != nil {
		return errors.New("rocketchat: a time is none")
	}
	m.Time = t.UTC()
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

	Transfer transfer `json:"transferData"`

	Attachments []struct {
		Link  string `json:"title_link"`
		Title string `json:"title"`
		Type  string `json:"type"`
	} `json:"attachments"`
	Reactions map[string]struct {
		Usernames []string `json:"usernames"`
	} `json:"reactions"`
}

type file struct {
	ID   string `json:"_id"`
	Name string `json:"name"`
	Type string `json:"type"`
	Size int64  `json:"size"`
}

// files are the files of a message with the paths they are at.
func (m message) files() []bot.File {
	list := m.Files
	if len(list) == 0 && m.File != nil {
		list = []file{*m.File}
	}
	var out []bot.File
	for _, f := range list {
		if f.ID == "" {
			continue
		}
		b := bot.File{ID: f.ID, Name: f.Name, Type: f.Type, Size: f.Size}
		for _, a := range m.Attachments {
			if strings.Contains(a.Link, "/"+f.ID+"/") {
				b.URL = a.Link
			}
		}
		out = append(out, b)
	}
	return out
}

// room is what is known of a room.
type room struct {
	ID       string `json:"_id"`
	Kind     string `json:"t"`
	Name     string `json:"name"`
	Shown    string `json:"fname"`
	Archived bool   `json:"archived"`
	Open     bool   `json:"open"` // a customer's
}

// decoder turns messages into events.
type decoder struct {
	me person
}

// concerns reports whether a message is a person's: not ours, not the server's
// own, not a customer's.
func (d decoder) concerns(m message) bool {
	return m.System == "" && m.Token == "" && !m.Hidden && !m.Private && m.User.ID != "" && m.User.ID != d.me.ID &&
		messageRef(m.Room, m.ID) != ""
}

// events reads a message. The same message comes again for an edit, the preview
// of a link, a reaction: its events have the IDs that they had before.
func (d decoder) events(m message, kind string) []bot.Event {
	if kind == "l" {
		return d.live(m)
	}
	if !d.concerns(m) {
		return nil
	}
	ev := bot.Event{
		ID: "msg:" + m.Room + ":" + m.ID, Platform: Platform, Kind: bot.EventMessage, At: m.At.Time, User: m.User.user(),
		Channel: roomRef(m.Room), Message: messageRef(m.Room, m.ID), Text: m.Text, Files: m.files(),
	}
	if m.Thread != "" {
		ev.Thread = messageRef(m.Room, m.Thread)
	}
	if id, on, value, ok := press(m.Text); ok {
		ev.Kind, ev.Action, ev.Value, ev.Text, ev.Message = bot.EventAction, id, value, "", messageRef(m.Room, on)
		return []bot.Event{ev}
	}
	if words, ok := d.addressed(m.Text, kind); ok {
		ev.Kind, ev.Command, ev.Text = bot.EventCommand, "", words
		first, rest, _ := strings.Cut(words, " ")
		if name, ok := strings.CutPrefix(first, "/"); ok {
			ev.Command, ev.Text = "/"+name, strings.TrimSpace(rest)
		}
		return []bot.Event{ev}
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

// orders are the commands that may be written with an exclamation mark, for
// workspaces that keep unknown slash commands to themselves.
func orders() []string { return []string{"twitter", "incident", "timeline", "duty"} }

// addressed returns the words that are meant for the bot: behind its name, all
// that somebody writes to it alone, a command.
func (d decoder) addressed(text, kind string) (words string, ok bool) {
	text = strings.TrimSpace(text)
	if rest, found := strings.CutPrefix(text, "@"+d.me.Username); found && d.me.Username != "" {
		if rest == "" || strings.ContainsAny(rest[:1], " \n\t:,") {
			return strings.TrimSpace(strings.TrimLeft(rest, ":, \n\t")), true
		}
	}
	first, rest, _ := strings.Cut(text, " ")
	if len(first) > 1 && (first[0] == '!' || first[0] == '/') && slices.Contains(orders(), strings.ToLower(first[1:])) {
		return strings.TrimSpace("/" + strings.ToLower(first[1:]) + " " + strings.TrimSpace(rest)), true
	}
	return text, kind == "d"
}
