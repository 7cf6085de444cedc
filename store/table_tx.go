package store

import (
	"bytes"
	"errors"
	"fmt"
)

// tableTx is what a driver's transaction may do besides, so that a [Table]
// need not do the same work twice. It changes nothing but the time it takes.
type tableTx interface {
	// PutJSON is Put of a value that is JSON already and that the caller gives
	// away.
	PutJSON(table string, key, val []byte) error

	// Note keeps, until the transaction ends and perhaps not so long, what a
	// table knows of the value that it read at key.
	Note(table string, key, val []byte, known any)

	// Noted returns the last Note of a key, or nil.
	Noted(table string, key []byte) (val []byte, known any)
}

// places are where a record stands in each index of its table.
type places [][][]byte

func (t Table[T]) places(rec T) places {
	p := make(places, len(t.Indexes))
	for i, ix := range t.Indexes {
		p[i] = ix.Keys(rec)
	}
	return p
}

// note keeps the places of a record that was read, which are then known when
// it is changed. They are computed now: the caller may change what it got.
func (t Table[T]) note(tx Tx, key, val []byte, rec T) {
	if n, ok := tx.(tableTx); ok && len(t.Indexes) > 0 {
		n.Note(t.Name, key, val, t.places(rec))
	}
}

// stored returns the places of the record that is stored at key.
func (t Table[T]) stored(tx Tx, key []byte) (p places, ok bool, err error) {
	val, err := tx.Get(t.Name, key)
	if errors.Is(err, ErrNotFound) {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, fmt.Errorf("get %s: %w", t.Name, err)
	}
	if n, has := tx.(tableTx); has {
		if old, known := n.Noted(t.Name, key); known != nil && bytes.Equal(old, val) {
			if p, same := known.(places); same && len(p) == len(t.Indexes) {
				return p, true, nil
			}
		}
	}
	rec, err := t.decode(val)
	if err != nil {
		return nil, false, err
	}
	return t.places(rec), true, nil
}

func (t Table[T]) put(tx Tx, key, val []byte) error {
	put := tx.Put
	if n, ok := tx.(tableTx); ok {
		put = n.PutJSON
	}
	if err := put(t.Name, key, val); err != nil {
		return fmt.Errorf("put %s: %w", t.Name, err)
	}
	return nil
}
