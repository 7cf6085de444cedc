package outbox

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/perch-chat/perch/store"
)

func TestOrder(t *testing.T) {
	inBubble(t, Options{Workers: 8}, func(w *world) {
		w.svc.fates = func(a Action) fate {
			if strings.HasSuffix(a.Key, "3") {
				return lost
			}
			return works
		}
		var as []Action
		for i := range 30 {
			for _, o := range []string{"p", "q", "r"} {
				as = append(as, Action{Key: fmt.Sprintf("%s-%02d", o, i), Order: o})
			}
		}
		w.run()
		w.add(as...)
		pass(time.Hour)
		for _, o := range []string{"p", "q", "r"} {
			var got []string
			for _, k := range w.svc.log() {
				if strings.HasPrefix(k, o) {
					got = append(got, k)
				}
			}
			if len(got) != 30 || !slices.IsSorted(got) {
				t.Errorf("order %s went out as %v", o, got)
			}
		}
		if len(w.svc.overlap) > 0 {
			t.Errorf("two at once in %v", w.svc.overlap)
		}
	})
}

func TestParallelBetweenOrders(t *testing.T) {
	inBubble(t, Options{Workers: 5}, func(w *world) {
		w.svc.gate = make(chan struct{})
		w.run()
		for i := range 8 {
			w.add(Action{Key: fmt.Sprint("a", i), Order: fmt.Sprint(i)}, Action{Key: fmt.Sprint("b", i), Order: fmt.Sprint(i)})
		}
		pass(time.Second)
		close(w.svc.gate)
		pass(time.Minute)
		if w.svc.peak != 5 {
			t.Errorf("most calls at once = %d, want 5", w.svc.peak)
		}
		if n := len(w.svc.log()); n != 16 {
			t.Errorf("effects = %d, want 16", n)
		}
	})
}

// TestFairness: a long queue in some lanes doesn't keep another lane waiting.
func TestFairness(t *testing.T) {
	inBubble(t, Options{Workers: 2}, func(w *world) {
		for i := range 40 {
			w.add(Action{Key: fmt.Sprint("long", i), Lanes: []string{"long"}})
		}
		w.add(Action{Key: "short", Lanes: []string{"short"}})
		w.run()
		pass(time.Second)
		if i := slices.Index(w.svc.log(), "short"); i < 0 || i > 4 {
			t.Errorf("the only one of its lane went out as number %d of 41", i+1)
		}
	})
}

func TestDraftJoinsTheEnd(t *testing.T) {
	inBubble(t, Options{}, func(w *world) {
		ids := w.add(
			Action{Key: "draft", Order: "o", State: Draft},
			Action{Key: "awaits", Order: "o", State: Awaiting, CreatedBy: "rio"},
			Action{Key: "one", Order: "o"},
		)
		w.update(func(tx store.Tx) error {
			if _, err := w.ob.Approve(tx, ids[1], "ada"); err != nil {
				return err
			}
			_, err := w.ob.Submit(tx, ids[0], "rio")
			return err
		})
		w.run()
		pass(0)
		w.wantEffects("one", "awaits", "draft")
		if a := w.get(ids[1]); a.ApprovedBy != "ada" {
			t.Errorf("ApprovedBy = %q, want ada", a.ApprovedBy)
		}
	})
}

// TestRetryKeepsItsPlace: what was queued behind a failed action and still waits
// goes out after its retry.
func TestRetryKeepsItsPlace(t *testing.T) {
	inBubble(t, Options{}, func(w *world) {
		w.svc.fates = first(rejects)
		w.run()
		ids := w.add(Action{Key: "a", Order: "o"})
		pass(0)
		w.add(Action{Key: "b", Order: "o", NotBefore: time.Now().Add(time.Hour)}, Action{Key: "c", Order: "o"})
		w.update(func(tx store.Tx) error { _, err := w.ob.Retry(tx, ids[0], "ada"); return err })
		pass(2 * time.Hour)
		w.wantEffects("a", "b", "c")
	})
}

func TestAfter(t *testing.T) {
	inBubble(t, Options{}, func(w *world) {
		w.svc.gate = make(chan struct{})
		w.run()
		ids := w.add(Action{Key: "a"})
		w.add(Action{Key: "b", After: ids[0]})
		pass(time.Second)
		if n := w.svc.called("b"); n != 0 {
			t.Error("b began before a was done")
		}
		close(w.svc.gate)
		pass(0)
		w.wantEffects("a", "b")
		w.add(Action{Key: "late", After: ids[0]})
		pass(0)
		w.wantEffects("a", "b", "late")
	})
}

