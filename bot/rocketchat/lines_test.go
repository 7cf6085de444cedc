package rocketchat_test

import (
	"testing"

	"github.com/perch-chat/perch/bot"
	"github.com/perch-chat/perch/bot/rocketchat/rcfake"
)

// TestEditRefused shows that the refusal of a change is understood in servers of
// both lines: one answers with it, the other refuses the call.
func TestEditRefused(t *testing.T) {
	for _, version := range []string{"7.13.0", "8.8.1"} {
		w := newWorkspaceOf(t, rcfake.Options{Version: version})
		id, err := w.Say(rcfake.Says{Who: "ada", Room: w.room, Text: "hers"})
		if err != nil {
			t.Fatal(err)
		}
		err = w.adapter(t).Edit(t.Context(), bot.MessageRef(prefix+w.room+":"+id), bot.Message{Text: "ours"})
		if errorCode(err) != "error-action-not-allowed" {
			t.Errorf("%s: %v, want error-action-not-allowed", version, err)
		}
	}
}

// TestArchived shows that a room is known to be archived, though the server does
// not tell of archived rooms where it is asked for any room.
func TestArchived(t *testing.T) {
	w := newWorkspace(t)
	a := w.adapter(t)
	room := bot.ChannelRef(prefix + w.room)
	for range 2 { // again is no error
		if err := a.Archive(t.Context(), room); err != nil {
			t.Fatal(err)
		}
	}
	got, err := w.adapter(t).Inspect(t.Context(), room)
	if err != nil || !got.Archived || !got.Private || got.Name != "support" {
		t.Errorf("Inspect = %+v, %v", got, err)
	}
	if _, err := a.EnsureChannel(t.Context(), "support", "", true); errorCode(err) != "error-room-archived" {
		t.Errorf("EnsureChannel: %v, want that it is archived", err)
	}
	w.AddRoom("secret", true, "ada")
	if _, err := a.EnsureChannel(t.Context(), "secret", "", true); errorCode(err) != "Not Allowed" {
		t.Errorf("EnsureChannel of a room of others: %v", err)
	}
}
