package bottest

import (
	"strings"
	"testing"

	"github.com/perch-chat/perch/bot"
)

// testTopic: a channel's topic says what was asked for and nothing more.
func testTopic(t *testing.T, c *chat) {
	to := ability[bot.Topicer](t, c)
	mk := ability[bot.Channeler](t, c)
	need(t, "topics in its harness", c.Topic != nil)
	for _, private := range []bool{false, true} {
		name := map[bool]string{false: "inc-8-open", true: "inc-8-private"}[private]
		ch, err := mk.EnsureChannel(t.Context(), name, "What is it about", private)
		must(t, "EnsureChannel", err)
		for _, topic := range []string{"🔴 INC-8 · sev1 · started", "✅ INC-8 · <!channel> & *resolved* <https://x.example|y>", "✅ INC-8 · <!channel> & *resolved* <https://x.example|y>"} {
			must(t, "SetTopic", to.SetTopic(t.Context(), ch, topic))
			if got, err := c.Topic(t.Context(), ch); err != nil || got != topic {
				t.Errorf("the topic is %q, %v, want %q", got, err, topic)
			}
		}
		must(t, "SetTopic to a long one", to.SetTopic(t.Context(), ch, "long "+strings.Repeat("&é", 2000)))
		if got, err := c.Topic(t.Context(), ch); err != nil || !strings.HasPrefix(got, "long &é") {
			t.Errorf("the topic is %q, %v, want as much of the long one as there is room for", got, err)
		}
	}
	definite(t, "SetTopic of nothing", to.SetTopic(t.Context(), c.NoChannel, "x"))
}
