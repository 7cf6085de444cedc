package slack_test

import (
	"testing"

	"github.com/perch-chat/perch/bot"
	"github.com/perch-chat/perch/bot/slack/slackfake"
)

// In a channel that an organization shares with another company, people of all
// of its own workspaces act and the guests don't.
func TestSharedChannelOfAnOrganization(t *testing.T) {
	w := newWorkspace(t, slackfake.Options{})
	w.SetOrganization("T0ACME", "E0ACME")
	near := w.AddUser(slackfake.User{Name: "near", Team: "T0SISTER", Org: "E0ACME"})
	guest := w.AddUser(slackfake.User{Name: "guest", Team: "T0OTHER", Org: "E0OTHER"})
	small := w.AddUser(slackfake.User{Name: "small", Team: "T0SMALL"})
	w.channel = w.AddChannel(slackfake.Channel{Name: "with-guests", Shared: true, Members: []string{w.ada, near, guest, small, "perch"}})
	a, sink := w.adapter(t), &witness{}
	defer start(t, w, a, sink)()
	ref, err := a.Post(t.Context(), bot.Message{Channel: bot.ChannelRef("slack:" + w.channel), Text: "card", Blocks: []bot.Block{
		bot.Para(bot.Plain("card")), bot.Actions(bot.Button{ID: "test.claim", Label: "Claim"}),
	}})
	if err != nil {
		t.Fatal(err)
	}
	for _, who := range []string{guest, small, near, w.ada} { // those who count come last
		if _, err := w.PersonSays(who, w.channel, "hello", id(ref)); err != nil {
			t.Fatal(err)
		}
		if err := w.PersonReacts(who, w.channel, id(ref), "hand", true); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Click(who, id(ref), "test.claim"); err != nil {
			t.Fatal(err)
		}
	}
	await(t, w, "all that was done", func() bool { return len(w.Unacked()) == 0 && sink.count() >= 6 })
	sink.mu.Lock()
	defer sink.mu.Unlock()
	did := map[bot.UserRef]int{}
	for _, ev := range sink.all {
		if ev.Kind != bot.EventGap {
			did[ev.User.Ref]++
		}
	}
	if len(did) != 2 || did[bot.UserRef("slack:"+near)] != 3 || did[bot.UserRef("slack:"+w.ada)] != 3 {
		t.Errorf("what was taken, by person: %v", did)
	}
}
