package rocketchat

import (
	"context"

	"github.com/perch-chat/perch/bot"
)

// asideSign is the bot's reaction to what somebody told it in a room, once the
// answer is in the room that the two have alone: who asked finds it, and the
// others see that it was answered.
const asideSign = "incoming_envelope"

// ordered is the respond of an order that was written in a room: the message. In
// direct rooms the answer stands below it, and customers' rooms are for the
// agents and the customer alone.
func ordered(m message, kind string) string {
	if kind != "c" && kind != "p" {
		return ""
	}
	return string(messageRef(m.Room, m.ID))
}

// asided says in a room that the answer to an order is elsewhere. Where that
// fails, the answer is there all the same.
func (a *Adapter) asided(ctx context.Context, m bot.Message, answer string) {
	rid, id, ok := messageID(bot.MessageRef(m.Respond))
	if m.Only == "" || !ok || rid == answer || a.rest.limits.told(reactRoute) > 0 {
		return // where calls are counted, they are for the signs of what became of answers
	}
	a.mu.Lock()
	known := a.asides[id]
	bound(a.asides)
	a.asides[id] = true
	a.mu.Unlock()
	if known { // there may be several answers
		return
	}
	if err := a.React(ctx, messageRef(rid, id), asideSign, true); err != nil {
		a.log.DebugContext(ctx, "a room is not told where its answer is", "room", rid, "err", err)
	}
}
