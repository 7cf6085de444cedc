package slackfake

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// What people cannot do.
var (
	ErrNotFound  = errors.New("slackfake: not found")
	ErrNotThere  = errors.New("slackfake: the person is not in the channel")
	ErrArchived  = errors.New("slackfake: the channel is archived")
	ErrRequired  = errors.New("slackfake: a field is missing or too long")
	ErrNotOffers = errors.New("slackfake: no such choice")
)

// AddUser adds a person (or another bot) and returns the id.
func (s *Server) AddUser(u User) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if u.Team == "" {
		u.Team = s.opt.TeamID
	}
	if u.ID == "" {
		u.ID = "U0" + strings.ToUpper(u.Name)
	}
	s.st.users[u.ID] = &user{User: u, updated: s.now().Unix()}
	return u.ID
}

// SetOrganization puts a workspace into an organization, whose ID begins with E.
func (s *Server) SetOrganization(teamID, orgID string) {
	_ = s.do(func() error { s.st.teams[teamID].enterprise = orgID; return nil })
}

// SetAway changes a person's presence.
func (s *Server) SetAway(who string, away bool) {
	_ = s.do(func() error { s.st.users[s.userID(who)].Away = away; return nil })
}

// Channel describes a channel to add.
type Channel struct {
	ID      string // made by default
	Team    string // the first workspace by default
	Name    string
	Private bool
	Shared  bool     // with another company, through Slack Connect
	Members []string // the bot is a member only if it is named, or "perch"
}

// AddChannel adds a channel and returns its id.
func (s *Server) AddChannel(c Channel) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if c.Team == "" {
		c.Team = s.opt.TeamID
	}
	if c.ID == "" {
		c.ID = s.nextID("C")
	}
	ch := &channel{id: c.ID, team: c.Team, name: c.Name, private: c.Private, ext: c.Shared, created: s.now().Unix()}
	for _, m := range c.Members {
		ch.members = append(ch.members, s.userID(m))
	}
	s.st.channels[c.ID] = ch
	return c.ID
}

// Join brings a person, or the bot, into a channel, as /invite does.
func (s *Server) Join(who, channelID, inviter string) error {
	return s.do(func() error {
		ch := s.st.channels[s.channelID(channelID)]
		if ch == nil {
			return ErrNotFound
		}
		if who = s.userID(who); !ch.member(who) {
			s.join(ch, who, s.userID(inviter))
		}
		return nil
	})
}

// Leave takes a member out of a channel.
func (s *Server) Leave(who, channelID string) {
	_ = s.do(func() error {
		ch := s.st.channels[s.channelID(channelID)]
		ch.members = slices.DeleteFunc(ch.members, func(m string) bool { return m == s.userID(who) })
		return nil
	})
}

// SetPrivate makes a channel private or public, and shares it with another
// company or not. Slack tells no app of it.
func (s *Server) SetPrivate(channelID string, private, shared bool) error {
	return s.do(func() error {
		ch := s.st.channels[s.channelID(channelID)]
		if ch == nil {
			return ErrNotFound
		}
		ch.private, ch.ext = private, shared
		return nil
	})
}

// Archive closes a channel.
func (s *Server) Archive(channelID, by string) {
	_ = s.do(func() error { s.archive(s.st.channels[s.channelID(channelID)], s.userID(by)); return nil })
}

// AddUserGroup adds a user group and returns its id.
func (s *Server) AddUserGroup(handle, name string, users ...string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	g := &group{id: s.nextID("S"), team: s.opt.TeamID, handle: handle, name: name, users: s.userIDs(users), updated: s.now().Unix()}
	s.st.groups[g.id] = g
	return g.id
}

