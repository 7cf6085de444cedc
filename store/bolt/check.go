package bolt

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"runtime/debug"

	bolt "go.etcd.io/bbolt"
	berrors "go.etcd.io/bbolt/errors"

	"github.com/perch-chat/perch/store"
)

// Progress is told now and then how much of a long work is done.
type Progress func(done, total int64)

func (p Progress) at(done, total int64) {
	if p != nil {
		p(done, total)
	}
}

// Check reads all of the file at path and returns what is wrong with it: pages
// that do not fit together, values that are not JSON, and records of tables
// that their indexes do not agree with. It does not change the file. A file
// that a program is using is refused with [store.ErrInUse]: check a backup of it.
//
// However damaged the file is, Check does not crash: it reads pages by itself
// before bbolt, which dies of some damage, gets to see them.
func Check(ctx context.Context, path string, progress Progress, tables ...store.Checker) error {
	if err := checkFile(ctx, path, progress); err != nil {
		return fmt.Errorf("check store %s: %w", path, err)
	}
	if err := checkTables(ctx, path, tables); err != nil {
		return fmt.Errorf("check store %s: %w", path, err)
	}
	return nil
}

// checkFile checks the pages.
func checkFile(ctx context.Context, path string, progress Progress) error {
	f, err := os.Open(path) //nolint:gosec // the operator names the file
	if err != nil {
		return err
	}
	defer f.Close() //nolint:errcheck // only read
	unlock, err := lockFile(f, false)
	if err != nil {
		return err
	}
	defer unlock()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if info.Size() == 0 {
		return fmt.Errorf("%w: the file is empty", store.ErrDamaged)
	}
	m, err := newestMeta(f)
	if err != nil {
		return err
	}
	if info.Size() < m.size() {
		return fmt.Errorf("%w: the file has %d bytes of at least %d, it was cut short", store.ErrDamaged, info.Size(), m.size())
	}
	w := &walker{ctx: ctx, file: f, meta: m, progress: progress, owner: make([]pageUse, m.pages)}
	return w.walk()
}

// checkTables compares tables and indexes, by bbolt and read-only.
func checkTables(ctx context.Context, path string, tables []store.Checker) (err error) {
	if len(tables) == 0 {
		return nil
	}
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%w: %v", store.ErrDamaged, p)
		}
	}()
	db, err := bolt.Open(path, 0o600, &bolt.Options{ReadOnly: true, Timeout: lockWait})
	if errors.Is(err, berrors.ErrTimeout) {
		return store.ErrInUse
	}
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	return db.View(func(t *bolt.Tx) error {
		r := &readTx{reader: reader{t: t}}
		var errs []error
		for _, table := range tables {
			if err := ctx.Err(); err != nil {
				return err
			}
			errs = append(errs, table.CheckIndexes(r))
		}
		return errors.Join(errs...)
	})
}

// pageUse says what a page was found to be.
type pageUse byte

const (
	unseen pageUse = iota
	reachable
	free
)

const (
	branchFlag   = 0x01
	leafFlag     = 0x02
	metaFlag     = 0x04
	freelistFlag = 0x10

	elementSize  = 16
	bucketHeader = 16
	bucketLeaf   = 0x01
	noFreelist   = ^uint64(0)

	maxDepth    = 64 // no tree of 2^64 keys is as deep
	maxFindings = 20
)

// walker reads the pages of a bbolt file and trusts none of them.
type walker struct {
	ctx      context.Context //nolint:containedctx // lives inside one call
	file     *os.File
	meta     meta
	progress Progress
	owner    []pageUse
	seen     int64
	found    []error
}

var errStop = errors.New("enough")

// note adds a finding; it returns errStop when there are enough.
func (w *walker) note(format string, args ...any) error {
	w.found = append(w.found, fmt.Errorf("%w: "+format, append([]any{store.ErrDamaged}, args...)...))
	if len(w.found) >= maxFindings {
		return errStop
	}
	return nil
}

func (w *walker) walk() error {
	err := w.metas()
	if err == nil {
		err = w.tree(w.meta.root, "", 0, nil, nil)
	}
	if err == nil {
		err = w.freelist()
	}
	if err == nil && len(w.found) == 0 {
		err = w.lost()
	}
	if err != nil && !errors.Is(err, errStop) {
		w.found = append(w.found, err)
	}
	return errors.Join(w.found...)
}

// metas checks both pages that a state begins with, though one would do.
func (w *walker) metas() error {
	for id := range uint64(2) {
		head := make(page, pageHeader)
		if _, err := w.file.ReadAt(head, w.meta.at(id)); err != nil {
			return err
		}
		if _, ok := readMeta(w.file, w.meta.at(id)); !ok || head.id() != id || head.flags() != metaFlag {
			if err := w.note("page %d, a copy of the file's head, is lost", id); err != nil {
				return err
			}
		}
	}
	return nil
}

