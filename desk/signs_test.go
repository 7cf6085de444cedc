package desk

import (
	"testing"
	"time"

	"github.com/perch-chat/perch/bot"
	"github.com/perch-chat/perch/store"
)

func withEmoji(w *world) {
	w.d.opt.Emoji = Emoji{Claim: "hand", Close: "heavy_check_mark", Snooze: "zzz", Note: "lock"}
}

// stands has the desk told which reactions stand on a message.
func (w *world) stands(ref bot.MessageRef, all ...bot.Reaction) {
	w.t.Helper()
	w.n++
	ev := bot.Event{ID: "reread" + string(rune('a'+w.n)), Platform: "webchat", Kind: bot.EventReactions, Channel: support, Message: ref, Reactions: all}
	w.update(func(tx store.Tx) error { _, err := w.d.HandleEvent(tx, ev); return err })
	w.settle()
}

func (w *world) reacts(u bot.User, ref bot.MessageRef, emoji string, on bool) {
	w.t.Helper()
	kind := bot.EventReaction
	if !on {
		kind = bot.EventReactionGone
	}
	w.n++
	ev := bot.Event{ID: "react" + string(rune('a'+w.n)), Platform: "webchat", Kind: kind, User: u, Channel: support, Message: ref, Emoji: emoji, At: time.Now()}
	w.update(func(tx store.Tx) error { _, err := w.d.HandleEvent(tx, ev); return err })
	w.settle()
}

// Reactions that were set while nobody listened are heard afterwards, once.
func TestSignsOfAGap(t *testing.T) {
	sam, lee, rio := agents()
	begin := func(w *world) bot.MessageRef {
		withEmoji(w)
		w.duty(sam, lee)
		w.in("1", "hello")
		return w.conv().CardRef
	}
	scene(t, func(t *testing.T, w *world) {
		card := begin(w)
		w.stands(card, bot.Reaction{User: sam, Emoji: "raised_hand"}, bot.Reaction{User: lee, Emoji: "eyes"})
		same(t, "owner", w.conv().Owner, sam.Ref)
		w.press(sam, "desk.release", w.conv().ID)
		w.stands(card, bot.Reaction{User: sam, Emoji: "raised_hand"})
		same(t, "owner after it was heard", w.conv().Owner, "")
		w.stands(card)
		w.stands(card, bot.Reaction{User: sam, Emoji: "raised_hand"})
		same(t, "owner after it was set anew", w.conv().Owner, sam.Ref)
	})
	scene(t, func(t *testing.T, w *world) { // what was heard at once
		card := begin(w)
		w.reacts(sam, card, "hand", true)
		w.press(sam, "desk.release", w.conv().ID)
		w.stands(card, bot.Reaction{User: sam, Emoji: "hand"})
		same(t, "owner", w.conv().Owner, "")
		w.reacts(sam, card, "hand", false)
		w.stands(card, bot.Reaction{User: sam, Emoji: "hand"})
		same(t, "owner after it was taken back and set anew", w.conv().Owner, sam.Ref)
	})
	scene(t, func(t *testing.T, w *world) { // of the time before signs were remembered
		card := begin(w)
		w.update(func(tx store.Tx) error {
			c := w.conv0(tx)
			c.Signs, c.SignsKnown = nil, false
			return conversations().Put(tx, c)
		})
		w.stands(card, bot.Reaction{User: sam, Emoji: "hand"})
		same(t, "owner", w.conv().Owner, "")
		w.stands(card, bot.Reaction{User: sam, Emoji: "hand"}, bot.Reaction{User: lee, Emoji: "hand"})
		same(t, "owner of the next", w.conv().Owner, lee.Ref)
	})
	scene(t, func(t *testing.T, w *world) { // to close what somebody waits in would leave them alone
		card := begin(w)
		w.stands(card, bot.Reaction{User: sam, Emoji: "heavy_check_mark"}, bot.Reaction{User: sam, Emoji: "hand"})
		same(t, "state", w.conv().State, Claimed)
		contains(t, "told", w.told(sam).msg.Text, "Not closed: Perch was away", "the customer waits")
		w.write(sam, "all is well")
		w.reacts(sam, card, "heavy_check_mark", false)
		w.stands(card, bot.Reaction{User: sam, Emoji: "heavy_check_mark"})
		same(t, "state", w.conv().State, Closed)
		n := w.tells()
		w.stands(card, bot.Reaction{User: lee, Emoji: "heavy_check_mark"}, bot.Reaction{User: sam, Emoji: "heavy_check_mark"})
		same(t, "told of what is closed", w.tells(), n)
	})
	scene(t, func(t *testing.T, w *world) { // who may not, may not afterwards
		card := begin(w)
		w.stands(card, bot.Reaction{User: rio, Emoji: "hand"})
		same(t, "owner", w.conv().Owner, "")
		contains(t, "told", w.told(rio).msg.Text, "Only agents")
	})
	scene(t, func(t *testing.T, w *world) { // a note is the author's to make
		begin(w)
		said := w.write(sam, "he is rude")
		w.stands(said, bot.Reaction{User: lee, Emoji: "lock"})
		same(t, "delivery", w.message(said).Delivery, Unsent)
		w.stands(said, bot.Reaction{User: sam, Emoji: "lock"})
		same(t, "direction", w.message(said).Direction, Note)
		sent := w.sentBy(sam)
		n := w.tells()
		w.stands(sent, bot.Reaction{User: sam, Emoji: "lock"})
		same(t, "told that it is too late, again and again", w.tells(), n)
		same(t, "delivery", w.message(sent).Delivery, Sent)
	})
}

