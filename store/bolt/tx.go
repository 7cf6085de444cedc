package bolt

import (
	"bytes"
	"encoding/json"
	"fmt"
	"iter"

	bolt "go.etcd.io/bbolt"

	"github.com/perch-chat/perch/store"
)

var (
	_ store.Lister = (*readTx)(nil)
	_ store.Lister = (*writeTx)(nil)
)

// validUpTo is the size up to which a value is checked to be JSON. Larger ones
// are taken as they are: the check would cost more than the write.
const validUpTo = 64 << 10

// reader reads what bbolt has.
type reader struct {
	t       *bolt.Tx
	buckets map[string]*bolt.Bucket // of a batch; nil in a View
	memo    *store.Memo
	done    bool
}

func (r *reader) bucket(table string) *bolt.Bucket {
	if b := r.buckets[table]; b != nil {
		return b
	}
	b := r.t.Bucket([]byte(table))
	if b != nil && r.buckets != nil {
		r.buckets[table] = b
	}
	return b
}

// Memo is the store's, see [store.Memo].
func (r *reader) Memo() *store.Memo { return r.memo }

func (r *reader) get(table string, key []byte) ([]byte, error) {
	b := r.bucket(table)
	if b == nil {
		return nil, store.ErrNotFound
	}
	v := b.Get(key)
	if v == nil {
		return nil, store.ErrNotFound
	}
	return bytes.Clone(v), nil // bbolt's memory ends with the transaction
}

