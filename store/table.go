package store

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
)

// Table is a typed view of one table, kept as JSON documents. It is a value
// without state: declare one per record type and use it from any goroutine.
type Table[T any] struct {
	// Name of the table. Index entries live in tables named Name + "." + index.
	Name string

	// Key is the primary key of a record.
	Key func(T) []byte

	// Indexes are kept current by Put and Delete.
	Indexes []Index[T]

	// Version of the record's form, written with each record; 0 is the first.
	Version int

	// Frozen promises that nobody changes what a record refers to (a slice, a
	// map, a pointer's target) in place, neither what was put nor what was read:
	// both may then be handed out again, instead of being decoded again.
	Frozen bool

	// Upgrade turns a record of an older version into the current form. It is
	// needed once Version is over 0.
	Upgrade func(version int, rec json.RawMessage) (json.RawMessage, error)
}

// Index is a secondary order of a table's records.
type Index[T any] struct {
	Name string

	// Keys are the record's places in the index; none leaves it out.
	Keys func(T) [][]byte

	// Unique refuses, with ErrExists, a second record at the same key.
	Unique bool
}

type envelope struct {
	Version int             `json:"v,omitempty"`
	Rec     json.RawMessage `json:"r"`
}

type indexEntry struct {
	Key []byte `json:"k"` // the primary key
}

func (t Table[T]) indexTable(ix Index[T]) string { return t.Name + "." + ix.Name }

// indexKey is where a record stands in the index: unique places are the key
// alone, others are told apart by the primary key behind it.
func indexKey[T any](ix Index[T], at, pk []byte) []byte {
	if ix.Unique {
		return at
	}
	return append(append(append([]byte(nil), at...), 0, 0), pk...)
}

// Get returns the record at key, or ErrNotFound.
func (t Table[T]) Get(tx Tx, key []byte) (T, error) {
	val, err := tx.Get(t.Name, key)
	if err != nil {
		var zero T
		return zero, fmt.Errorf("get %s: %w", t.Name, err)
	}
	m := t.memo(tx)
	if m != nil {
		if known, ok := m.recall(t.Name, key, val); ok {
			if rec, ok := known.(T); ok {
				t.note(tx, key, val, rec)
				return rec, nil
			}
		}
	}
	rec, err := t.decode(val)
	if err == nil {
		t.note(tx, key, val, rec)
		if m != nil {
			m.keep(t.Name, key, val, rec)
		}
	}
	return rec, err
}

// Find is Get that answers "is there one" without an error for "no".
func (t Table[T]) Find(tx Tx, key []byte) (rec T, ok bool, err error) {
	rec, err = t.Get(tx, key)
	if errors.Is(err, ErrNotFound) {
		return rec, false, nil
	}
	return rec, err == nil, err
}

func (t Table[T]) decode(val []byte) (T, error) {
	var rec T
	// The form that encode writes is known well enough to be read in one pass.
	if inner, ok := bytes.CutPrefix(val, t.envelopeHead()); ok && len(inner) > 0 {
		if json.Unmarshal(inner[:len(inner)-1], &rec) == nil {
			return rec, nil
		}
		var zero T
		rec = zero
	}
	var env envelope
	if err := json.Unmarshal(val, &env); err != nil {
		return rec, fmt.Errorf("decode %s: %w", t.Name, err)
	}
	if env.Version > t.Version {
		return rec, fmt.Errorf("decode %s: the record has version %d, this program knows up to %d: %w", t.Name, env.Version, t.Version, ErrNewer)
	}
	if env.Version < t.Version {
		if t.Upgrade == nil {
			return rec, fmt.Errorf("decode %s: the record has version %d and there is no upgrade to %d", t.Name, env.Version, t.Version)
		}
		up, err := t.Upgrade(env.Version, env.Rec)
		if err != nil {
			return rec, fmt.Errorf("upgrade %s from version %d: %w", t.Name, env.Version, err)
		}
		env.Rec = up
	}
	if err := json.Unmarshal(env.Rec, &rec); err != nil {
		return rec, fmt.Errorf("decode %s: %w", t.Name, err)
	}
	return rec, nil
}

// envelopeHead is what stands before a record of the current version.
func (t Table[T]) envelopeHead() []byte {
	if t.Version == 0 {
		return []byte(`{"r":`)
	}
	return fmt.Appendf(nil, `{"v":%d,"r":`, t.Version)
}

// encode is json.Marshal of an envelope without a second look at the record.
func (t Table[T]) encode(rec T) ([]byte, error) {
	raw, err := json.Marshal(rec)
	if err != nil {
		return nil, fmt.Errorf("put %s: encode: %w", t.Name, err)
	}
	head := t.envelopeHead()
	val := make([]byte, 0, len(head)+len(raw)+1)
	return append(append(append(val, head...), raw...), '}'), nil
}

// Put writes rec and its index entries, replacing the record with the same key.
func (t Table[T]) Put(tx Tx, rec T) error {
	pk := t.Key(rec)
	if len(t.Indexes) > 0 {
		was, _, err := t.stored(tx, pk)
		if err != nil {
			return err
		}
		if err := t.reindex(tx, pk, was, t.places(rec)); err != nil {
			return err
		}
	}
	val, err := t.encode(rec)
	if err != nil {
		return err
	}
	if err := t.put(tx, pk, val); err != nil {
		return err
	}
	if m := t.memo(tx); m != nil {
		m.keep(t.Name, pk, val, rec)
	}
	return nil
}

