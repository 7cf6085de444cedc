package rocketchat

import (
	"context"
	"time"

	"github.com/perch-chat/perch/bot"
)

// All that somebody writes to the bot alone is an order, and has an answer. Two
// bots that write to each other would never end: whoever writes faster than
// people do, or on and on, is heard again once they have been silent.
const (
	brakeAfter = 30             // messages a minute
	brakeLong  = 4 * brakeAfter // an hour
	brakeRest  = time.Minute    // of silence
)

// brake counts what a person wrote to the bot alone.
type brake struct {
	minute, hour count
	last         time.Time // when they wrote last
	on           bool
}

// count is how many there were since it began.
type count struct {
	began time.Time
	n     int
}

func (c *count) add(at time.Time, within time.Duration) int {
	if at.Sub(c.began) >= within {
		*c = count{began: at}
	}
	c.n++
	return c.n
}

// takes reports whether a message of that time is heard, and whether it is the
// first that is not.
func (b *brake) takes(at time.Time) (heard, first bool) {
	at = later(at, b.last) // one that was overtaken
	silent := at.Sub(b.last)
	b.last = at
	if b.on && silent < brakeRest {
		return false, false
	}
	if b.on {
		*b = brake{last: at}
	}
	minute, hour := b.minute.add(at, time.Minute), b.hour.add(at, time.Hour)
	b.on = minute > brakeAfter || hour > brakeLong
	return !b.on, b.on
}

// tooFast reports whether an order is one too many of those that a person wrote
// to the bot alone, and tells them.
func (a *Adapter) tooFast(ctx context.Context, m message) bool {
	a.mu.Lock()
	b := a.brakes[m.User.ID]
	if b == nil {
		bound(a.brakes)
		b = &brake{}
		a.brakes[m.User.ID] = b
	}
	heard, first := b.takes(m.At.Time)
	a.mu.Unlock()
	if !first {
		return !heard
	}
	a.log.WarnContext(ctx, "somebody writes to the bot faster than people do; nothing of theirs is done until they have been silent", "user", m.User.ID)
	_, err := a.Post(ctx, bot.Message{
		Only: userRef(m.User.ID), Key: "too fast " + m.ID,
		Text: "That is more than I can follow. Nothing was done about your last message. Wait a minute, then write again.",
	})
	if err != nil {
		a.log.WarnContext(ctx, "and they can't be told so", "err", err)
	}
	return true
}
