package rocketchat

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/perch-chat/perch/bot"
)

func TestBrake(t *testing.T) {
	start := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		name  string
		every time.Duration
		n     int // messages
		heard int
	}{
		{"a person", 3 * time.Second, 100, 100},
		{"a person, all day", 40 * time.Second, 2000, 2000},
		{"a bot that thinks before it writes", 5 * time.Second, 1000, brakeLong},
		{"a person in a hurry", time.Millisecond, brakeAfter, brakeAfter},
		{"a bot that answers at once", 100 * time.Millisecond, 10_000, brakeAfter},
		{"a slow bot", 1900 * time.Millisecond, 1000, brakeAfter},
	} {
		var b brake
		heard, told := 0, 0
		for i := range c.n {
			ok, first := b.takes(start.Add(time.Duration(i) * c.every))
			if ok {
				heard++
			}
			if first {
				told++
			}
		}
		if heard != c.heard || told != min(c.n-heard, 1) {
			t.Errorf("%s: %d heard, told %d times, want %d heard", c.name, heard, told, c.heard)
		}
		if ok, _ := b.takes(start.Add(time.Duration(c.n)*c.every + brakeRest)); !ok {
			t.Errorf("%s: not heard after a minute of silence", c.name)
		}
	}
}

// TestTwoBots lets another bot answer whatever Perch says to it: it ends.
func TestTwoBots(t *testing.T) {
	w := newTeam(t)
	a := w.adapter(t)
	c, _ := w.start(t, a)
	dm := w.DirectRoom("ada")
	var want []string
	for i := range brakeAfter {
		w.say(t, "ada", dm, fmt.Sprintf("Sorry, what do you mean by %d?", i))
		want = append(want, fmt.Sprintf("command ada Sorry, what do you mean by %d?", i))
	}
	c.want(t, want...)
	for i := range 5 {
		w.say(t, "ada", dm, fmt.Sprintf("And what by %d?", i))
	}
	w.say(t, "ada", dm, "!twitter help") // a command is one, however fast
	w.say(t, "rio", w.DirectRoom("rio"), "help")
	c.want(t, append(want, "command ada /twitterhelp", "command rio help")...)
	told := 0
	for _, m := range w.Messages(dm) {
		told += strings.Count(m.Text, "more than I can follow")
	}
	if told != 1 {
		t.Errorf("told %d times, want once", told)
	}
}

// Whoever writes what the bot can't read is told so, once in a while: they would
// wait for an answer forever.
func TestSealedMessages(t *testing.T) {
	w := newTeam(t)
	a := w.adapter(t)
	c, _ := w.start(t, a)
	dm := w.DirectRoom("ada")
	sealed := func(rid, who string) {
		t.Helper()
		now := map[string]any{"$date": time.Now().UnixMilli()}
		id := fmt.Sprintf("sealed%d", time.Now().UnixNano())
		w.Emit("stream-room-messages", "__my_messages__", map[string]any{
			"_id": id, "rid": rid, "t": "e2e", "msg": "c2VjcmV0", "u": map[string]any{"_id": who, "username": who}, "ts": now, "_updatedAt": now,
		}, map[string]any{"roomParticipant": true, "roomType": map[string]string{dm: "d", w.room: "p"}[rid]})
	}
	sealed(dm, "Uada")
	sealed(dm, "Uada")
	sealed(w.room, "Uada") // that is between people
	w.say(t, "ada", w.room, "the end")
	c.want(t, "message ada the end")
	for rid, want := range map[string]int{dm: 1, w.room: 0} {
		n := 0
		for _, m := range w.Messages(rid) {
			n += strings.Count(m.Text, "can't read this")
		}
		if n != want {
			t.Errorf("%d hints in %s, want %d", n, rid, want)
		}
	}
}

// The server's own user writes to people; nobody answers it.
func TestServersOwnUser(t *testing.T) {
	d := decoder{person{ID: "Ubot", Username: "twitter.bot"}}
	if got := d.events(message{ID: "m", Room: "R", Text: "A new version is out", User: person{ID: "rocket.cat", Username: "rocket.cat"}}, "d"); len(got) > 0 {
		t.Errorf("%+v", got)
	}
	if got := d.events(message{ID: "m", Room: "R", Text: "help", User: person{ID: "Uada", Username: "ada"}}, "d"); len(got) != 1 || got[0].Kind != bot.EventCommand {
		t.Errorf("%+v", got)
	}
}