// Delete removes the record at key and its index entries. A missing one is not an error.
func (t Table[T]) Delete(tx Tx, key []byte) error {
	if len(t.Indexes) > 0 {
		was, ok, err := t.stored(tx, key)
		if err != nil || !ok {
			return err
		}
		if err := t.reindex(tx, key, was, nil); err != nil {
			return err
		}
	}
	if err := tx.Delete(t.Name, key); err != nil {
		return fmt.Errorf("delete %s: %w", t.Name, err)
	}
	return nil
}

// reindex brings the index entries of one record from its old places to its
// new ones; either is nil for none. It looks for taken places first, so that
// ErrExists leaves nothing half done behind for a caller that goes on.
func (t Table[T]) reindex(tx Tx, pk []byte, old, rec places) error {
	at := func(p places, i int) [][]byte {
		if p == nil {
			return nil
		}
		return p[i]
	}
	for i, ix := range t.Indexes {
		if err := t.checkFree(tx, ix, at(old, i), at(rec, i), pk); err != nil {
			return err
		}
	}
	for i, ix := range t.Indexes {
		was, now := at(old, i), at(rec, i)
		for _, place := range was {
			if !contains(now, place) {
				if err := tx.Delete(t.indexTable(ix), indexKey(ix, place, pk)); err != nil {
					return fmt.Errorf("index %s.%s: %w", t.Name, ix.Name, err)
				}
			}
		}
		for _, place := range now {
			if contains(was, place) {
				continue
			}
			if err := t.addEntry(tx, ix, place, pk); err != nil {
				return err
			}
		}
	}
	return nil
}

// checkFree returns ErrExists if a unique place, and not one that it had
// before, is another record's.
func (t Table[T]) checkFree(tx Tx, ix Index[T], was, now [][]byte, pk []byte) error {
	if !ix.Unique {
		return nil
	}
	for _, place := range now {
		if contains(was, place) {
			continue
		}
		val, err := tx.Get(t.indexTable(ix), place)
		if errors.Is(err, ErrNotFound) {
			continue
		}
		if err != nil {
			return fmt.Errorf("index %s.%s: %w", t.Name, ix.Name, err)
		}
		var e indexEntry
		if err := json.Unmarshal(val, &e); err != nil {
			return fmt.Errorf("index %s.%s: decode: %w", t.Name, ix.Name, err)
		}
		if !bytes.Equal(e.Key, pk) {
			return fmt.Errorf("index %s.%s: %w", t.Name, ix.Name, ErrExists)
		}
	}
	return nil
}

func (t Table[T]) addEntry(tx Tx, ix Index[T], at, pk []byte) error {
	key, put := indexKey(ix, at, pk), tx.Put
	if n, ok := tx.(tableTx); ok {
		put = n.PutJSON
	}
	if err := put(t.indexTable(ix), key, entryOf(pk)); err != nil {
		return fmt.Errorf("index %s.%s: %w", t.Name, ix.Name, err)
	}
	return nil
}

// entryOf is json.Marshal of an indexEntry, of which there are many.
func entryOf(pk []byte) []byte {
	val := make([]byte, 0, len(`{"k":""}`)+base64.StdEncoding.EncodedLen(len(pk)))
	val = append(val, `{"k":"`...)
	val = base64.StdEncoding.AppendEncode(val, pk)
	return append(val, `"}`...)
}

func contains(keys [][]byte, k []byte) bool {
	for _, x := range keys {
		if bytes.Equal(x, k) {
			return true
		}
	}
	return false
}

// Scan yields the records of r in the order of their primary keys.
func (t Table[T]) Scan(tx Tx, r Range) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		for p, err := range tx.Scan(t.Name, r) {
			var rec T
			if err == nil {
				rec, err = t.decode(p.Val)
			}
			if !yield(rec, err) || err != nil {
				return
			}
		}
	}
}

// By yields the records whose place in the named index begins with prefix, in
// the index's order; r's From and To are ignored. The records must not be
// changed while the loop runs: collect them first.
func (t Table[T]) By(tx Tx, index string, prefix []byte, r Range) iter.Seq2[T, error] {
	p := Prefix(prefix)
	r.From, r.To = p.From, p.To
	return t.ByRange(tx, index, r)
}

// ByRange is By over a range of the index's keys.
func (t Table[T]) ByRange(tx Tx, index string, r Range) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		for p, err := range tx.Scan(t.Name+"."+index, r) {
			var rec T
			if err == nil {
				rec, err = t.entryRecord(tx, p.Val)
			}
			if !yield(rec, err) || err != nil {
				return
			}
		}
	}
}

func (t Table[T]) entryRecord(tx Tx, val []byte) (T, error) {
	var e indexEntry
	if err := json.Unmarshal(val, &e); err != nil {
		var zero T
		return zero, fmt.Errorf("index of %s: decode: %w", t.Name, err)
	}
	return t.Get(tx, e.Key)
}

// First returns the first record of By, or ok false.
func (t Table[T]) First(tx Tx, index string, prefix []byte) (rec T, ok bool, err error) {
	for rec, err := range t.By(tx, index, prefix, Range{Limit: 1}) {
		return rec, err == nil, err
	}
	return rec, false, nil
}

// Collect gathers a sequence into a slice and stops at the first error.
func Collect[T any](seq iter.Seq2[T, error]) ([]T, error) {
	var recs []T
	for rec, err := range seq {
		if err != nil {
			return nil, err
		}
		recs = append(recs, rec)
	}
	return recs, nil
}
