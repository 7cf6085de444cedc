package desk

import (
	"strings"
	"testing"
	"time"

	"github.com/perch-chat/perch/bot"
	"github.com/perch-chat/perch/internal/outbox"
)

// TestLiveUnserved: the chat lets customers in whom nobody serves. They are told
// so, once in a while, and are not welcomed.
func TestLiveUnserved(t *testing.T) {
	service(t, func(t *testing.T, w *world) {
		_, _, rio := agents()
		w.set("welcome", "Welcome!")
		w.set("service_unavailable", "Nobody is here.")
		idle := func(is bool) {
			w.chat.mu.Lock()
			defer w.chat.mu.Unlock()
			w.chat.idle = is
		}
		idle(true)
		w.in("1", "one")
		w.in("2", "two")
		equal(t, "the room", w.shownIn(w.conv().CardRef), []string{"one", "two"})
		equal(t, "X", w.x.texts(), []string{"Nobody is here."})
		equal(t, "the bot's words", w.notes(), []string{"Nobody was online. The customer was told: “Nobody is here.”"})
		w.wait(13 * time.Hour)
		idle(false)
		w.in("3", "three")
		equal(t, "X, while somebody is online", w.x.texts(), []string{"Nobody is here."})
		idle(true)
		w.in("4", "four")
		equal(t, "X, the next day", w.x.texts(), []string{"Nobody is here.", "Nobody is here."})
		w.wait(13 * time.Hour)
		w.room(bot.EventTaken, rio, "")
		n := w.chat.asked
		w.in("5", "five")
		if len(w.x.texts()) != 2 || w.chat.asked != n {
			t.Errorf("a customer with an agent: %q", w.x.texts())
		}
	})
	t.Run("and then somebody comes", func(t *testing.T) {
		service(t, func(t *testing.T, w *world) {
			w.set("welcome", "Welcome!")
			w.set("service_unavailable", "Nobody is here.")
			w.in("1", "one")
			equal(t, "X", w.x.texts(), []string{"Welcome!"})
		})
	})
}

// TestLiveColleagues: who calls a colleague writes to them, not to the customer.
func TestLiveColleagues(t *testing.T) {
	service(t, func(t *testing.T, w *world) {
		_, lee, rio := agents()
		w.in("1", "one")
		say := func(text string) Message {
			w.chat.mu.Lock()
			w.chat.n++
			ref := bot.MessageRef("webchat:says" + text[:2] + string(rune('a'+w.chat.n)))
			w.chat.mu.Unlock()
			w.event(bot.Event{
				Kind: bot.EventMessage, User: rio, Message: ref, Thread: w.conv().CardRef, Text: text,
				Names: []bot.Named{{User: lee.Ref, Text: "@lee"}},
			})
			return w.message(ref)
		}
		m := say("@lee can you look?")
		if got := w.x.texts(); len(got) != 0 {
			t.Fatalf("the customer got %q", got)
		}
		asked := w.told(rio)
		contains(t, "asked", asked.msg.Text, "it names @lee", "the customer would read that")
		equal(t, "buttons", buttonIDs(asked.msg), []string{"desk.keep", "desk.send"})
		w.press(lee, "desk.send", m.ID)
		contains(t, "told", w.told(lee).msg.Text, "Only the one who wrote this")
		w.press(rio, "desk.send", m.ID)
		equal(t, "X", w.x.texts(), []string{"@lee can you look?"})
		m = say("@lee never mind")
		w.press(rio, "desk.keep", m.ID)
		if m = w.message(m.ChatRef); m.Direction != Note || len(w.x.texts()) != 1 {
			t.Errorf("kept: %+v, X has %q", m, w.x.texts())
		}
	})
}

// TestLiveMistypedCommand: a command that nobody knows is not for the customer
// without a question. The chat hands such words on as a message.
func TestLiveMistypedCommand(t *testing.T) {
	service(t, func(t *testing.T, w *world) {
		_, _, rio := agents()
		w.in("1", "one")
		for _, text := range []string{"/note the customer is rude", "/claim", "!close", "/Note\nx"} {
			ref := w.write(rio, text)
			if got := w.x.texts(); len(got) != 0 {
				t.Fatalf("the customer got %q", got)
			}
			asked := w.told(rio)
			contains(t, "asked", asked.msg.Text, "Not sent yet: it begins with "+text[:2], "as a command does", "the customer would read that")
			equal(t, "buttons", buttonIDs(asked.msg), []string{"desk.keep", "desk.send"})
			w.press(rio, "desk.keep", w.message(ref).ID)
		}
		var want []string
		for _, text := range []string{"/etc/hosts is a file", "/ is a slash", "! yes", "http://x.com", "1/a"} {
			w.write(rio, text)
			want = append(want, text)
		}
		equal(t, "X", w.x.texts(), want)
		ref := w.write(rio, "/shipping is free")
		w.press(rio, "desk.send", w.message(ref).ID)
		equal(t, "X", w.x.texts(), append(want, "/shipping is free"))
	})
}

// TestLiveCloseWord: an agent may close a room with a word, too.
func TestLiveCloseWord(t *testing.T) {
	service(t, func(t *testing.T, w *world) {
		_, _, rio := agents()
		w.set("finished", "Goodbye!")
		w.in("1", "one")
		room := w.conv().CardRef
		word := func() {
			w.event(bot.Event{Kind: bot.EventCommand, User: rio, Thread: room, Channel: "webchat:room", Text: "close"})
		}
		w.chat.mu.Lock()
		w.chat.leave = &outbox.Error{Outcome: outbox.Rejected, Failure: outbox.Failure{Code: "tags", Message: "Tags are needed."}}
		w.chat.mu.Unlock()
		word()
		contains(t, "the room", w.last().msg.Text, "⚠ Not closed. Tags are needed.")
		w.chat.mu.Lock()
		w.chat.leave = nil
		w.chat.mu.Unlock()
		word()
		if c := w.conv(); c.Open() || c.ClosedBy != "Rio" || !w.chat.shut[room] {
			t.Errorf("closed: %+v", c)
		}
		equal(t, "X", w.x.texts(), []string{"Goodbye!"})
		w.event(bot.Event{Kind: bot.EventClosed, User: bot.User{Name: "twitter.bot"}, Thread: room}) // the chat says so, too
		equal(t, "X", w.x.texts(), []string{"Goodbye!"})
	})
}

// TestLiveRefusedAtTheEnd: who writes what can't be sent, and closes the room at
// once, is not left in the belief that it was.
func TestLiveRefusedAtTheEnd(t *testing.T) {
	service(t, func(t *testing.T, w *world) {
		_, _, rio := agents()
		admins := w.admins()
		w.in("1", "one")
		w.shutRoom(w.conv().CardRef)
		w.write(rio, strings.Repeat("x", MaxText+1))
		if len(*admins) != 1 {
			t.Fatalf("the admins were told %d times, want 1", len(*admins))
		}
		contains(t, "the admins", all((*admins)[0]), "Ana (@ana)", "Not sent", "Shorten it")
	})
}
