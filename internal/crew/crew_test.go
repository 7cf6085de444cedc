package crew

import (
	"runtime"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

func TestAllIsDone(t *testing.T) {
	for _, stay := range []int{0, 1, 8} {
		synctest.Test(t, func(t *testing.T) {
			c := New(stay)
			var done, at, most atomic.Int64
			for range 20 {
				for range 5 {
					c.Go(func() {
						n := at.Add(1)
						for m := most.Load(); n > m && !most.CompareAndSwap(m, n); m = most.Load() {
						}
						time.Sleep(time.Second)
						at.Add(-1)
						done.Add(1)
					})
				}
				time.Sleep(2 * time.Second)
			}
			c.mu.Lock()
			got := len(c.idle)
			c.mu.Unlock()
			if got != min(stay, 5) {
				t.Errorf("%d wait for work, want %d", got, min(stay, 5))
			}
			c.End()
			c.End()
			c.Wait() // in a bubble, a goroutine that stayed would be an error
			if done.Load() != 100 || most.Load() != 5 {
				t.Errorf("stay=%d: did %d, at most %d at once; want 100, and 5 beside each other", stay, done.Load(), most.Load())
			}
		})
	}
}

func TestEndWaitsForWork(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := New(1)
		done := false
		c.Go(func() { time.Sleep(time.Minute); done = true })
		c.End()
		c.Wait()
		if !done {
			t.Error("Wait returned before the work was done")
		}
	})
}

func TestGoroutinesAreUsedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := New(1)
		defer c.Wait()
		defer c.End()
		before := runtime.NumGoroutine()
		for range 3 {
			c.Go(func() {})
			synctest.Wait()
			if got := runtime.NumGoroutine(); got != before+1 {
				t.Fatalf("%d goroutines more, want the one that waits for more", got-before)
			}
		}
	})
}
