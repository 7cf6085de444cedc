package rocketchat

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/perch-chat/perch/bot"
)

// notice stores what an event of a stream says.
func (a *Adapter) notice(ctx context.Context, rt *realtime, sink bot.Sink, n notice) error {
	rid, what, _ := strings.Cut(n.key, "/")
	switch {
	case n.stream == undecoded && len(n.args) > 0:
		return a.unread(ctx, sink, n.args[0], errors.New("this frame is none of the protocol"))
	case n.stream == "stream-room-messages" && len(n.args) > 0:
		return a.messageCame(ctx, sink, rid, n.args)
	case n.stream == "stream-notify-room" && what == "deleteMessage" && len(n.args) > 0:
		var gone struct {
			ID string `json:"_id"`
		}
		if err := json.Unmarshal(n.args[0], &gone); err != nil {
			return a.unread(ctx, sink, n.args[0], err)
		}
		if messageRef(rid, gone.ID) == "" {
			return nil
		}
		return a.removed(ctx, sink, rid, gone.ID)
	case n.stream == "stream-notify-user" && what == "rooms-changed" && len(n.args) > 1:
		return a.roomChanged(ctx, rt, sink, n.args)
	case n.stream == loggedStream && n.key == nameChanged && len(n.args) > 0:
		a.renamed(n.args[0])
	}
	return nil
}

// messageCame stores what a message of a stream says.
func (a *Adapter) messageCame(ctx context.Context, sink bot.Sink, rid string, args []json.RawMessage) error {
	var m message
	if err := json.Unmarshal(args[0], &m); err != nil {
		return a.unread(ctx, sink, args[0], err)
	}
	kind := ""
	if a.customers.watches(rid) {
		kind = "l"
	}
	if len(args) > 1 {
		// The stream of all that the bot may read. That is more than what it is
		// there for: each public channel, and the customers of other ways to the
		// workspace. What is said there is nobody's business here.
		var about struct {
			RoomType, RoomName string
			RoomParticipant    *bool
		}
		if json.Unmarshal(args[1], &about) == nil {
			kind = about.RoomType
			outside := about.RoomParticipant != nil && !*about.RoomParticipant
			if kind == "l" {
				outside = !a.customers.watches(m.Room)
			}
			if outside {
				return nil
			}
			a.remember(room{ID: m.Room, Kind: about.RoomType, Name: about.RoomName})
		}
	}
	if kind == "l" && a.customers.hold(m.Room) {
		return nil
	}
	if kind == "l" && m.System == systemClose {
		// Before the end is told all that was said before it is, also what the
		// stream kept to itself. If that can't be read now, a look reads it later,
		// and the end with it.
		if err := a.readRoom(ctx, sink, m.Room, before); err != nil {
			a.log.WarnContext(ctx, "a customer's room is over, and can't be read yet", "room", m.Room, "err", err)
			a.customers.end(m.Room)
			return nil
		}
	}
	if err := a.said(ctx, sink, kind, m); err != nil {
		return err
	}
	// What the streams tell comes in its order, so all that was before this is told.
	a.mu.Lock()
	defer a.mu.Unlock()
	if m.Updated.After(a.since) {
		a.since = m.Updated.Time
	}
	return nil
}

// roomChanged notes what became of a room that the bot is in, or was.
func (a *Adapter) roomChanged(ctx context.Context, rt *realtime, sink bot.Sink, args []json.RawMessage) error {
	var op string
	var r room
	if err := errors.Join(json.Unmarshal(args[0], &op), json.Unmarshal(args[1], &r)); err != nil {
		return a.unread(ctx, sink, args[1], err)
	}
	if r.ID == "" {
		return nil
	}
	if op == "removed" {
		a.mu.Lock()
		delete(a.rooms, r.ID)
		a.mu.Unlock()
		return nil
	}
	a.remember(r)
	if op != "inserted" {
		return nil
	}
	if err := a.watchRoom(ctx, rt, r); err != nil {
		return err
	}
	if r.Kind == "d" || r.Kind == "l" {
		return nil
	}
	me, now := a.self(), time.Now().UTC()
	return a.store(ctx, sink, bot.Event{
		// The server may tell of it twice, one right after the other.
		ID: fmt.Sprintf("joined:%s:%d", r.ID, now.Unix()/60), Platform: Platform, Kind: bot.EventJoined, At: now,
		User: me.user(), Channel: roomRef(r.ID), ChannelName: r.Name,
	})
}

