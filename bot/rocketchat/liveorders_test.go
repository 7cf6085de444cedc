package rocketchat_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/perch-chat/perch/bot"
	"github.com/perch-chat/perch/bot/rocketchat/rcfake"
)

// TestLivechatOrders shows that what agents tell the bot in a customer's room,
// by words or by a button, is no answer to the customer.
func TestLivechatOrders(t *testing.T) {
	s := newService(t)
	room, rid := s.enter(t, s.customer(1))
	note := bot.Message{
		Thread: room, Channel: "rocketchat:omnichannel:Support", Key: "note",
		Blocks: []bot.Block{bot.Para(bot.Plain("Not sent.")), bot.Actions(bot.Button{ID: "desk.retry", Label: "Retry", Value: "m1"})},
	}
	ref, err := s.Post(t.Context(), note)
	if err != nil {
		t.Fatal(err)
	}
	var button rcfake.Button
	for _, m := range s.Messages(rid) {
		if len(m.Buttons) > 0 {
			button = m.Buttons[0]
		}
	}
	texts := []string{
		button.Msg, "@twitter.bot help", "@twitter.bot: note they called", "!twitter support", "/twitter support", " !perch half a button",
		"the customer's answer",
	}
	for _, text := range texts {
		if _, err := s.Say(rcfake.Says{Who: "sam", Room: rid, Text: text}); err != nil {
			t.Fatal(err)
		}
	}
	s.sink.await(t, "the answer", func() bool { return len(s.sink.of(bot.EventMessage)) > 0 })
	var got []string
	for _, e := range s.sink.of(bot.EventMessage, bot.EventAction, bot.EventCommand) {
		if e.Thread != room {
			t.Errorf("%s is in the thread %q", e.Kind, e.Thread)
		}
		if e.Kind == bot.EventAction && e.Message != ref {
			t.Errorf("the button was on %q, want %q", e.Message, ref)
		}
		got = append(got, string(e.Kind)+" "+e.Action+e.Command+" "+e.Value+e.Text)
	}
	want := []string{
		"action desk.retry m1", "command  help", "command  note they called", "command /twitter support", "command /twitter support", "command  help",
		"message  the customer's answer",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
}
