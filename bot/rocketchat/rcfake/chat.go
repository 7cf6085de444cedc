package rcfake

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// room is a room that the user may read.
func (c *call) room(id string) (*room, *failure) {
	r := c.st.rooms[id]
	if r == nil {
		return nil, meteor("error-invalid-room", "Invalid room")
	}
	if !c.reads(r) {
		return nil, meteor("error-not-allowed", "Not allowed")
	}
	return r, nil
}

func (c *call) reads(r *room) bool {
	switch {
	case r.member(c.user.ID) || r.kind == "c":
		return true
	case r.kind == "l":
		return c.user.is("livechat-manager") || c.user.is("admin") || r.agent == c.user
	}
	return false
}

func isString(v any) bool { _, ok := v.(string); return ok }

// sendMessage keeps the ID that it is given: a second message with it is refused.
func sendMessage(c *call) (obj, *failure) {
	in := c.obj("message")
	for k, v := range in {
		switch k {
		case "_id", "rid", "tmid", "msg", "alias", "emoji", "avatar":
			if !isString(v) && v != nil {
				return nil, meteor("invalid-params", "must be string")
			}
		case "attachments", "blocks":
			if _, ok := v.([]any); !ok && v != nil {
				return nil, meteor("invalid-params", "must be array")
			}
		} // the server's schema lets other keys of a message pass
	}
	str := func(k string) string { s, _ := in[k].(string); return s }
	r, f := c.room(str("rid"))
	if f != nil {
		return nil, f
	}
	m := &message{id: str("_id"), msg: str("msg"), tmid: str("tmid"), alias: str("alias"), emoji: str("emoji")}
	m.attachments, _ = in["attachments"].([]any)
	m.blocks, _ = in["blocks"].([]any)
	if m.alias != "" && !c.user.is("bot") && !c.user.is("admin") {
		return nil, meteor("error-not-allowed", "Not enough permission")
	}
	if f := c.put(r, m); f != nil {
		return nil, f
	}
	return obj{"message": m.json(false)}, nil
}

// put adds a message of the calling user to a room.
func (c *call) put(r *room, m *message) *failure {
	if r.archived {
		return meteor("room_is_archived", "Room is archived")
	}
	if r.kind != "l" && !r.member(c.user.ID) {
		return meteor("error-not-allowed", "Not allowed")
	}
	if r.kind == "l" && !r.open {
		return bad("room-closed")
	}
	if most, ok := c.st.settings["Message_MaxAllowedSize"].(int); ok && len([]rune(m.msg)) > most {
		return meteor("error-message-size-exceeded", "Message size exceeds Message_MaxAllowedSize")
	}
	if m.msg == "" && len(m.attachments) == 0 && len(m.blocks) == 0 && len(m.files) == 0 {
		return bad("The 'msg' is empty")
	}
	if f := checkAttachments(m.attachments); f != nil {
		return f
	}
	if m.id != "" && c.known(m.id) {
		return bad("Cannot read properties of undefined (reading 'starred')") // what the route says of a repeated ID
	}
	if m.tmid != "" && r.find(m.tmid) == nil {
		return meteor("error-invalid-message", "Invalid thread")
	}
	m.user = c.user.ref()
	c.insert(r, m)
	return nil
}

func checkAttachments(list []any) *failure {
	for _, a := range list {
		o, ok := a.(map[string]any)
		if !ok {
			return meteor("invalid-params", "attachments must be objects")
		}
		acts, _ := o["actions"].([]any)
		for _, x := range acts {
			b, ok := x.(map[string]any)
			if !ok {
				return meteor("invalid-params", "actions must be objects")
			}
			if u, ok := b["url"].(string); ok && u != "" && !strings.HasPrefix(u, "http://") && !strings.HasPrefix(u, "https://") {
				return meteor("error-invalid-url", "Invalid URL")
			}
		}
	}
	return nil
}

// known reports whether any message has the ID.
func (s *Server) known(id string) bool {
	for _, r := range s.st.rooms {
		if r.find(id) != nil {
			return true
		}
	}
	return false
}

// insert adds a message and tells those who listen. The lock is held.
func (s *Server) insert(r *room, m *message) {
	if m.id == "" {
		m.id = s.newID()
	}
	m.room, m.ts = r.id, s.now()
	m.updated = m.ts
	s.st.name(m)
	r.said = m.ts
	r.msgs = append(r.msgs, m)
	s.publish(r, m)
}

// touched tells those who listen of a changed message. The lock is held.
func (s *Server) touched(r *room, m *message) {
	m.updated = s.now()
	s.st.name(m)
	s.publish(r, m)
}

var namedRE = regexp.MustCompile(`(?m)(^|\s|>)([@#])([\w.-]*\w)`)

