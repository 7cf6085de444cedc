package rcfake

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// AddUser adds a person, or changes the one with the ID, and returns the ID.
func (s *Server) AddUser(u User) string {
	u.ID = cmp.Or(u.ID, "U"+strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' {
			return r
		}
		return -1
	}, u.Username))
	u.Name = cmp.Or(u.Name, u.Username)
	if u.Roles == nil {
		u.Roles = []string{"user"}
	}
	if u.Agent && !slices.Contains(u.Roles, "livechat-agent") {
		u.Roles = append(u.Roles, "livechat-agent")
	}
	_ = s.do(func() error {
		for i, d := range u.Departments {
			if dep := s.st.dep(d); dep != nil {
				u.Departments[i] = dep.id
			}
		}
		s.st.users[u.ID] = &user{u}
		return nil
	})
	return u.ID
}

// Bot is the bot's user ID and token.
func (s *Server) Bot() (id, token string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if u := s.st.userByName(s.opt.Bot.Username); u != nil {
		return u.ID, u.Token
	}
	return "", ""
}

// SetRoles gives a person other roles.
func (s *Server) SetRoles(username string, roles ...string) {
	_ = s.do(func() error {
		if u := s.st.userByName(username); u != nil {
			u.Roles = roles
		}
		return nil
	})
}

// SetOffline says whether an agent is away.
func (s *Server) SetOffline(username string, off bool) {
	_ = s.do(func() error {
		if u := s.st.userByName(username); u != nil {
			u.Offline = off
		}
		return nil
	})
}

// Revoke makes a person's token worth nothing and ends their connections.
func (s *Server) Revoke(username string) {
	_ = s.do(func() error {
		u := s.st.userByName(username)
		if u == nil {
			return nil
		}
		u.Token = ""
		for ses := range s.sessions {
			if ses.user == u {
				ses.send(obj{"msg": "changed", "collection": "stream-notify-user", "id": "id", "fields": obj{"eventName": u.ID + "/force_logout", "args": []any{}}})
				ses.user = nil
				clear(ses.subs)
			}
		}
		return nil
	})
}

// Set changes a setting of the workspace.
func (s *Server) Set(name string, value any) {
	_ = s.do(func() error { s.st.settings[name] = value; return nil })
}

// AddDepartment adds a department and returns its ID.
func (s *Server) AddDepartment(name string) (id string) {
	_ = s.do(func() error {
		id = s.newID()
		s.st.departments = append(s.st.departments, &department{id: id, name: name, enabled: true})
		return nil
	})
	return id
}

// SetDepartment switches a department on or off.
func (s *Server) SetDepartment(name string, on bool) {
	_ = s.do(func() error {
		if d := s.st.dep(name); d != nil {
			d.enabled = on
		}
		return nil
	})
}

// AddRoom makes a channel, or a private group, of the named people and returns its ID.
func (s *Server) AddRoom(name string, private bool, usernames ...string) (id string) {
	_ = s.do(func() error {
		r := &room{id: s.newID(), name: name, kind: "c", created: s.now()}
		if private {
			r.kind = "p"
		}
		for _, n := range usernames {
			if u := s.st.userByName(n); u != nil {
				r.members = append(r.members, u.ID)
			}
		}
		s.st.rooms[r.id], id = r, r.id
		return nil
	})
	return id
}

var (
	errNobody = errors.New("rcfake: no such person, room or message")
	errClosed = errors.New("rcfake: the conversation is closed")
)

// act finds a person and a room, and does something with them.
func (s *Server) act(username, rid string, fn func(u *user, r *room) error) error {
	return s.do(func() error {
		u, r := s.st.userByName(username), s.st.rooms[rid]
		if u == nil || r == nil {
			return fmt.Errorf("%w: %s in %s", errNobody, username, rid)
		}
		return fn(u, r)
	})
}

// Says is what a person writes.
type Says struct {
	Who, Room string // username, room ID
	Text      string
	Thread    string // the ID of the thread's first message
	Files     []Attached
}

// Attached is a file of a message.
type Attached struct {
	Name, Type string
	Words      string // written below it, as clients of line 7 have people do
	Data       []byte
}

