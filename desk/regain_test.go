package desk

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/perch-chat/perch/bot"
)

// deleteCard deletes the conversation's card in the chat, as an admin can.
func (w *world) deleteCard() bot.MessageRef {
	ref := w.conv().CardRef
	w.chat.mu.Lock()
	defer w.chat.mu.Unlock()
	w.chat.posts = slices.DeleteFunc(w.chat.posts, func(p *post) bool { return p.ref == ref })
	return ref
}

// below is what stands in the thread of the newest card.
func (w *world) below() (texts []string) {
	ref := w.conv().CardRef
	for _, p := range w.chat.posts {
		if p.msg.Thread == ref && p.msg.Only == "" {
			texts = append(texts, p.msg.Text)
		}
	}
	return texts
}

func TestCardIsDeleted(t *testing.T) {
	scene(t, func(t *testing.T, w *world) {
		sam, _, _ := talk(w)
		w.write(sam, "Hello Ana")
		was := w.deleteCard()
		w.chat.mu.Lock()
		w.chat.down = true // so that several find it gone at once
		w.chat.mu.Unlock()
		w.in("101", "one")
		w.in("102", "two")
		w.chat.mu.Lock()
		w.chat.down = false
		w.chat.mu.Unlock()
		w.wait(time.Minute)
		w.settle()
		c := w.conv()
		if c.CardRef == "" || c.CardRef == was || c.Cards != 2 || c.Owner != sam.Ref {
			t.Fatalf("conversation = %+v, want one new card", c)
		}
		contains(t, "card", all(w.card().msg), "Ana (@ana)", "two", "Sam is on it")
		got := w.below()
		if len(got) != 4 || !strings.HasPrefix(got[0], "Sam: The conversation's card was deleted") || !slices.Equal(got[2:], []string{"one", "two"}) {
			t.Fatalf("thread = %q", got)
		}
		contains(t, "recap", got[1], "Ana (@ana): hi", "Sam: Hello Ana")
		if strings.Contains(got[1], "one") {
			t.Errorf("recap = %q, want nothing twice", got[1])
		}
		w.write(sam, "I'm back")
		equal(t, "sent", w.x.texts(), []string{"Hello Ana", "I'm back"})
		w.event(bot.Event{Kind: bot.EventMessage, User: sam, Message: "webchat:old", Thread: was, Text: "in the old thread"})
		equal(t, "sent", w.x.texts(), []string{"Hello Ana", "I'm back"})
	})
}

// Nobody writes: the card that tells the waiting time is missed too.
func TestCardIsDeletedWhileTheCustomerWaits(t *testing.T) {
	scene(t, func(t *testing.T, w *world) {
		w.in("100", "hi")
		was := w.deleteCard()
		w.pass(6 * time.Minute)
		c := w.conv()
		if c.CardRef == was || c.CardRef == "" {
			t.Errorf("conversation = %+v, want a new card", c)
		}
		contains(t, "thread", strings.Join(w.below(), "\n"), "card was deleted", "Ana (@ana): hi")
		sam, _, _ := agents()
		w.press(sam, "desk.close", c.ID)
		w.deleteCard()
		w.press(sam, "desk.reopen", c.ID) // the edit of a closed one's card finds it gone
		if c := w.conv(); c.Cards > 3 {
			t.Errorf("%d cards", c.Cards)
		}
	})
}
