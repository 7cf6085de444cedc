package rocketchat

import (
	"context"
	"encoding/json"
	"errors"
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/perch-chat/perch/bot"
)

// maxWatched is how many rooms are watched for deletions: a connection may have
// forty subscriptions to one kind of stream in forty seconds. In the rooms
// beyond, a deletion is noticed by the next look.
const maxWatched = 30

// watchRooms subscribes to what the messages' own stream does not tell.
func (a *Adapter) watchRooms(ctx context.Context, rt *realtime) error {
	var rooms []room
	err := a.patiently(ctx, rt, func() (err error) { rooms, err = a.joined(ctx); return err })
	if err != nil {
		return err
	}
	for _, r := range rooms[:min(len(rooms), maxWatched)] {
		if err := a.watchRoom(ctx, rt, r); err != nil {
			return err
		}
	}
	return nil
}

func (a *Adapter) watchRoom(ctx context.Context, rt *realtime, r room) error {
	if r.Kind == "l" {
		return nil
	}
	_, err := rt.subscribe(ctx, "stream-notify-room", r.ID+"/deleteMessage")
	if err != nil && code(err) != "" {
		a.log.WarnContext(ctx, "deletions in a room are heard late", "room", r.ID, "err", err)
		return nil
	}
	return err
}

// overlap is how much earlier than what was last told a room is read again:
// what happens at the same time is not always told in its order.
const overlap = 30 * time.Second

