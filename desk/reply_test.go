package desk

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/perch-chat/perch/bot"
	"github.com/perch-chat/perch/internal/outbox"
	"github.com/perch-chat/perch/store"
)

func asError(err error, e **Error) bool { return errors.As(err, e) }

// talk begins a conversation that Sam has claimed.
func talk(w *world) (sam, lee, rio bot.User) {
	sam, lee, rio = agents()
	w.duty(sam)
	w.in("100", "hi")
	w.press(sam, "desk.claim", w.conv().ID)
	return sam, lee, rio
}

func TestAnswer(t *testing.T) {
	scene(t, func(t *testing.T, w *world) {
		sam, _, _ := talk(w)
		contains(t, "card", all(w.card().msg), "Sam is on it", `"mention":"webchat:U_sam"`)
		w.x.gate = make(chan struct{})
		ref := w.write(sam, "  Hi Ana!  ")
		equal(t, "reactions while it is on its way", w.reactions(ref), []string{markSending})
		close(w.x.gate)
		w.settle()
		equal(t, "reactions", w.reactions(ref), []string{markSent})
		if len(w.x.dms) != 1 || w.x.dms[0].Text != "Hi Ana!" || w.x.dms[0].Recipient != "42" || w.x.dms[0].Account != acme {
			t.Errorf("sent = %+v", w.x.dms)
		}
		c, m := w.conv(), w.message(ref)
		if c.State != Waiting || !c.WaitingSince.IsZero() || c.Unread != 0 || m.Delivery != Sent || m.XID != "9001" {
			t.Errorf("conversation = %+v, message = %+v", c, m)
		}
		contains(t, "card", all(w.card().msg), "waiting for the customer")
		w.in("101", "thanks")
		if c := w.conv(); c.State != Claimed || c.WaitingSince.IsZero() {
			t.Errorf("conversation = %+v, want it with Sam again", c)
		}
		if w.tells() != 0 {
			t.Errorf("Sam was told %q", w.told(sam).msg.Text)
		}
	})
}

func TestAnswersKeepTheirOrder(t *testing.T) {
	scene(t, func(t *testing.T, w *world) {
		sam, _, _ := talk(w)
		later := func(int) error {
			return &outbox.Error{Outcome: outbox.Later, Failure: outbox.Failure{Code: "server", Message: "X is down."}}
		}
		w.x.next = []func(int) error{later, later}
		var want []string
		for i := range 8 {
			want = append(want, fmt.Sprint("part ", i))
			w.write(sam, want[i])
		}
		w.wait(time.Minute)
		w.settle()
		equal(t, "sent", w.x.texts(), want)
	})
}

func TestSameEventTwice(t *testing.T) {
	scene(t, func(t *testing.T, w *world) {
		sam, _, _ := talk(w)
		ref := w.write(sam, "once")
		w.event(bot.Event{Kind: bot.EventMessage, User: sam, Message: ref, Thread: w.conv().CardRef, Text: "once"})
		equal(t, "sent", w.x.texts(), []string{"once"})
	})
}

func TestOnlyTheOwnersWordsGoOut(t *testing.T) {
	scene(t, func(t *testing.T, w *world) {
		sam, lee, rio := agents()
		w.in("100", "hi")

		ref := w.write(sam, "hello") // nobody has claimed it
		contains(t, "told", w.told(sam).msg.Text, "Not sent. Claim this conversation to answer.")
		equal(t, "buttons", buttonIDs(w.told(sam).msg), []string{"desk.keep", "desk.send"})
		send := buttons(w.told(sam).msg)["desk.send"]
		if send.Label != "Claim and send" {
			t.Errorf("button = %q", send.Label)
		}
		w.press(lee, "desk.send", send.Value)
		contains(t, "told", w.told(lee).msg.Text, "Only the one who wrote this can send it.")
		w.press(sam, "desk.send", send.Value)
		equal(t, "sent", w.x.texts(), []string{"hello"})
		equal(t, "reactions", w.reactions(ref), []string{markSent})
		if c := w.conv(); c.Owner != sam.Ref || c.State != Waiting {
			t.Errorf("conversation = %+v, want it Sam's", c)
		}
		w.press(sam, "desk.send", send.Value)
		contains(t, "told", w.told(sam).msg.Text, "already decided")

		ref = w.write(lee, "and me") // somebody else has
		contains(t, "told", w.told(lee).msg.Text, "Not sent. Sam has this conversation.")
		w.press(lee, "desk.keep", buttons(w.told(lee).msg)["desk.keep"].Value)
		equal(t, "reactions", w.reactions(ref), []string{markNote})

		w.write(lee, "let me")
		w.press(lee, "desk.send", buttons(w.told(lee).msg)["desk.send"].Value)
		if c := w.conv(); c.Owner != lee.Ref {
			t.Errorf("owner = %q, want Lee, who took over", c.Owner)
		}
		contains(t, "thread", strings.Join(w.thread(), "\n"), "Sam: Lee took this conversation over.")

		ref = w.write(rio, "I know this one")
		contains(t, "told", w.told(rio).msg.Text, "only agents can answer")
		if m := w.message(ref); m.Direction != Note {
			t.Errorf("message = %+v, want it kept inside", m)
		}
		for _, id := range []string{"desk.claim", "desk.take", "desk.close", "desk.release", "desk.transfer"} {
			w.press(rio, id, w.conv().ID)
			contains(t, id, w.told(rio).msg.Text, "Only agents can do this")
		}
		equal(t, "sent", w.x.texts(), []string{"hello", "let me"})
	})
}

