package rocketchat

import (
	"context"
	"encoding/json"
	"net/url"
	"time"

	"github.com/perch-chat/perch/bot"
)

// A call that makes a room for a customer may get no answer: the connection
// breaks, or Perch is killed. The next call finds the room, unless an agent has
// closed it by then. Then there is one of which nobody here knows, and what the
// agent said in it would be lost.

// stray are rooms of a customer that were made so, other than the one they are
// in now. What was said in those that are over is stored first.
func (a *Adapter) stray(ctx context.Context, v bot.Visitor, token string, now bot.MessageRef) (refs []bot.MessageRef, err error) {
	list, err := a.strayRooms(ctx, token, v.Since)
	if err != nil {
		return nil, err
	}
	for _, r := range list {
		ref := liveRef(r.ID)
		if ref == now || ref == "" {
			continue
		}
		refs = append(refs, ref)
		sink := a.sink.Load()
		switch {
		case r.Open:
			err = a.entered(r.ID, token, nil) // heard like any other
		case sink == nil:
			err = &bot.Error{Code: "not_connected", Message: "Perch does not listen to Rocket.Chat yet. It goes on by itself.", Temporary: true, RetryAfter: 1}
		default:
			err = a.readRoom(ctx, *sink, r.ID, longAgo)
		}
		if err != nil {
			return nil, err
		}
	}
	a.customers.found(token)
	return refs, nil
}

// strayRooms asks for the rooms of a customer that were made since they are to be
// brought in. It asks nothing where all calls for that were answered: those of
// another run, which may have been killed, are asked for once for all customers.
func (a *Adapter) strayRooms(ctx context.Context, token string, since time.Time) ([]customersRoom, error) {
	a.mu.Lock()
	began := a.began
	a.mu.Unlock()
	lost := a.customers.isLost(token)
	switch {
	case since.IsZero() || !lost && !began.IsZero() && !since.Before(began):
		return nil, nil
	case !lost:
		if list, ok := a.customers.before(token, since); ok {
			return list, nil
		}
	}
	start, err := json.Marshal(map[string]string{"start": stamp(since.Add(a.rest.limits.clock() - clocksDiffer))})
	if err != nil {
		return nil, err //nolint:wrapcheck // strings can be written
	}
	list, err := a.listRooms(ctx, url.Values{"createdAt": {string(start)}})
	if unlisted(err) {
		a.log.WarnContext(ctx, "whether a customer has another room can't be asked", "err", err)
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	a.customers.remember(since, list)
	list, _ = a.customers.before(token, since)
	return list, nil
}

// strays notes that a call for a room of a customer's got no answer.
func (c *customers) strays(token string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.lost == nil {
		c.lost = map[string]bool{}
	}
	bound(c.lost)
	c.lost[token] = true
}

func (c *customers) isLost(token string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.lost[token]
}

// found notes that all rooms of a customer's are known.
func (c *customers) found(token string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.lost, token)
}

// remember keeps the rooms that were made since a time.
func (c *customers) remember(since time.Time, list []customersRoom) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.from, c.past = since, map[string][]customersRoom{}
	for _, r := range list {
		c.past[r.Visitor.Token] = append(c.past[r.Visitor.Token], r)
	}
}

// before are the rooms of a customer that were made since a time; ok says
// whether they were asked for.
func (c *customers) before(token string, since time.Time) (list []customersRoom, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.past[token], c.past != nil && !since.Before(c.from)
}
