package desk

import (
	"errors"
	"time"

	"github.com/perch-chat/perch/bot"
	"github.com/perch-chat/perch/internal/outbox"
	"github.com/perch-chat/perch/store"
)

// claimLag is how long an author is not asked about words that came before a
// claim: chats promise no order between a click and what is written right after
// it, and the claim may only have taken the longer way.
const claimLag = 1200 * time.Millisecond

// claim is Claim by what somebody did in the chat. What that person wrote later
// than that, by the chat's own clock, and that came sooner, is sent now. What
// was written before the claim is asked about: it may have been meant for others.
func (d *Desk) claim(tx store.Tx, conversationID string, ev bot.Event) (Conversation, error) {
	c, err := d.Claim(tx, conversationID, ev.User)
	if err != nil || ev.At.IsZero() {
		return c, err
	}
	msgs, err := d.Messages(tx, c.ID)
	if err != nil {
		return c, err
	}
	for _, m := range msgs {
		if m.Delivery != Unsent || m.Offer == "" {
			continue
		}
		again := bot.Event{
			ID: ev.ID + ":" + m.ID, Platform: ev.Platform, At: m.At, Channel: c.Channel, Message: m.ChatRef, Thread: c.CardRef,
			User: bot.User{Ref: m.Author, Name: m.AuthorName, Handle: m.AuthorHandle},
		}
		if m.Author != ev.User.Ref || m.At.Before(ev.At) {
			if err := d.askAnew(tx, again, c, m); err != nil {
				return c, err
			}
			continue
		}
		if err := d.dropOffer(tx, &m); err != nil {
			return c, err
		}
		if err := d.judge(tx, again, &c, &m); err != nil {
			return c, err
		}
		if c, err = d.Get(tx, c.ID); err != nil {
			return c, err
		}
	}
	return c, nil
}

// askAnew replaces a question that still waits to be asked by the one that fits
// now that somebody has the conversation.
func (d *Desk) askAnew(tx store.Tx, ev bot.Event, c Conversation, m Message) error {
	a, err := d.ob.Get(tx, m.Offer)
	if errors.Is(err, store.ErrNotFound) || err == nil && a.State != outbox.Queued {
		return nil
	}
	if err == nil {
		err = d.dropOffer(tx, &m)
	}
	if err != nil {
		return err
	}
	return d.offer(tx, ev, c, &m)
}

// dropOffer takes the question back that was to be asked about a message. One
// that stands there already stays: its buttons say that it was decided.
func (d *Desk) dropOffer(tx store.Tx, m *Message) error {
	if m.Offer == "" {
		return nil
	}
	_, err := d.ob.Cancel(tx, m.Offer, string(m.Author))
	m.Offer = ""
	if errors.Is(err, outbox.ErrTooLate) || errors.Is(err, outbox.ErrState) || errors.Is(err, store.ErrNotFound) {
		return nil
	}
	return err
}
