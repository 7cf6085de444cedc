package outbox

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/perch-chat/perch/store"
)

// addNow adds actions in one transaction and returns them as they were inside of it.
func (w *world) addNow(as ...Action) (got []Action) {
	w.t.Helper()
	w.update(func(tx store.Tx) error {
		got = nil
		for _, a := range as {
			a.Kind = "x"
			a, _, err := w.ob.Add(tx, a)
			if err != nil {
				return err
			}
			got = append(got, a)
		}
		return nil
	})
	return got
}

// wantDone is wantEffects in whichever order.
func (w *world) wantDone(want ...string) {
	w.t.Helper()
	w.svc.mu.Lock()
	got := slices.Sorted(slices.Values(w.svc.effects))
	w.svc.mu.Unlock()
	if !slices.Equal(got, want) {
		w.t.Errorf("effects = %v, want %v", got, want)
	}
}

// TestClaimedWhereItIsAdded shows what goes out at once is claimed in the
// transaction that adds it, and what must not is not.
func TestClaimedWhereItIsAdded(t *testing.T) {
	inBubble(t, Options{}, func(w *world) {
		w.run()
		pass(time.Second)
		soon := time.Now().Add(time.Hour)
		got := w.addNow(
			Action{Key: "a"}, Action{Key: "first", Order: "o"}, Action{Key: "second", Order: "o"}, Action{Key: "slot", Slot: "s"},
			Action{Key: "later", NotBefore: soon}, Action{Key: "draft", State: Draft}, Action{Key: "held", Lanes: []string{"l"}},
		)
		want := []State{Attempting, Attempting, Queued, Queued, Queued, Draft, Attempting}
		for i, a := range got {
			if a.State != want[i] {
				t.Errorf("%s is %s inside of its transaction, want %s", a.Key, a.State, want[i])
			}
		}
		pass(time.Second)
		w.wantDone("a", "first", "held", "second", "slot")
	})
}

// TestClaimedAndUndone shows that what was claimed in a transaction that is
// undone was never there, and takes nobody's place.
func TestClaimedAndUndone(t *testing.T) {
	inBubble(t, Options{Workers: 2}, func(w *world) {
		w.run()
		pass(time.Second)
		undo := errors.New("undo")
		for i := range 10 {
			err := w.db.Update(t.Context(), func(tx store.Tx) error {
				if _, _, err := w.ob.Add(tx, Action{Kind: "x", Key: fmt.Sprint("gone", i)}); err != nil {
					return err
				}
				return undo
			})
			if !errors.Is(err, undo) {
				t.Fatal(err)
			}
		}
		w.add(Action{Key: "a"}, Action{Key: "b"}, Action{Key: "c"})
		pass(3 * time.Second)
		w.wantDone("a", "b", "c")
	})
}

// TestClaimedIsBounded shows that one transaction does not begin more work than
// there are workers.
func TestClaimedIsBounded(t *testing.T) {
	inBubble(t, Options{Workers: 4}, func(w *world) {
		w.svc.gate = make(chan struct{})
		w.run()
		pass(time.Second)
		var many []Action
		for i := range 50 {
			many = append(many, Action{Key: fmt.Sprintf("k%02d", i)})
		}
		n := 0
		for _, a := range w.addNow(many...) {
			if a.State == Attempting {
				n++
			}
		}
		if n != 4 {
			t.Errorf("%d were claimed, want as many as there are workers", n)
		}
		close(w.svc.gate)
		pass(5 * time.Second)
		if len(w.svc.effects) != 50 || w.svc.peak > 4 {
			t.Errorf("%d effects, %d at once", len(w.svc.effects), w.svc.peak)
		}
	})
}
