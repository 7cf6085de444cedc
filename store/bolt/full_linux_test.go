package bolt_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"testing"

	"github.com/perch-chat/perch/store"
	"github.com/perch-chat/perch/store/bolt"
)

// A full disk fails the updates that it has no room for, with an error that
// says so; nothing else is lost, and the store goes on once there is room.
func TestDiskFull(t *testing.T) {
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=6m"); err != nil {
		t.Skipf("a small file system cannot be mounted here: %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, 0); err != nil {
			t.Error(err)
		}
	})
	ballast := filepath.Join(dir, "ballast")
	if err := os.WriteFile(ballast, make([]byte, 2<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "db")
	s := mustOpen(t, path)
	doc := fmt.Appendf(nil, "%q", bytes.Repeat([]byte("x"), 20_000))
	var mu sync.Mutex
	kept, refused := map[int]bool{}, 0
	var wg sync.WaitGroup
	for w := range 4 {
		wg.Go(func() {
			for i := range 200 {
				n := w*1000 + i
				err := s.Update(t.Context(), func(tx store.Tx) error { return tx.Put("t", store.Key(n), doc) })
				mu.Lock()
				switch {
				case err == nil:
					kept[n] = true
				case errors.Is(err, store.ErrFull):
					refused++
				default:
					t.Errorf("Update = %v, want ErrFull", err)
				}
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	if len(kept) == 0 || refused == 0 {
		t.Fatalf("%d kept and %d refused: want some of both", len(kept), refused)
	}
	if n, err := readAll(t, s); n != len(kept) || err != nil {
		t.Errorf("a full store has %d pairs, %v; want %d", n, err, len(kept))
	}
	if st := s.Stats(); st.Failures == 0 {
		t.Errorf("stats %+v tell of no failure", st)
	}
	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	if err := s.Update(t.Context(), func(tx store.Tx) error { return tx.Put("t", store.Key(9999), doc) }); err != nil {
		t.Errorf("Update once there is room = %v", err)
	}
	mustClose(t, s)
	if err := bolt.Check(t.Context(), path, nil); err != nil {
		t.Error(err)
	}
	s = mustOpen(t, path)
	if n, err := readAll(t, s); n != len(kept)+1 || err != nil {
		t.Errorf("opened again there are %d pairs, %v; want %d", n, err, len(kept)+1)
	}
	mustClose(t, s)
}
