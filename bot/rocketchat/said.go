package rocketchat

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/perch-chat/perch/bot"
)

// stale is how long after it was written a message is no news any more. Until
// then a repeat is known by its ID: that is remembered for twice as long. Later
// a message comes again for a reaction, a pin or the thread below it, and what
// it says was done long ago.
const stale = 24 * time.Hour

// news reports whether an event of a message may have gone unheard.
func (m message) news(ev bot.Event) bool {
	return ev.At.IsZero() || m.Updated.Sub(ev.At) < stale
}

// atATime is how many messages are stored at once where many were missed: each
// time costs what it costs to make one of them safe, and what else comes waits
// for it.
const atATime = 100

// said stores what messages say that was not told, in their order. If one of
// them can't be told yet, those before it are stored.
func (a *Adapter) said(ctx context.Context, sink bot.Sink, list ...heard) error {
	a.telling.Lock()
	defer a.telling.Unlock()
	for part := range slices.Chunk(list, atATime) {
		if err := a.saidAtOnce(ctx, sink, part); err != nil {
			return err
		}
	}
	return nil
}

func (a *Adapter) saidAtOnce(ctx context.Context, sink bot.Sink, list []heard) error {
	var events []bot.Event
	now := map[string]int64{} // with which change a message is told
	var over []string         // rooms of customers
	var failed error
	for _, m := range list {
		// Two streams tell of it, or it was read besides: as it is now, which may be
		// deleted, while a stream still had it as it was.
		change := m.Updated.UnixMilli()
		last, again := now[m.ID]
		if !m.Updated.IsZero() && (again && change <= last || a.wasTold(m.ID, change)) {
			continue
		}
		in, evs, err := a.says(ctx, m)
		if err != nil {
			failed = err
			break
		}
		events = append(events, evs...)
		now[m.ID] = change
		if in == "l" && m.System == systemClose {
			over = append(over, m.Room)
		}
	}
	if err := a.store(ctx, sink, events...); err != nil {
		return err
	}
	for id, change := range now {
		a.told(id, change)
	}
	for _, rid := range over {
		a.customers.unwatch(rid)
	}
	return failed
}

// says is what a message says, and in which kind of room. Its error says that
// it can't be told yet.
func (a *Adapter) says(ctx context.Context, h heard) (kind string, out []bot.Event, err error) {
	me, m := a.self(), h.message
	if kind, err = a.kindFor(ctx, me, m, h.in); err != nil {
		return "", nil, err
	}
	a.note(me, m)
	if kind == "d" {
		a.unsealed(ctx, m)
	}
	for _, ev := range (decoder{me}).events(m, kind) {
		if !m.news(ev) || kind == "d" && ev.Kind == bot.EventCommand && ev.Command == "" && a.tooFast(ctx, m) {
			continue
		}
		if ev.Kind == bot.EventAction || ev.Kind == bot.EventCommand {
			ev.Trigger, ev.Respond = a.triggerFor(m.User), ordered(m, kind)
		}
		if ev.Kind == bot.EventAction && ev.Thread == "" {
			if err := a.placePress(ctx, &ev, m, kind); err != nil {
				return "", nil, err
			}
		}
		out = append(out, ev)
	}
	reacted, err := a.reactions(ctx, m, kind)
	if err != nil {
		return "", nil, err
	}
	return kind, append(out, reacted...), nil
}

// note remembers who wrote a message: of one that is deleted the server says
// no more than its ID.
func (a *Adapter) note(me person, m message) {
	if m.User.ID == "" || m.Token != "" {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	bound(a.people)
	a.people[m.User.ID] = m.User
	switch {
	case m.System == systemGone:
		delete(a.threads, at(m.Room, m.ID))
	case m.User.ID != me.ID && m.System == "":
		bound(a.written)
		a.written[m.ID] = origin{m.User, m.Thread}
	}
}

// bound forgets all where too much would be remembered.
func bound[K comparable, V any](m map[K]V) {
	if len(m) >= known {
		clear(m)
	}
}

// kindFor is the kind of room that a message is in, as far as the bot is
// concerned: what several people write to each other is not meant for it, as in
// any other room. Its error says to ask again: a guess would lose an order, or
// take for one what is none.
func (a *Adapter) kindFor(ctx context.Context, me person, m message, kind string) (string, error) {
	if kind == "" {
		r, err := a.room(ctx, m.Room)
		if unsure(err) {
			return "", err
		}
		kind = r.Kind
	}
	if kind != "d" {
		return kind, nil
	}
	alone, err := a.alone(ctx, me, m)
	if alone || err != nil {
		return kind, err
	}
	return "p", nil
}

// placePress says where the message is that a button is on: in which thread, and
// whether the one who pressed it sees it alone.
func (a *Adapter) placePress(ctx context.Context, ev *bot.Event, m message, kind string) (err error) {
	if kind, err = a.kindFor(ctx, a.self(), m, kind); err != nil {
		return err
	}
	ev.Alone = kind == "d"
	ev.Thread, err = a.threadOf(ctx, ev.Message)
	return err
}

// unsure reports whether an error says nothing of what was asked: the answer
// may be another one in a moment.
func unsure(err error) bool {
	return err != nil && !errors.Is(err, bot.ErrNotFound) && (code(err) == "" || temporary(err))
}

// alone reports whether a direct message is for the bot alone. Where two write
// to each other, their IDs make the room's; more have a room like any other.
func (a *Adapter) alone(ctx context.Context, me person, m message) (bool, error) {
	if m.Room == me.ID+m.User.ID || m.Room == m.User.ID+me.ID {
		return true, nil
	}
	r, err := a.room(ctx, m.Room)
	if err == nil && r.People == 0 {
		r, err = a.lookRoom(ctx, roomQuery(m.Room))
	}
	if unsure(err) {
		return false, err
	}
	return err == nil && r.People <= 2, nil
}
