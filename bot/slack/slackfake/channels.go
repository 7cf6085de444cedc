package slackfake

import (
	"regexp"
	"slices"
	"strings"
)

func (s *Server) channelMethods() map[string]method {
	return map[string]method{
		"conversations.list":       {do: s.listChannels, scope: ":read", tier: 2},
		"conversations.info":       {do: s.channelInfo, scope: ":read", tier: 3},
		"conversations.create":     {do: s.createChannel, scope: ":manage", tier: 2, json: true},
		"conversations.join":       {do: s.joinChannel, scope: "channels:join", tier: 3, json: true},
		"conversations.invite":     {do: s.inviteToChannel, scope: ":manage", tier: 3, json: true},
		"conversations.members":    {do: s.channelMembers, scope: ":read", tier: 4},
		"conversations.open":       {do: s.openChannel, scope: "im:write", tier: 3, json: true},
		"conversations.history":    {do: s.history, scope: ":history", tier: 3},
		"conversations.replies":    {do: s.threadReplies, scope: ":history", tier: 3},
		"conversations.setTopic":   {do: func(c *call) obj { return s.describe(c, "topic") }, scope: ":manage", tier: 2, json: true},
		"conversations.setPurpose": {do: func(c *call) obj { return s.describe(c, "purpose") }, scope: ":manage", tier: 2, json: true},
		"conversations.rename":     {do: s.renameChannel, scope: ":manage", tier: 2, json: true},
		"conversations.archive":    {do: s.archiveChannel, scope: ":manage", tier: 2, json: true},
	}
}

// channel finds the channel argument: an id, a name, or a person for a direct
// message. The lock is held.
func (c *call) channel() *channel {
	id := c.str("channel")
	if ch := c.s.st.channels[id]; ch != nil && ch.team == c.team.id {
		return ch
	}
	if u := c.s.st.users[id]; u != nil && u.Team == c.team.id && strings.HasPrefix(c.name, "chat.") && !u.Bot {
		return c.s.im(c.team, u.ID)
	}
	if !strings.HasPrefix(c.name, "chat.") {
		return nil
	}
	for _, ch := range c.s.st.channels {
		if ch.team == c.team.id && !ch.im && ch.name == strings.TrimPrefix(id, "#") {
			return ch
		}
	}
	return nil
}

// readable finds a channel to read, checking the scope for its kind.
func (c *call) readable(suffix string) (*channel, obj) {
	ch := c.channel()
	if ch == nil || ch.private && !ch.member(c.team.botUser) || ch.im && !ch.member(c.team.botUser) {
		return nil, fail("channel_not_found")
	}
	return ch, c.needFor(ch, suffix)
}

// manage returns the scope that changes a channel of this kind.
func (ch *channel) manage() string {
	if ch.private {
		return "groups:write"
	}
	return "channels:manage"
}

func (c *call) managed() (*channel, obj) {
	ch := c.channel()
	switch {
	case ch == nil || ch.private && !ch.member(c.team.botUser):
		return nil, fail("channel_not_found")
	case ch.im:
		return nil, fail("method_not_supported_for_channel_type")
	}
	if bad := c.need(ch.manage()); bad != nil {
		return nil, bad
	}
	switch {
	case ch.archived:
		return nil, fail("is_archived")
	case !ch.member(c.team.botUser):
		return nil, fail("not_in_channel")
	}
	return ch, nil
}

// im returns the direct conversation of the bot and a person. The lock is held.
func (s *Server) im(t *team, who string) *channel {
	for _, ch := range s.st.channels {
		if ch.im && ch.team == t.id && ch.peer == who {
			return ch
		}
	}
	ch := &channel{id: s.nextID("D"), team: t.id, im: true, peer: who, members: []string{t.botUser, who}, created: s.now().Unix()}
	s.st.channels[ch.id] = ch
	return ch
}

func (s *Server) sorted(t *team) []*channel {
	var all []*channel
	for _, ch := range s.st.channels {
		if ch.team == t.id {
			all = append(all, ch)
		}
	}
	slices.SortFunc(all, func(a, b *channel) int { return strings.Compare(a.id, b.id) })
	return all
}

func (s *Server) listChannels(c *call) obj {
	types := c.list("types")
	if len(types) == 0 {
		types = []string{"public_channel"}
	}
	scope := map[string]string{"public_channel": "channels:read", "private_channel": "groups:read", "im": "im:read", "mpim": "mpim:read"}
	for _, t := range types {
		if scope[t] == "" {
			return fail("invalid_types")
		}
		if bad := c.need(scope[t]); bad != nil {
			return bad
		}
	}
	var all []*channel
	for _, ch := range s.sorted(c.team) {
		kind := map[string]string{"channel": "public_channel", "group": "private_channel", "im": "im"}[ch.kind()]
		if slices.Contains(types, kind) && (kind == "public_channel" || ch.member(c.team.botUser)) && (!ch.archived || !c.yes("exclude_archived")) {
			all = append(all, ch)
		}
	}
	some, next, bad := page(c, all, 100, 1000)
	if bad != nil {
		return bad
	}
	out := []any{}
	for _, ch := range some {
		out = append(out, s.renderChannel(ch, c.team.botUser))
	}
	return obj{"ok": true, "channels": out, "response_metadata": obj{"next_cursor": next}}
}

