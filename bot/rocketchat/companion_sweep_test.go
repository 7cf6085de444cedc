package rocketchat_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/perch-chat/perch/bot"
	"github.com/perch-chat/perch/bot/rocketchat"
	"github.com/perch-chat/perch/bot/rocketchat/rcfake"
)

// newSwept is a workspace whose app answers, with a message of Perch's that the
// app hears.
func newSwept(t *testing.T) (p *perchSide, app *rcfake.Companion, ref bot.MessageRef) {
	t.Helper()
	p = &perchSide{t: t, settings: map[string]string{}}
	p.appWorld = newAppWorld(t, p.set)
	app, err := p.ws.InstallCompanion(t.Context(), appSecret, p.serve())
	if err != nil {
		t.Fatal(err)
	}
	p.must(p.adapter.AppAnswers)
	m := card("The card", bot.Button{ID: "claim", Label: "Claim", Value: "7"})
	m.Channel, m.Key = bot.ChannelRef(prefix+p.ws.room), "card"
	if ref, err = p.adapter.Post(t.Context(), m); err != nil {
		t.Fatal(err)
	}
	return p, app, ref
}

// serve returns the address that the app finds Perch at.
func (p *perchSide) serve() string {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { p.handler.ServeHTTP(w, r) }))
	p.t.Cleanup(srv.Close)
	return srv.URL
}

func (p *perchSide) must(is func() bool) {
	p.t.Helper()
	if err := p.until(is); err != nil {
		p.t.Fatal(err)
	}
}

// buttons are those of the card: heard by the app, and written by people.
func (p *perchSide) buttons() (app, plain int) {
	for _, m := range p.ws.Messages(p.ws.room) {
		for _, b := range m.Buttons {
			if b.Value != "" {
				app++
			} else {
				plain++
			}
		}
	}
	return app, plain
}

// What can't be replaced at once is replaced later.
func TestCompanionGoneWhileTheServerIsBusy(t *testing.T) {
	t.Parallel()
	p, app, _ := newSwept(t)
	p.ws.AddFault(rcfake.Fault{Route: "GET subscriptions.get"})
	app.Vanish()
	p.adapter.SettingsChanged()
	p.must(func() bool { return !p.adapter.AppAnswers() })
	p.must(func() bool {
		p.adapter.SettingsChanged()
		_, plain := p.buttons()
		return plain == 1
	})
}

// An app that says goodbye may answer a moment longer, and counts as gone until
// it says hello.
func TestCompanionGoodbyeIsMeant(t *testing.T) {
	t.Parallel()
	p, app, ref := newSwept(t)
	before := app.Greeted()
	if err := app.Uninstall(t.Context()); err != nil {
		t.Fatal(err)
	}
	app.Return()
	p.must(func() bool { p.adapter.SettingsChanged(); return app.Greeted() > before+1 })
	if p.adapter.AppAnswers() {
		t.Error("an app that left is used")
	}
	if inApp, plain := p.buttons(); inApp != 0 || plain != 1 {
		t.Errorf("the card has %d buttons of the app and %d others", inApp, plain)
	}
	if err := p.adapter.Edit(t.Context(), ref, card("The card, claimed", bot.Button{ID: "release", Label: "Release"})); err != nil {
		t.Fatal(err)
	}
	if err := app.Hello(t.Context()); err != nil {
		t.Fatal(err)
	}
	p.must(func() bool { inApp, plain := p.buttons(); return p.adapter.AppAnswers() && inApp == 1 && plain == 0 })
}

// An app that is removed takes its buttons out of the messages. Installed again,
// it shows them again: the message must not be left without any.
func TestCompanionInstalledAgain(t *testing.T) {
	t.Parallel()
	p, app, _ := newSwept(t)
	if err := app.Uninstall(t.Context()); err != nil {
		t.Fatal(err)
	}
	if inApp, plain := p.buttons(); inApp != 0 || plain != 1 {
		t.Fatalf("without the app the card has %d buttons of the app and %d others", inApp, plain)
	}
	again, err := p.ws.InstallCompanion(t.Context(), appSecret, p.serve())
	if err != nil {
		t.Fatal(err)
	}
	p.must(func() bool { inApp, plain := p.buttons(); return inApp == 1 && plain == 0 })
	card := p.ws.Messages(p.ws.room)[0]
	if _, err := again.Press(t.Context(), "ada.app", p.ws.room, card.ID, "Claim"); err != nil {
		t.Error(err)
	}
	if n := len(p.of(bot.EventAction)); n != 1 {
		t.Errorf("%d clicks came", n)
	}
}