// TestAfterFailed: what follows a failed action waits for its retry, and lets
// the rest of its order go on meanwhile.
func TestAfterFailed(t *testing.T) {
	inBubble(t, Options{}, func(w *world) {
		w.svc.fates = first(rejects)
		var ids []string
		w.update(func(tx store.Tx) error {
			ids = nil
			after := ""
			for _, k := range []string{"part1", "part2", "part3"} {
				a, _, err := w.ob.Add(tx, Action{Kind: "x", Key: k, Order: "o", After: after})
				if err != nil {
					return err
				}
				ids, after = append(ids, a.ID), a.ID
			}
			_, _, err := w.ob.Add(tx, Action{Kind: "x", Key: "other", Order: "o"})
			return err
		})
		w.run()
		pass(time.Minute)
		w.wantEffects("other")
		w.add(Action{Key: "later", Order: "o", NotBefore: time.Now().Add(time.Hour)})
		w.update(func(tx store.Tx) error { _, err := w.ob.Retry(tx, ids[0], "ada"); return err })
		pass(2 * time.Hour)
		w.wantEffects("other", "part1", "part2", "part3", "later")
	})
}

func TestAfterCancelled(t *testing.T) {
	inBubble(t, Options{}, func(w *world) {
		a := w.add(Action{Key: "a", State: Draft})[0]
		b := w.add(Action{Key: "b", After: a, Order: "o"})[0]
		c := w.add(Action{Key: "c", After: b, State: Draft})[0]
		w.update(func(tx store.Tx) error { _, err := w.ob.Cancel(tx, a, "ada"); return err })
		d := w.add(Action{Key: "d", After: b})[0]
		e := w.add(Action{Key: "e", Order: "o"})[0]
		w.run()
		pass(time.Minute)
		for _, id := range []string{a, b, c, d} {
			w.wantState(id, Cancelled)
		}
		w.wantState(e, Done)
		w.wantEffects("e")
	})
}

// TestAfterDraftOfItsOwnOrder: an action that follows a draft which joins its
// order behind it doesn't wait for itself.
func TestAfterDraftOfItsOwnOrder(t *testing.T) {
	inBubble(t, Options{}, func(w *world) {
		draft := w.add(Action{Key: "draft", Order: "o", State: Draft})[0]
		w.add(Action{Key: "follows", Order: "o", After: draft}, Action{Key: "free", Order: "o"})
		w.run()
		pass(time.Minute)
		w.wantEffects("free")
		w.update(func(tx store.Tx) error { _, err := w.ob.Submit(tx, draft, "ada"); return err })
		pass(0)
		w.wantEffects("free", "draft", "follows")
	})
}

func TestSlot(t *testing.T) {
	inBubble(t, Options{}, func(w *world) {
		w.svc.gate = make(chan struct{}, 9)
		w.run()
		ids := w.add(Action{Key: "e1", Slot: "s", Order: "o"})
		pass(0) // e1 is under way
		ids = append(ids, w.add(Action{Key: "e2", Slot: "s", Order: "o"})...)
		ids = append(ids, w.add(Action{Key: "e3", Slot: "s", Order: "o"})...)
		ids = append(ids, w.add(Action{Key: "other", Slot: "t"})...)
		ids = append(ids, w.add(Action{Key: "draft", Slot: "s", State: Draft})...)
		close(w.svc.gate)
		pass(0)
		for i, want := range []State{Done, Cancelled, Done, Done, Draft} {
			w.wantState(ids[i], want)
		}
		if a := w.get(ids[1]); code(a.Failure) != "replaced" {
			t.Errorf("failure = %+v, want code replaced", a.Failure)
		}
	})
}

// TestSlotKeepsItsPlace: what replaces another comes where that would have come,
// or it would never while more is added than goes out. What waits for something
// that comes later goes behind that.
func TestSlotKeepsItsPlace(t *testing.T) {
	inBubble(t, Options{}, func(w *world) {
		w.update(func(tx store.Tx) error { return w.ob.Hold(tx, Hold{Lane: "l", Code: "test", Message: "Wait."}) })
		lanes := []string{"l"}
		w.add(Action{Key: "card 1", Slot: "card", Order: "o", Lanes: lanes}, Action{Key: "one", Order: "o", Lanes: lanes})
		w.add(Action{Key: "list 1", Slot: "list", Order: "o", Lanes: lanes})
		two := w.add(Action{Key: "two", Order: "o", Lanes: lanes})[0]
		w.add(Action{Key: "card 2", Slot: "card", Order: "o", Lanes: lanes}, Action{Key: "card 3", Slot: "card", Order: "o", Lanes: lanes})
		w.add(Action{Key: "list 2", Slot: "list", Order: "o", Lanes: lanes, After: two}, Action{Key: "three", Order: "o", Lanes: lanes})
		w.run()
		w.update(func(tx store.Tx) error { return w.ob.Release(tx, "l") })
		pass(time.Minute)
		w.wantEffects("card 3", "one", "two", "list 2", "three")
	})
}

