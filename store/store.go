// Package store defines the transactional, ordered key-value storage that
// every other package keeps its state in, and [Table], a typed layer with
// secondary indexes over it.
//
// The driver contract is deliberately small so that each driver is easy to
// write and easy to check: package storetest runs one suite over all of them.
// The package never touches the network or the disk; drivers do.
package store

import (
	"context"
	"errors"
	"iter"
)

var (
	// ErrNotFound is returned when a key has no value.
	ErrNotFound = errors.New("store: not found")

	// ErrReadOnly is returned by mutations inside [Store.View].
	ErrReadOnly = errors.New("store: read-only transaction")

	// ErrExists is returned when a unique index already has the key for another record.
	ErrExists = errors.New("store: already exists")

	// ErrClosed is returned by a store that was closed.
	ErrClosed = errors.New("store: closed")
)

// Store is a transactional key-value store. Its methods are safe for
// concurrent use.
type Store interface {
	// View runs fn in a read-only transaction over one consistent snapshot.
	// It must be short: a long one keeps old pages alive.
	View(ctx context.Context, fn func(Tx) error) error

	// Update runs fn in a serializable read-write transaction, which is
	// committed, durably, if and only if fn returns nil. When Update returns
	// nil the change survives a crash of the process and of the machine.
	//
	// A driver may call fn more than once, so fn must have no effect outside
	// of tx but through [Tx.OnCommit]. To reach the outside world, add an
	// action to the outbox. Calling Update inside fn deadlocks.
	Update(ctx context.Context, fn func(Tx) error) error

	// Close releases the store. It waits for running transactions. It may be
	// called twice.
	Close() error
}

// Tx is a transaction. It must not be used after its function returns, nor by
// two goroutines at once.
type Tx interface {
	// Get returns a copy of the value at key, or ErrNotFound.
	Get(table string, key []byte) ([]byte, error)

	// Put sets the value at key. The value is one JSON document; a driver may
	// change its spacing and the order of its keys. Keys are 1 to 1024 bytes.
	Put(table string, key, val []byte) error

	// Delete removes key. Deleting a missing key is not an error.
	Delete(table string, key []byte) error

	// Scan yields the pairs of r in bytewise key order. What the transaction
	// itself wrote before Scan was called is seen; the table must not be
	// changed while the loop runs.
	Scan(table string, r Range) iter.Seq2[Pair, error]

	// OnCommit calls fn once, on the goroutine that called Update, after the
	// transaction was committed. It is for waking workers: what must happen
	// belongs into the transaction. In a View it does nothing.
	OnCommit(fn func())
}

// Pair is one key and its value.
type Pair struct{ Key, Val []byte }

// Range is a part of a table. The zero Range is all of it.
type Range struct {
	From    []byte // the first key; nil means from the start
	To      []byte // the first key that is no longer in it; nil means to the end
	Reverse bool   // from the end to the start
	Limit   int    // how many pairs at most; 0 means all
}
