package desk

import (
	"github.com/perch-chat/perch/bot"
	"github.com/perch-chat/perch/store"
)

// onReaction does what a button of the card would do, or keeps one's own words
// among agents. All other reactions are for others.
func (d *Desk) onReaction(tx store.Tx, ev bot.Event) (bool, error) {
	e := d.opt.Emoji
	ev.Emoji = emojiName(ev.Emoji)
	switch ev.Emoji {
	case "":
		return false, nil
	case emojiName(e.Claim), emojiName(e.Close), emojiName(e.Snooze):
		return d.onCardReaction(tx, ev)
	case emojiName(e.Note):
		return d.onNoteReaction(tx, ev)
	}
	return false, nil
}

// emojiName is the name by which chats tell of an emoji that has several: they
// agree with https://github.com/iamcal/emoji-data, which Slack's names are from.
func emojiName(s string) string {
	switch s {
	case "raised_hand":
		return "hand"
	case "thumbsup":
		return "+1"
	case "thumbsdown":
		return "-1"
	}
	return s
}

func (d *Desk) onCardReaction(tx store.Tx, ev bot.Event) (bool, error) {
	ev.Thread = ev.Message // of the card: what is answered stands below it
	c, ok, err := d.thread(tx, ev)
	if err != nil || !ok {
		return false, err
	}
	if c.CardRef != ev.Message {
		return true, d.tell(tx, ev, "This conversation goes on elsewhere: look for its newer card.")
	}
	if err := d.heardSign(tx, &c, ev); err != nil {
		return true, err
	}
	ev.Value = c.ID
	switch ev.Emoji {
	case emojiName(d.opt.Emoji.Claim):
		_, err = d.claim(tx, c.ID, ev)
	case emojiName(d.opt.Emoji.Close):
		_, err = d.Close(tx, c.ID, ev.User)
	default:
		err = d.askSnooze(tx, ev)
	}
	return true, d.answer(tx, ev, err)
}

func (d *Desk) onNoteReaction(tx store.Tx, ev bot.Event) (bool, error) {
	m, ok, err := messages().First(tx, "chat", store.Key(string(ev.Message)))
	if err != nil || !ok || m.Origin != Agent || m.Author != ev.User.Ref {
		return false, err
	}
	c, err := d.Get(tx, m.Conversation)
	if err != nil {
		return true, err
	}
	ev.Thread = c.CardRef
	switch m.Delivery {
	case Sent, Stuck:
		return true, d.tell(tx, ev, "Too late to keep it among you. "+customerHasIt(m))
	case Sending, Failed:
		if _, err := d.ob.Cancel(tx, m.Action, string(ev.User.Ref)); err != nil {
			return true, d.tooLate(tx, ev, m, err)
		}
		if err := d.withdrawMore(tx, ev, m); err != nil {
			return true, err
		}
		if m, c, err = d.message(tx, m.ID); err != nil { // as the withdrawal left it
			return true, err
		}
	case Unsent, Refused, Withdrawn:
	default:
		return true, nil // it is a note
	}
	if err := d.dropOffer(tx, &m); err != nil {
		return true, err
	}
	m.Direction, m.Delivery, m.Reason = Note, "", ""
	if err := d.mark(tx, c, &m, markNote); err != nil {
		return true, err
	}
	return true, messages().Put(tx, m)
}
