package storetest

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/perch-chat/perch/store"
)

//nolint:gochecknoglobals // the suite's list of cases
var concurrencyCases = []testCase{
	{"Contended", testContended},
	{"Distinct", testDistinct},
	{"FailuresApart", testFailuresApart},
	{"WriteSkew", testWriteSkew},
	{"CancelledWaiting", testCancelledWaiting},
	{"Snapshot", testSnapshot},
	{"RunTwice", testRunTwice},
}

// No update may be lost, however many run at once.
func testContended(t *testing.T, s store.Store) {
	const workers, each = 8, 10
	var commits atomic.Int64
	var wg sync.WaitGroup
	for range workers {
		wg.Go(func() {
			for range each {
				if err := s.Update(t.Context(), func(tx store.Tx) error {
					tx.OnCommit(func() { commits.Add(1) })
					return increment(tx, "t", "n")
				}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if got := stored(t, s, "t", "n"); got != workers*each {
		t.Errorf("n = %d, want %d", got, workers*each)
	}
	if got := commits.Load(); got != workers*each {
		t.Errorf("OnCommit ran %d times, want %d", got, workers*each)
	}
}

// Updates that do not meet must all be there, and each must see the one before
// it by the same goroutine.
func testDistinct(t *testing.T, s store.Store) {
	const workers, each = 16, 12
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			for i := range each {
				if err := s.Update(t.Context(), func(tx store.Tx) error {
					if _, err := tx.Get("t", store.Key(w, i-1)); i > 0 && err != nil {
						return fmt.Errorf("the update before is not seen: %w", err)
					}
					return tx.Put("t", store.Key(w, i), []byte(`1`))
				}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	view(t, s, func(tx store.Tx) error {
		got, err := keys(tx, "t", store.Range{})
		if len(got) != workers*each {
			t.Errorf("%d keys, want %d", len(got), workers*each)
		}
		return err
	})
}

// Of many updates that share a commit, some fail, panic or end their
// goroutine: the others are kept, whole, and nothing of these.
func testFailuresApart(t *testing.T, s store.Store) {
	const n = 60
	boom := errors.New("boom")
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			defer func() {
				if p := recover(); p != nil && p != i {
					t.Errorf("update %d panicked with %v", i, p)
				}
			}()
			err := s.Update(t.Context(), func(tx store.Tx) error {
				if err := tx.Put("t", store.Key(i, 1), []byte(`1`)); err != nil {
					return err
				}
				switch i % 4 {
				case 1:
					return boom
				case 2:
					panic(i)
				case 3:
					if i%8 == 3 {
						runtime.Goexit()
					}
				}
				return tx.Put("t", store.Key(i, 2), []byte(`1`))
			})
			if i%4 == 1 && !errors.Is(err, boom) || i%4 == 0 && err != nil {
				t.Errorf("update %d = %v", i, err)
			}
		})
	}
	wg.Wait()
	for i := range n {
		want := i%4 == 0 || i%8 == 7
		for part := 1; part <= 2; part++ {
			if got := has(t, s, "t", string(store.Key(i, part))); got != want {
				t.Errorf("part %d of update %d is there: %v, want %v", part, i, got, want)
			}
		}
	}
}

// Two updates that each read what the other writes must not both be kept.
func testWriteSkew(t *testing.T, s store.Store) {
	for round := range 10 {
		table := fmt.Sprintf("duty%d", round)
		update(t, s, func(tx store.Tx) error {
			return errors.Join(tx.Put(table, []byte("a"), []byte(`1`)), tx.Put(table, []byte("b"), []byte(`1`)))
		})
		var wg sync.WaitGroup
		for _, me := range []string{"a", "b"} {
			wg.Go(func() { // leaves only if another stays
				if err := s.Update(t.Context(), func(tx store.Tx) error {
					on, err := keys(tx, table, store.Range{})
					if err != nil || len(on) < 2 {
						return err
					}
					return tx.Delete(table, []byte(me))
				}); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		view(t, s, func(tx store.Tx) error {
			on, err := keys(tx, table, store.Range{})
			if len(on) != 1 {
				t.Errorf("round %d: %q stayed, want one", round, on)
			}
			return err
		})
	}
}

// An update that waits for its turn leaves when ctx ends. A driver that lets it
// run beside the other has nothing to leave.
func testCancelledWaiting(t *testing.T, s store.Store) {
	rep, ok := s.(store.Reporter)
	if !ok {
		t.Skip("the driver does not tell who waits")
	}
	inside, release := make(chan struct{}), make(chan struct{})
	first := make(chan error, 1)
	go func() {
		first <- s.Update(t.Context(), func(tx store.Tx) error {
			close(inside)
			<-release
			return tx.Put("t", []byte("first"), []byte(`1`))
		})
	}()
	<-inside
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	ran, second := make(chan struct{}), make(chan error, 1)
	go func() {
		second <- s.Update(ctx, func(tx store.Tx) error {
			close(ran)
			return tx.Put("t", []byte("second"), []byte(`1`))
		})
	}()
	waits := false
	for !waits {
		select {
		case <-ran:
			close(release)
			if err := errors.Join(<-first, <-second); err != nil {
				t.Error(err)
			}
			t.Skip("the driver runs updates side by side")
		default:
			waits = rep.Stats().Waiting > 0
			runtime.Gosched()
		}
	}
	cancel()
	if err := <-second; !errors.Is(err, context.Canceled) {
		t.Errorf("the waiting update = %v, want context.Canceled", err)
	}
	close(release)
	if err := <-first; err != nil {
		t.Errorf("the first update = %v", err)
	}
	if !has(t, s, "t", "first") || has(t, s, "t", "second") {
		t.Error("want the first update kept, and nothing of the second")
	}
}

// A View sees one state, whatever is committed while it runs.
func testSnapshot(t *testing.T, s store.Store) {
	both := func(tx store.Tx) error {
		return errors.Join(increment(tx, "t", "a"), increment(tx, "t", "b"))
	}
	update(t, s, both)
	for range 10 {
		view(t, s, func(tx store.Tx) error {
			a, err := number(tx, "t", "a")
			if err != nil {
				return err
			}
			done := make(chan error, 1)
			go func() { done <- s.Update(t.Context(), both) }()
			if err := <-done; err != nil {
				return err
			}
			b, err := number(tx, "t", "b")
			if a != b {
				t.Errorf("a View saw a = %d and b = %d", a, b)
			}
			return err
		})
	}
	if got := stored(t, s, "t", "b"); got != 11 {
		t.Errorf("b = %d, want 11", got)
	}
}

// Twice runs each function of Update twice, as a driver may: first in vain,
// then for good. Run the tests of a package over it to see that its functions
// have no effect of their own.
func Twice(s store.Store) store.Store { return twice{s} }

type twice struct{ store.Store }

var errFirstRun = errors.New("storetest: the first of two runs")

func (s twice) Update(ctx context.Context, fn func(store.Tx) error) error {
	var failed error
	err := s.Store.Update(ctx, func(tx store.Tx) error {
		if failed = fn(tx); failed != nil {
			return failed
		}
		return errFirstRun
	})
	if !errors.Is(err, errFirstRun) {
		return err
	}
	return s.Store.Update(ctx, fn)
}

func testRunTwice(t *testing.T, s store.Store) {
	s = Twice(s)
	ran, commits := 0, 0
	for range 3 {
		update(t, s, func(tx store.Tx) error {
			ran++
			tx.OnCommit(func() { commits++ })
			return increment(tx, "t", "n")
		})
	}
	if got := stored(t, s, "t", "n"); ran < 6 || got != 3 || commits != 3 {
		t.Errorf("%d runs made n = %d with %d OnCommit, want 3 and 3", ran, got, commits)
	}
	boom := errors.New("boom")
	if err := s.Update(t.Context(), func(store.Tx) error { return boom }); !errors.Is(err, boom) {
		t.Errorf("Update = %v, want boom", err)
	}
}
