package rocketchat_test

import (
	"net/http/httptest"
	"testing"

	"github.com/perch-chat/perch/bot"
	"github.com/perch-chat/perch/bot/rocketchat/rcfake"
)

// newSwept is a workspace whose app answers, with a message of Perch's that the
// app hears.
func newSwept(t *testing.T) (p *perchSide, app *rcfake.Companion, ref bot.MessageRef) {
	t.Helper()
	p = &perchSide{t: t, settings: map[string]string{}}
	p.appWorld = newAppWorld(t, p.set)
	srv := httptest.NewServer(p.handler)
	t.Cleanup(srv.Close)
	app, err := p.ws.InstallCompanion(t.Context(), appSecret, srv.URL)
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
