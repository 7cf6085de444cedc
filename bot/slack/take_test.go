package slack

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func TestLanesKeepOrderAndBound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLanes(4)
		var mu sync.Mutex
		var got []string
		gate := make(chan struct{})
		add := func(s string) func() {
			return func() {
				<-gate
				mu.Lock()
				defer mu.Unlock()
				got = append(got, s)
			}
		}
		for _, w := range []string{"a1", "a2", "a3"} {
			if err := l.put(t.Context(), "a", add(w)); err != nil {
				t.Fatal(err)
			}
		}
		if err := l.put(t.Context(), "", func() {}); err != nil {
			t.Fatal(err)
		}
		synctest.Wait() // what has no key stands behind nobody, and is done
		if err := l.put(t.Context(), "b", add("b1")); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := l.put(ctx, "c", add("c1")); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("put beyond the bound = %v, want that it waits", err)
		}
		close(gate)
		l.close()
		if a := slices.DeleteFunc(slices.Clone(got), func(s string) bool { return s[0] != 'a' }); !slices.Equal(a, []string{"a1", "a2", "a3"}) || len(got) != 4 {
			t.Errorf("done in the order %v", got)
		}
		if err := l.put(t.Context(), "a", add("late")); !errors.Is(err, errClosed) || len(l.slots) != 0 {
			t.Errorf("put after the end = %v, %d slots taken", err, len(l.slots))
		}
	})
}

func TestBudget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBudget(3, time.Second)
		began := time.Now()
		var at []int
		for range 7 {
			if err := b.take(t.Context()); err != nil {
				t.Fatal(err)
			}
			at = append(at, int(time.Since(began)/time.Second))
		}
		if want := []int{0, 0, 0, 3, 3, 3, 6}; !slices.Equal(at, want) {
			t.Errorf("taken at %v s, want %v", at, want)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		for range 3 {
			if err := b.take(ctx); err != nil && !errors.Is(err, context.DeadlineExceeded) {
				t.Error(err)
			}
		}
		if len(b.tokens) != 3 {
			t.Errorf("%d tokens are left, want 3: a take that was called off costs none", len(b.tokens))
		}
	})
}

func TestBackoffGrowsToItsBound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var b backoff
		var last time.Duration
		for range 20 {
			began := time.Now()
			if err := b.sleep(t.Context()); err != nil {
				t.Fatal(err)
			}
			last = time.Since(began)
		}
		if last < 24*time.Second || last > 30*time.Second {
			t.Errorf("the 20th wait takes %v", last)
		}
		began := time.Now()
		b.reset()
		if err := b.sleepAtLeast(t.Context(), time.Minute); err != nil || time.Since(began) < time.Minute {
			t.Errorf("a wait of at least a minute takes %v, %v", time.Since(began), err)
		}
	})
}
