package bolt_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/perch-chat/perch/store"
	"github.com/perch-chat/perch/store/bolt"
)

// A backup made while others write is one state: two tables that every update
// keeps equal are equal in it.
func TestBackupHot(t *testing.T) {
	s := mustOpen(t, filepath.Join(t.TempDir(), "db"))
	defer mustClose(t, s)
	ctx, stop := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	for w := range 4 {
		wg.Go(func() {
			for i := 0; ctx.Err() == nil; i++ {
				err := s.Update(ctx, func(tx store.Tx) error {
					doc := fmt.Appendf(nil, "%q", strings.Repeat("x", i%2000))
					return errors.Join(tx.Put("a", store.Key(w, i%500), doc), tx.Put("b", store.Key(w, i%500), doc))
				})
				if err != nil && ctx.Err() == nil {
					t.Error(err)
				}
			}
		})
	}
	for i := range 5 {
		path := filepath.Join(t.TempDir(), "backup")
		for s.Stats().Updates < int64(100*(i+1)) {
			runtime.Gosched()
		}
		var last, total int64
		if err := s.BackupFile(t.Context(), path, func(d, n int64) { last, total = d, n }); err != nil {
			t.Fatal(err)
		}
		if last != total || total == 0 {
			t.Errorf("progress ended at %d of %d", last, total)
		}
		if err := bolt.Check(t.Context(), path, nil); err != nil {
			t.Errorf("backup %d: %v", i, err)
		}
		b := mustOpen(t, path)
		if err := b.View(t.Context(), func(tx store.Tx) error {
			as, err1 := store.Collect(tx.Scan("a", store.Range{}))
			bs, err2 := store.Collect(tx.Scan("b", store.Range{}))
			if len(as) != len(bs) {
				t.Errorf("backup %d: %d and %d pairs", i, len(as), len(bs))
				return nil
			}
			for j := range as {
				if !bytes.Equal(as[j].Key, bs[j].Key) || !bytes.Equal(as[j].Val, bs[j].Val) {
					t.Errorf("backup %d: pair %d differs", i, j)
				}
			}
			return errors.Join(err1, err2)
		}); err != nil {
			t.Fatal(err)
		}
		mustClose(t, b)
	}
	stop()
	wg.Wait()
}

func TestBackupRefuses(t *testing.T) {
	s := mustOpen(t, newFile(t))
	path := filepath.Join(t.TempDir(), "backup")
	if err := os.WriteFile(path, []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := s.BackupFile(t.Context(), path, nil); !errors.Is(err, bolt.ErrFileExists) {
		t.Errorf("BackupFile over a file = %v, want ErrFileExists", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	dir := t.TempDir()
	if err := s.BackupFile(ctx, filepath.Join(dir, "b"), nil); !errors.Is(err, context.Canceled) {
		t.Errorf("BackupFile = %v, want context.Canceled", err)
	}
	if left, err := os.ReadDir(dir); len(left) > 0 || err != nil {
		t.Errorf("a backup that broke off left %v, %v", left, err)
	}
	mustClose(t, s)
	if err := s.Backup(t.Context(), &bytes.Buffer{}, nil); !errors.Is(err, store.ErrClosed) {
		t.Errorf("Backup of a closed store = %v, want ErrClosed", err)
	}
}

func TestRestore(t *testing.T) {
	backup := backupOf(t, newFile(t))
	path := filepath.Join(t.TempDir(), "db")
	restore := func(force bool) error { return bolt.Restore(t.Context(), backup, path, force, nil) }
	count := func(p string) int {
		s := mustOpen(t, p)
		defer mustClose(t, s)
		n, err := readAll(t, s)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	if err := restore(false); err != nil {
		t.Fatal(err)
	}
	want := count(backup)
	if got := count(path); got != want || want < 700 {
		t.Errorf("restored %d pairs, want %d", got, want)
	}

	s := mustOpen(t, path)
	if err := s.Update(t.Context(), func(tx store.Tx) error { return tx.Put("more", []byte("k"), []byte(`1`)) }); err != nil {
		t.Fatal(err)
	}
	for _, force := range []bool{false, true} {
		if err := restore(force); !errors.Is(err, store.ErrInUse) {
			t.Errorf("Restore over a store in use (force %v) = %v, want ErrInUse", force, err)
		}
	}
	mustClose(t, s)
	if err := restore(false); !errors.Is(err, bolt.ErrFileExists) {
		t.Errorf("Restore over a store = %v, want ErrFileExists", err)
	}
	if got := count(path); got != want+1 {
		t.Errorf("a refused restore left %d pairs, want %d", got, want+1)
	}
	if err := restore(true); err != nil {
		t.Fatal(err)
	}
	if got, old := count(path), count(path+".before-restore"); got != want || old != want+1 {
		t.Errorf("after a forced restore there are %d pairs, and %d put aside; want %d and %d", got, old, want, want+1)
	}

	// A bad backup changes nothing.
	if err := os.Truncate(backup, 9000); err != nil {
		t.Fatal(err)
	}
	if err := restore(true); !errors.Is(err, store.ErrDamaged) {
		t.Errorf("Restore of a bad backup = %v, want ErrDamaged", err)
	}
	if got := count(path); got != want {
		t.Errorf("a bad backup left %d pairs, want %d", got, want)
	}
	// It is what saves a store that was lost.
	if err := os.Truncate(path, 0); err != nil {
		t.Fatal(err)
	}
	if err := bolt.Restore(t.Context(), path+".before-restore", path, true, nil); err != nil {
		t.Fatal(err)
	}
	if got := count(path); got != want+1 {
		t.Errorf("restored %d pairs, want %d", got, want+1)
	}
}
