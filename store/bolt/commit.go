package bolt

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"syscall"
	"time"

	bolt "go.etcd.io/bbolt"

	"github.com/perch-chat/perch/store"
)

// A batch ends at these sizes, so that neither its memory nor the wait of its
// first member grows without bound.
const (
	maxBatch      = 1024
	maxBatchBytes = 8 << 20
)

// batch is the bbolt transaction that the updates of one commit share. Each
// function runs on the goroutine that called Update, over its own overlay; a
// function that fails has left nothing behind but its overlay. The goroutine
// whose function ends passes the turn to the next that waits, and commits when
// nobody does.
type batch struct {
	t       *bolt.Tx
	buckets map[string]*bolt.Bucket
	members []*waiter // their functions have returned; they wait for the commit
	kept    int       // functions that returned nil
	turns   int
	bytes   int
	dirty   bool
	broken  error // why the batch must not be kept
	stuck   bool  // the transaction could not even be ended
}

// fill is how full a page stays that is split. Most keys begin with a time, so
// what comes goes to the end, and a half empty page would stay so.
const fill = 0.9

// putOffAgain is how long what may wait is put off after a batch that it came
// too late for.
const putOffAgain = time.Millisecond

type signal int

const (
	yourTurn signal = iota + 1
	committed
)

// waiter is one call of Update.
type waiter struct {
	ch  chan signal // holds one signal, so that giving it never blocks
	err error       // of the commit; read after committed
}

// Update implements [store.Store].
func (s *Store) Update(ctx context.Context, fn func(store.Tx) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := s.calls.Begin(); err != nil {
		return err
	}
	defer s.calls.End()
	w := &waiter{ch: make(chan signal, 1)}
	mine, err := s.join(w, store.Hurry(ctx))
	if err != nil {
		return err
	}
	if !mine {
		select {
		case <-w.ch:
		case <-ctx.Done():
			if s.giveUp(w) {
				return ctx.Err()
			}
			<-w.ch // the turn came at the same moment
		}
	}
	return s.takeTurn(ctx, w, fn)
}

// join takes the turn if it is free, or queues for it. What may be put off
// neither begins a batch nor is waited for at its end, unless later has passed.
func (s *Store) join(w *waiter, later time.Duration) (mine bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.failed != nil {
		return false, s.failed
	}
	if later > 0 {
		s.putOff = append(s.putOff, w)
		s.rouse(later)
		return false, nil
	}
	if !s.busy {
		s.busy = true
		return true, nil
	}
	s.queue = append(s.queue, w)
	return false, nil
}

// giveUp leaves the queue. It reports false if the turn was given already.
func (s *Store) giveUp(w *waiter) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, q := range []*[]*waiter{&s.queue, &s.putOff} {
		if i := slices.Index(*q, w); i >= 0 {
			*q = slices.Delete(*q, i, i+1)
			return true
		}
	}
	return false
}

// rouse has what is put off begin a batch of its own in a while, if no other
// has taken it along by then. The caller holds mu.
func (s *Store) rouse(in time.Duration) {
	if s.roused {
		return
	}
	s.roused = true
	time.AfterFunc(in, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.roused = false
		if s.busy || len(s.putOff) == 0 {
			return // whoever is busy takes it along
		}
		s.busy = true
		shift(&s.putOff).ch <- yourTurn
	})
}

// takeTurn runs fn, passes the turn on and waits for the commit. An error of
// fn waits for it too: fn may have failed because of what an earlier member
// wrote, which is not true before it is kept.
func (s *Store) takeTurn(ctx context.Context, w *waiter, fn func(store.Tx) error) error {
	t := &writeTx{}
	returned := false
	defer func() {
		if !returned { // a panic, or runtime.Goexit
			t.done = true
			s.pass(nil)
		}
	}()
	err := s.run(ctx, t, fn)
	returned = true
	if err == nil {
		s.batch.kept++
	}
	s.batch.members = append(s.batch.members, w)
	s.pass(w)
	if w.err != nil {
		return w.err
	}
	if err != nil {
		return err
	}
	for _, f := range t.onCommit {
		f()
	}
	return nil
}

// run runs fn over an overlay and, if it succeeds, puts the overlay into the batch.
func (s *Store) run(ctx context.Context, t *writeTx, fn func(store.Tx) error) error {
	b := &s.batch
	b.turns++
	switch {
	case s.failed != nil:
		return s.failed
	case b.broken != nil:
		return b.broken
	case ctx.Err() != nil:
		return ctx.Err()
	case b.t == nil:
		bt, err := s.db.Begin(true)
		if err != nil {
			return fmt.Errorf("update: %w", err)
		}
		b.t, b.buckets = bt, make(map[string]*bolt.Bucket, 8)
	}
	t.reader = reader{t: b.t, buckets: b.buckets, memo: &s.memo}
	err := fn(t)
	t.done = true
	if err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	b.broken = b.apply(&t.overlay)
	return b.broken
}

