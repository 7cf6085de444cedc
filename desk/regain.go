package desk

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/perch-chat/perch/bot"
	"github.com/perch-chat/perch/internal/outbox"
	"github.com/perch-chat/perch/store"
)

// Somebody may delete a conversation's card in the chat, and its thread with
// it. What belongs to one customer must not land in the channel, nor be lost:
// the conversation goes on under a new card.

// cardGone reports whether the chat says that the thread, or the message, is
// not there any more.
func cardGone(a outbox.Action) bool {
	return a.State == outbox.Failed && a.Failure != nil && (a.Failure.Code == "thread_not_found" || a.Failure.Code == "message_not_found")
}

// regain says again, under a new card, what found its thread gone.
func (d *Desk) regain(tx store.Tx, conversationID string, a outbox.Action) error {
	c, ok, err := conversations().Find(tx, store.Key(conversationID))
	if err != nil || !ok || !c.Open() {
		return err
	}
	switch a.Kind {
	case bot.KindEdit:
		var e bot.Edit
		if err := json.Unmarshal(a.Payload, &e); err != nil {
			return fmt.Errorf("payload of %s: %w", a.Key, err)
		}
		if e.Ref == "" || e.Ref != c.CardRef || !strings.HasPrefix(a.Key, "desk:card-edit:") {
			return nil
		}
		return d.newThread(tx, &c)
	case bot.KindPost:
		var p bot.Post
		if err := json.Unmarshal(a.Payload, &p); err != nil {
			return fmt.Errorf("payload of %s: %w", a.Key, err)
		}
		switch {
		case p.Message.Thread == "" || p.Message.Channel != c.Channel:
			return nil
		case p.Message.Thread == c.CardRef:
			if err := d.newThread(tx, &c); err != nil {
				return err
			}
		case !slices.Contains(c.OldCards, p.Message.Thread):
			return nil
		}
		return d.sayAgain(tx, c, a.Key, p.Message)
	}
	return nil
}

// newThread goes on with the conversation under a new card in its channel, and
// stores it.
func (d *Desk) newThread(tx store.Tx, c *Conversation) error {
	msgs, err := d.Messages(tx, c.ID)
	if err != nil {
		return err
	}
	msgs, err = d.saidSoFar(tx, msgs)
	if err != nil {
		return err
	}
	who, err := d.Contact(tx, *c)
	if err != nil {
		return err
	}
	c.OldCards = append(c.OldCards, c.CardRef)
	if err := d.postCard(tx, c); err != nil {
		return err
	}
	text := "The conversation's card was deleted in the chat, so it goes on here."
	m := line(text)
	if c.Owner != "" {
		m = calling([]Duty{{User: c.Owner, Name: c.OwnerName}}, text)
	}
	if err := d.note(tx, c, m); err != nil {
		return err
	}
	if recap := recap(msgs, who); recap != "" {
		m := bot.Message{Text: recap, Blocks: []bot.Block{bot.Context(bot.Plain("What was written so far:")), bot.Quote(recap)}}
		if err := d.note(tx, c, m); err != nil {
			return err
		}
	}
	return d.put(tx, *c)
}

// saidSoFar are the messages that were in the thread: the others are said again.
func (d *Desk) saidSoFar(tx store.Tx, msgs []Message) (out []Message, err error) {
	for _, m := range msgs {
		if m.ChatKey != "" {
			a, ok, err := d.ob.FindKey(tx, m.ChatKey)
			if err != nil {
				return nil, err
			}
			if ok && a.State != outbox.Done {
				continue
			}
		}
		out = append(out, m)
	}
	return out, nil
}

// sayAgain puts into the new thread what found the old one gone.
func (d *Desk) sayAgain(tx store.Tx, c Conversation, key string, m bot.Message) error {
	again := fmt.Sprintf("%s:again%d", key, c.Cards)
	m.Thread = ""
	if err := d.say(tx, c, again, m); err != nil {
		return err
	}
	parts := strings.Split(key, ":") // desk:in:<message>, desk:notice:<message>:<n>
	if len(parts) < 3 {
		return nil
	}
	msg, ok, err := messages().Find(tx, store.Key(parts[2]))
	switch {
	case err != nil || !ok:
		return err
	case msg.ChatKey == key:
		msg.ChatKey = again
	case msg.Notice == key:
		msg.Notice = again
	default:
		return nil
	}
	return messages().Put(tx, msg)
}
