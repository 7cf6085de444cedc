package slackfake

import (
	"slices"
	"strings"
)

func (s *Server) peopleMethods() map[string]method {
	return map[string]method{
		"users.info":            {do: s.userInfo, scope: "users:read", tier: 4},
		"users.list":            {do: s.listUsers, scope: "users:read", tier: 2},
		"users.lookupByEmail":   {do: s.userByEmail, scope: "users:read.email", tier: 3},
		"users.getPresence":     {do: s.presence, scope: "users:read", tier: 3},
		"usergroups.list":       {do: s.listGroups, scope: "usergroups:read", tier: 2},
		"usergroups.users.list": {do: s.groupUsers, scope: "usergroups:read", tier: 2},
	}
}

// meets reports whether somebody from elsewhere is in a channel of a workspace.
// The lock is held.
func (s *Server) meets(u *user, t *team) bool {
	for _, ch := range s.st.channels {
		if ch.team == t.id && ch.member(u.ID) {
			return true
		}
	}
	return false
}

func (c *call) userArg() (*user, obj) {
	u := c.s.st.users[c.str("user")]
	if u == nil || u.Team != c.team.id && !c.s.meets(u, c.team) {
		return nil, fail("user_not_found")
	}
	return u, nil
}

func (s *Server) userInfo(c *call) obj {
	u, bad := c.userArg()
	if bad != nil {
		return bad
	}
	return obj{"ok": true, "user": s.renderUser(u)}
}

func (s *Server) listUsers(c *call) obj {
	var all []*user
	for _, u := range s.st.users {
		if u.Team == c.team.id {
			all = append(all, u)
		}
	}
	slices.SortFunc(all, func(a, b *user) int { return strings.Compare(a.ID, b.ID) })
	some, next, bad := page(c, all, 1000, 1000)
	if bad != nil {
		return bad
	}
	out := []any{}
	for _, u := range some {
		out = append(out, s.renderUser(u))
	}
	return obj{"ok": true, "members": out, "cache_ts": s.now().Unix(), "response_metadata": obj{"next_cursor": next}}
}

func (s *Server) userByEmail(c *call) obj {
	for _, u := range s.st.users {
		if u.Team == c.team.id && u.Email != "" && strings.EqualFold(u.Email, c.str("email")) && !u.Deleted {
			return obj{"ok": true, "user": s.renderUser(u)}
		}
	}
	return fail("users_not_found")
}

func (s *Server) presence(c *call) obj {
	u, bad := c.userArg()
	if bad != nil {
		return bad
	}
	if u.Away {
		return obj{"ok": true, "presence": "away"}
	}
	return obj{"ok": true, "presence": "active"}
}

func (s *Server) listGroups(c *call) obj {
	var all []*group
	for _, g := range s.st.groups {
		if g.team == c.team.id && (!g.disabled || c.yes("include_disabled")) {
			all = append(all, g)
		}
	}
	slices.SortFunc(all, func(a, b *group) int { return strings.Compare(a.id, b.id) })
	out := []any{}
	for _, g := range all {
		o := renderGroup(g)
		if !c.yes("include_users") {
			delete(o, "users")
		}
		out = append(out, o)
	}
	return obj{"ok": true, "usergroups": out}
}

func (s *Server) groupUsers(c *call) obj {
	g := s.st.groups[c.str("usergroup")]
	if g == nil || g.team != c.team.id {
		return fail("no_such_subteam")
	}
	if g.disabled && !c.yes("include_disabled") {
		return fail("subteam_disabled") // undocumented wording for a disabled group
	}
	return obj{"ok": true, "users": slices.Clone(g.users)}
}

func renderGroup(g *group) obj {
	o := obj{
		"id": g.id, "team_id": g.team, "is_usergroup": true, "is_subteam": true, "name": g.name, "handle": g.handle, "description": "", "is_external": false,
		"date_create": g.updated, "date_update": g.updated, "date_delete": 0, "auto_type": nil, "created_by": "", "updated_by": "", "deleted_by": nil,
		"prefs": obj{"channels": []string{}, "groups": []string{}}, "users": slices.Clone(g.users), "user_count": len(g.users),
	}
	if g.disabled {
		o["date_delete"] = g.updated
	}
	return o
}
