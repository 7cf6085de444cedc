package rocketchat_test

import (
	"testing"

	"github.com/perch-chat/perch/bot"
)

// A card's first line often stays while its buttons change.
func TestEditWhatStandsUnderTheSameText(t *testing.T) {
	w := newWorkspace(t)
	a := w.adapter(t)
	card := func(button string) bot.Message {
		return bot.Message{
			Channel: bot.ChannelRef(prefix + w.room), Key: "card",
			Blocks: []bot.Block{bot.Para(bot.Plain("A card")), bot.Actions(bot.Button{ID: "x", Label: button})},
		}
	}
	ref, err := a.Post(t.Context(), card("Claim"))
	if err != nil {
		t.Fatal(err)
	}
	if err := a.Edit(t.Context(), ref, card("Release")); err != nil {
		t.Fatal(err)
	}
	got := w.Messages(w.room)
	if len(got) != 1 || len(got[0].Buttons) != 1 || got[0].Buttons[0].Text != "Release" {
		t.Errorf("the room reads %+v", got)
	}
}
