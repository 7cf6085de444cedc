package webchat_test

import (
	"testing"
	"time"

	"github.com/perch-chat/perch/bot"
	"github.com/perch-chat/perch/bot/webchat"
)

// What is read of a thread are the very events that were delivered, orders to
// the bot too, and nothing that only one person sees.
func TestHistoryTellsWhatWasDelivered(t *testing.T) {
	t.Parallel()
	a, s := openWith(t, "")
	root, err := a.Post(t.Context(), bot.Message{Channel: "webchat:support", Text: "card"})
	if err != nil {
		t.Fatal(err)
	}
	for i, text := range []string{"first", "@perch incident list", "/twitter help", "gone"} {
		ans, err := a.Say(t.Context(), webchat.Ask{ID: string(rune('a' + i)), As: "webchat:U_ada", Channel: "webchat:support", Thread: root, Text: text})
		if err != nil {
			t.Fatal(err)
		}
		if text == "gone" {
			if _, err := a.Remove(t.Context(), webchat.Ask{ID: "z", As: "webchat:U_ada", Ref: ans.Ref}); err != nil {
				t.Fatal(err)
			}
		}
	}
	got, err := a.History(t.Context(), root, time.Time{}, 100)
	if err != nil || len(got) != 2 {
		t.Fatalf("History = %+v, %v, want two", got, err)
	}
	said, order := s.events(bot.EventMessage)[0], s.events(bot.EventCommand)[0]
	order.Trigger = "" // of that time only
	for i, want := range []bot.Event{said, order} {
		if got[i].ID != want.ID || got[i].Kind != want.Kind || got[i].Text != want.Text || got[i].Command != want.Command || got[i].Thread != root || got[i].User != want.User || got[i].Trigger != "" {
			t.Errorf("History has %+v, want %+v", got[i], want)
		}
	}
}
