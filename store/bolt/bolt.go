// Package bolt is the embedded [store.Store], one bbolt file.
package bolt

import (
	"bytes"
	"context"
	"fmt"
	"iter"
	"time"

	bolt "go.etcd.io/bbolt"

	"github.com/perch-chat/perch/store"
)

var _ store.Store = (*Store)(nil)

// Store is a [store.Store] in one file. Update calls run one at a time.
type Store struct{ db *bolt.DB }

// Open opens or creates the file at path.
func Open(path string) (*Store, error) {
	db, err := bolt.Open(path, 0o600, &bolt.Options{Timeout: time.Second})
	if err != nil {
		return nil, fmt.Errorf("open bolt store %s: %w", path, err)
	}
	return &Store{db: db}, nil
}

// View implements [store.Store].
func (s *Store) View(ctx context.Context, fn func(store.Tx) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	return s.db.View(func(t *bolt.Tx) error { return fn(tx{t}) })
}

// Update implements [store.Store].
func (s *Store) Update(ctx context.Context, fn func(store.Tx) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	return s.db.Update(func(t *bolt.Tx) error { return fn(tx{t}) })
}

// Close implements [store.Store].
func (s *Store) Close() error { return s.db.Close() }

type tx struct{ t *bolt.Tx }

func (t tx) Get(table string, key []byte) ([]byte, error) {
	b := t.t.Bucket([]byte(table))
	if b == nil {
		return nil, store.ErrNotFound
	}
	v := b.Get(key)
	if v == nil {
		return nil, store.ErrNotFound
	}
	return bytes.Clone(v), nil // bbolt's memory ends with the transaction
}

func (t tx) Put(table string, key, val []byte) error {
	if !t.t.Writable() {
		return store.ErrReadOnly
	}
	b, err := t.t.CreateBucketIfNotExists([]byte(table))
	if err != nil {
		return err
	}
	return b.Put(key, val)
}

func (t tx) Delete(table string, key []byte) error {
	if !t.t.Writable() {
		return store.ErrReadOnly
	}
	b := t.t.Bucket([]byte(table))
	if b == nil {
		return nil
	}
	return b.Delete(key)
}

func (t tx) Scan(table string, r store.Range) iter.Seq2[store.Pair, error] {
	return func(yield func(store.Pair, error) bool) {
		b := t.t.Bucket([]byte(table))
		if b == nil {
			return
		}
		c := b.Cursor()
		var k, v []byte
		switch {
		case !r.Reverse:
			k, v = c.Seek(r.From)
		case r.To == nil:
			k, v = c.Last()
		default:
			if k, v = c.Seek(r.To); k == nil {
				k, v = c.Last()
			}
			for k != nil && bytes.Compare(k, r.To) >= 0 {
				k, v = c.Prev()
			}
		}
		for n := 0; k != nil && (r.Limit == 0 || n < r.Limit); n++ {
			if bytes.Compare(k, r.From) < 0 || r.To != nil && bytes.Compare(k, r.To) >= 0 {
				return
			}
			if !yield(store.Pair{Key: bytes.Clone(k), Val: bytes.Clone(v)}, nil) {
				return
			}
			if r.Reverse {
				k, v = c.Prev()
			} else {
				k, v = c.Next()
			}
		}
	}
}

func (t tx) OnCommit(fn func()) {
	if t.t.Writable() {
		t.t.OnCommit(fn)
	}
}
