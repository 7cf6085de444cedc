package store_test

import (
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/perch-chat/perch/store"
)

func TestCalls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var c store.Calls
		for range 2 {
			if err := c.Begin(); err != nil {
				t.Fatal(err)
			}
		}
		var closed atomic.Int64
		for range 2 {
			go func() { c.Close(); closed.Add(1) }()
			synctest.Wait()
		}
		if err := c.Begin(); !errors.Is(err, store.ErrClosed) {
			t.Errorf("Begin while it closes = %v, want ErrClosed", err)
		}
		c.End()
		synctest.Wait()
		if closed.Load() != 0 {
			t.Errorf("Close returned while a call was under way")
		}
		c.End()
		synctest.Wait()
		if closed.Load() != 2 {
			t.Errorf("%d of 2 calls of Close returned, and nothing is under way", closed.Load())
		}
		c.Close()
	})
}
