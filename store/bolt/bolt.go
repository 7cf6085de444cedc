// Package bolt is the embedded [store.Store]: one bbolt file, used by one
// process. Updates that wait while the disk flushes share the next flush, so
// that throughput grows with concurrency and a lone update waits for nobody.
//
// It never delays an update to find it company, never retries a function, and
// never opens a file that it can tell to be truncated or emptied.
package bolt

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"runtime/debug"
	"sync"
	"time"

	bolt "go.etcd.io/bbolt"
	berrors "go.etcd.io/bbolt/errors"

	"github.com/perch-chat/perch/store"
)

var (
	_ store.Store    = (*Store)(nil)
	_ store.Reporter = (*Store)(nil)
)

// lockWait is how long Open waits for another process to let go of the file,
// such as the one that a restart replaces.
const lockWait = 2 * time.Second

// Store is a [store.Store] in one file.
type Store struct {
	db    *bolt.DB
	path  string
	calls store.Calls

	mu     sync.Mutex
	failed error // why no update is taken any more; written with the turn
	stuck  bool  // a broken transaction holds bbolt's lock for ever

	memo store.Memo

	// The turn to write is with one goroutine at a time. It alone uses batch.
	busy   bool
	queue  []*waiter // who waits for the turn, oldest first
	putOff []*waiter // who may wait, see store.Unhurried; oldest first
	roused bool      // a timer runs for them
	batch  batch
	stats  store.Stats
}

// Open opens the file at path, and creates it if there never was one. A file
// that another process has open is refused with [store.ErrInUse], one that is
// less than what was written with [store.ErrDamaged].
func Open(path string) (*Store, error) {
	return open(path, &bolt.Options{
		Timeout:         lockWait,
		FreelistType:    bolt.FreelistMapType,
		InitialMmapSize: initialMap(),
	})
}

func open(path string, o *bolt.Options) (*Store, error) {
	if err := guard(path); err != nil {
		return nil, fmt.Errorf("open store %s: %w", path, err)
	}
	db, err := openFile(path, o)
	switch {
	case errors.Is(err, berrors.ErrTimeout):
		return nil, fmt.Errorf("open store %s: %w: stop the other one, or use another file", path, store.ErrInUse)
	case err != nil:
		return nil, fmt.Errorf("open store %s: %w", path, err)
	}
	if err := mark(path); err != nil {
		return nil, errors.Join(fmt.Errorf("open store %s: %w", path, err), db.Close())
	}
	return &Store{db: db, path: path}, nil
}

// openFile is bolt.Open that returns an error where that panics or faults on a
// damaged file.
func openFile(path string, o *bolt.Options) (db *bolt.DB, err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if p := recover(); p != nil {
			db, err = nil, fmt.Errorf("%w (%v): restore it from a backup", store.ErrDamaged, p)
		}
	}()
	return bolt.Open(path, 0o600, o)
}

// initialMap is the address space taken at once, so that a growing file rarely
// has to wait for readers to finish. It is not memory.
func initialMap() int {
	if runtime.GOOS == "windows" || ^uint(0)>>32 == 0 {
		return 0
	}
	return 1 << 30
}

// View implements [store.Store].
func (s *Store) View(ctx context.Context, fn func(store.Tx) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := s.calls.Begin(); err != nil {
		return err
	}
	defer s.calls.End()
	t, err := s.db.Begin(false)
	if err != nil {
		return fmt.Errorf("view: %w", err)
	}
	r := &readTx{reader: reader{t: t, memo: &s.memo}}
	defer func() {
		r.done = true
		_ = t.Rollback() // it cannot fail: the transaction is open
	}()
	return fn(r)
}

// Close implements [store.Store].
func (s *Store) Close() error {
	s.calls.Close()
	s.mu.Lock()
	stuck := s.stuck
	s.mu.Unlock()
	if stuck {
		return nil // the process must end anyway
	}
	if err := s.db.Close(); err != nil { // harmless when repeated
		return fmt.Errorf("close store %s: %w", s.path, err)
	}
	return nil
}

// Stats implements [store.Reporter].
func (s *Store) Stats() store.Stats {
	size := fileSize(s.path)
	s.mu.Lock()
	defer s.mu.Unlock()
	st := s.stats
	st.Waiting, st.Size = len(s.queue)+len(s.putOff), size
	return st
}
