package rocketchat

import (
	"context"
	"time"

	"github.com/perch-chat/perch/bot"
)

// systemSealed is the kind of a message that is encrypted end to end: the server
// can't read it, and so can't the bot.
const systemSealed = "e2e"

const (
	sealedEvery  = time.Hour        // how often a person is told
	sealedWithin = 10 * time.Minute // what is older was written to nobody
)

// unsealed tells somebody who wrote to the bot alone that it can't read that:
// they would wait for an answer forever. Where that fails, they are no worse off.
func (a *Adapter) unsealed(ctx context.Context, m message) {
	if m.System != systemSealed || m.User.ID == a.o.UserID || a.now().Sub(m.At.Time) > sealedWithin {
		return
	}
	a.mu.Lock()
	told := time.Since(a.sealed[m.User.ID]) < sealedEvery
	if !told {
		bound(a.sealed)
		a.sealed[m.User.ID] = time.Now()
	}
	a.mu.Unlock()
	if told {
		return
	}
	_, err := a.Post(ctx, bot.Message{
		Only: userRef(m.User.ID), Key: "sealed " + m.ID,
		Text: "I can't read this: messages here are encrypted end to end. Switch encryption off in the menu of this room, or write to me in a room that is not encrypted.",
	})
	if err != nil {
		a.log.WarnContext(ctx, "somebody writes to the bot what it can't read, and can't be told so", "err", err)
	}
}
