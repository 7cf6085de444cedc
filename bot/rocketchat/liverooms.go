package rocketchat

import (
	"context"
	"errors"
	"maps"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/perch-chat/perch/bot"
)

// lookEvery is how often the rooms of customers are read besides listening: a
// stream that fell silent without a word is noticed by it.
const lookEvery = time.Minute

// customersRoom is a customer's room as lists have it.
type customersRoom struct {
	room
	Open    bool `json:"open"`
	Visitor struct {
		Token    string `json:"token"`
		Username string `json:"username"`
	} `json:"v"`
}

// ours reports whether a room is of a customer whom we brought: the name that
// they have there is made from the token.
func (r customersRoom) ours() bool {
	rest, ok := strings.CutPrefix(r.Visitor.Token, tokenMark)
	return ok && len(rest) >= nameLength && r.Visitor.Username == "x-"+rest[:nameLength]
}

// findRooms watches the open rooms of our customers: those of before the start.
func (a *Adapter) findRooms(ctx context.Context) error {
	if len(a.o.Secret) == 0 {
		return nil
	}
	list, err := a.listRooms(ctx, url.Values{"open": {"true"}})
	if unlisted(err) {
		a.log.WarnContext(ctx, "customers' rooms can't be listed; those of before the start are found by their next message", "err", err)
		return nil
	}
	if err != nil {
		return err
	}
	for _, r := range list {
		a.customers.watch(r.ID, r.Visitor.Token)
	}
	return nil
}

// unlisted reports whether a workspace does not let the bot list rooms, however
// often it is asked.
func unlisted(err error) bool {
	return slices.Contains([]string{"forbidden", "error-omnichannel-is-disabled", "refused"}, code(err))
}

// listRooms are the rooms of our customers that a query finds.
// See https://developer.rocket.chat/apidocs/get-livechat-rooms
func (a *Adapter) listRooms(ctx context.Context, q url.Values) (ours []customersRoom, err error) {
	const most = 5000
	rest, err := pages(q, most, func(q url.Values) (int, int, error) {
		var out struct {
			Rooms []customersRoom
			Total int
		}
		err := a.ask(ctx, request{route: "GET livechat/rooms", query: q}, &out)
		for _, r := range out.Rooms {
			if r.ours() {
				ours = append(ours, r)
			}
		}
		return len(out.Rooms), out.Total, err
	})
	if rest {
		a.log.WarnContext(ctx, "there are more rooms of customers than can be listed", "listed", most)
	}
	return ours, err
}

// attended is a customer's room on a connection.
type attended struct {
	subs    []string  // what is subscribed to of it; nothing where the server takes no more of these
	refused bool      // nothing ever will be: the bot's own stream and the looks have to do
	read    time.Time // when it was last read; zero: not yet
}

// listen subscribes to the rooms of customers that are not yet listened to on
// this connection, and reads what each got before. What can't be read now is
// read at a look; until a room has failed most times, it's an error.
func (a *Adapter) listen(ctx context.Context, rt *realtime, sink bot.Sink, on map[string]*attended, most int) error {
	if err := a.subscribeRooms(ctx, rt, on); err != nil {
		return err
	}
	var errs error
	var mu sync.Mutex
	fresh := newRooms(on)
	sideBySide(fresh, func(rid string) bool {
		err := a.readInTurn(ctx, sink, rid, on[rid])
		for err == nil && !a.customers.readOnce(rid) {
			err = a.readInTurn(ctx, sink, rid, on[rid])
		}
		switch {
		case err == nil:
			return true
		case code(err) == codeLimited:
			return false // nor can the others be
		case a.unreadable(rid) < most:
			mu.Lock()
			defer mu.Unlock()
			errs = errors.Join(errs, err)
			return false
		}
		a.log.WarnContext(ctx, "a customer's room can't be read now", "room", rid, "err", err)
		return true
	})
	for _, rid := range fresh {
		a.customers.release(rid)
	}
	return errs
}

// newRooms are those that were not read yet.
func newRooms(on map[string]*attended) (rids []string) {
	for rid, r := range on {
		if r.read.IsZero() {
			rids = append(rids, rid)
		}
	}
	return rids
}

// atOnce is how many rooms are read side by side.
const atOnce = 8

// sideBySide does something with several rooms at once, until that says no.
func sideBySide(rids []string, do func(rid string) bool) {
	var wg sync.WaitGroup
	var over atomic.Bool
	next := make(chan string)
	for range min(atOnce, len(rids)) {
		wg.Go(func() {
			for rid := range next {
				if !over.Load() && !do(rid) {
					over.Store(true)
				}
			}
		})
	}
	for _, rid := range rids {
		next <- rid
	}
	close(next)
	wg.Wait()
}

