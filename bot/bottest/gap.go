package bottest

import (
	"slices"
	"strings"
	"testing"

	"github.com/perch-chat/perch/bot"
)

// testGap has people write, change and delete while nobody hears them. Then the
// adapter tells that there was a gap; and what it does not tell by itself it
// reads when it is asked for the thread, as the same events.
func testGap(t *testing.T, c *chat) {
	need(t, "way to cut its connection in its harness", c.Cut != nil)
	hi := ability[bot.Historian](t, c)
	c.start(t)
	ada, rio := c.People[0], c.People[1]
	root := c.post(t, bot.Message{Text: "root", Key: "gap:0"})
	heard := c.say(t, ada, root, "heard")
	changed := c.say(t, rio, root, "as it was")
	c.wait(t, bot.EventMessage, ada, func(e bot.Event) bool { return e.Message == heard })
	last := c.wait(t, bot.EventMessage, rio, func(e bot.Event) bool { return e.Message == changed })
	gaps := len(c.sink.events(bot.EventGap))

	var unheard bot.MessageRef
	must(t, "cut", c.Cut(t.Context(), func() error {
		unheard = c.say(t, ada, root, "unheard")
		if c.Change != nil {
			return c.Change(t.Context(), rio, changed, "as it is")
		}
		return nil
	}))
	if !wait(t, func() bool { return len(c.sink.events(bot.EventGap)) > gaps }) {
		t.Fatal("nobody is told of the gap")
	}
	after := c.say(t, rio, root, "after")
	c.wait(t, bot.EventMessage, rio, func(e bot.Event) bool { return e.Message == after })

	events, err := hi.History(t.Context(), root, last.At, 100)
	must(t, "History", err)
	for _, e := range events { // as the desk does
		must(t, "store", c.sink.Deliver(t.Context(), e))
	}
	only := func(kind bot.EventKind, who bot.UserRef, ref bot.MessageRef, text string) {
		t.Helper()
		all := slices.DeleteFunc(c.sink.events(kind), func(e bot.Event) bool { return e.Message != ref })
		if len(all) != 1 || all[0].Text != text || all[0].Thread != root || all[0].User.Ref != who {
			t.Errorf("%s of %s: %+v, want one that reads %q", kind, ref, all, text)
		}
	}
	only(bot.EventMessage, ada, heard, "heard")
	only(bot.EventMessage, ada, unheard, "unheard")
	only(bot.EventMessage, rio, changed, "as it was")
	only(bot.EventMessage, rio, after, "after")
	if c.Change != nil {
		only(bot.EventMessageEdited, rio, changed, "as it is")
	}
}

// testLong posts what X lets people write, and more.
func testLong(t *testing.T, c *chat) {
	const word, times = "0123456789 ", 1000
	text := strings.Repeat(word, times)
	for place, m := range map[string]bot.Message{
		"text":     {Text: text + "the end"},
		"span":     {Text: "x", Blocks: []bot.Block{bot.Para(bot.Bold("They say: "), bot.Plain(text+"the end"))}},
		"quote":    {Text: "x", Blocks: []bot.Block{bot.Quote(text), bot.Para(bot.Plain("the end"))}},
		"customer": {Text: "x", Author: &bot.Author{Name: "Casey"}, Blocks: []bot.Block{bot.Para(bot.Plain(text)), bot.Para(bot.Plain("the end"))}},
	} {
		m.Key = "long:" + place
		s := c.see(t, c.People[0], c.post(t, m), place, anything)
		if n := strings.Count(s.Text, strings.TrimSpace(word)); n < times || !strings.Contains(s.Text, "the end") {
			t.Errorf("%s: %d of %d words are shown, and %q at the end", place, n, times, s.Text[max(len(s.Text)-20, 0):])
		}
	}
}
