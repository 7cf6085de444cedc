package bottest

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/perch-chat/perch/bot"
)

func (c *chat) say(t *testing.T, who bot.UserRef, thread bot.MessageRef, text string) bot.MessageRef {
	t.Helper()
	need(t, "people who write", c.Say != nil)
	ref, err := c.Say(t.Context(), who, thread, text)
	if err != nil {
		t.Fatalf("%s says %q: %v", who, text, err)
	}
	return ref
}

func must(t *testing.T, what string, err error) {
	t.Helper()
	if err != nil {
		t.Fatalf("%s: %v", what, err)
	}
}

func testEvents(t *testing.T, c *chat) {
	c.start(t)
	ada, rio := c.People[0], c.People[1]
	root := c.post(t, bot.Message{Text: "root", Key: "events:0", Blocks: []bot.Block{
		bot.Para(bot.Plain("root")), bot.Actions(
			bot.Button{ID: "test.claim", Label: "Claim", Value: "c-17"},
			bot.Button{ID: "test.twice", Label: "Send twice", Value: "c-18", Confirm: "Really *send* it twice?"},
		),
	}})

	const text = "hello *there* <b> & co\nsecond line 日本語 🚀"
	ref := c.say(t, ada, "", text)
	ev := c.wait(t, bot.EventMessage, ada, func(e bot.Event) bool { return e.Message == ref })
	if ev.Text != text || ev.Thread != "" || ev.User.Name == "" {
		t.Errorf("message event %+v, want the text as it was written and no thread", ev)
	}
	reply := c.say(t, rio, root, "in the thread")
	if ev := c.wait(t, bot.EventMessage, rio, func(e bot.Event) bool { return e.Message == reply }); ev.Thread != root {
		t.Errorf("event %+v, want thread %s", ev, root)
	}

	if c.Change != nil {
		must(t, "edit", c.Change(t.Context(), ada, ref, "hello again"))
		if ev := c.wait(t, bot.EventMessageEdited, ada, func(e bot.Event) bool { return e.Message == ref }); ev.Text != "hello again" {
			t.Errorf("edit event %+v", ev)
		}
		c.see(t, rio, ref, "the person's edit", func(s Seen) bool { return strings.Contains(s.Text, "hello again") })
	}
	if c.React != nil {
		must(t, "react", c.React(t.Context(), rio, ref, "eyes", true))
		c.wait(t, bot.EventReaction, rio, func(e bot.Event) bool { return e.Message == ref && e.Emoji == "eyes" })
		must(t, "take it back", c.React(t.Context(), rio, ref, "eyes", false))
		c.wait(t, bot.EventReactionGone, rio, func(e bot.Event) bool { return e.Message == ref && e.Emoji == "eyes" })
	}
	if c.Remove != nil {
		must(t, "delete", c.Remove(t.Context(), ada, ref))
		c.wait(t, bot.EventMessageDeleted, ada, func(e bot.Event) bool { return e.Message == ref })
		c.gone(t, rio, ref)
	}
	if c.Press != nil {
		must(t, "press", c.Press(t.Context(), rio, root, "test.claim"))
		ev := c.wait(t, bot.EventAction, rio, func(e bot.Event) bool { return e.Action == "test.claim" })
		if ev.Value != "c-17" || ev.Message != root || ev.Alone {
			t.Errorf("button event %+v, want value c-17 and message %s, which all see", ev, root)
		}
		// A question comes before the button counts: the chat asks it, or has it asked.
		must(t, "press", c.Press(t.Context(), rio, root, "test.twice"))
		ev = c.wait(t, bot.EventAction, rio, func(e bot.Event) bool { return e.Action == "test.twice" })
		if ev.Value != "c-18" || ev.Message != root || ev.Ask != "" && ev.Ask != "Really *send* it twice?" {
			t.Errorf("button event %+v, want value c-18, and the question if the chat could not ask it", ev)
		}
	}
	for _, e := range c.sink.events(bot.EventMessage) {
		if e.Message == root || strings.Contains(e.Text, "root") {
			t.Errorf("the bot's own message came back as an event: %+v", e)
		}
	}
	ids := map[string]bool{}
	for _, e := range c.sink.stored {
		if ids[e.ID] {
			t.Errorf("two events have the id %q", e.ID)
		}
		ids[e.ID] = true
	}
}

