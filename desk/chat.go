package desk

import (
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"github.com/perch-chat/perch/bot"
	"github.com/perch-chat/perch/internal/outbox"
	"github.com/perch-chat/perch/store"
)

// The reactions that show what became of a message.
const (
	markSending = "hourglass_flowing_sand"
	markSent    = "white_check_mark"
	markTrouble = "warning"
	markNote    = "lock"
)

func encode(v any) json.RawMessage {
	raw, err := json.Marshal(v)
	if err != nil {
		panic(err) // payloads are structs of texts and numbers
	}
	return raw
}

// cardKey is the key of the action that posts the conversation's card.
func cardKey(c Conversation) string {
	key := "desk:card:" + c.ID
	if c.Cards > 1 {
		key += ":" + strconv.Itoa(c.Cards)
	}
	return key
}

// order keeps what is shown of one conversation in order: under one card, or
// in all rooms that it was in, for what finds one closed is shown in the next.
func order(c Conversation) string {
	at := string(c.Channel)
	if live(c) {
		c.Cards = 1
		at, _, _ = bot.LiveDepartment(c.Channel) // the next room may be another department's
	}
	return "chat:" + at + ":" + cardKey(c)
}

// postCard adds the conversation's card to its channel.
func (d *Desk) postCard(tx store.Tx, c *Conversation) error {
	c.Cards++
	c.CardRef, c.CardID = "", ""
	c.Signs, c.SignsKnown = nil, true
	m, err := d.card(tx, *c)
	if err != nil {
		return err
	}
	a, _, err := d.ob.Add(tx, outbox.Action{
		Kind: bot.KindPost, Key: cardKey(*c), Order: order(*c), Lanes: lanes(*c), Subject: "conversation:" + c.ID,
		Payload: encode(bot.Post{Message: m}),
	})
	if err != nil {
		return fmt.Errorf("add card: %w", err)
	}
	c.CardID, c.CardAt = a.ID, now()
	return nil
}

// editCard has the card show the conversation as it now is. Of several edits
// that wait only the newest is made.
func (d *Desk) editCard(tx store.Tx, c *Conversation) error {
	if c.CardID == "" || live(*c) {
		return nil
	}
	m, err := d.card(tx, *c)
	if err != nil {
		return err
	}
	c.CardEdits++
	c.Fresh = time.Time{} // it tells the time anew from now on
	e := bot.Edit{Ref: c.CardRef, Message: m}
	if e.Ref == "" {
		e.RefOf = cardKey(*c)
	}
	_, _, err = d.ob.Add(tx, outbox.Action{
		Kind: bot.KindEdit, Key: fmt.Sprintf("desk:card-edit:%s:%d", c.ID, c.CardEdits), Order: order(*c),
		Slot: "edit:" + cardKey(*c), After: after(*c), Lanes: lanes(*c), Subject: "conversation:" + c.ID, Brief: true, Payload: encode(e),
	})
	if err != nil {
		return fmt.Errorf("add edit of card: %w", err)
	}
	return nil
}

// after is what has to be posted before anything can be in the thread.
func after(c Conversation) string {
	if c.CardRef != "" {
		return ""
	}
	return c.CardID
}

// say adds a message to the conversation's thread.
func (d *Desk) say(tx store.Tx, c Conversation, key string, m bot.Message) error {
	p := bot.Post{Message: m}
	p.Message.Channel = c.Channel
	if c.CardRef != "" {
		p.Message.Thread = c.CardRef
	} else {
		p.ThreadOf = cardKey(c)
	}
	_, _, err := d.ob.Add(tx, outbox.Action{
		Kind: bot.KindPost, Key: key, Order: order(c), After: after(c), Lanes: lanes(c),
		Subject: "conversation:" + c.ID, Payload: encode(p),
	})
	if err != nil {
		return fmt.Errorf("add message to thread: %w", err)
	}
	return nil
}

// note adds a line of the desk's own to the thread.
func (d *Desk) note(tx store.Tx, c *Conversation, m bot.Message) error {
	c.Told++
	return d.say(tx, *c, fmt.Sprintf("desk:note:%s:%d", c.ID, c.Told), m)
}

func line(text string) bot.Message {
	return bot.Message{Text: text, Blocks: []bot.Block{bot.Context(bot.Plain(text))}}
}

// tell answers the person of an event alone: where they were asked, if they were.
func (d *Desk) tell(tx store.Tx, ev bot.Event, text string, buttons ...bot.Button) error {
	_, err := d.tellAt(tx, ev, time.Time{}, text, buttons...)
	return err
}

