package rocketchat

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
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
