package desk

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/perch-chat/perch/bot"
	"github.com/perch-chat/perch/internal/outbox"
	"github.com/perch-chat/perch/store"
)

// An agent may close a room while something is on its way into it: it goes on
// in the next room, whoever of the two is heard first.

// roomShut reports whether a chat says that a room takes nothing more.
func roomShut(a outbox.Action) bool {
	if a.State != outbox.Failed || a.Failure == nil {
		return false
	}
	return slices.Contains([]string{"room-closed", "invalid-room", "room_not_found", "thread_not_found", "error-invalid-room"}, a.Failure.Code)
}

// SeesTo reports whether the desk sees by itself to what a chat could not show:
// it says it again under a new card or in another room, or it is of no use any
// more. Nobody has to be asked.
func SeesTo(a outbox.Action) bool {
	if a.Kind != bot.KindPost || a.Failure == nil || !strings.HasPrefix(a.Subject, "conversation:") {
		return false
	}
	var p bot.Post
	if json.Unmarshal(a.Payload, &p) != nil {
		return false
	}
	_, _, room := bot.LiveDepartment(p.Message.Channel)
	return room && roomShut(a) || a.Failure.Code == "thread_not_found"
}

// unsaid follows what could not be said in a room: the customer's words go on in
// another, and what agents have to decide is told where somebody reads it.
func (d *Desk) unsaid(tx store.Tx, c Conversation, a outbox.Action) error {
	switch {
	case strings.HasPrefix(a.Key, "desk:notice:"), strings.HasSuffix(a.Key, lost):
	case !strings.HasPrefix(a.Key, "desk:in:"):
		return nil
	case roomShut(a):
		return d.regainRoom(tx, c, a)
	default:
		return d.notShown(tx, c, a)
	}
	var p bot.Post
	if err := json.Unmarshal(a.Payload, &p); err != nil || d.opt.Attention == nil {
		return err
	}
	who, err := d.Contact(tx, c)
	if err != nil {
		return err
	}
	m := p.Message
	m.Thread, m.Text = "", customer(who)+": "+m.Text
	if len(m.Blocks) > 0 {
		m.Blocks = append([]bot.Block{bot.Para(bot.Plain(customer(who) + ", whose room could not be told:"))}, m.Blocks...)
	}
	_, err = d.opt.Attention(tx, a.Key+":closed", m)
	return err
}

// lost ends the keys of notes about what of the customer's can't be shown.
const lost = ":lost"

// notShown says that words of the customer can't be shown.
func (d *Desk) notShown(tx store.Tx, c Conversation, a outbox.Action) error {
	who, err := d.Contact(tx, c)
	if err != nil {
		return err
	}
	text := "⚠ The customer wrote something that can't be shown here. " + reason(a) + " Read it on X."
	return d.say(tx, c, a.Key+lost, noticeMessage(text, bot.Button{ID: "desk.open", Label: "Open on X", URL: address(c, who)}))
}

// missed is what a room should have shown of a message and never did.
type missed struct {
	m     Message
	words bool
	files []int
}

// regainRoom goes on in a new room when something of the customer's found theirs
// closed: what was not shown yet is shown there, in order. a found it out.
func (d *Desk) regainRoom(tx store.Tx, c Conversation, a outbox.Action) error {
	s, err := d.Settings(tx)
	if err != nil {
		return err
	}
	all, found, err := d.missed(tx, c, a.Key, s)
	if err != nil || !found {
		return err // it was shown again already
	}
	switch {
	case !c.Open():
		// Another conversation of the two may have begun, where somebody else
		// serves them now.
		other, begun, err := conversations().First(tx, "open", party(c.Account, c.Kind, c.Contact, c.Root))
		if err != nil {
			return err
		}
		if begun {
			return d.notShown(tx, other, a)
		}
		if err := d.goOnLive(tx, &c); err != nil {
			return err
		}
		c.WaitingSince, c.Called, c.Unread = c.LastIn, now(), len(all)
	case forRoom(a, c):
		if c.CardRef != "" {
			c.Shut = append(c.Shut, c.CardRef)
		}
		if err := d.enterRoom(tx, &c); err != nil {
			return err
		}
	default: // it goes on elsewhere already, or is about to
		all = slices.DeleteFunc(all, func(x missed) bool { return x.m.Room == c.Cards })
	}
	if err := d.showAllAgain(tx, c, all, s); err != nil {
		return err
	}
	return d.put(tx, c)
}