// Say has a person write and returns the message's ID.
func (s *Server) Say(in Says) (id string, err error) {
	err = s.act(in.Who, in.Room, func(u *user, r *room) error {
		if r.kind == "l" && !r.open {
			return errClosed
		}
		if r.kind != "l" && !r.member(u.ID) {
			return fmt.Errorf("rcfake: %s is not in the room", in.Who)
		}
		m := &message{msg: in.Text, tmid: in.Thread, user: u.ref()}
		for _, f := range in.Files {
			s.keep(&file{name: f.Name, mime: f.Type, data: f.Data, words: f.Words, confirmed: true}, r, u.ID).attach(m)
		}
		s.insert(r, m)
		id = m.id
		return nil
	})
	return id, err
}

// DirectRoom is the room that a person and the bot have alone, made if need be.
func (s *Server) DirectRoom(username string) (id string) {
	_ = s.do(func() error {
		u, b := s.st.userByName(username), s.st.userByName(s.opt.Bot.Username)
		if u != nil && b != nil {
			id = s.openDirect(u, b).id
		}
		return nil
	})
	return id
}

// AddDirect makes the room of several people and the bot, and returns its ID.
func (s *Server) AddDirect(usernames ...string) (id string) {
	_ = s.do(func() error {
		r := &room{id: s.newID(), kind: "d", created: s.now()}
		for _, n := range append(slices.Clone(usernames), s.opt.Bot.Username) {
			if u := s.st.userByName(n); u != nil {
				r.members = append(r.members, u.ID)
			}
		}
		s.st.rooms[r.id], id = r, r.id
		return nil
	})
	return id
}

// Rename gives a room another name.
func (s *Server) Rename(rid, name string) error {
	return s.do(func() error {
		r := s.st.rooms[rid]
		if r == nil {
			return errNobody
		}
		r.name = name
		for _, id := range r.members {
			s.notifyUser(id, "rooms-changed", "updated", r.json())
		}
		return nil
	})
}

// RenameUser gives a person another name. What they wrote bears the one that
// they had then.
func (s *Server) RenameUser(from, to string) error {
	return s.do(func() error {
		u := s.st.userByName(from)
		if u == nil || s.st.userByName(to) != nil {
			return errNobody
		}
		u.Username = to
		s.emit("stream-notify-logged", "Users:NameChanged", func(x *session) bool { return x.user != nil }, u.ref())
		return nil
	})
}

// Age makes a message older, with all that became of it.
func (s *Server) Age(rid, id string, by time.Duration) error {
	return s.do(func() error {
		r := s.st.rooms[rid]
		if r == nil || r.find(id) == nil {
			return errNobody
		}
		m := r.find(id)
		m.ts, m.updated = m.ts.Add(-by), m.updated.Add(-by)
		if !m.edited.IsZero() {
			m.edited = m.edited.Add(-by)
		}
		return nil
	})
}

// Spoil has a message hold something that is no message's.
func (s *Server) Spoil(rid, id, key string, value any) error {
	return s.do(func() error {
		r := s.st.rooms[rid]
		if r == nil || r.find(id) == nil {
			return errNobody
		}
		m := r.find(id)
		if m.extra == nil {
			m.extra = obj{}
		}
		m.extra[key] = value
		return nil
	})
}

// Edit has a person change their message.
func (s *Server) Edit(username, rid, id, text string) error {
	return s.act(username, rid, func(u *user, r *room) error {
		m := r.find(id)
		if m == nil || m.user["_id"] != u.ID {
			return errNobody
		}
		m.msg, m.edited, m.editor = text, s.now(), u.ref()
		s.touched(r, m)
		return nil
	})
}

// Delete has a person delete a message.
func (s *Server) Delete(username, rid, id string) error {
	return s.act(username, rid, func(u *user, r *room) error {
		m := r.find(id)
		if m == nil {
			return errNobody
		}
		s.drop(r, m, u.ref())
		return nil
	})
}

