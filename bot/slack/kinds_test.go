package slack_test

import (
	"testing"

	"github.com/perch-chat/perch/bot"
	"github.com/perch-chat/perch/bot/slack/slackfake"
)

// TestOtherKindsOfEvents plays what is neither a message nor a command.
func TestOtherKindsOfEvents(t *testing.T) {
	w := newWorkspace(t, slackfake.Options{})
	group := w.AddUserGroup("oncall", "On call", "ada")
	a, g := w.adapter(t), newGate()
	close(g.open)
	stop := start(t, w, a, g)
	defer stop()
	n := 0
	next := func(kind bot.EventKind) bot.Event {
		t.Helper()
		var ev bot.Event
		await(t, w, string(kind), func() (ok bool) { ev, ok = g.event(n); return ok })
		n++
		if ev.Kind != kind || ev.ID == "" || ev.Platform != "slack" || ev.At.IsZero() {
			t.Errorf("event %+v, want a %s", ev, kind)
		}
		return ev
	}
	ada, rio := bot.UserRef("slack:"+w.ada), bot.UserRef("slack:"+w.rio)

	w.OpenHome(w.ada)
	if ev := next(bot.EventHome); ev.User.Ref != ada || ev.User.Name != "Ada" {
		t.Errorf("home opened: %+v", ev)
	}
	if err := w.SetUserGroup(group, "ada", "rio"); err != nil {
		t.Fatal(err)
	}
	for range 2 { // Slack tells it twice
		if ev := next(bot.EventGroup); ev.Group != bot.GroupRef("slack:"+group) {
			t.Errorf("group changed: %+v", ev)
		}
	}

	ts := w.says(t, slackfake.Says{User: w.rio, Text: "the cause is @oncall in #support"})
	if ev := next(bot.EventMessage); len(ev.Names) != 2 || ev.Names[0].Group != bot.GroupRef("slack:"+group) || ev.Names[1].Channel != bot.ChannelRef("slack:"+w.channel) || ev.Text != "the cause is @oncall in #support" {
		t.Errorf("message that names others: %+v", ev)
	}
	if err := w.PersonReacts(w.ada, w.channel, ts, "pushpin", true); err != nil {
		t.Fatal(err)
	}
	if ev := next(bot.EventReaction); ev.Author == nil || ev.Author.Ref != rio || ev.User.Ref != ada || ev.Message != w.ref(ts) {
		t.Errorf("reaction: %+v", ev)
	}
	if _, err := w.Shortcut(w.ada, "timeline.message", w.channel, ts); err != nil {
		t.Fatal(err)
	}
	ev := next(bot.EventAction)
	if ev.Action != "timeline.message" || ev.Message != w.ref(ts) || ev.Author == nil || ev.Author.Ref != rio || ev.Text != "the cause is @oncall in #support" ||
		ev.Trigger == "" || ev.Respond == "" || ev.Fields["message_at"] == "" {
		t.Errorf("message shortcut: %+v", ev)
	}
	if _, err := w.Shortcut(w.ada, "incident.declare", "", ""); err != nil {
		t.Fatal(err)
	}
	if ev := next(bot.EventAction); ev.Action != "incident.declare" || ev.Channel != "" || ev.Trigger == "" {
		t.Errorf("global shortcut: %+v", ev)
	}
	card, err := a.Post(t.Context(), bot.Message{Channel: bot.ChannelRef("slack:" + w.channel), Text: "Hi", Author: &bot.Author{Name: "Jane", Handle: "jane"}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Shortcut(w.ada, "desk.reply", w.channel, id(card)); err != nil {
		t.Fatal(err)
	}
	if ev := next(bot.EventAction); ev.Author == nil || ev.Author.Ref != "" || ev.Author.Name != "Jane (@jane)" {
		t.Errorf("shortcut on what the bot wrote: author %+v", ev.Author)
	}

	w.Command(w.ada, w.channel, "/timeline", "add paged @rio, see #support")
	if ev := next(bot.EventCommand); ev.Text != "add paged @Rio, see #support" || len(ev.Names) != 2 || ev.Names[0] != (bot.Named{Text: "@Rio", User: rio}) {
		t.Errorf("command that names others: %+v", ev)
	}

	w.Uninstall("T0ACME")
	if ev := next(bot.EventRemoved); ev.Team != "T0ACME" {
		t.Errorf("tokens revoked: %+v", ev)
	}
	if ev := next(bot.EventRemoved); ev.Team != "T0ACME" {
		t.Errorf("uninstalled: %+v", ev)
	}
}
