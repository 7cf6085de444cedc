package bolt

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/perch-chat/perch/store"
)

const soon = 10 * time.Millisecond

// inBubble runs fn with a store in a bubble of time.
func inBubble(t *testing.T, fn func(t *testing.T, s *Store)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		s, err := Open(filepath.Join(t.TempDir(), "perch.db"))
		if err != nil {
			t.Fatal(err)
		}
		defer func() {
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		}()
		fn(t, s)
	})
}

func put(key string) func(store.Tx) error {
	return func(tx store.Tx) error { return tx.Put("t", []byte(key), []byte(`1`)) }
}

func TestUnhurriedAlone(t *testing.T) {
	inBubble(t, func(t *testing.T, s *Store) {
		for range 3 {
			began := time.Now()
			if err := s.Update(store.Unhurried(t.Context(), soon), put("a")); err != nil {
				t.Fatal(err)
			}
			if took := time.Since(began); took != soon {
				t.Errorf("kept after %s, want %s", took, soon)
			}
		}
	})
}

func TestUnhurriedGoesAlong(t *testing.T) {
	inBubble(t, func(t *testing.T, s *Store) {
		began := time.Now()
		var wg sync.WaitGroup
		for i := range 20 {
			wg.Go(func() {
				if err := s.Update(store.Unhurried(t.Context(), soon), put(fmt.Sprint("later-", i))); err != nil {
					t.Error(err)
				}
			})
		}
		synctest.Wait()
		if st := s.Stats(); st.Commits != 0 || st.Waiting != 20 {
			t.Errorf("before anybody is in a hurry: %+v", st)
		}
		if err := s.Update(t.Context(), put("now")); err != nil {
			t.Fatal(err)
		}
		wg.Wait()
		if st := s.Stats(); st.Commits != 1 || st.Updates != 21 || time.Since(began) != 0 {
			t.Errorf("%d commits of %d updates after %s, want one at once", st.Commits, st.Updates, time.Since(began))
		}
	})
}

func TestUnhurriedComesDuringACommit(t *testing.T) {
	inBubble(t, func(t *testing.T, s *Store) {
		done := make(chan error)
		s.mu.Lock()
		s.busy = true // as if a commit were under way that takes nobody along
		s.mu.Unlock()
		go func() { done <- s.Update(store.Unhurried(t.Context(), soon), put("late")) }()
		time.Sleep(5 * soon)
		select {
		case err := <-done:
			t.Fatalf("somebody else had the turn (err %v)", err)
		default:
		}
		s.commit(nil) // its end
		if err := <-done; err != nil {
			t.Fatal(err)
		}
	})
}

func TestUnhurriedIsCancelled(t *testing.T) {
	inBubble(t, func(t *testing.T, s *Store) {
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- s.Update(store.Unhurried(ctx, soon), put("a")) }()
		synctest.Wait()
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Errorf("err = %v, want that of the context", err)
		}
		time.Sleep(2 * soon)
		err := s.View(t.Context(), func(tx store.Tx) error {
			_, err := tx.Get("t", []byte("a"))
			return err
		})
		if !errors.Is(err, store.ErrNotFound) {
			t.Errorf("what was given up is there: %v", err)
		}
	})
}

// TestUnhurriedIsNotForgotten: however many are in a hurry.
func TestUnhurriedIsNotForgotten(t *testing.T) {
	inBubble(t, func(t *testing.T, s *Store) {
		var wg sync.WaitGroup
		after := make(chan int, 1)
		n := 0 // counted by the functions, which run one after the other
		err := s.Update(t.Context(), func(tx store.Tx) error {
			for i := range 200 { // all of these ask while this has the turn
				wg.Go(func() {
					err := s.Update(t.Context(), func(tx store.Tx) error { n++; return put(fmt.Sprint(i))(tx) })
					if err != nil {
						t.Error(err)
					}
				})
			}
			wg.Go(func() {
				err := s.Update(store.Unhurried(t.Context(), soon), func(tx store.Tx) error { after <- n; return put("later")(tx) })
				if err != nil {
					t.Error(err)
				}
			})
			synctest.Wait()
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		wg.Wait()
		if got := <-after; got == 0 || got > 20 {
			t.Errorf("its turn came after %d others, want soon", got)
		}
	})
}
