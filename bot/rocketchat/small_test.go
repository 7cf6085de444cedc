package rocketchat

import (
	"strings"
	"testing"

	"github.com/perch-chat/perch/bot"
)

// Where a workspace takes short messages only, a long one of Perch is shown
// whole all the same.
func TestShortMessagesOnly(t *testing.T) {
	w := newTeam(t)
	w.Set("Message_MaxAllowedSize", 500)
	a := w.adapter(t)
	line := strings.Repeat("word ", 60) + "end."
	m := bot.Message{Channel: roomRef(w.room), Key: "k", Blocks: []bot.Block{bot.Para(bot.Plain("1 " + line)), bot.Para(bot.Plain("2 " + line)), bot.Para(bot.Plain("3 " + line))}}
	ref, err := a.Post(t.Context(), m)
	must(t, err)
	m.Blocks = append(m.Blocks, bot.Para(bot.Plain("4 "+line)))
	must(t, a.Edit(t.Context(), ref, m))
	all := w.Messages(w.room)
	got := all[len(all)-1]
	shown := strings.Join(append([]string{got.Text}, got.Plain...), "\n")
	for _, n := range []string{"1 ", "2 ", "3 ", "4 "} {
		if !strings.Contains(shown, n+line) {
			t.Errorf("line %sis not shown", n)
		}
	}
}
