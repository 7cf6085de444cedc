package rocketchat_test

import (
	"strings"
	"testing"

	"github.com/perch-chat/perch/bot"
	"github.com/perch-chat/perch/bot/rocketchat/rcfake"
)

// What is for one person comes to their room with the bot, and says what it is about.
func TestAnswersSayWhereTheyBelong(t *testing.T) {
	w := newWorkspace(t)
	a := w.adapter(t)
	root, err := w.Say(rcfake.Says{Who: "ada", Room: w.room, Text: "Trains are late"})
	if err != nil {
		t.Fatal(err)
	}
	room := bot.ChannelRef(prefix + w.room)
	thread := bot.MessageRef(prefix + w.room + ":" + root)
	direct := bot.ChannelRef(prefix + w.DirectRoom("ada"))
	for _, c := range []struct {
		name  string
		m     bot.Message
		want  string
		isnot string
	}{
		{"a thread", bot.Message{Channel: room, Thread: thread, Only: prefix + "Uada", Text: "Not sent."}, "In #support, [this thread](" + w.url + "/group/support?msg=" + root + ")", ""},
		{"a room", bot.Message{Channel: room, Only: prefix + "Uada", Text: "Not sent."}, "In #support", "thread"},
		{"asked there", bot.Message{Channel: direct, Only: prefix + "Uada", Text: "Not sent."}, "Not sent.", "In #"},
		{"no place", bot.Message{Only: prefix + "Uada", Text: "Not sent."}, "Not sent.", "In #"},
	} {
		if _, err := a.Post(t.Context(), c.m); err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		all := w.Messages(last(direct))
		got := all[len(all)-1].Text
		if !strings.Contains(got, "Not sent.") || !strings.Contains(got, c.want) || c.isnot != "" && strings.Contains(got, c.isnot) {
			t.Errorf("%s: %q, want %q and no %q", c.name, got, c.want, c.isnot)
		}
	}
	if all := w.Messages(w.room); len(all) != 1 {
		t.Errorf("others see %+v", all[1:])
	}
}
