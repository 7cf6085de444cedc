package e2e

import (
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
)

// TestSlackPictures plays the main flows in Slack and leaves pictures of them
// in artifacts/slack, to be looked at, and those of the guide in docs/images:
//
//	PERCH_PICTURES=1 go test -run TestSlackPictures ./internal/e2e
func TestSlackPictures(t *testing.T) {
	if os.Getenv("PERCH_PICTURES") == "" {
		t.Skip("left out: it is for the eye; set PERCH_PICTURES=1 to have it run")
	}
	p, end, err := slackPlay(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(end)
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatalf("%v\n%s", err, p.said())
		}
	}
	s := p.stage.(*slackStage)
	page := httptest.NewServer(slackPage{s})
	t.Cleanup(page.Close)
	w := newWindow(t)
	w.size(1360, 860, "light")
	dir := filepath.Join("..", "..", "artifacts", "slack")
	must(os.MkdirAll(dir, 0o755))
	shot := func(name, user, place, thread string) {
		t.Helper()
		q := url.Values{"as": {user}, "in": {place}, "thread": {thread}}
		if place == "home" {
			q = url.Values{"as": {user}, "home": {"1"}}
		}
		w.open(page.URL + "/?" + q.Encode())
		png, err := chromedp.Run(w.ctx, chromedp.CaptureScreenshot())
		must(err)
		must(os.WriteFile(filepath.Join(dir, name+".png"), png, 0o644))
	}
	guide := func(name, user, place, thread string) {
		t.Helper()
		w.size(1280, 760, "light")
		shot(name, user, place, thread)
		png, err := os.ReadFile(filepath.Join(dir, name+".png"))
		must(err)
		must(os.WriteFile(filepath.Join("..", "..", "docs", "images", name+".png"), png, 0o644))
		w.size(1360, 860, "light")
	}
	at := func(user string, where ...string) {
		t.Helper()
		p.user = user
		must(enter(p, where))
	}

	must(p.start())
	at("ada", "setup")
	must(p.reads("no X account is connected"))
	must(pinned(p, []string{"Connect X (Twitter)"}))
	must(click(p, []string{"Start Authentication"}))
	must(p.reads("Click here to authorize"))
	shot("setup-start", "ada", "setup", "")
	must(p.connect(company))
	must(p.reads("Connected @larkspur_hq"))
	shot("setup-connected", "ada", "setup", "")

	must(p.world.dm("casey_r", "Is the 8:15 to Oakham running today?"))
	at("sam", "support", "Casey Rivera")
	must(p.reads("Press Claim above"))
	shot("card", "sam", "support", p.thread)
	must(click(p, []string{"Claim"}))
	must(p.reads("Sam Lindqvist is on it"))
	must(say(p, []string{"Hi Casey, it is: 8:15 from platform 2, on time."}))
	must(dms(p, []string{"casey_r", "1", "platform 2"}))
	file, err := p.file("ticket.png")
	must(err)
	must(p.world.dm("casey_r", "Great, thank you! Is my ticket valid?", file))
	must(p.reads("Is my ticket valid?"))
	must(say(p, []string{"// ask Rio about the tariff"}))
	must(say(p, []string{"It is, on all trains today."}))
	must(dms(p, []string{"casey_r", "1", "on all trains"}))
	must(p.reads("on all trains today. :white_check_mark:"))
	own := func(text string) seen {
		t.Helper()
		m, err := p.own(text)
		must(err)
		return m
	}
	must(s.reacts("sam", own("ask Rio"), "eyes", true))
	guide("slack-conversation", "sam", "support", p.thread)
	at("rio", "support", "Casey Rivera")
	must(say(p, []string{"Yes!"}))
	must(p.reads("only agents can answer"))
	shot("conversation-other", "rio", "support", p.thread)
	must(p.world.mention("noor_writes", "@larkspur_hq why are you late again?"))
	at("sam", "support", "Noor Haddad")
	must(click(p, []string{"Claim"}))
	must(p.reads("Sam Lindqvist is on it"))
	must(say(p, []string{"Sorry about that: a tree fell on the line. We are clearing it now."}))
	must(click(p, []string{"Preview"}))
	must(p.reads("Everybody will see this answer"))
	shot("mention", "sam", "support", p.thread)

	at("rio", "incidents")
	must(say(p, []string{"/incident new"}))
	must(eventually(func() error { return hasForm(p, "Declare an incident") }))
	shot("declare", "rio", "incidents", "")
	must(fill(p, []string{"title=Signals fail near Oakham", "severity=sev2", "summary=All of them are red between Oakham and Hale."}))
	at("rio", "incidents", "INC-1")
	must(say(p, []string{"The fuse of signal 12 is gone. A team is on its way."}))
	fuse := own("fuse")
	must(s.shortcut("rio", "Add to timeline", &fuse))
	must(eventually(func() error { return hasForm(p, "fuse of signal 12") }))
	shot("add-to-timeline", "rio", "incidents", p.thread)
	must(fill(p, []string{"visibility=internal"}))
	must(say(p, []string{`/timeline add --visibility "status page + twitter" Trains near Oakham are about 10 minutes late: signals fail there. We are on it.`}))
	must(p.reads("Preview – not public yet"))
	guide("slack-incident", "rio", "incidents", p.thread)
	for _, user := range []string{"rio", "sam", "ada"} {
		at(user, "home")
		must(p.reads("[Open]")) // where the messages stand is asked for first
		shot("home-"+user, user, "home", "")
	}
	at("rio", "incidents", "INC-1")
	must(click(p, []string{"Post to X"}))
	must(p.reads("Posted on X as @larkspur_hq"))
	shot("posted", "rio", "incidents", p.thread)
	must(p.stop())
}

func hasForm(p *play, text string) error {
	list, err := p.stage.forms(p.user)
	if err != nil {
		return err
	}
	for _, f := range list {
		if strings.Contains(f.reads, text) && len(f.inputs) > 0 {
			return nil
		}
	}
	return errNone
}