func (s *Server) channelInfo(c *call) obj {
	ch, bad := c.readable(":read")
	if bad != nil {
		return bad
	}
	return obj{"ok": true, "channel": s.renderChannel(ch, c.team.botUser)}
}

// channelName is what Slack takes for a channel's name.
var channelName = regexp.MustCompile(`^[\p{Ll}\p{Lo}\p{N}_-]{1,80}$`)

func (s *Server) nameError(t *team, name string) string {
	switch {
	case name == "":
		return "invalid_name_required"
	case len([]rune(name)) > 80:
		return "invalid_name_maxlength"
	case strings.Trim(name, "-_") == "":
		return "invalid_name_punctuation"
	case !channelName.MatchString(name):
		return "invalid_name_specials"
	}
	for _, ch := range s.st.channels {
		if ch.team == t.id && ch.name == name {
			return "name_taken"
		}
	}
	return ""
}

func (s *Server) createChannel(c *call) obj {
	ch := &channel{team: c.team.id, name: c.str("name"), private: c.yes("is_private"), creator: c.team.botUser, members: []string{c.team.botUser}, created: s.now().Unix()}
	if bad := c.need(ch.manage()); bad != nil {
		return bad
	}
	if code := s.nameError(c.team, ch.name); code != "" {
		return fail(code)
	}
	ch.id = s.nextID("C")
	s.st.channels[ch.id] = ch
	return obj{"ok": true, "channel": s.renderChannel(ch, c.team.botUser)}
}

func (s *Server) joinChannel(c *call) obj {
	ch := c.channel()
	switch {
	case ch == nil || ch.private && !ch.member(c.team.botUser):
		return fail("channel_not_found")
	case ch.private || ch.im:
		return fail("method_not_supported_for_channel_type")
	case ch.archived:
		return fail("is_archived")
	}
	o := obj{"ok": true}
	if ch.member(c.team.botUser) {
		o["warning"], o["response_metadata"] = "already_in_channel", obj{"warnings": []string{"already_in_channel"}}
	} else {
		s.join(ch, c.team.botUser, "")
	}
	o["channel"] = s.renderChannel(ch, c.team.botUser)
	return o
}

// join adds a member and tells. The lock is held.
func (s *Server) join(ch *channel, who, inviter string) {
	ch.members = append(ch.members, who)
	t := s.st.teams[ch.team]
	if t.revoked == "" && ch.member(t.botUser) && slices.Contains(t.scopes, ch.scope()+"read") {
		kind := "C"
		if ch.private {
			kind = "G"
		}
		ev := obj{"type": "member_joined_channel", "user": who, "channel": ch.id, "channel_type": kind, "team": ch.team, "event_ts": s.nextTS()}
		if inviter != "" {
			ev["inviter"] = inviter
		}
		s.event(ch.team, ev, ch.ext)
	}
	m := &message{user: who, team: ch.team, subtype: ch.kind() + "_join", text: "<@" + who + "> has joined the channel"}
	if inviter != "" {
		m.extra = obj{"inviter": inviter}
	}
	s.add(ch, m)
}

func (s *Server) inviteToChannel(c *call) obj {
	ch, bad := c.managed()
	if bad != nil {
		return bad
	}
	users := c.list("users")
	if len(users) == 0 {
		return fail("no_user")
	}
	var errs []any
	may := users[:0:0]
	for _, u := range users {
		var code string
		switch usr := s.st.users[u]; {
		case usr == nil || usr.Team != c.team.id || usr.Deleted:
			code = "user_not_found"
		case u == c.team.botUser:
			code = "cant_invite_self"
		case ch.member(u):
			code = "already_in_channel"
		default:
			may = append(may, u)
			continue
		}
		errs = append(errs, obj{"user": u, "ok": false, "error": code})
	}
	if len(errs) > 0 && (!c.yes("force") || len(may) == 0) {
		return fail(errs[0].(obj)["error"].(string), "errors", errs)
	}
	users = may
	for _, u := range users {
		s.join(ch, u, c.team.botUser)
	}
	return obj{"ok": true, "channel": s.renderChannel(ch, c.team.botUser)}
}

func (s *Server) channelMembers(c *call) obj {
	ch, bad := c.readable(":read")
	if bad != nil {
		return bad
	}
	some, next, bad := page(c, ch.members, 100, 1000)
	if bad != nil {
		return bad
	}
	return obj{"ok": true, "members": some, "response_metadata": obj{"next_cursor": next}}
}

