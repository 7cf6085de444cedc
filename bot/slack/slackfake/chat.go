package slackfake

import (
	"maps"
	"slices"
	"strings"
	"unicode/utf8"
)

func (s *Server) chatMethods() map[string]method {
	return map[string]method{
		"chat.postMessage":   {do: s.postMessage, scope: "chat:write", json: true},
		"chat.postEphemeral": {do: s.postEphemeral, scope: "chat:write", tier: 4, json: true},
		"chat.update":        {do: s.updateMessage, scope: "chat:write", tier: 3, json: true},
		"chat.delete":        {do: s.deleteMessage, scope: "chat:write", tier: 3, json: true},
		"chat.getPermalink":  {do: s.permalink},
		"reactions.add":      {do: func(c *call) obj { return s.react(c, true) }, scope: "reactions:write", tier: 3, json: true},
		"reactions.remove":   {do: func(c *call) obj { return s.react(c, false) }, scope: "reactions:write", tier: 2, json: true},
		"reactions.get":      {do: s.getReactions, scope: "reactions:read", tier: 3},
		"pins.add":           {do: s.addPin, scope: "pins:write", tier: 2, json: true},
		"pins.remove":        {do: s.removePin, scope: "pins:write", tier: 2, json: true},
		"pins.list":          {do: s.listPins, scope: "pins:read", tier: 2},
		"bookmarks.add":      {do: s.addBookmark, scope: "bookmarks:write", tier: 2, json: true},
	}
}

// maxText is where Slack cuts a message's text, maxUpdate where chat.update refuses it.
const (
	maxText   = 40_000
	maxUpdate = 4_000
)

// content reads text, blocks, attachments and metadata of a message.
func (c *call) content() (m *message, bad obj) {
	m = &message{text: c.str("text"), team: c.team.id, appID: c.s.opt.AppID}
	blocks, ok := c.object("blocks")
	list, isList := blocks.([]any)
	if !ok || blocks != nil && !isList {
		return nil, fail("invalid_blocks_format")
	}
	if errs := checkBlocks(list, "message"); len(errs) > 0 {
		return nil, invalid("invalid_blocks", errs)
	}
	m.blocks = c.s.fillBlocks(list)
	atts, ok := c.object("attachments")
	m.attachments, isList = atts.([]any)
	if !ok || atts != nil && !isList {
		return nil, fail("invalid_attachments")
	}
	if len(m.attachments) > 100 {
		return nil, fail("too_many_attachments")
	}
	if md, ok := c.object("metadata"); md != nil || !ok {
		o, _ := md.(obj)
		typ, _ := o["event_type"].(string)
		_, isObj := o["event_payload"].(obj)
		switch {
		case typ == "" && (o["event_payload"] == nil || isObj && len(o["event_payload"].(obj)) == 0) && o != nil:
			// Some clients always send the field, empty.
		case typ == "" || !isObj:
			return nil, fail("invalid_metadata_format")
		default:
			if len(mustJSON(o)) > 16_384 {
				return nil, fail("metadata_too_large")
			}
			m.metadata = o
		}
	}
	return m, nil
}

func (m *message) empty() bool {
	return m.text == "" && len(m.blocks) == 0 && len(m.attachments) == 0
}

// target finds the channel to write to.
func (c *call) target(write bool) (*channel, obj) {
	ch := c.channel()
	switch {
	case ch == nil:
		return nil, fail("channel_not_found")
	case !ch.member(c.team.botUser) && ch.private:
		return nil, fail("channel_not_found")
	case write && ch.archived:
		return nil, fail("is_archived")
	case !ch.member(c.team.botUser) && (!write || !slices.Contains(c.team.scopes, "chat:write.public")):
		return nil, fail("not_in_channel")
	}
	return ch, nil
}

