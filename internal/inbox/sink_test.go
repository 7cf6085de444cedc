package inbox

import (
	"encoding/json"
	"testing"

	"github.com/perch-chat/perch/bot"
	"github.com/perch-chat/perch/store"
)

func TestSink(t *testing.T) {
	inBubble(t, Options{}, func(w *world) {
		sink := w.in.Sink("webchat")
		ev := func(id string, e bot.Event) bot.Event {
			e.ID, e.Platform, e.User.Ref, e.Channel = id, "webchat", "webchat:U_ada", "webchat:support"
			return e
		}
		tests := []struct {
			ev     bot.Event
			thread string
		}{
			{ev("1", bot.Event{Kind: bot.EventMessage, Message: "webchat:m1"}), "webchat:m1"},
			{ev("2", bot.Event{Kind: bot.EventMessage, Message: "webchat:m2", Thread: "webchat:m1"}), "webchat:m1"},
			{ev("3", bot.Event{Kind: bot.EventMessageEdited, Message: "webchat:m1"}), "webchat:m1"},
			{ev("4", bot.Event{Kind: bot.EventAction, Message: "webchat:m1"}), "webchat:m1"}, // a click on a card, and the answer behind it
			{ev("5", bot.Event{Kind: bot.EventCommand}), "webchat webchat:support webchat:U_ada"},
			{ev("6", bot.Event{Kind: bot.EventCommand, Message: "webchat:m9"}), "webchat webchat:support webchat:U_ada"}, // in order with the person's others
			{ev("5", bot.Event{Kind: bot.EventCommand, Text: "again"}), ""},                                              // stored once
		}
		for _, tt := range tests {
			if err := sink.Deliver(w.t.Context(), tt.ev); err != nil {
				t.Fatal(err)
			}
		}
		got := map[string]Item{}
		w.update(func(tx store.Tx) error {
			all, err := store.Collect(items().Scan(tx, store.Range{}))
			for _, rec := range all {
				got[rec.Key] = rec.Item
			}
			return err
		})
		if len(got) != 6 {
			t.Errorf("stored %d, want 6", len(got))
		}
		for _, tt := range tests[:6] {
			it := got["webchat:"+tt.ev.ID]
			var ev bot.Event
			if err := json.Unmarshal(it.Body, &ev); err != nil || ev.ID != tt.ev.ID {
				t.Errorf("body of %s: %v", tt.ev.ID, err)
			}
			if it.Thread != tt.thread || it.Kind != KindEvent || it.Source != "webchat" {
				t.Errorf("event %s is stored as %+v, want thread %q", tt.ev.ID, it, tt.thread)
			}
		}
	})
}
