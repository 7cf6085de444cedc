package desk

import (
	"testing"
	"time"

	"github.com/perch-chat/perch/bot"
)

// TestColleaguesAreNotTold shows that words to a colleague wait for a second
// look: the customer would read them, with the name.
func TestColleaguesAreNotTold(t *testing.T) {
	scene(t, func(t *testing.T, w *world) {
		sam, _, _ := talk(w)
		card := w.conv().CardRef
		say := func(id, text string, names ...bot.Named) bot.MessageRef {
			ref := bot.MessageRef("webchat:support:" + id)
			w.event(bot.Event{
				ID: "msg:" + id, Platform: "webchat", Kind: bot.EventMessage, At: time.Now().UTC(), User: sam,
				Channel: w.conv().Channel, Thread: card, Message: ref, Text: text, Names: names,
			})
			return ref
		}
		rio := bot.Named{Text: "@Rio", User: "webchat:U_rio"}
		first := say("n1", "@Rio may I refund this?", rio, rio)
		w.settle()
		if len(w.x.dms) != 0 || w.message(first).Delivery != Unsent {
			t.Fatalf("sent %+v", w.x.dms)
		}
		contains(t, "question", all(w.told(sam).msg), "it names @Rio, and the customer would read that", "Send anyway", "Keep internal")
		w.press(sam, "desk.keep", w.message(first).ID)
		second := say("n2", "Ask @Rio about it", rio)
		w.press(sam, "desk.send", w.message(second).ID)
		w.settle()
		if len(w.x.dms) != 1 || w.x.dms[0].Text != "Ask @Rio about it" {
			t.Errorf("sent %+v, want what was sent anyway", w.x.dms)
		}
		say("n3", "Look at #news", bot.Named{Text: "#news", Channel: "webchat:news"})
		w.settle()
		if len(w.x.dms) != 2 {
			t.Errorf("a channel's name held an answer back: %+v", w.x.dms)
		}

		// An answer that still waits to go is held back as well once it names somebody.
		w.x.gate = make(chan struct{})
		say("n4", "One moment")
		fifth := say("n5", "I look into it")
		w.event(bot.Event{
			ID: "edit:n5", Platform: "webchat", Kind: bot.EventMessageEdited, At: time.Now().UTC(), User: sam,
			Channel: w.conv().Channel, Thread: card, Message: fifth, Text: "@Rio looks into it", Names: []bot.Named{rio},
		})
		close(w.x.gate)
		w.settle()
		if n := len(w.x.dms); n != 3 || w.message(fifth).Delivery != Unsent {
			t.Errorf("%d sent, the changed one is %s", n, w.message(fifth).Delivery)
		}
	})
}