// endedBefore takes in that a room is over which had been found closed, so that
// the conversation went on without it: the customer is told so even then.
func (d *Desk) endedBefore(tx store.Tx, c *Conversation, room bot.MessageRef, at time.Time) error {
	c.Shut = slices.DeleteFunc(c.Shut, func(r bot.MessageRef) bool { return r == room })
	s, err := d.Settings(tx)
	if err != nil {
		return err
	}
	if err := d.goodbye(tx, c, s, "The room before this one was closed. The customer was told: "); err != nil || !c.Finished {
		return err
	}
	msgs, err := d.Messages(tx, c.ID)
	if err != nil {
		return err
	}
	// An agent who has answered since has begun anew.
	c.Finished = !slices.ContainsFunc(msgs, func(m Message) bool { return m.Origin == Agent && m.At.After(at) })
	return nil
}

// showAllAgain shows what was missed in the room that the conversation goes on in.
func (d *Desk) showAllAgain(tx store.Tx, c Conversation, all []missed, s Settings) error {
	who, err := d.Contact(tx, c)
	if err != nil {
		return err
	}
	for _, x := range all {
		if err := d.showAgain(tx, c, who, x, s); err != nil {
			return err
		}
	}
	return nil
}

// forRoom reports whether an action was for the room that a conversation is in.
func forRoom(a outbox.Action, c Conversation) bool {
	var p struct {
		Message  bot.Message    `json:"message"`
		Thread   bot.MessageRef `json:"thread"`
		ThreadOf string         `json:"thread_of"`
	}
	if json.Unmarshal(a.Payload, &p) != nil {
		return true
	}
	if ref := cmp.Or(p.Message.Thread, p.Thread); ref != "" {
		return ref == c.CardRef
	}
	return p.ThreadOf == cardKey(c)
}

// missed lists what no room has shown of the conversation, oldest first. found
// says whether what has the key is part of it.
func (d *Desk) missed(tx store.Tx, c Conversation, key string, s Settings) (all []missed, found bool, err error) {
	msgs, err := d.Messages(tx, c.ID)
	if err != nil {
		return nil, false, err
	}
	waits := func(k string) (bool, error) {
		a, ok, err := d.ob.FindKey(tx, k)
		waits := ok && (a.State == outbox.Queued || roomShut(a))
		found = found || waits && k == key
		return waits, err
	}
	for _, m := range msgs {
		if m.Origin != Customer {
			continue
		}
		x := missed{m: m}
		if x.words, err = waits(m.ChatKey); err != nil {
			return nil, false, err
		}
		for n, f := range m.Files {
			if s.unshown(f, n) != "" {
				continue
			}
			once, err := waits(fileKey(m, n, true))
			if err != nil {
				return nil, false, err
			}
			again, err := waits(fileKey(m, n, false))
			if err != nil {
				return nil, false, err
			}
			if once || again {
				x.files = append(x.files, n)
			}
		}
		if x.words || len(x.files) > 0 {
			all = append(all, x)
		}
	}
	return all, found, nil
}

// showAgain shows what was missed in the room that its conversation goes on in.
func (d *Desk) showAgain(tx store.Tx, c Conversation, who Contact, x missed, s Settings) error {
	m := x.m
	for _, n := range x.files {
		for _, once := range []bool{true, false} {
			if err := d.takeBack(tx, fileKey(m, n, once)); err != nil {
				return err
			}
		}
	}
	m.Room = c.Cards
	if x.words {
		if err := d.takeBack(tx, m.ChatKey); err != nil {
			return err
		}
		m.ChatKey = fmt.Sprintf("desk:in:%s:again%d", m.ID, c.Cards)
	}
	if err := messages().Put(tx, m); err != nil {
		return err
	}
	if x.words {
		if err := d.say(tx, c, m.ChatKey, d.shown(c, who, m, s)); err != nil {
			return err
		}
	}
	for _, n := range x.files {
		if err := d.showFile(tx, c, m, n, s, true); err != nil {
			return err
		}
	}
	return nil
}

// takeBack cancels what waits under a key.
func (d *Desk) takeBack(tx store.Tx, key string) error {
	a, ok, err := d.ob.FindKey(tx, key)
	if err != nil || !ok || a.State != outbox.Queued {
		return err
	}
	if _, err := d.ob.Cancel(tx, a.ID, "desk"); err != nil {
		return fmt.Errorf("take back %s: %w", key, err)
	}
	return nil
}
