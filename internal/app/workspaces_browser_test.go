package app_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/perch-chat/perch/internal/browsertest"
)

// TestInstallInBrowser adds Perch to a workspace in a real browser, with its
// own cookies and the pages' own policy. Its pictures are in artifacts/install.
func TestInstallInBrowser(t *testing.T) {
	ctx := browsertest.Open(t, time.Minute)
	c := newCampus(t)
	dir := filepath.Join("..", "..", "artifacts", "install")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	do := func(what string, actions ...chromedp.Action[chromedp.Void]) {
		t.Helper()
		if _, err := chromedp.Run(ctx, chromedp.Steps(actions...)); err != nil {
			t.Fatalf("%s: %v", what, err)
		}
	}
	shot := func(name string) {
		t.Helper()
		for _, look := range []struct {
			name          string
			width, height int64
			dark          bool
		}{{"", 1000, 900, false}, {"-dark", 1000, 900, true}, {"-phone", 390, 844, false}} {
			do("size", browsertest.Size(look.width, look.height, look.dark))
			wide, err := chromedp.Run(ctx, chromedp.Evaluate[bool](`document.documentElement.scrollWidth > innerWidth`))
			if err != nil || wide {
				t.Errorf("%s%s is wider than its window: %v", name, look.name, err)
			}
			png, err := chromedp.Run(ctx, chromedp.CaptureScreenshot())
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(dir, name+look.name+".png"), png, 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	title := func(want string) {
		t.Helper()
		if got, err := chromedp.Run(ctx, chromedp.Evaluate[string](`document.querySelector("h1").textContent`)); err != nil || got != want {
			t.Errorf("the page's title = %q, %v, want %q", got, err, want)
		}
	}

	do("without a link", chromedp.Navigate(c.config.PublicURL+"/slack/install"))
	title("You need a link for this")
	shot("no-link")
	do("the link", chromedp.Navigate(c.link()), chromedp.WaitVisible("a.button"))
	title("Add Perch to Slack")
	shot("ask")
	do("press", chromedp.Click("a.button"), chromedp.WaitVisible("main.ok"))
	title("Perch is in Acme")
	shot("done")
	do("back", chromedp.Reload(), chromedp.WaitVisible("main.bad"))
	title("This was used already")
	shot("used")
}
