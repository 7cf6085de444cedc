package bolt

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"io/fs"
	"os"

	"github.com/perch-chat/perch/store"
)

// bbolt opens an empty file as a new, empty database, and dies of a signal on
// a truncated one. guard looks at the file before bbolt does.

// markSuffix names the small file beside a store that says there was one.
const markSuffix = ".exists"

const (
	boltMagic   = 0xED0CDAED
	boltVersion = 2
	pageHeader  = 16
	metaSize    = 64
)

// guard refuses a file that is less than what was written.
func guard(path string) error {
	f, err := os.Open(path) //nolint:gosec // the operator names the file
	if errors.Is(err, fs.ErrNotExist) {
		return guardMark(path, "is missing")
	}
	if err != nil {
		return err
	}
	defer f.Close() //nolint:errcheck // only read
	info, err := f.Stat()
	switch {
	case err != nil:
		return err
	case !info.Mode().IsRegular():
		return errors.New("not a file")
	case info.Size() == 0:
		return guardMark(path, "is empty")
	}
	want, err := highWater(f)
	if err != nil {
		return err
	}
	if info.Size() < want {
		return fmt.Errorf("%w: the file has %d bytes of at least %d, it was cut short: restore it from a backup", store.ErrDamaged, info.Size(), want)
	}
	return nil
}

func guardMark(path, what string) error {
	switch _, err := os.Stat(path + markSuffix); {
	case err == nil:
		return fmt.Errorf("%w: the file %s, but %s says that there was a store: restore it from a backup, or remove that file to start anew",
			store.ErrDamaged, what, path+markSuffix)
	case errors.Is(err, fs.ErrNotExist):
		return nil
	default:
		return err
	}
}

// mark notes that there is a store now.
func mark(path string) error {
	if _, err := os.Stat(path + markSuffix); err == nil {
		return nil
	}
	const text = "A Perch store exists beside this file. Perch refuses to start with an empty one while this file is here.\n"
	return os.WriteFile(path+markSuffix, []byte(text), 0o600)
}

// highWater reads how many bytes the newest state of a bbolt file reaches to.
func highWater(f io.ReaderAt) (int64, error) {
	var size, txid int64 = 0, -1
	see := func(at int64) (pageSize int64) {
		buf := make([]byte, metaSize)
		if _, err := f.ReadAt(buf, at+pageHeader); err != nil {
			return 0
		}
		e := binary.NativeEndian
		sum := fnv.New64a()
		_, _ = sum.Write(buf[:metaSize-8]) // a hash never fails
		if e.Uint32(buf) != boltMagic || e.Uint32(buf[4:]) != boltVersion || e.Uint64(buf[56:]) != sum.Sum64() {
			return 0
		}
		pageSize = int64(e.Uint32(buf[8:]))
		if id := int64(e.Uint64(buf[48:])); id > txid { //nolint:gosec // a count of transactions
			txid, size = id, int64(e.Uint64(buf[40:]))*pageSize //nolint:gosec // a count of pages
		}
		return pageSize
	}
	if page := see(0); page > 0 {
		see(page)
	} else {
		for page := int64(1 << 10); page <= 1<<24 && see(page) == 0; page <<= 1 { //nolint:revive // the condition does the work
		}
	}
	if txid < 0 {
		return 0, fmt.Errorf("%w: not a Perch store, or its first pages are lost: restore it from a backup", store.ErrDamaged)
	}
	return size, nil
}

func fileSize(path string) int64 {
	info, err := os.Stat(path)
	if err != nil {
		return 0
	}
	return info.Size()
}
