package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/perch-chat/perch/internal/browsertest"
)

// window is a browser in which a person works.
type window struct {
	t   *testing.T
	ctx context.Context
	n   int
}

// newWindow starts a browser, or skips the test where there is none.
func newWindow(t *testing.T) *window {
	t.Helper()
	return &window{t: t, ctx: browsertest.Open(t, 3*time.Minute)}
}

func (w *window) do(actions ...chromedp.Action[chromedp.Void]) {
	w.t.Helper()
	if _, err := chromedp.Run(w.ctx, chromedp.Steps(actions...)); err != nil {
		w.shot("failed")
		w.t.Fatal(err)
	}
}

// size sets the window and the colours that the person prefers.
func (w *window) size(width, height int64, scheme string) {
	w.t.Helper()
	w.do(browsertest.Size(width, height, scheme == "dark"))
}

// open shows an address of the sandbox.
func (w *window) open(url string) {
	w.t.Helper()
	w.do(chromedp.Navigate(url), chromedp.WaitVisible(`body[data-ready]`))
}

// shot keeps a picture among the test's artefacts.
func (w *window) shot(name string) {
	w.t.Helper()
	png, err := chromedp.Run(w.ctx, chromedp.CaptureScreenshot())
	if err != nil {
		w.t.Error(err)
		return
	}
	w.n++
	dir := filepath.Join("..", "..", "artifacts", "tour")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		w.t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("%02d-%s.png", w.n, name)), png, 0o644); err != nil {
		w.t.Fatal(err)
	}
}

// until waits for a script to be true.
func (w *window) until(what, js string) {
	w.t.Helper()
	if _, err := chromedp.Run(w.ctx, chromedp.Poll[bool]("!!("+js+")", chromedp.WithPollingTimeout(patience))); err != nil {
		w.shot("failed")
		w.t.Fatalf("still not: %s: %v", what, err)
	}
}

func quote(s string) string {
	b, _ := json.Marshal(s) // a string always has a form in JSON
	return string(b)
}

// find is a script for the last visible thing within scope that people can
// press and that reads label.
func find(scope, label string) string {
	return fmt.Sprintf(`[...document.querySelectorAll(%s)].findLast((e) => e.getClientRects().length && e.textContent.trim().startsWith(%s))`,
		quote(scope+" button, "+scope+" a"), quote(label))
}

// press presses what reads label.
func (w *window) press(scope, label string) {
	w.t.Helper()
	w.until(label+" can be pressed", find(scope, label))
	w.run(find(scope, label) + ".click()")
}

func (w *window) run(js string) {
	w.t.Helper()
	if _, err := chromedp.Run(w.ctx, chromedp.Evaluate[chromedp.Void](js, chromedp.EvalAwaitPromise)); err != nil {
		w.shot("failed")
		w.t.Fatalf("%s: %v", js, err)
	}
}

// write types into a composer as a keyboard does, and sends it with Enter.
func (w *window) write(selector, text string) {
	w.t.Helper()
	w.do(chromedp.WaitVisible(selector), chromedp.Focus(selector), chromedp.SendKeys(selector, text+"\r"))
}

func (w *window) reads(scope, text string) {
	w.t.Helper()
	w.until("reads "+text, fmt.Sprintf(`[...document.querySelectorAll(%s)].some((e) => e.getClientRects().length && e.innerText.includes(%s))`, quote(scope), quote(text)))
}

func (w *window) be(person, channel string) {
	w.t.Helper()
	w.run(fmt.Sprintf(`document.querySelector('#people [data-ref="webchat:U_%s"]').click()`, person))
	w.until(person, fmt.Sprintf(`document.querySelector('#people [data-ref="webchat:U_%s"]').ariaChecked === "true"`, person))
	w.run(fmt.Sprintf(`document.querySelector('[data-channel="webchat:%s"]').click()`, channel))
}

