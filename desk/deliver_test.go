package desk

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/perch-chat/perch/bot"
	"github.com/perch-chat/perch/internal/outbox"
	"github.com/perch-chat/perch/store"
)

func TestRejected(t *testing.T) {
	scene(t, func(t *testing.T, w *world) {
		sam, _, rio := talk(w)
		w.x.next = []func(int) error{rejected("The customer takes no direct messages.")}
		ref := w.write(sam, "hello")
		equal(t, "reactions", w.reactions(ref), []string{markTrouble})
		notice := w.last()
		contains(t, "notice", notice.msg.Text, "Not sent", "“hello”", "The customer takes no direct messages.")
		equal(t, "buttons", buttonIDs(notice.msg), []string{"desk.discard", "desk.retry"})
		if c := w.conv(); c.State != Claimed || c.WaitingSince.IsZero() {
			t.Errorf("conversation = %+v, want the customer still waiting", c)
		}
		contains(t, "card", all(w.card().msg), "Sam is on it")

		retry := buttons(notice.msg)["desk.retry"].Value
		w.press(rio, "desk.retry", retry)
		contains(t, "told", w.told(rio).msg.Text, "Only agents")
		w.press(sam, "desk.retry", retry)
		equal(t, "sent", w.x.texts(), []string{"hello"})
		equal(t, "reactions", w.reactions(ref), []string{markSent})
		contains(t, "notice", all(notice.msg), "✅ Sent: “hello”.")
		if c := w.conv(); c.State != Waiting {
			t.Errorf("state = %q after the retry", c.State)
		}
		w.press(sam, "desk.retry", retry)
		contains(t, "told", w.told(sam).msg.Text, "already sent")
		w.press(sam, "desk.discard", retry)
		equal(t, "sent", w.x.texts(), []string{"hello"})
	})
}

func TestRetrySendsTheEditedText(t *testing.T) {
	scene(t, func(t *testing.T, w *world) {
		sam, _, _ := talk(w)
		w.x.next = []func(int) error{rejected("X does not take this.")}
		ref := w.write(sam, "wrong")
		w.event(bot.Event{Kind: bot.EventMessageEdited, User: sam, Message: ref, Text: "right"})
		contains(t, "told", w.told(sam).msg.Text, "Press Retry")
		w.press(sam, "desk.retry", w.message(ref).ID)
		equal(t, "sent", w.x.texts(), []string{"right"})
		equal(t, "reactions", w.reactions(ref), []string{markSent})
	})
}

func TestDiscard(t *testing.T) {
	scene(t, func(t *testing.T, w *world) {
		sam, _, _ := talk(w)
		w.x.next = []func(int) error{rejected("No.")}
		ref := w.write(sam, "hello")
		notice := w.last()
		w.press(sam, "desk.discard", w.message(ref).ID)
		equal(t, "reactions", w.reactions(ref), nil)
		contains(t, "notice", notice.msg.Text, "Discarded")
		if m := w.message(ref); m.Delivery != Withdrawn || len(w.x.texts()) != 0 {
			t.Errorf("message = %+v, sent %q", m, w.x.texts())
		}
	})
}

func TestStuck(t *testing.T) {
	for _, button := range []string{"desk.settle", "desk.retry", "desk.discard"} {
		t.Run(button, func(t *testing.T) {
			scene(t, func(t *testing.T, w *world) {
				sam, _, _ := talk(w)
				w.x.next = []func(int) error{uncertain}
				ref := w.write(sam, "hello")
				w.write(sam, "and more")
				equal(t, "sent behind a message that may be lost", w.x.texts(), nil)
				equal(t, "reactions", w.reactions(ref), []string{markTrouble})
				var notice *post
				for _, p := range w.chat.posts {
					if strings.Contains(p.msg.Text, "did not say whether") && strings.Contains(p.msg.Text, "“hello”") {
						notice = p
					}
				}
				if notice == nil {
					t.Fatalf("thread = %q, want the question", w.thread())
				}
				equal(t, "buttons", buttonIDs(notice.msg), []string{"desk.discard", "desk.open", "desk.retry", "desk.settle"})
				if buttons(notice.msg)["desk.retry"].Confirm == "" {
					t.Error("sending it again does not ask first")
				}
				w.press(sam, button, w.message(ref).ID)
				want := map[string][]string{
					"desk.settle": {markSent}, "desk.retry": {markSent}, "desk.discard": nil,
				}[button]
				equal(t, "reactions", w.reactions(ref), want)
				sent := []string{"and more"}
				if button == "desk.retry" {
					sent = []string{"hello", "and more"}
				}
				equal(t, "sent", w.x.texts(), sent)
				if len(buttons(notice.msg)) != 0 {
					t.Errorf("the notice still has its buttons: %s", all(notice.msg))
				}
			})
		})
	}
}

