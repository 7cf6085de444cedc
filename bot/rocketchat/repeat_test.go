package rocketchat_test

import (
	"bytes"
	"testing"

	"github.com/perch-chat/perch/bot"
	"github.com/perch-chat/perch/bot/rocketchat/rcfake"
)

// TestShareOnce shows that a file is shown once, whatever became of the answer
// and whoever asks again: the server would show it each time.
func TestShareOnce(t *testing.T) {
	w := newWorkspace(t)
	a := w.adapter(t)
	up := bot.Upload{Channel: bot.ChannelRef(prefix + w.room), Name: "a.png", Type: "image/png", Content: bytes.NewReader([]byte("picture"))}
	id, err := a.Stage(t.Context(), up)
	if err != nil {
		t.Fatal(err)
	}
	w.AddFault(rcfake.Fault{Route: "POST rooms.mediaConfirm", Drop: rcfake.DropAfter})
	if _, err := a.Share(t.Context(), up, id); err == nil {
		t.Fatal("an answer that was lost was heard")
	}
	first, err := a.Share(t.Context(), up, id)
	if err != nil {
		t.Fatal(err)
	}
	again, err := w.adapter(t).Share(t.Context(), up, id) // after a restart
	if err != nil || again != first {
		t.Errorf("again: %q %v, want %q", again, err, first)
	}
	if got := w.Messages(w.room); len(got) != 1 {
		t.Errorf("%d messages, want 1", len(got))
	}
	if _, err := w.adapter(t).Share(t.Context(), up, "nothing"); err == nil {
		t.Error("a file that was never brought is shown")
	}
}

// TestTakeBackNothing shows that a reaction that is not there can be taken back:
// the server itself would add it.
func TestTakeBackNothing(t *testing.T) {
	w := newWorkspace(t)
	a := w.adapter(t)
	id, err := w.Say(rcfake.Says{Who: "ada", Room: w.room, Text: "hello"})
	if err != nil {
		t.Fatal(err)
	}
	ref := bot.MessageRef(prefix + w.room + ":" + id)
	for _, on := range []bool{false, true, false, false} {
		if err := a.React(t.Context(), ref, "eyes", on); err != nil {
			t.Fatal(err)
		}
	}
	if got := w.Messages(w.room); len(got[0].Reactions) != 0 {
		t.Errorf("reactions %v", got[0].Reactions)
	}
}
