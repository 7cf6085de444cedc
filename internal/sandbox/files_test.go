package sandbox_test

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"strings"
	"testing"

	"github.com/perch-chat/perch/bot"
	"github.com/perch-chat/perch/internal/browsertest"
)

// picture is a small landscape.
func picture(t *testing.T, sky color.RGBA) []byte {
	t.Helper()
	img := image.NewRGBA(image.Rect(0, 0, 640, 400))
	for y := range 400 {
		for x := range 640 {
			c := sky
			if hill := 260 + (x-320)*(x-320)/1200; y > hill {
				c = color.RGBA{R: 60, G: uint8(90 + y/8), B: 70, A: 255}
			}
			img.Set(x, y, c)
		}
	}
	var b bytes.Buffer
	if err := png.Encode(&b, img); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// attach is a script that puts files into a composer, as a person does who chooses them.
func attach(composer string, files map[string][]byte) string {
	var b strings.Builder
	b.WriteString("(() => { const d = new DataTransfer();")
	for name, data := range files {
		typ := "image/png"
		if strings.HasSuffix(name, ".html") {
			typ = "text/html"
		}
		fmt.Fprintf(&b, "d.items.add(new File([Uint8Array.from(atob(%q), (c) => c.charCodeAt(0))], %q, { type: %q }));",
			base64.StdEncoding.EncodeToString(data), name, typ)
	}
	fmt.Fprintf(&b, "const i = document.querySelector(%q + ' input[type=file]'); i.files = d.files; i.dispatchEvent(new Event('change')); })()", composer)
	return b.String()
}

// TestFiles sends pictures from both sides and sees them.
func TestFiles(t *testing.T) {
	ctx := browser(t)
	s := newStage(t)
	s.furnish(t)
	morning, evening := picture(t, color.RGBA{R: 150, G: 200, B: 235, A: 255}), picture(t, color.RGBA{R: 240, G: 170, B: 110, A: 255})
	do(ctx, t, browsertest.Size(1440, 900, false), open(s.url))
	click(ctx, t, `#people [data-ref="webchat:U_sam"]`)
	click(ctx, t, `[data-channel="webchat:support"]`)

	eval[any](ctx, t, attach("#composer", map[string][]byte{"platform.png": morning}))
	becomes(ctx, t, "the picture among what is sent", `document.querySelector("#composer .tray li img")`)
	shot(ctx, t, "files-chosen")
	eval[any](ctx, t, `document.querySelector("#composer").requestSubmit()`)
	becomes(ctx, t, "the picture in the channel", `(() => { const i = document.querySelector("#log .picture img"); return i && i.complete && i.naturalWidth === 640; })()`)
	becomes(ctx, t, "an empty tray", `document.querySelector("#composer .tray").hidden`)

	eval[any](ctx, t, attach("#composer", map[string][]byte{"page.html": []byte("<script>parent.document.title='pwned'</script>")}))
	becomes(ctx, t, "the page among what is sent", `document.querySelector("#composer .tray li")`)
	eval[any](ctx, t, `document.querySelector("#composer").requestSubmit()`)
	becomes(ctx, t, "a page that can be saved only", `document.querySelector('#log a.document[download="page.html"]')`)
	if n := eval[int](ctx, t, `document.querySelectorAll("#log iframe, #log script, #log object").length`); n != 0 {
		t.Errorf("%d things that run are in the log", n)
	}

	click(ctx, t, `#tab-dms`)
	eval[any](ctx, t, attach("#dm-composer", map[string][]byte{"wing.png": evening}))
	becomes(ctx, t, "the customer's picture", `document.querySelector("#dm-composer .tray li")`)
	eval[any](ctx, t, `document.querySelector("#dm-composer").requestSubmit()`)
	becomes(ctx, t, "the picture on X", `(() => { const i = document.querySelector("#bubbles .picture img"); return i && i.complete && i.naturalWidth === 640; })()`)
	if _, err := s.chat.Upload(t.Context(), bot.Upload{Channel: "webchat:support", Name: "photo.png", Size: int64(len(evening)), Content: bytes.NewReader(evening)}); err != nil {
		t.Fatal(err)
	}
	becomes(ctx, t, "what the bot brought", `document.querySelectorAll("#log .picture img").length === 2`)
	shot(ctx, t, "files")
	do(ctx, t, browsertest.Size(360, 780, true), open(s.url))
	click(ctx, t, `[data-channel="webchat:support"]`)
	becomes(ctx, t, "the pictures on a phone", `document.querySelectorAll("#log .picture img").length === 2`)
	becomes(ctx, t, "the end in sight", `(() => { const l = document.querySelector("#log"); return l.scrollHeight - l.scrollTop - l.clientHeight < 60; })()`)
	shot(ctx, t, "files-phone")
	if w := eval[int](ctx, t, `document.documentElement.scrollWidth`); w > 360 {
		t.Errorf("the page is %d wide on a phone", w)
	}
}
