package bottest

import (
	"strings"
	"testing"

	"github.com/perch-chat/perch/bot"
)

// testReplace: what one person was asked alone is gone once they have answered,
// and what came of it stands in its place.
func testReplace(t *testing.T, c *chat) {
	ed := ability[bot.Editor](t, c)
	need(t, "buttons that are pressed in its harness", c.Press != nil)
	c.start(t)
	root := c.post(t, bot.Message{Text: "root", Key: "replace:0"})
	hello := c.say(t, c.People[0], "", "hello") // once it arrives, clicks do too
	c.wait(t, bot.EventMessage, c.People[0], func(e bot.Event) bool { return e.Message == hello })
	c.post(t, bot.Message{
		Thread: root, Only: c.People[0], Text: "Is it to go out?", Key: "replace:1", Blocks: []bot.Block{
			bot.Para(bot.Plain("Is it to go out?")), bot.Actions(bot.Button{ID: "test.send", Label: "Send", Value: "m-1"}),
		},
	})
	find := func(who bot.UserRef, words string) (found []Seen) {
		for _, s := range c.look(t, who) {
			if strings.Contains(s.Text, words) {
				found = append(found, s)
			}
		}
		return found
	}
	if !wait(t, func() bool { return len(find(c.People[0], "Is it to go out?")) == 1 }) {
		t.Fatalf("the person is not asked: %+v", c.look(t, c.People[0]))
	}
	asked := find(c.People[0], "Is it to go out?")[0]
	must(t, "press", c.Press(t.Context(), c.People[0], asked.Ref, "test.send"))
	if !wait(t, func() bool { return len(c.sink.events(bot.EventAction)) > 0 }) {
		t.Fatal("the click does not arrive")
	}
	ev := c.sink.events(bot.EventAction)[0]
	if !ev.Alone || ev.Action != "test.send" || ev.Value != "m-1" || ev.User.Ref != c.People[0] || ev.Message != asked.Ref {
		t.Errorf("button event %+v, want that of a message which %s alone sees, %s", ev, c.People[0], asked.Ref)
	}
	for _, said := range []string{"On its way", "It is there"} {
		m := bot.Message{Channel: ev.Channel, Thread: ev.Thread, Only: ev.User.Ref, Respond: ev.Respond, Text: said}
		must(t, "Edit", ed.Edit(t.Context(), ev.Message, m))
		if !wait(t, func() bool { return len(find(c.People[0], said)) == 1 }) {
			t.Errorf("the person does not see %q once: %+v", said, c.look(t, c.People[0]))
		}
	}
	for _, s := range c.look(t, c.People[0]) {
		if strings.Contains(s.Text, "go out?") || strings.Contains(s.Text, "On its way") || len(s.Buttons) > 0 {
			t.Errorf("what was asked is still there: %+v", s)
		}
	}
	for _, words := range []string{"go out?", "On its way", "It is there"} {
		if got := find(c.People[1], words); len(got) > 0 {
			t.Errorf("another person sees %+v", got)
		}
	}
}
