package desk

import (
	"fmt"
	"testing"
	"time"

	"github.com/perch-chat/perch/bot"
	"github.com/perch-chat/perch/internal/outbox"
	"github.com/perch-chat/perch/store"
)

// move has customers come to another department of the chat.
func (w *world) moveTo(name string) {
	w.t.Helper()
	w.update(func(tx store.Tx) error {
		return w.d.SetDepartment(tx, Department{ID: "support", Name: "Support", Channel: bot.LiveChannel("webchat", name)})
	})
}

// TestLiveAnotherDepartment: who could not be brought to a department that is
// not there comes to the one that counts now, with all that they wrote.
func TestLiveAnotherDepartment(t *testing.T) {
	t.Run("by itself", func(t *testing.T) { anotherDepartment(t, false) })
	t.Run("by a button", func(t *testing.T) { anotherDepartment(t, true) })
}

func anotherDepartment(t *testing.T, asks bool) {
	t.Helper()
	service(t, func(t *testing.T, w *world) {
		sam, _, rio := agents()
		admins := w.admins()
		w.moveTo("Nowhere")
		picture := func(in *Inbound) { in.Files = []File{{Name: "a", Type: "image/png", URL: "x:a"}} }
		w.set("file_upload", "on")
		w.in("1", "one")
		w.in("2", "two", picture)
		retry := func() { w.event(bot.Event{Kind: bot.EventAction, User: sam, Action: "desk.room", Value: w.conv().ID}) }
		retry() // nothing has changed
		if asks {
			w.update(func(tx store.Tx) error {
				return departments().Put(tx, Department{ID: "support", Name: "Support", Channel: rooms})
			})
			w.in("3", "three")
			retry()
		} else { // as a start with another configuration does
			w.moveTo("Sales")
			w.settle()
			w.in("3", "three")
		}
		if len(*admins) != 2 {
			t.Errorf("the admins were told %d times, want 2", len(*admins))
		}
		c := w.conv()
		equal(t, "the room", w.shownIn(c.CardRef), []string{"one", "two", "three"})
		equal(t, "files", w.filesIn(c.CardRef), []string{"x:a"})
		w.write(rio, "hello")
		equal(t, "X", w.x.texts(), []string{"hello"})
	})
}

// TestLiveNewDefault: who waits for a department's room goes where all go from
// now on, without a word of anybody's.
func TestLiveNewDefault(t *testing.T) {
	service(t, func(t *testing.T, w *world) {
		w.set("service_unavailable", "Nobody is here.")
		w.moveTo("Sales")
		w.update(func(tx store.Tx) error {
			return w.d.SetDepartment(tx, Department{ID: "zbilling", Name: "Billing", Channel: "webchat:omnichannel:Nowhere"})
		})
		w.set("default_department", "zbilling")
		w.in("1", "one")
		w.in("2", "two")
		if len(w.chat.visitors) != 0 {
			t.Fatalf("visitors %+v", w.chat.visitors)
		}
		w.set("default_department", "support")
		w.settle()
		equal(t, "the room", w.shownIn(w.conv().CardRef), []string{"one", "two"})

		// The same for those who wait because nobody is there.
		w.chat.mu.Lock()
		w.chat.away = true
		w.chat.mu.Unlock()
		w.in("3", "three", func(in *Inbound) { in.From = Contact{ID: "43", Handle: "bo", Name: "Bo"} })
		w.chat.mu.Lock()
		w.chat.away, w.chat.anywhere = false, true
		w.chat.mu.Unlock()
		w.set("default_department", "zbilling")
		w.settle()
		equal(t, "the room of Bo", w.shownIn(w.conv().CardRef), []string{"three"})
		equal(t, "X", w.x.texts(), []string{"Nobody is here."})
	})
}

// TestLiveWhichAccount: where there are several accounts, agents see to which of
// them a customer wrote, and each of the two gets its own answers.
func TestLiveWhichAccount(t *testing.T) {
	service(t, func(t *testing.T, w *world) {
		_, _, rio := agents()
		w.in("1", "to acme")
		if v := w.chat.visitors[0]; v.Account != "" {
			t.Errorf("the only account is named: %+v", v)
		}
		w.d.opt.Accounts = handles{both: true}
		w.in("2", "to beta", func(in *Inbound) { in.Account = beta })
		w.in("m1", "@acme hello", func(in *Inbound) { in.Kind, in.XConversation, in.From.ID = Mention, "m1", "43" })
		v := w.chat.visitors
		if len(v) != 3 || v[1].Account != "beta" || v[2].Account != "acme" || v[0].Key == v[1].Key {
			t.Fatalf("visitors %+v", v)
		}
		for i, account := range []string{acme, beta} {
			ref, text := bot.MessageRef(fmt.Sprintf("webchat:room%d:live", i+1)), "answer of "+account
			w.event(bot.Event{Kind: bot.EventMessage, User: rio, Message: ref + "m", Thread: ref, Text: text})
			if sent := w.x.dms; len(sent) != i+1 || sent[i].Account != account || sent[i].Text != text {
				t.Errorf("sent %+v", sent)
			}
		}
	})
}

