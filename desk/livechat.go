package desk

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/perch-chat/perch/bot"
	"github.com/perch-chat/perch/internal/accounts"
	"github.com/perch-chat/perch/internal/outbox"
	"github.com/perch-chat/perch/store"
)

// Where the chat has a customer service of its own, a conversation is a room
// there, and queue, routing and agents are the chat's: there is no card, nothing
// to claim and nobody to call. The room takes the card's place in a
// conversation: CardID is the action that enters it, CardRef the room.

// live reports whether the chat serves the conversation's customer.
func live(c Conversation) bool {
	_, _, ok := bot.LiveDepartment(c.Channel)
	return ok
}

// liveLane is what those wait in who are to enter a room.
func liveLane(c Conversation) string { return bot.LiveLane + string(c.Channel) }

// entering is errNotYet while a room that is not known may become that of a
// customer on the way into one: it may be there, and agents write in it, while
// Perch has yet to hear of it. That takes as long as the chat lets nobody in.
func (d *Desk) entering(tx store.Tx, ev bot.Event) error {
	deps, err := d.Departments(tx)
	if err != nil || !ev.At.IsZero() && now().Sub(ev.At) > readsPast {
		return err
	}
	for _, dep := range deps {
		platform, _, ok := bot.LiveDepartment(dep.Channel)
		if !ok || platform != ev.Platform {
			continue
		}
		for c, err := range conversations().By(tx, "unposted", store.Key(string(dep.Channel)), store.Range{}) {
			if err != nil {
				return err
			}
			if c.Open() {
				return errNotYet
			}
		}
	}
	return nil
}

// enterRoom brings the customer into a room, which is made if none is open.
func (d *Desk) enterRoom(tx store.Tx, c *Conversation) error {
	who, err := d.Contact(tx, *c)
	if err != nil {
		return err
	}
	platform, department, _ := bot.LiveDepartment(c.Channel)
	v := bot.Visitor{Key: c.Account + ":" + c.Contact, Name: customer(who), Department: department}
	if who.Name != "" {
		v.Name, v.Handle = who.Name, who.Handle
	}
	if v.Account, err = d.accountBeside(tx, c.Account); err != nil {
		return err
	}
	if c.Kind == Mention { // beside what they write in private, which is another room
		v.Key += ":post:" + c.Root
		v.Name = "Public post of " + v.Name
	}
	c.Cards++
	if c.CardRef != "" && !slices.Contains(c.OldCards, c.CardRef) {
		c.OldCards = append(c.OldCards, c.CardRef)
	}
	c.CardRef, c.CardID = "", ""
	a, _, err := d.ob.Add(tx, outbox.Action{
		Kind: bot.KindEnter, Key: cardKey(*c), Order: order(*c), Lanes: []string{liveLane(*c)},
		Subject: "conversation:" + c.ID, Payload: encode(bot.Enter{Platform: platform, Visitor: v}),
	})
	if err != nil {
		return fmt.Errorf("add room: %w", err)
	}
	c.CardID, c.CardAt = a.ID, now()
	if c.Kind != Mention {
		return nil
	}
	return d.note(tx, c, line("The customer wrote in public. What you answer here is public too: you see it first, and a button posts it."))
}

// accountBeside is an account's handle where there are others beside it.
func (d *Desk) accountBeside(tx store.Tx, accountID string) (string, error) {
	if d.opt.Accounts == nil {
		return "", nil
	}
	all, err := d.opt.Accounts.List(tx)
	all = slices.DeleteFunc(all, func(a accounts.Account) bool { return a.State == accounts.Unauthorized })
	n := slices.IndexFunc(all, func(a accounts.Account) bool { return a.ID == accountID })
	if err != nil || n < 0 || len(all) < 2 {
		return "", err
	}
	return all[n].Handle, nil
}

// receiveLive is what follows in the chat from a message of the customer.
func (d *Desk) receiveLive(tx store.Tx, c *Conversation, who Contact, m Message, s Settings, fresh bool) error {
	if fresh {
		if err := d.enterRoom(tx, c); err != nil {
			return err
		}
	}
	if err := d.say(tx, *c, m.ChatKey, d.shown(*c, who, m, s)); err != nil {
		return err
	}
	if err := d.showFiles(tx, *c, m, s); err != nil {
		return err
	}
	if c.CardRef != "" {
		return d.askServed(tx, *c, m, s)
	}
	if no, err := d.nobodyThere(tx, liveLane(*c)); err != nil || !no {
		return err
	}
	return d.unserved(tx, c, s)
}

// askServed asks whether anybody is there for a customer who writes in a room
// that no agent has.
func (d *Desk) askServed(tx store.Tx, c Conversation, m Message, s Settings) error {
	if c.Owner != "" || !d.tellsUnserved(c, s) {
		return nil
	}
	platform, department, _ := bot.LiveDepartment(c.Channel)
	_, _, err := d.ob.Add(tx, outbox.Action{
		Kind: bot.KindServe, Key: "desk:serve:" + m.ID, Slot: "desk:serve:" + c.ID, Subject: "conversation:" + c.ID, Brief: true,
		Payload: encode(bot.Serve{Platform: platform, Department: department}),
	})
	if err != nil {
		return fmt.Errorf("ask whether anybody is there: %w", err)
	}
	return nil
}

