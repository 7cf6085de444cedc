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
	"fmt"
	"iter"
	"time"
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

	// ErrTxDone is returned by a transaction that is used after its function returned.
	ErrTxDone = errors.New("store: transaction used after its end")

	// ErrFull is returned when there is no room to keep a change. Nothing of it
	// was kept, the store goes on, and it takes changes again once there is room.
	ErrFull = errors.New("store: no space left")

	// ErrInUse is returned when another process has the store to itself.
	ErrInUse = errors.New("store: in use by another process")

	// ErrFailed is returned by a store that can no longer promise that what it
	// writes is kept, such as after a failed flush: the process must be restarted.
	ErrFailed = errors.New("store: failed, restart the program")

	// ErrDamaged is returned for a store whose data is not as it was written.
	ErrDamaged = errors.New("store: damaged")

	// ErrBusy is returned when a transaction lost against others too often.
	ErrBusy = errors.New("store: too many conflicting transactions")

	// ErrUncertain is returned when the connection was lost during a commit, so
	// that nobody knows if the change was kept. What is deduplicated by its own
	// keys may simply be done again.
	ErrUncertain = errors.New("store: it is not known if the change was kept")

	// ErrNewer is returned for data that a newer program wrote.
	ErrNewer = errors.New("store: written by a newer program")
)

// Store is a transactional key-value store. Its methods are safe for
// concurrent use.
type Store interface {
	// View runs fn in a read-only transaction over one consistent snapshot.
	// It must be short: a long one keeps old pages alive.
	View(ctx context.Context, fn func(Tx) error) error

	// Update runs fn in a serializable read-write transaction, which is
	// committed, durably, if and only if fn returns nil and ctx was not
	// cancelled by then. When Update returns nil the change survives a crash
	// of the process and of the machine.
	//
	// fn runs on the calling goroutine. A driver may call it more than once,
	// so fn must have no effect outside of tx but through [Tx.OnCommit]. To
	// reach the outside world, add an action to the outbox. Calling Update
	// inside fn, or inside the function of a View, deadlocks.
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
	// change its spacing, the order of its keys and the form of its numbers,
	// and may replace what is not Unicode text (zero characters, lone
	// surrogates, broken UTF-8) by U+FFFD. What is not JSON is refused, though
	// perhaps only by a later call or by the commit. Neither slice is kept.
	// See [Check] for the limits of keys and values.
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

// Lister is offered by the transactions of drivers that can tell which tables
// hold anything, in the order of their names. [Dump] needs it.
type Lister interface{ Tables() ([]string, error) }

// Clock is offered by the transactions of drivers whose store has a clock that
// all its users share. [AcquireLease] prefers it to the machine's own.
type Clock interface{ Now() (time.Time, error) }

// Reporter is offered by stores that count what they do.
type Reporter interface{ Stats() Stats }

// Stats is what a store did since it was opened.
type Stats struct {
	Updates      int64         // functions that Update ran to a nil error and kept
	Commits      int64         // commits, each of which keeps one or more updates
	Failures     int64         // commits that failed
	Retries      int64         // functions run again because of a conflict
	Waiting      int           // updates that wait for their turn now
	LastBatch    int           // updates in the last commit
	LargestBatch int           // updates in the largest commit
	LastCommit   time.Duration // how long the last commit took, flushes included
	Size         int64         // bytes the store takes; 0 when not known
}

const (
	// MaxKey is the length of the longest key.
	MaxKey = 1024

	// MaxTable is the length of the longest table name.
	MaxTable = 255

	// MaxValue is the size of the largest value.
	MaxValue = 64 << 20
)

// Check refuses what no driver may keep: a table without a name, a key that is
// empty or longer than MaxKey, a value over MaxValue. It is for drivers.
func Check(table string, key, val []byte) error {
	switch {
	case table == "" || len(table) > MaxTable:
		return fmt.Errorf("store: table name of %d bytes: want 1 to %d", len(table), MaxTable)
	case len(key) == 0 || len(key) > MaxKey:
		return fmt.Errorf("store: key of %d bytes in table %s: want 1 to %d", len(key), table, MaxKey)
	case len(val) > MaxValue:
		return fmt.Errorf("store: value of %d bytes in table %s: want at most %d", len(val), table, MaxValue)
	}
	return nil
}

type unhurriedKey struct{}

// Unhurried returns a context for an [Store.Update] that nobody waits for: it
// may be put off by up to d, to be kept together with what others write
// meanwhile. A driver need not heed it.
func Unhurried(ctx context.Context, d time.Duration) context.Context {
	return context.WithValue(ctx, unhurriedKey{}, d)
}

// Hurry is how long an Update with ctx may be put off.
func Hurry(ctx context.Context) time.Duration {
	d, _ := ctx.Value(unhurriedKey{}).(time.Duration)
	return d
}