// tellAt is tell, not sooner than a time. It returns the action.
func (d *Desk) tellAt(tx store.Tx, ev bot.Event, at time.Time, text string, buttons ...bot.Button) (string, error) {
	m := bot.Message{
		Channel: ev.Channel, Thread: ev.Thread, Only: ev.User.Ref, Respond: ev.Respond, Trigger: ev.Trigger, Text: text,
	}
	if len(buttons) > 0 {
		m.Blocks = []bot.Block{bot.Para(bot.Plain(text)), bot.Actions(buttons...)}
	}
	key := "desk:tell:" + ev.Platform + ":" + ev.ID
	a := outbox.Action{Kind: bot.KindPost, Key: key, Payload: encode(bot.Post{Message: m})}
	if ev.Asked() {
		a = inPlace(ev.Message, key, m)
	}
	a.NotBefore = at
	a, _, err := d.ob.Add(tx, a)
	if err != nil {
		return "", fmt.Errorf("add answer: %w", err)
	}
	return a.ID, nil
}

// mark puts one reaction on the message, in place of the one before. The
// caller stores m.
func (d *Desk) mark(tx store.Tx, c Conversation, m *Message, emoji string) error {
	if m.Part != "" || len(m.More) > 0 && emoji != markNote {
		return d.markParts(tx, c, m)
	}
	return d.markOne(tx, c, m, emoji)
}

func (d *Desk) markOne(tx store.Tx, c Conversation, m *Message, emoji string) error {
	if live(c) && emoji == markSending {
		emoji = "" // it is replaced at once, as a rule: two calls more, and the chat may take only a few
	}
	if m.Mark == emoji || m.ChatRef == "" && m.ChatKey == "" {
		return nil
	}
	for _, r := range []bot.React{{Emoji: m.Mark}, {Emoji: emoji, On: true}} {
		if r.Emoji == "" {
			continue
		}
		queue := "chat:react:" + string(m.ChatRef)
		r.Ref = m.ChatRef
		if r.Ref == "" { // a message of the desk's own, which may still have to be posted
			r.RefOf, queue = m.ChatKey, order(c)
		}
		m.Marks++
		_, _, err := d.ob.Add(tx, outbox.Action{
			Kind: bot.KindReact, Key: fmt.Sprintf("desk:mark:%s:%d", m.ID, m.Marks), Order: queue,
			Payload: encode(r),
		})
		if err != nil {
			return fmt.Errorf("add reaction: %w", err)
		}
	}
	m.Mark = emoji
	return nil
}

// notice puts a line about a message in the thread, where buttons may ask what
// to do. The caller stores m.
func (d *Desk) notice(tx store.Tx, c Conversation, m *Message, text string, buttons ...bot.Button) error {
	m.Notices++
	m.Notice = fmt.Sprintf("desk:notice:%s:%d", m.ID, m.Notices)
	return d.say(tx, c, m.Notice, noticeMessage(text, buttons...))
}

func noticeMessage(text string, buttons ...bot.Button) bot.Message {
	m := bot.Message{Text: text}
	if len(buttons) > 0 {
		m.Blocks = []bot.Block{bot.Para(bot.Plain(text)), bot.Actions(buttons...)}
	}
	return m
}

// settleNotice replaces the newest notice about a message, so that its buttons
// go. The caller stores m.
func (d *Desk) settleNotice(tx store.Tx, c Conversation, m *Message, text string) error {
	key := m.Notice
	m.Notice = ""
	return d.editNotice(tx, c, key, "settled", noticeMessage(text))
}

// turnNotice is settleNotice for a message that is on its way now: the notice
// is settled when it has arrived.
func (d *Desk) turnNotice(tx store.Tx, c Conversation, m *Message, text string) error {
	return d.editNotice(tx, c, m.Notice, "again", noticeMessage(text))
}

// editNotice has the notice with a key say something else. There is no notice
// where the key is empty.
func (d *Desk) editNotice(tx store.Tx, c Conversation, key, why string, msg bot.Message) error {
	if key == "" {
		return nil
	}
	msg.Channel = c.Channel
	_, _, err := d.ob.Add(tx, outbox.Action{
		Kind: bot.KindEdit, Key: key + ":" + why, Order: order(c), Slot: "edit:" + key, Lanes: lanes(c),
		Payload: encode(bot.Edit{RefOf: key, Message: msg}),
	})
	if err != nil {
		return fmt.Errorf("add edit of notice: %w", err)
	}
	return nil
}
