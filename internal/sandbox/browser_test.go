package sandbox_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/perch-chat/perch/internal/browsertest"
)

// browser starts a browser, or skips the test where there is none.
func browser(t *testing.T) context.Context {
	t.Helper()
	return browsertest.Open(t, time.Minute)
}

func do(ctx context.Context, t *testing.T, actions ...chromedp.Action[chromedp.Void]) {
	t.Helper()
	if _, err := chromedp.Run(ctx, chromedp.Steps(actions...)); err != nil {
		t.Fatal(err)
	}
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
			do(ctx, t, browsertest.Size(v.w, v.h, dark), open(s.url))
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
