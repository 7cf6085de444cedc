package desk

import (
	"cmp"
	"slices"

	"github.com/perch-chat/perch/bot"
	"github.com/perch-chat/perch/store"
)

// The reactions on cards that were set while nobody listened are found
// afterwards, without their time. So that each is heard once, those that were
// heard are remembered as long as they stand.

func signOf(u bot.UserRef, emoji string) string { return emoji + " " + string(u) }

// cardSign reports whether an emoji on a card means something, and in which
// order such things are done that came together.
func (d *Desk) cardSign(emoji string) (rank int, ok bool) {
	e := d.opt.Emoji
	for i, s := range []string{e.Claim, e.Snooze, e.Close} {
		if s != "" && emojiName(s) == emoji {
			return i, true
		}
	}
	return 0, false
}

// heardSign remembers a reaction on a conversation's card.
func (d *Desk) heardSign(tx store.Tx, c *Conversation, ev bot.Event) error {
	s := signOf(ev.User.Ref, ev.Emoji)
	if slices.Contains(c.Signs, s) {
		return nil
	}
	c.Signs = append(slices.Clone(c.Signs), s)
	return d.put(tx, *c)
}

// forgetSign forgets a reaction that was taken back.
func (d *Desk) forgetSign(tx store.Tx, ev bot.Event) error {
	emoji := emojiName(ev.Emoji)
	if _, ok := d.cardSign(emoji); !ok {
		return nil
	}
	c, ok, err := conversations().First(tx, "thread", store.Key(string(ev.Message)))
	s := signOf(ev.User.Ref, emoji)
	if err != nil || !ok || c.CardRef != ev.Message || !slices.Contains(c.Signs, s) {
		return err
	}
	c.Signs = slices.DeleteFunc(slices.Clone(c.Signs), func(x string) bool { return x == s })
	return d.put(tx, c)
}

// onReactions does what was asked for by reactions that were not heard when
// they were set.
func (d *Desk) onReactions(tx store.Tx, ev bot.Event) (bool, error) {
	c, ok, err := conversations().First(tx, "thread", store.Key(string(ev.Message)))
	if err != nil {
		return false, err
	}
	if ok {
		if c.CardRef != ev.Message {
			return true, nil
		}
		return true, d.lateSigns(tx, ev, c)
	}
	m, ok, err := messages().First(tx, "chat", store.Key(string(ev.Message)))
	if err != nil || !ok {
		return false, err
	}
	return false, d.lateNote(tx, ev, m)
}

// lateReaction is the reaction as it would have been told.
func lateReaction(ev bot.Event, r bot.Reaction, emoji string) bot.Event {
	return bot.Event{
		ID: ev.ID + ":" + signOf(r.User.Ref, emoji), Platform: ev.Platform, Kind: bot.EventReaction,
		User: r.User, Channel: ev.Channel, Message: ev.Message, Thread: ev.Thread, Emoji: emoji,
	}
}

func (d *Desk) lateSigns(tx store.Tx, ev bot.Event, c Conversation) error {
	type sign struct {
		rank int
		ev   bot.Event
	}
	var stand []string
	var fresh []sign
	for _, r := range ev.Reactions {
		emoji := emojiName(r.Emoji)
		rank, ok := d.cardSign(emoji)
		s := signOf(r.User.Ref, emoji)
		if !ok || slices.Contains(stand, s) {
			continue
		}
		stand = append(stand, s)
		if c.SignsKnown && !slices.Contains(c.Signs, s) {
			fresh = append(fresh, sign{rank, lateReaction(ev, r, emoji)})
		}
	}
	c.Signs, c.SignsKnown = stand, true
	if err := d.put(tx, c); err != nil {
		return err
	}
	slices.SortStableFunc(fresh, func(a, b sign) int { return cmp.Compare(a.rank, b.rank) })
	for _, s := range fresh {
		if err := d.lateSign(tx, s.ev, c.ID); err != nil {
			return err
		}
	}
	return nil
}

// lateSign is a reaction on a card of which nobody knows when it was set. What
// the customer wrote may have come after it.
func (d *Desk) lateSign(tx store.Tx, ev bot.Event, conversationID string) error {
	if ev.Emoji == emojiName(d.opt.Emoji.Close) {
		c, err := d.Get(tx, conversationID)
		if err != nil || !c.Open() {
			return err
		}
		if !c.WaitingSince.IsZero() {
			ev.Thread = c.CardRef
			return d.tell(tx, ev, "Not closed: Perch was away when you marked it, and the customer waits for an answer. Press Close if it is done all the same.")
		}
	}
	_, err := d.onCardReaction(tx, ev)
	return err
}

// lateNote keeps among agents what its author marked so.
func (d *Desk) lateNote(tx store.Tx, ev bot.Event, m Message) error {
	if m.Direction != Out {
		return nil
	}
	switch m.Delivery {
	case Unsent, Refused, Sending, Failed:
	case Sent, Stuck, Withdrawn:
		return nil // it is too late, or was said
	}
	for _, r := range ev.Reactions {
		if emojiName(r.Emoji) == emojiName(d.opt.Emoji.Note) && r.User.Ref == m.Author {
			_, err := d.onNoteReaction(tx, lateReaction(ev, r, emojiName(r.Emoji)))
			return err
		}
	}
	return nil
}
