package slackfake

import (
	"maps"
	"slices"
	"strings"
	"time"
)

// obj is a JSON object.
type obj = map[string]any

type state struct {
	teams     map[string]*team
	users     map[string]*user
	channels  map[string]*channel
	groups    map[string]*group
	views     map[string]*view
	homes     map[string]*view // by user
	files     map[string]*file
	triggers  map[string]*trigger
	responses map[string]*response
	codes     map[string]code
	ephemeral []*message
}

func (st *state) init() {
	*st = state{
		teams: map[string]*team{}, users: map[string]*user{}, channels: map[string]*channel{}, groups: map[string]*group{},
		views: map[string]*view{}, homes: map[string]*view{}, files: map[string]*file{}, triggers: map[string]*trigger{},
		responses: map[string]*response{}, codes: map[string]code{},
	}
}

// team is one workspace with the app installed.
type team struct {
	id, name, domain, botUser, botID, token string
	scopes                                  []string
	revoked                                 string // the error its token now gets
	ended                                   bool   // the token worked, and never will again
	installs                                int    // new tokens it got since
	enterprise                              string // the organization it is of
}

// User is a person, or a bot, of a workspace.
type User struct {
	ID       string // made from Name by default
	Team     string // the first workspace by default
	Org      string // the organization, by default that of Team
	Name     string // "ada"
	RealName string
	Display  string // shown before RealName, if the person chose one
	Email    string
	Away     bool
	Bot      bool
	Admin    bool
	Deleted  bool
}

type user struct {
	User
	updated int64
}

type channel struct {
	id, team, name, creator string
	topic, purpose          string
	created                 int64
	private, im, archived   bool
	ext                     bool // shared with another workspace (Slack Connect)
	peer                    string
	members                 []string
	msgs                    []*message
	threads                 map[string][]*message // replies, by the ts of the first message
	pins                    []string
	bookmarks               []obj
}

func (c *channel) member(user string) bool { return slices.Contains(c.members, user) }

func (c *channel) find(ts string) *message {
	// ts are handed out in order, so the list is sorted.
	i, ok := slices.BinarySearchFunc(c.msgs, ts, func(m *message, ts string) int { return strings.Compare(m.ts, ts) })
	if !ok {
		return nil
	}
	return c.msgs[i]
}

func (c *channel) replies(ts string) []*message { return c.threads[ts] }

func (c *channel) insert(m *message) {
	c.msgs = append(c.msgs, m)
	if m.threadTS != "" && m.threadTS != m.ts {
		if c.threads == nil {
			c.threads = map[string][]*message{}
		}
		c.threads[m.threadTS] = append(c.threads[m.threadTS], m)
	}
}

func (c *channel) delete(m *message) {
	is := func(o *message) bool { return o == m }
	c.msgs = slices.DeleteFunc(c.msgs, is)
	if c.threads[m.threadTS] != nil {
		c.threads[m.threadTS] = slices.DeleteFunc(c.threads[m.threadTS], is)
	}
}

func (c *channel) kind() string {
	switch {
	case c.im:
		return "im"
	case c.private:
		return "group"
	}
	return "channel"
}

// scope is the part of a scope's name that stands for this sort of channel.
func (c *channel) scope() string {
	if c.im {
		return "im:"
	}
	return c.kind() + "s:"
}

type message struct {
	channel, ts, threadTS, user, botID, appID string
	team                                      string
	text, subtype, username                   string
	icons                                     obj
	blocks, attachments                       []any
	metadata                                  obj
	editedBy, editedTS                        string
	reactions                                 []*reaction
	files                                     []*file
	tombstone                                 bool // a deleted parent whose thread goes on
	broadcast                                 bool
	unfurl                                    bool
	only                                      string // the person who alone sees it
	gone                                      bool   // an ephemeral message that was deleted
	extra                                     obj    // fields of join messages and the like
}

type reaction struct {
	name  string
	users []string
}

type group struct {
	id, team, handle, name string
	users                  []string
	updated                int64
	disabled               bool
}

type file struct {
	id, team, user, name, title, mime string
	size                              int64
	data                              []byte
	created                           int64
	complete                          bool
	external                          bool
	check                             bool // file_access check_file_info (Slack Connect)
	channels                          []string
	alt                               string
}

type trigger struct {
	user, team string
	expires    time.Time
	used       bool
	view       string // the view it came from, for views.push
}

type response struct {
	team, channel, user, message string
	ephemeral                    *message
	expires                      time.Time
	left                         int
}

type code struct{ team, redirect string }

func (s *Server) addTeam(t *team) {
	s.st.teams[t.id] = t
	s.st.users[t.botUser] = &user{User: User{ID: t.botUser, Team: t.id, Name: "perch", RealName: "Perch", Bot: true}, updated: s.now().Unix()}
}

