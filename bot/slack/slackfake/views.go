package slackfake

import (
	"crypto/md5"
	"encoding/hex"
	"fmt"
	"maps"
	"time"
)

func (s *Server) viewMethods() map[string]method {
	return map[string]method{
		"views.open":    {do: s.openView, tier: 4, json: true},
		"views.push":    {do: s.pushView, tier: 4, json: true},
		"views.update":  {do: s.updateView, tier: 4, json: true},
		"views.publish": {do: s.publishView, tier: 4, json: true},
	}
}

// view is an open modal or a published home tab.
type view struct {
	id, user, team, externalID string
	root, previous             string
	hash                       string
	body                       obj
	errors                     map[string]string // what the app last said of the fields
	serial                     int
}

const (
	maxStack   = 3
	triggerTTL = 3 * time.Second
	maxView    = 250 << 10
)

// newTrigger lets the app open one modal within three seconds. The lock is held.
func (s *Server) newTrigger(u *user, from string) string {
	s.serial++
	id := fmt.Sprintf("%d.%d.%x", s.serial, s.now().UnixMilli(), s.rnd.Uint64())
	s.st.triggers[id] = &trigger{user: u.ID, team: u.Team, expires: s.now().Add(triggerTTL), view: from}
	return id
}

func (c *call) useTrigger() (*trigger, obj) {
	id := c.str("trigger_id")
	t := c.s.st.triggers[id]
	switch {
	case id == "":
		return nil, invalid("invalid_arguments", []string{"[ERROR] missing required field: trigger_id"})
	case t == nil || t.team != c.team.id:
		return nil, fail("invalid_trigger_id")
	case t.used:
		return nil, fail("exchanged_trigger_id")
	case !c.s.now().Before(t.expires):
		return nil, fail("expired_trigger_id")
	}
	return t, nil
}

// viewArg reads and checks the view argument.
func (c *call) viewArg(types ...string) (obj, obj) {
	v, ok := c.object("view")
	o, isObj := v.(obj)
	if !ok || !isObj {
		return nil, invalid("invalid_arguments", []string{"[ERROR] missing required field: view"})
	}
	if errs := checkView(o, types...); len(errs) > 0 {
		return nil, invalid("invalid_arguments", errs)
	}
	if len(mustJSON(o)) > maxView {
		return nil, fail("view_too_large")
	}
	return o, nil
}

// externalTaken reports whether another view has the external id.
func (s *Server) externalTaken(v *view, o obj) bool {
	ext, _ := o["external_id"].(string)
	for _, other := range s.st.views {
		if ext != "" && other != v && other.externalID == ext && other.team == v.team {
			return true
		}
	}
	return false
}

// fill puts new content into a view. The lock is held.
func (s *Server) fill(v *view, o obj) {
	v.externalID, _ = o["external_id"].(string)
	blocks, _ := o["blocks"].([]any)
	o["blocks"] = s.fillBlocks(blocks)
	v.body, v.errors = o, nil
	v.serial++
	sum := md5.Sum(fmt.Appendf(nil, "%s.%d", v.id, v.serial))
	v.hash = fmt.Sprintf("%d.%s", s.now().Unix(), hex.EncodeToString(sum[:])[:8])
}

func (s *Server) renderView(v *view, state obj) obj {
	if state == nil {
		state = obj{}
	}
	o := obj{
		"id": v.id, "team_id": v.team, "app_id": s.opt.AppID, "app_installed_team_id": v.team, "bot_id": s.st.teams[v.team].botID,
		"hash": v.hash, "state": obj{"values": state}, "root_view_id": v.root, "previous_view_id": nil, "external_id": v.externalID,
		"private_metadata": "", "callback_id": "", "clear_on_close": false, "notify_on_close": false, "close": nil, "submit": nil,
		"title": obj{"type": "plain_text", "text": "View Title", "emoji": true},
	}
	if v.previous != "" {
		o["previous_view_id"] = v.previous
	}
	maps.Copy(o, v.body)
	return o
}

func (s *Server) newView(t *team, who string, o obj) *view {
	v := &view{id: s.nextID("V"), user: who, team: t.id}
	v.root = v.id
	s.fill(v, o)
	return v
}

func (s *Server) openView(c *call) obj {
	o, bad := c.viewArg("modal")
	if bad != nil {
		return bad
	}
	t, bad := c.useTrigger()
	if bad != nil {
		return bad
	}
	if s.externalTaken(&view{team: c.team.id}, o) {
		return fail("duplicate_external_id")
	}
	t.used = true
	v := s.newView(c.team, t.user, o)
	s.closeViews(t.user) // a person looks at one stack at a time
	s.st.views[v.id] = v
	return obj{"ok": true, "view": s.renderView(v, nil)}
}

func (s *Server) closeViews(who string) {
	for id, v := range s.st.views {
		if v.user == who {
			delete(s.st.views, id)
		}
	}
}

func (s *Server) stack(who string) (out []*view) {
	by := map[string]*view{}
	for _, v := range s.st.views {
		if v.user == who {
			by[v.previous] = v
		}
	}
	for v := by[""]; v != nil; v = by[v.id] {
		out = append(out, v)
	}
	return out
}

func (s *Server) pushView(c *call) obj {
	o, bad := c.viewArg("modal")
	if bad != nil {
		return bad
	}
	t, bad := c.useTrigger()
	if bad != nil {
		return bad
	}
	if t.view == "" || s.st.views[t.view] == nil {
		return fail("not_found")
	}
	v, code := s.push(c.team, t.user, o)
	if code != "" {
		return fail(code)
	}
	t.used = true
	return obj{"ok": true, "view": s.renderView(v, nil)}
}

// push puts a view on top of a person's modals. The lock is held.
func (s *Server) push(t *team, who string, o obj) (*view, string) {
	st := s.stack(who)
	switch {
	case len(st) == 0:
		return nil, "not_found"
	case len(st) >= maxStack:
		return nil, "push_limit_reached"
	case s.externalTaken(&view{team: t.id}, o):
		return nil, "duplicate_external_id"
	}
	v := s.newView(t, who, o)
	v.root, v.previous = st[0].id, st[len(st)-1].id
	s.st.views[v.id] = v
	return v, ""
}

func (s *Server) updateView(c *call) obj {
	o, bad := c.viewArg("modal")
	if bad != nil {
		return bad
	}
	v := s.st.views[c.str("view_id")]
	if ext := c.str("external_id"); ext != "" {
		for _, x := range s.st.views {
			if x.externalID == ext {
				v = x
			}
		}
	}
	switch {
	case v == nil || v.team != c.team.id:
		return fail("not_found")
	case c.str("hash") != "" && c.str("hash") != v.hash:
		return fail("hash_conflict")
	case s.externalTaken(v, o):
		return fail("duplicate_external_id")
	}
	s.fill(v, o)
	return obj{"ok": true, "view": s.renderView(v, nil)}
}

func (s *Server) publishView(c *call) obj {
	o, bad := c.viewArg("home")
	if bad != nil {
		return bad
	}
	u := s.st.users[c.str("user_id")]
	if u == nil || u.Team != c.team.id {
		return invalid("invalid_arguments", []string{"[ERROR] invalid user_id"})
	}
	v := s.st.homes[u.ID]
	if h := c.str("hash"); h != "" && (v == nil || v.hash != h) {
		return fail("hash_conflict")
	}
	if v == nil {
		v = s.newView(c.team, u.ID, o)
		s.st.homes[u.ID] = v
	} else {
		s.fill(v, o)
	}
	return obj{"ok": true, "view": s.renderView(v, nil)}
}
