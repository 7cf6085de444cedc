package slack_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/perch-chat/perch/bot"
	"github.com/perch-chat/perch/bot/slack/slackfake"
)

func home(text string) bot.Message { return bot.Message{Text: text} }

// Two processes may show pages, answers get lost, and many pages of one person
// may be on their way: the newest stays.
func TestTheNewestHomeStays(t *testing.T) {
	w := newWorkspace(t, slackfake.Options{})
	a, b := w.adapter(t), w.adapter(t)
	ada := bot.UserRef("slack:" + w.ada)
	show := func(p interface {
		ShowHome(ctx context.Context, u bot.UserRef, m bot.Message) error
	}, text string,
	) {
		t.Helper()
		if err := p.ShowHome(t.Context(), ada, home(text)); err != nil {
			t.Fatalf("ShowHome(%s): %v", text, err)
		}
		if v, ok := w.Home(w.ada); !ok || !strings.Contains(v.Shown, text) {
			t.Errorf("the home shows %q, want %q", v.Shown, text)
		}
	}
	show(a, "one")
	show(b, "two")
	show(a, "three") // its hash is an old one
	if n := len(w.Calls("views.publish")); n != 4 {
		t.Errorf("%d calls, want one more for the conflict", n)
	}
	w.AddFault(slackfake.Fault{Method: "views.publish", Drop: slackfake.DropAfter})
	if err := a.ShowHome(t.Context(), ada, home("four")); err == nil {
		t.Error("a lost answer is no error")
	}
	show(a, "five")

	var wg sync.WaitGroup
	for i := range 20 {
		wg.Go(func() {
			if err := a.ShowHome(t.Context(), ada, home(fmt.Sprint("many ", i))); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	show(a, "last")
}

func TestHomeLimits(t *testing.T) {
	w := newWorkspace(t, slackfake.Options{})
	a := w.adapter(t)
	ada := bot.UserRef("slack:" + w.ada)
	var long bot.Message
	for i := range 150 {
		long.Blocks = append(long.Blocks, bot.Fields(bot.Field{Label: fmt.Sprint("Row ", i), Value: []bot.Span{bot.Plain("value")}}))
	}
	if err := a.ShowHome(t.Context(), ada, long); err != nil {
		t.Fatal(err)
	}
	v, _ := w.Home(w.ada)
	var blocks []any
	if err := json.Unmarshal(v.Blocks, &blocks); err != nil || len(blocks) != 100 || !strings.Contains(v.Shown, "the rest does not fit") {
		t.Errorf("%d blocks, %v: want the 100 that Slack takes, the last of which says so", len(blocks), err)
	}
	wantCode(t, "an empty page", a.ShowHome(t.Context(), ada, bot.Message{}), "no_text")
	wantCode(t, "a page of nobody", a.ShowHome(t.Context(), "slack:C1", home("x")), "user_not_found")

	// Slack can't fetch a picture: the page is shown without.
	pictured := bot.Message{Text: "x", Blocks: []bot.Block{bot.Header("With a picture"), {Kind: bot.BlockImage, Image: &bot.Image{URL: "https://pbs.example/a.png", Alt: "A picture"}}}}
	w.AddFault(slackfake.Fault{Method: "views.publish", Error: "invalid_arguments"})
	if err := a.ShowHome(t.Context(), ada, pictured); err != nil {
		t.Fatal(err)
	}
	if v, _ := w.Home(w.ada); strings.Contains(string(v.Blocks), `"image"`) || !strings.Contains(v.Shown, "A picture") {
		t.Errorf("the page shows %s", v.Blocks)
	}
	w.AddFault(slackfake.Fault{Method: "views.publish", Error: "not_enabled"})
	wantCode(t, "no Home tab", a.ShowHome(t.Context(), ada, home("x")), "not_enabled")
	w.AddFault(slackfake.Fault{Method: "views.publish", Status: http.StatusTooManyRequests})
	wantCode(t, "too many", a.ShowHome(t.Context(), ada, home("x")), "ratelimited")
}