// render gives the message as the Web API and events show it.
func (s *Server) render(m *message, meta bool) obj {
	o := obj{"type": "message", "ts": m.ts, "text": m.text}
	if m.user != "" {
		o["user"] = m.user
	}
	if m.team != "" {
		o["team"] = m.team
	}
	if m.subtype != "" {
		o["subtype"] = m.subtype
	}
	if m.botID != "" {
		o["bot_id"], o["app_id"] = m.botID, m.appID
		if m.username != "" {
			o["username"] = m.username
		}
		if m.icons != nil {
			o["icons"] = m.icons
		}
		o["bot_profile"] = obj{"id": m.botID, "app_id": m.appID, "user_id": m.user, "name": "perch", "deleted": false, "team_id": m.team}
	}
	if len(m.blocks) > 0 {
		o["blocks"] = m.blocks
	}
	if len(m.attachments) > 0 {
		o["attachments"] = m.attachments
	}
	if m.editedTS != "" {
		o["edited"] = obj{"user": m.editedBy, "ts": m.editedTS}
	}
	if len(m.files) > 0 {
		var fs []any
		for _, f := range m.files {
			fs = append(fs, s.renderFile(f))
		}
		o["files"], o["upload"] = fs, false
	}
	if len(m.reactions) > 0 {
		o["reactions"] = s.renderReactions(m)
	}
	if m.metadata != nil && meta {
		o["metadata"] = m.metadata
	}
	maps.Copy(o, m.extra)
	if m.only != "" {
		if m.threadTS != "" {
			o["thread_ts"] = m.threadTS
		}
		return o
	}
	c := s.st.channels[m.channel]
	if rs := c.replies(m.ts); len(rs) > 0 {
		var who []string
		for _, r := range rs {
			if !slices.Contains(who, r.user) {
				who = append(who, r.user)
			}
		}
		o["thread_ts"], o["reply_count"], o["reply_users"], o["reply_users_count"] = m.ts, len(rs), who, len(who)
		o["latest_reply"], o["is_locked"], o["subscribed"] = rs[len(rs)-1].ts, false, false
	} else if m.threadTS != "" {
		o["thread_ts"] = m.threadTS
		if p := c.find(m.threadTS); p != nil {
			o["parent_user_id"] = p.user
		}
	}
	return o
}

// renderReactions names some of many who reacted, and counts all.
func (s *Server) renderReactions(m *message) []any {
	most := s.opt.MaxReactors
	if most == 0 {
		most = 50
	}
	var rs []any
	for _, r := range m.reactions {
		rs = append(rs, obj{"name": r.name, "users": slices.Clone(r.users[:min(len(r.users), most)]), "count": len(r.users)})
	}
	return rs
}

func (s *Server) renderUser(u *user) obj {
	real := u.RealName
	if real == "" {
		real = u.Name
	}
	p := obj{
		"real_name": real, "real_name_normalized": real, "display_name": u.Display, "display_name_normalized": u.Display, "avatar_hash": "g0",
		"image_48": s.base + "/avatar/" + u.ID + "_48.png", "image_72": s.base + "/avatar/" + u.ID + "_72.png", "team": u.Team,
	}
	if t := s.st.teams[u.Team]; u.Email != "" && t != nil && slices.Contains(t.scopes, "users:read.email") {
		p["email"] = u.Email
	}
	o := obj{
		"id": u.ID, "team_id": u.Team, "name": u.Name, "real_name": real, "deleted": u.Deleted, "tz": "Etc/UTC", "tz_label": "UTC", "tz_offset": 0,
		"profile": p, "is_admin": u.Admin, "is_owner": false, "is_primary_owner": false, "is_restricted": false, "is_ultra_restricted": false,
		"is_bot": u.Bot, "is_app_user": false, "updated": u.updated,
	}
	if org := s.orgOf(u); org != "" {
		o["enterprise_user"] = obj{"id": u.ID, "enterprise_id": org, "enterprise_name": org, "is_admin": false, "is_owner": false, "teams": []string{u.Team}}
	}
	return o
}

// orgOf is the organization that a person is of, if any. The lock is held.
func (s *Server) orgOf(u *user) string {
	if t := s.st.teams[u.Team]; u.Org == "" && t != nil {
		return t.enterprise
	}
	return u.Org
}

// hostOf is the workspace in which a person acts: their own or, for somebody
// from elsewhere in a shared channel, the first. The lock is held.
func (s *Server) hostOf(u *user) *team {
	if t := s.st.teams[u.Team]; t != nil {
		return t
	}
	return s.st.teams[s.opt.TeamID]
}

func (s *Server) renderChannel(c *channel, viewer string) obj {
	o := obj{
		"id": c.id, "created": c.created, "is_archived": c.archived, "is_im": c.im, "is_org_shared": false,
		"context_team_id": c.team, "updated": c.created * 1000,
	}
	if c.im {
		o["user"], o["is_user_deleted"], o["priority"] = c.peer, false, 0
		return o
	}
	maps.Copy(o, obj{
		"name": c.name, "name_normalized": c.name, "is_channel": true, "is_group": false, "is_mpim": false, "is_private": c.private,
		"is_general": false, "is_shared": c.ext, "is_ext_shared": c.ext, "is_member": c.member(viewer), "creator": c.creator, "unlinked": 0,
		"shared_team_ids": []string{c.team}, "num_members": len(c.members), "previous_names": []string{},
		"topic": obj{"value": c.topic, "creator": "", "last_set": 0}, "purpose": obj{"value": c.purpose, "creator": "", "last_set": 0},
	})
	return o
}
