package rcfake

import (
	"maps"
	"slices"
	"strings"
	"time"
)

// obj is a JSON object.
type obj = map[string]any

// User is a person or a bot of the workspace.
type User struct {
	ID       string // made from Username by default
	Username string
	Name     string
	Roles    []string // "user" by default
	Token    string   // with which it calls the API; none by default
	Password string   // for logins; none by default
	TOTP     string   // the code that its logins need; none by default

	Agent       bool // serves customers
	Departments []string
	Offline     bool // not available for customers
}

type user struct{ User }

func (u *user) ref() obj { return obj{"_id": u.ID, "username": u.Username, "name": u.Name} }

func (u *user) is(role string) bool { return slices.Contains(u.Roles, role) }

type room struct {
	id, name, kind string // kind: c public, p private, d direct, l a customer's
	topic          string
	creator        string
	members        []string // user IDs
	msgs           []*message
	gone           []obj // deleted messages
	archived       bool
	created        time.Time
	changed        time.Time // when a message was deleted last
	said           time.Time // when something was said last

	// Of a customer's room.
	visitor    *visitor
	department string
	agent      *user
	open       bool
	hold       bool
	closedBy   string
	source     string   // the label of the app that made it
	typing     []string // who was shown to write
}

func (r *room) member(u string) bool { return slices.Contains(r.members, u) }

func (r *room) find(id string) *message {
	for _, m := range r.msgs {
		if m.id == id {
			return m
		}
	}
	return nil
}

type visitor struct {
	id, token, username, name, department string
	fields                                obj
}

func (v *visitor) json() obj {
	o := obj{"_id": v.id, "token": v.token, "username": v.username, "name": v.name, "status": "online", "ts": stamp(time.Now())}
	if v.department != "" {
		o["department"] = v.department
	}
	if len(v.fields) > 0 {
		o["livechatData"] = v.fields
	}
	return o
}

type department struct {
	id, name string
	enabled  bool
}

type file struct {
	id, name, mime, room, by string
	words                    string // what its sender says of it
	data                     []byte
	confirmed                bool
	at                       time.Time
}

type message struct {
	id, room, msg string
	t             string // the kind of a system message
	tmid          string
	alias, emoji  string
	user          obj
	token         string // set if the visitor wrote it
	ts, updated   time.Time
	edited        time.Time
	editor        obj
	attachments   []any
	blocks        []any
	files         []obj
	reactions     map[string][]string
	pinned        bool
	hidden        bool
	private       bool
	mentions      []obj // whom the text names
	channels      []obj
	extra         obj
}

// stamp is a time as REST answers have it.
func stamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }

func orNone(list []obj) []obj {
	if list == nil {
		return []obj{}
	}
	return list
}

// json is the message as REST (ejson false) or DDP (ejson true) shows it.
func (m *message) json(ejson bool) obj {
	at := func(t time.Time) any {
		if ejson {
			return obj{"$date": t.UnixMilli()}
		}
		return stamp(t)
	}
	o := obj{"_id": m.id, "rid": m.room, "msg": m.msg, "ts": at(m.ts), "u": m.user, "_updatedAt": at(m.updated), "urls": []any{}, "mentions": orNone(m.mentions), "channels": orNone(m.channels)}
	set := func(k string, v any, ok bool) {
		if ok {
			o[k] = v
		}
	}
	set("t", m.t, m.t != "")
	set("tmid", m.tmid, m.tmid != "")
	set("alias", m.alias, m.alias != "")
	set("emoji", m.emoji, m.emoji != "")
	set("token", m.token, m.token != "")
	set("editedAt", at(m.edited), !m.edited.IsZero())
	set("editedBy", m.editor, !m.edited.IsZero())
	set("attachments", m.attachments, len(m.attachments) > 0)
	set("blocks", m.blocks, len(m.blocks) > 0)
	set("pinned", true, m.pinned)
	set("_hidden", true, m.hidden)
	set("private", true, m.private)
	if len(m.files) > 0 {
		o["files"], o["file"] = m.files, m.files[0]
	}
	if len(m.reactions) > 0 {
		r := obj{}
		for k, who := range m.reactions {
			r[k] = obj{"usernames": who}
		}
		o["reactions"] = r
	}
	if m.t == "rm" {
		o["attachments"], o["reactions"] = []any{}, []any{} // a list, of all things
	}
	maps.Copy(o, m.extra)
	return o
}

type state struct {
	users       map[string]*user
	rooms       map[string]*room
	visitors    map[string]*visitor // by token
	departments []*department
	files       map[string]*file
	settings    obj
	permissions map[string][]string // the roles that have each
}

func (st *state) init() {
	*st = state{
		users: map[string]*user{}, rooms: map[string]*room{}, visitors: map[string]*visitor{}, files: map[string]*file{},
		permissions: rolesOf(),
		settings: obj{
			"Livechat_enabled": true, "Livechat_fileupload_enabled": true, "FileUpload_Enabled": true,
			"FileUpload_MaxFileSize": 104857600, "FileUpload_MediaTypeWhiteList": "", "FileUpload_MediaTypeBlackList": "image/svg+xml",
			"Livechat_accept_chats_with_no_agents": false, "Livechat_request_comment_when_closing_conversation": true, "Omnichannel_allow_visitors_to_close_conversation": true,
			"Livechat_enable_message_character_limit": false, "Livechat_message_character_limit": 0,
			"Message_AllowUnrecognizedSlashCommand": false, "Message_MaxAllowedSize": 5000,
			"Message_AllowEditing": true, "Message_AllowDeleting": true, "Message_ShowDeletedStatus": false,
			"API_Upper_Count_Limit": 100, "API_Enable_Rate_Limiter": true, "API_Enable_Rate_Limiter_Limit_Calls_Default": 10, "API_Enable_Rate_Limiter_Limit_Time_Default": 60000,
			"Livechat_Routing_Method": "Auto_Selection",
		},
	}
}

func (st *state) userByName(name string) *user {
	name = strings.TrimPrefix(name, "@")
	for _, u := range st.users {
		if u.Username == name {
			return u
		}
	}
	return nil
}

func (st *state) roomByName(name string) *room {
	name = strings.TrimPrefix(name, "#")
	for _, r := range st.rooms {
		if r.name == name && r.name != "" {
			return r
		}
	}
	return nil
}

func (st *state) dep(idOrName string) *department {
	for _, d := range st.departments {
		if d.id == idOrName || d.name == idOrName {
			return d
		}
	}
	return nil
}

// direct is the room that two people have alone.
func (st *state) direct(a, b string) *room {
	for _, r := range st.rooms {
		if r.kind == "d" && len(r.members) == len(slices.Compact([]string{a, b})) && r.member(a) && r.member(b) {
			return r
		}
	}
	return nil
}

// openRoom is the open room of a visitor. There may be two where two were made
// at once: it is the older.
func (st *state) openRoom(token string) *room {
	var found *room
	for _, r := range st.rooms {
		if r.visitor != nil && r.visitor.token == token && r.open && (found == nil || r.created.Before(found.created)) {
			found = r
		}
	}
	return found
}
