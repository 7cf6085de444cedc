package sandbox_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// browser starts a headless Chromium, or skips the test where there is none.
func browser(t *testing.T) context.Context {
	t.Helper()
	var path string
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome", "chrome"} {
		if p, err := exec.LookPath(name); err == nil {
			path = p
			break
		}
	}
	if path == "" {
		if os.Getenv("CI") == "true" || os.Getenv("PERCH_REQUIRE_ALL") == "1" {
			t.Fatal("no Chromium on this machine: install the package chromium")
		}
		t.Skip("left out: no Chromium on this machine; install the package chromium")
	}
	opts := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(path), chromedp.NoSandbox, chromedp.DisableGPU, chromedp.UserDataDir(t.TempDir()),
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-background-networking", true),
		chromedp.Flag("disable-component-update", true), chromedp.Flag("disable-sync", true), chromedp.Flag("no-first-run", true))
	ctx, stop := chromedp.NewExecAllocator(t.Context(), opts...)
	t.Cleanup(stop)
	ctx, stop = chromedp.NewContext(ctx)
	t.Cleanup(stop)
	// The browser lives as long as the first context that is run, so that one has no end of its own.
	do(ctx, t, chromedp.Navigate("about:blank"))
	if err := chromedp.Listen(ctx, func(ev any) {
		switch e := ev.(type) {
		case *runtime.EventExceptionThrown:
			t.Errorf("the page threw: %s %+v", e.ExceptionDetails.Text, e.ExceptionDetails.Exception)
		case *log.EventEntryAdded:
			// A refused request is logged by the browser; a page that breaks its own policy is a mistake.
			if e.Entry.Level == log.EntryLevelError && !strings.Contains(e.Entry.Text, "Failed to load resource") {
				t.Errorf("the browser complains: %s %s", e.Entry.Text, e.Entry.URL)
			}
		}
	}); err != nil {
		t.Fatal(err)
	}
	ctx, stop = context.WithTimeout(ctx, time.Minute)
	t.Cleanup(stop)
	return ctx
}

func do(ctx context.Context, t *testing.T, actions ...chromedp.Action[chromedp.Void]) {
	t.Helper()
	if _, err := chromedp.Run(ctx, chromedp.Steps(actions...)); err != nil {
		t.Fatal(err)
	}
}

// size sets the window and the colours that the person prefers.
func size(w, h int64, dark bool) chromedp.Action[chromedp.Void] {
	scheme := "light"
	if dark {
		scheme = "dark"
	}
	return chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		if _, err := cdp.Call(ctx, t, emulation.SetDeviceMetricsOverride, emulation.SetDeviceMetricsOverrideParams{Width: w, Height: h, DeviceScaleFactor: 1, Mobile: w < 600}); err != nil {
			return err
		}
		_, err := cdp.Call(ctx, t, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{
			{Name: "prefers-color-scheme", Value: scheme}, {Name: "prefers-reduced-motion", Value: "reduce"},
		}})
		return err
	})
}

func open(url string) chromedp.Action[chromedp.Void] {
	return chromedp.Steps(chromedp.Navigate(url), chromedp.WaitVisible(`body[data-ready]`))
}

// shot keeps a picture of the page among the test's artefacts.
func shot(ctx context.Context, t *testing.T, name string) {
	t.Helper()
	png, err := chromedp.Run(ctx, chromedp.CaptureScreenshot())
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join("..", "..", "artifacts", "sandbox")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, name+".png"), png, 0o644); err != nil {
		t.Fatal(err)
	}
}

// eval runs a script in the page and returns its value.
func eval[T any](ctx context.Context, t *testing.T, js string) T {
	t.Helper()
	v, err := chromedp.Run(ctx, chromedp.Evaluate[T](js, chromedp.EvalAwaitPromise))
	if err != nil {
		t.Fatalf("%s: %v", js, err)
	}
	return v
}

// becomes waits until a script is true.
func becomes(ctx context.Context, t *testing.T, what, js string) {
	t.Helper()
	if _, err := chromedp.Run(ctx, chromedp.Poll[bool]("!!("+js+")", chromedp.WithPollingTimeout(10*time.Second))); err != nil {
		shot(ctx, t, "failed")
		t.Fatalf("still not: %s: %v", what, err)
	}
}

func click(ctx context.Context, t *testing.T, selector string) {
	t.Helper()
	eval[chromedp.Void](ctx, t, fmt.Sprintf(`(() => { const el = document.querySelector(%s); if (!el) throw new Error("no " + %s); el.click(); })()`, quote(selector), quote(selector)))
}

func quote(s string) string {
	b, _ := json.Marshal(s)
	return string(b)
}

// TestLook keeps pictures of the page and checks what can be checked of its looks.
func TestLook(t *testing.T) {
	ctx := browser(t)
	s := newStage(t)
	s.furnish(t)
	views := []struct {
		name string
		w, h int64
	}{{"desktop", 1440, 900}, {"laptop", 1100, 720}, {"phone", 360, 780}}
	for _, v := range views {
		for _, dark := range []bool{false, true} {
			name := v.name + "-light"
			if dark {
				name = v.name + "-dark"
			}
			do(ctx, t, size(v.w, v.h, dark), open(s.url))
			check := func(part string) {
				t.Helper()
				wide := eval[[]string](ctx, t, `[...document.querySelectorAll("body, body *")].filter((el) => !el.closest(".unseen, .skip, .tools, [hidden], .rail, #faults") && el.getClientRects().length && (el.getBoundingClientRect().right > innerWidth + 1 || el.getBoundingClientRect().left < -1)).map((el) => el.tagName + "." + el.className + " " + Math.round(el.getBoundingClientRect().left) + ".." + Math.round(el.getBoundingClientRect().right))`)
				if len(wide) > 0 {
					t.Errorf("%s %s: wider than the window: %q", name, part, wide[:min(len(wide), 5)])
				}
				shot(ctx, t, name+"-"+part)
			}
			click(ctx, t, `#people [data-ref="webchat:U_ada"]`)
			becomes(ctx, t, "Ada", `document.querySelector('#people [data-ref="webchat:U_ada"]').ariaChecked === "true"`)
			click(ctx, t, `[data-channel="webchat:setup"]`)
			check("setup")
			click(ctx, t, `[data-channel="webchat:incidents"]`)
			check("incidents")
			click(ctx, t, `#people [data-ref="webchat:U_sam"]`)
			becomes(ctx, t, "Sam", `document.querySelector('#people [data-ref="webchat:U_sam"]').ariaChecked === "true"`)
			click(ctx, t, `[data-channel="webchat:support"]`)
			check("support")
			click(ctx, t, `#log .answers`)
			check("thread")
			click(ctx, t, `#thread-close`)
			click(ctx, t, `[data-pane-to=x]`)
			check("posts")
			click(ctx, t, `#tab-dms`)
			check("customer")
			click(ctx, t, `#tab-log`)
			check("log")
			click(ctx, t, `[data-pane-to=chat]`)
		}
	}
}