func (s *Server) postMessage(c *call) obj {
	if c.str("channel") == "" {
		return fail("channel_not_found")
	}
	ch, bad := c.target(true)
	if bad != nil {
		return bad
	}
	m, bad := c.content()
	if bad != nil {
		return bad
	}
	if m.empty() {
		return fail("no_text")
	}
	var warnings []string
	if n := utf8.RuneCountInString(m.text); n > maxText {
		m.text = string([]rune(m.text)[:maxText])
		warnings = append(warnings, "message_truncated")
	}
	m.user, m.botID = c.team.botUser, c.team.botID
	m.unfurl = c.unfurls()
	if slices.Contains(c.team.scopes, "chat:write.customize") {
		m.username = c.str("username")
		if e := c.str("icon_emoji"); e != "" {
			m.icons = obj{"emoji": e}
		}
		if u := c.str("icon_url"); u != "" {
			m.icons = obj{"image_48": u}
		}
	}
	if t := c.str("thread_ts"); t != "" {
		if !validTS(t) {
			return fail("invalid_thread_ts")
		}
		// A thread whose first message is gone takes nothing: the post lands
		// in the channel, and only the answer tells.
		if p := ch.find(t); p != nil && !p.tombstone {
			m.threadTS = p.ts
			if p.threadTS != "" {
				m.threadTS = p.threadTS
			}
			m.broadcast = c.yes("reply_broadcast")
		}
	}
	s.add(ch, m)
	o := obj{"ok": true, "channel": ch.id, "ts": m.ts, "message": s.render(m, true)}
	if warnings != nil {
		o["warning"], o["response_metadata"] = warnings[0], obj{"warnings": warnings}
	}
	return o
}

// unfurls says if links in the message would be fetched and expanded.
func (c *call) unfurls() bool {
	links, media := c.str("unfurl_links"), c.str("unfurl_media")
	return links == "true" || media != "false"
}

func validTS(ts string) bool {
	a, b, ok := strings.Cut(ts, ".")
	return ok && len(a) >= 10 && len(b) == 6 && strings.Trim(a+b, "0123456789") == ""
}

// add puts a message into a channel and tells the app. The lock is held.
func (s *Server) add(ch *channel, m *message) {
	m.channel, m.ts = ch.id, s.nextTS()
	var before obj
	parent := ch.find(m.threadTS)
	if parent != nil {
		before = s.render(parent, false)
	}
	if m.broadcast {
		m.subtype = "thread_broadcast"
	}
	ch.insert(m)
	ev := s.render(m, true)
	s.tell(ch, ev, nil)
	if parent != nil {
		// A reply changes its parent (reply_count), and Slack says so with
		// the event that otherwise means an edit.
		s.tellChanged(ch, parent, before)
	}
}

// tell delivers a message event if the bot is there to hear it. The lock is held.
func (s *Server) tell(ch *channel, ev, more obj) *Delivery {
	t := s.st.teams[ch.team]
	if t == nil || t.revoked != "" || !ch.member(t.botUser) || !slices.Contains(t.scopes, ch.scope()+"history") {
		return nil
	}
	maps.Copy(ev, more)
	ev["channel"], ev["channel_type"] = ch.id, ch.kind()
	if ev["event_ts"] == nil {
		ev["event_ts"] = ev["ts"]
	}
	return s.event(ch.team, ev, ch.ext)
}

func (s *Server) tellChanged(ch *channel, m *message, before obj) *Delivery {
	ts := s.nextTS()
	return s.tell(ch, obj{"type": "message", "subtype": "message_changed", "hidden": true, "ts": ts, "event_ts": ts, "message": s.render(m, true), "previous_message": before}, nil)
}

func (s *Server) postEphemeral(c *call) obj {
	who := c.str("user")
	ch, bad := c.target(true)
	if bad != nil {
		return bad
	}
	if !ch.member(who) {
		return fail("user_not_in_channel")
	}
	m, bad := c.content()
	if bad != nil {
		return bad
	}
	if m.empty() {
		return fail("no_text")
	}
	m.user, m.botID, m.only, m.channel, m.ts = c.team.botUser, c.team.botID, who, ch.id, s.nextTS()
	m.threadTS, m.metadata = c.str("thread_ts"), nil
	s.st.ephemeral = append(s.st.ephemeral, m)
	return obj{"ok": true, "message_ts": m.ts}
}