func TestSubmitTakesTheSlot(t *testing.T) {
	inBubble(t, Options{}, func(w *world) {
		draft := w.add(Action{Key: "draft", Slot: "s", State: Draft})[0]
		old := w.add(Action{Key: "old", Slot: "s"})[0]
		w.update(func(tx store.Tx) error { _, err := w.ob.Submit(tx, draft, "ada"); return err })
		w.run()
		pass(0)
		w.wantState(old, Cancelled)
		w.wantState(draft, Done)
	})
}

func TestNotBefore(t *testing.T) {
	inBubble(t, Options{}, func(w *world) {
		w.run()
		id := w.add(Action{Key: "a", NotBefore: time.Now().Add(90 * time.Minute)})[0]
		pass(90*time.Minute - time.Second)
		w.wantState(id, Queued)
		pass(time.Second)
		w.wantState(id, Done)
	})
}

func TestTooLate(t *testing.T) {
	inBubble(t, Options{}, func(w *world) {
		w.update(func(tx store.Tx) error {
			return w.ob.Hold(tx, Hold{Lane: "l", Code: "no_credits", Message: "Buy credits."})
		})
		w.run()
		soon := time.Now().Add(time.Hour)
		ids := w.add(
			Action{Key: "a", Lanes: []string{"l"}, Order: "o", Expires: soon},
			Action{Key: "b", Order: "o"},
			Action{Key: "draft", State: Draft, Expires: soon},
			Action{Key: "intime", Expires: soon},
		)
		pass(time.Hour - time.Second)
		w.wantState(ids[0], Queued)
		pass(time.Second)
		a := w.wantState(ids[0], Failed) // a person is asked as soon as it is too late
		if code(a.Failure) != "too_late" {
			t.Errorf("failure = %+v, want code too_late", a.Failure)
		}
		w.wantState(ids[1], Done)
		w.wantState(ids[2], Draft)
		w.wantState(ids[3], Done)

		// A person's word outweighs the date.
		w.update(func(tx store.Tx) error {
			if err := w.ob.Release(tx, "l"); err != nil {
				return err
			}
			if _, err := w.ob.Retry(tx, ids[0], "ada"); err != nil {
				return err
			}
			_, err := w.ob.Submit(tx, ids[2], "ada")
			return err
		})
		pass(0)
		w.wantState(ids[0], Done)
		w.wantState(ids[2], Done)
	})
}

// TestExpiredWhileUnknown: what turns out not to have been sent isn't sent late.
func TestExpiredWhileUnknown(t *testing.T) {
	inBubble(t, Options{}, func(w *world) {
		w.svc.fates = first(vanishes)
		w.run()
		id := w.add(Action{Key: "a", Expires: time.Now().Add(10 * time.Second)})[0]
		pass(time.Hour)
		if a := w.wantState(id, Failed); code(a.Failure) != "too_late" {
			t.Errorf("failure = %+v, want code too_late", a.Failure)
		}
		w.wantEffects()
	})
}

// TestManyWaiting: what waits costs a look for work nothing.
func TestManyWaiting(t *testing.T) {
	inBubble(t, Options{}, func(w *world) {
		w.update(func(tx store.Tx) error {
			for i := range 2000 {
				a := Action{Kind: "x", Key: fmt.Sprint(i), Order: fmt.Sprint("o", i%500), Lanes: []string{"held"}}
				if i%2 == 0 {
					a.Lanes, a.NotBefore = []string{"later"}, time.Now().Add(time.Hour)
				}
				if _, _, err := w.ob.Add(tx, a); err != nil {
					return err
				}
			}
			return w.ob.Hold(tx, Hold{Lane: "held", Code: "c", Message: "m"})
		})
		r := newRunner(w.ob)
		reads := 0
		err := w.db.View(w.t.Context(), func(tx store.Tx) error {
			d := due{now: now(), free: 16}
			err := r.look4work(countingTx{tx, &reads}, &d)
			if len(d.sets) != 0 || d.next.IsZero() {
				t.Errorf("found %d sets, next %v; want none, and an hour", len(d.sets), d.next)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		if reads > 20 {
			t.Errorf("a look for work read %d pairs with 2000 actions waiting, want a few", reads)
		}
		synctest.Wait()
	})
}
