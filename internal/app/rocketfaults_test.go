package app_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/perch-chat/perch/bot/rocketchat/rcfake"
	"github.com/perch-chat/perch/xapi/xfake"
)

// TestOmnichannelFaults: the stream is cut between two answers and tells again
// what it told, Perch is started again in mid-conversation, and Rocket.Chat is.
func TestOmnichannelFaults(t *testing.T) {
	b := newBureau(t)
	b.writes("1002", "Hello?")
	rid := b.room(1)
	b.reads(rid, "The customer was welcomed")
	b.answers(rid, "one")
	b.gets("Welcome!", "one")
	b.rc.DropAll()
	b.answers(rid, "two")
	b.gets("Welcome!", "one", "two")
	b.again(rid)
	b.stop()
	b.answers(rid, "three")
	b.writes("1002", "Still there?")
	b.start()
	b.gets("Welcome!", "one", "two", "three")
	b.until("what the customer wrote meanwhile", func() bool { return slices.Equal(b.customers(rid), []string{"Hello?", "Still there?"}) })
	b.rc.Stop()
	b.writes("1002", "And now?")
	b.rc.Start()
	b.until("what the customer wrote to a server that was away", func() bool {
		return slices.Equal(b.customers(rid), []string{"Hello?", "Still there?", "And now?"})
	})
	b.answers(rid, "four")
	b.gets("Welcome!", "one", "two", "three", "four")
	b.again(rid)
	// Closed while Perch is away, and the customer writes before it knows.
	b.stop()
	b.answers(rid, "five")
	if err := b.rc.CloseRoom("sam", rid, ""); err != nil {
		t.Fatal(err)
	}
	b.writes("1002", "Bye")
	b.start()
	next := b.room(2)
	b.until("words after the end", func() bool { return slices.Equal(b.customers(next), []string{"Bye"}) })
	b.answers(next, "six")
	b.until("answer in the next room", func() bool { return slices.Contains(b.has("1002"), "six") })
	b.again(rid)
	b.answers(next, "seven") // behind all that was told again
	b.until("answer behind all", func() bool { return slices.Contains(b.has("1002"), "seven") })
	b.until("end of the first room", func() bool { return slices.Contains(b.has("1002"), "Goodbye!") })
	got, ends := b.has("1002"), 0
	got = slices.DeleteFunc(got, func(s string) bool {
		if s == "Goodbye!" {
			ends++
		}
		return s == "Goodbye!"
	})
	if ends != 1 {
		t.Errorf("the customer was told of %d ends, want 1", ends)
	}
	if want := []string{"Welcome!", "one", "two", "three", "four", "five", "six", "seven"}; !slices.Equal(got, want) {
		t.Errorf("the customer has %q, want %q", got, want)
	}
	b.wrote(rid, "customer: Hello?", "bot: The customer was welcomed: “Welcome!\u2060”", "sam: one", "sam: two", "sam: three", "customer: Still there?", "customer: And now?", "sam: four", "sam: five")
	said := slices.DeleteFunc(b.said(next), func(s string) bool { // where the customer's word came before the end
		return s == "bot: The room before this one was closed. The customer was told: “Goodbye!\u2060”"
	})
	if want := []string{"customer: Bye", "sam: six", "sam: seven"}; !slices.Equal(said, want) {
		t.Errorf("in the next room is %q, want %q", said, want)
	}
}

// again has the streams tell everything that is in a room once more, as a server
// does whose instances watch the database.
func (b *bureau) again(rid string) {
	b.t.Helper()
	for _, m := range b.rc.Raw(rid) {
		b.rc.Emit("stream-room-messages", rid, m)
		b.rc.Emit("stream-room-messages", "__my_messages__", m, map[string]any{"roomType": "l", "roomParticipant": true})
	}
}

// wrote looks at all that was said in a room.
func (b *bureau) wrote(rid string, want ...string) {
	b.t.Helper()
	if got := b.said(rid); !slices.Equal(got, want) {
		b.t.Errorf("in the room is %q, want %q", got, want)
	}
}

// storm is what befalls the three of them while people write.
func (b *bureau) storm() []func() {
	lost := func(routes ...string) func() {
		return func() {
			for _, r := range routes {
				b.rc.AddFault(rcfake.Fault{Route: r, Drop: rcfake.DropAfter})
				b.rc.AddFault(rcfake.Fault{Route: r, Drop: rcfake.DropBefore})
				b.rc.AddFault(rcfake.Fault{Route: r, Status: 502})
			}
		}
	}
	return []func(){
		func() { b.rc.DropAll() },
		lost("POST livechat/message"),
		func() { b.rc.Lose(2) },
		func() { b.rc.DropAll() },
		func() {
			for _, r := range b.rc.Rooms("l") {
				b.again(r.ID)
			}
		},
		func() { b.rc.Stop() },
		func() { b.rc.Start() },
		lost("GET livechat/messages.history", "GET chat.syncMessages", "GET chat.getMessage", "GET rooms.info"),
		func() { b.rc.DropAll() },
		func() { b.rc.Limits(true, 5, 100*time.Millisecond) },
		func() { b.stop(); b.start() },
		func() { b.rc.Limits(false, 5, time.Second) },
		func() { b.rc.Stop(); b.stop(); b.rc.Start(); b.start() },
		func() { b.rc.Lose(1) },
		func() { b.rc.DropAll() },
	}
}