// TestTourInBrowser takes the whole tour in a real browser: connect, a message
// in, an answer out, an incident, a post. Its pictures are in artifacts/tour.
func TestTourInBrowser(t *testing.T) {
	w := newWindow(t)
	p := sandboxed(t.TempDir())
	if err := p.start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.kill)
	w.size(1440, 900, "light")
	w.open(p.url)
	w.shot("welcome")
	ticked := func(n int) {
		t.Helper()
		w.until(fmt.Sprintf("step %d is ticked off", n), fmt.Sprintf(`document.querySelectorAll("#tour li")[%d].classList.contains("done")`, n-1))
	}

	// 1: connect the account.
	w.press("#tour", "Show me")
	w.be("ada", "setup")
	w.press("#log", "Start Authentication")
	w.until("the link is there", find("#log", "Click here to authorize"))
	w.shot("link")
	link, err := chromedp.Run(w.ctx, chromedp.Evaluate[string](find("#log", "Click here to authorize")+".href"))
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(link, p.url+"/x/start/") {
		t.Fatalf("the link goes to %s", link)
	}
	w.do(chromedp.Navigate(link), chromedp.WaitVisible(`form button[value=allow]`))
	w.shot("authorize")
	w.do(chromedp.Click(`form button[value=allow]`), chromedp.WaitVisible(`main.ok`))
	w.reads("main", "@larkspur_hq is connected")
	w.shot("connected")
	w.open(p.url)
	w.be("ada", "setup")
	w.reads("#log", "Connected @larkspur_hq")
	ticked(1)
	w.shot("setup")

	// 2: a customer writes.
	w.run(`document.querySelector("#tab-dms").click()`)
	w.write("#dm-composer textarea", "Is the 8:15 to Oakham running today?")
	ticked(2)

	// 3: Sam answers.
	w.be("sam", "support")
	w.press("#log", "Claim")
	w.until("the thread can be opened", `document.querySelector("#log .answers")`)
	w.run(`document.querySelector("#log .answers").click()`)
	w.reads("#thread", "Is the 8:15 to Oakham running today?")
	w.until("Sam has it", `document.querySelector("#log").innerText.includes("Sam Lindqvist")`)
	w.write("#thread-composer textarea", "Yes: 12 minutes late, platform 3.")
	w.reads("#bubbles", "Yes: 12 minutes late, platform 3.")
	ticked(3)
	w.shot("answered")

	// 4: an incident becomes a thread on X.
	w.run(`document.querySelector("#tab-posts").click()`)
	w.be("rio", "incidents")
	w.write("#composer textarea", "/incident new Signals fail near Oakham --severity sev2")
	w.reads("#log", "INC-1")
	w.write("#composer textarea", `/timeline add INC-1 --visibility "status page + twitter" Trains near Oakham are late. We are on it.`)
	w.until("the thread can be opened", `document.querySelector("#log .answers")`)
	w.run(`document.querySelector("#log .answers").click()`)
	w.reads("#thread", "Preview – not public yet")
	w.shot("preview")
	w.press("#thread", "Post to X")
	w.reads("#panel-posts", "Trains near Oakham are late. We are on it.")
	ticked(4)
	w.reads("#thread", "Posted on X as @larkspur_hq")
	w.write("#thread-composer textarea", "/timeline add --visibility twitter Trains run again. Thanks for your patience.")
	w.reads("#thread", "Trains run again")
	w.press("#thread", "Post to X")
	w.reads("#panel-posts", "Trains run again. Thanks for your patience.")
	w.shot("done")

	w.size(1440, 900, "dark")
	w.shot("done-dark")
	w.size(360, 780, "light")
	w.open(p.url)
	w.shot("phone")
	w.run(`document.querySelector("[data-pane-to=x]").click()`)
	w.shot("phone-x")
	if err := p.stop(); err != nil {
		t.Errorf("the sandbox did not end well: %v", err)
	}
}