// listTables names the tables that hold anything.
func (r *reader) listTables() ([]string, error) {
	if r.done {
		return nil, store.ErrTxDone
	}
	var names []string
	err := r.t.ForEach(func(name []byte, b *bolt.Bucket) error {
		if k, _ := b.Cursor().First(); k != nil {
			names = append(names, string(name))
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("list tables: %w", err)
	}
	return names, nil
}

// readTx is the transaction of a View.
type readTx struct{ reader }

func (t *readTx) Get(table string, key []byte) ([]byte, error) {
	if t.done {
		return nil, store.ErrTxDone
	}
	return t.get(table, key)
}

func (t *readTx) Put(string, []byte, []byte) error { return store.ErrReadOnly }

func (t *readTx) Delete(string, []byte) error { return store.ErrReadOnly }

func (t *readTx) OnCommit(func()) {}

func (t *readTx) Tables() ([]string, error) { return t.listTables() }

func (t *readTx) Scan(table string, r store.Range) iter.Seq2[store.Pair, error] {
	return func(yield func(store.Pair, error) bool) { t.scan(table, r, nil, yield) }
}

// writeTx is the transaction of one Update: bbolt's state with the function's
// own writes before it.
type writeTx struct {
	reader
	overlay  overlay
	onCommit []func()
	notes    [3]note
	noted    int // notes taken so far
}

// note is what a table asked to be reminded of.
type note struct {
	table    string
	key, val []byte
	known    any
}

// Note keeps what a [store.Table] knows of a value; the oldest note makes room.
func (t *writeTx) Note(table string, key, val []byte, known any) {
	t.notes[t.noted%len(t.notes)] = note{table: table, key: key, val: val, known: known}
	t.noted++
}

// Noted returns the newest note of a key.
func (t *writeTx) Noted(table string, key []byte) (val []byte, known any) {
	for i := t.noted - 1; i >= max(0, t.noted-len(t.notes)); i-- {
		if n := &t.notes[i%len(t.notes)]; n.table == table && bytes.Equal(n.key, key) {
			return n.val, n.known
		}
	}
	return nil, nil
}

func (t *writeTx) Get(table string, key []byte) ([]byte, error) {
	if t.done {
		return nil, store.ErrTxDone
	}
	if ot := t.overlay.table(table); ot != nil {
		if i, found := ot.find(key); found {
			e := ot.entries[i]
			if e.deleted {
				return nil, store.ErrNotFound
			}
			return bytes.Clone(e.val), nil
		}
	}
	return t.get(table, key)
}

func (t *writeTx) Put(table string, key, val []byte) error {
	if t.done {
		return store.ErrTxDone
	}
	if err := store.Check(table, key, val); err != nil {
		return err
	}
	if len(val) <= validUpTo && !json.Valid(val) {
		return fmt.Errorf("store: value of %s is not JSON", table)
	}
	mem := make([]byte, len(key)+len(val))
	n := copy(mem, key)
	copy(mem[n:], val)
	t.overlay.set(table, &entry{key: mem[:n:n], val: mem[n:]})
	return nil
}

// PutJSON is Put for a [store.Table], which has made the value itself and
// doesn't use it any more.
func (t *writeTx) PutJSON(table string, key, val []byte) error {
	if t.done {
		return store.ErrTxDone
	}
	if err := store.Check(table, key, val); err != nil {
		return err
	}
	t.overlay.set(table, &entry{key: bytes.Clone(key), val: val})
	return nil
}

func (t *writeTx) Delete(table string, key []byte) error {
	if t.done {
		return store.ErrTxDone
	}
	if err := store.Check(table, key, nil); err != nil {
		return err
	}
	t.overlay.set(table, &entry{key: bytes.Clone(key), deleted: true})
	return nil
}

func (t *writeTx) OnCommit(fn func()) { t.onCommit = append(t.onCommit, fn) }

// Tables implements [store.Lister]. What the function itself wrote is not in it yet.
func (t *writeTx) Tables() ([]string, error) { return t.listTables() }

func (t *writeTx) Scan(table string, r store.Range) iter.Seq2[store.Pair, error] {
	return func(yield func(store.Pair, error) bool) {
		t.scan(table, r, t.overlay.table(table).within(r.From, r.To), yield)
	}
}

// scan yields bbolt's pairs merged with over, whose entries win.
func (r *reader) scan(table string, rg store.Range, over []*entry, yield func(store.Pair, error) bool) {
	if r.done {
		yield(store.Pair{}, store.ErrTxDone)
		return
	}
	c := r.cursor(table, rg)
	k, v := c.first()
	for n := 0; rg.Limit <= 0 || n < rg.Limit; {
		e := head(over, rg.Reverse)
		var p store.Pair
		switch cmp := order(k, e, rg.Reverse); {
		case k == nil && e == nil:
			return
		case cmp < 0:
			p = store.Pair{Key: bytes.Clone(k), Val: bytes.Clone(v)}
			k, v = c.next(k)
		default:
			if cmp == 0 {
				k, v = c.next(k)
			}
			over = tail(over, rg.Reverse)
			if e.deleted {
				continue
			}
			p = store.Pair{Key: bytes.Clone(e.key), Val: bytes.Clone(e.val)}
		}
		n++
		if !yield(p, nil) {
			return
		}
		if r.done {
			yield(store.Pair{}, store.ErrTxDone)
			return
		}
	}
}

// order compares bbolt's key with the overlay's entry in the direction of the
// scan. One that is missing comes last.
func order(k []byte, e *entry, reverse bool) int {
	switch {
	case e == nil:
		return -1
	case k == nil:
		return 1
	case reverse:
		return bytes.Compare(e.key, k)
	default:
		return bytes.Compare(k, e.key)
	}
}

func head(es []*entry, reverse bool) *entry {
	switch {
	case len(es) == 0:
		return nil
	case reverse:
		return es[len(es)-1]
	default:
		return es[0]
	}
}

func tail(es []*entry, reverse bool) []*entry {
	if reverse {
		return es[:len(es)-1]
	}
	return es[1:]
}

// cursor walks bbolt's keys of a range in either direction.
type cursor struct {
	c *bolt.Cursor // nil when there is no such table
	r store.Range
}

func (r *reader) cursor(table string, rg store.Range) cursor {
	b := r.bucket(table)
	if b == nil {
		return cursor{}
	}
	return cursor{c: b.Cursor(), r: rg}
}

func (c cursor) first() (k, v []byte) {
	switch {
	case c.c == nil:
		return nil, nil
	case !c.r.Reverse && c.r.From == nil:
		return c.within(c.c.First())
	case !c.r.Reverse:
		return c.within(c.c.Seek(c.r.From))
	case c.r.To == nil:
		return c.within(c.last())
	}
	at, _ := c.c.Seek(c.r.To)
	if at == nil {
		return c.within(c.last()) // all keys are before To
	}
	return c.within(c.prev(at))
}

// last is bbolt's Last, which goes round for ever when the functions before
// this one in the batch deleted all there was on several pages.
func (c cursor) last() (k, v []byte) {
	if k, _ := c.c.First(); k == nil {
		return nil, nil
	}
	return c.c.Last()
}

// prev is bbolt's Prev, which takes a page on which everything was deleted in
// the batch for the beginning. The cursor stands at the key at.
func (c cursor) prev(at []byte) (k, v []byte) {
	for {
		if k, v = c.c.Prev(); k != nil {
			return k, v
		}
		if first, _ := c.c.Bucket().Cursor().First(); first == nil || bytes.Compare(first, at) >= 0 {
			return nil, nil
		}
	}
}

func (c cursor) next(at []byte) (k, v []byte) {
	switch {
	case c.c == nil:
		return nil, nil
	case c.r.Reverse:
		return c.within(c.prev(at))
	default:
		return c.within(c.c.Next())
	}
}

// within ends the walk at the range's other end.
func (c cursor) within(k, v []byte) (key, val []byte) {
	switch {
	case k == nil,
		!c.r.Reverse && c.r.To != nil && bytes.Compare(k, c.r.To) >= 0,
		c.r.Reverse && c.r.From != nil && bytes.Compare(k, c.r.From) < 0:
		return nil, nil
	}
	return k, v
}
