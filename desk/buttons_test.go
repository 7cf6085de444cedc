package desk

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

// TestButtonPermissions: in some chats a button writes a message as whoever
// presses it, which anybody may write by hand. No button does more for it than
// for somebody who never saw it.
func TestButtonPermissions(t *testing.T) {
	// By what its value names: c the conversation, m a message that waits for its
	// author's word.
	buttons := map[string]string{
		"desk.claim": "c", "desk.take": "c", "desk.release": "c", "desk.close": "c", "desk.reopen": "c", "desk.room": "c",
		"desk.transfer": "c", "desk.transfer.to": "c user:webchat:U_rio", "desk.snooze": "c", "desk.snooze.for": "c 2h", "desk.wake": "c",
		"desk.reply": "", "desk.send": "m", "desk.keep": "m", "desk.post": "m", "desk.retry": "m", "desk.discard": "m", "desk.settle": "m",
	}
	free := map[string]bool{"desk.open": true, "desk.look": true} // a link; a look that shows nothing
	src, err := os.ReadFile("buttons.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, at := range regexp.MustCompile(`case "(desk\.[a-z.]+)":`).FindAllStringSubmatch(string(src), -1) {
		if _, ok := buttons[at[1]]; !ok && !free[at[1]] {
			t.Errorf("button %s is not in this table", at[1])
		}
	}
	for id, value := range buttons {
		scene(t, func(t *testing.T, w *world) {
			sam, _, rio := agents()
			w.duty(sam)
			w.in("100", "hi")
			ref := w.write(sam, "hello")
			c, m := w.conv(), w.message(ref)
			if m.Delivery != Unsent {
				t.Fatalf("the answer is %s", m.Delivery)
			}
			before := w.tells()
			w.press(rio, id, strings.NewReplacer("c", c.ID, "m", m.ID).Replace(strings.SplitN(value, " ", 2)[0])+strings.TrimPrefix(value, strings.SplitN(value, " ", 2)[0]))
			if w.tells() != before+1 || !strings.Contains(w.told(rio).msg.Text, "Only ") && id != "desk.reply" {
				t.Errorf("%s: Rio was told %q", id, w.told(rio).msg.Text)
			}
			if now := w.conv(); now.State != c.State || now.Owner != c.Owner || w.message(ref).Delivery != Unsent || len(w.x.dms) > 0 {
				t.Errorf("%s: it did something: %+v", id, now)
			}
		})
	}
}
