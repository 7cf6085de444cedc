package e2e

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
)

// TestRocketChatFormInBrowser opens a form from another site, as from the chat,
// on a telephone's screen, and sends it: the strict cookie and the Origin are
// what a real browser makes of them.
func TestRocketChatFormInBrowser(t *testing.T) {
	w := newWindow(t)
	p, end, err := rocketPlay(t.TempDir())
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
	shows := func(what, js string) { // over a change of the page
		t.Helper()
		must(eventually(func() error {
			ok, err := chromedp.Run(w.ctx, chromedp.Evaluate[bool](js))
			if err == nil && !ok {
				err = fmt.Errorf("still not: %s", what)
			}
			return err
		}))
	}
	must(p.start())
	p.user, p.channel = "rio", "incidents"
	must(say(p, []string{"/incident new"}))
	link := ""
	must(eventually(func() error {
		list, err := p.sees()
		for _, m := range list {
			for _, b := range m.buttons {
				if strings.Contains(b.url, "/rocketchat/form/") {
					link = b.url
				}
			}
		}
		if err == nil && link == "" {
			err = fmt.Errorf("there is no form")
		}
		return err
	}))
	chat := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) {
		rw.Header().Set("Content-Type", "text/html")
		_, _ = fmt.Fprintf(rw, `<!doctype html><body data-ready><a id=go href="%s">Open the form</a>`, link)
	}))
	t.Cleanup(chat.Close)
	w.size(390, 844, "light")
	w.open(strings.Replace(chat.URL, "127.0.0.1", "localhost", 1))
	w.run(`document.getElementById("go").click()`)
	shows("the form", `document.querySelector("form") !== null`)
	shows("no scrolling aside", `document.documentElement.scrollWidth <= 390`)
	w.shot("rocketchat-form")
	w.run(`document.querySelector("button").click()`)
	shows("what is missing", `document.body.innerText.includes("Please fill this in") && document.querySelector("[aria-invalid=true]") !== null`)
	w.shot("rocketchat-form-missing")
	w.run(`document.querySelector("input[name=title]").value = "Signals <b>fail</b>"; document.querySelector("button").click()`)
	shows("thanks", `document.body.innerText.includes("Sent.")`)
	must(eventually(func() error {
		list, err := p.sees()
		for _, m := range list {
			if strings.Contains(m.reads, "INC-1: Signals <b>fail</b>") {
				return nil
			}
		}
		if err == nil {
			err = fmt.Errorf("the incident was not declared")
		}
		return err
	}))
	w.do(chromedp.Navigate(link))
	shows("it is over", `document.body.innerText.includes("Sent.") && document.querySelector("form") === null`)
}
