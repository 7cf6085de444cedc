package commands

import (
	"testing"

	"github.com/perch-chat/perch/bot"
)

// TestSure shows that a button whose question the chat could not ask does
// nothing before it is answered, whosever button it is.
func TestSure(t *testing.T) {
	ada, _, _, _ := people()
	scene(t, func(t *testing.T, w *world) {
		w.connect("1", "larkspur_hq")
		press := func(id, value, question string) string {
			return w.show(w.handle(bot.Event{Kind: bot.EventAction, User: ada, Action: id, Value: value, Ask: question})...)
		}
		got := press(btnDisconnect, "1", "Are you *sure*?")
		has(t, "question", got, "Are you *sure*?", "[Yes]", "[No]")
		has(t, "accounts", w.say(ada, "/twitter accounts"), "@larkspur_hq")
		has(t, "no", w.press(ada, btnKeep), "Nothing was changed")
		press(btnDisconnect, "1", "Are you *sure*?")
		has(t, "yes", w.press(ada, btnDisconnect), "@larkspur_hq is disconnected")
		has(t, "the desk's", press("desk.retry", "m1", "Send it again?"), "Send it again?", "[Yes]")
		if b, ok := w.button("desk.retry"); !ok || b.Value != "m1" || b.Confirm != "" {
			t.Errorf("yes is %+v", b)
		}
	})
}
