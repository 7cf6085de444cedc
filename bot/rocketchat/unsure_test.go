package rocketchat

import (
	"net/http"
	"testing"
	"time"

	"github.com/perch-chat/perch/bot"
	"github.com/perch-chat/perch/bot/rocketchat/rcfake"
)

// What has to be asked before something can be told is asked until it is
// answered: nobody's reaction, order or press is lost for the server being busy.
func TestToldOnceItIsKnown(t *testing.T) {
	for name, fault := range map[string]rcfake.Fault{
		"stumbles":  {Times: 2, Status: http.StatusBadGateway},
		"is broken": {Times: hiccups + 2, Status: http.StatusBadGateway},
		"is busy": {
			Status: http.StatusTooManyRequests, Header: http.Header{"Retry-After": {"1"}},
			Body: `{"success":false,"error":"Error, too many requests. [error-too-many-requests]"}`,
		},
	} {
		w := newTeam(t)
		w.live.look = time.Hour
		several := w.AddDirect("ada", "rio")
		two := w.AddDirect("rio") // the ID says nothing of who is in it
		id := w.say(t, "ada", w.room, "look")
		before := w.adapter(t)
		root, err := before.Post(t.Context(), bot.Message{Channel: roomRef(w.room), Text: "root", Key: "root"})
		must(t, err)
		card, err := before.Post(t.Context(), bot.Message{Thread: root, Key: "card", Blocks: []bot.Block{bot.Actions(bot.Button{ID: "test.claim", Label: "Claim"})}})
		must(t, err)
		c, _ := w.start(t, w.adapter(t))
		told := []string{"message ada look"}
		then := func(line, route string, do func()) {
			t.Helper()
			fault.Route = route
			w.AddFault(fault)
			do()
			told = append(told, line)
			c.want(t, told...)
		}
		then("reaction rio eyes", "GET users.info", func() { must(t, w.React("rio", w.room, id, "eyes", true)) })
		then("command rio help", "GET rooms.info", func() { w.say(t, "rio", two, "help") })
		then("message ada lunch?", "GET rooms.info", func() { w.say(t, "ada", several, "lunch?") })
		then("action ada", "GET chat.getMessage", func() {
			_, cardID, _ := messageID(card)
			_, err := w.Press("ada", w.room, cardID, "Claim")
			must(t, err)
		})
		for _, ev := range c.got {
			if ev.Kind == bot.EventAction && (ev.Thread != root || ev.User.Ref != "rocketchat:Uada") {
				t.Errorf("%s: the press is %+v, want it in the thread %s", name, ev, root)
			}
			if ev.Kind == bot.EventReaction && ev.User.Ref != "rocketchat:Urio" {
				t.Errorf("%s: the reaction is %+v, want it to be Rio's", name, ev)
			}
		}
	}
}

// A press of a button on a message that is not there is told, and so is all that
// comes after it: anybody can write one by hand.
func TestPressOnNothing(t *testing.T) {
	w := newTeam(t)
	c, _ := w.start(t, w.adapter(t))
	w.say(t, "ada", w.room, "!perch test.claim .nothing c-1")
	w.say(t, "ada", w.room, "the end")
	c.want(t, "action ada", "message ada the end")
	if n := c.count(bot.EventGap); n != 1 {
		t.Errorf("%d connections, want the first one", n)
	}
}

// TestHiccup: an answer or two that say nothing are no reason to connect anew
// and read all rooms again, at each of which the server may stumble once more.
func TestHiccup(t *testing.T) {
	w := newTeam(t)
	w.live.look = time.Hour
	card, err := w.adapter(t).Post(t.Context(), bot.Message{Channel: roomRef(w.room), Key: "card", Blocks: []bot.Block{bot.Actions(bot.Button{ID: "test.claim", Label: "Claim"})}})
	must(t, err)
	c, _ := w.start(t, w.adapter(t))
	began := len(w.Calls("GET me"))
	w.AddFault(rcfake.Fault{Route: "GET chat.getMessage", Times: 2, Status: http.StatusBadGateway})
	_, cardID, _ := messageID(card)
	_, err = w.Press("ada", w.room, cardID, "Claim")
	must(t, err)
	c.want(t, "action ada")
	if n := len(w.Calls("GET me")); n != began {
		t.Errorf("it connected %d times more", n-began)
	}
}