func TestDelayIsExplainedOnce(t *testing.T) {
	scene(t, func(t *testing.T, w *world) {
		sam, _, _ := talk(w)
		until := time.Now().Add(12 * time.Minute)
		w.hold("rate_limited", until)
		w.write(sam, "hello")
		contains(t, "notice", w.last().msg.Text, "⏳ Goes out about "+clock(until), "X takes no more for now.")
		equal(t, "buttons", buttonIDs(w.last().msg), []string{"desk.discard"})
		notice, n := w.last(), len(w.thread())
		w.hold("rate_limited", until.Add(time.Minute))
		if len(w.thread()) != n {
			t.Errorf("thread = %q, want the delay explained once", w.thread())
		}
		w.wait(15 * time.Minute)
		w.settle()
		equal(t, "sent", w.x.texts(), []string{"hello"})
		contains(t, "notice", notice.msg.Text, "✅ Sent: “hello”.")
	})
}

// TestDelayOfARetry: what waits after all is not said to be on its way.
func TestDelayOfARetry(t *testing.T) {
	scene(t, func(t *testing.T, w *world) {
		sam, _, _ := talk(w)
		w.x.next = []func(int) error{rejected("No.")}
		ref := w.write(sam, "hello")
		refused := w.last()
		w.hold("rate_limited", time.Now().Add(12*time.Minute))
		w.press(sam, "desk.retry", w.message(ref).ID)
		contains(t, "first notice", refused.msg.Text, "see below")
		contains(t, "second notice", w.last().msg.Text, "⏳ Goes out about")
		w.wait(15 * time.Minute)
		w.settle()
		contains(t, "second notice", w.last().msg.Text, "✅ Sent: “hello”.")
	})
}

func TestHoldTellsThoseWhoWait(t *testing.T) {
	scene(t, func(t *testing.T, w *world) {
		sam, _, _ := talk(w)
		w.x.gate = make(chan struct{})
		w.write(sam, "first") // on its way
		w.write(sam, "second")
		hold := func(lane, msg string) {
			w.update(func(tx store.Tx) error {
				return w.ob.Hold(tx, outbox.Hold{Lane: lane, Code: "reconnect", Message: msg})
			})
			w.settle()
		}
		n := len(w.thread())
		hold("x:"+beta, "Another account.")
		hold("x:"+acme+":post", "Posts only.")
		if len(w.thread()) != n {
			t.Errorf("thread = %q, want nothing said of what holds others", w.thread()[n:])
		}
		hold("x:"+acme+":dm", "Messages wait.")
		hold("x:"+acme, "Connect the account again.")
		equal(t, "said", w.thread()[n:], []string{"⏳ Not sent yet. Messages wait."})
		close(w.x.gate)
		w.settle()
		equal(t, "sent", w.x.texts(), []string{"first"})
	})
}

func TestAnswerThatWaitedTooLong(t *testing.T) {
	scene(t, func(t *testing.T, w *world) {
		sam, _, _ := talk(w)
		w.hold("reconnect", time.Time{})
		ref := w.write(sam, "hello")
		w.wait(25 * time.Hour)
		w.release()
		w.settle()
		if n := len(w.x.texts()); n != 0 {
			t.Errorf("a day-old answer went out without asking: %q", w.x.texts())
		}
		equal(t, "reactions", w.reactions(ref), []string{markTrouble})
		w.press(sam, "desk.retry", w.message(ref).ID)
		equal(t, "sent", w.x.texts(), []string{"hello"})
	})
}

// What Perch sends comes back from X as an event, before the answer of the
// call or behind it. It is shown once.
func TestEcho(t *testing.T) {
	for _, tt := range []struct{ name, echo string }{
		{"same words", "see https://example.com/a & more"},
		{"as X writes it", "see https://t.co/xyz &amp; more"},
		{"words that X changed", "see the page and more"},
	} {
		for _, first := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s/echo first %t", tt.name, first), func(t *testing.T) {
				scene(t, func(t *testing.T, w *world) {
					sam, _, _ := talk(w)
					w.x.gate = make(chan struct{})
					ref := w.write(sam, "see https://example.com/a & more")
					n := len(w.thread())
					if !first {
						close(w.x.gate)
						w.settle()
					}
					for range 2 {
						w.own("9001", tt.echo)
					}
					w.settle()
					if first {
						close(w.x.gate)
						w.settle()
					}
					if th := w.thread(); len(th) != n {
						t.Errorf("thread = %q, want the answer shown once", th)
					}
					if m := w.message(ref); m.Delivery != Sent || m.XID != "9001" {
						t.Errorf("message = %+v", m)
					}
					if n := len(w.messages()); n != 2 {
						t.Errorf("%d messages, want the customer's and the answer", n)
					}
				})
			})
		}
	}
}

