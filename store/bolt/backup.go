package bolt

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/perch-chat/perch/store"
)

// Backup writes the store, as of one moment, to w. The result is a file that
// [Open] opens. The store goes on serving meanwhile.
func (s *Store) Backup(ctx context.Context, w io.Writer, progress Progress) error {
	if err := s.calls.Begin(); err != nil {
		return err
	}
	defer s.calls.End()
	t, err := s.db.Begin(false)
	if err != nil {
		return fmt.Errorf("back up store %s: %w", s.path, err)
	}
	defer t.Rollback() //nolint:errcheck // it cannot fail: the transaction is open
	if _, err := t.WriteTo(&watched{ctx: ctx, w: w, total: t.Size(), progress: progress}); err != nil {
		return fmt.Errorf("back up store %s: %w", s.path, errors.Join(ctx.Err(), err)) // bbolt hides what it wraps
	}
	return nil
}

// watched stops a copy when ctx ends, and tells how far it is.
type watched struct {
	ctx         context.Context //nolint:containedctx // lives inside one call
	w           io.Writer
	done, total int64
	progress    Progress
}

func (w *watched) Write(p []byte) (n int, err error) {
	for len(p) > 0 && err == nil {
		if err = w.ctx.Err(); err != nil {
			break
		}
		var k int
		k, err = w.w.Write(p[:min(len(p), 1<<20)])
		n, p = n+k, p[k:]
		w.done += int64(k)
		w.progress.at(w.done, w.total)
	}
	return n, err
}

// BackupFile is Backup to a new file, which is complete and checked when it
// gets its name. A file that is there already is not replaced.
func (s *Store) BackupFile(ctx context.Context, path string, progress Progress) error {
	if _, err := os.Lstat(path); err == nil {
		return fmt.Errorf("%w: %s", ErrFileExists, path)
	}
	return writeChecked(ctx, path, func(w io.Writer) error { return s.Backup(ctx, w, progress) }, nil)
}

// ErrFileExists is returned instead of overwriting a file.
var ErrFileExists = errors.New("bolt: the file exists")

// writeChecked writes a store to path, by way of a file beside it. When that is
// complete, makeRoom is called, which may be nil.
func writeChecked(ctx context.Context, path string, write func(io.Writer) error, makeRoom func() error) (err error) {
	part, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".part-*") // mode 0600
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(part.Name()))
		}
	}()
	if err := errors.Join(write(part), part.Sync(), part.Close()); err != nil {
		return err
	}
	if err := checkFile(ctx, part.Name(), nil); err != nil {
		return err
	}
	if makeRoom != nil {
		if err := makeRoom(); err != nil {
			return err
		}
	}
	// A link, unlike a rename, fails if somebody made the file meanwhile.
	switch err := os.Link(part.Name(), path); {
	case err == nil:
		err = os.Remove(part.Name())
		return errors.Join(err, syncDir(path))
	case errors.Is(err, fs.ErrExist):
		return fmt.Errorf("%w: %s", ErrFileExists, path)
	}
	if err := os.Rename(part.Name(), path); err != nil { // a file system without links
		return err
	}
	return syncDir(path)
}

// syncDir makes the name of a new file last.
func syncDir(path string) error {
	d, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// oldSuffix names what a forced restore put aside.
const oldSuffix = ".before-restore"

// Restore makes the store at path from a backup, after checking it. A store
// that is there already is refused with [ErrFileExists] unless forced, and then
// put aside under its name with ".before-restore". A store that a program is
// using is refused in any case, with [store.ErrInUse].
func Restore(ctx context.Context, backup, path string, force bool, progress Progress) error {
	if err := checkFile(ctx, backup, progress); err != nil {
		return fmt.Errorf("restore store %s: backup %s: %w", path, backup, err)
	}
	if err := mayReplace(path, force); err != nil {
		return fmt.Errorf("restore store %s: %w", path, err)
	}
	err := writeChecked(ctx, path, func(w io.Writer) error {
		f, err := os.Open(backup) //nolint:gosec // the operator names the file
		if err != nil {
			return err
		}
		defer f.Close() //nolint:errcheck // only read
		info, err := f.Stat()
		if err != nil {
			return err
		}
		_, err = io.Copy(&watched{ctx: ctx, w: w, total: info.Size(), progress: progress}, f)
		return err
	}, func() error { return putAside(path) })
	if err != nil {
		return fmt.Errorf("restore store %s: %w", path, err)
	}
	return mark(path)
}

// mayReplace tells why the store at path must stay, if there is one.
func mayReplace(path string, force bool) error {
	return withExisting(path, func() error {
		if !force {
			return fmt.Errorf("%w: %s; force replaces it and keeps it as %s", ErrFileExists, path, path+oldSuffix)
		}
		return nil
	})
}

// putAside makes room for a restored file.
func putAside(path string) error {
	return withExisting(path, func() error { return os.Rename(path, path+oldSuffix) })
}

// withExisting calls fn with the lock of the store at path, if there is one.
func withExisting(path string, fn func() error) error {
	f, err := os.Open(path) //nolint:gosec // the operator names the file
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer f.Close() //nolint:errcheck // only read
	unlock, err := lockFile(f, true)
	if err != nil {
		return fmt.Errorf("%w: stop the program first", err)
	}
	defer unlock()
	return fn()
}

// IsStore reports whether the file at path is a bbolt file, whatever its state,
// rather than, say, a [store.Dump].
func IsStore(path string) (bool, error) {
	f, err := os.Open(path) //nolint:gosec // the operator names the file
	if err != nil {
		return false, err
	}
	defer f.Close() //nolint:errcheck // only read
	_, err = newestMeta(f)
	if errors.Is(err, store.ErrDamaged) {
		return false, nil
	}
	return err == nil, err
}
