package sandbox_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/perch-chat/perch/bot/webchat"
	"github.com/perch-chat/perch/internal/browsertest"
	"github.com/perch-chat/perch/internal/sandbox"
)

// TestAlone shows the page without X: a chat for trying Perch with real keys.
func TestAlone(t *testing.T) {
	chat, err := webchat.Open(webchat.Options{
		Users:    []webchat.User{{Ref: "webchat:U_ada", Name: "Ada", Handle: "ada"}},
		Channels: []webchat.Channel{{Name: "setup"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = chat.Close() })
	h, err := sandbox.New(sandbox.Deps{Chat: chat})
	if err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewServer(h)
	t.Cleanup(srv.Close)
	resp, err := srv.Client().Get(srv.URL + "/sandbox/state")
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	if resp.StatusCode != http.StatusNotFound {
		t.Errorf("/sandbox/state = %d, want 404: there is no X here", resp.StatusCode)
	}

	ctx := browser(t)
	for _, w := range []int64{1440, 360} {
		do(ctx, t, browsertest.Size(w, 800, false), open(srv.URL))
		click(ctx, t, `[data-channel="webchat:setup"]`)
		becomes(ctx, t, "the channel", `document.querySelector("#room-name").textContent.includes("setup")`)
		if n := eval[int](ctx, t, `document.querySelectorAll("#x, #tour, .bottom, #faults").length`); n != 0 {
			t.Errorf("%d parts of X are on the page", n)
		}
		shot(ctx, t, map[int64]string{1440: "alone", 360: "alone-phone"}[w])
	}
}
