package bottest

import (
	"slices"
	"testing"
	"time"

	"github.com/perch-chat/perch/bot"
)

// testReread: what became of messages is found afterwards, without what is
// known, and a message that is there is never called gone.
func testReread(t *testing.T, c *chat) {
	rr := ability[bot.Rereader](t, c)
	need(t, "people who delete and react in its harness", c.Remove != nil && c.React != nil)
	c.start(t)
	root := c.post(t, bot.Message{Text: "root", Key: "reread:0"})
	stays, gone := c.say(t, c.People[0], root, "stays"), c.say(t, c.People[1], root, "gone")
	apart := c.say(t, c.People[0], "", "stands apart")
	c.wait(t, bot.EventMessage, c.People[0], func(e bot.Event) bool { return e.Message == apart })
	must(t, "delete", c.Remove(t.Context(), c.People[1], gone))
	del := c.wait(t, bot.EventMessageDeleted, c.People[1], func(e bot.Event) bool { return e.Message == gone })
	must(t, "react", c.React(t.Context(), c.People[1], root, "eyes", true))
	c.wait(t, bot.EventReaction, c.People[1], func(e bot.Event) bool { return e.Message == root })
	if re, ok := c.Platform.(bot.Reactor); ok {
		must(t, "React", re.React(t.Context(), stays, "white_check_mark", true))
	}

	h := bot.History{Thread: root, After: del.At.Add(-time.Hour), Known: []bot.MessageRef{stays, gone, apart}, Marked: []bot.MessageRef{stays}, Changes: true}
	events, err := rr.Reread(t.Context(), h, 100)
	must(t, "Reread", err)
	seen := map[bot.MessageRef]int{}
	for _, e := range events {
		seen[e.Message]++
		switch {
		case e.Kind == bot.EventMessageDeleted && e.Message == gone:
			if e.ID != del.ID || e.Channel != c.Channel {
				t.Errorf("the deletion is told as %+v, it was delivered as %+v", e, del)
			}
		case e.Kind == bot.EventReactions && e.Message == root:
			if !slices.ContainsFunc(e.Reactions, func(r bot.Reaction) bool { return r.User.Ref == c.People[1] && r.Emoji == "eyes" }) || len(e.Reactions) != 1 {
				t.Errorf("the reactions are told as %+v", e)
			}
		case e.Kind == bot.EventReactions && e.Message == stays:
			if len(e.Reactions) != 0 || e.Thread != root {
				t.Errorf("the bot's own reaction is told: %+v", e)
			}
		default:
			t.Errorf("told of %+v", e)
		}
	}
	if len(seen) != 3 || len(events) != 3 {
		t.Errorf("told %+v, want the deletion, the reactions and that none is left on one", events)
	}
	_, err = rr.Reread(t.Context(), bot.History{Thread: c.NoMessage}, 100)
	definite(t, "Reread of nothing", err)
}