// SetUserGroup changes who is in a group and tells: subteam_updated and
// subteam_members_changed.
func (s *Server) SetUserGroup(id string, users ...string) error {
	return s.do(func() error {
		g := s.st.groups[id]
		if g == nil {
			return ErrNotFound
		}
		was := g.users
		g.users = s.userIDs(users)
		added, removed := []string{}, []string{}
		for _, u := range g.users {
			if !slices.Contains(was, u) {
				added = append(added, u)
			}
		}
		for _, u := range was {
			if !slices.Contains(g.users, u) {
				removed = append(removed, u)
			}
		}
		prev := g.updated
		g.updated = s.now().Unix()
		s.event(g.team, obj{"type": "subteam_updated", "subteam": renderGroup(g), "event_ts": s.nextTS()}, false)
		s.event(g.team, obj{
			"type": "subteam_members_changed", "subteam_id": g.id, "team_id": g.team, "date_previous_update": prev, "date_update": g.updated,
			"added_users": added, "added_users_count": len(added), "removed_users": removed, "removed_users_count": len(removed), "event_ts": s.nextTS(),
		}, false)
		return nil
	})
}

// userID accepts an id or a name. The lock is held.
func (s *Server) userID(who string) string {
	if s.st.users[who] != nil {
		return who
	}
	for id, u := range s.st.users {
		if u.Name == strings.TrimPrefix(who, "@") && u.Team == s.opt.TeamID {
			return id
		}
	}
	return who
}

func (s *Server) userIDs(names []string) []string {
	ids := []string{}
	for _, n := range names {
		ids = append(ids, s.userID(n))
	}
	return ids
}

// channelID accepts an id or a name. The lock is held.
func (s *Server) channelID(name string) string {
	if s.st.channels[name] != nil {
		return name
	}
	for id, c := range s.st.channels {
		if c.name == strings.TrimPrefix(name, "#") && c.name != "" && c.team == s.opt.TeamID {
			return id
		}
	}
	return name
}

// ChannelID returns the id of the channel with a name, or "" if there is none.
func (s *Server) ChannelID(name string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if id := s.channelID(name); s.st.channels[id] != nil {
		return id
	}
	return ""
}

// DirectChannel returns the id of the direct conversation of a person and the bot.
func (s *Server) DirectChannel(who string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	u := s.st.users[s.userID(who)]
	return s.im(s.st.teams[u.Team], u.ID).id
}

// Members returns the members of a channel.
func (s *Server) Members(channelID string) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if ch := s.st.channels[s.channelID(channelID)]; ch != nil {
		return slices.Clone(ch.members)
	}
	return nil
}

// Topic returns a channel's topic and purpose.
func (s *Server) Topic(channelID string) (topic, purpose string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if ch := s.st.channels[s.channelID(channelID)]; ch != nil {
		return ch.topic, ch.purpose
	}
	return "", ""
}

// Says is what a person writes.
type Says struct {
	User, Channel, Text string
	Thread              string // the ts of the thread's first message
	Broadcast           bool   // also send to the channel
	Files               []Upload
	UserTeam            string // somebody of another company, in a shared channel
}

// Upload is a file that a person adds.
type Upload struct {
	Name, MIME string
	Data       []byte
	External   bool // lives elsewhere, such as at a drive
	CheckInfo  bool // shown only by files.info, as in shared channels
}

// Person posts as a person and returns the message's ts. @names and #channels
// in the text become references, as the composer makes them.
func (s *Server) Person(p Says) (ts string, err error) {
	err = s.do(func() error {
		u, ch, err := s.there(p.User, p.Channel)
		if err != nil {
			return err
		}
		m := &message{user: u.ID, team: u.Team, text: s.escape(p.Text, false), broadcast: p.Broadcast}
		if p.Thread != "" {
			parent := ch.find(p.Thread)
			if parent == nil {
				return fmt.Errorf("thread %s: %w", p.Thread, ErrNotFound)
			}
			m.threadTS = parent.ts
		}
		m.extra = obj{"client_msg_id": s.nextID("msg-")}
		if u.Team != ch.team && p.UserTeam == "" {
			p.UserTeam = u.Team
		}
		if p.UserTeam != "" {
			m.team = p.UserTeam
			m.extra["user_team"], m.extra["source_team"] = p.UserTeam, p.UserTeam
		}
		for _, f := range p.Files {
			nf := &file{id: s.nextID("F"), team: ch.team, user: u.ID, name: f.Name, title: f.Name, mime: f.MIME, size: int64(len(f.Data)), data: f.Data, created: s.now().Unix(), complete: true, external: f.External, check: f.CheckInfo, channels: []string{ch.id}}
			s.st.files[nf.id] = nf
			m.files = append(m.files, nf)
			m.subtype = "file_share"
		}
		if m.text != "" {
			m.blocks = s.fillBlocks([]any{s.composed(m.text)})
		}
		s.add(ch, m)
		ts = m.ts
		t := s.st.teams[ch.team]
		if !ch.im && strings.Contains(m.text, "<@"+t.botUser) && slices.Contains(t.scopes, "app_mentions:read") && t.revoked == "" {
			ev := s.render(m, false)
			ev["type"], ev["channel"], ev["event_ts"] = "app_mention", ch.id, m.ts
			delete(ev, "subtype")
			s.event(ch.team, ev, ch.ext)
		}
		return nil
	})
	return ts, err
}

