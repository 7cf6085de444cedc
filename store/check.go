package store

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
)

// maxFindings ends a check that finds fault with everything.
const maxFindings = 20

// Checker is a table that can be checked: every [Table].
type Checker interface {
	CheckIndexes(tx Tx) error
	TableName() string
}

// TableName returns the table's name.
func (t Table[T]) TableName() string { return t.Name }

// CheckIndexes reads every record and every index entry, and returns what does
// not fit together, at most the first twenty findings joined.
func (t Table[T]) CheckIndexes(tx Tx) error {
	var found []error
	note := func(format string, args ...any) bool {
		found = append(found, fmt.Errorf("%w: "+format, append([]any{ErrDamaged}, args...)...))
		return len(found) < maxFindings
	}
	entries := make([]int, len(t.Indexes))
	for p, err := range tx.Scan(t.Name, Range{}) {
		if err != nil {
			return errors.Join(append(found, fmt.Errorf("check %s: %w", t.Name, err))...)
		}
		rec, err := t.decode(p.Val)
		switch {
		case err != nil:
			if !note("%s %x: %w", t.Name, p.Key, err) {
				return errors.Join(found...)
			}
			continue
		case !bytes.Equal(t.Key(rec), p.Key):
			if !note("%s %x: the record belongs at %x", t.Name, p.Key, t.Key(rec)) {
				return errors.Join(found...)
			}
		}
		for i, ix := range t.Indexes {
			for _, at := range distinct(ix.Keys(rec)) {
				entries[i]++
				err := t.checkEntry(tx, ix, at, p.Key)
				if err != nil && !note("%s.%s: record %x: %w", t.Name, ix.Name, p.Key, err) {
					return errors.Join(found...)
				}
			}
		}
	}
	for i, ix := range t.Indexes {
		n := 0
		for _, err := range tx.Scan(t.indexTable(ix), Range{}) {
			if err != nil {
				return errors.Join(append(found, fmt.Errorf("check %s.%s: %w", t.Name, ix.Name, err))...)
			}
			n++
		}
		// All that should be there is, or was noted; so a count tells the rest.
		if n > entries[i] && !note("%s.%s: %d entries too many", t.Name, ix.Name, n-entries[i]) {
			break
		}
	}
	return errors.Join(found...)
}

// checkEntry looks for the entry of the record pk at its place.
func (t Table[T]) checkEntry(tx Tx, ix Index[T], at, pk []byte) error {
	val, err := tx.Get(t.indexTable(ix), indexKey(ix, at, pk))
	if err != nil {
		return err
	}
	var e indexEntry
	if err := json.Unmarshal(val, &e); err != nil {
		return err
	}
	if !bytes.Equal(e.Key, pk) {
		return fmt.Errorf("its place has the entry of %x", e.Key)
	}
	return nil
}

// Rebuild writes all indexes anew from the records, which is what a migration
// does that adds an index or changes its keys.
func (t Table[T]) Rebuild(tx Tx) error {
	for _, ix := range t.Indexes {
		if err := Clear(tx, t.indexTable(ix)); err != nil {
			return err
		}
	}
	return eachPair(tx, t.Name, func(p Pair) error {
		rec, err := t.decode(p.Val)
		if err != nil {
			return err
		}
		return t.reindex(tx, p.Key, nil, t.places(rec))
	})
}

// Clear deletes everything in a table.
func Clear(tx Tx, table string) error {
	return eachPair(tx, table, func(p Pair) error { return tx.Delete(table, p.Key) })
}

// eachPair calls fn with each pair of a table. Other than in the loop of a
// Scan, fn may change the table behind it.
func eachPair(tx Tx, table string, fn func(Pair) error) error {
	const page = 500
	var from []byte
	for {
		pairs, err := Collect(tx.Scan(table, Range{From: from, Limit: page}))
		if err != nil {
			return fmt.Errorf("scan %s: %w", table, err)
		}
		for _, p := range pairs {
			if err := fn(p); err != nil {
				return fmt.Errorf("table %s: %w", table, err)
			}
		}
		if len(pairs) < page {
			return nil
		}
		from = append(pairs[page-1].Key, 0)
	}
}

func distinct(keys [][]byte) [][]byte {
	var out [][]byte
	for _, k := range keys {
		if !contains(out, k) {
			out = append(out, k)
		}
	}
	return out
}