// tellsUnserved reports whether the customer is to be told that nobody is there,
// if so it is.
func (d *Desk) tellsUnserved(c Conversation, s Settings) bool {
	return c.Kind == DM && !c.Encrypted && s.ServiceUnavailable != "" &&
		(c.Unavailable.IsZero() || now().Sub(c.Unavailable) >= d.opt.Unavailable)
}

// nobodyThere reports whether customers wait for an agent to come.
func (d *Desk) nobodyThere(tx store.Tx, lane string) (bool, error) {
	all, err := d.ob.Holds(tx)
	return slices.ContainsFunc(all, func(h outbox.Hold) bool { return h.Lane == lane && h.Code == bot.CodeNoAgent }), err
}

// unserved tells the customer that nobody is there, once in a while. The caller
// stores c.
func (d *Desk) unserved(tx store.Tx, c *Conversation, s Settings) error {
	if !d.tellsUnserved(*c, s) {
		return nil
	}
	c.Unavailable, c.Welcomed = now(), true
	return d.auto(tx, c, s.ServiceUnavailable, "Nobody was online. The customer was told: ")
}

// laneHeld tells the customers who wait for a room that nobody is there, and
// whoever runs Perch what keeps all customers out, once a day.
func (d *Desk) laneHeld(tx store.Tx, h outbox.Hold) error {
	ch, ok := strings.CutPrefix(h.Lane, bot.LiveLane)
	if ok && h.Code == bot.CodeSetUp && d.opt.Attention != nil {
		text := "⚠ What customers write can't be shown to agents. " + h.Message + " It waits, and goes on by itself once that is done."
		_, err := d.opt.Attention(tx, "desk:shut:"+h.Lane+":"+now().Format(time.DateOnly)+":"+h.Message, noticeMessage(text))
		return err
	}
	if !ok || h.Code != bot.CodeNoAgent {
		return nil
	}
	s, err := d.Settings(tx)
	if err != nil {
		return err
	}
	waiting, err := store.Collect(conversations().By(tx, "unposted", store.Key(ch), store.Range{}))
	if err != nil {
		return err
	}
	for _, c := range waiting {
		if !c.Open() {
			continue
		}
		was := c.Unavailable
		if err := d.unserved(tx, &c, s); err != nil {
			return err
		}
		if c.Unavailable.Equal(was) {
			continue
		}
		if err := d.put(tx, c); err != nil {
			return err
		}
	}
	return nil
}

// roomChanged follows the customer on the way into a room.
func (d *Desk) roomChanged(tx store.Tx, conversationID string, a outbox.Action) error {
	c, ok, err := conversations().Find(tx, store.Key(conversationID))
	if err != nil || !ok {
		return err
	}
	switch a.Kind {
	case bot.KindLeave:
		return d.roomLeft(tx, c, a)
	case bot.KindServe:
		return d.servedOrNot(tx, c, a)
	}
	switch a.State {
	case outbox.Done:
		return d.roomEntered(tx, c, a)
	case outbox.Failed:
		if a.ID != c.CardID || d.opt.Attention == nil {
			return nil
		}
		who, err := d.Contact(tx, c)
		if err != nil {
			return err
		}
		text := "⚠ What " + customer(who) + " wrote can't be shown to agents. " + reason(a) + " It waits: press Retry when that is done."
		_, err = d.opt.Attention(tx, fmt.Sprintf("desk:noroom:%s:%d", c.ID, now().UnixNano()), noticeMessage(text,
			bot.Button{ID: "desk.room", Label: "Retry", Value: c.ID, Style: bot.ButtonPrimary},
			bot.Button{ID: "desk.open", Label: "Open on X", URL: address(c, who)}))
		return err
	default:
		return nil
	}
}