func (s *Server) updateMessage(c *call) obj {
	ch, bad := c.target(true)
	if bad != nil {
		return bad
	}
	m := ch.find(c.str("ts"))
	switch {
	case m == nil || m.tombstone:
		return fail("message_not_found")
	case m.botID != c.team.botID:
		return fail("cant_update_message")
	}
	n, bad := c.content()
	if bad != nil {
		return bad
	}
	_, hasText := c.args["text"]
	_, hasBlocks := c.args["blocks"]
	if n.empty() && n.metadata == nil {
		return fail("no_text")
	}
	if utf8.RuneCountInString(n.text) > maxUpdate {
		return fail("msg_too_long")
	}
	before := s.render(m, true)
	// Blocks stay only where the update has neither text nor blocks.
	if hasText || hasBlocks {
		m.blocks = n.blocks
	}
	if hasText {
		m.text = n.text
	}
	if _, ok := c.args["attachments"]; ok {
		m.attachments = n.attachments
	}
	if n.metadata != nil {
		m.metadata = n.metadata
	}
	if len(n.blocks) == 0 {
		m.editedBy, m.editedTS = c.team.botUser, s.nextTS() // with blocks Slack shows no "(edited)"
	}
	s.tellChanged(ch, m, before)
	return obj{"ok": true, "channel": ch.id, "ts": m.ts, "text": m.text, "message": s.render(m, true)}
}

func (s *Server) deleteMessage(c *call) obj {
	ch, bad := c.target(true)
	if bad != nil {
		return bad
	}
	m := ch.find(c.str("ts"))
	switch {
	case m == nil || m.tombstone:
		return fail("message_not_found")
	case m.botID != c.team.botID:
		return fail("cant_delete_message")
	}
	s.remove(ch, m)
	return obj{"ok": true, "channel": ch.id, "ts": m.ts}
}

// remove deletes a message; a parent with replies leaves a tombstone. The lock is held.
func (s *Server) remove(ch *channel, m *message) *Delivery {
	before := s.render(m, false)
	ch.pins = slices.DeleteFunc(ch.pins, func(ts string) bool { return ts == m.ts })
	if len(ch.replies(m.ts)) > 0 {
		*m = message{channel: m.channel, ts: m.ts, team: m.team, user: "USLACKBOT", subtype: "tombstone", text: "This message was deleted.", tombstone: true, extra: obj{"hidden": true}}
		return s.tellChanged(ch, m, before)
	}
	parent := ch.find(m.threadTS)
	var was obj
	if parent != nil && parent != m {
		was = s.render(parent, false)
	}
	ch.delete(m)
	ts := s.nextTS()
	d := s.tell(ch, obj{"type": "message", "subtype": "message_deleted", "hidden": true, "ts": ts, "event_ts": ts, "deleted_ts": m.ts, "previous_message": before}, nil)
	if was != nil {
		s.tellChanged(ch, parent, was)
	}
	return d
}

func (s *Server) permalink(c *call) obj {
	ch, bad := c.target(false)
	if bad != nil {
		return bad
	}
	m := ch.find(c.str("message_ts"))
	if m == nil {
		return fail("message_not_found")
	}
	return obj{"ok": true, "channel": ch.id, "permalink": s.permalinkOf(m)}
}

func (s *Server) permalinkOf(m *message) string {
	u := "https://" + s.st.teams[m.team].domain + ".slack.com/archives/" + m.channel + "/p" + strings.ReplaceAll(m.ts, ".", "")
	if m.threadTS != "" && m.threadTS != m.ts {
		u += "?thread_ts=" + m.threadTS + "&cid=" + m.channel
	}
	return u
}

func (c *call) item() (*channel, *message, obj) {
	ch, bad := c.target(false)
	if bad != nil {
		return nil, nil, bad
	}
	ts := c.str("timestamp")
	if ts == "" {
		return nil, nil, fail("no_item_specified")
	}
	m := ch.find(ts)
	if m == nil || m.tombstone {
		return nil, nil, fail("message_not_found")
	}
	return ch, m, nil
}

