package rocketchat

import (
	"context"
	"encoding/json"
	"maps"
	"slices"
	"time"
)

// Shelf keeps through restarts what the companion app is to show in messages
// once it is back, by their IDs.
type Shelf interface {
	Kept(ctx context.Context) (map[string][]byte, error)
	Keep(ctx context.Context, message string, what []byte) error
	Drop(ctx context.Context, message string) error
}

// later notes what the app is to show in a message once it is back: they were
// given other buttons, or changed, beside their blocks. What is newer than what
// was noted takes its place.
func (a *Adapter) later(ctx context.Context, id string, what map[string]any, newer bool) {
	c := a.app
	c.mu.Lock()
	_, ok := c.behind[id]
	if ok && !newer || !ok && len(c.behind) >= sweepMost {
		c.mu.Unlock()
		return
	}
	c.behind[id] = what
	c.mu.Unlock()
	if a.o.Shelf == nil {
		return
	}
	b, err := json.Marshal(what)
	if err == nil {
		err = a.o.Shelf.Keep(context.WithoutCancel(ctx), id, b)
	}
	if err != nil {
		a.log.WarnContext(ctx, "what the companion app is to show later would be lost by a restart", "message", id, "err", err)
	}
}

// caughtUp notes that a message shows the newest.
func (a *Adapter) caughtUp(ctx context.Context, id string) {
	c := a.app
	c.mu.Lock()
	_, ok := c.behind[id]
	delete(c.behind, id)
	c.mu.Unlock()
	if !ok || a.o.Shelf == nil {
		return
	}
	if err := a.o.Shelf.Drop(context.WithoutCancel(ctx), id); err != nil {
		a.log.WarnContext(ctx, "what the companion app has shown is kept", "message", id, "err", err) // it is shown once more
	}
}

// unshelve takes from the shelf what was put there before the start. It reports
// whether that is done.
func (a *Adapter) unshelve(ctx context.Context) bool {
	if a.o.Shelf == nil {
		return true
	}
	kept, err := a.o.Shelf.Kept(ctx)
	if err != nil {
		a.log.WarnContext(ctx, "what the companion app is to show can't be read", "err", err)
		return false
	}
	a.app.mu.Lock()
	defer a.app.mu.Unlock()
	for id, b := range kept {
		var what map[string]any
		if _, ok := a.app.behind[id]; !ok && json.Unmarshal(b, &what) == nil {
			a.app.behind[id] = what
		}
	}
	return true
}

// sweepApp sees to it that no button is dead for longer than it takes to notice
// that the app is gone, and that none stands there twice once it is back.
func (a *Adapter) sweepApp(ctx context.Context) {
	c := a.app
	c.mu.Lock()
	gone, due := !c.there && c.misses >= appMisses, !c.swept
	var behind []string
	if c.there {
		behind = slices.Sorted(maps.Keys(c.behind))
	}
	c.mu.Unlock()
	for _, id := range behind {
		if ctx.Err() != nil || !a.showLate(ctx, id) {
			break
		}
	}
	if gone && due {
		_, all := a.replaceButtons(ctx)
		c.mu.Lock()
		c.swept = all && !c.there
		c.mu.Unlock()
	}
}

// showLate has the app show what a message is behind with. It reports whether
// the app is there.
func (a *Adapter) showLate(ctx context.Context, id string) bool {
	c := a.app
	c.order.Lock()
	defer c.order.Unlock()
	c.mu.Lock()
	what, there := c.behind[id], c.there
	c.mu.Unlock()
	if !there || what == nil {
		return there
	}
	if err := a.askApp(ctx, what, nil); err != nil && !a.AppAnswers() {
		return false
	}
	a.caughtUp(ctx, id) // what it refuses, it will refuse again
	return true
}

// replaceButtons gives the messages with buttons of the app others beside them,
// that work without it. It returns those messages, and whether these are all:
// it goes as far as ctx and the server let it.
func (a *Adapter) replaceButtons(ctx context.Context) (done []appMessage, all bool) {
	rooms, err := a.joined(ctx)
	if err != nil {
		a.log.WarnContext(ctx, "the rooms whose buttons are to be replaced can't be listed", "err", err)
		return nil, false
	}
	ids := make([]string, 0, len(rooms))
	for _, r := range rooms {
		ids = append(ids, r.ID)
	}
	for rid := range a.customers.watched() {
		ids = append(ids, rid)
	}
	for _, rid := range ids {
		updated, _, err := a.sync(ctx, rid, time.Now().Add(-sweepBack))
		if err != nil { // a busy room's week may be too long to read
			updated, _, err = a.sync(ctx, rid, time.Now().Add(-sweepLess))
		}
		if err != nil {
			a.log.WarnContext(ctx, "buttons in a room are not replaced", "room", rid, "err", err)
			continue
		}
		for _, m := range slices.Backward(updated) { // the newest first
			if !a.deadButtons(m) {
				continue
			}
			if len(done) == sweepMost || ctx.Err() != nil {
				return done, ctx.Err() == nil
			}
			replaced, err := a.replace(ctx, rid, m.ID)
			if err != nil {
				a.log.WarnContext(ctx, "a button is not replaced", "room", rid, "message", m.ID, "err", err)
			} else if replaced {
				done = append(done, appMessage{rid, m.ID})
			}
		}
	}
	if len(done) > 0 {
		a.log.InfoContext(ctx, "buttons of the companion app were replaced", "messages", len(done))
	}
	return done, ctx.Err() == nil
}

// replace gives one message other buttons, as it stands by then: it may have
// been changed since it was looked for.
func (a *Adapter) replace(ctx context.Context, rid, id string) (done bool, err error) {
	a.app.order.Lock()
	defer a.app.order.Unlock()
	m, err := a.get(ctx, rid, id)
	if err != nil || !a.deadButtons(m) {
		return false, err
	}
	if err := a.update(ctx, rid, id, content{msg: m.Text, attachments: withoutApp(m.Blocks)}); err != nil {
		return false, err
	}
	// The app may have taken its buttons out of the blocks by the time it is back.
	a.later(ctx, id, map[string]any{"type": "edit", "bot": a.o.UserID, "room": rid, "message": id, "blocks": m.Blocks, "attachments": []any{}}, false)
	return true, nil
}

// deadButtons reports whether a message of ours has buttons that only the app
// hears. What Perch put below its blocks already is newer than they are.
func (a *Adapter) deadButtons(m message) bool {
	below := slices.ContainsFunc(m.Attachments, func(at attached) bool { return at.Text == standingMark || at.Text == goneMark })
	return m.User.ID == a.o.UserID && withoutApp(m.Blocks) != nil && !below
}
