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
	maxSaid   = 500 // of what stands in the blocks, for a notification
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
	return cmp.Or(c.msg, escape(cut(clean(m.Text), maxSaid)))
}

// isDrawn reports whether a message of ours has blocks: only the app can change
// those.
func (a *Adapter) isDrawn(ctx context.Context, rid, id string) (bool, error) {
	a.app.mu.Lock()
	blocks, ok := a.app.blocks[id]
	a.app.mu.Unlock()
	if ok || a.o.AppSecret == "" { // without an app the look that was taken for another reason does
		return blocks, nil
	}
	m, err := a.get(ctx, rid, id)
	if errors.Is(err, bot.ErrNotFound) {
		return false, nil // whoever changes it is told
	} else if err != nil {
		return false, err
	}
	return m.hasBlocks(), nil
}

// editDrawn changes a message that may have blocks. Where the app is not there
// to do it, it returns what is to be shown beside them then. companion.order is
// held.
func (a *Adapter) editDrawn(ctx context.Context, rid, id string, c content, m bot.Message) (instead content, done bool, err error) {
	blocks, err := a.isDrawn(ctx, rid, id)
	if err != nil || !blocks {
		return c, false, err
	}
	what := map[string]any{
		"type": "edit", "bot": a.o.UserID, "room": rid, "message": id, "text": said(c, m), "blocks": a.blocks(rid, c), "attachments": []any{},
	}
	if a.AppAnswers() {
		err := a.askApp(ctx, what, nil)
		if err == nil {
			a.caughtUp(ctx, id)
		}
		if c := code(err); err == nil || c == "" || c == "no_message" {
			return content{}, true, err
		}
		a.log.WarnContext(ctx, "the companion app does not change a message; it is shown beside what stands there", "message", id, "err", err)
	}
	// What the blocks say can't be taken back without the app.
	a.later(ctx, id, what, true)
	standing := []attachment{{Text: standingMark}}
	if c.msg != "" {
		standing = append(standing, attachment{Text: c.msg})
	}
	return content{msg: said(c, m), attachments: append(standing, c.attachments...)}, false, nil
}

// standingMark stands over a message whose blocks nobody can change any more.
const standingMark = "_What stands above can't be changed at the moment. This is how it stands now:_"

// hasBlocks reports whether a message is drawn with blocks.
func (m message) hasBlocks() bool {
	var list []json.RawMessage
	return json.Unmarshal(m.Blocks, &list) == nil && len(list) > 0
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
