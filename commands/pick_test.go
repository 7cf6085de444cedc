package commands

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/perch-chat/perch/incident"
	"github.com/perch-chat/perch/store"
)

// A command that may mean several incidents is carried out on the one pressed.
func TestPick(t *testing.T) {
	ada, rio, _, max := people()
	scene(t, func(t *testing.T, w *world) {
		w.say(rio, "/incident new One")
		w.say(rio, "/incident new Two")
		for _, line := range []string{"/timeline add It was the cache", "/incident update It was the disk", "@perch timeline add It was me"} {
			has(t, line, w.say(rio, line), "Which incident?", "[INC-2: Two]\n[INC-1: One]")
			b, _ := w.button(btnPick) // the newest's
			has(t, "somebody else", w.click(ada, btnPick, b.Value), "This is over")
			has(t, "picked", w.click(rio, btnPick, b.Value), "Added to INC-2 (internal).")
			has(t, "again", w.click(rio, btnPick, b.Value), "This is over")
		}
		var texts []string
		for _, e := range w.entries("INC-2") {
			if e.Source == incident.FromChat {
				texts = append(texts, e.Text)
			}
		}
		if len(texts) != 3 || texts[0] != "It was the cache" {
			t.Errorf("entries = %q", texts)
		}
		has(t, "one that changes", w.say(rio, "/incident resolve Disk swapped"), "Which incident?")
		w.press(rio, btnPick)
		w.say(rio, "/incident new Three")
		has(t, "not allowed", w.say(max, "/timeline add x"), "Only incident responders")
		w.say(rio, "/timeline add Forgotten")
		<-time.After(25 * time.Hour)
		w.say(rio, "/timeline add Newer")
		synctest.Wait()
		var left []ask
		w.update(func(tx store.Tx) (err error) {
			left, err = store.Collect(asks.Scan(tx, store.Range{}))
			return err
		})
		if len(left) != 1 {
			t.Errorf("%d questions are kept, want the newest", len(left))
		}
	})
}
