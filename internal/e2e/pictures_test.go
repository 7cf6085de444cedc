package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
)

// TestPictures makes the pictures of docs/images anew, from the real program
// after its tour:
//
//	PERCH_PICTURES=1 go test -run TestPictures ./internal/e2e
func TestPictures(t *testing.T) {
	if os.Getenv("PERCH_PICTURES") == "" {
		t.Skip("left out: it writes docs/images; set PERCH_PICTURES=1 to have it run")
	}
	dir := t.TempDir()
	p := sandboxed(dir)
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(p.start())
	t.Cleanup(func() {
		p.kill()
		if b, err := os.ReadFile(p.log); t.Failed() && err == nil {
			t.Logf("%s", b)
		}
	})
	walk(t, p, must)

	w := newWindow(t)
	for _, scheme := range []string{"light", "dark"} {
		w.size(1440, 900, scheme)
		for _, v := range []struct{ name, person, channel, tab, done string }{
			{"sandbox", "rio", "incidents", "tab-posts", `document.querySelector("#thread-log .b-actions")`},
			{"answers", "sam", "support", "tab-dms", `document.querySelector("#thread-log li.msg:last-child")`},
		} {
			w.open(p.url)
			w.run(fmt.Sprintf(`document.querySelector('#people [data-ref="webchat:U_%s"]').click()`, v.person))
			w.until(v.person, fmt.Sprintf(`document.querySelector('#people [data-ref="webchat:U_%s"]').ariaChecked === "true"`, v.person))
			w.run(fmt.Sprintf(`document.querySelector('[data-channel="webchat:%s"]').click()`, v.channel))
			w.until("a thread", `document.querySelector("#log .answers")`)
			w.run(`document.querySelector("#log .answers").click()`)
			w.run(fmt.Sprintf(`document.querySelector("#%s").click()`, v.tab))
			w.until("all of it", v.done)
			w.run(`document.activeElement?.blur(); for (const id of ["log", "thread-log"]) { const el = document.getElementById(id); el.scrollTop = el.scrollHeight; }`)
			png, err := chromedp.Run(w.ctx, chromedp.CaptureScreenshot())
			must(err)
			must(os.WriteFile(filepath.Join("..", "..", "docs", "images", v.name+"-"+scheme+".png"), png, 0o644))
		}
	}
}

// walk plays the tour and one post more, of which only the preview is there.
func walk(t *testing.T, p *play, must func(error)) {
	t.Helper()
	at := func(user string, where ...string) {
		t.Helper()
		p.user = user
		must(enter(p, where))
	}
	at("ada", "setup")
	must(click(p, []string{"Start Authentication"}))
	must(p.connect("1000000000000000001"))
	must(p.reads("Connected @larkspur_hq"))
	must(p.world.dm("casey_r", "Is the 8:15 to Oakham running today?"))
	at("sam", "support", "Casey Rivera")
	must(click(p, []string{"Claim"}))
	must(say(p, []string{"Hi Casey, it is: 8:15 from platform 2, on time."}))
	must(dms(p, []string{"casey_r", "1", "8:15 from platform 2"}))
	must(p.world.dm("casey_r", "Great, thank you!"))
	at("rio", "incidents")
	must(say(p, []string{"/incident new Signals fail near Oakham --severity sev2"}))
	must(p.reads("INC-1"))
	must(say(p, []string{`/timeline add --visibility "status page + twitter" Trains near Oakham are about 10 minutes late: signals fail there. We are on it.`}))
	at("rio", "incidents", "INC-1")
	must(click(p, []string{"Post to X"}))
	must(posts(p, []string{"1"}))
	at("rio", "incidents")
	must(say(p, []string{`/timeline add --visibility "status page + twitter" The signals work again. Trains are back on time.`}))
	must(p.reads("Preview – not public yet"))
}

// reads waits until the person reads the text.
func (p *play) reads(text string) error {
	return eventually(func() error {
		list, err := p.sees()
		if err != nil {
			return err
		}
		for _, m := range list {
			if strings.Contains(m.reads, text) {
				return nil
			}
		}
		return fmt.Errorf("%s does not read %q in #%s", p.user, text, p.channel)
	})
}

// connect lets the user authorize Perch through the newest link.
func (p *play) connect(user string) error {
	link, err := p.link(false)
	if err != nil {
		return err
	}
	_, err = p.authorize(link, user, true)
	return err
}
