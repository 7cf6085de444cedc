package e2e

import (
	"fmt"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
)

// album takes pictures of a Rocket.Chat workspace and leaves them in
// artifacts/rocketchat, and those of the guide in docs/images.
type album struct {
	t    *testing.T
	w    *window
	p    *play
	page string
	dir  string
}

// newAlbum opens a workspace; prepare may change it before Perch starts.
func newAlbum(t *testing.T, prepare func(p *play)) *album {
	t.Helper()
	if os.Getenv("PERCH_PICTURES") == "" {
		t.Skip("left out: it is for the eye; set PERCH_PICTURES=1 to have it run")
	}
	if _, err := os.Stat(rocketParser); err != nil {
		t.Skip("left out: Rocket.Chat's own parser is not installed; make test installs it")
	}
	p, end, err := rocketPlay(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(end)
	prepare(p)
	p.stage.(*rocketStage).Set("Message_AllowUnrecognizedSlashCommand", false) // as a workspace comes
	a := &album{t: t, w: newWindow(t), p: p, dir: filepath.Join("..", "..", "artifacts", "rocketchat")}
	page := httptest.NewServer(rocketPage{p.stage.(*rocketStage)})
	t.Cleanup(page.Close)
	a.page = page.URL
	a.must(os.MkdirAll(a.dir, 0o755), p.start())
	return a
}

func (a *album) must(errs ...error) {
	a.t.Helper()
	for _, err := range errs {
		if err != nil {
			a.t.Fatalf("%v\n%s", err, a.p.said())
		}
	}
}

func (a *album) at(user string, where ...string) {
	a.t.Helper()
	a.p.user = user
	a.must(enter(a.p, where))
}

// shot takes what the person sees where they are.
func (a *album) shot(name string) string {
	a.t.Helper()
	a.w.size(1360, 860, "light")
	return a.snap(name)
}

// guide takes it for the guide.
func (a *album) guide(name string) {
	a.t.Helper()
	a.w.size(1280, 760, "light")
	png, err := os.ReadFile(a.snap(name))
	a.must(err, os.WriteFile(filepath.Join("..", "..", "docs", "images", name+".png"), png, 0o644))
}

func (a *album) snap(name string) string {
	a.t.Helper()
	a.w.open(a.page + "/?" + url.Values{"as": {a.p.user}, "in": {a.p.channel}, "thread": {a.p.thread}}.Encode())
	return a.keep(name)
}

// browse takes a page of Perch.
func (a *album) browse(name, link string) {
	a.t.Helper()
	a.w.size(720, 860, "light")
	a.w.do(chromedp.Navigate(link))
	a.must(eventually(func() error {
		ok, err := chromedp.Run(a.w.ctx, chromedp.Evaluate[bool](`document.querySelector("main h1") !== null`))
		if err == nil && !ok {
			err = fmt.Errorf("%s shows nothing", link)
		}
		return err
	}))
	a.keep(name)
}

func (a *album) keep(name string) string {
	a.t.Helper()
	file := filepath.Join(a.dir, name+".png")
	png, err := chromedp.Run(a.w.ctx, chromedp.CaptureScreenshot())
	a.must(err, os.WriteFile(file, png, 0o644))
	return file
}

// formLink is the newest form that the person was given.
func (a *album) formLink() (link string) {
	a.t.Helper()
	a.must(eventually(func() error {
		list, err := a.p.sees()
		for _, m := range list {
			for _, b := range m.buttons {
				if strings.Contains(b.url, "/rocketchat/form/") {
					link = b.url
				}
			}
		}
		if err == nil && link == "" {
			err = fmt.Errorf("%s has no form: %+v", a.p.user, list)
		}
		return err
	}))
	return link
}

// TestRocketChatPictures plays the main flows in rooms:
//
//	PERCH_PICTURES=1 go test -run TestRocketChatPictures ./internal/e2e
func TestRocketChatPictures(t *testing.T) {
	a := newAlbum(t, func(p *play) { p.conf["channels"].(map[string]any)["setup"] = "" })
	p := a.p
	s := p.stage.(*rocketStage)
	a.at("ada", "omnichannel-twitter-setup")
	a.must(pinned(p, []string{"Connect X (Twitter)"}))
	a.shot("setup")
	a.must(click(p, []string{"Start Authentication"}), p.reads("Click here to authorize"))
	link, err := p.link(false)
	a.must(err)
	a.at("ada", "bot")
	a.shot("setup-link")
	_, err = p.authorize(link, company, true)
	a.must(err)
	a.at("ada", "omnichannel-twitter-setup")
	a.must(p.reads("Connected @larkspur_hq"))
	a.shot("setup-connected")
	for _, word := range []string{"help", "accounts", "settings", "support"} {
		a.must(say(p, []string{"!twitter " + word}))
	}
	a.must(p.reads("perch doctor"))
	a.shot("words")
	a.at("ada", "bot")
	a.must(say(p, []string{"help"}), p.reads("Connect X accounts"))
	a.shot("words-bot")
	a.must(say(p, []string{"incident help"}), p.reads("incident new ["), say(p, []string{"timeline help"}), p.reads("timeline add ["), say(p, []string{"twitter unauthorise"}), p.reads("Did you mean"))
	a.shot("words-more")

	a.must(p.world.dm("casey_r", "Is the 8:15 to Oakham running *today*? I have a _tight_ connection :)"))
	a.at("sam", "support", "Casey Rivera")
	a.must(p.reads("Press Claim above"))
	a.shot("card")
	a.must(click(p, []string{"Claim"}), p.reads("Sam Lindqvist is on it"), say(p, []string{"Hi Casey, it is: 8:15 from platform 2, on time."}), dms(p, []string{"casey_r", "1", "platform 2"}))
	file, err := p.file("ticket.png")
	a.must(err, p.world.dm("casey_r", "Great, thank you! Is my ticket valid?", file), p.reads("{photo"))
	a.must(say(p, []string{"// ask Rio about the tariff"}), say(p, []string{"It is, on all trains today."}), p.reads("on all trains today. :white_check_mark:"), p.reads("Answered by Sam"))
	a.guide("rocketchat-conversation")
	a.at("rio", "support", "Casey Rivera")
	a.must(say(p, []string{"Yes!"}), p.reads("only agents can answer"))
	a.shot("conversation-other")
	a.at("rio", "bot")
	a.shot("conversation-other-bot")
	a.at("ada", "support")
	a.must(say(p, []string{"!duty on"}), p.reads("on duty"))
	a.at("sam", "support", "Casey Rivera")
	a.must(click(p, []string{"Transfer"}))
	a.browse("form-transfer", a.formLink())
	a.must(p.world.mention("noor_writes", "@larkspur_hq why are you late again?"))
	a.at("sam", "support", "Noor Haddad")
	a.must(click(p, []string{"Claim"}), p.reads("Sam Lindqvist is on it"), say(p, []string{"Sorry about that: a tree fell on the line. We are clearing it now."}), click(p, []string{"Preview"}), p.reads("Everybody will see this answer"))
	a.shot("mention")

	a.at("rio", "incidents")
	a.must(say(p, []string{"!incident new"}))
	form := a.formLink()
	a.browse("form-declare", form)
	a.at("rio", "bot")
	a.shot("form-link")
	a.at("rio", "incidents")
	a.must(fill(p, []string{"title=Signals fail near Oakham", "severity=sev2", "summary=All of them are red between Oakham and Hale."}))
	a.browse("form-sent", form)
	a.at("rio", "incidents", "INC-1")
	a.must(say(p, []string{"The fuse of signal 12 is gone. A team is on its way."}))
	own, err := p.own("fuse")
	a.must(err, s.reacts("rio", own, "pushpin", true), p.reads(":pushpin:"), p.reads("gone. A team is on its way. :"))
	a.must(say(p, []string{`@twitter.bot timeline add --visibility "status page + twitter" Trains near Oakham are about 10 minutes late: signals fail there. We are on it.`}), p.reads("Preview – not public yet"))
	a.shot("incident")
	a.must(click(p, []string{"Post to X"}), p.reads("Posted on X as @larkspur_hq"))
	a.shot("posted")
	a.at("rio", "incidents")
	a.must(say(p, []string{"!incident list"}), p.reads("INC-1"))
	a.shot("incidents")
	a.at("rio", "bot")
	a.shot("incidents-bot")
	a.must(p.stop())
}

// TestOmnichannelPictures plays a customer's way through Rocket.Chat's own
// customer service.
func TestOmnichannelPictures(t *testing.T) {
	a := newAlbum(t, func(p *play) {
		s := p.stage.(*rocketStage)
		if err := omnichannel(p, s, []string{"sam", "rio"}); err != nil {
			t.Fatal(err)
		}
		s.SetOffline("rio", true)
	})
	p := a.p
	s := p.stage.(*rocketStage)
	a.at("ada", "setup")
	a.must(click(p, []string{"Start Authentication"}), p.connect(company), p.reads("Connected @larkspur_hq"))
	a.must(p.world.dm("casey_r", "Is the 8:15 to Oakham running today?"))
	a.at("sam", "@casey_r")
	a.must(p.reads("The customer was welcomed"))
	a.must(say(p, []string{"Hi Casey, it is: 8:15 from **platform 2**, on time."}), dms(p, []string{"casey_r", "1", "platform 2"}))
	file, err := p.file("ticket.png")
	a.must(err, p.world.dm("casey_r", "Great, thank you! Is my ticket valid?", file), p.reads("{photo"))
	a.must(say(p, []string{"// ask Rio about the tariff"}), say(p, []string{"It is, on all trains today."}), dms(p, []string{"casey_r", "1", "on all trains"}), p.reads("on all trains today. :white_check_mark:"))
	a.guide("rocketchat-omnichannel")
	a.must(edit(p, []string{"on all trains", "It is, on *most* trains today."}), p.reads("still sees your first text"))
	doc, err := p.file("tariff.pdf")
	a.must(err, s.says("sam", "@casey_r", "", "Here is the tariff", doc), p.reads("tariff.pdf can't go to X"))
	a.must(say(p, []string{"@twitter.bot help"}), p.reads("More: "))
	a.shot("omnichannel-told")
	x := p.world.(fakeX)
	a.must(x.SetDMsClosed(account("casey_r"), true), say(p, []string{"Anything else?"}), p.reads("⚠ Not sent: “Anything"))
	a.shot("omnichannel-refused")
	a.must(x.SetDMsClosed(account("casey_r"), false), click(p, []string{"Retry"}), dms(p, []string{"casey_r", "1", "Anything else?"}))
	s.SetOffline("rio", false)
	a.must(s.Forward("sam", s.room("@casey_r"), "rio", ""), s.Hold("rio", s.room("@casey_r")), p.world.dm("casey_r", "No, thanks!"), p.reads("No, thanks!"))
	a.must(s.CloseRoom("rio", s.room("@casey_r"), "solved"), dms(p, []string{"casey_r", "1", "We closed this conversation"}))
	a.shot("omnichannel-closed")
	s.SetOffline("rio", true)
	a.must(p.world.mention("noor_writes", "@larkspur_hq why are you late again?"))
	a.at("sam", "post:@noor_writes")
	a.must(p.reads("late again?"), say(p, []string{"Sorry about that: a tree fell on the line. We are clearing it now."}), p.reads("Everybody will see this answer"))
	a.shot("omnichannel-mention")
	a.must(click(p, []string{"Post on X"}), posts(p, []string{"1"}), p.reads("Posted"))
	a.shot("omnichannel-posted")
	s.SetOffline("sam", true)
	a.must(p.world.dm("noor_writes", "Hello?"), dms(p, []string{"noor_writes", "1", "Nobody is here"}))
	a.at("ada", "setup")
	a.must(say(p, []string{"!twitter support"}), p.reads("perch doctor"))
	a.shot("omnichannel-setup")
	a.at("ada", "bot")
	a.shot("omnichannel-support")
	a.must(p.stop())
}
