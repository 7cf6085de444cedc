// Package benchtest is what benchmarks of different packages have in common:
// many producers, and the disk that results are compared with. It is for tests
// only, and never decides what is fast enough.
package benchtest

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// Produce shares b.N calls of fn among producers: fn is told which of them
// calls, and the how manieth call it is.
func Produce(b *testing.B, producers int, fn func(ctx context.Context, producer, i int) error) {
	b.Helper()
	var next atomic.Int64
	var wg sync.WaitGroup
	for p := range producers {
		wg.Go(func() {
			for {
				i := int(next.Add(1))
				if i > b.N {
					return
				}
				if err := fn(b.Context(), p, i); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
}

// Fsync is the median time of an append of 1 KiB and its fsync, on the disk
// where the benchmark's stores are.
func Fsync(b *testing.B) time.Duration {
	b.Helper()
	f, err := os.Create(filepath.Join(b.TempDir(), "raw"))
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	rec := make([]byte, 1<<10)
	times := make([]time.Duration, 101)
	for i := range times {
		began := time.Now()
		if _, err := f.Write(rec); err != nil {
			b.Fatal(err)
		}
		if err := f.Sync(); err != nil {
			b.Fatal(err)
		}
		times[i] = time.Since(began)
	}
	slices.Sort(times)
	return times[len(times)/2]
}
