package rocketchat

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/perch-chat/perch/bot"
	"github.com/perch-chat/perch/bot/rocketchat/rcfake"
)

// BenchmarkAnswerBesideLooks measures how long an agent's answer takes to be
// told while 200 customers' rooms are read besides, one call after the other of
// 20 ms each, beside how long it takes while none is: ratio is the slowest tenth
// of the one over the slowest tenth of the other.
func BenchmarkAnswerBesideLooks(b *testing.B) {
	const rooms = 200
	w := newTeam(b)
	w.AddUser(rcfake.User{Username: "sam", Name: "Sam", Agent: true})
	var rids []string
	first := w.adapter(b)
	_, stop := w.start(b, first)
	for i := range rooms {
		e, err := first.Enter(b.Context(), bot.Visitor{Key: fmt.Sprint(i), Name: "Casey"})
		if err != nil {
			b.Fatal(err)
		}
		rid, _ := liveRoom(e.Ref)
		rids = append(rids, rid)
	}
	stop()
	answers := 0
	measure := func(look time.Duration) time.Duration {
		w.live.look = look
		c, stop := w.start(b, w.adapter(b))
		defer stop()
		var took []time.Duration
		for range 50 {
			answers++
			text, began := fmt.Sprint("answer ", answers), time.Now()
			w.say(b, "sam", rids[answers%rooms], text)
			for !slices.Contains(c.lines(), "message sam "+text) {
				select {
				case <-c.woken:
				case <-time.After(soon):
					b.Fatal("an answer is never told")
				}
			}
			took = append(took, time.Since(began))
		}
		slices.Sort(took)
		return took[len(took)*9/10]
	}
	for b.Loop() {
		alone := measure(time.Hour)
		w.AddFault(rcfake.Fault{Route: "GET chat.syncMessages", Times: -1, Delay: 20 * time.Millisecond})
		beside := measure(time.Millisecond) // always at it
		w.ClearFaults()
		b.ReportMetric(float64(beside)/float64(alone), "ratio")
		b.ReportMetric(float64(beside.Microseconds())/1000, "p90-ms")
	}
}
