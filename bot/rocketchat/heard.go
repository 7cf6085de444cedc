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

// messageStream is the stream of what is said in rooms.
const messageStream = "stream-room-messages"

// heard is a message with the kind of its room, "" where that is not known.
type heard struct {
	message
	in string
}

// notices stores what events of the streams say, in their order: messages that
// come one behind the other all at once. It returns how many events are done.
func (a *Adapter) notices(ctx context.Context, rt *realtime, sink bot.Sink, list []notice) (done int, err error) {
	var said []heard
	for i, n := range list {
		m, isNew := heard{}, false
		if n.stream == messageStream && len(n.args) > 0 {
			if m, isNew, err = a.messageCame(n); err == nil && !isNew {
				continue
			}
		}
		if isNew && !m.ends() {
			said = append(said, m)
			continue
		}
		if terr := a.hear(ctx, sink, said); terr != nil {
			return done, terr
		}
		said, done = nil, i
		switch {
		case err != nil:
			err = a.unread(ctx, sink, n.args[0], err)
		case isNew:
			err = a.ended(ctx, sink, m)
		default:
			err = a.notice(ctx, rt, sink, n)
		}
		if err != nil {
			return done, err
		}
		done++
	}
	if err := a.hear(ctx, sink, said); err != nil {
		return done, err
	}
	return len(list), nil
}

// notice stores what an event of a stream says that is no message.
func (a *Adapter) notice(ctx context.Context, rt *realtime, sink bot.Sink, n notice) error {
	rid, what, _ := strings.Cut(n.key, "/")
	switch {
	case n.stream == undecoded && len(n.args) > 0:
		return a.unread(ctx, sink, n.args[0], errors.New("this frame is none of the protocol"))
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

// messageCame reads a message of a stream. isNew says whether it is to be told.
func (a *Adapter) messageCame(n notice) (m heard, isNew bool, err error) {
	if err := json.Unmarshal(n.args[0], &m.message); err != nil {
		return heard{}, false, err //nolint:wrapcheck // the reason is shown as it is
	}
	rid, _, _ := strings.Cut(n.key, "/")
	if a.customers.watches(rid) {
		m.in = "l"
	}
	if len(n.args) > 1 {
		// The stream of all that the bot may read. That is more than what it is
		// there for: each public channel, and the customers of other ways to the
		// workspace. What is said there is nobody's business here.
		var about struct {
			RoomType, RoomName string
			RoomParticipant    *bool
		}
		if json.Unmarshal(n.args[1], &about) == nil {
			m.in = about.RoomType
			outside := about.RoomParticipant != nil && !*about.RoomParticipant
			if m.in == "l" {
				outside = !a.customers.watches(m.Room)
			}
			if outside {
				return heard{}, false, nil
			}
			a.remember(room{ID: m.Room, Kind: about.RoomType, Name: about.RoomName})
		}
	}
	return m, m.in != "l" || !a.customers.hold(m.Room), nil
}

// ends reports whether a message ends a customer's room.
func (m heard) ends() bool { return m.in == "l" && m.System == systemClose }

// ended tells the end of a customer's room. Before it is told all that was said
// before it is, also what the stream kept to itself. If that can't be read now,
// a look reads it later, and the end with it.
func (a *Adapter) ended(ctx context.Context, sink bot.Sink, m heard) error {
	if err := a.readRoom(ctx, sink, m.Room, before); err != nil {
		a.log.WarnContext(ctx, "a customer's room is over, and can't be read yet", "room", m.Room, "err", err)
		a.customers.end(m.Room)
		return nil
	}
	return a.hear(ctx, sink, []heard{m})
}

// hear stores what messages of the streams say.
func (a *Adapter) hear(ctx context.Context, sink bot.Sink, list []heard) error {
	if err := a.said(ctx, sink, list...); err != nil {
		return err
	}
	// What the streams tell comes in its order, so all that was before this is told.
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, m := range list {
		if m.Updated.After(a.since) {
			a.since = m.Updated.Time
		}
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
