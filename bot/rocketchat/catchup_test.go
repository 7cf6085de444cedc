package rocketchat

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/perch-chat/perch/bot/rocketchat/rcfake"
)

// What was missed is stored many messages at a time, in order, and again if it
// could not be. What a server says to be deleted at each look is stored once.
func TestMuchThatWasMissed(t *testing.T) {
	const missed, gone = 250, 120
	w := newTeam(t)
	a := w.adapter(t)
	c := newCollector()
	if _, err := a.whoami(t.Context()); err != nil {
		t.Fatal(err)
	}
	since := time.Now().Add(-time.Minute)
	var want, slips []string
	for n := range missed {
		id := w.say(t, "ada", w.room, fmt.Sprintf("%03d", n))
		if n < gone {
			slips = append(slips, id)
		}
		want = append(want, fmt.Sprintf("message ada %03d", n))
	}
	r := room{ID: w.room, Kind: "p"}
	c.fails = errors.New("the disk is full")
	must(t, a.readPlain(t.Context(), c, r, since))
	if diff := cmp.Diff(want, c.lines()); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
	if c.tried != 4 { // once in vain
		t.Errorf("%d messages were stored in %d times", missed, c.tried)
	}
	if h := a.Health(); h.Received != missed || h.Acked != missed {
		t.Errorf("of %d messages %d were received and %d stored", missed, h.Received, h.Acked)
	}

	for _, id := range slips {
		must(t, w.Delete("ada", w.room, id))
	}
	want = append(want, slices.Repeat([]string{"message_deleted ada"}, gone)...)
	must(t, a.readPlain(t.Context(), c, r, since))
	tried := c.tried
	must(t, a.readPlain(t.Context(), c, r, since))
	if diff := cmp.Diff(want, c.lines()); diff != "" {
		t.Errorf("events with what was deleted (-want +got):\n%s", diff)
	}
	if tried != 4+2 || c.tried != tried {
		t.Errorf("%d deletions were stored in %d times, and again in %d", gone, tried-4, c.tried-tried)
	}
}

// What comes faster than it can be stored is stored together, in order, and what
// comes twice once. What fails is done again, and nothing before it.
func TestManyNoticesAtOnce(t *testing.T) {
	w := newTeam(t)
	a := w.adapter(t)
	c := newCollector()
	if _, err := a.whoami(t.Context()); err != nil {
		t.Fatal(err)
	}
	at := time.Now()
	said := func(rid, text string, later time.Duration) notice {
		m := map[string]any{
			"_id": "id" + strings.Fields(text)[0], "rid": rid, "msg": text, "u": map[string]any{"_id": "Uada", "username": "ada"},
			"ts": map[string]any{"$date": at.UnixMilli()}, "_updatedAt": map[string]any{"$date": at.Add(later).UnixMilli()},
		}
		return notice{messageStream, "__my_messages__", rawArgs(t, m)}
	}
	gone := notice{"stream-notify-room", w.room + "/deleteMessage", rawArgs(t, map[string]any{"_id": "id2"})}
	list := []notice{
		said(w.room, "1", 0), said(w.room, "2", 0), said(w.room, "1", 0), said(w.room, "1 as it was", -time.Second),
		gone, said(w.room, "2", 0),
		{messageStream, w.room, rawArgs(t, 7)},
		said(w.room, "3", 0), said("elsewhere", "4", 0),
	}
	w.AddFault(rcfake.Fault{Route: "GET rooms.info", Times: hiccups + 1, Skip: 1}) // the second room is not known for now
	done, err := a.notices(t.Context(), nil, c, list)
	if err == nil || done != 7 {
		t.Errorf("%d notices are done, and the error is %v; want 7 and what kept the others", done, err)
	}
	want := []string{"message ada 1", "message ada 2", "message_deleted ada", "undecoded", "message ada 3"}
	if diff := cmp.Diff(want, kinds(c)); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
	if c.tried != 4 {
		t.Errorf("they were stored in %d times, want 4", c.tried)
	}
	if done, err = a.notices(t.Context(), nil, c, list[done:]); err != nil || done != 2 {
		t.Errorf("%d of the rest are done: %v", done, err)
	}
	if diff := cmp.Diff(append(want, "message ada 4"), kinds(c)); diff != "" {
		t.Errorf("all events (-want +got):\n%s", diff)
	}
}

// kinds are the lines of a collector, those that say why something can't be read
// cut off.
func kinds(c *collector) []string {
	all := c.lines()
	for i, l := range all {
		if strings.HasPrefix(l, "undecoded") {
			all[i] = "undecoded"
		}
	}
	return all
}
