package desk

import (
	"testing"

	"github.com/perch-chat/perch/bot"
)

func TestOpens(t *testing.T) {
	press := func(id string, author *bot.User) bot.Event {
		return bot.Event{Kind: bot.EventAction, Action: id, Author: author}
	}
	tests := []struct {
		name string
		ev   bot.Event
		want bool
	}{
		{"transfer", press("desk.transfer", nil), true},
		{"snooze", press("desk.snooze", nil), true},
		{"reply on the card", press("desk.reply", &bot.User{Name: "Jane (@jane)"}), true},
		{"reply on what an agent wrote", press("desk.reply", &bot.User{Ref: "slack:U1"}), false},
		{"claim", press("desk.claim", nil), false},
		{"a form sent", bot.Event{Kind: bot.EventSubmit, Action: "desk.transfer"}, false},
	}
	for _, tt := range tests {
		if title, ok := Opens(tt.ev); ok != tt.want || ok && (title == "" || len(title) > 24) {
			t.Errorf("%s: Opens = %q, %v, want %v", tt.name, title, ok, tt.want)
		}
	}
}

// TestTransferToWhomTheChatNames: the chat knows who is meant, also off duty.
func TestTransferToWhomTheChatNames(t *testing.T) {
	scene(t, func(t *testing.T, w *world) {
		sam, lee, _ := agents()
		w.duty(sam)
		w.in("100", "hi")
		w.say(sam, "claim", "")
		w.event(bot.Event{
			Kind: bot.EventCommand, User: sam, Message: w.put("@perch transfer @Lee"), Thread: w.conv().CardRef, Command: "/transfer", Text: "@Lee",
			Names: []bot.Named{{Text: "@Lee", User: lee.Ref}},
		})
		if c := w.conv(); c.Owner != lee.Ref || c.OwnerName != "Lee" {
			t.Errorf("owner = %q (%s), want Lee", c.Owner, c.OwnerName)
		}
	})
}
