package commands

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/perch-chat/perch/bot"
	"github.com/perch-chat/perch/store"
)

// What can't be read is kept, counted and told of once a day.
func TestUndecoded(t *testing.T) {
	ada, _, _, _ := people()
	scene(t, func(t *testing.T, w *world) {
		n := 0
		come := func(times int) {
			w.update(func(tx store.Tx) error {
				for range times {
					n++
					ev := bot.Event{ID: fmt.Sprint("u", n), Platform: "slack", Kind: bot.EventUndecoded, At: time.Now(), Text: "unknown <!channel> type", Raw: `{"x":1}`}
					if err := w.r.Handle(tx, ev); err != nil {
						return err
					}
				}
				return nil
			})
			synctest.Wait()
		}
		told := func() int { return strings.Count(w.channel(setup), "could not be read") }
		come(1)
		has(t, "setup", w.last(setup), "⚠ 1 event of slack could not be read; the last came at 12:00 UTC, 20 Nov. Why: unknown <!channel> type")
		come(200)
		if n := told(); n != 1 {
			t.Errorf("told %d times on one day", n)
		}
		has(t, "support", w.say(ada, "/twitter support"), "⚠ 201 events of slack could not be read")
		var kept []undecoded
		w.update(func(tx store.Tx) (err error) {
			kept, err = store.Collect(undecodeds.Scan(tx, store.Range{}))
			return err
		})
		if len(kept) != maxUndecoded || kept[0].Raw != `{"x":1}` {
			t.Errorf("%d are kept, first %+v", len(kept), kept[0])
		}
		<-time.After(25 * time.Hour)
		come(1)
		if n := told(); n != 2 {
			t.Errorf("told %d times on two days", n)
		}
		<-time.After(8 * 24 * time.Hour)
		hasNot(t, "support", w.say(ada, "/twitter support"), "could not be read")
	})
}
