package rcfake

import (
	"maps"
	"slices"
)

// staffed reports whether a department has agents. The lock is held.
func (s *Server) staffed(d *department) bool {
	for _, u := range s.st.users {
		if u.Agent && slices.Contains(u.Departments, d.id) {
			return true
		}
	}
	return false
}

// available is an agent who may be given a conversation of the department.
func (s *Server) available(dep string) *user {
	var best *user
	load := map[string]int{}
	for _, r := range s.st.rooms {
		if r.kind == "l" && r.open && r.agent != nil {
			load[r.agent.ID]++
		}
	}
	for _, u := range s.st.users {
		if !u.Agent || u.Offline || dep != "" && !slices.Contains(u.Departments, dep) {
			continue
		}
		if best == nil || load[u.ID] < load[best.ID] || load[u.ID] == load[best.ID] && u.ID < best.ID {
			best = u
		}
	}
	return best
}

func (s *Server) automatic() bool {
	return s.st.settings["Livechat_Routing_Method"] == "Auto_Selection"
}

// begin makes a room for a visitor and routes it. Who names no department comes
// into the first in which somebody is there. The lock is held.
func (s *Server) begin(v *visitor) (*room, *failure) {
	if !s.enabled() {
		return nil, meteor("error-omnichannel-is-disabled", "")
	}
	dep := v.department
	if dep == "" {
		for _, d := range s.st.departments {
			if d.enabled && s.available(d.id) != nil {
				dep = d.id
				break
			}
		}
	}
	agent := s.available(dep)
	accept, _ := s.st.settings["Livechat_accept_chats_with_no_agents"].(bool)
	if agent == nil && !accept {
		return nil, meteor("no-agent-online", "Sorry, no online agents")
	}
	r := &room{id: s.newID(), kind: "l", visitor: v, department: dep, open: true, created: s.now()}
	s.st.rooms[r.id] = r
	// This one message of a visitor is without their token.
	s.insert(r, &message{t: "livechat-started", user: obj{"_id": v.id, "username": v.username, "name": v.name}, extra: obj{"groupable": false}})
	if s.automatic() && agent != nil {
		s.take(r, agent)
	}
	return r, nil
}

// take gives a room to an agent. The lock is held.
func (s *Server) take(r *room, agent *user) {
	r.agent, r.hold = agent, false
	if !r.member(agent.ID) {
		r.members = append(r.members, agent.ID)
	}
	s.insert(r, &message{t: "command", msg: "connected", user: agent.ref()})
	s.insert(r, &message{t: "uj", user: agent.ref()})
	s.notifyLivechat(r, obj{"type": "agentData", "data": agent.ref()})
}

// leave takes agents out of a room, but for one. The lock is held.
func (s *Server) leave(r *room, but *user) {
	for _, id := range slices.Clone(r.members) {
		u := s.st.users[id]
		if u == nil || u == but {
			continue
		}
		r.members = slices.DeleteFunc(r.members, func(x string) bool { return x == id })
		s.insert(r, &message{t: "ul", msg: u.Username, user: u.ref()})
	}
}

// resume ends a hold, as a customer's message does. The lock is held.
func (s *Server) resume(r *room) {
	if r.hold {
		r.hold = false
		s.insert(r, &message{t: "omnichannel_on_hold_chat_resumed", user: obj{"_id": "rocket.cat", "username": "rocket.cat", "name": "Rocket.Cat"}, extra: obj{"comment": "resumed by a message of the customer"}})
	}
}

// closeByUser wants a comment, where the workspace was not changed.
func closeByUser(c *call) (obj, *failure) {
	r := c.st.rooms[c.str("rid")]
	if r == nil || r.kind != "l" {
		return nil, bad("error-invalid-room")
	}
	if !r.open {
		return nil, bad("error-room-already-closed")
	}
	if on, _ := c.st.settings["Livechat_request_comment_when_closing_conversation"].(bool); on && c.str("comment") == "" {
		return nil, bad("error-comment-is-required")
	}
	c.shut(r, c.user.ref(), "", c.str("comment"))
	return nil, nil
}

// shut closes a customer's room, which is nobody's any more; the token is of a
// visitor who does it. The lock is held.
func (s *Server) shut(r *room, by obj, token, comment string) {
	r.open, r.hold, r.members = false, false, nil
	r.closedBy, _ = by["username"].(string)
	s.insert(r, &message{t: "livechat-close", msg: comment, user: by, token: token, extra: obj{"groupable": false, "transcriptRequested": false}})
	s.notifyLivechat(r, obj{"type": "queueData", "data": nil})
}

func forwardRoom(c *call) (obj, *failure) {
	r := c.st.rooms[c.str("roomId")]
	if r == nil || r.kind != "l" {
		return nil, bad("error-invalid-room")
	}
	if !r.open {
		return nil, bad("This_conversation_is_already_closed")
	}
	u, d := c.st.users[c.str("userId")], c.st.dep(c.str("departmentId"))
	if d != nil && d.id != c.str("departmentId") || d == nil && c.str("departmentId") != "" {
		return nil, bad("error-invalid-department")
	}
	if u == nil && d == nil {
		return nil, bad("error-forwarding-chat")
	}
	return nil, c.forward(r, c.user, u, d, c.str("comment"))
}

// transferByVisitor hands a visitor's room to a department.
func transferByVisitor(c *call) (obj, *failure) {
	v, r, f := c.visitorRoom(c.str("token"), c.str("rid"))
	if f != nil {
		return nil, f
	}
	d := c.st.dep(c.str("department"))
	if d == nil {
		return nil, bad("error-invalid-department")
	}
	return obj{"result": true}, c.forward(r, &user{User{ID: v.id, Username: v.username, Name: v.name}}, nil, d, "")
}

// forward hands a room to an agent or a department. Whoever gets it takes it
// before it is told that it was handed on. The lock is held.
func (s *Server) forward(r *room, by, to *user, d *department, comment string) *failure {
	old := r.agent
	switch {
	case r.hold:
		return bad("error-room-onHold")
	case d == nil && to.Offline:
		return bad("error-user-is-offline")
	case d == nil && to == old:
		return bad("error-selected-agent-room-agent-are-same")
	case d != nil && d.id == r.department:
		return bad("error-forwarding-chat-same-department")
	}
	data := obj{"transferredBy": s.handsOn(r, by), "ts": stamp(s.now()), "scope": "agent", "comment": comment}
	if r.department != "" {
		data["previousDepartment"] = r.department
	}
	if d == nil {
		data["transferredTo"] = to.ref()
	} else {
		data["scope"], data["nextDepartment"] = "department", obj{"_id": d.id, "name": d.name}
		if to = nil; s.automatic() {
			if to = s.available(d.id); old != nil && (to == nil || to == old) {
				return bad("error-no-agents-online-in-department")
			}
		}
	}
	if to != nil {
		s.take(r, to)
	}
	token := ""
	if by.ID == r.visitor.id {
		token = r.visitor.token
	}
	s.insert(r, &message{t: "livechat_transfer_history", user: obj{"_id": by.ID, "username": by.Username}, token: token, extra: obj{"transferData": data}})
	r.agent = to
	s.leave(r, to)
	if d != nil {
		r.department = d.id
	}
	return nil
}

// handsOn is who hands a room on, as a transfer names them. The lock is held.
func (s *Server) handsOn(r *room, by *user) obj {
	o := maps.Clone(by.ref())
	switch {
	case by.ID == r.visitor.id:
		o["userType"] = "visitor"
	case by == r.agent:
		o["userType"] = "agent"
	default:
		o["userType"] = "user"
	}
	return o
}