// TestOmnichannelStorm has customers and agents go on writing whatever happens.
func TestOmnichannelStorm(t *testing.T) {
	for _, version := range []string{"7.13.0", "8.8.1"} {
		t.Run(version, func(t *testing.T) {
			b := newBureauOf(t, rcfake.Options{Version: version}, func(b *bureau) { b.c.Desk.Welcome = "" })
			for _, e := range []string{"POST /2/dm_conversations/with/{participant_id}/messages", "POST /2/dm_conversations/{dm_conversation_id}/messages", "GET /2/dm_events"} {
				b.x.SetLimit(e, xfake.Limit{})
			}
			people := []string{"1002", "1003", "1004"}
			rooms := map[string]string{}
			var asked, told []string
			for i, who := range people {
				if i > 0 {
					b.x.AddUser(xfake.User{ID: who, Handle: "casey" + who, Name: "Casey " + who})
				}
				b.writes(who, "question")
				rooms[who] = b.room(i + 1)
			}
			asked = append(asked, "question")
			for i, strikes := range b.storm() {
				asked, told = append(asked, fmt.Sprint("question ", i)), append(told, fmt.Sprint("answer ", i))
				for _, who := range people {
					b.writes(who, asked[i+1])
				}
				strikes()
				<-time.After(20 * time.Millisecond) // something is under way
				for _, who := range people {
					b.answers(rooms[who], told[i])
				}
			}
			b.rc.ClearFaults()
			for _, who := range people {
				b.until("questions of "+who, func() bool { return len(b.customers(rooms[who])) >= len(asked) })
			}
			told = append(told, "Goodbye!")
			for _, who := range people {
				if err := b.rc.CloseRoom("sam", rooms[who], "solved"); err != nil {
					t.Fatal(err)
				}
			}
			for _, who := range people {
				b.until("answers to "+who, func() bool { return len(b.has(who)) >= len(told) })
			}
			for _, who := range people {
				if got := b.has(who); !slices.Equal(got, told) {
					t.Errorf("%s has %q, want %q", who, got, told)
				}
				if got := b.customers(rooms[who]); !slices.Equal(got, asked) {
					t.Errorf("%s wrote %q, want %q", who, got, asked)
				}
			}
		})
	}
}

// TestOmnichannelLimited has fifty customers write at once where the limiter is
// at its strictest, and a few where its windows are so long that what may not
// go waits in the outbox: nothing is lost or doubled, and order is kept. A
// server of line 7 limits the public calls of everybody, and each of line 8 all
// calls of a bot that lacks its role.
func TestOmnichannelLimited(t *testing.T) {
	const minute = 150 * time.Millisecond // in the life of a fly
	line7 := rcfake.Options{Version: "7.13.0"}
	t.Run("many customers", func(t *testing.T) {
		limited(t, line7, 50, 3, minute)
	})
	t.Run("long windows", func(t *testing.T) {
		limited(t, line7, 8, 2, 3*time.Second)
	})
	t.Run("every call", func(t *testing.T) {
		bot := rcfake.User{Username: "twitter.bot", Name: "Twitter", Roles: []string{"user", "livechat-manager"}, Token: "bot-token"}
		limited(t, rcfake.Options{Bot: bot}, 20, 2, minute)
	})
}

func limited(t *testing.T, o rcfake.Options, customers, each int, window time.Duration) {
	t.Helper()
	b := newBureauOf(t, o, func(b *bureau) { b.c.Desk.Welcome = "" })
	b.rc.Limits(true, 5, window)
	var want []string
	for j := range each {
		want = append(want, fmt.Sprint("message ", j))
		for i := range customers {
			who := fmt.Sprint(2000 + i)
			b.x.AddUser(xfake.User{ID: who, Handle: "casey" + who, Name: "Casey " + who})
			b.writes(who, want[j])
		}
	}
	b.until("rooms", func() bool { return len(b.rc.Rooms("l")) >= customers })
	for _, r := range b.rc.Rooms("l") {
		b.until("words of "+r.Visitor, func() bool { return len(b.customers(r.ID)) >= each })
	}
	rooms := b.rc.Rooms("l")
	if len(rooms) != customers {
		t.Fatalf("%d rooms, want %d", len(rooms), customers)
	}
	for _, r := range rooms {
		if got := b.customers(r.ID); !slices.Equal(got, want) {
			t.Errorf("%s wrote %q, want %q", r.Visitor, got, want)
		}
	}
	answered := map[string]string{}
	for i, r := range rooms[:min(10, customers)] {
		_, who, _ := strings.Cut(r.Visitor, "Casey ")
		who, _, _ = strings.Cut(who, " ")
		answered[who] = fmt.Sprint("answer ", i)
		b.answers(r.ID, answered[who])
	}
	for who, text := range answered {
		b.until("answer to "+who, func() bool { return slices.Equal(b.has(who), []string{text}) })
	}
}

// TestClosedWhileAway: an agent answers and closes while Perch is away, and the
// customer does not write again.
func TestClosedWhileAway(t *testing.T) {
	b := newBureau(t)
	b.writes("1002", "Hello?")
	rid := b.room(1)
	b.answers(rid, "one")
	b.gets("Welcome!", "one")
	b.stop()
	b.answers(rid, "two")
	if err := b.rc.CloseRoom("sam", rid, ""); err != nil {
		t.Fatal(err)
	}
	b.start()
	b.gets("Welcome!", "one", "two", "Goodbye!")
}
