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
// seen: the server tells what there is, not what somebody did. Its error says
// that they can't be told yet, and none of them was.
func (a *Adapter) reactions(ctx context.Context, m message, kind string) ([]bot.Event, error) {
	if kind == "l" || m.System == systemGone || messageRef(m.Room, m.ID) == "" {
		return nil, nil
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
		return nil, nil
	}
	next := maps.Clone(now)
	for x := range was {
		next[x] = now[x]
	}
	me := a.me
	a.mu.Unlock()
	var out []bot.Event
	for _, x := range slices.SortedFunc(maps.Keys(next), reaction.compare) {
		there, before := was[x]
		if next[x] == there || x.username == me.Username {
			continue
		}
		ev, err := a.reactionEvent(ctx, m, x)
		if err != nil {
			return nil, err
		}
		if !next[x] {
			ev.Kind = bot.EventReactionGone
		}
		if before { // the first time has one ID, whenever it is seen
			ev.ID += fmt.Sprintf(":%s:%d", ev.Kind, m.Updated.UnixMilli())
		}
		out = append(out, ev)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	bound(a.reacted)
	a.reacted[m.ID] = next
	return out, nil
}

func (x reaction) compare(y reaction) int {
	return strings.Compare(x.emoji+" "+x.username, y.emoji+" "+y.username)
}

func (a *Adapter) reactionEvent(ctx context.Context, m message, x reaction) (bot.Event, error) {
	p, err := a.named(ctx, x.username)
	if err != nil {
		return bot.Event{}, err
	}
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
	return ev, nil
}
