package bolt

import (
	"encoding/binary"
	"fmt"
	"hash/fnv"
	"io"

	"github.com/perch-chat/perch/store"
)

// The form of a bbolt file, as far as it must be read without bbolt; see
// https://github.com/etcd-io/bbolt/tree/main/internal/common. All numbers are
// in the byte order of the machine.

const (
	boltMagic   = 0xED0CDAED
	boltVersion = 2
	pageHeader  = 16
	metaSize    = 64
)

//nolint:gochecknoglobals // a constant in all but name
var native = binary.NativeEndian

// meta is one of the two pages that a file's state begins with.
type meta struct {
	pageSize, root, freelist, pages, txid uint64
}

// size is how many bytes the state reaches to.
func (m meta) size() int64 { return int64(m.pages * m.pageSize) }

// at is where a page begins.
func (m meta) at(id uint64) int64 { return int64(id * m.pageSize) }

// newestMeta finds the state that bbolt would use.
func newestMeta(f io.ReaderAt) (meta, error) {
	newest, ok := readMeta(f, 0)
	if ok {
		if m, ok := readMeta(f, int64(newest.pageSize)); ok && m.txid > newest.txid {
			newest = m
		}
		return newest, nil
	}
	for size := int64(1 << 10); size <= 1<<24; size <<= 1 {
		if m, ok := readMeta(f, size); ok {
			return m, nil
		}
	}
	return meta{}, fmt.Errorf("%w: not a Perch store, or its first pages are lost: restore it from a backup", store.ErrDamaged)
}

func readMeta(f io.ReaderAt, at int64) (m meta, ok bool) {
	buf := make([]byte, metaSize)
	if _, err := f.ReadAt(buf, at+pageHeader); err != nil {
		return m, false
	}
	sum := fnv.New64a()
	_, _ = sum.Write(buf[:metaSize-8]) // a hash never fails
	if native.Uint32(buf) != boltMagic || native.Uint32(buf[4:]) != boltVersion || native.Uint64(buf[56:]) != sum.Sum64() {
		return m, false
	}
	m = meta{
		pageSize: uint64(native.Uint32(buf[8:])),
		root:     native.Uint64(buf[16:]),
		freelist: native.Uint64(buf[32:]),
		pages:    native.Uint64(buf[40:]),
		txid:     native.Uint64(buf[48:]),
	}
	return m, m.pageSize >= 512 && m.pageSize <= 1<<24 && m.pages >= 2 && m.pages < 1<<38
}

// page is a page with its overflow. It is at least as long as its header.
type page []byte

func (p page) id() uint64       { return native.Uint64(p) }
func (p page) flags() uint16    { return native.Uint16(p[8:]) }
func (p page) count() int       { return int(native.Uint16(p[10:])) }
func (p page) overflow() uint32 { return native.Uint32(p[12:]) }

// element returns a key and, in a leaf, its value, if they are within the page.
func (p page) element(i int, branch bool) (key, val []byte, ok bool) {
	at := uint64(pageHeader + i*elementSize)
	var pos, ksize, vsize uint64
	if branch {
		pos, ksize = uint64(native.Uint32(p[at:])), uint64(native.Uint32(p[at+4:]))
	} else {
		pos, ksize, vsize = uint64(native.Uint32(p[at+4:])), uint64(native.Uint32(p[at+8:])), uint64(native.Uint32(p[at+12:]))
	}
	start := at + pos
	if pos < elementSize || start+ksize+vsize > uint64(len(p)) {
		return nil, nil, false
	}
	return p[start : start+ksize], p[start+ksize : start+ksize+vsize], true
}

// child is the page that a branch's element leads to.
func (p page) child(i int) uint64 { return native.Uint64(p[pageHeader+i*elementSize+8:]) }

// leafKind tells a table from a value.
func (p page) leafKind(i int) uint32 { return native.Uint32(p[pageHeader+i*elementSize:]) }