// TestLiveReopenedElsewhere: a closed conversation goes on with the department
// that serves customers now.
func TestLiveReopenedElsewhere(t *testing.T) {
	service(t, func(t *testing.T, w *world) {
		_, _, rio := agents()
		w.in("1", "one")
		w.held(func() {
			w.in("2", "two")
			w.shutRoom(w.conv().CardRef)
			w.room(bot.EventClosed, rio, "")
			w.moveTo("Billing")
			w.chat.mu.Lock()
			w.chat.anywhere = true
			w.chat.mu.Unlock()
			w.in("3", "three")
		})
		v := w.chat.visitors
		if len(v) != 2 || v[1].Department != "Billing" {
			t.Errorf("visitors %+v, want the second in Billing", v)
		}
		equal(t, "the room", w.shownIn(w.conv().CardRef), []string{"two", "three"})
	})
}

// TestFinishedOnce: who only says thanks, or has a machine say something, is not
// told again that the conversation is over.
func TestFinishedOnce(t *testing.T) {
	service(t, func(t *testing.T, w *world) {
		_, _, rio := agents()
		w.set("finished", "Goodbye!")
		w.in("1", "one")
		w.write(rio, "hello")
		w.room(bot.EventClosed, rio, "")
		for i := range 3 { // a machine that answers each of our messages
			w.in("auto"+string(rune('a'+i)), "Thank you for your message!")
			w.room(bot.EventClosed, bot.User{Name: "Rocket.Cat"}, "nobody wrote")
		}
		equal(t, "X", w.x.texts(), []string{"hello", "Goodbye!"})
		w.in("2", "two")
		w.write(rio, "again")
		w.room(bot.EventClosed, rio, "")
		equal(t, "X", w.x.texts(), []string{"hello", "Goodbye!", "again", "Goodbye!"})
	})
	scene(t, func(t *testing.T, w *world) {
		sam, _, _ := agents()
		w.set("finished", "Goodbye!")
		w.in("1", "one")
		for range 2 {
			id := w.conv().ID
			w.update(func(tx store.Tx) error { _, err := w.d.Close(tx, id, sam); return err })
			w.settle()
			w.in(time.Now().String(), "thanks")
		}
		equal(t, "X, from a channel", w.x.texts(), []string{"Goodbye!"})
	})
}

// TestLiveGoodbyeFails: nobody is asked what to do about a goodbye that X does
// not take; about an answer they are.
func TestLiveGoodbyeFails(t *testing.T) {
	service(t, func(t *testing.T, w *world) {
		_, _, rio := agents()
		admins := w.admins()
		w.set("finished", "Goodbye!")
		w.in("1", "one")
		w.x.next = append(w.x.next, rejected("The customer takes no messages."))
		w.shutRoom(w.conv().CardRef)
		w.room(bot.EventClosed, rio, "")
		if len(*admins) != 0 {
			t.Errorf("the admins were told %q", (*admins)[0].Text)
		}
		if m := w.messages(); len(m) != 2 || m[1].Delivery != Failed || m[1].Reason != "The customer takes no messages." {
			t.Errorf("messages %+v", m)
		}
		w.x.next = append(w.x.next, rejected("The customer takes no messages."))
		w.write(rio, "one more thing")
		if len(*admins) != 1 {
			t.Errorf("the admins were told %d times of an answer, want 1", len(*admins))
		}
	})
}

// TestLiveMentionRooms: each room of a public conversation says that it is public.
func TestLiveMentionRooms(t *testing.T) {
	service(t, func(t *testing.T, w *world) {
		_, _, rio := agents()
		post := func(id string) {
			w.in(id, "@acme hello", func(in *Inbound) { in.Kind, in.XConversation = Mention, "m1" })
		}
		post("m1")
		w.room(bot.EventClosed, rio, "")
		post("m2")
		var said []bot.MessageRef
		for _, p := range w.chat.posts {
			if p.msg.Author == nil && p.msg.Thread != "" {
				contains(t, "note", p.msg.Text, "public")
				said = append(said, p.msg.Thread)
			}
		}
		if len(said) != 2 || said[1] != w.conv().CardRef {
			t.Errorf("said in %q", said)
		}
	})
}

// TestLiveDeletedOnTheWay: words that their author took back before they were
// shown are shown nowhere.
func TestLiveDeletedOnTheWay(t *testing.T) {
	service(t, func(t *testing.T, w *world) {
		w.in("1", "one")
		w.held(func() {
			w.in("2", "two")
			w.in("3", "three")
			w.update(func(tx store.Tx) error { return w.d.Deleted(tx, acme, DM, "2") })
			w.shutRoom(w.conv().CardRef)
		})
		equal(t, "the new room", w.shownIn(w.conv().CardRef), []string{wasDeleted, "three"})
	})
}

// TestLiveLostBehind: what was never shown of a conversation that another has
// followed is told in that one.
func TestLiveLostBehind(t *testing.T) {
	service(t, func(t *testing.T, w *world) {
		_, _, rio := agents()
		w.in("1", "one")
		old := w.conv().CardRef
		lane := channelLane(rooms)
		w.update(func(tx store.Tx) error { return w.ob.Hold(tx, outbox.Hold{Lane: lane, Code: "test", Message: "Wait."}) })
		w.in("2", "two")
		w.shutRoom(old)
		w.room(bot.EventClosed, rio, "")
		w.wait(8 * 24 * time.Hour)
		w.in("3", "three")
		w.update(func(tx store.Tx) error { return w.ob.Release(tx, lane) })
		w.settle()
		equal(t, "the new room", w.shownIn(w.conv().CardRef), []string{"three"})
		equal(t, "the bot's words", w.notes(), []string{"⚠ The customer wrote something that can't be shown here. It is closed. Read it on X."})
	})
}
