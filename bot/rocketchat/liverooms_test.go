package rocketchat_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/perch-chat/perch/bot"
	"github.com/perch-chat/perch/bot/rocketchat/rcfake"
)

// TestLivechatManyRooms has more customers' rooms open than a connection may
// subscribe to at once: what agents say in each of them is heard.
func TestLivechatManyRooms(t *testing.T) {
	s := newService(t)
	s.Limits(false, 0, 0)
	s.DDPLimits(true, 0)
	const rooms = 60
	var want []string
	for i := range rooms {
		_, rid := s.enter(t, s.customer(i))
		want = append(want, fmt.Sprint("first ", rid), fmt.Sprint("second ", rid))
	}
	say := func(what string) {
		t.Helper()
		for _, r := range s.Rooms("l") {
			if _, err := s.Say(rcfake.Says{Who: "sam", Room: r.ID, Text: what + " " + r.ID}); err != nil {
				t.Fatal(err)
			}
		}
	}
	say("first")
	s.sink.await(t, "the first answers", func() bool { return len(s.sink.of(bot.EventMessage)) == rooms })
	say("second")
	s.sink.await(t, "the second answers", func() bool { return len(s.sink.of(bot.EventMessage)) == 2*rooms })
	var got []string
	for _, e := range s.sink.of(bot.EventMessage) {
		got = append(got, e.Text)
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("answers %q, want %q", got, want)
	}
}

// TestLivechatWhoeverCloses: a room that the bot or the customer closes is over.
func TestLivechatWhoeverCloses(t *testing.T) {
	s := newService(t)
	room, _ := s.enter(t, s.customer(1))
	if err := s.Leave(t.Context(), room, "over"); err != nil {
		t.Fatal(err)
	}
	s.sink.await(t, "the end", func() bool { return len(s.sink.of(bot.EventClosed)) == 1 })
	if e := s.sink.of(bot.EventClosed)[0]; e.Thread != room || e.Text != "over" {
		t.Errorf("closed: %+v", e)
	}
}