// PersonSays posts in a channel, or in a thread if its ts is given.
func (s *Server) PersonSays(who, channelID, text string, thread ...string) (ts string, err error) {
	return s.Person(Says{User: who, Channel: channelID, Text: text, Thread: strings.Join(thread, "")})
}

// there returns a member and the channel.
func (s *Server) there(who, channelID string) (*user, *channel, error) {
	u, ch := s.st.users[s.userID(who)], s.st.channels[s.channelID(channelID)]
	switch {
	case u == nil || ch == nil:
		return nil, nil, fmt.Errorf("%s in %s: %w", who, channelID, ErrNotFound)
	case !ch.member(u.ID):
		return nil, nil, ErrNotThere
	case ch.archived:
		return nil, nil, ErrArchived
	}
	return u, ch, nil
}

// own returns a message of the person.
func (s *Server) own(who, channelID, ts string) (*channel, *message, error) {
	u, ch, err := s.there(who, channelID)
	if err != nil {
		return nil, nil, err
	}
	m := ch.find(ts)
	if m == nil || m.user != u.ID {
		return nil, nil, fmt.Errorf("message %s of %s: %w", ts, who, ErrNotFound)
	}
	return ch, m, nil
}

// PersonEdits changes a person's message.
func (s *Server) PersonEdits(who, channelID, ts, text string) error {
	return s.do(func() error {
		ch, m, err := s.own(who, channelID, ts)
		if err != nil {
			return err
		}
		before := s.render(m, false)
		m.text = s.escape(text, false)
		m.blocks = s.fillBlocks([]any{s.composed(m.text)})
		m.editedBy, m.editedTS = m.user, s.nextTS()
		s.tellChanged(ch, m, before)
		return nil
	})
}

// PersonDeletes deletes a person's message.
func (s *Server) PersonDeletes(who, channelID, ts string) error {
	return s.do(func() error {
		ch, m, err := s.own(who, channelID, ts)
		if err != nil {
			return err
		}
		s.remove(ch, m)
		return nil
	})
}

// AdminDeletes deletes anybody's message, as an admin may.
func (s *Server) AdminDeletes(channelID, ts string) error {
	return s.do(func() error {
		ch := s.st.channels[s.channelID(channelID)]
		if ch == nil || ch.find(ts) == nil {
			return ErrNotFound
		}
		s.remove(ch, ch.find(ts))
		return nil
	})
}

// PersonReacts sets or takes back a person's reaction.
func (s *Server) PersonReacts(who, channelID, ts, emoji string, on bool) error {
	return s.do(func() error {
		u, ch, err := s.there(who, channelID)
		if err != nil {
			return err
		}
		m := ch.find(ts)
		if m == nil {
			return ErrNotFound
		}
		s.setReaction(ch, m, u.ID, strings.Trim(emoji, ":"), on)
		return nil
	})
}

// Unfurl expands a link in a message, which Slack tells as message_changed
// without any change of the text.
func (s *Server) Unfurl(channelID, ts, url string) error {
	return s.do(func() error {
		ch := s.st.channels[s.channelID(channelID)]
		if ch == nil || ch.find(ts) == nil {
			return ErrNotFound
		}
		m := ch.find(ts)
		before := s.render(m, false)
		m.attachments = append(slices.Clone(m.attachments), obj{"from_url": url, "original_url": url, "title": "A page", "title_link": url, "fallback": "A page", "id": len(m.attachments) + 1})
		s.tellChanged(ch, m, before)
		return nil
	})
}

