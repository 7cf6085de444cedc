package bolt

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.etcd.io/bbolt"

	"github.com/perch-chat/perch/store"
)

// A function of a batch scans backwards over the pages that the functions
// before it emptied, which bbolt puts in order only when the batch commits.
func TestScanBackOverEmptyPages(t *testing.T) {
	const n = 3000
	tests := []struct {
		name     string
		keep     func(i int) bool
		from, to int // 0: no bound
	}{
		{"all gone", func(int) bool { return false }, 0, 0},
		{"all gone, bounded", func(int) bool { return false }, 10, n - 10},
		{"the first stays", func(i int) bool { return i == 0 }, 0, 0},
		{"the last stays", func(i int) bool { return i == n-1 }, 0, 0},
		{"a gap", func(i int) bool { return i < 20 || i >= n-20 }, 0, 0},
		{"a gap under the bound", func(i int) bool { return i < 20 || i >= n-20 }, 5, n - 10},
		{"islands", func(i int) bool { return i%700 == 3 }, 0, 0},
		{"the beginning gone", func(i int) bool { return i > 2000 }, 0, 2100},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			db, err := bbolt.Open(filepath.Join(t.TempDir(), "db"), 0o600, &bbolt.Options{NoSync: true})
			if err != nil {
				t.Fatal(err)
			}
			defer func() {
				if err := db.Close(); err != nil {
					t.Error(err)
				}
			}()
			name := []byte("t")
			must := func(fn func(b *bbolt.Bucket) error) {
				t.Helper()
				err := db.Update(func(tx *bbolt.Tx) error {
					b, err := tx.CreateBucketIfNotExists(name)
					if err != nil {
						return err
					}
					return fn(b)
				})
				if err != nil {
					t.Fatal(err)
				}
			}
			must(func(b *bbolt.Bucket) error {
				for i := range n {
					if err := b.Put(store.Key(i), []byte(`"some value"`)); err != nil {
						return err
					}
				}
				return nil
			})
			r := store.Range{Reverse: true}
			if tt.from > 0 {
				r.From = store.Key(tt.from)
			}
			if tt.to > 0 {
				r.To = store.Key(tt.to)
			}
			var want, got []string
			for i := n - 1; i >= 0; i-- {
				if tt.keep(i) && i >= tt.from && (tt.to == 0 || i < tt.to) {
					want = append(want, string(store.Key(i)))
				}
			}
			done := make(chan struct{})
			go func() {
				defer close(done)
				must(func(b *bbolt.Bucket) error {
					for i := range n {
						if !tt.keep(i) {
							if err := b.Delete(store.Key(i)); err != nil {
								return err
							}
						}
					}
					c := cursor{c: b.Cursor(), r: r}
					for k, _ := c.first(); k != nil; k, _ = c.next(k) {
						got = append(got, string(k))
					}
					return nil
				})
			}()
			select {
			case <-done:
			case <-time.After(20 * time.Second):
				t.Fatal("the scan never ends")
			}
			if d := cmp.Diff(want, got); d != "" {
				t.Error(d)
			}
		})
	}
}