func TestInternal(t *testing.T) {
	scene(t, func(t *testing.T, w *world) {
		sam, lee, rio := talk(w)
		for _, u := range []bot.User{sam, lee, rio} {
			for _, text := range []string{"note: is this a refund?", "NOTE:look", "// ask billing", ";; hm", "  //x", "🔒 hush", ":lock: hush"} {
				ref := w.write(u, text)
				equal(t, "reactions", w.reactions(ref), []string{markNote})
			}
		}
		if len(w.x.texts()) != 0 || w.tells() != 0 {
			t.Errorf("sent %q, told %d times", w.x.texts(), w.tells())
		}
		w.write(sam, "notes: it is a word")
		equal(t, "sent", w.x.texts(), []string{"notes: it is a word"})
	})
}

func TestUnsendable(t *testing.T) {
	scene(t, func(t *testing.T, w *world) {
		sam, _, _ := talk(w)
		long := strings.Repeat("é", MaxText+321)
		ref := w.write(sam, long)
		contains(t, "told", w.told(sam).msg.Text, "10,321", "10,000", "Shorten it by 321")
		w.write(sam, "   ")
		contains(t, "told", w.told(sam).msg.Text, "There is no text to send")
		w.write(sam, "see this", bot.File{Name: "a.png"})
		contains(t, "told", w.told(sam).msg.Text, "Files are switched off")
		if len(w.x.texts()) != 0 {
			t.Errorf("sent = %q", w.x.texts())
		}
		w.event(bot.Event{Kind: bot.EventMessageEdited, User: sam, Message: ref, Thread: w.conv().CardRef, Text: "shorter"})
		equal(t, "sent after the edit", w.x.texts(), []string{"shorter"})
		w.write(sam, strings.Repeat("x", MaxText))
		if n := len(w.x.texts()); n != 2 {
			t.Errorf("%d sent: %s characters have to be allowed", n, thousands(MaxText))
		}
	})
}

func TestSignature(t *testing.T) {
	for name, want := range map[string]string{"none": "hi", "name": "hi\n^Sam", "username": "hi\n^sam"} {
		scene(t, func(t *testing.T, w *world) {
			sam, _, _ := talk(w)
			w.set("agents_display_name", name)
			w.write(sam, "hi")
			equal(t, name, w.x.texts(), []string{want})
		})
	}
}

func TestClaimRace(t *testing.T) {
	scene(t, func(t *testing.T, w *world) {
		w.d.opt.Roles = nil // everybody is an agent
		w.in("100", "hi")
		id := w.conv().ID
		var wg sync.WaitGroup
		errs := make([]error, 50)
		for i := range errs {
			wg.Go(func() {
				errs[i] = w.db.Update(t.Context(), func(tx store.Tx) error {
					_, err := w.d.Claim(tx, id, bot.User{Ref: bot.UserRef(fmt.Sprint("webchat:", i)), Name: fmt.Sprint("Agent ", i)})
					return err
				})
			})
		}
		wg.Wait()
		won := 0
		c := w.conv()
		for i, err := range errs {
			var e *Error
			switch {
			case err == nil:
				won++
				if c.OwnerName != fmt.Sprint("Agent ", i) {
					t.Errorf("agent %d won, but %s has it", i, c.OwnerName)
				}
			case !errors.As(err, &e) || e.Code != CodeClaimed || !strings.Contains(e.Message, c.OwnerName):
				t.Errorf("agent %d: %v, want to be told who has it", i, err)
			}
		}
		if won != 1 {
			t.Errorf("%d agents won, want 1", won)
		}
	})
}

func TestSecondClaimIsTold(t *testing.T) {
	scene(t, func(t *testing.T, w *world) {
		_, lee, _ := talk(w)
		w.press(lee, "desk.claim", w.conv().ID)
		contains(t, "told", w.told(lee).msg.Text, "Sam has this conversation.")
		take := buttons(w.told(lee).msg)["desk.take"]
		if take.Confirm == "" {
			t.Error("taking over does not ask first")
		}
		w.press(lee, "desk.take", take.Value)
		if c := w.conv(); c.Owner != lee.Ref {
			t.Errorf("owner = %q", c.Owner)
		}
		w.press(lee, "desk.release", w.conv().ID)
		if c := w.conv(); c.Owner != "" || c.State != Queued {
			t.Errorf("conversation = %+v, want it back in the queue", c)
		}
	})
}

