package slack

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/perch-chat/perch/bot"
)

var _ bot.Rereader = (*Adapter)(nil)

const (
	maxGone      = 100 // known messages that are looked for one by one
	maxReactions = 200 // of one message that are told
)

// rereading is one call of Reread.
type rereading struct {
	decoder
	h       bot.History
	limit   int
	channel string
	oldest  time.Time
	there   map[bot.MessageRef]bool
	written []bot.Event
	marks   []bot.Event
}

// Reread reads what was written in a thread or a channel, and what became of
// it. See [bot.Rereader].
func (a *Adapter) Reread(ctx context.Context, h bot.History, limit int) ([]bot.Event, error) {
	at, ok := a.refs.messageID(h.Thread)
	if h.Thread == "" {
		at.channel, ok = a.refs.channelID(h.Channel)
	}
	switch {
	case !ok || at.only:
		return nil, noMessage()
	case limit <= 0:
		return nil, nil
	}
	d, err := a.decoderNow(ctx)
	if err != nil {
		return nil, err
	}
	r := &rereading{decoder: d, h: h, limit: limit, channel: at.channel, oldest: since(h.After), there: map[bot.MessageRef]bool{}}
	all, err := a.each(ctx, at, r.oldest, r.message)
	switch code(err) {
	case "thread_not_found", "message_not_found":
		if all = true; len(h.Known) == 0 {
			return nil, noMessage()
		}
		err = nil // the thread is gone, and all in it may be
	}
	if err != nil {
		return nil, err
	}
	if all {
		if err := r.gone(ctx); err != nil {
			return nil, err
		}
	}
	events := slices.Concat(r.written, r.marks)
	return events[:min(len(events), limit)], nil
}

// message takes in a message that is there.
func (r *rereading) message(m message) bool {
	ref := r.refs.message(r.channel, m.TS)
	if m.Subtype == "tombstone" || ref == "" {
		return true // deleted, but it has answers
	}
	r.there[ref] = true
	for _, ev := range r.past(r.channel, m, r.h.After) {
		if !r.h.Changes || ev.Kind == bot.EventMessageEdited {
			r.written = append(r.written, ev)
		}
	}
	if ev, ok := r.reactions(m, ref); ok {
		r.marks = append(r.marks, ev)
	}
	return len(r.written)+len(r.marks) < r.limit
}

// reactions are those of our people that stand on a message. Of very many Slack
// names only some of who set them: nothing is told then.
func (r *rereading) reactions(m message, ref bot.MessageRef) (bot.Event, bool) {
	ev := bot.Event{
		ID: r.refs.eventID("reactions", r.channel, m.TS, stamp(r.now)), Platform: Platform, Kind: bot.EventReactions, At: r.when(m.TS),
		Channel: r.refs.channel(r.channel), Message: ref, Thread: r.thread(r.channel, m.TS, m.ThreadTS),
	}
	for _, x := range m.Reactions {
		if len(x.Users) < x.Count {
			return ev, false
		}
		name, _, _ := strings.Cut(x.Name, "::") // without the skin's tone
		for _, u := range x.Users {
			if u == r.me.User || r.refs.user(u) == "" || r.outsider(u) || len(ev.Reactions) >= maxReactions {
				continue
			}
			one := bot.Reaction{User: r.person(u), Emoji: name}
			if !slices.Contains(ev.Reactions, one) {
				ev.Reactions = append(ev.Reactions, one)
			}
		}
	}
	return ev, len(ev.Reactions) > 0 || slices.Contains(r.h.Marked, ref)
}

// gone tells of known messages that are there no more. Each is looked for once
// by itself: it may only stand elsewhere.
func (r *rereading) gone(ctx context.Context) error {
	n := 0
	for _, ref := range r.h.Known {
		at, ok := r.refs.messageID(ref)
		if !ok || at.only || r.there[ref] || r.when(at.ts).Before(r.oldest) {
			continue
		}
		if n++; n > maxGone {
			r.log.Warn("more messages may be deleted than are looked for", "channel", r.channel)
			return nil
		}
		switch _, err := r.find(ctx, at); {
		case errors.Is(err, bot.ErrNotFound):
			r.written = append(r.written, bot.Event{
				ID: r.refs.eventID("del", at.channel, at.ts), Platform: Platform, Kind: bot.EventMessageDeleted, At: r.now,
				Channel: r.refs.channel(at.channel), Message: r.refs.message(at.channel, at.ts),
			})
		case err != nil:
			return err
		}
	}
	return nil
}
