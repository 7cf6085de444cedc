package store

import (
	"bytes"
	"sync"
)

// memoSize is how many records a store remembers in their decoded form: those
// that are under way, which are read again within moments.
const memoSize = 512

// maxMemo is the size of the largest record that is remembered.
const maxMemo = 16 << 10

// Memo remembers, for the tables that are Frozen, the decoded form of records
// that were read or written of late. It only saves time: what it knows counts
// as long as the stored bytes are the same. A driver that wants it has one for
// the whole store; it is safe for concurrent use.
type Memo struct {
	mu   sync.Mutex
	at   map[string]*remembered
	ring [memoSize]*remembered
	next int
}

type remembered struct {
	place string // table and key
	val   []byte
	rec   any
}

// memoTx is a transaction of a store with a Memo.
type memoTx interface{ Memo() *Memo }

func memoPlace(table string, key []byte) string { return table + "\x00" + string(key) }

// recall returns the decoded form of a value.
func (m *Memo) recall(table string, key, val []byte) (any, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	r := m.at[memoPlace(table, key)]
	if r == nil || !bytes.Equal(r.val, val) {
		return nil, false
	}
	return r.rec, true
}

// keep remembers the decoded form of a value; the oldest makes room. val must
// not be changed any more.
func (m *Memo) keep(table string, key, val []byte, rec any) {
	if len(val) > maxMemo {
		return
	}
	place := memoPlace(table, key)
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.at == nil {
		m.at = make(map[string]*remembered, memoSize)
	}
	if r := m.at[place]; r != nil {
		r.val, r.rec = val, rec
		return
	}
	if old := m.ring[m.next]; old != nil {
		delete(m.at, old.place)
	}
	r := &remembered{place: place, val: val, rec: rec}
	m.ring[m.next], m.at[place] = r, r
	m.next = (m.next + 1) % memoSize
}

// memo is the store's Memo, for a table that may use it.
func (t Table[T]) memo(tx Tx) *Memo {
	if !t.Frozen {
		return nil
	}
	if m, ok := tx.(memoTx); ok {
		return m.Memo()
	}
	return nil
}
