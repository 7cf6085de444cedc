package inbox

import (
	"context"
	"encoding/json"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/perch-chat/perch/store"
	"github.com/perch-chat/perch/store/bolt/bolttest"
)

// spy notes which tables each committed Update wrote to, and lets time go by
// before its function runs.
type spy struct {
	store.Store
	late time.Duration

	mu      sync.Mutex
	updates []map[string]bool
}

func (s *spy) Update(ctx context.Context, fn func(store.Tx) error) error {
	var wrote map[string]bool
	err := s.Store.Update(ctx, func(tx store.Tx) error {
		wrote = map[string]bool{}
		time.Sleep(s.late) // of the bubble: as if others had the store
		return fn(spyTx{tx, wrote})
	})
	if err == nil && len(wrote) > 0 {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.updates = append(s.updates, wrote)
	}
	return err
}

type spyTx struct {
	store.Tx
	wrote map[string]bool
}

func (t spyTx) Put(table string, key, val []byte) error {
	t.wrote[table] = true
	return t.Tx.Put(table, key, val)
}

func TestHandledInTheTransactionThatKeepsIt(t *testing.T) {
	tests := []struct {
		name string
		late time.Duration // that the store keeps the item waiting
		it   Item
		want []map[string]bool
	}{
		{name: "at once", it: Item{Thread: "a"}, want: []map[string]bool{{"inbox_seen": true, "handled": true}}},
		{name: "of no thread", want: []map[string]bool{{"inbox_seen": true, "handled": true}}},
		{
			name: "store is slow: kept first", late: quickWithin + time.Millisecond, it: Item{Thread: "a"},
			want: []map[string]bool{{"inbox_seen": true, "inbox": true, "inbox.due": true}, {"handled": true}},
		},
		{
			name: "not before later", it: Item{Thread: "a", NotBefore: time.Date(2000, 1, 1, 0, 1, 0, 0, time.UTC)},
			want: []map[string]bool{{"inbox_seen": true, "inbox": true, "inbox.due": true}, {"handled": true}},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				db := &spy{Store: bolttest.Open(t), late: tt.late}
				in := New(db, Options{})
				in.Handle("k", note)
				stop := runInbox(t, in)
				defer stop()
				synctest.Wait()
				it := tt.it
				it.Key, it.Kind, it.Body = "1", "k", json.RawMessage(`"one"`)
				for range 2 { // the repeat is none
					if _, err := in.Put(t.Context(), it); err != nil {
						t.Fatal(err)
					}
				}
				pass(2 * time.Minute)
				stop()
				if diff := cmp.Diff(tt.want, db.updates); diff != "" {
					t.Errorf("tables written, an update each (-want +got):\n%s", diff)
				}
				s, err := in.Stats(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				if s.Handled != 1 || s.Failed != 0 || s.Depth != 0 {
					t.Errorf("stats = %+v, want one handled", s)
				}
			})
		})
	}
}

func TestFailureAtOnceIsKept(t *testing.T) {
	for _, how := range []string{"error", "panic"} {
		t.Run(how, func(t *testing.T) {
			inBubble(t, Options{}, func(w *world) {
				calls := 0
				w.in.Handle("k", func(tx store.Tx, it Item) error {
					if string(it.Body) == `"a/1"` {
						if calls++; calls <= 2 {
							if err := note(tx, it); err != nil { // must leave nothing behind
								return err
							}
							if how == "panic" {
								panic("broken")
							}
							return errors.New("broken")
						}
					}
					return note(tx, it)
				})
				w.run()
				synctest.Wait()
				w.put("a/1", "a/2", "b/1") // a/2 waits behind a/1, b/1 doesn't
				synctest.Wait()
				w.wantHandled("b/1")
				pass(time.Second)
				w.wantHandled("b/1", "a/1", "a/2")
				s, err := w.in.Stats(w.t.Context())
				if err != nil {
					w.t.Fatal(err)
				}
				// What went wrong at once was no attempt of the stored item.
				if s.Handled != 3 || s.Failed != 1 || s.Dead != 0 {
					w.t.Errorf("stats = %+v, want three handled, one failed", s)
				}
			})
		})
	}
}

func TestPutAfterTheEndIsKept(t *testing.T) {
	inBubble(t, Options{}, func(w *world) {
		w.in.Handle("k", note)
		w.run()
		synctest.Wait()
		w.stop()
		w.put("a/1")
		w.wantHandled()
		again := New(w.db, Options{})
		again.Handle("k", note)
		w.stop = runInbox(w.t, again)
		synctest.Wait()
		w.wantHandled("a/1")
	})
}
