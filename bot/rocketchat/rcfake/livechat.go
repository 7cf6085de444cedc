package rcfake

import (
	"cmp"
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

func (s *Server) enabled() bool { on, _ := s.st.settings["Livechat_enabled"].(bool); return on }

// registerVisitor makes a visitor, or changes the one with the token.
func registerVisitor(c *call) (obj, *failure) {
	in := c.obj("visitor")
	str := func(k string) string { v, _ := in[k].(string); return v }
	if strings.TrimSpace(str("token")) == "" {
		return nil, meteor("error-invalid-token", "Token cannot be empty")
	}
	for k := range in {
		if !slices.Contains([]string{"token", "name", "username", "email", "phone", "department", "customFields", "id", "connectionData", "status"}, k) {
			return nil, meteor("invalid-params", "must NOT have additional properties")
		}
	}
	var dep *department
	if d := str("department"); d != "" {
		if dep = c.st.dep(d); dep == nil {
			return nil, meteor("error-invalid-department", "The provided department is invalid")
		}
	}
	v := c.st.visitors[str("token")]
	if v == nil {
		v = &visitor{id: c.newID(), token: str("token"), username: str("username"), fields: obj{}}
		if v.username == "" {
			v.username = "guest-" + strconv.Itoa(len(c.st.visitors)+1)
		}
		c.st.visitors[v.token] = v
	}
	if dep != nil {
		v.department = dep.id
	}
	if n := str("name"); n != "" {
		v.name = n
	}
	v.name = cmp.Or(v.name, v.username)
	list, _ := in["customFields"].([]any)
	for _, x := range list {
		f, _ := x.(map[string]any)
		if k, ok := f["key"].(string); ok {
			v.fields[k] = f["value"]
		}
	}
	return obj{"visitor": v.json()}, nil
}

func getVisitor(c *call) (obj, *failure) {
	v := c.st.visitors[c.vars["token"]]
	if v == nil {
		return nil, meteor("invalid-token", "")
	}
	return obj{"visitor": v.json()}, nil
}

// getRoom returns the visitor's open room, or makes one: a GET that writes. It
// looks and makes in two steps, as the server does: two calls at once make two.
func getRoom(c *call) (obj, *failure) {
	token := c.q.Get("token")
	v := c.st.visitors[token]
	if v == nil {
		return nil, bad("invalid-token")
	}
	if rid := c.q.Get("rid"); rid != "" {
		r := c.st.rooms[rid]
		if r == nil || r.visitor != v || !r.open {
			return nil, bad("invalid-room")
		}
		return obj{"room": r.json(), "newRoom": false}, nil
	}
	if r := c.st.openRoom(token); r != nil {
		return obj{"room": r.json(), "newRoom": false}, nil
	}
	if gate := c.roomDelay; gate != nil {
		c.mu.Unlock()
		select {
		case <-gate:
		case <-c.r.Context().Done():
		case <-time.After(time.Second):
		}
		c.mu.Lock()
	}
	r, f := c.begin(v)
	if f != nil {
		return nil, f
	}
	return obj{"room": r.json(), "newRoom": true}, nil
}

// visitorRoom checks the token and room of a visitor's call.
func (c *call) visitorRoom(token, rid string) (*visitor, *room, *failure) {
	v := c.st.visitors[token]
	if v == nil {
		return nil, nil, bad("invalid-token")
	}
	r := c.st.rooms[rid]
	if r == nil || r.visitor != v {
		return nil, nil, bad("invalid-room")
	}
	return v, r, nil
}

func visitorSays(c *call) (obj, *failure) {
	v, r, f := c.visitorRoom(c.str("token"), c.str("rid"))
	if f != nil {
		return nil, f
	}
	if !r.open {
		return nil, bad("room-closed")
	}
	if by := c.closing; by != nil { // between the look whether it is open, and the writing
		c.closing = nil
		c.shut(r, by.ref(), "", "")
		if r, f = c.begin(v); f != nil {
			return nil, f
		}
	}
	if on, _ := c.st.settings["Livechat_enable_message_character_limit"].(bool); on {
		if most, ok := c.st.settings["Livechat_message_character_limit"].(int); ok && len([]rune(c.str("msg"))) > most {
			return nil, bad("message-length-exceeds-character-limit")
		}
	}
	// Stricter than the server, which leaves this to the widget.
	if most, ok := c.st.settings["Message_MaxAllowedSize"].(int); ok && len([]rune(c.str("msg"))) > most {
		return nil, meteor("error-message-size-exceeded", "Message size exceeds Message_MaxAllowedSize")
	}
	id := c.str("_id")
	if id != "" && c.known(id) {
		return nil, bad("Cannot convert undefined or null to object") // what the route says of a repeated ID
	}
	m := &message{id: id, msg: c.str("msg"), token: v.token, alias: v.name, user: obj{"_id": v.id, "username": v.username, "name": v.name}}
	c.insert(r, m)
	c.resume(r)
	return obj{"message": m.json(false)}, nil
}

func visitorMessage(c *call) (obj, *failure) {
	token, rid := c.str("token"), c.str("rid")
	if c.rt.method == http.MethodGet {
		token, rid = c.q.Get("token"), c.q.Get("rid")
	}
	v, r, f := c.visitorRoom(token, rid)
	if f != nil {
		return nil, f
	}
	m := r.find(c.vars["id"])
	if m == nil {
		return nil, bad("invalid-message")
	}
	switch c.rt.method {
	case http.MethodPut:
		if on, _ := c.st.settings["Message_AllowEditing"].(bool); !on || m.token != v.token {
			return nil, bad("error-action-not-allowed")
		}
		m.msg, m.edited, m.editor = c.str("msg"), c.now(), m.user
		c.touched(r, m)
	case http.MethodDelete:
		if on, _ := c.st.settings["Message_AllowDeleting"].(bool); !on || m.token != v.token {
			return nil, bad("error-action-not-allowed")
		}
		c.drop(r, m, m.user)
		return obj{"message": obj{"_id": m.id, "ts": stamp(c.now())}}, nil
	}
	return obj{"message": m.json(false)}, nil
}

func visitorHistory(c *call) (obj, *failure) {
	_, r, f := c.visitorRoom(c.q.Get("token"), c.vars["rid"])
	if f != nil {
		return nil, f
	}
	limit, err := strconv.Atoi(c.q.Get("limit"))
	if err != nil {
		limit = 20
	}
	out := []any{}
	for _, m := range slices.Backward(r.msgs) {
		if len(out) < limit && !m.hidden {
			out = append(out, m.json(false))
		}
	}
	return obj{"messages": out}, nil
}

// manyMessages writes a visitor's messages into their open room, one is made if
// there is none. It knows no IDs: a repeat writes twice.
func manyMessages(c *call) (obj, *failure) {
	token, _ := c.obj("visitor")["token"].(string)
	v := c.st.visitors[token]
	if v == nil {
		return nil, meteor("error-invalid-token", "error-invalid-token")
	}
	r := c.st.openRoom(token)
	if r == nil {
		var f *failure
		if r, f = c.begin(v); f != nil {
			return nil, f
		}
	}
	list, _ := c.body["messages"].([]any)
	out := []any{}
	for _, x := range list {
		o, _ := x.(map[string]any)
		text, _ := o["msg"].(string)
		m := &message{msg: text, token: v.token, alias: v.name, user: obj{"_id": v.id, "username": v.username, "name": v.name}}
		c.insert(r, m)
		out = append(out, obj{"username": v.username, "msg": m.msg, "ts": stamp(m.ts)})
	}
	return obj{"messages": out}, nil
}

func closeByVisitor(c *call) (obj, *failure) {
	if on, _ := c.st.settings["Omnichannel_allow_visitors_to_close_conversation"].(bool); !on {
		return nil, bad("error-not-allowed-to-close-conversation")
	}
	v, r, f := c.visitorRoom(c.str("token"), c.str("rid"))
	if f != nil {
		return nil, f
	}
	if !r.open {
		return nil, bad("room-closed")
	}
	c.shut(r, obj{"_id": v.id, "username": v.username}, v.token, "Closed by visitor")
	return obj{"rid": r.id, "comment": "Closed by visitor"}, nil
}

// livechatConfig tells what a widget has to know. It takes a department by its
// ID alone.
func livechatConfig(c *call) (obj, *failure) {
	if !c.enabled() {
		return obj{"config": obj{"enabled": false}}, nil
	}
	dep := c.q.Get("department")
	accept, _ := c.st.settings["Livechat_accept_chats_with_no_agents"].(bool)
	deps := []any{}
	for _, d := range c.st.departments {
		if d.enabled && c.staffed(d) {
			deps = append(deps, obj{"_id": d.id, "name": d.name, "showOnRegistration": true, "showOnOfflineForm": true})
		}
	}
	var limit any = false
	if on, _ := c.st.settings["Livechat_enable_message_character_limit"].(bool); on {
		limit = c.st.settings["Livechat_message_character_limit"]
	}
	cfg := obj{
		"enabled": true, "online": accept || c.available(dep) != nil, "departments": deps,
		"settings": obj{"fileUpload": c.st.settings["Livechat_fileupload_enabled"], "limitTextLength": limit},
	}
	if v := c.st.visitors[c.q.Get("token")]; v != nil {
		cfg["guest"] = v.json()
		if r := c.st.openRoom(v.token); r != nil {
			cfg["room"] = r.json()
		}
	}
	return obj{"config": cfg}, nil
}

func agentInfo(c *call) (obj, *failure) {
	_, r, f := c.visitorRoom(c.vars["token"], c.vars["rid"])
	if f != nil {
		return nil, f
	}
	if r.agent == nil {
		return nil, bad("invalid-agent")
	}
	return obj{"agent": r.agent.ref()}, nil
}

func departments(c *call) (obj, *failure) {
	out := []any{}
	for _, d := range c.st.departments {
		if t := c.q.Get("text"); t == "" || strings.Contains(strings.ToLower(d.name), strings.ToLower(t)) {
			out = append(out, obj{"_id": d.id, "name": d.name, "enabled": d.enabled})
		}
	}
	return page(c, "departments", out), nil
}

func departmentInfo(c *call) (obj, *failure) {
	d := c.st.dep(c.vars["id"])
	if d == nil || d.id != c.vars["id"] {
		return obj{"department": nil, "agents": []any{}}, nil
	}
	agents := []any{}
	for _, u := range c.st.users {
		if u.Agent && slices.Contains(u.Departments, d.id) {
			agents = append(agents, obj{"agentId": u.ID, "username": u.Username, "departmentId": d.id})
		}
	}
	return obj{"department": obj{"_id": d.id, "name": d.name, "enabled": d.enabled}, "agents": agents}, nil
}

func agents(c *call) (obj, *failure) {
	out := []any{}
	for _, u := range slices.SortedFunc(maps.Values(c.st.users), func(a, b *user) int { return strings.Compare(a.Username, b.Username) }) {
		if u.Agent && (c.q.Get("onlyAvailable") != "true" || !u.Offline) {
			status := "available"
			if u.Offline {
				status = "not-available"
			}
			out = append(out, obj{"_id": u.ID, "username": u.Username, "name": u.Name, "statusLivechat": status, "departments": append([]string{}, u.Departments...)})
		}
	}
	return page(c, "users", out), nil
}

func livechatRooms(c *call) (obj, *failure) {
	var made struct{ Start, End time.Time }
	if raw := c.q.Get("createdAt"); raw != "" && json.Unmarshal([]byte(raw), &made) != nil {
		return nil, bad("The \"createdAt\" query parameter must be a valid date.")
	}
	var found []*room
	for _, r := range c.st.rooms {
		if r.created.Before(made.Start) || !made.End.IsZero() && r.created.After(made.End) {
			continue
		}
		if r.kind != "l" || c.q.Get("open") == "true" && !r.open || c.q.Get("departmentId") != "" && r.department != c.q.Get("departmentId") {
			continue
		}
		found = append(found, r)
	}
	slices.SortFunc(found, func(a, b *room) int { return b.created.Compare(a.created) })
	out := []any{}
	for _, r := range found {
		out = append(out, r.json())
	}
	return page(c, "rooms", out), nil
}

// visitorRooms tells as little of the open rooms as the server does: not even
// that they are open.
func visitorRooms(c *call) (obj, *failure) {
	var found []*room
	for _, r := range c.st.rooms {
		if r.visitor != nil && r.visitor.token == c.vars["token"] && r.open {
			found = append(found, r)
		}
	}
	slices.SortFunc(found, func(a, b *room) int { return a.created.Compare(b.created) })
	out := []any{}
	for _, r := range found {
		all, few := r.json(), obj{"cl": false}
		for _, k := range []string{"_id", "t", "servedBy"} {
			if v, ok := all[k]; ok {
				few[k] = v
			}
		}
		out = append(out, few)
	}
	return obj{"rooms": out}, nil
}