func TestEchoSettlesWhatIsStuck(t *testing.T) {
	scene(t, func(t *testing.T, w *world) {
		sam, _, _ := talk(w)
		w.x.next = []func(int) error{uncertain}
		ref := w.write(sam, "hello")
		equal(t, "reactions", w.reactions(ref), []string{markTrouble})
		w.own("9777", "hello")
		w.settle()
		equal(t, "reactions", w.reactions(ref), []string{markSent})
		if m := w.message(ref); m.Delivery != Sent || m.XID != "9777" {
			t.Errorf("message = %+v", m)
		}
	})
}

func TestSameWordsTwice(t *testing.T) {
	scene(t, func(t *testing.T, w *world) {
		sam, _, _ := talk(w)
		first, second := w.write(sam, "ok"), w.write(sam, "ok")
		w.own("9002", "ok")
		w.own("9001", "ok")
		w.settle()
		if a, b := w.message(first).XID, w.message(second).XID; a != "9001" || b != "9002" {
			t.Errorf("ids = %s, %s", a, b)
		}
		if n := len(w.messages()); n != 3 {
			t.Errorf("%d messages, want 3", n)
		}
	})
}

func TestAnsweredOnX(t *testing.T) {
	scene(t, func(t *testing.T, w *world) {
		sam, _, _ := talk(w)
		w.hold("reconnect", time.Time{})
		w.write(sam, "ok") // still here: what has the same words on X is another
		w.release2(t)
		w.own("7001", "We called you.")
		w.own("7001", "We called you.")
		w.settle()
		contains(t, "thread", w.last().msg.Text, "Answered on x.com: We called you.")
		c := w.conv()
		if c.State != Waiting || !c.WaitingSince.IsZero() || c.Unread != 0 {
			t.Errorf("conversation = %+v, want the timer stopped", c)
		}
		w.press(sam, "desk.close", c.ID)
		n := len(w.thread())
		w.own("7002", "One more.")
		w.settle()
		if c := w.conv(); c.Open() || len(w.thread()) != n+1 {
			t.Errorf("conversation = %+v, thread %q: want it shown, and closed as it was", c, w.thread())
		}
		w.update(func(tx store.Tx) error { // to somebody who never wrote: nobody waits
			return w.d.ReceiveOwn(tx, Own{Account: acme, XID: "7003", To: Contact{ID: "99"}, Text: "hi", At: time.Now()})
		})
		if got := w.conv(); got.ID != c.ID {
			t.Errorf("a conversation was opened: %+v", got)
		}
	})
}

// release2 is the check that a message which was never tried is not taken for
// the one that came back with the same words.
func (w *world) release2(t *testing.T) {
	t.Helper()
	w.own("7000", "ok")
	w.settle()
	contains(t, "thread", w.last().msg.Text, "Answered on x.com: ok")
	w.release()
	equal(t, "sent", w.x.texts(), []string{"ok"})
}

func TestAutomaticMessageFails(t *testing.T) {
	scene(t, func(t *testing.T, w *world) {
		sam, _, _ := agents()
		w.duty(sam)
		w.set("welcome", "Hello!")
		w.x.next = []func(int) error{rejected("The customer takes no direct messages.")}
		w.in("100", "hi")
		contains(t, "notice", w.last().msg.Text, "Not sent", "“Hello!”")
		var auto *post
		for _, p := range w.chat.posts {
			if strings.HasPrefix(p.key, "desk:auto:") {
				auto = p
			}
		}
		equal(t, "reactions", auto.reactions, []string{markTrouble})
		w.press(sam, "desk.retry", buttons(w.last().msg)["desk.retry"].Value)
		equal(t, "sent", w.x.texts(), []string{"Hello!"})
		equal(t, "reactions", auto.reactions, nil)
		if c := w.conv(); c.State != Queued || c.WaitingSince.IsZero() {
			t.Errorf("conversation = %+v: a welcome is no answer", c)
		}
	})
}