// React has a person set or remove a reaction.
func (s *Server) React(username, rid, id, emoji string, on bool) error {
	return s.act(username, rid, func(u *user, r *room) error {
		m := r.find(id)
		if m == nil {
			return errNobody
		}
		s.react(r, m, u.Username, emoji, on, true)
		return nil
	})
}

// Preview changes a message as the server does for the preview of a link: the
// same message comes once more, with nothing that a person changed.
func (s *Server) Preview(rid, id string) error {
	return s.do(func() error {
		r := s.st.rooms[rid]
		if r == nil || r.find(id) == nil {
			return errNobody
		}
		s.touched(r, r.find(id))
		return nil
	})
}

// Press has a person press a button of a message, by its text. A button with a
// message writes it as that person; one with an address returns it.
func (s *Server) Press(username, rid, id, text string) (url string, err error) {
	err = s.act(username, rid, func(u *user, r *room) error {
		m := r.find(id)
		if m == nil {
			return errNobody
		}
		if r.kind == "l" && !r.open { // there is nowhere to write
			return errClosed
		}
		for _, a := range m.attachments {
			o, _ := a.(map[string]any)
			acts, _ := o["actions"].([]any)
			for _, x := range acts {
				b, _ := x.(map[string]any)
				if b["text"] != text {
					continue
				}
				if to, _ := b["url"].(string); to != "" {
					url = to
					return nil
				}
				words, _ := b["msg"].(string)
				if b["msg_in_chat_window"] != true || words == "" {
					return fmt.Errorf("rcfake: the button %q is not shown", text)
				}
				if strings.HasPrefix(words, "/") {
					return fmt.Errorf("rcfake: no such command: %s", words)
				}
				s.insert(r, &message{msg: words, user: u.ref(), tmid: m.tmid})
				return nil
			}
		}
		return fmt.Errorf("rcfake: no button %q", text)
	})
	return url, err
}

// Take has an agent take a customer's room from the queue.
func (s *Server) Take(username, rid string) error {
	return s.act(username, rid, func(u *user, r *room) error { s.take(r, u); return nil })
}

// CloseRoom has an agent close a customer's room.
func (s *Server) CloseRoom(username, rid, comment string) error {
	return s.act(username, rid, func(u *user, r *room) error {
		if !r.open {
			return errors.New("rcfake: closed already")
		}
		s.shut(r, u.ref(), "", comment)
		return nil
	})
}

// CloseWhileWriting has an agent close the next room in which a customer writes,
// just before that is stored. The server then makes a new room of its own and
// stores it there.
func (s *Server) CloseWhileWriting(username string) {
	_ = s.do(func() error { s.closing = s.st.userByName(username); return nil })
}

// Forward has an agent hand a customer's room to another agent or a department.
func (s *Server) Forward(username, rid, to, department string) error {
	return s.act(username, rid, func(u *user, r *room) error {
		other, d := s.st.userByName(to), s.st.dep(department)
		if other == nil && d == nil {
			return errNobody
		}
		if f := s.forward(r, u, other, d, ""); f != nil {
			return errors.New("rcfake: " + f.error)
		}
		return nil
	})
}

// Hold has an agent put a customer's room on hold.
func (s *Server) Hold(username, rid string) error {
	return s.act(username, rid, func(u *user, r *room) error {
		r.hold = true
		s.insert(r, &message{t: "omnichannel_placed_chat_on_hold", user: u.ref(), extra: obj{"comment": ""}})
		return nil
	})
}

// Typing tells that a person writes, or has stopped to.
func (s *Server) Typing(username, rid string, on bool) error {
	return s.act(username, rid, func(u *user, r *room) error {
		acts := []string{}
		if on {
			acts = append(acts, "user-typing")
		}
		s.notifyRoom(r, "user-activity", u.Username, acts, obj{})
		return nil
	})
}

// RaceRooms makes calls that would make a room wait until the returned func is
// called, so that two at once make two rooms, as they do on the real server.
func (s *Server) RaceRooms() (release func()) {
	gate := make(chan struct{})
	_ = s.do(func() error { s.roomDelay = gate; return nil })
	return func() {
		_ = s.do(func() error { s.roomDelay = nil; return nil })
		close(gate)
	}
}
