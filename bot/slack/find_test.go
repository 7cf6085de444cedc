package slack_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/perch-chat/perch/bot"
	"github.com/perch-chat/perch/bot/slack/slackfake"
)

// A post whose answer is lost is found again by its key, in a channel, in a
// thread and in a direct conversation, however much was written since.
func TestALostPostIsFound(t *testing.T) {
	w := newWorkspace(t, slackfake.Options{})
	a := w.adapter(t)
	ch := bot.ChannelRef("slack:" + w.channel)
	root, err := a.Post(t.Context(), bot.Message{Channel: ch, Text: "root", Key: "root"})
	if err != nil {
		t.Fatal(err)
	}
	for i, m := range []bot.Message{
		{Channel: ch, Text: "in the channel"},
		{Channel: ch, Thread: root, Text: "in the thread"},
		{Only: bot.UserRef("slack:" + w.ada), Text: "to one person"},
	} {
		m.Key = fmt.Sprintf("lost:%d", i)
		if _, err := a.FindMessage(t.Context(), m); !errors.Is(err, bot.ErrNotFound) {
			t.Errorf("%s: FindMessage before it was sent = %v, want ErrNotFound", m.Text, err)
		}
		w.AddFault(slackfake.Fault{Method: "chat.postMessage", Drop: slackfake.DropAfter})
		_, err := a.Post(t.Context(), m)
		if _, known := errors.AsType[*bot.Error](err); err == nil || known {
			t.Fatalf("%s: Post with a lost answer = %v, want an error that claims nothing", m.Text, err)
		}
		for n := range 450 { // beyond the first pages
			if _, err := a.Post(t.Context(), bot.Message{Channel: m.Channel, Only: m.Only, Thread: m.Thread, Text: "more", Key: fmt.Sprintf("more:%d:%d", i, n)}); err != nil {
				t.Fatal(err)
			}
		}
		before := len(w.Calls("chat.postMessage"))
		ref, err := a.FindMessage(t.Context(), m)
		if err != nil {
			t.Fatalf("%s: FindMessage = %v", m.Text, err)
		}
		shown := ""
		for _, x := range append(w.Messages(w.channel), w.Messages(w.DirectChannel("ada"))...) {
			if bot.MessageRef("slack:"+x.Channel+":"+x.TS) == ref {
				shown = x.Shown
			}
		}
		if shown != m.Text {
			t.Errorf("%s: found %q (%s)", m.Text, shown, ref)
		}
		if n := len(w.Calls("chat.postMessage")); n != before {
			t.Errorf("looking for it sent %d messages", n-before)
		}
	}
	// What can't be read is not taken for missing.
	w.AddFault(slackfake.Fault{Method: "conversations.history", Error: "missing_scope"})
	if _, err := a.FindMessage(t.Context(), bot.Message{Channel: ch, Key: "x"}); err == nil || errors.Is(err, bot.ErrNotFound) {
		t.Errorf("FindMessage without the right to read = %v", err)
	}
	w.AddFault(slackfake.Fault{Method: "conversations.history", Drop: slackfake.DropBefore})
	if _, err := a.FindMessage(t.Context(), bot.Message{Channel: ch, Key: "x"}); err == nil || errors.Is(err, bot.ErrNotFound) {
		t.Errorf("FindMessage without an answer = %v", err)
	}
}
