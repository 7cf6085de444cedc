package inbox

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

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

// Several events are stored together, or none of them.
func TestSinkOfSeveral(t *testing.T) {
	inBubble(t, Options{}, func(w *world) {
		sink, ok := w.in.Sink("webchat").(bot.BatchSink)
		if !ok {
			t.Fatal("the sink takes one event at a time")
		}
		ev := func(id string) bot.Event {
			return bot.Event{ID: id, Platform: "webchat", Kind: bot.EventMessage, Message: "webchat:m1", Channel: "webchat:support"}
		}
		unwritable := ev("3")
		unwritable.At = time.Date(10_000, 1, 1, 0, 0, 0, 0, time.UTC) // which JSON has no form for
		if err := sink.DeliverAll(w.t.Context(), []bot.Event{ev("2"), unwritable}); err == nil {
			t.Error("an event that can't be written was taken")
		}
		for range 2 {
			if err := sink.DeliverAll(w.t.Context(), []bot.Event{ev("1"), ev("1"), ev("4")}); err != nil {
				t.Fatal(err)
			}
		}
		var got []string
		w.update(func(tx store.Tx) error {
			all, err := store.Collect(items().Scan(tx, store.Range{}))
			for _, rec := range all {
				got = append(got, rec.Key)
			}
			return err
		})
		if diff := cmp.Diff([]string{"webchat:1", "webchat:4"}, got); diff != "" {
			t.Errorf("stored (-want +got):\n%s", diff)
		}
	})
}