// forever is the change of a message that was deleted: none comes after it.
const forever = math.MaxInt64

// removed stores that messages were deleted. What a stream still has of them is
// no news any more, nor is it that they are gone: each look tells it again.
func (a *Adapter) removed(ctx context.Context, sink bot.Sink, rid string, ids ...string) error {
	a.telling.Lock()
	defer a.telling.Unlock()
	for ids := range slices.Chunk(ids, atATime) {
		ids = slices.DeleteFunc(slices.Clone(ids), func(id string) bool { return a.wasTold(id, forever) })
		var events []bot.Event
		for _, id := range ids {
			events = append(events, a.goneEvent(rid, id))
		}
		if err := a.store(ctx, sink, events...); err != nil {
			return err
		}
		for _, id := range ids {
			a.told(id, forever)
		}
	}
	return nil
}

// wasTold reports whether a message was told as it is after a change, or later.
func (a *Adapter) wasTold(id string, change int64) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	last, ok := a.handled[id]
	return ok && change <= last
}

// told notes with which change a message was told.
func (a *Adapter) told(id string, change int64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	bound(a.handled)
	a.handled[id] = change
}

func (a *Adapter) goneEvent(rid, id string) bot.Event {
	ev := bot.Event{
		ID: "del:" + rid + ":" + id, Platform: Platform, Kind: bot.EventMessageDeleted, At: time.Now().UTC(),
		Channel: roomRef(rid), Message: messageRef(rid, id),
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.threads, at(rid, id))    // if it was ours, it can't be changed any more
	if was, ok := a.written[id]; ok { // the server does not say who deleted it: it is the author, for all we know
		ev.User = was.by.user()
		if was.thread != "" {
			ev.Thread = messageRef(rid, was.thread)
		}
	}
	return ev
}

// unread stores what can't be read, so that somebody can look at it. The same
// has the same ID, however often it comes.
func (a *Adapter) unread(ctx context.Context, sink bot.Sink, raw []byte, why error) error {
	const most = 64 << 10
	a.health.undecoded.Add(1)
	a.log.WarnContext(ctx, "rocket.chat sent what can't be read", "bytes", len(raw), "err", why)
	sum := sha256.Sum256(raw)
	return a.store(ctx, sink, bot.Event{
		ID: "undecoded:" + hex.EncodeToString(sum[:16]), Platform: Platform, Kind: bot.EventUndecoded,
		At: time.Now().UTC(), Text: why.Error(), Raw: strings.ToValidUTF8(string(raw[:min(len(raw), most)]), "\uFFFD"),
	})
}

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

// said stores what messages of a room say that was not told, in their order. If
// one of them can't be told yet, those before it are stored.
func (a *Adapter) said(ctx context.Context, sink bot.Sink, kind string, list ...message) error {
	a.telling.Lock()
	defer a.telling.Unlock()
	for part := range slices.Chunk(list, atATime) {
		if err := a.saidAtOnce(ctx, sink, kind, part); err != nil {
			return err
		}
	}
	return nil
}

func (a *Adapter) saidAtOnce(ctx context.Context, sink bot.Sink, kind string, list []message) error {
	var events []bot.Event
	var told []message
	var over []string // rooms of customers
	var failed error
	for _, m := range list {
		// Two streams tell of it, or it was read besides: as it is now, which may be
		// deleted, while a stream still had it as it was.
		if !m.Updated.IsZero() && a.wasTold(m.ID, m.Updated.UnixMilli()) {
			continue
		}
		in, evs, err := a.says(ctx, m, kind)
		if err != nil {
			failed = err
			break
		}
		events, told = append(events, evs...), append(told, m)
		if in == "l" && m.System == systemClose {
			over = append(over, m.Room)
		}
	}
	if err := a.store(ctx, sink, events...); err != nil {
		return err
	}
	for _, m := range told {
		a.told(m.ID, m.Updated.UnixMilli())
	}
	for _, rid := range over {
		a.customers.unwatch(rid)
	}
	return failed
}

// says is what a message says, and in which kind of room. Its error says that
// it can't be told yet.
func (a *Adapter) says(ctx context.Context, m message, kind string) (_ string, out []bot.Event, err error) {
	me := a.self()
	if kind, err = a.kindFor(ctx, me, m, kind); err != nil {
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
