package rocketchat

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/perch-chat/perch/bot"
)

// reaction is somebody's emoji on a message.
type reaction struct{ emoji, username string }

// seenReactions are those that a message was seen with: true is there still, false
// was taken back.
type seenReactions map[reaction]bool

// reactions are those that were set or taken back since the message was last
// seen: the server tells what there is, not what somebody did.
func (a *Adapter) reactions(ctx context.Context, m message, kind string) []bot.Event {
	if kind == "l" || m.System == systemGone || messageRef(m.Room, m.ID) == "" {
		return nil
	}
	now := seenReactions{}
	for emoji, r := range m.Reactions {
		for _, u := range r.Usernames {
			now[reaction{strings.Trim(emoji, ":"), u}] = true
		}
	}
	a.mu.Lock()
	was, seen := a.reacted[m.ID]
	if len(now) == 0 && !seen {
		a.mu.Unlock()
		return nil
	}
	next := maps.Clone(now)
	for x := range was {
		next[x] = now[x]
	}
	bound(a.reacted)
	a.reacted[m.ID] = next
	me := a.me
	a.mu.Unlock()
	var out []bot.Event
	for _, x := range slices.SortedFunc(maps.Keys(next), reaction.compare) {
		there, before := was[x]
		if next[x] == there || x.username == me.Username {
			continue
		}
		ev := a.reactionEvent(ctx, m, x)
		if !next[x] {
			ev.Kind = bot.EventReactionGone
		}
		if before { // the first time has one ID, whenever it is seen
			ev.ID += fmt.Sprintf(":%s:%d", ev.Kind, m.Updated.UnixMilli())
		}
		out = append(out, ev)
	}
	return out
}

func (x reaction) compare(y reaction) int {
	return strings.Compare(x.emoji+" "+x.username, y.emoji+" "+y.username)
}

func (a *Adapter) reactionEvent(ctx context.Context, m message, x reaction) bot.Event {
	p := a.named(ctx, x.username)
	ev := bot.Event{
		ID: "react:" + m.ID + ":" + x.emoji + " " + x.username, Platform: Platform, Kind: bot.EventReaction, At: m.Updated.Time, User: p.user(),
		Channel: roomRef(m.Room), Message: messageRef(m.Room, m.ID), Emoji: x.emoji,
	}
	if m.Thread != "" {
		ev.Thread = messageRef(m.Room, m.Thread)
	}
	if m.User.ID != "" {
		u := m.User.user()
		ev.Author = &u
	}
	return ev
}