// subscribeRooms subscribes to the rooms of customers, and ends that for those
// that are over.
func (a *Adapter) subscribeRooms(ctx context.Context, rt *realtime, on map[string]*attended) error {
	limited := false
	for rid, token := range a.customers.watched() {
		r := on[rid]
		if r == nil {
			r = &attended{}
			on[rid] = r
		}
		if a.customers.holds(rid) {
			r.read = time.Time{} // it was given up, and found again
		}
		if len(r.subs) > 0 || r.refused || limited {
			continue
		}
		var err error
		r.subs, err = a.listenTo(ctx, rt, rid, token)
		switch c := code(err); {
		case c == codeLimited:
			// A connection may have forty subscriptions of a kind in forty seconds. The
			// others are tried again at the next look; until then the bot's own stream
			// tells of these rooms.
			limited = true
		case c != "":
			r.refused = true
			a.log.WarnContext(ctx, "a customer's room is heard late", "room", rid, "err", err)
		case err != nil:
			return err
		}
	}
	for rid, r := range on {
		if a.customers.watches(rid) {
			continue
		}
		delete(on, rid)
		for _, id := range r.subs {
			if err := rt.unsubscribe(ctx, id); err != nil {
				return err
			}
		}
	}
	return nil
}

// listenTo subscribes to a customer's room and returns the IDs of that.
func (a *Adapter) listenTo(ctx context.Context, rt *realtime, rid, token string) ([]string, error) {
	args := map[string]string{"token": token, "visitorToken": token}
	said, err := rt.subscribe(ctx, "stream-room-messages", rid, args)
	if err != nil {
		return nil, err
	}
	deleted, err := rt.subscribe(ctx, "stream-notify-room", rid+"/deleteMessage", args)
	switch {
	case err == nil:
		return []string{said, deleted}, nil
	case code(err) == "":
		return nil, err
	}
	return []string{said}, nil // a look notices deletions, too
}

// longAgo is how far back a room is read when it begins to be heard: all that
// was missed has to come in order, before what is said from then on.
const longAgo = 24 * time.Hour

// readInTurn reads a room that is listened to.
func (a *Adapter) readInTurn(ctx context.Context, sink bot.Sink, rid string, r *attended) error {
	back := before
	if r.read.IsZero() {
		back = longAgo
	}
	err := a.readRoom(ctx, sink, rid, back)
	if err == nil {
		r.read = a.now()
	}
	return err
}

// lookCustomers reads the rooms of customers: first those whose end waits to be
// told, then whichever was not read for longest, for the server may not take as
// many calls as there are rooms. New customers don't wait for that.
func (a *Adapter) lookCustomers(ctx context.Context, rt *realtime, sink bot.Sink, on map[string]*attended) error {
	for _, rid := range slices.SortedFunc(maps.Keys(on), func(x, y string) int {
		if ends := a.customers.ends(x); ends != a.customers.ends(y) {
			if ends {
				return -1
			}
			return 1
		}
		return on[x].read.Compare(on[y].read)
	}) {
		select {
		case <-a.wakeRooms:
			if err := a.listen(ctx, rt, sink, on, 0); err != nil {
				return err
			}
		default:
		}
		if !a.customers.watches(rid) {
			continue
		}
		if err := a.readInTurn(ctx, sink, rid, on[rid]); err != nil {
			return err
		}
	}
	return nil
}

// readRoom stores what agents did in a customer's room of late. What is known
// has the same ID again. An error means that it can't be read now; one that can't
// be read at all is none.
func (a *Adapter) readRoom(ctx context.Context, sink bot.Sink, rid string, back time.Duration) error {
	updated, deleted, err := a.sync(ctx, rid, a.now().Add(-back))
	switch c := code(err); {
	case err == nil:
		return a.storeRead(ctx, sink, room{ID: rid, Kind: "l"}, updated, deleted)
	case c == "", c == codeLimited:
		return err
	case slices.Contains([]string{"error-not-allowed", "error-invalid-room", "error-room-not-found", "forbidden"}, c):
		// It was deleted, or the bot may not see it any more: one that is open is
		// found again.
		a.customers.unwatch(rid)
	}
	a.log.WarnContext(ctx, "a customer's room can't be read", "room", rid, "err", err)
	return nil
}