// page reads a page with its overflow and marks it as used.
func (w *walker) page(id uint64, use pageUse) (page, error) {
	if id < 2 || id >= w.meta.pages {
		return nil, w.note("page %d is outside of the file", id)
	}
	head := make(page, pageHeader)
	if _, err := w.file.ReadAt(head, w.meta.at(id)); err != nil {
		return nil, err
	}
	n := uint64(head.overflow()) + 1
	if head.id() != id || id+n > w.meta.pages {
		return nil, w.note("page %d says it is page %d of length %d", id, head.id(), n)
	}
	for i := id; i < id+n; i++ {
		if w.owner[i] != unseen {
			return nil, w.note("page %d is used twice", i)
		}
		w.owner[i] = use
	}
	p := make(page, n*w.meta.pageSize)
	if _, err := w.file.ReadAt(p, w.meta.at(id)); err != nil {
		return nil, err
	}
	if w.seen += int64(n); w.seen%1024 < int64(n) {
		w.progress.at(w.seen, int64(w.meta.pages))
	}
	return p, w.ctx.Err()
}

// tree checks the page id and those below it, whose keys are from lo on and
// before hi. table is "" for the tree of tables.
func (w *walker) tree(id uint64, table string, depth int, lo, hi []byte) error {
	if depth > maxDepth {
		return w.note("page %d is too deep", id)
	}
	p, err := w.page(id, reachable)
	if p == nil || err != nil {
		return err
	}
	return w.elements(p, id, table, depth, lo, hi)
}

// elements checks what a branch or a leaf holds.
func (w *walker) elements(p page, id uint64, table string, depth int, lo, hi []byte) error {
	branch := p.flags() == branchFlag
	if !branch && p.flags() != leafFlag {
		return w.note("page %d has kind %#x", id, p.flags())
	}
	if pageHeader+p.count()*elementSize > len(p) {
		return w.note("page %d has %d entries", id, p.count())
	}
	keys := make([][]byte, p.count())
	for i := range keys {
		key, _, ok := p.element(i, branch)
		if !ok {
			return w.note("page %d: entry %d is outside of it", id, i)
		}
		if i > 0 && string(key) <= string(keys[i-1]) || lo != nil && string(key) < string(lo) || hi != nil && string(key) >= string(hi) {
			return w.note("page %d: entry %d is out of order", id, i)
		}
		keys[i] = key
	}
	for i, key := range keys {
		var err error
		_, val, _ := p.element(i, branch)
		switch next := hi; {
		case branch:
			if i+1 < len(keys) {
				next = keys[i+1]
			}
			err = w.tree(p.child(i), table, depth+1, key, next)
		case p.leafKind(i) == bucketLeaf:
			err = w.bucket(id, table, key, val, depth)
		case table == "":
			err = w.note("page %d: entry %d is no table", id, i)
		case !json.Valid(val):
			err = w.note("table %s: the value at %x is not JSON", table, key)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// bucket checks a table, which is in pages of its own or, when it is small, in
// the value that stands for it.
func (w *walker) bucket(id uint64, outer string, name, val []byte, depth int) error {
	switch {
	case outer != "":
		return w.note("page %d: a table inside table %s", id, outer)
	case len(val) < bucketHeader:
		return w.note("page %d: table %q is cut short", id, name)
	}
	if root := native.Uint64(val); root != 0 {
		return w.tree(root, string(name), depth+1, nil, nil)
	}
	inline := page(val[bucketHeader:])
	if len(inline) < pageHeader || inline.flags() != leafFlag {
		return w.note("page %d: table %q is cut short", id, name)
	}
	return w.elements(inline, id, string(name), depth+1, nil, nil)
}

// freelist checks the list of free pages.
func (w *walker) freelist() error {
	if w.meta.freelist == noFreelist {
		return nil
	}
	p, err := w.page(w.meta.freelist, reachable)
	if p == nil || err != nil {
		return err
	}
	ids, n := p[pageHeader:], uint64(p.count())
	if n == 0xffff {
		ids, n = ids[8:], native.Uint64(ids)
	}
	if p.flags() != freelistFlag || n > uint64(len(ids)/8) {
		return w.note("the list of free pages has kind %#x and %d entries", p.flags(), n)
	}
	for ; n > 0; ids, n = ids[8:], n-1 {
		id := native.Uint64(ids)
		if id < 2 || id >= w.meta.pages || w.owner[id] != unseen {
			if err := w.note("page %d is free and is not", id); err != nil {
				return err
			}
			continue
		}
		w.owner[id] = free
	}
	return nil
}

// lost finds pages that are neither used nor free.
func (w *walker) lost() error {
	for id := uint64(2); id < w.meta.pages && w.meta.freelist != noFreelist; id++ {
		if w.owner[id] == unseen {
			if err := w.note("page %d is lost", id); err != nil {
				return err
			}
		}
	}
	return nil
}
