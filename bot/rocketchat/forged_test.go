package rocketchat

import "testing"

// TestPressOfNothing: words that name a message that is not there, as anybody
// can write them, neither end the connection nor keep others from being heard.
func TestPressOfNothing(t *testing.T) {
	w := newTeam(t)
	a := w.adapter(t)
	c, _ := w.start(t, a)
	w.say(t, "ada", w.room, pressMark+" twitter.start .nothing v")
	w.say(t, "ada", w.room, "after it")
	c.want(t, "action ada", "message ada after it")
	if n := len(w.Calls("GET me")); n != 1 {
		t.Errorf("connected %d times", n)
	}
}