// apply writes the overlay. What bbolt would refuse was refused when it was
// put, so an error means trouble, and the batch, half written, must not stay.
func (b *batch) apply(o *overlay) error {
	for i := range o.tables {
		tab := &o.tables[i]
		if len(tab.entries) == 0 {
			continue
		}
		b.dirty = true
		b.bytes += tab.bytes
		bk := b.buckets[tab.name]
		if bk == nil {
			var err error
			if bk, err = b.t.CreateBucketIfNotExists([]byte(tab.name)); err != nil {
				return fmt.Errorf("update: table %s: %w", tab.name, err)
			}
			b.buckets[tab.name] = bk
		}
		bk.FillPercent = fill
		for _, e := range tab.entries {
			var err error
			if e.deleted {
				err = bk.Delete(e.key)
			} else {
				err = bk.Put(e.key, e.val)
			}
			if err != nil {
				return fmt.Errorf("update: table %s: %w", tab.name, err)
			}
		}
	}
	return nil
}

// pass gives the turn to the next that waits or, when nobody does or the batch
// is full, commits. It returns when the commit of w is done.
func (s *Store) pass(w *waiter) {
	b := &s.batch
	if b.turns < maxBatch && b.bytes < maxBatchBytes {
		next := s.next(false)
		if next == nil {
			// Nobody is waited for, but who could ask already gets to: a commit
			// costs more than what it is shared by.
			runtime.Gosched()
			next = s.next(true)
		}
		if next != nil {
			next.ch <- yourTurn
			if w != nil {
				<-w.ch
			}
			return
		}
	}
	s.commit(w)
}

// next takes who is to have the turn now. What is put off comes last, but it
// does come, however many ask.
func (s *Store) next(last bool) *waiter {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.batch.turns%16 == 0 {
		if w := shift(&s.putOff); w != nil {
			return w
		}
	}
	next := shift(&s.queue)
	if next == nil && last {
		next = shift(&s.putOff)
	}
	return next
}

// shift takes the first of a queue. The caller holds mu.
func shift(q *[]*waiter) *waiter {
	if len(*q) == 0 {
		return nil
	}
	first := (*q)[0]
	(*q)[0] = nil
	*q = (*q)[1:]
	return first
}

// commit ends the batch, tells its members and starts the next one. self is
// told by the error in it alone.
func (s *Store) commit(self *waiter) {
	start := time.Now()
	err := s.batch.end()
	took := time.Since(start)
	members := s.batch.members
	for _, w := range members {
		w.err = err
		if w != self {
			w.ch <- committed
		}
	}

	s.mu.Lock()
	if b := &s.batch; b.dirty {
		s.stats.LastCommit = took
		if err == nil {
			s.stats.Commits++
			s.stats.Updates += int64(b.kept)
			s.stats.LastBatch = b.kept
			s.stats.LargestBatch = max(s.stats.LargestBatch, b.kept)
		} else {
			s.stats.Failures++
		}
	}
	if errors.Is(err, store.ErrFailed) {
		s.failed = err
	}
	s.stuck = s.batch.stuck
	clear(members)
	s.batch = batch{members: members[:0]}
	next := shift(&s.queue)
	if next == nil {
		s.busy = false
		if len(s.putOff) > 0 { // came during the commit
			s.rouse(putOffAgain)
		}
	}
	s.mu.Unlock()
	if next != nil {
		next.ch <- yourTurn
	}
}

// end commits the bbolt transaction, or drops it if nothing was written.
func (b *batch) end() (err error) {
	if b.t == nil {
		return nil
	}
	if !b.dirty || b.broken != nil {
		_ = b.t.Rollback() // it cannot fail: the transaction is open
		return b.broken
	}
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("commit: %w: %w: %v", store.ErrFailed, store.ErrDamaged, p)
			func() {
				defer func() { b.stuck = recover() != nil }()
				_ = b.t.Rollback() // the lock it releases is all that is hoped for
			}()
		}
	}()
	return commitError(b.t.Commit())
}

// commitError tells the failures that kept nothing, after which the store goes
// on, from those after which nobody knows what the disk has: once a flush has
// failed the kernel may have dropped what it could not write, so that a later
// flush proves nothing.
func commitError(err error) error {
	if err == nil {
		return nil
	}
	var path *fs.PathError
	full := errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) || errors.Is(err, syscall.EFBIG)
	if errors.As(err, &path) && full || strings.HasPrefix(err.Error(), "file resize error") {
		return fmt.Errorf("commit: %w: free some disk space: %w", store.ErrFull, err)
	}
	return fmt.Errorf("commit: %w: %w", store.ErrFailed, err)
}