// OpenHome opens the bot's home tab.
func (s *Server) OpenHome(who string) *Delivery {
	s.mu.Lock()
	defer s.changed()
	defer s.mu.Unlock()
	u := s.st.users[s.userID(who)]
	ev := obj{"type": "app_home_opened", "user": u.ID, "channel": s.im(s.st.teams[u.Team], u.ID).id, "tab": "home", "event_ts": s.nextTS()}
	if v := s.st.homes[u.ID]; v != nil {
		ev["view"] = s.renderView(v, nil)
	}
	return s.event(u.Team, ev, false)
}

// They are safe for concurrent use and never change.
var (
	escaper   = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;") //nolint:gochecknoglobals // built once
	unescaper = strings.NewReplacer("&lt;", "<", "&gt;", ">", "&amp;", "&") //nolint:gochecknoglobals // built once
)

// escape does what Slack does to typed text: entities, and references for
// @people, @groups and #channels. Commands get them with labels.
func (s *Server) escape(t string, labels bool) string {
	ref := func(id, name string) string {
		if labels {
			return "<" + id + "|" + name + ">"
		}
		return "<" + id + ">"
	}
	words := strings.SplitAfter(t, " ")
	for i, w := range words {
		core := strings.TrimRight(w, " ,.;:!?\n")
		rest := w[len(core):]
		switch {
		case strings.HasPrefix(core, "<@") && strings.HasSuffix(core, ">"):
			continue // a reference already
		case strings.HasPrefix(core, "@"):
			if id := s.userID(core[1:]); s.st.users[id] != nil && id != core[1:] {
				words[i] = ref("@"+id, core[1:]) + rest
				continue
			}
			if core == "@channel" || core == "@here" || core == "@everyone" {
				words[i] = "<!" + core[1:] + ">" + rest
				continue
			}
			found := false
			for _, g := range s.st.groups {
				if g.handle == core[1:] {
					words[i], found = ref("!subteam^"+g.id, core)+rest, true
				}
			}
			if found {
				continue
			}
		case strings.HasPrefix(core, "#"):
			if id := s.channelID(core[1:]); s.st.channels[id] != nil && id != core[1:] {
				words[i] = ref("#"+id, core[1:]) + rest
				continue
			}
		case strings.HasPrefix(core, "https://") || strings.HasPrefix(core, "http://"):
			if !labels {
				words[i] = "<" + strings.ReplaceAll(core, "&", "&amp;") + ">" + rest
				continue
			}
		}
		words[i] = escaper.Replace(w)
	}
	return strings.Join(words, "")
}

// composed is the rich_text block of a person's message.
func (s *Server) composed(t string) obj {
	var es []any
	add := func(x string) {
		if x != "" {
			es = append(es, obj{"type": "text", "text": unescaper.Replace(x)})
		}
	}
	for {
		loc := control.FindStringIndex(t)
		if loc == nil {
			break
		}
		add(t[:loc[0]])
		in, _, _ := strings.Cut(t[loc[0]+1:loc[1]-1], "|")
		switch {
		case strings.HasPrefix(in, "@"):
			es = append(es, obj{"type": "user", "user_id": in[1:]})
		case strings.HasPrefix(in, "#"):
			es = append(es, obj{"type": "channel", "channel_id": in[1:]})
		case strings.HasPrefix(in, "!subteam^"):
			es = append(es, obj{"type": "usergroup", "usergroup_id": strings.TrimPrefix(in, "!subteam^")})
		case strings.HasPrefix(in, "!"):
			es = append(es, obj{"type": "broadcast", "range": in[1:]})
		default:
			es = append(es, obj{"type": "link", "url": strings.ReplaceAll(in, "&amp;", "&")})
		}
		t = t[loc[1]:]
	}
	add(t)
	return obj{"type": "rich_text", "elements": []any{obj{"type": "rich_text_section", "elements": es}}}
}
