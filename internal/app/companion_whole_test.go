package app_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/perch-chat/perch/bot/rocketchat/rcfake"
)

// newFitted is a bureau whose Rocket.Chat has the companion app, a room for
// incidents, and Ada, an admin.
func newFitted(t *testing.T) (b *bureau, app *rcfake.Companion, room string) {
	t.Helper()
	b = newBureau(t, func(b *bureau) {
		b.rc.AddUser(rcfake.User{ID: "Uada", Username: "ada", Name: "Ada"})
		room = b.rc.AddRoom("incidents", true, "ada", "twitter.bot")
		b.c.Chat.RocketChat.AppSecret = companionSecret
		b.c.Team.Admins = []string{"rocketchat:Uada"}
		b.c.Channels.Incidents = "rocketchat:" + room
	})
	app, err := b.rc.InstallCompanion(t.Context(), companionSecret, b.c.PublicURL)
	if err != nil {
		t.Fatal(err)
	}
	b.until("Perch's settings on the page", func() bool { return app.Greeted() > 0 && app.Settings()["welcome"] == "Welcome!" })
	b.greets(app)
	return b, app, room
}

// greets waits until Perch has heard the app's answer: it asks one question
// after the other.
func (b *bureau) greets(app *rcfake.Companion) {
	b.t.Helper()
	before := app.Greeted()
	if err := app.Hello(b.t.Context()); err != nil {
		b.t.Fatal(err)
	}
	b.until("another question", func() bool { return app.Greeted() > before })
}

// button is the newest message of a room that has a button, drawn as blocks or
// not.
func (b *bureau) button(rid, label string, blocks bool) (found rcfake.Message) {
	b.t.Helper()
	b.until("button "+label, func() bool {
		for _, m := range b.rc.Messages(rid) {
			for _, x := range m.Buttons {
				if x.Text == label && (x.Value != "") == blocks {
					found = m
				}
			}
		}
		return found.ID != ""
	})
	return found
}

func TestCompanionConversation(t *testing.T) {
	t.Parallel()
	b, _, _ := newFitted(t)
	b.writes("1002", "Where is my parcel?")
	rid := b.room(1)
	if all := b.rc.Rooms("l"); all[0].Source != "Twitter" || all[0].Visitor != "Casey Rivera (@casey_r) on X" {
		t.Errorf("agents read %+v", all[0])
	}
	b.reads(rid, "Where is my parcel?")
	b.answers(rid, "On its way.")
	b.gets("Welcome!", "On its way.")
	if err := b.rc.CloseRoom("sam", rid, "done"); err != nil {
		t.Fatal(err)
	}
	b.gets("Welcome!", "On its way.", "Goodbye!")
	b.writes("1002", "Thank you!")
	b.reads(b.room(2), "Thank you!")
	if calls := b.rc.Calls("GET livechat/room", "POST livechat/visitor"); len(calls) > 0 {
		t.Errorf("%d calls of the few that are public, though the app is there", len(calls))
	}
}

// Without a word the app stops to answer, in the middle of it all: no customer
// waits for it.
func TestCompanionFallsSilent(t *testing.T) {
	t.Parallel()
	b, app, _ := newFitted(t)
	app.Deaf(true)
	b.writes("1002", "Where is my parcel?")
	b.reads(b.room(1), "Where is my parcel?")
	if all := b.rc.Rooms("l"); all[0].Source != "API" {
		t.Errorf("agents read %+v", all[0])
	}
}

func TestCompanionSettingsBothWays(t *testing.T) {
	t.Parallel()
	b, app, room := newFitted(t)
	if err := app.Command(t.Context(), "ada", room, "/twitter", "settings welcome Good day."); err != nil {
		t.Fatal(err)
	}
	b.until("what was changed in chat on the page", func() bool { return app.Settings()["welcome"] == "Good day." })
	if err := app.Set(t.Context(), "finished", "Bye."); err != nil {
		t.Fatal(err)
	}
	if err := app.Command(t.Context(), "ada", room, "/twitter", "settings"); err != nil {
		t.Fatal(err)
	}
	b.until("what was changed on the page in chat", func() bool {
		return slices.ContainsFunc(b.rc.Messages(b.rc.DirectRoom("ada")), func(m rcfake.Message) bool { return strings.Contains(m.Text, "Bye.") })
	})
}