func (s *Server) react(c *call, on bool) obj {
	ch, m, bad := c.item()
	if bad != nil {
		return bad
	}
	name := strings.Trim(c.str("name"), ":")
	if !validEmoji(name) {
		return fail("invalid_name")
	}
	if !s.setReaction(ch, m, c.team.botUser, name, on) {
		if on {
			return fail("already_reacted")
		}
		return fail("no_reaction")
	}
	return obj{"ok": true}
}

// validEmoji accepts names such as white_check_mark, +1 and man::skin-tone-2.
func validEmoji(name string) bool {
	if name == "" || len(name) > 100 {
		return false
	}
	return strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789_-+:'") == ""
}

// setReaction reports whether it changed anything. The lock is held.
func (s *Server) setReaction(ch *channel, m *message, who, name string, on bool) bool {
	i := slices.IndexFunc(m.reactions, func(r *reaction) bool { return r.name == name })
	has := i >= 0 && slices.Contains(m.reactions[i].users, who)
	if has == on {
		return false
	}
	kind := "reaction_added"
	switch {
	case !on:
		kind = "reaction_removed"
		r := m.reactions[i]
		r.users = slices.DeleteFunc(r.users, func(u string) bool { return u == who })
		if len(r.users) == 0 {
			m.reactions = slices.Delete(m.reactions, i, i+1)
		}
	case i < 0:
		m.reactions = append(m.reactions, &reaction{name: name, users: []string{who}})
	default:
		m.reactions[i].users = append(m.reactions[i].users, who)
	}
	t := s.st.teams[ch.team]
	if t.revoked == "" && ch.member(t.botUser) && slices.Contains(t.scopes, "reactions:read") {
		s.event(ch.team, obj{
			"type": kind, "user": who, "reaction": name, "item": obj{"type": "message", "channel": ch.id, "ts": m.ts},
			"item_user": m.user, "event_ts": s.nextTS(),
		}, ch.ext)
	}
	return true
}

func (s *Server) getReactions(c *call) obj {
	ch, m, bad := c.item()
	if bad != nil {
		return bad
	}
	o := s.render(m, false)
	o["permalink"] = s.permalinkOf(m)
	return obj{"ok": true, "type": "message", "channel": ch.id, "message": o}
}

func (s *Server) addPin(c *call) obj {
	ch, m, bad := c.item()
	if bad != nil {
		return bad
	}
	if slices.Contains(ch.pins, m.ts) {
		return fail("already_pinned")
	}
	ch.pins = append(ch.pins, m.ts)
	return obj{"ok": true}
}

func (s *Server) removePin(c *call) obj {
	ch, m, bad := c.item()
	if bad != nil {
		return bad
	}
	n := len(ch.pins)
	if ch.pins = slices.DeleteFunc(ch.pins, func(ts string) bool { return ts == m.ts }); len(ch.pins) == n {
		return fail("no_pin")
	}
	return obj{"ok": true}
}

func (s *Server) listPins(c *call) obj {
	ch, bad := c.target(false)
	if bad != nil {
		return bad
	}
	items := []any{}
	for _, ts := range ch.pins {
		m := s.render(ch.find(ts), false)
		m["permalink"], m["pinned_to"] = s.permalinkOf(ch.find(ts)), []string{ch.id}
		items = append(items, obj{"type": "message", "channel": ch.id, "message": m, "created": s.now().Unix(), "created_by": c.team.botUser})
	}
	return obj{"ok": true, "items": items}
}

func (s *Server) addBookmark(c *call) obj {
	c.args["channel"] = c.args["channel_id"]
	ch, bad := c.target(true)
	switch {
	case bad != nil:
		return bad
	case c.str("title") == "":
		return fail("invalid_arguments")
	case c.str("type") != "link":
		return fail("invalid_bookmark_type")
	case !strings.HasPrefix(c.str("link"), "http"):
		return fail("invalid_link")
	}
	b := obj{"id": s.nextID("Bk"), "channel_id": ch.id, "title": c.str("title"), "link": c.str("link"), "emoji": c.str("emoji"), "type": "link", "date_created": s.now().Unix(), "app_id": s.opt.AppID}
	ch.bookmarks = append(ch.bookmarks, b)
	return obj{"ok": true, "bookmark": b}
}
