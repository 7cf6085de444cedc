package desk

import (
	"testing"
	"time"

	"github.com/perch-chat/perch/bot"
)

// pressAlone presses a button of what a person alone was told last.
func (w *world) pressAlone(u bot.User, id string) {
	w.t.Helper()
	p := w.told(u)
	b, ok := buttons(p.msg)[id]
	if !ok {
		w.t.Fatalf("%s has no button %s: %q", u.Name, id, p.msg.Text)
	}
	w.event(bot.Event{
		Kind: bot.EventAction, User: u, Action: id, Value: b.Value, Thread: w.conv().CardRef, Message: p.ref, Alone: true, Respond: "https://hooks.example/1",
	})
}

// asks has Sam write in a conversation that nobody has.
func (w *world) asks(u bot.User, text string) *post {
	w.t.Helper()
	w.duty(u)
	w.in("1", "hello")
	w.write(u, text)
	return w.told(u)
}

func TestWhatWasAskedAloneSaysWhatBecameOfIt(t *testing.T) {
	sam, lee, _ := agents()
	for name, play := range map[string]func(t *testing.T, w *world) (said string){
		"sent": func(_ *testing.T, w *world) string {
			w.pressAlone(sam, "desk.send")
			return "✅ Sent to the customer."
		},
		"on its way": func(_ *testing.T, w *world) string {
			w.x.gate = make(chan struct{})
			w.t.Cleanup(func() { close(w.x.gate) })
			w.pressAlone(sam, "desk.send")
			return "⏳ On its way to the customer."
		},
		"failed": func(_ *testing.T, w *world) string {
			w.x.next = []func(int) error{rejected("They don't take messages.")}
			w.pressAlone(sam, "desk.send")
			return "⚠ Not sent. Look below your message."
		},
		"kept": func(_ *testing.T, w *world) string {
			w.pressAlone(sam, "desk.keep")
			return "🔒 Stays among you."
		},
		"decided already": func(_ *testing.T, w *world) string {
			w.press(sam, "desk.keep", buttons(w.told(sam).msg)["desk.keep"].Value)
			w.pressAlone(sam, "desk.send")
			return "This was already decided."
		},
		"late": func(_ *testing.T, w *world) string {
			w.x.gate = make(chan struct{})
			w.pressAlone(sam, "desk.send")
			w.wait(26 * time.Minute) // Slack takes no change of it any more
			close(w.x.gate)
			w.settle()
			return "⏳ On its way to the customer."
		},
	} {
		t.Run(name, func(t *testing.T) {
			scene(t, func(t *testing.T, w *world) {
				asked, n := w.asks(sam, "we look into it"), w.tells()
				contains(t, "what is asked", asked.msg.Text, "Not sent. Claim this conversation")
				said := play(t, w)
				same(t, "in its place", asked.msg.Text, said)
				same(t, "buttons", len(buttonIDs(asked.msg)), 0)
				same(t, "private messages", w.tells(), n)
				if asked.msg.Only != sam.Ref || asked.msg.Respond == "" || asked.msg.Channel != support {
					t.Errorf("the answer is for %q in %q by %q", asked.msg.Only, asked.msg.Channel, asked.msg.Respond)
				}
			})
		})
	}

	scene(t, func(t *testing.T, w *world) { // asked once more, in the same place
		asked := w.asks(sam, "we look into it")
		w.duty(lee)
		w.press(lee, "desk.claim", w.conv().ID)
		w.pressAlone(sam, "desk.send")
		contains(t, "asked anew", asked.msg.Text, "Lee has this conversation.")
		same(t, "button", buttons(asked.msg)["desk.send"].Label, "Take over and send")
		w.pressAlone(sam, "desk.send")
		same(t, "in its place", asked.msg.Text, "✅ Sent to the customer.")
	})

	scene(t, func(t *testing.T, w *world) { // the card's own buttons are for all
		w.duty(sam, lee)
		w.in("1", "hello")
		w.press(lee, "desk.claim", w.conv().ID)
		w.press(sam, "desk.claim", w.conv().ID)
		asked := w.told(sam)
		contains(t, "claimed", asked.msg.Text, "Lee has this conversation.")
		w.pressAlone(sam, "desk.take")
		same(t, "in its place", asked.msg.Text, "✅ You have this conversation now.")
	})
}

func TestAPublicAnswerAskedAboutAlone(t *testing.T) {
	sam, _, _ := agents()
	scene(t, func(t *testing.T, w *world) {
		w.duty(sam)
		w.in("1", "@acme hello", func(in *Inbound) { in.Kind, in.XConversation = Mention, "" })
		w.write(sam, "we look into it")
		asked := w.told(sam)
		w.pressAlone(sam, "desk.send")
		contains(t, "in its place", asked.msg.Text, "The preview stands in the thread")
		w.press(sam, "desk.post", buttons(w.last().msg)["desk.post"].Value)
		same(t, "in its place", asked.msg.Text, "✅ Posted on X.")
	})
	scene(t, func(t *testing.T, w *world) {
		w.duty(sam)
		w.in("1", "@acme hello", func(in *Inbound) { in.Kind, in.XConversation = Mention, "" })
		w.write(sam, "we look into it")
		asked := w.told(sam)
		w.pressAlone(sam, "desk.send")
		w.press(sam, "desk.discard", buttons(w.last().msg)["desk.discard"].Value)
		same(t, "in its place", asked.msg.Text, "Discarded. Nothing was posted.")
	})
}

func same[T comparable](t *testing.T, what string, got, want T) {
	t.Helper()
	if got != want {
		t.Errorf("%s: %v, want %v", what, got, want)
	}
}
