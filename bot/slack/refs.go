package slack

import (
	"regexp"
	"strings"

	"github.com/perch-chat/perch/bot"
)

// Platform is the first part of every ref of this chat.
const Platform = "slack"

// refs builds and reads the refs of one installation. With one workspace they
// have no team part ("slack:C012"), so that what people write into the
// configuration is the same string as what events carry. With a team they have
// one ("slack:T012:C012"). Both forms are understood by both.
type refs struct {
	team string // "" for a single workspace
}

var (
	teamRE    = regexp.MustCompile(`^[TE][A-Z0-9]{1,30}$`)
	userRE    = regexp.MustCompile(`^[UWSB][A-Z0-9]{1,30}$`)
	groupRE   = regexp.MustCompile(`^S[A-Z0-9]{1,30}$`)
	channelRE = regexp.MustCompile(`^[CGD][A-Z0-9]{1,30}$`)
	stampRE   = regexp.MustCompile(`^[0-9]{1,16}\.[0-9]{1,9}$`)
)

// Canonical returns a ref of a person, channel or message as the adapter of a
// single workspace writes it: without the team. It says false if it is none.
func Canonical(ref string) (string, bool) {
	var r refs
	if id, ok := r.userID(bot.UserRef(ref)); ok {
		return string(r.user(id)), true
	}
	if id, ok := r.channelID(bot.ChannelRef(ref)); ok {
		return string(r.channel(id)), true
	}
	at, ok := r.messageID(bot.MessageRef(ref))
	switch {
	case !ok:
		return "", false
	case at.only:
		return string(r.only(at.channel, at.ts)), true
	}
	return string(r.message(at.channel, at.ts)), true
}

// onlyMark stands before the timestamp of a message that only one person sees.
// Slack can't find, edit or delete those by channel and time.
const onlyMark = "only-"

func (r refs) prefix() string {
	if r.team == "" {
		return Platform + ":"
	}
	return Platform + ":" + r.team + ":"
}

func (r refs) user(id string) bot.UserRef {
	if !userRE.MatchString(id) {
		return ""
	}
	return bot.UserRef(r.prefix() + id)
}

func (r refs) group(id string) bot.GroupRef {
	if !groupRE.MatchString(id) {
		return ""
	}
	return bot.GroupRef(r.prefix() + id)
}

// groupID returns the Slack ID in a ref.
func (r refs) groupID(ref bot.GroupRef) (string, bool) {
	p := r.parts(string(ref))
	if len(p) != 1 || !groupRE.MatchString(p[0]) {
		return "", false
	}
	return p[0], true
}

// eventID is the ID of what happened to a message. It says what and where, not
// how it was told: a delivery, a retry of it and what is read later have one.
func (r refs) eventID(what, channel string, stamps ...string) string {
	id := what + ":"
	if r.team != "" {
		id += r.team + ":"
	}
	return id + channel + ":" + strings.Join(stamps, ":")
}

func (r refs) channel(id string) bot.ChannelRef {
	if !channelRE.MatchString(id) {
		return ""
	}
	return bot.ChannelRef(r.prefix() + id)
}

func (r refs) message(channel, ts string) bot.MessageRef {
	if !channelRE.MatchString(channel) || !stampRE.MatchString(ts) {
		return ""
	}
	return bot.MessageRef(r.prefix() + channel + ":" + ts)
}

// only is the ref of a message that one person sees. ts may be empty: an
// answer by response_url says nothing of where it is.
func (r refs) only(channel, ts string) bot.MessageRef {
	if !channelRE.MatchString(channel) {
		return ""
	}
	if !stampRE.MatchString(ts) {
		ts = "0.0"
	}
	return bot.MessageRef(r.prefix() + channel + ":" + onlyMark + ts)
}

// parts splits a ref and takes the platform and the team off it. A ref of
// another team than ours is none.
func (r refs) parts(ref string) []string {
	p := strings.Split(ref, ":")
	if len(p) < 2 || p[0] != Platform {
		return nil
	}
	p = p[1:]
	if len(p) > 1 && teamRE.MatchString(p[0]) {
		if r.team != "" && p[0] != r.team {
			return nil
		}
		p = p[1:]
	}
	return p
}

// userID returns the Slack ID in a ref.
func (r refs) userID(ref bot.UserRef) (string, bool) {
	p := r.parts(string(ref))
	if len(p) != 1 || !userRE.MatchString(p[0]) {
		return "", false
	}
	return p[0], true
}

// channelID returns the Slack ID in a ref.
func (r refs) channelID(ref bot.ChannelRef) (string, bool) {
	p := r.parts(string(ref))
	if len(p) != 1 || !channelRE.MatchString(p[0]) {
		return "", false
	}
	return p[0], true
}

// place is where a message is.
type place struct {
	channel string
	ts      string
	only    bool // one person sees it
}

// messageID returns where the message of a ref is.
func (r refs) messageID(ref bot.MessageRef) (place, bool) {
	p := r.parts(string(ref))
	if len(p) != 2 || !channelRE.MatchString(p[0]) {
		return place{}, false
	}
	ts, only := strings.CutPrefix(p[1], onlyMark)
	if !stampRE.MatchString(ts) {
		return place{}, false
	}
	return place{channel: p[0], ts: ts, only: only}, true
}