func testCommands(t *testing.T, c *chat) {
	c.start(t)
	ada := c.People[0]
	if c.Command != nil {
		must(t, "command", c.Command(t.Context(), ada, "", "/twitter  help <me> & 日本"))
		ev := c.wait(t, bot.EventCommand, ada, func(e bot.Event) bool { return e.Command == "/twitter" })
		if ev.Text != "help <me> & 日本" {
			t.Errorf("command event %+v, want the words behind the command", ev)
		}
		must(t, "bare command", c.Command(t.Context(), ada, "", "/incident"))
		if ev := c.wait(t, bot.EventCommand, ada, func(e bot.Event) bool { return e.Command == "/incident" }); ev.Text != "" {
			t.Errorf("command event %+v, want no text", ev)
		}
		if got := c.sink.events(bot.EventMessage); len(got) > 0 {
			t.Errorf("a command came as a message too: %+v", got)
		}
	}
	if c.Handle != "" && c.Say != nil {
		ref := c.say(t, ada, "", "@"+c.Handle+" incident list")
		ev := c.wait(t, bot.EventCommand, ada, func(e bot.Event) bool { return e.Message == ref })
		if got := strings.TrimSpace(strings.TrimPrefix(ev.Command, "/") + " " + ev.Text); got != "incident list" {
			t.Errorf("mention event %+v, want the words behind the mention", ev)
		}
		for _, e := range c.sink.events(bot.EventMessage) {
			if e.Message == ref {
				t.Errorf("a mention came as a message too: %+v", e)
			}
		}
	}
}

func testForm(c *chat) bot.Form {
	return bot.Form{
		ID: "test.form", Title: "New incident", Submit: "Open", Value: "v-9", Channel: c.Channel,
		Inputs: []bot.Input{
			{Name: "title", Label: "Title", Max: 80},
			{Name: "summary", Label: "Summary", Lines: 4, Optional: true},
			{Name: "severity", Label: "Severity", Optional: true, Options: []bot.Option{{Value: "sev1", Label: "SEV1"}, {Value: "sev2", Label: "SEV2"}}},
		},
	}
}

func testForms(t *testing.T, c *chat) {
	op := ability[bot.Opener](t, c)
	need(t, "forms in its harness", c.LookForm != nil && c.Submit != nil && c.Command != nil)
	c.start(t)
	ada, rio := c.People[0], c.People[1]
	must(t, "command", c.Command(t.Context(), ada, "", "/incident new"))
	ev := c.wait(t, bot.EventCommand, ada, func(e bot.Event) bool { return e.Command == "/incident" })
	if ev.Trigger == "" {
		t.Fatalf("command event %+v has no trigger", ev)
	}
	must(t, "Open", op.Open(t.Context(), ev.Trigger, testForm(c)))
	var f *SeenForm
	if !wait(t, func() bool {
		var err error
		f, err = c.LookForm(t.Context(), ada)
		return err == nil && f != nil
	}) {
		t.Fatal("the person does not see the form")
	}
	if f.Title != "New incident" || !slices.Equal(f.Labels, []string{"Title", "Summary", "Severity"}) {
		t.Errorf("the form shows %+v", f)
	}
	if other, err := c.LookForm(t.Context(), rio); err != nil || other != nil {
		t.Errorf("another person sees %+v, %v", other, err)
	}
	must(t, "submit", c.Submit(t.Context(), ada, map[string]string{"title": "Checkout <down>", "summary": "line 1\nline 2", "severity": "sev2"}))
	sub := c.wait(t, bot.EventSubmit, ada, func(e bot.Event) bool { return e.Action == "test.form" })
	if sub.Value != "v-9" || sub.Fields["title"] != "Checkout <down>" || sub.Fields["summary"] != "line 1\nline 2" || sub.Fields["severity"] != "sev2" {
		t.Errorf("submit event %+v", sub)
	}
}

func testRefused(t *testing.T, c *chat) {
	c.start(t)
	c.sink.refuseNext(2)
	first := c.say(t, c.People[0], "", "first")
	ev := c.wait(t, bot.EventMessage, c.People[0], func(e bot.Event) bool { return e.Message == first })
	if n := c.sink.deliveries(ev.ID); n < 2 {
		t.Errorf("the refused event came %d times with its id, want at least 2", n)
	}
	second := c.say(t, c.People[0], "", "second")
	c.wait(t, bot.EventMessage, c.People[0], func(e bot.Event) bool { return e.Message == second })
	if got := c.sink.events(bot.EventMessage); len(got) != 2 || got[0].Message != first {
		t.Errorf("stored %+v, want the first and the second, once each", got)
	}
}