// catchUp reads what all rooms got since a time. A room that can't be read is
// left alone: the others are still to be heard.
func (a *Adapter) catchUp(ctx context.Context, rt *realtime, sink bot.Sink, since time.Time) error {
	var rooms []room
	err := a.patiently(ctx, rt, func() (err error) { rooms, err = a.joined(ctx); return err })
	if err != nil {
		return err
	}
	for _, r := range rooms {
		err := a.patiently(ctx, rt, func() error { return a.readPlain(ctx, sink, r, since) })
		if err != nil && code(err) == "" && a.unreadable(r.ID) < tries {
			return err
		}
		if err != nil {
			a.log.WarnContext(ctx, "a room can't be read", "room", r.ID, "err", err)
		}
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.since, a.looked = since, since
	return nil
}

// tries is how often a room is tried to be read, each time on a connection of
// its own, before Perch goes on without it: the server may stumble over it alone.
const tries = 4

// unreadable counts how often a room could not be read, one time after the other.
func (a *Adapter) unreadable(rid string) int {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.failing[rid]++
	return a.failing[rid]
}

// readable notes that a connection has come about: what was not readable was
// left out, or is readable again.
func (a *Adapter) readable() {
	a.mu.Lock()
	defer a.mu.Unlock()
	clear(a.failing)
}

// lookRooms reads the rooms in which something happened since the last look.
func (a *Adapter) lookRooms(ctx context.Context, sink bot.Sink) error {
	a.mu.Lock()
	from := a.looked
	a.mu.Unlock()
	var out struct {
		Update []struct {
			room
			At moment `json:"_updatedAt"`
		} `json:"update"`
	}
	err := a.ask(ctx, request{route: "GET rooms.get", query: url.Values{"updatedSince": {stamp(from.Add(-overlap))}}}, &out)
	if err != nil {
		return err
	}
	until := from
	for _, r := range out.Update {
		if r.At.After(until) {
			until = r.At.Time
		}
		if r.Kind == "l" {
			continue
		}
		a.remember(r.room)
		err := a.readPlain(ctx, sink, r.room, from)
		if c := code(err); c != "" && c != codeLimited {
			a.log.WarnContext(ctx, "a room can't be read", "room", r.ID, "err", err)
		} else if err != nil {
			return err
		}
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.looked = until
	return nil
}

// readPlain reads what a room got since a time. What is known has the same ID
// again.
func (a *Adapter) readPlain(ctx context.Context, sink bot.Sink, r room, since time.Time) error {
	updated, deleted, err := a.sync(ctx, r.ID, since.Add(-overlap))
	if err != nil {
		return err
	}
	return a.storeRead(ctx, sink, r, updated, deleted)
}

// storeRead stores what was read of a room.
func (a *Adapter) storeRead(ctx context.Context, sink bot.Sink, r room, updated []message, deleted []string) error {
	list := make([]heard, 0, len(updated))
	for _, m := range updated {
		list = append(list, heard{m, r.Kind})
	}
	if err := a.said(ctx, sink, list...); err != nil {
		return err
	}
	return a.removed(ctx, sink, r.ID, deleted...)
}

// changed is what became of messages since a time, as the server tells it.
type changed struct {
	Updated []json.RawMessage
	Deleted []struct {
		ID string `json:"_id"`
	}
}

// read takes apart what it says of a room. A message that can't be read does
// not keep the others from being read.
func (a *Adapter) read(ctx context.Context, rid string, c changed) (updated []message, deleted []string) {
	for _, raw := range c.Updated {
		var m message
		if err := json.Unmarshal(raw, &m); err != nil {
			a.health.undecoded.Add(1)
			a.log.WarnContext(ctx, "rocket.chat has a message that can't be read", "room", rid, "bytes", len(raw), "err", err)
			continue
		}
		updated = append(updated, m)
	}
	slices.SortStableFunc(updated, func(x, y message) int { return x.At.Compare(y.At.Time) })
	for _, g := range c.Deleted {
		if messageRef(rid, g.ID) != "" {
			deleted = append(deleted, g.ID)
		}
	}
	return updated, deleted
}

// sync reads what changed in a room since a time, oldest first, and what was
// deleted. See https://developer.rocket.chat/apidocs/sync-messages
func (a *Adapter) sync(ctx context.Context, rid string, since time.Time) (updated []message, deleted []string, err error) {
	var out struct {
		Result changed `json:"result"`
	}
	q := url.Values{"roomId": {rid}, "lastUpdate": {stamp(since)}}
	err = a.ask(ctx, request{route: syncRoute, query: q}, &out)
	if errors.Is(err, errLong) {
		out.Result, err = a.syncPages(ctx, rid, since)
	}
	if err != nil {
		return nil, nil, err
	}
	updated, deleted = a.read(ctx, rid, out.Result)
	return updated, deleted, nil
}

const (
	syncRoute = "GET chat.syncMessages"
	syncPage  = 50
	syncMost  = 200 // pages
)

// syncPages reads in pages what is too much for one answer. A page begins a
// millisecond before the one before it ended: of those that changed at the same
// time none is left out, and none comes twice.
func (a *Adapter) syncPages(ctx context.Context, rid string, since time.Time) (all changed, err error) {
	for _, kind := range []string{"UPDATED", "DELETED"} {
		had := map[string]bool{}
		from := since.UnixMilli()
		for range syncMost {
			var out struct {
				Result struct {
					changed
					Cursor struct {
						Next string `json:"next"`
					} `json:"cursor"`
				} `json:"result"`
			}
			q := url.Values{"roomId": {rid}, "type": {kind}, "next": {strconv.FormatInt(from, 10)}, "count": {strconv.Itoa(syncPage)}}
			if err := a.ask(ctx, request{route: syncRoute, query: q}, &out); err != nil {
				return changed{}, err
			}
			for _, raw := range out.Result.Updated {
				var m struct {
					ID string `json:"_id"`
				}
				if json.Unmarshal(raw, &m) != nil || !had[m.ID] {
					had[m.ID] = true
					all.Updated = append(all.Updated, raw)
				}
			}
			for _, g := range out.Result.Deleted {
				if !had[g.ID] {
					had[g.ID] = true
					all.Deleted = append(all.Deleted, g)
				}
			}
			next, err := strconv.ParseInt(out.Result.Cursor.Next, 10, 64)
			if err != nil {
				break
			}
			from = max(next-1, from+1)
		}
	}
	return all, nil
}

// stamp is a time as the server reads it.
func stamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }
