package bolt

import (
	"bytes"
	"slices"
)

// overlay is what one function wrote, kept apart from bbolt until it is known
// that the function succeeds.
type overlay struct {
	tables []overlayTable // few, so a search is a loop
	first  [4]overlayTable
}

// overlayTable holds its entries in the order of their keys.
type overlayTable struct {
	name    string
	entries []*entry
	bytes   int
}

// entry is the last write to a key. It is not changed once it is there, so
// that a scan may keep it.
type entry struct {
	key, val []byte
	deleted  bool
}

func (o *overlay) table(name string) *overlayTable {
	for i := range o.tables {
		if o.tables[i].name == name {
			return &o.tables[i]
		}
	}
	return nil
}

func (o *overlay) set(name string, e *entry) {
	t := o.table(name)
	if t == nil {
		if o.tables == nil {
			o.tables = o.first[:0]
		}
		o.tables = append(o.tables, overlayTable{name: name})
		t = &o.tables[len(o.tables)-1]
	}
	t.bytes += len(e.key) + len(e.val)
	if n := len(t.entries); n == 0 || bytes.Compare(t.entries[n-1].key, e.key) < 0 {
		t.entries = append(t.entries, e)
		return
	}
	i, found := t.find(e.key)
	if found {
		t.entries[i] = e
		return
	}
	t.entries = slices.Insert(t.entries, i, e)
}

// find returns where key is or would be.
func (t *overlayTable) find(key []byte) (int, bool) {
	return slices.BinarySearchFunc(t.entries, key, func(e *entry, k []byte) int { return bytes.Compare(e.key, k) })
}

// within returns a copy of the entries of the range, in key order.
func (t *overlayTable) within(from, to []byte) []*entry {
	if t == nil {
		return nil
	}
	i, j := 0, len(t.entries)
	if from != nil {
		i, _ = t.find(from)
	}
	if to != nil {
		j, _ = t.find(to)
	}
	if i >= j {
		return nil
	}
	return slices.Clone(t.entries[i:j])
}
