package bolt

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"testing"

	bolt "go.etcd.io/bbolt"

	"github.com/perch-chat/perch/store"
)

func TestCommitError(t *testing.T) {
	write := func(err error) error { return &fs.PathError{Op: "write", Path: "db", Err: err} }
	for _, tt := range []struct {
		err, want error
	}{
		{nil, nil},
		{write(syscall.ENOSPC), store.ErrFull},
		{write(syscall.EDQUOT), store.ErrFull},
		{write(syscall.EFBIG), store.ErrFull},
		{fmt.Errorf("file resize error: %w", syscall.ENOSPC), store.ErrFull},
		{write(syscall.EIO), store.ErrFailed},
		{syscall.EIO, store.ErrFailed},    // of a flush
		{syscall.ENOSPC, store.ErrFailed}, // of a flush: who knows what is on disk
		{fmt.Errorf("file sync error: %w", syscall.EIO), store.ErrFailed},
		{errors.New("anything else"), store.ErrFailed},
	} {
		if got := commitError(tt.err); !errors.Is(got, tt.want) {
			t.Errorf("commitError(%v) = %v, want %v", tt.err, got, tt.want)
		}
	}
}

// openOn opens a new store and returns the file it is in, for tests that do
// something to that.
func openOn(t *testing.T) (s *Store, file *os.File) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "db")
	s, err := open(path, &bolt.Options{OpenFile: func(name string, flag int, mode os.FileMode) (f *os.File, err error) {
		file, err = os.OpenFile(name, flag, mode)
		return file, err
	}})
	if err != nil {
		t.Fatal(err)
	}
	return s, file
}

// After a write that failed for another reason than room, nobody knows what
// the disk has. The store takes no more updates and says so; what waits is
// answered, reading goes on, and it can be closed.
func TestFailStop(t *testing.T) {
	s, file := openOn(t)
	write := func(key string) error {
		return s.Update(t.Context(), func(tx store.Tx) error { return tx.Put("t", []byte(key), []byte(`1`)) })
	}
	if err := write("before"); err != nil {
		t.Fatal(err)
	}
	if err := file.Close(); err != nil { // the disk is gone
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for i := range 20 {
		wg.Go(func() {
			if err := write(fmt.Sprint(i)); !errors.Is(err, store.ErrFailed) {
				t.Errorf("Update %d = %v, want ErrFailed", i, err)
			}
		})
	}
	wg.Wait()
	if err := s.View(t.Context(), func(tx store.Tx) error {
		_, err := tx.Get("t", []byte("before"))
		return err
	}); err != nil {
		t.Errorf("View = %v, want it to go on", err)
	}
	_ = s.Close() // the file cannot be closed twice; it must return, that is all
	if err := write("after"); !errors.Is(err, store.ErrClosed) {
		t.Errorf("Update after Close = %v, want ErrClosed", err)
	}
}

// A commit is on disk when it returns. No test can pull the plug, so this one
// looks whether anybody touched the switches.
func TestCommitsAreFlushed(t *testing.T) {
	s, err := Open(filepath.Join(t.TempDir(), "db"))
	if err != nil {
		t.Fatal(err)
	}
	if s.db.NoSync || s.db.NoGrowSync || s.db.NoFreelistSync {
		t.Errorf("NoSync %v, NoGrowSync %v, NoFreelistSync %v", s.db.NoSync, s.db.NoGrowSync, s.db.NoFreelistSync)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

// A batch ends when it is large, so that its first member does not wait for
// an endless stream of others.
func TestBatchIsBounded(t *testing.T) {
	s, err := Open(filepath.Join(t.TempDir(), "db"))
	if err != nil {
		t.Fatal(err)
	}
	inside, release := make(chan struct{}), make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := s.Update(t.Context(), func(store.Tx) error {
			close(inside)
			<-release
			return nil
		}); err != nil {
			t.Error(err)
		}
	})
	<-inside
	const n = maxBatch + 100
	for i := range n {
		wg.Go(func() {
			if err := s.Update(t.Context(), func(tx store.Tx) error { return tx.Put("t", store.Key(i), []byte(`1`)) }); err != nil {
				t.Error(err)
			}
		})
	}
	for s.Stats().Waiting < n {
		// all of them queue behind the first
	}
	close(release)
	wg.Wait()
	st := s.Stats()
	if st.Commits < 2 || st.Commits > 10 || st.LargestBatch > maxBatch || st.Updates < n {
		t.Errorf("%d updates took %d commits of up to %d, want few of at most %d", st.Updates, st.Commits, st.LargestBatch, maxBatch)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}
