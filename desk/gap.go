package desk

import (
	"fmt"
	"strings"
	"time"

	"github.com/perch-chat/perch/bot"
	"github.com/perch-chat/perch/internal/outbox"
	"github.com/perch-chat/perch/store"
)

const (
	maxReads  = 500            // threads that are read after one gap
	readsPast = 24 * time.Hour // how long after its end a conversation's thread is read
	overlap   = 2 * time.Minute

	maxDeletable  = 50             // messages of a conversation that are looked for
	deletablePast = 48 * time.Hour // and how old they may be
)

// onGap reads the threads of conversations whose chat was not heard for a
// while: what agents wrote meanwhile is then handled as if it had just come.
// They are read one after the other, the newest conversations first.
func (d *Desk) onGap(tx store.Tx, ev bot.Event) error {
	if !d.can(ev.Platform+":", bot.KindHistory) {
		return nil
	}
	n := 0
	for _, s := range []State{Claimed, Queued, Waiting, Snoozed, Closed} {
		newest := store.Range{Reverse: true, Limit: maxReads}
		list, err := store.Collect(conversations().By(tx, "state", store.Key(string(s)), newest))
		if err != nil {
			return err
		}
		for _, c := range list {
			if live(c) {
				if err := d.readOldRoom(tx, ev, c); err != nil {
					return err
				}
			}
			if c.CardRef == "" || !strings.HasPrefix(string(c.CardRef), ev.Platform+":") || !c.Open() && now().Sub(c.ClosedAt) > readsPast {
				continue
			}
			if n++; n > maxReads {
				d.log.Warn("more threads than are read after a gap: the rest is left alone", "platform", ev.Platform, "read", maxReads)
				return nil
			}
			if err := d.readThread(tx, ev, c); err != nil {
				return err
			}
		}
	}
	return nil
}

func (d *Desk) readThread(tx store.Tx, ev bot.Event, c Conversation) error {
	h := bot.History{Thread: c.CardRef, After: seenUntil(c)}
	if !c.SignsKnown {
		h.Marked = []bot.MessageRef{c.CardRef}
	}
	var err error
	if h.Known, err = d.deletable(tx, c); err != nil {
		return err
	}
	return d.readHistory(tx, ev, c.ID, h)
}

// deletable are the newest messages of agents whose deletion would mean something.
func (d *Desk) deletable(tx store.Tx, c Conversation) (refs []bot.MessageRef, err error) {
	if live(c) {
		return nil, nil
	}
	newest := store.Range{Reverse: true, Limit: maxDeletable}
	for m, err := range messages().By(tx, "conversation", store.Key(c.ID), newest) {
		if err != nil {
			return nil, err
		}
		if now().Sub(m.At) > deletablePast {
			break
		}
		if m.ChatRef != "" && m.Origin == Agent && !m.Gone && m.Delivery != "" && m.Delivery != Withdrawn {
			refs = append(refs, m.ChatRef)
		}
	}
	return refs, nil
}

// readBack reads what was written in one of a conversation's threads.
func (d *Desk) readBack(tx store.Tx, ev bot.Event, what string, thread bot.MessageRef, after time.Time) error {
	return d.readHistory(tx, ev, what, bot.History{Thread: thread, After: after})
}

func (d *Desk) readHistory(tx store.Tx, ev bot.Event, what string, h bot.History) error {
	_, _, err := d.ob.Add(tx, outbox.Action{
		Kind: bot.KindHistory, Key: fmt.Sprintf("desk:history:%s:%s:%s", ev.Platform, ev.ID, what),
		Slot: "desk:history:" + what, Order: "desk:history:" + ev.Platform, Subject: "history:" + what, Brief: true,
		Payload: encode(h),
	})
	if err != nil {
		return fmt.Errorf("add look at thread: %w", err)
	}
	return nil
}

// seenUntil is up to when all that was said in a thread has come. What came
// close before that may have overtaken something; it is known for a day or two
// that it came already.
func seenUntil(c Conversation) time.Time {
	at := c.CardAt
	if c.Seen.After(at) {
		at = c.Seen
	}
	if now().Sub(at) < readsPast {
		at = at.Add(-overlap)
	}
	// What is heard of a room at once may overtake what was missed in it before.
	if long := now().Add(-readsPast); live(c) && at.After(long) {
		return long
	}
	return at
}

// seen notes that something came from a conversation's thread.
func (d *Desk) seen(tx store.Tx, c *Conversation, at time.Time) error {
	if !at.After(c.Seen) {
		return nil
	}
	c.Seen = at.UTC()
	return d.put(tx, *c)
}