// name notes whom and which rooms a message names, as the server does before
// it stores one. The lock is held.
func (st *state) name(m *message) {
	m.mentions, m.channels = []obj{}, []obj{}
	if m.t != "" {
		return
	}
	for _, at := range namedRE.FindAllStringSubmatch(m.msg, -1) {
		switch name := at[3]; {
		case at[2] == "#":
			if r := st.roomByName(name); r != nil {
				m.channels = append(m.channels, obj{"_id": r.id, "name": r.name})
			}
		case name == "all" || name == "here":
			m.mentions = append(m.mentions, obj{"_id": name, "username": name})
		default:
			if u := st.userByName(name); u != nil {
				m.mentions = append(m.mentions, obj{"_id": u.ID, "username": u.Username, "name": u.Name, "type": "user"})
			}
		}
	}
}

func postMessage(c *call) (obj, *failure) {
	r := c.st.rooms[c.str("roomId")]
	if name := c.str("channel"); r == nil && name != "" {
		if n, ok := strings.CutPrefix(name, "@"); ok {
			u := c.st.userByName(n)
			if u == nil {
				return nil, meteor("error-user-not-found", "User not found")
			}
			r = c.openDirect(c.user, u)
		} else {
			r = c.st.roomByName(name)
		}
	}
	if r == nil {
		return nil, meteor("error-room-not-found", "invalid-channel")
	}
	m := &message{msg: c.str("text"), alias: c.str("alias"), tmid: c.str("tmid")}
	m.attachments, _ = c.body["attachments"].([]any)
	if f := c.put(r, m); f != nil {
		return nil, f
	}
	return obj{"ts": m.ts.UnixMilli(), "channel": r.name, "message": m.json(false)}, nil
}

// own finds a message that the user may change.
func (c *call) own(roomID, id string) (*room, *message, *failure) {
	r, f := c.room(roomID)
	if f != nil {
		return nil, nil, f
	}
	m := r.find(id)
	if m == nil {
		return nil, nil, bad("No message found with the id of \"" + id + "\".")
	}
	if m.user["_id"] != c.user.ID && !c.user.is("admin") {
		return nil, nil, meteor("error-action-not-allowed", "Message editing not allowed")
	}
	return r, m, nil
}

// updateMessage changes the text alone: attachments stay as they were.
func updateMessage(c *call) (obj, *failure) {
	if _, ok := c.body["text"]; !ok { // "content" is of encrypted rooms
		return nil, meteor("invalid-params", "must have required property 'text'")
	}
	r, m, f := c.own(c.str("roomId"), c.str("msgId"))
	if f != nil {
		return nil, f
	}
	m.msg, m.edited, m.editor = c.str("text"), c.now(), c.user.ref()
	c.touched(r, m)
	return obj{"message": m.json(false)}, nil
}

func deleteMessage(c *call) (obj, *failure) {
	r, m, f := c.own(c.str("roomId"), c.str("msgId"))
	if f != nil {
		return nil, f
	}
	c.drop(r, m, c.user.ref())
	return obj{"_id": m.id, "ts": strconv.FormatInt(c.now().UnixMilli(), 10), "message": obj{"_id": m.id, "rid": r.id, "u": m.user}}, nil
}

func reactMessage(c *call) (obj, *failure) {
	id, name := c.str("messageId"), c.str("emoji")
	if name == "" {
		name = c.str("reaction")
	}
	for _, r := range c.st.rooms {
		m := r.find(id)
		if m == nil {
			continue
		}
		if !c.reads(r) {
			return nil, meteor("error-not-allowed", "Not allowed")
		}
		on, given := c.body["shouldReact"].(bool)
		c.react(r, m, c.user.Username, name, on, given)
		return nil, nil
	}
	return nil, meteor("error-message-not-found", "The provided \"messageId\" does not match any existing message.")
}

// react sets or removes a reaction; not given means the other way round. The lock is held.
func (s *Server) react(r *room, m *message, username, name string, on, given bool) {
	name = ":" + strings.Trim(name, ":") + ":"
	has := slices.Contains(m.reactions[name], username)
	if !given || len(m.reactions) == 0 {
		on = !has // without reactions the server takes away what is not there by adding it
	}
	switch {
	case on && !has:
		if m.reactions == nil {
			m.reactions = map[string][]string{}
		}
		m.reactions[name] = append(m.reactions[name], username)
	case !on && has:
		m.reactions[name] = slices.DeleteFunc(slices.Clone(m.reactions[name]), func(u string) bool { return u == username })
		if len(m.reactions[name]) == 0 {
			delete(m.reactions, name)
		}
	default:
		return
	}
	s.touched(r, m)
}

func getMessage(c *call) (obj, *failure) {
	id := c.q.Get("msgId")
	for _, r := range c.st.rooms {
		if m := r.find(id); m != nil {
			if !c.reads(r) {
				return nil, bad("")
			}
			return obj{"message": m.json(false)}, nil
		}
	}
	return nil, bad("")
}

func pin(on bool) func(*call) (obj, *failure) {
	return func(c *call) (obj, *failure) {
		for _, r := range c.st.rooms {
			m := r.find(c.str("messageId"))
			if m == nil {
				continue
			}
			if !c.reads(r) {
				return nil, meteor("error-not-allowed", "Not allowed")
			}
			m.pinned = on
			c.touched(r, m)
			return obj{"message": m.json(false)}, nil
		}
		return nil, meteor("error-message-not-found", "The required \"messageId\" param is missing.")
	}
}
