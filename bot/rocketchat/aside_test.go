package rocketchat

import (
	"net/http"
	"slices"
	"testing"

	"github.com/perch-chat/perch/bot"
	"github.com/perch-chat/perch/bot/rocketchat/rcfake"
)

// An order that was written in a room shows there that it was answered, where
// the answer is for one person and comes to the room that they have with the bot.
func TestRoomsKnowOfAnswersElsewhere(t *testing.T) {
	w := newTeam(t)
	a := w.adapter(t)
	c, _ := w.start(t, a)
	signs := func(rid, id string) []string {
		for _, m := range w.Messages(rid) {
			if m.ID == id {
				return m.Reactions[":"+asideSign+":"]
			}
		}
		return nil
	}
	dm := w.DirectRoom("ada")
	for i, x := range []struct {
		name, rid, text string
		only            bool
		want            []string
	}{
		{"in a room", w.room, "!twitter help", true, []string{"twitter.bot"}},
		{"by name, in a room", w.room, "@twitter.bot help", true, []string{"twitter.bot"}},
		{"alone", dm, "help", true, nil},
		{"answered before all", w.room, "!twitter accounts", false, nil},
	} {
		id := w.say(t, "ada", x.rid, x.text)
		c.wait(t, i+1)
		ev := c.last()
		m := bot.Message{Channel: ev.Channel, Thread: ev.Thread, Respond: ev.Respond, Text: "the answer", Key: ev.ID}
		if x.only {
			m.Only = ev.User.Ref
		}
		for range 2 { // its outcome was not known the first time
			_, err := a.Post(t.Context(), m)
			must(t, err)
		}
		if got := signs(x.rid, id); !slices.Equal(got, x.want) {
			t.Errorf("%s: %q reacted, want %q", x.name, got, x.want)
		}
	}
	// Where calls are counted, they are for the signs of what became of answers.
	w.SetRoles("twitter.bot", "user")
	w.Limits(true, 100, 0)
	for n := range 2 {
		id := w.say(t, "ada", w.room, "!twitter help")
		c.wait(t, 5+n)
		_, err := a.Post(t.Context(), bot.Message{Channel: roomRef(w.room), Only: "rocketchat:Uada", Respond: c.last().Respond, Text: "x", Key: id})
		must(t, err)
		if got := signs(w.room, id); len(got) != 1-n { // with the first it is learnt
			t.Errorf("limited, %d: %q reacted", n, got)
		}
	}
	w.Limits(false, 0, 0)
	w.SetRoles("twitter.bot", "bot", "livechat-manager")
	// Where the sign can't be set, the answer is there all the same.
	w.AddFault(rcfake.Fault{Route: "POST chat.react", Times: -1, Status: http.StatusForbidden, Body: `{"success":false}`})
	ref, err := a.Post(t.Context(), bot.Message{Channel: roomRef(w.room), Only: "rocketchat:Uada", Respond: string(messageRef(w.room, w.say(t, "ada", w.room, "hm"))), Text: "x", Key: "x"})
	if rid, _, _ := messageID(ref); err != nil || rid != dm {
		t.Errorf("%s, %v", ref, err)
	}
}
