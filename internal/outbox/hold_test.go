package outbox

import (
	"context"
	"fmt"
	"iter"
	"strings"
	"testing"
	"time"

	"github.com/perch-chat/perch/store"
)

// countingTx counts the pairs that are read.
type countingTx struct {
	store.Tx
	n *int
}

func (c countingTx) Get(table string, key []byte) ([]byte, error) {
	*c.n++
	return c.Tx.Get(table, key)
}

func (c countingTx) Scan(table string, r store.Range) iter.Seq2[store.Pair, error] {
	return func(yield func(store.Pair, error) bool) {
		for p, err := range c.Tx.Scan(table, r) {
			*c.n++
			if !yield(p, err) {
				return
			}
		}
	}
}

func TestHolds(t *testing.T) {
	inBubble(t, Options{}, func(w *world) {
		var told []string
		w.ob.OnHold(func(_ store.Tx, h Hold, on bool) error {
			told = append(told, fmt.Sprint(h.Lane, " ", h.Code, " ", on))
			return nil
		})
		hold := func(h Hold) { w.update(func(tx store.Tx) error { return w.ob.Hold(tx, h) }) }
		hold(Hold{Lane: "x:1:dm", Code: "rate_limited", Message: "Too many.", Until: time.Now().Add(time.Minute)})
		hold(Hold{Lane: "x:1", Code: "reconnect", Message: "Connect again."})
		hold(Hold{Lane: "x:1", Code: "reconnect", Message: "Connect again."})                                      // no news
		hold(Hold{Lane: "x:1", Code: "rate_limited", Message: "Too many.", Until: time.Now().Add(time.Hour)})      // weaker
		hold(Hold{Lane: "x:1:dm", Code: "rate_limited", Message: "Too many.", Until: time.Now().Add(time.Second)}) // shorter
		w.run()
		ids := w.add(
			Action{Key: "dm", Lanes: []string{"x:1", "x:1:dm"}},
			Action{Key: "post", Lanes: []string{"x:1", "x:1:post"}},
			Action{Key: "dm2", Lanes: []string{"x:1:dm"}},
			Action{Key: "two", Lanes: []string{"x:2"}},
			Action{Key: "none"},
		)
		pass(30 * time.Second)
		for i, want := range []State{Queued, Queued, Queued, Done, Done} {
			w.wantState(ids[i], want)
		}
		pass(30 * time.Second) // the first ends by itself
		for i, want := range []State{Queued, Queued, Done} {
			w.wantState(ids[i], want)
		}
		pass(24 * time.Hour) // the other doesn't
		w.wantState(ids[0], Queued)
		w.update(func(tx store.Tx) error {
			hs, err := w.ob.Holds(tx)
			if len(hs) != 1 || hs[0].Lane != "x:1" || hs[0].Code != "reconnect" {
				t.Errorf("holds = %+v, want that of x:1", hs)
			}
			return err
		})
		w.update(func(tx store.Tx) error { return w.ob.Release(tx, "x:1") })
		w.update(func(tx store.Tx) error { return w.ob.Release(tx, "x:1") }) // twice is harmless
		pass(0)
		for _, id := range ids {
			w.wantState(id, Done)
		}
		want := "[x:1:dm rate_limited true x:1 reconnect true x:1:dm rate_limited false x:1 reconnect false]"
		if got := fmt.Sprint(told); got != want {
			t.Errorf("told %v\nwant %v", got, want)
		}
	})
}

// TestHoldSurvivesRestart: holds are stored.
func TestHoldSurvivesRestart(t *testing.T) {
	inBubble(t, Options{}, func(w *world) {
		w.update(func(tx store.Tx) error {
			return w.ob.Hold(tx, Hold{Lane: "l", Code: "c", Message: "m", Until: time.Now().Add(time.Hour)})
		})
		id := w.add(Action{Key: "a", Lanes: []string{"l"}})[0]
		w.run()
		pass(0)
		w.stop()
		w.build(w.db)
		w.run()
		pass(59 * time.Minute)
		w.wantState(id, Queued)
		pass(time.Minute)
		w.wantState(id, Done)
	})
}

