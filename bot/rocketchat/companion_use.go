package rocketchat

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/perch-chat/perch/bot"
)

// byeWithin bounds how long the app waits, while it is removed, for its buttons
// to be replaced; sweepBack is how old the messages with buttons are at most,
// and sweepMost how many.
const (
	byeWithin = 4 * time.Second
	sweepBack = 7 * 24 * time.Hour
	sweepLess = 24 * time.Hour
	sweepMost = 500
)

// appMessage is a message that the app is to change.
type appMessage struct {
	Room string `json:"room"`
	ID   string `json:"id"`
}

// draws reports whether a message is to have blocks, with buttons of the app's.
func (a *Adapter) draws(c content) bool { return a.AppAnswers() && c.hasPress() }

// said is the text of a message that is drawn with blocks: for notifications,
// the search, and clients that know no blocks.
func said(c content, m bot.Message) string {
	return cmp.Or(c.msg, escape(cut(clean(m.Text), maxLabel)))
}

// isDrawn reports whether a message of ours has blocks: only the app can change
// those.
func (a *Adapter) isDrawn(ctx context.Context, rid, id string) (bool, error) {
	a.app.mu.Lock()
	blocks, ok := a.app.blocks[id]
	a.app.mu.Unlock()
	if ok {
		return blocks, nil
	}
	m, err := a.get(ctx, rid, id)
	if errors.Is(err, bot.ErrNotFound) {
		return false, nil // whoever changes it is told
	} else if err != nil {
		return false, err
	}
	a.app.drawn(id, m.hasBlocks())
	return m.hasBlocks(), nil
}

// editDrawn changes a message that may have blocks. Where the app is not there
// to do it, it returns what is to be shown beside them then.
func (a *Adapter) editDrawn(ctx context.Context, rid, id string, c content, m bot.Message) (instead content, done bool, err error) {
	if a.o.AppSecret == "" {
		return c, false, nil
	}
	blocks, err := a.isDrawn(ctx, rid, id)
	if err != nil || !blocks {
		return c, false, err
	}
	what := map[string]any{
		"type": "edit", "bot": a.o.UserID, "room": rid, "message": id, "text": said(c, m), "blocks": a.blocks(rid, c), "attachments": []any{},
	}
	if a.AppAnswers() {
		a.app.order.RLock()
		err := a.askApp(ctx, what, nil)
		if err == nil {
			a.app.caughtUp(id)
		}
		a.app.order.RUnlock()
		if c := code(err); err == nil || c == "" || c == "no_message" {
			return content{}, true, err
		}
		a.log.WarnContext(ctx, "the companion app does not change a message; it is shown beside what stands there", "message", id, "err", err)
	}
	// What the blocks say can't be taken back without the app.
	a.app.later(id, what)
	standing := []attachment{{Text: "_" + standingWords + "_"}, {Text: said(c, m)}}
	return content{msg: said(c, m), attachments: append(standing, c.attachments...)}, false, nil
}

// standingWords stand over a message whose blocks nobody can change any more.
const standingWords = "What stands above can't be changed at the moment. This is how it stands now:"

// hasBlocks reports whether a message is drawn with blocks.
func (m message) hasBlocks() bool {
	var list []json.RawMessage
	return json.Unmarshal(m.Blocks, &list) == nil && len(list) > 0
}

// later notes what the app is to show in a message once it is back, where
// nothing newer was noted.
func (c *companion) later(id string, what map[string]any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	old, ok := c.behind[id]
	if _, whole := what["blocks"]; !ok && len(c.behind) < sweepMost || ok && (whole || old["blocks"] == nil) {
		c.behind[id] = what
	}
}

// sweepApp sees to it that no button is dead for longer than it takes to notice
// that the app is gone, and that none stands there twice once it is back.
func (a *Adapter) sweepApp(ctx context.Context) {
	c := a.app
	c.mu.Lock()
	gone, due := !c.there && c.misses >= appMisses, !c.swept
	back := c.there
	c.mu.Unlock()
	for back && ctx.Err() == nil && a.catchUpApp(ctx) {
		continue
	}
	if gone && due {
		_, all := a.replaceButtons(ctx)
		c.mu.Lock()
		c.swept = all && !c.there
		c.mu.Unlock()
	}
}