func TestClose(t *testing.T) {
	scene(t, func(t *testing.T, w *world) {
		sam, lee, _ := talk(w)
		w.set("finished", "Thank you, goodbye!")
		ref := w.write(sam, "done")
		w.press(sam, "desk.close", w.conv().ID)
		equal(t, "sent", w.x.texts(), []string{"done", "Thank you, goodbye!"})
		contains(t, "card", all(w.card().msg), "Closed by Sam")
		equal(t, "buttons", buttonIDs(w.card().msg), []string{"desk.open", "desk.reopen"})
		contains(t, "thread", strings.Join(w.thread(), "\n"), "Sam closed the conversation.")
		equal(t, "reactions", w.reactions(ref), []string{markSent})
		w.press(lee, "desk.close", w.conv().ID)
		contains(t, "told", w.told(lee).msg.Text, "Sam already closed")

		w.write(sam, "wait")
		contains(t, "told", w.told(sam).msg.Text, "Not sent. This conversation is closed.")
		w.press(sam, "desk.send", buttons(w.told(sam).msg)["desk.send"].Value)
		equal(t, "sent", w.x.texts()[2:], []string{"wait"})
		if c := w.conv(); !c.Open() || c.Owner != sam.Ref {
			t.Errorf("conversation = %+v, want it open again", c)
		}
	})
}

func TestEditing(t *testing.T) {
	scene(t, func(t *testing.T, w *world) {
		sam, _, _ := talk(w)
		edit := func(ref bot.MessageRef, text string) {
			w.event(bot.Event{Kind: bot.EventMessageEdited, User: sam, Message: ref, Thread: w.conv().CardRef, Text: text})
		}
		sent := w.write(sam, "frist")
		edit(sent, "first")
		contains(t, "told", w.told(sam).msg.Text, "still sees your first text: “frist”")

		w.hold("reconnect", time.Time{})
		queued := w.write(sam, "secnod")
		edit(queued, "second")
		gone := w.write(sam, "third")
		w.event(bot.Event{Kind: bot.EventMessageDeleted, User: sam, Message: gone})
		equal(t, "reactions of what was withdrawn", w.reactions(gone), nil)
		inner := w.write(sam, "secret")
		edit(inner, "note: secret")
		equal(t, "reactions of what became a note", w.reactions(inner), []string{markNote})
		tells := w.tells()
		edit(queued, strings.Repeat("x", MaxText+1))
		contains(t, "told", w.told(sam).msg.Text, "Not changed: your first text still goes out.", "Shorten it by 1")
		if w.tells() != tells+1 {
			t.Errorf("told %d times, want once", w.tells()-tells)
		}
		w.release()
		equal(t, "sent", w.x.texts(), []string{"frist", "second"})

		w.event(bot.Event{Kind: bot.EventMessageDeleted, User: sam, Message: queued})
		contains(t, "told", w.told(sam).msg.Text, "The customer still has this message: “second”")

		// In a chat that does not say who deleted it, and where.
		nobodys := w.write(sam, "fourth")
		w.event(bot.Event{Kind: bot.EventMessageDeleted, Message: nobodys})
		told := w.told(sam).msg
		contains(t, "told", told.Text, "The customer still has this message: “fourth”")
		equal(t, "where and to whom", []string{string(told.Thread), string(told.Only)}, []string{string(w.conv().CardRef), string(sam.Ref)})
	})
}

func (w *world) hold(code string, until time.Time) {
	w.t.Helper()
	w.update(func(tx store.Tx) error {
		return w.ob.Hold(tx, outbox.Hold{Lane: "x:" + acme, Code: code, Message: "X takes no more for now.", Until: until})
	})
	w.settle()
}

func (w *world) release() {
	w.t.Helper()
	w.update(func(tx store.Tx) error { return w.ob.Release(tx, "x:"+acme) })
	w.settle()
}

func TestUnknownThread(t *testing.T) {
	scene(t, func(t *testing.T, w *world) {
		sam, _, _ := agents()
		ev := bot.Event{ID: "e", Kind: bot.EventMessage, User: sam, Channel: support, Message: "webchat:x", Thread: "webchat:other", Text: "lunch?"}
		handle := func() (handled bool, err error) {
			err = w.db.Update(t.Context(), func(tx store.Tx) error { handled, err = w.d.HandleEvent(tx, ev); return err })
			return handled, err
		}
		if handled, err := handle(); handled || err != nil {
			t.Errorf("HandleEvent = %t, %v, want a thread of others left alone", handled, err)
		}
		w.chat.down = true // a card is on its way: the thread may be its
		w.in("100", "hi")
		if _, err := handle(); !errors.Is(err, errNotYet) {
			t.Errorf("error = %v, want to be asked again", err)
		}
		w.wait(2 * justPosted)
		if handled, err := handle(); handled || err != nil {
			t.Errorf("HandleEvent = %t, %v, want other threads to go on while the chat is down", handled, err)
		}
	})
}