// TestPace: a service that takes three calls a quarter of an hour gets three,
// and never one that it would refuse.
func TestPace(t *testing.T) {
	inBubble(t, Options{Workers: 8}, func(w *world) {
		const limit = 3
		left, reset := limit, time.Now().Add(15*time.Minute)
		var when []time.Duration
		start := time.Now()
		refused := 0
		w.svc.onDo = func(_ context.Context, a Action) (Receipt, error) {
			w.svc.mu.Lock()
			defer w.svc.mu.Unlock()
			if !time.Now().Before(reset) {
				left, reset = limit, time.Now().Add(15*time.Minute)
			}
			pace := func() []Pace {
				return []Pace{{Lane: "dm", Remaining: left, Reset: reset, Message: "X allows 3 direct messages in 15 minutes."}}
			}
			if left == 0 {
				refused++
				return Receipt{}, &Error{Outcome: Later, Failure: Failure{Code: "rate_limited"}, Pace: pace()}
			}
			left--
			when = append(when, time.Since(start))
			return Receipt{Pace: pace()}, nil
		}
		w.run()
		w.add(Action{Key: "first", Lanes: []string{"dm"}})
		pass(0)
		var ids []string
		for i := range 9 {
			ids = append(ids, w.add(Action{Key: fmt.Sprint(i), Lanes: []string{"dm"}})...)
		}
		pass(time.Second)
		err := w.db.View(w.t.Context(), func(tx store.Tx) error {
			at, why, err := w.ob.When(tx, w.get(ids[8]))
			if !strings.Contains(why, "X allows 3") || !at.Equal(reset) {
				t.Errorf("When = %v, %q; want %v and the service's reason", at, why, reset)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		pass(2 * time.Hour)
		if len(when) != 10 {
			t.Errorf("sent %d, want 10: %v", len(when), when)
		}
		if refused > 0 {
			t.Errorf("the service had to refuse %d calls", refused)
		}
		if last := when[len(when)-1]; last > 46*time.Minute {
			t.Errorf("the last went out after %v, want about 45m", last)
		}
	})
}

func TestWhen(t *testing.T) {
	inBubble(t, Options{}, func(w *world) {
		w.update(func(tx store.Tx) error {
			if err := w.ob.Hold(tx, Hold{Lane: "gone", Code: "reconnect", Message: "Connect the account again."}); err != nil {
				return err
			}
			return w.ob.Hold(tx, Hold{Lane: "full", Code: "rate_limited", Message: "X takes no more.", Until: time.Now().Add(10 * time.Minute)})
		})
		in := func(d time.Duration) time.Time { return time.Now().Add(d) }
		ids := w.add(
			Action{Key: "now"},
			Action{Key: "scheduled", NotBefore: in(time.Hour)},
			Action{Key: "paced", Lanes: []string{"full"}, Order: "o"},
			Action{Key: "behind", Order: "o"},
			Action{Key: "held", Lanes: []string{"gone", "full"}},
			Action{Key: "draft", State: Draft},
			Action{Key: "awaits", State: Awaiting},
		)
		ids = append(ids, w.add(Action{Key: "follows", After: ids[5]}, Action{Key: "follows2", After: ids[2]})...)
		tests := []struct {
			at  time.Time
			why string
		}{
			{in(0), ""},
			{in(time.Hour), "scheduled"},
			{in(10 * time.Minute), "X takes no more."},
			{in(10 * time.Minute), "after the one before it. X takes no more."},
			{time.Time{}, "Connect the account again."},
			{time.Time{}, "draft"},
			{time.Time{}, "approve"},
			{time.Time{}, "after another one. It is a draft"},
			{in(10 * time.Minute), "after another one. X takes no more."},
		}
		err := w.db.View(w.t.Context(), func(tx store.Tx) error {
			for i, tt := range tests {
				a, err := w.ob.Get(tx, ids[i])
				if err != nil {
					return err
				}
				at, why, err := w.ob.When(tx, a)
				if err != nil {
					return err
				}
				if !at.Equal(tt.at) || !strings.Contains(why, tt.why) || tt.why == "" && why != "" {
					t.Errorf("When(%s) = %v, %q; want %v, %q", a.Key, at, why, tt.at, tt.why)
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	})
}
