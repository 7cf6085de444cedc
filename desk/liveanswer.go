package desk

import (
	"encoding/json"
	"fmt"
	"slices"

	"github.com/perch-chat/perch/bot"
	"github.com/perch-chat/perch/internal/outbox"
	"github.com/perch-chat/perch/store"
)

// judgeLive decides what becomes of what an agent wrote in a room. Whoever the
// chat lets write there is an agent.
func (d *Desk) judgeLive(tx store.Tx, ev bot.Event, c *Conversation, m *Message, s Settings) error {
	if internal(m.Text) {
		m.Direction, m.Delivery, m.Reason = Note, "", ""
		if err := d.mark(tx, *c, m, markNote); err != nil {
			return err
		}
		return messages().Put(tx, *m)
	}
	m.Direction = Out
	why := unsendableLive(*c, *m, s)
	if why != "" {
		return d.refuse(tx, *c, m, why)
	}
	if aside(*m) != "" && c.Kind == DM {
		m.Delivery = Unsent
		return d.offer(tx, ev, *c, m)
	}
	return d.answerLive(tx, ev, c, m, s)
}

// unsendableLive says why nobody could send it as it is, or nothing.
func unsendableLive(c Conversation, m Message, s Settings) string {
	if c.Encrypted {
		return "This chat is encrypted, so Perch can't answer in it. Answer on X."
	}
	if files := s.unsendableFiles(c.Kind, m.Files); files != "" {
		return files
	}
	return tooLong(c, m, s)
}

// refuse says in the room why an answer does not go out, in place of what was
// said of it before. Where the room takes nothing more it is told elsewhere.
func (d *Desk) refuse(tx store.Tx, c Conversation, m *Message, why string) error {
	if err := d.settleNotice(tx, c, m, "The message was changed."); err != nil {
		return err
	}
	m.Delivery, m.Reason = Refused, why
	if err := d.notice(tx, c, m, "⚠ Not sent: "+quotation(m.said())+" "+why); err != nil {
		return err
	}
	if err := d.mark(tx, c, m, markTrouble); err != nil {
		return err
	}
	return messages().Put(tx, *m)
}

// answerLive sends what an agent wrote; an answer to a public post is shown first.
func (d *Desk) answerLive(tx store.Tx, ev bot.Event, c *Conversation, m *Message, s Settings) error {
	if c.Open() && c.Owner == "" {
		d.serve(c, bot.User{Ref: m.Author, Name: m.AuthorName, Handle: m.AuthorHandle})
	}
	if c.Kind == Mention {
		m.Delivery = Refused // until it is shown as it will be
		if err := messages().Put(tx, *m); err != nil {
			return err
		}
		if err := d.put(tx, *c); err != nil {
			return err
		}
		return d.answer(tx, ev, d.previewReply(tx, ev, c, m))
	}
	return d.sendKept(tx, c, m, s)
}

// inRoom reports whether somebody did something in a conversation's room, where
// only agents are.
func inRoom(ev bot.Event, c Conversation) bool {
	return live(c) && ev.Thread != "" && (ev.Thread == c.CardRef || slices.Contains(c.OldCards, ev.Thread))
}

// mayDecide refuses everybody who may not say what becomes of a message. Where
// the chat serves customers Perch knows no agents, and what can't be told in a
// room is told to the admins.
func (d *Desk) mayDecide(tx store.Tx, ev bot.Event, c Conversation) error {
	if inRoom(ev, c) || live(c) && d.opt.Roles != nil && d.opt.Roles.IsAdmin(ev.User.Ref) {
		return nil
	}
	return d.agent(tx, ev.User.Ref)
}

// wordLive does what an agent told the bot in a room. Who serves whom is the
// chat's to say there.
func (d *Desk) wordLive(tx store.Tx, ev bot.Event, c Conversation, name, rest string) error {
	switch name {
	case "note":
		return d.answer(tx, ev, d.sayNote(tx, ev, c, rest))
	case "close":
		return d.answer(tx, ev, d.leaveRoom(tx, ev, c))
	case "help":
		return d.tell(tx, ev, "What you write here goes to the customer on X. What begins with // or note:, or is said to the bot, never does. "+
			"Take, forward, hold and close this conversation with the chat's own buttons, or close it with the word close to the bot. More: /twitter help.")
	}
	return d.tell(tx, ev, "Take, forward, hold and close this conversation with the chat's own buttons. The customer did not get this.")
}

// orderEdited tells who made words to the customer of what they had said to the
// bot in a room: as a message it was never heard of.
func (d *Desk) orderEdited(tx store.Tx, ev bot.Event) (bool, error) {
	if !ev.Live {
		return false, nil
	}
	c, ok, err := d.thread(tx, ev)
	if err != nil || !ok || !live(c) {
		return false, err
	}
	if internal(ev.Text) {
		return true, nil
	}
	return true, d.tell(tx, ev, "The customer does not get this: "+quotation(short(ev.Text))+" You said it to the bot first. Write it anew to send it.")
}

// leaveRoom closes a conversation's room for an agent who said so, once all that
// the customer wrote is shown there.
func (d *Desk) leaveRoom(tx store.Tx, ev bot.Event, c Conversation) error {
	switch {
	case !c.Open():
		return problem(CodeClosed, "This conversation is closed.")
	case ev.Thread != c.CardRef:
		return problem(CodeInvalid, "This conversation goes on in another room. Close it there.")
	}
	_, _, err := d.ob.Add(tx, outbox.Action{
		Kind: bot.KindLeave, Key: "desk:leave:" + ev.Platform + ":" + ev.ID, Order: order(c), Lanes: lanes(c),
		Subject: "conversation:" + c.ID, CreatedBy: string(ev.User.Ref),
		Payload: encode(bot.Leave{Room: c.CardRef, Why: "Closed by " + named(ev.User) + ".", By: ev.User}),
	})
	if err != nil {
		return fmt.Errorf("add end of room: %w", err)
	}
	return nil
}

// roomLeft follows the end of a room that was asked for.
func (d *Desk) roomLeft(tx store.Tx, c Conversation, a outbox.Action) error {
	var p bot.Leave
	if err := json.Unmarshal(a.Payload, &p); err != nil {
		return fmt.Errorf("payload of %s: %w", a.Key, err)
	}
	switch {
	case p.Room != c.CardRef || !c.Open():
		return nil
	case a.State == outbox.Done:
		return d.closedThere(tx, c, p.By)
	case a.State == outbox.Failed:
		return d.say(tx, c, a.Key+":not", line("⚠ Not closed. "+reason(a)))
	}
	return nil
}