func TestCompanionFormsAndButtons(t *testing.T) {
	t.Parallel()
	b, app, room := newFitted(t)
	if err := app.Command(t.Context(), "ada", room, "/incident", "new"); err != nil {
		t.Fatal(err)
	}
	b.until("a window", func() bool { return len(app.Views()) == 1 })
	v := app.Views()[0]
	if v.Who != "ada" || v.Title == "" {
		t.Errorf("the window is %+v", v)
	}
	if err := app.Submit(t.Context(), v, map[string]string{"title": " "}); err == nil || !strings.Contains(err.Error(), "Please fill this in.") {
		t.Errorf("a form without its title: %v", err)
	}
	for range 2 { // a second click on Send
		if err := app.Submit(t.Context(), v, map[string]string{"title": "Checkout fails"}); err != nil {
			t.Fatal(err)
		}
	}
	card := b.button(room, "Add update", true)
	press := func(label string) {
		t.Helper()
		if _, err := app.Press(t.Context(), "ada", room, card.ID, label); err != nil {
			t.Fatal(err)
		}
	}
	press("Add update")
	b.until("another window", func() bool { return len(app.Views()) == 2 })
	if err := app.Submit(t.Context(), app.Views()[1], map[string]string{"title": "x", "text": "We found the cause"}); err != nil {
		t.Fatal(err)
	}
	b.reads(room, "We found the cause")

	// Nobody hears the buttons of an app that went without a word, so that others
	// come beside them.
	app.Vanish()
	if err := app.Hello(t.Context()); err != nil { // Perch asks at once
		t.Fatal(err)
	}
	beside := b.button(room, "Add update", false)
	if beside.ID != card.ID {
		t.Errorf("the button is on %s, want on %s", beside.ID, card.ID)
	}
	if _, err := b.rc.Press("ada", room, card.ID, "Add update"); err != nil {
		t.Fatal(err)
	}
	b.button(b.rc.DirectRoom("ada"), "Open the form", false)
	if n := len(app.Views()); n != 2 {
		t.Errorf("%d windows of an app that is gone", n)
	}
	// What changes meanwhile is shown beside what only the app could change.
	if _, err := b.rc.Say(rcfake.Says{Who: "ada", Room: room, Text: "!incident severity INC-1 sev2"}); err != nil {
		t.Fatal(err)
	}
	b.until("the new severity on the card", func() bool {
		for _, m := range b.rc.Messages(room) {
			if m.ID == card.ID {
				return strings.Contains(m.Text, "sev2") && strings.Contains(m.Text, "not known")
			}
		}
		return false
	})
	// Once it is back, the message is drawn with blocks alone again.
	app.Return()
	b.greets(app)
	b.until("one of each button", func() bool {
		for _, m := range b.rc.Messages(room) {
			if m.ID == card.ID {
				return len(m.Buttons) == 2 && strings.Contains(m.Text, "sev2") && !strings.Contains(m.Text, "not known")
			}
		}
		return false
	})
	press("Resolve")
	b.until("the question that the button asks", func() bool {
		return slices.ContainsFunc(b.rc.Messages(b.rc.DirectRoom("ada")), func(m rcfake.Message) bool {
			return strings.Contains(m.Text, "Mark INC-1 as resolved?")
		})
	})
}

// A Perch that is started again takes what was open meanwhile.
func TestCompanionAcrossRestart(t *testing.T) {
	t.Parallel()
	b, app, room := newFitted(t)
	if err := app.Command(t.Context(), "ada", room, "/incident", "new"); err != nil {
		t.Fatal(err)
	}
	b.until("a window", func() bool { return len(app.Views()) == 1 })
	b.stop()
	if err := app.Submit(t.Context(), app.Views()[0], map[string]string{"title": "Checkout fails"}); err == nil {
		t.Fatal("a Perch that is stopped answers")
	}
	b.start()
	for range 2 {
		if err := app.Submit(t.Context(), app.Views()[0], map[string]string{"title": "Checkout fails"}); err != nil {
			t.Fatal(err)
		}
	}
	card := b.button(room, "Add update", true)
	b.stop()
	b.start()
	if _, err := app.Press(t.Context(), "ada", room, card.ID, "Add update"); err != nil {
		t.Fatal(err)
	}
	b.until("another window", func() bool { return len(app.Views()) == 2 })
	n := 0
	for _, m := range b.rc.Messages(room) {
		if strings.Contains(m.Text, "INC-") && len(m.Buttons) > 0 {
			n++
		}
	}
	if n != 1 {
		t.Errorf("%d incidents of one form", n)
	}
}

func TestCompanionUninstalled(t *testing.T) {
	t.Parallel()
	b, app, room := newFitted(t)
	if err := app.Command(t.Context(), "ada", room, "/incident", "new Checkout fails"); err != nil {
		t.Fatal(err)
	}
	card := b.button(room, "Add update", true)
	if err := app.Uninstall(t.Context()); err != nil {
		t.Fatal(err)
	}
	after := b.button(room, "Add update", false)
	for _, x := range after.Buttons {
		if after.ID != card.ID || x.Value != "" {
			t.Errorf("on %s there still is %+v", after.ID, x)
		}
	}
	if !strings.Contains(after.Text, "Checkout fails") {
		t.Errorf("the card says no more than %q", after.Text)
	}
	b.writes("1002", "Where is my parcel?")
	b.reads(b.room(1), "Where is my parcel?")
}

// What only the app can show again is not forgotten by a restart of Perch.
func TestCompanionBackAfterRestart(t *testing.T) {
	t.Parallel()
	b, app, room := newFitted(t)
	if err := app.Command(t.Context(), "ada", room, "/incident", "new Checkout fails"); err != nil {
		t.Fatal(err)
	}
	card := b.button(room, "Add update", true)
	app.Vanish()
	if _, err := b.rc.Say(rcfake.Says{Who: "ada", Room: room, Text: "!incident severity INC-1 sev2"}); err != nil {
		t.Fatal(err)
	}
	reads := func(is func(m rcfake.Message, standing bool) bool) func() bool {
		return func() bool {
			return slices.ContainsFunc(b.rc.Messages(room), func(m rcfake.Message) bool {
				return m.ID == card.ID && is(m, strings.Contains(m.Text, "This is how it stands now"))
			})
		}
	}
	b.until("how the card stands now, below it", reads(func(m rcfake.Message, standing bool) bool { return standing && strings.Contains(m.Text, "sev2") }))
	b.stop()
	app.Return()
	b.start()
	b.until("the card drawn by the app", reads(func(m rcfake.Message, standing bool) bool {
		return !standing && strings.Contains(m.Text, "sev2") && len(m.Buttons) == 2 && m.Buttons[0].Value != ""
	}))
}