// catchUpApp has the app show one of what it is behind with. It reports whether
// there may be more.
func (a *Adapter) catchUpApp(ctx context.Context) bool {
	c := a.app
	c.order.Lock()
	defer c.order.Unlock()
	c.mu.Lock()
	id, what := "", map[string]any(nil)
	for id, what = range c.behind {
		break
	}
	delete(c.behind, id)
	c.mu.Unlock()
	if what == nil {
		return false
	}
	err := a.askApp(ctx, what, nil)
	if err != nil && !a.AppAnswers() { // what it refuses, it will refuse again
		c.later(id, what)
		return false
	}
	return true
}

// caughtUp notes that a message shows the newest.
func (c *companion) caughtUp(id string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.behind, id)
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
		for i := range updated {
			m := updated[len(updated)-1-i] // the newest first
			with := withoutApp(m.Blocks)
			if m.User.ID != a.o.UserID || with == nil || m.hasButtons() {
				continue
			}
			if len(done) == sweepMost || ctx.Err() != nil {
				return done, ctx.Err() == nil
			}
			if err := a.update(ctx, rid, m.ID, content{msg: m.Text, attachments: with}); err != nil {
				a.log.WarnContext(ctx, "a button is not replaced", "room", rid, "message", m.ID, "err", err)
				continue
			}
			done = append(done, appMessage{rid, m.ID})
			a.app.later(m.ID, map[string]any{"type": "edit", "bot": a.o.UserID, "room": rid, "message": m.ID, "attachments": []any{}})
		}
	}
	if len(done) > 0 {
		a.log.InfoContext(ctx, "buttons of the companion app were replaced", "messages", len(done))
	}
	return done, ctx.Err() == nil
}

// hasButtons reports whether a message has buttons that work without the app.
func (m message) hasButtons() bool {
	for _, at := range m.Attachments {
		if len(at.Actions) > 0 {
			return true
		}
	}
	return false
}

// sourceLabel is what Rocket.Chat shows as the channel that customers come by.
const sourceLabel = "Twitter"

// enterByApp has the app bring a customer into a room: only its rooms are
// labelled, and it is under no limits. ok is false where the app is not there,
// or could not, and nothing was done.
func (a *Adapter) enterByApp(ctx context.Context, v bot.Visitor, token, as string) (e bot.Entered, ok bool, err error) {
	if !a.AppAnswers() {
		return e, false, nil
	}
	if a.customers.is(token, as) {
		if r, err := a.openRoom(ctx, token); err != nil || r.ID != "" {
			return bot.Entered{Ref: liveRef(r.ID), Served: r.Agent.ID != ""}, true, a.entered(r.ID, token, err)
		}
	}
	var out struct {
		Room   string `json:"room"`
		Fresh  bool   `json:"fresh"`
		Served bool   `json:"served"`
	}
	err = a.askApp(ctx, map[string]any{
		"type": "enter", "label": sourceLabel,
		"visitor": map[string]string{"token": token, "name": shownName(v), "username": a.username(v), "department": v.Department},
	}, &out)
	switch c := code(err); {
	case c == "no-agent-online":
		return e, true, noAgent(err)
	case c == "error-invalid-department" || c == "error-contact-channel-blocked" || c == "error-omnichannel-is-disabled":
		return e, true, &bot.Error{Code: c, Message: sentences()[c], Err: err}
	case c != "":
		a.log.WarnContext(ctx, "the companion app does not bring a customer in; it is done without its label", "err", err)
		return e, false, nil
	case err != nil:
		return e, true, err // nobody knows; the next try looks for the room first
	case !idRE.MatchString(out.Room):
		return e, true, errors.New("rocketchat: companion app: no room in the answer")
	}
	a.customers.set(token, as)
	return bot.Entered{Ref: liveRef(out.Room), Fresh: out.Fresh, Served: out.Served}, true, a.entered(out.Room, token, nil)
}

// noAgent is the error of nobody being there.
func noAgent(err error) error {
	return &bot.Error{Code: bot.CodeNoAgent, Message: "No agent is online in Rocket.Chat. The message goes there as soon as one is.", Temporary: true, RetryAfter: 30, Err: err}
}
