package bolt

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/perch-chat/perch/store"
)

// bbolt opens an empty file as a new, empty database, and dies of a signal on
// a truncated one. guard looks at the file before bbolt does.

// markSuffix names the small file beside a store that says there was one.
const markSuffix = ".exists"

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
	m, err := newestMeta(f)
	if err != nil {
		return err
	}
	if info.Size() < m.size() {
		return fmt.Errorf("%w: the file has %d bytes of at least %d, it was cut short: restore it from a backup", store.ErrDamaged, info.Size(), m.size())
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

func fileSize(path string) int64 {
	info, err := os.Stat(path)
	if err != nil {
		return 0
	}
	return info.Size()
}