func testRedelivered(t *testing.T, c *chat) {
	need(t, "way to repeat a delivery", c.Redeliver != nil)
	c.start(t)
	ref := c.say(t, c.People[0], "", "once")
	c.wait(t, bot.EventMessage, c.People[0], func(e bot.Event) bool { return e.Message == ref })
	must(t, "redeliver", c.Redeliver(t.Context()))
	// A later event shows that the repeat has come through.
	later := c.say(t, c.People[0], "", "later")
	c.wait(t, bot.EventMessage, c.People[0], func(e bot.Event) bool { return e.Message == later })
	if got := c.sink.events(bot.EventMessage); len(got) != 2 {
		t.Errorf("%d different events for two messages: %+v", len(got), got)
	}
	n := 0
	for _, s := range c.look(t, c.People[1]) {
		if strings.Contains(s.Text, "once") {
			n++
		}
	}
	if n != 1 {
		t.Errorf("the message is seen %d times", n)
	}
}

func testLate(t *testing.T, c *chat) {
	need(t, "people who write", c.Say != nil)
	ref, err := c.Say(t.Context(), c.People[0], "", "before the start")
	if err != nil {
		t.Skipf("left out: nobody can write before the adapter runs: %v", err)
	}
	c.start(t)
	c.wait(t, bot.EventMessage, c.People[0], func(e bot.Event) bool { return e.Message == ref })
}

func testRunEnds(t *testing.T, c *chat) {
	c.start(t)
	if c.Say != nil {
		ref := c.say(t, c.People[0], "", "it runs")
		c.wait(t, bot.EventMessage, c.People[0], func(e bot.Event) bool { return e.Message == ref })
	}
	c.stop()
}

func testRestart(t *testing.T, c *chat) {
	need(t, "restart in its harness", c.Restart != nil)
	c.start(t)
	root := c.post(t, bot.Message{Text: "root", Key: "restart:0"})
	theirs := c.say(t, c.People[0], root, "their answer")
	c.wait(t, bot.EventMessage, c.People[0], func(e bot.Event) bool { return e.Message == theirs })
	c.stop()
	p, err := c.Restart(t.Context())
	must(t, "restart", err)
	c.Platform = p
	c.start(t)

	if ed, ok := p.(bot.Editor); ok {
		must(t, "Edit after the restart", ed.Edit(t.Context(), root, bot.Message{Channel: c.Channel, Text: "changed"}))
		c.see(t, c.People[1], root, "the edit after the restart", func(s Seen) bool { return strings.Contains(s.Text, "changed") })
	}
	if re, ok := p.(bot.Reactor); ok {
		must(t, "React after the restart", re.React(t.Context(), theirs, "white_check_mark", true))
	}
	if fi, ok := p.(bot.Finder); ok {
		got, err := fi.FindMessage(t.Context(), bot.Message{Channel: c.Channel, Key: "restart:0"})
		if err != nil || got != root {
			t.Errorf("FindMessage after the restart = %q, %v, want %q", got, err, root)
		}
		if _, err := fi.FindMessage(t.Context(), bot.Message{Channel: c.Channel, Key: "restart:none"}); !errors.Is(err, bot.ErrNotFound) {
			t.Errorf("FindMessage of nothing = %v, want ErrNotFound", err)
		}
	}
	late := c.post(t, bot.Message{Thread: root, Text: "after the restart", Key: "restart:1"})
	if late == root || late == theirs {
		t.Errorf("the ref %s was given out twice", late)
	}
	if s := c.see(t, c.People[0], late, "the answer after the restart", anything); s.Thread != root {
		t.Errorf("the answer is in thread %q, want %q", s.Thread, root)
	}
	next := c.say(t, c.People[0], root, "their next answer")
	c.wait(t, bot.EventMessage, c.People[0], func(e bot.Event) bool { return e.Message == next })
	for _, e := range c.sink.events(bot.EventMessage) {
		if e.Message == next && e.ID == eventID(c, theirs) {
			t.Errorf("the event id %q was given out twice", e.ID)
		}
	}
}

// eventID is the id of the event for a message.
func eventID(c *chat, ref bot.MessageRef) string {
	for _, e := range c.sink.events(bot.EventMessage) {
		if e.Message == ref {
			return e.ID
		}
	}
	return ""
}
