package rcfake

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"time"
)

// Message is a message as people see it.
type Message struct {
	ID, Room, Thread string
	Author           string // the name shown
	Username         string
	Visitor          bool // the customer wrote it
	Kind             string
	Text             string   // with the texts of its attachments, a line each: markup
	Plain            []string // titles and names of its attachments, in which nothing is markup
	Buttons          []Button
	Files            []string // their names
	FileIDs, Alts    []string // beside Files
	Reactions        map[string][]string
	Pinned, Edited   bool
	At               time.Time
}

// Button is a button of a message: one with Msg writes that, one with URL opens
// it, and one with Value is the app's, see Companion.
type Button struct{ Text, Msg, URL, Value string }

func str(o map[string]any, key string) string { s, _ := o[key].(string); return s }

func (m *message) shown() Message {
	out := Message{
		ID: m.id, Room: m.room, Thread: m.tmid, Author: m.alias, Username: str(m.user, "username"), Visitor: m.token != "",
		Kind: m.t, Reactions: maps.Clone(m.reactions), Pinned: m.pinned, Edited: !m.edited.IsZero(), At: m.ts,
	}
	if out.Author == "" {
		out.Author = str(m.user, "name")
	}
	var lines []string
	add := func(s string) {
		if s != "" {
			lines = append(lines, s)
		}
	}
	bare := func(s string) {
		if s != "" {
			out.Plain = append(out.Plain, s)
		}
	}
	if len(m.blocks) > 0 { // clients show these in the text's place
		add(m.uiText())
	} else {
		add(m.msg)
	}
	for _, b := range m.uiButtons() {
		t, _ := b["text"].(map[string]any)
		out.Buttons = append(out.Buttons, Button{Text: str(t, "text"), Value: str(b, "value"), URL: str(b, "url")})
	}
	for _, a := range m.attachments {
		o, _ := a.(map[string]any)
		bare(str(o, "author_name"))
		if str(o, "type") == "file" {
			out.Files, out.FileIDs = append(out.Files, str(o, "title")), append(out.FileIDs, str(o, "fileId"))
			out.Alts = append(out.Alts, str(o, "description"))
		} else {
			bare(str(o, "title"))
		}
		add(str(o, "pretext"))
		add(str(o, "text"))
		add(str(o, "description"))
		fields, _ := o["fields"].([]any)
		for _, x := range fields {
			f, _ := x.(map[string]any)
			if v := str(f, "value"); v != "" {
				add(str(f, "title"))
				add(v)
			} else {
				bare(str(f, "title"))
			}
		}
		acts, _ := o["actions"].([]any)
		for _, x := range acts {
			b, _ := x.(map[string]any)
			out.Buttons = append(out.Buttons, Button{Text: str(b, "text"), Msg: str(b, "msg"), URL: str(b, "url")})
		}
	}
	out.Text = strings.Join(lines, "\n")
	return out
}

// Messages are a room's messages, oldest first.
func (s *Server) Messages(rid string) (out []Message) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.st.rooms[rid]
	if r == nil {
		return nil
	}
	for _, m := range r.msgs {
		if !m.hidden {
			out = append(out, m.shown())
		}
	}
	return out
}

// Raw are a room's messages as the workspace's own clients get them, oldest first.
func (s *Server) Raw(rid string) (out []map[string]any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.st.rooms[rid]
	if r == nil {
		return nil
	}
	for _, m := range r.msgs {
		if !m.hidden {
			out = append(out, m.json(false))
		}
	}
	return out
}

// Room is a room as people see it.
type Room struct {
	ID, Name, Kind, Topic string
	Members               []string // usernames
	Archived              bool

	// Of a customer's room.
	Open, OnHold        bool
	Visitor, Department string
	Source              string // what agents read as its channel
	Agent, ClosedBy     string // usernames
}

func (s *Server) shownRoom(r *room) Room {
	out := Room{ID: r.id, Name: r.name, Kind: r.kind, Topic: r.topic, Archived: r.archived, Open: r.open, OnHold: r.hold, ClosedBy: r.closedBy}
	for _, id := range r.members {
		if u := s.st.users[id]; u != nil {
			out.Members = append(out.Members, u.Username)
		}
	}
	if r.visitor != nil {
		out.Visitor, out.Source = r.visitor.name, cmp.Or(r.source, "API")
	}
	for _, d := range s.st.departments {
		if d.id == r.department {
			out.Department = d.name
		}
	}
	if r.agent != nil {
		out.Agent = r.agent.Username
	}
	return out
}

// Rooms are the rooms of a kind (c, p, d or l), or all, oldest first.
func (s *Server) Rooms(kind string) (out []Room) {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := slices.Collect(maps.Values(s.st.rooms))
	slices.SortFunc(all, func(a, b *room) int { return a.created.Compare(b.created) })
	for _, r := range all {
		if kind == "" || r.kind == kind {
			out = append(out, s.shownRoom(r))
		}
	}
	return out
}

// Visitors are the tokens of the visitors.
func (s *Server) Visitors() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Sorted(maps.Keys(s.st.visitors))
}

// File is a file's bytes.
func (s *Server) File(id string) []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	if f := s.st.files[id]; f != nil {
		return f.data
	}
	return nil
}
