package desk

import (
	"fmt"
	"time"

	"github.com/perch-chat/perch/bot"
	"github.com/perch-chat/perch/internal/accounts"
	"github.com/perch-chat/perch/internal/outbox"
	"github.com/perch-chat/perch/store"
)

// What one person is asked alone ("Not sent. Claim this conversation to answer.")
// makes room for what came of it: buttons that were pressed lead to nothing any
// more, and words that are over mislead.

// Asked is where the author of a message was asked about it, once they have answered.
type Asked struct {
	Ref     bot.MessageRef `json:"ref"`
	Channel bot.ChannelRef `json:"channel,omitempty"`
	Thread  bot.MessageRef `json:"thread,omitempty"`
	User    bot.UserRef    `json:"user"`
	Respond string         `json:"respond,omitempty"`
	At      time.Time      `json:"at"`
	Said    string         `json:"said,omitempty"` // what stands there now
	Times   int            `json:"times,omitempty"`
}

// message is what stands where the person was asked.
func (q Asked) message(text string) bot.Message {
	return bot.Message{Channel: q.Channel, Thread: q.Thread, Only: q.User, Respond: q.Respond, Text: text}
}

// inPlace is the action that answers where the person was asked.
func inPlace(ref bot.MessageRef, key string, m bot.Message) outbox.Action {
	return outbox.Action{
		Kind: bot.KindEdit, Key: key, Order: "chat:alone:" + string(ref), Slot: "edit:alone:" + string(ref),
		Payload: encode(bot.Edit{Ref: ref, Message: m}),
	}
}

// done has what a person was asked alone say that what they pressed was done.
// It stays as it is if they were told something in its place.
func (d *Desk) doneAlone(tx store.Tx, ev bot.Event) error {
	switch ev.Action {
	case "desk.send":
		return d.sendingAlone(tx, ev)
	case "desk.keep":
		return d.tell(tx, ev, "🔒 Stays among you.")
	case "desk.take":
		return d.tell(tx, ev, "✅ You have this conversation now.")
	case "desk.transfer.to":
		return d.tell(tx, ev, "✅ Transferred.")
	case "desk.snooze.for":
		return d.tell(tx, ev, "✅ Snoozed. It comes back then, or when the customer writes.")
	}
	return nil
}

// sendingAlone says where an answer is, and remembers where to say more.
func (d *Desk) sendingAlone(tx store.Tx, ev bot.Event) error {
	m, c, err := d.message(tx, ev.Value)
	if err != nil || m.Delivery != Sending {
		return err // the author was asked something else
	}
	text := "⏳ On its way to the customer."
	if c.Kind == Mention {
		text = "The preview stands in the thread. Nothing is public before Post on X is pressed."
	}
	m.Asked = &Asked{Ref: ev.Message, Channel: ev.Channel, Thread: ev.Thread, User: ev.User.Ref, Respond: ev.Respond, At: now(), Said: text}
	if err := messages().Put(tx, m); err != nil {
		return err
	}
	return d.tell(tx, ev, text)
}

// settleAsked has what the author of a message was asked alone say what became
// of the message. The caller stores m.
func (d *Desk) settleAsked(tx store.Tx, m *Message, a outbox.Action) error {
	if m.Asked == nil {
		return nil
	}
	public, text := a.Kind == accounts.KindPost, ""
	switch m.Delivery {
	case Sent:
		if text = "✅ Sent to the customer."; public {
			text = "✅ Posted on X."
		}
	case Failed:
		text = "⚠ Not sent. Look below your message."
	case Stuck:
		text = "⚠ X did not say whether it arrived. Look below your message."
	case Withdrawn:
		text = discarded(public)
	case Sending, Unsent, Refused:
	}
	q := *m.Asked
	if text == "" || text == q.Said {
		return nil
	}
	if now().Sub(q.At) > bot.AskedLife {
		m.Asked = nil
		return nil
	}
	q.Said, q.Times = text, q.Times+1
	m.Asked = &q
	if _, _, err := d.ob.Add(tx, inPlace(q.Ref, fmt.Sprintf("desk:asked:%s:%d", m.ID, q.Times), q.message(text))); err != nil {
		return fmt.Errorf("add what became of a message: %w", err)
	}
	return nil
}

// discarded says that a message goes nowhere.
func discarded(public bool) string {
	if public {
		return "Discarded. Nothing was posted."
	}
	return "Discarded. The customer does not get this message."
}
