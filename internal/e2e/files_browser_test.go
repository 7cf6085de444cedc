package e2e

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"testing"

	"github.com/chromedp/chromedp"
)

// photo is a platform under a sky.
func photo(t *testing.T, sky color.RGBA) string {
	t.Helper()
	img := image.NewRGBA(image.Rect(0, 0, 600, 380))
	for y := range 380 {
		for x := range 600 {
			switch {
			case y > 300:
				img.Set(x, y, color.RGBA{R: 96, G: 92, B: 88, A: 255})
			case y > 250 && x%120 < 14:
				img.Set(x, y, color.RGBA{R: 70, G: 66, B: 64, A: 255})
			case y > 285:
				img.Set(x, y, color.RGBA{R: 214, G: 196, B: 120, A: 255})
			default:
				img.Set(x, y, color.RGBA{R: sky.R - uint8(y/8), G: sky.G - uint8(y/8), B: sky.B, A: 255})
			}
		}
	}
	var b bytes.Buffer
	if err := png.Encode(&b, img); err != nil {
		t.Fatal(err)
	}
	return base64.StdEncoding.EncodeToString(b.Bytes())
}

// attach puts a file into a composer, as a person does who chooses it.
func (w *window) attach(composer, name, data string) {
	w.t.Helper()
	w.run(fmt.Sprintf(`(() => { const d = new DataTransfer(); d.items.add(new File([Uint8Array.from(atob(%q), (c) => c.charCodeAt(0))], %q, { type: "image/png" }));
		const i = document.querySelector(%q + " input[type=file]"); i.files = d.files; i.dispatchEvent(new Event("change")); })()`, data, name, composer))
	w.until("the file is chosen", fmt.Sprintf(`document.querySelector(%q + " .tray li")`, composer))
}

// pictures waits until as many pictures are seen within scope.
func (w *window) pictures(scope string, n int) {
	w.t.Helper()
	w.until(fmt.Sprintf("%d pictures in %s", n, scope),
		fmt.Sprintf(`[...document.querySelectorAll(%q + " .picture img")].filter((i) => i.getClientRects().length && i.complete && i.naturalWidth === 600).length === %d`, scope, n))
}

// TestFilesInBrowser: a customer's picture comes into the thread, and the
// agent's goes to the customer.
func TestFilesInBrowser(t *testing.T) {
	w := newWindow(t)
	p := sandboxed(t.TempDir())
	if err := p.start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.kill)
	w.size(1440, 900, "light")
	w.open(p.url)
	w.be("ada", "setup")
	w.press("#log", "Start Authentication")
	w.until("the link is there", find("#log", "Click here to authorize"))
	link, err := chromedp.Run(w.ctx, chromedp.Evaluate[string](find("#log", "Click here to authorize")+".href"))
	if err != nil {
		t.Fatal(err)
	}
	w.do(chromedp.Navigate(link), chromedp.WaitVisible(`form button[value=allow]`), chromedp.Click(`form button[value=allow]`), chromedp.WaitVisible(`main.ok`))
	w.open(p.url)

	w.run(`document.querySelector("#tab-dms").click()`)
	w.attach("#dm-composer", "platform.png", photo(t, color.RGBA{R: 150, G: 190, B: 235, A: 255}))
	w.write("#dm-composer textarea", "Nobody is here. Where does the 8:15 leave from?")
	w.pictures("#bubbles", 1)
	w.be("sam", "support")
	w.press("#log", "Claim")
	w.until("the thread can be opened", `document.querySelector("#log .answers")`)
	w.run(`document.querySelector("#log .answers").click()`)
	w.pictures("#thread", 1)
	w.attach("#thread-composer", "platform-4.png", photo(t, color.RGBA{R: 240, G: 180, B: 120, A: 255}))
	w.write("#thread-composer textarea", "From platform 4, it looks like this.")
	w.pictures("#bubbles", 2)
	w.until("it is marked as delivered", `document.querySelector("#thread .reaction.delivered")`)
	w.shot("files")
	w.size(360, 780, "dark")
	w.run(`document.querySelector("[data-pane-to=x]")?.click()`)
	w.shot("files-phone")
}