// What a message was changed to while the app was gone is newer than its dead
// buttons.
func TestCompanionGoneKeepsTheNewest(t *testing.T) {
	t.Parallel()
	p, app, ref := newSwept(t)
	m := card("Another", bot.Button{ID: "claim", Label: "Claim", Value: "8"})
	m.Channel, m.Key = bot.ChannelRef(prefix+p.ws.room), "another"
	if _, err := p.adapter.Post(t.Context(), m); err != nil {
		t.Fatal(err)
	}
	app.Vanish()
	if err := p.adapter.Edit(t.Context(), ref, card("The card, closed")); err != nil {
		t.Fatal(err)
	}
	p.must(func() bool { _, plain := p.buttons(); return plain > 0 }) // the other one has
	first := p.ws.Messages(p.ws.room)[0]
	if !strings.Contains(first.Text, "The card, closed") || len(first.Buttons) != 1 {
		t.Errorf("the card reads %q, with %d buttons", first.Text, len(first.Buttons))
	}
}

// A restart of Perch does not forget what the app is to show.
func TestCompanionBackAfterRestart(t *testing.T) {
	t.Parallel()
	p, app, ref := newSwept(t)
	p.stop()
	kept := shelf{}
	p.appWorld = startApp(t, p.ws, p.set, kept)
	p.must(p.adapter.AppAnswers)
	app.Vanish()
	if err := p.adapter.Edit(t.Context(), ref, card("The card, claimed", bot.Button{ID: "release", Label: "Release"})); err != nil {
		t.Fatal(err)
	}
	p.stop()
	app.Return()
	p.appWorld = startApp(t, p.ws, p.set, kept)
	p.must(func() bool {
		inApp, plain := p.buttons()
		return inApp == 1 && plain == 0 && p.ws.Messages(p.ws.room)[0].Buttons[0].Text == "Release"
	})
	p.stop()
	if len(kept) != 0 {
		t.Errorf("still kept: %s", kept)
	}
}

// An app that no longer knows the secret hears no button.
func TestCompanionWithAnotherSecret(t *testing.T) {
	t.Parallel()
	p, _, ref := newSwept(t)
	if _, err := p.ws.InstallCompanion(t.Context(), "another", p.serve()); err == nil {
		t.Fatal("another secret is taken")
	}
	if err := p.adapter.Edit(t.Context(), ref, card("The card, claimed", bot.Button{ID: "release", Label: "Release"})); err != nil {
		t.Fatal(err)
	}
	if p.adapter.AppAnswers() {
		t.Error("an app that refuses everything is used")
	}
	if _, plain := p.buttons(); plain != 1 {
		t.Errorf("the card has %d buttons that work", plain)
	}
}

// Notifications have no blocks: the text of a card says what it is about, more
// of it than a label has.
func TestCompanionCardsHaveWords(t *testing.T) {
	t.Parallel()
	p, _, _ := newSwept(t)
	words := "Casey Rivera (@casey_r): " + strings.Repeat("Where is my parcel? ", 8) + "Please."
	m := card("", bot.Button{ID: "claim", Label: "Claim", Value: "9"})
	m.Channel, m.Key, m.Text, m.Blocks = bot.ChannelRef(prefix+p.ws.room), "words", words, m.Blocks[1:]
	ref, err := p.adapter.Post(t.Context(), m)
	if err != nil {
		t.Fatal(err)
	}
	for _, raw := range p.ws.Raw(p.ws.room) {
		if raw["_id"] != last(ref) {
			continue
		}
		msg, _ := raw["msg"].(string)
		if got := strings.ReplaceAll(strings.ReplaceAll(msg, "\\", ""), "\u2060", ""); got != words || raw["blocks"] == nil {
			t.Errorf("notifications say %q", got)
		}
	}
}

// Where the app was given up, what it drew is still there, and nobody can change
// it: it must not pass for how things stand.
func TestCompanionGivenUp(t *testing.T) {
	t.Parallel()
	p, app, ref := newSwept(t)
	if err := app.Uninstall(t.Context()); err != nil {
		t.Fatal(err)
	}
	p.stop()
	id, token := p.ws.Bot()
	a, err := rocketchat.New(rocketchat.Options{URL: p.ws.url, UserID: id, Token: token})
	if err != nil {
		t.Fatal(err)
	}
	if err := a.Edit(t.Context(), ref, card("The card, closed")); err != nil {
		t.Fatal(err)
	}
	if m := p.ws.Messages(p.ws.room)[0]; !strings.Contains(m.Text, "This is how it stands now") || !strings.Contains(m.Text, "The card, closed") {
		t.Errorf("the card reads %q", m.Text)
	}
}
