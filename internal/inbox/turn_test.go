package inbox

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/perch-chat/perch/internal/crew"
	"github.com/perch-chat/perch/store"
)

// places are where the items of a thread are, in order.
func (w *world) places(thread string) (keys [][]byte, ids []string) {
	w.t.Helper()
	w.update(func(tx store.Tx) error {
		keys, ids = nil, nil
		for rec, err := range items().Scan(tx, store.Prefix(store.Key(queueOf(thread)))) {
			if err != nil {
				return err
			}
			keys, ids = append(keys, store.Key(rec.Queue, rec.Seq)), append(ids, rec.ID)
		}
		return nil
	})
	return keys, ids
}

// TestOnlyWhoseTurnItIs: between the look and the handling another instance
// may have handled the item, or failed.
func TestOnlyWhoseTurnItIs(t *testing.T) {
	inBubble(t, Options{}, func(w *world) {
		w.in.Handle("k", note)
		w.put("a/1", "a/2")
		at, ids := w.places("a")
		r := &runner{Inbox: w.in, busy: map[string]bool{}, delayed: map[string]time.Time{}, crew: crew.New(1)}
		r.handle(t.Context(), at[1]) // not the first
		w.wantHandled()
		w.update(func(tx store.Tx) error {
			if _, err := r.failedIn(tx, at[0], "another item", errors.New("no"), true); err != nil {
				return err
			}
			rec, err := items().Get(tx, at[0])
			if rec.Attempts != 0 {
				t.Error("an item was failed by another's handler")
			}
			return err
		})
		w.update(func(tx store.Tx) error {
			_, err := r.failedIn(tx, at[0], ids[0], errors.New("no"), true)
			return err
		})
		r.handle(t.Context(), at[0]) // not yet
		w.wantHandled()
		pass(time.Minute)
		if next := r.handle(t.Context(), at[0]); !slices.Equal(next, at[1]) {
			t.Errorf("the next is at %x, want %x", next, at[1])
		}
		r.handle(t.Context(), at[0]) // gone
		w.wantHandled("a/1")
	})
}

// TestLongThreadLeavesRoom: the others get their turn.
func TestLongThreadLeavesRoom(t *testing.T) {
	inBubble(t, Options{Workers: 1}, func(w *world) {
		w.in.Handle("k", note)
		for i := range 5 * maxChain {
			w.put(fmt.Sprintf("long/%03d", i))
		}
		w.put("short/1")
		w.run()
		pass(0)
		got := w.handled()
		if i := slices.Index(got, "short/1"); len(got) != 5*maxChain+1 || i > 2*maxChain {
			t.Errorf("of %d, the other thread's item was handled as number %d", len(got), i+1)
		}
	})
}

// TestRunEndsBetweenItems: what is at work is waited for, and nothing more is
// begun.
func TestRunEndsBetweenItems(t *testing.T) {
	inBubble(t, Options{}, func(w *world) {
		begun, release := make(chan struct{}), make(chan struct{})
		w.in.Handle("k", func(tx store.Tx, it Item) error {
			if string(it.Body) == `"a/1"` {
				close(begun)
				<-release
			}
			return note(tx, it)
		})
		w.put("a/1", "a/2", "a/3")
		w.run()
		<-begun
		ended := make(chan struct{})
		go func() { w.stop(); close(ended) }()
		pass(time.Second)
		close(release)
		<-ended
		w.wantHandled("a/1")
	})
}