func (s *Server) openChannel(c *call) obj {
	users := c.list("users")
	if ch := c.channel(); ch != nil && ch.im {
		users = []string{ch.peer}
	}
	if len(users) != 1 {
		return fail("users_list_not_supplied") // groups are not played here
	}
	u := s.st.users[users[0]]
	if u == nil || u.Team != c.team.id {
		return fail("user_not_found")
	}
	ch := s.im(c.team, u.ID)
	if c.yes("return_im") {
		return obj{"ok": true, "channel": s.renderChannel(ch, c.team.botUser)}
	}
	return obj{"ok": true, "channel": obj{"id": ch.id}}
}

// between keeps the messages that oldest, latest and inclusive allow.
func (c *call) between(ms []*message) []*message {
	oldest, latest, incl := c.str("oldest"), c.str("latest"), c.yes("inclusive")
	var out []*message
	for _, m := range ms {
		if oldest != "" && oldest != "0" && (less(m.ts, oldest) || !incl && m.ts == oldest) {
			continue
		}
		if latest != "" && (less(latest, m.ts) || !incl && m.ts == latest) {
			continue
		}
		out = append(out, m)
	}
	return out
}

func less(a, b string) bool {
	pad := func(ts string) string {
		sec, frac, _ := strings.Cut(ts, ".")
		return strings.Repeat("0", max(0, 12-len(sec))) + sec + "." + frac + strings.Repeat("0", max(0, 6-len(frac)))
	}
	return pad(a) < pad(b)
}

func (s *Server) history(c *call) obj {
	ch, bad := c.readable(":history")
	if bad != nil {
		return bad
	}
	if !ch.member(c.team.botUser) {
		return fail("not_in_channel")
	}
	var all []*message
	for _, m := range c.between(ch.msgs) {
		if m.threadTS == "" || m.threadTS == m.ts || m.broadcast {
			all = append(all, m)
		}
	}
	slices.Reverse(all) // newest first
	return s.messagePage(c, all, nil)
}

func (s *Server) threadReplies(c *call) obj {
	ch, bad := c.readable(":history")
	if bad != nil {
		return bad
	}
	if !ch.member(c.team.botUser) {
		return fail("not_in_channel")
	}
	m := ch.find(c.str("ts"))
	if m == nil {
		return fail("thread_not_found")
	}
	if m.threadTS != "" && m.threadTS != m.ts { // a reply's own ts gives that reply
		return s.messagePage(c, []*message{m}, nil)
	}
	return s.messagePage(c, c.between(ch.replies(m.ts)), m)
}

// messagePage pages messages; the parent comes first on each page, as in Slack.
func (s *Server) messagePage(c *call, all []*message, parent *message) obj {
	some, next, bad := page(c, all, 100, 999)
	if bad != nil {
		return bad
	}
	if parent != nil {
		some = append([]*message{parent}, some...)
	}
	out := []any{}
	for _, m := range some {
		out = append(out, s.render(m, c.yes("include_all_metadata")))
	}
	o := obj{"ok": true, "messages": out, "has_more": next != "", "pin_count": 0}
	if next != "" {
		o["response_metadata"] = obj{"next_cursor": next}
	}
	return o
}

func (s *Server) describe(c *call, what string) obj {
	ch, bad := c.managed()
	if bad != nil {
		return bad
	}
	v := c.str(what)
	if len([]rune(v)) > 250 {
		return fail("too_long")
	}
	if what == "topic" {
		ch.topic = v
	} else {
		ch.purpose = v
	}
	s.add(ch, &message{user: c.team.botUser, team: ch.team, subtype: ch.kind() + "_" + what, text: "set the channel " + what + ": " + v, extra: obj{what: v}})
	return obj{"ok": true, what: v, "channel": s.renderChannel(ch, c.team.botUser)}
}

func (s *Server) renameChannel(c *call) obj {
	ch, bad := c.managed()
	if bad != nil {
		return bad
	}
	if code := s.nameError(c.team, c.str("name")); code != "" {
		return fail(code)
	}
	ch.name = c.str("name")
	s.event(ch.team, obj{"type": "channel_rename", "channel": obj{"id": ch.id, "name": ch.name, "created": ch.created}, "event_ts": s.nextTS()}, ch.ext)
	return obj{"ok": true, "channel": s.renderChannel(ch, c.team.botUser)}
}

func (s *Server) archiveChannel(c *call) obj {
	ch, bad := c.managed()
	if bad != nil {
		if bad["error"] == "is_archived" {
			return fail("already_archived")
		}
		return bad
	}
	s.archive(ch, c.team.botUser)
	return obj{"ok": true}
}

// archive closes a channel and tells. The lock is held.
func (s *Server) archive(ch *channel, by string) {
	kind := "channel_archive"
	if ch.private {
		kind = "group_archive"
	}
	s.event(ch.team, obj{"type": kind, "channel": ch.id, "user": by, "is_moved": 0, "event_ts": s.nextTS()}, ch.ext)
	ch.archived = true
}