// conv0 is the only conversation.
func (w *world) conv0(tx store.Tx) (c Conversation) {
	all, err := store.Collect(conversations().Scan(tx, store.Range{}))
	if err != nil || len(all) != 1 {
		w.t.Fatalf("%d conversations, %v", len(all), err)
	}
	return all[0]
}

// sentBy has somebody answer.
func (w *world) sentBy(u bot.User) bot.MessageRef {
	w.t.Helper()
	w.press(u, "desk.take", w.conv().ID)
	ref := w.write(u, "hello Ana")
	same(w.t, "delivery", w.message(ref).Delivery, Sent)
	return ref
}

// After a gap the chat is asked which of the agents' messages are still there;
// who deleted one is told what the customer sees, once.
func TestDeletionsOfAGap(t *testing.T) {
	sam, lee, _ := agents()
	scene(t, func(t *testing.T, w *world) {
		w.d.opt.Can = func(_, kind string) bool { return kind == bot.KindHistory }
		withEmoji(w)
		w.duty(sam, lee)
		w.in("1", "hello")
		sent := w.sentBy(sam)
		unsent := w.write(lee, "shall I?")
		note := w.write(sam, "// rude")
		gap := func() bot.History {
			t.Helper()
			w.chat.mu.Lock()
			w.chat.histories = nil
			w.chat.mu.Unlock()
			w.n++
			w.update(func(tx store.Tx) error {
				_, err := w.d.HandleEvent(tx, bot.Event{ID: "gap" + string(rune('a'+w.n)), Platform: "webchat", Kind: bot.EventGap, At: time.Now()})
				return err
			})
			w.settle()
			if len(w.chat.histories) != 1 {
				t.Fatalf("%d threads are read", len(w.chat.histories))
			}
			return w.chat.histories[0]
		}
		h := gap()
		if len(h.Known) != 2 || h.Known[0] != unsent || h.Known[1] != sent || len(h.Marked) != 0 || h.Changes {
			t.Errorf("asked %+v, want %s and %s but not the note %s", h, unsent, sent, note)
		}
		for range 2 {
			w.event(bot.Event{Kind: bot.EventMessageDeleted, Message: sent})
			w.event(bot.Event{Kind: bot.EventMessageDeleted, Message: unsent})
		}
		told := w.told(sam)
		contains(t, "told", told.msg.Text, "The customer still has this message: “hello Ana”")
		same(t, "where", told.msg.Thread, w.conv().CardRef)
		n := 0
		for _, p := range w.chat.posts {
			if p.msg.Only != "" && p.msg.Text == told.msg.Text {
				n++
			}
		}
		same(t, "times told", n, 1)
		same(t, "delivery", w.message(unsent).Delivery, Withdrawn)
		if h = gap(); len(h.Known) != 0 {
			t.Errorf("asked %+v again", h.Known)
		}
		w.wait(72 * time.Hour)
		w.update(func(tx store.Tx) error {
			c := w.conv0(tx)
			c.SignsKnown = false
			return conversations().Put(tx, c)
		})
		if h = gap(); len(h.Known) != 0 || len(h.Marked) != 1 || h.Marked[0] != w.conv().CardRef {
			t.Errorf("asked %+v, want the card's reactions", h)
		}
	})
}
