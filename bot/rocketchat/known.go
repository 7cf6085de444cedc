package rocketchat

import (
	"cmp"
	"context"
	"net/url"
	"time"

	"github.com/perch-chat/perch/bot"
)

// whoami is who the bot is; it is asked if nobody did yet.
func (a *Adapter) whoami(ctx context.Context) (person, error) {
	if me := a.self(); me.ID != "" {
		return me, nil
	}
	err := a.meet(ctx)
	return a.self(), err
}

// meet asks who the bot is.
func (a *Adapter) meet(ctx context.Context) error {
	var me person
	if err := a.ask(ctx, request{route: "GET me"}, &me); err != nil {
		return err
	}
	if me.ID != a.o.UserID {
		return &bot.Error{Code: "unauthorized", Message: "The token belongs to another user than chat.rocketchat.user_id."}
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.me = me
	return nil
}

// now is the time by the server's clock, by which rooms are read.
func (a *Adapter) now() time.Time { return time.Now().Add(a.rest.limits.clock()) }

func (a *Adapter) self() person {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.me
}

func (a *Adapter) remember(r room) {
	a.mu.Lock()
	defer a.mu.Unlock()
	old := a.rooms[r.ID]
	bound(a.rooms)
	r.Kind, r.Name, r.People = cmp.Or(r.Kind, old.Kind), cmp.Or(r.Name, old.Name), cmp.Or(r.People, old.People)
	a.rooms[r.ID] = r
}

func (a *Adapter) room(ctx context.Context, id string) (room, error) {
	a.mu.Lock()
	r, ok := a.rooms[id]
	a.mu.Unlock()
	if ok && r.Kind != "" {
		return r, nil
	}
	return a.lookRoom(ctx, roomQuery(id))
}

// roomQuery asks for a room by its ID.
func roomQuery(id string) url.Values { return url.Values{"roomId": {id}} }

func (a *Adapter) lookRoom(ctx context.Context, q url.Values) (room, error) {
	var out struct{ Room room }
	err := a.ask(ctx, request{route: "GET rooms.info", query: q}, &out)
	if code(err) == archivedRoom {
		return a.lookArchived(ctx, q, err)
	}
	if err != nil {
		return room{}, err
	}
	a.remember(out.Room)
	return out.Room, nil
}

// archivedRoom is the word for a room of which the server tells nothing more
// where it is asked for any kind.
const archivedRoom = "error-room-archived"

// lookArchived looks at a room that is archived, which is told of by its kind.
func (a *Adapter) lookArchived(ctx context.Context, q url.Values, why error) (room, error) {
	for _, route := range []string{"GET groups.info", "GET channels.info"} {
		var out struct{ Group, Channel room }
		if err := a.rest.call(ctx, request{route: route, query: q}, &out); err != nil {
			continue
		}
		r := out.Group
		if r.ID == "" {
			r = out.Channel
		}
		if r.ID != "" {
			r.Archived = true
			a.remember(r)
			return r, nil
		}
	}
	return room{}, why
}

func (a *Adapter) kind(ctx context.Context, id string) string {
	r, err := a.room(ctx, id)
	if err != nil {
		return ""
	}
	return r.Kind
}
