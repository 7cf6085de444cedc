package rocketchat_test

import (
	"strings"
	"testing"

	"github.com/perch-chat/perch/bot"
)

// TestEditOfWhatOnePersonSees: an answer that is to take a question's place is
// never lost, whatever the question was on and whatever the workspace allows.
func TestEditOfWhatOnePersonSees(t *testing.T) {
	w := newWorkspace(t)
	a := w.adapter(t)
	const ada = bot.UserRef(prefix + "Uada")
	count := func(text string) (n int) {
		for _, m := range w.Messages(w.DirectRoom("ada")) {
			n += strings.Count(m.Text, text)
		}
		return n
	}
	answer := bot.Message{Only: ada, Text: "It is on its way."}
	asked, err := a.Post(t.Context(), bot.Message{Only: ada, Text: "Is it to go out?", Key: "q"})
	if err != nil {
		t.Fatal(err)
	}
	if err := a.Edit(t.Context(), asked, answer); err != nil || count(answer.Text) != 1 || count("go out?") != 0 {
		t.Fatalf("%v, %d answers, %d questions", err, count(answer.Text), count("go out?"))
	}

	elsewhere, err := a.Post(t.Context(), bot.Message{Channel: bot.ChannelRef(prefix + w.room), Text: "What all see", Key: "all"})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name string
		ref  bot.MessageRef
		set  bool
	}{
		{"a message of another room", bot.MessageRef(prefix + w.DirectRoom("ada") + ":" + last(elsewhere)), true},
		{"a message that is none", bot.MessageRef(prefix + w.DirectRoom("ada") + ":nothing"), true},
		{"a workspace without editing", asked, false},
	} {
		w.Set("Message_AllowEditing", c.set)
		answer.Text = "Sent: " + c.name
		for range 2 { // its outcome was not known the first time
			if err := a.Edit(t.Context(), c.ref, answer); err != nil {
				t.Errorf("%s: %v", c.name, err)
			}
		}
		if n := count(answer.Text); n != 1 {
			t.Errorf("%s: told %d times", c.name, n)
		}
		if err := a.Edit(t.Context(), c.ref, bot.Message{Channel: bot.ChannelRef(prefix + w.room), Text: "for all"}); err == nil {
			t.Errorf("%s: what all see is changed", c.name)
		}
	}
}