func (d *Desk) roomEntered(tx store.Tx, c Conversation, a outbox.Action) error {
	var in bot.Entered
	if err := json.Unmarshal(a.Result, &in); err != nil {
		return fmt.Errorf("result of %s: %w", a.Key, err)
	}
	if in.Ref == "" {
		return nil
	}
	// The chat may still have the room of an earlier conversation open.
	other, ok, err := conversations().First(tx, "thread", store.Key(string(in.Ref)))
	if err != nil {
		return err
	}
	if ok && other.ID != c.ID {
		other.OldCards = slices.DeleteFunc(other.OldCards, func(r bot.MessageRef) bool { return r == in.Ref })
		if other.CardRef == in.Ref {
			other.CardRef = ""
		}
		if err := d.put(tx, other); err != nil {
			return err
		}
	}
	for _, ref := range in.Stray {
		switch _, known, err := conversations().First(tx, "thread", store.Key(string(ref))); {
		case err != nil:
			return err
		case !known && ref != c.CardRef:
			c.OldCards, c.Shut = append(c.OldCards, ref), append(c.Shut, ref)
		}
	}
	if a.ID != c.CardID {
		if c.CardRef != in.Ref && !slices.Contains(c.OldCards, in.Ref) {
			c.OldCards = append(c.OldCards, in.Ref)
		}
		return d.put(tx, c)
	}
	c.OldCards = slices.DeleteFunc(c.OldCards, func(r bot.MessageRef) bool { return r == in.Ref })
	c.CardRef = in.Ref
	s, err := d.Settings(tx)
	if err != nil {
		return err
	}
	if in.Unserved {
		if err := d.unserved(tx, &c, s); err != nil {
			return err
		}
	}
	if c.Kind == DM && !c.Encrypted && !c.Welcomed && s.Welcome != "" {
		c.Welcomed = true
		if err := d.auto(tx, &c, s.Welcome, "The customer was welcomed: "); err != nil {
			return err
		}
	}
	return d.put(tx, c)
}

// servedOrNot tells a customer whom no agent has that nobody is there.
func (d *Desk) servedOrNot(tx store.Tx, c Conversation, a outbox.Action) error {
	var is bot.Served
	if a.State != outbox.Done || !c.Open() || c.Owner != "" {
		return nil
	}
	if err := json.Unmarshal(a.Result, &is); err != nil {
		return fmt.Errorf("result of %s: %w", a.Key, err)
	}
	if is.Served {
		return nil
	}
	s, err := d.Settings(tx)
	if err != nil {
		return err
	}
	if err := d.unserved(tx, &c, s); err != nil {
		return err
	}
	return d.put(tx, c)
}

// goOnLive goes on with a closed conversation in a new room.
func (d *Desk) goOnLive(tx store.Tx, c *Conversation) error {
	c.State, c.ClosedAt, c.ClosedBy = Queued, time.Time{}, ""
	c.Owner, c.OwnerName = "", ""
	c.Reopened++
	if err := d.reroute(tx, c); err != nil {
		return err
	}
	return d.enterRoom(tx, c)
}

// onRoom takes in what agents do in a room besides writing.
func (d *Desk) onRoom(tx store.Tx, ev bot.Event) (bool, error) {
	c, ok, err := d.thread(tx, ev)
	if err != nil || !ok {
		return false, err
	}
	late := ev.At.Before(c.Seen) && ev.Kind != bot.EventClosed
	if err := d.seen(tx, &c, ev.At); err != nil {
		return true, err
	}
	if ev.Kind == bot.EventClosed && slices.Contains(c.Shut, ev.Thread) {
		if err := d.endedBefore(tx, &c, ev.Thread, ev.At); err != nil {
			return true, err
		}
		return true, d.put(tx, c)
	}
	if ev.Thread != c.CardRef || !c.Open() || late {
		return true, nil // it goes on elsewhere, is over, or has changed since
	}
	switch ev.Kind {
	case bot.EventTaken:
		d.serve(&c, ev.User)
	case bot.EventHold:
		if c.Owner == "" {
			d.serve(&c, ev.User)
		}
	case bot.EventTransferred:
		if c.Owner == ev.User.Ref { // or whom it went to has it already
			c.State, c.Owner, c.OwnerName = Queued, "", ""
		}
	case bot.EventClosed:
		return true, d.closedThere(tx, c, ev.User)
	default:
	}
	return true, d.put(tx, c)
}

// readOldRoom reads the room that a conversation was in before, after a gap: an
// agent may have written there before it was closed.
func (d *Desk) readOldRoom(tx store.Tx, ev bot.Event, c Conversation) error {
	n := len(c.OldCards)
	if n == 0 || !strings.HasPrefix(string(c.OldCards[n-1]), ev.Platform+":") || now().Sub(c.CardAt) > readsPast {
		return nil
	}
	return d.readBack(tx, ev, c.ID+":old", c.OldCards[n-1], now().Add(-readsPast))
}

// serve has an agent be the one whom the conversation is with.
func (d *Desk) serve(c *Conversation, who bot.User) {
	c.Owner, c.OwnerName, c.State = who.Ref, named(who), Claimed
	if c.WaitingSince.IsZero() {
		c.State = Waiting
	}
}

// closedThere ends a conversation whose room was closed.
func (d *Desk) closedThere(tx store.Tx, c Conversation, by bot.User) error {
	c.Previous, c.PreviousName = c.Owner, c.OwnerName
	c.State, c.ClosedAt, c.ClosedBy = Closed, now(), named(by)
	c.WaitingSince, c.Unread = time.Time{}, 0
	s, err := d.Settings(tx)
	if err != nil {
		return err
	}
	if err := d.goodbye(tx, &c, s, ""); err != nil {
		return err
	}
	return d.put(tx, c)
}
