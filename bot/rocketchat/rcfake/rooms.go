package rcfake

import (
	"cmp"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// page cuts a list as count and offset say.
func page(c *call, key string, list []any) obj {
	total := len(list)
	offset, _ := strconv.Atoi(c.q.Get("offset"))
	count, err := strconv.Atoi(c.q.Get("count"))
	if err != nil || count == 0 {
		count = 50
	}
	if most, ok := c.st.settings["API_Upper_Count_Limit"].(int); ok {
		count = min(count, most)
	}
	list = list[min(max(offset, 0), total):]
	list = list[:min(count, len(list))]
	return obj{key: list, "count": len(list), "offset": offset, "total": total}
}

func (r *room) json() obj {
	o := obj{"_id": r.id, "t": r.kind, "msgs": len(r.msgs), "ts": stamp(r.created), "_updatedAt": stamp(r.updated()), "usersCount": len(r.members)}
	if r.name != "" {
		o["name"], o["fname"] = r.name, r.name
	}
	if r.topic != "" {
		o["topic"] = r.topic
	}
	if r.archived {
		o["archived"] = true
	}
	if r.kind != "l" {
		return o
	}
	o["open"], o["fname"] = r.open, r.visitor.name
	delete(o, "name")
	o["v"] = obj{"_id": r.visitor.id, "token": r.visitor.token, "username": r.visitor.username, "status": "online"}
	o["source"] = obj{"type": "api"}
	if r.source != "" {
		o["source"] = obj{"type": "app", "label": r.source, "alias": r.source}
	}
	if r.department != "" {
		o["departmentId"] = r.department
	}
	if r.agent != nil {
		o["servedBy"] = obj{"_id": r.agent.ID, "username": r.agent.Username, "ts": stamp(r.created)}
	}
	if r.hold {
		o["onHold"] = true
	}
	if r.closedBy != "" {
		o["closedBy"] = obj{"username": r.closedBy}
	}
	return o
}

// names that the server takes for rooms: UTF8_Channel_Names_Validation.
var roomName = regexp.MustCompile(`^[0-9a-zA-Z-_.]+$`)

func createRoom(kind, key string) func(*call) (obj, *failure) {
	return func(c *call) (obj, *failure) {
		name := c.str("name")
		if !roomName.MatchString(name) {
			return nil, meteor("error-invalid-room-name", name+" is not a valid room name")
		}
		if c.st.roomByName(name) != nil {
			return nil, meteor("error-duplicate-channel-name", "A channel with name '"+name+"' exists")
		}
		r := &room{id: c.newID(), name: name, kind: kind, creator: c.user.ID, members: []string{c.user.ID}, created: c.now()}
		list, _ := c.body["members"].([]any)
		for _, x := range list {
			n, _ := x.(string)
			if u := c.st.userByName(n); u != nil && !r.member(u.ID) {
				r.members = append(r.members, u.ID) // unknown names are left out without a word
			}
		}
		c.st.rooms[r.id] = r
		for _, id := range r.members {
			c.notifyUser(id, "rooms-changed", "inserted", r.json())
		}
		return obj{key: r.json()}, nil
	}
}

// find is the room with an ID or a name.
func (c *call) find() *room {
	r := c.st.rooms[c.str("roomId")]
	if n := c.str("roomName"); r == nil && n != "" {
		r = c.st.roomByName(n)
	}
	return r
}

// named finds the room that a call is about by its ID or name.
func (c *call) named(kinds string) (*room, *failure) {
	r := c.find()
	if r == nil || !strings.Contains(kinds, r.kind) || !c.reads(r) {
		return nil, meteor("error-room-not-found", "The required \"roomId\" or \"roomName\" param provided does not match any channel")
	}
	return r, nil
}

// anyRoom is the room of rooms.info: of any kind, but for archived ones.
func anyRoom(c *call) (obj, *failure) {
	r := c.find()
	switch {
	case r == nil:
		return nil, meteor("error-room-not-found", "The required \"roomId\" or \"roomName\" param provided does not match any channel")
	case r.archived:
		return nil, archived(r)
	case !c.reads(r):
		return nil, &failure{status: http.StatusBadRequest, error: "not-allowed", kind: "Not Allowed"}
	}
	return obj{"room": r.json()}, nil
}

func archived(r *room) *failure {
	return meteor("error-room-archived", "The channel, "+r.name+", is archived")
}

func roomInfo(kinds, key string) func(*call) (obj, *failure) {
	return func(c *call) (obj, *failure) {
		r, f := c.named(kinds)
		if f != nil {
			return nil, f
		}
		return obj{key: r.json()}, nil
	}
}

func invite(kinds, key string) func(*call) (obj, *failure) {
	return func(c *call) (obj, *failure) {
		r, f := c.named(kinds)
		if f != nil {
			return nil, f
		}
		var ids []string
		if id := c.str("userId"); id != "" {
			ids = append(ids, id)
		}
		list, _ := c.body["userIds"].([]any)
		for _, x := range list {
			if id, ok := x.(string); ok {
				ids = append(ids, id)
			}
		}
		if n := c.str("username"); n != "" {
			if u := c.st.userByName(n); u != nil {
				ids = append(ids, u.ID)
			}
		}
		if len(ids) == 0 {
			return nil, meteor("error-user-param-not-provided", "Please provide \"userId\" or \"username\"")
		}
		if !r.member(c.user.ID) {
			return nil, meteor("error-not-allowed", "Not allowed")
		}
		for _, id := range ids {
			u := c.st.users[id]
			if u == nil {
				return nil, meteor("error-invalid-user", "Invalid user")
			}
			c.join(r, u, c.user)
		}
		return obj{key: r.json()}, nil
	}
}

// join brings a person into a room, whom somebody else may have added. The lock
// is held.
func (s *Server) join(r *room, u, by *user) {
	if r.member(u.ID) {
		return
	}
	r.members = append(r.members, u.ID)
	if by == nil {
		s.insert(r, &message{t: "uj", msg: u.Username, user: u.ref()})
	} else {
		s.insert(r, &message{t: "au", msg: u.Username, user: by.ref()})
	}
	s.notifyUser(u.ID, "rooms-changed", "inserted", r.json())
}

func joinChannel(c *call) (obj, *failure) {
	r, f := c.named("c")
	if f != nil {
		return nil, f
	}
	c.join(r, c.user, nil)
	return obj{"channel": r.json()}, nil
}

func members(kinds string) func(*call) (obj, *failure) {
	return func(c *call) (obj, *failure) {
		r, f := c.named(kinds)
		if f != nil {
			return nil, f
		}
		out := []any{}
		for _, id := range r.members {
			u := c.st.users[id]
			if part := strings.ToLower(c.q.Get("filter")); strings.Contains(strings.ToLower(u.Username+"\n"+u.Name), part) {
				out = append(out, obj{"_id": u.ID, "username": u.Username, "name": u.Name, "status": "online"})
			}
		}
		return page(c, "members", out), nil
	}
}

func archive(kinds string) func(*call) (obj, *failure) {
	return func(c *call) (obj, *failure) {
		r, f := c.named(kinds)
		if f != nil {
			return nil, f
		}
		if r.archived {
			return nil, archived(r)
		}
		r.archived = true
		return nil, nil
	}
}

func setTopic(kinds string) func(*call) (obj, *failure) {
	return func(c *call) (obj, *failure) {
		r, f := c.named(kinds)
		if f != nil {
			return nil, f
		}
		r.topic = c.str("topic")
		return obj{"topic": r.topic}, nil
	}
}

// createDirect makes a room of the user and whoever has a name. With a name that
// is nobody's the user is alone in it: the server refuses none.
func createDirect(c *call) (obj, *failure) {
	u := c.st.userByName(c.str("username"))
	if u == nil {
		u = c.user
	}
	r := c.openDirect(c.user, u)
	names := []string{c.user.Username}
	if u != c.user {
		names = append(names, u.Username)
	}
	o := r.json()
	o["rid"], o["usernames"] = r.id, names
	return obj{"room": o}, nil
}

// openDirect is the room of two people, made if there is none. The lock is held.
func (s *Server) openDirect(a, b *user) *room {
	if r := s.st.direct(a.ID, b.ID); r != nil {
		return r
	}
	ids := []string{a.ID, b.ID}
	slices.Sort(ids)
	r := &room{id: strings.Join(ids, ""), kind: "d", members: slices.Compact(ids), created: s.now()}
	if a == b {
		r.id = s.newID()
	}
	ids = r.members
	s.st.rooms[r.id] = r
	for _, id := range ids {
		s.notifyUser(id, "rooms-changed", "inserted", r.json())
	}
	return r
}

func history(kinds string) func(*call) (obj, *failure) {
	return func(c *call) (obj, *failure) {
		r, f := c.named(kinds)
		if f != nil {
			return nil, f
		}
		count, err := strconv.Atoi(c.q.Get("count"))
		if err != nil {
			count = 20
		}
		out := []any{}
		for _, m := range slices.Backward(r.msgs) {
			if len(out) < count {
				out = append(out, m.json(false))
			}
		}
		return obj{"messages": out}, nil
	}
}

func me(c *call) (obj, *failure) {
	return obj{"_id": c.user.ID, "username": c.user.Username, "name": c.user.Name, "roles": c.user.Roles, "active": true}, nil
}

func userInfo(c *call) (obj, *failure) {
	// It looks for either under both names.
	key := cmp.Or(c.q.Get("userId"), c.q.Get("username"))
	u := c.st.users[key]
	if u == nil && key != "" {
		u = c.st.userByName(key)
	}
	if u == nil {
		return nil, meteor("error-invalid-user", "User not found.")
	}
	o := obj{"_id": u.ID, "username": u.Username, "name": u.Name, "status": "online", "type": "user", "active": true}
	if c.user.is("admin") || u == c.user {
		o["roles"] = u.Roles
	}
	return obj{"user": o}, nil
}

// login by password; an account with a second factor is asked for it.
func login(c *call) (obj, *failure) {
	u := c.st.userByName(c.str("user"))
	if u == nil {
		u = c.st.userByName(c.str("username"))
	}
	if r := c.str("resume"); r != "" {
		for _, x := range c.st.users {
			if x.Token == r {
				return obj{"status": "success", "data": obj{"userId": x.ID, "authToken": x.Token, "me": x.ref()}}, nil
			}
		}
	}
	if u == nil || u.Password == "" || u.Password != c.str("password") {
		return nil, c.noLogin("Unauthorized", "Unauthorized", nil)
	}
	if code := cmp.Or(c.str("code"), c.r.Header.Get("X-2fa-Code")); u.TOTP != "" && code != u.TOTP {
		f := u.askCode(code != "")
		return nil, c.noLogin(f.kind, strings.TrimSuffix(f.error, " ["+f.kind+"]"), f.details)
	}
	if u.Token == "" {
		u.Token = c.newID() + c.newID()
	}
	return obj{"status": "success", "data": obj{"userId": u.ID, "authToken": u.Token, "me": u.ref()}}, nil
}

// noLogin refuses a login.
func (c *call) noLogin(word, text string, details obj) *failure {
	if c.modern() {
		return &failure{status: http.StatusUnauthorized, error: "unauthorized"}
	}
	return &failure{status: http.StatusUnauthorized, error: word, details: details, extra: obj{"status": "error", "message": text}}
}

func info(c *call) (obj, *failure) {
	version := c.opt.Version
	if c.user == nil {
		// Strangers are told the first two numbers.
		parts := strings.SplitN(version, ".", 3)
		version = strings.Join(parts[:min(2, len(parts))], ".")
	}
	return obj{"version": version}, nil
}

// hidden are the settings that only admins see.
func hidden(name string) bool {
	return strings.HasPrefix(name, "API_Enable_Rate_Limiter") || name == "Livechat_accept_chats_with_no_agents"
}

func publicSettings(c *call) (obj, *failure) {
	out := []any{}
	want := strings.Split(c.q.Get("_id"), ",")
	for k, v := range c.st.settings {
		if hidden(k) {
			continue
		}
		if c.q.Get("_id") == "" || slices.Contains(want, k) {
			out = append(out, obj{"_id": k, "value": v})
		}
	}
	return page(c, "settings", out), nil
}

// setting is guarded by the second factor on the real server; reading it needs
// a permission that only admins have.
func setting(c *call) (obj, *failure) {
	v, ok := c.st.settings[c.vars["id"]]
	if !ok {
		return nil, bad("The setting does not exist")
	}
	return obj{"_id": c.vars["id"], "value": v}, nil
}

// subscriptions are the rooms that the user is in.
func subscriptions(c *call) (obj, *failure) {
	out := []any{}
	for _, r := range c.st.rooms {
		if r.member(c.user.ID) {
			out = append(out, obj{"_id": "s" + r.id, "rid": r.id, "t": r.kind, "name": r.name, "fname": r.name, "u": c.user.ref(), "open": true})
		}
	}
	return obj{"update": out, "remove": []any{}}, nil
}
