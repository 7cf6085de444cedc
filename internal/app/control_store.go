package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/perch-chat/perch/internal/config"
	"github.com/perch-chat/perch/store"
	"github.com/perch-chat/perch/store/bolt"
)

// Restore puts a backup, a dump of any driver, into the configured store, of
// which nothing is changed before the whole backup was read and found good. A
// store that holds something is refused with [store.ErrNotEmpty] unless forced;
// one that a Perch on this machine uses, with [store.ErrInUse]. show, which may
// be nil, is told how many records are written.
func Restore(ctx context.Context, c config.Config, backup io.ReadSeeker, force bool, show store.Progress) error {
	if err := store.VerifyDump(ctx, backup); err != nil {
		return fmt.Errorf("nothing was changed: the backup is not whole: %w", err)
	}
	if _, err := backup.Seek(0, io.SeekStart); err != nil {
		return fmt.Errorf("read the backup again: %w", err)
	}
	o := store.LoadOptions{Force: force, Progress: show}
	if c.Store.Driver == "bolt" {
		if _, err := NewControl(c).Status(ctx); !errors.Is(err, ErrNotRunning) {
			return store.ErrInUse
		}
		switch _, err := os.Stat(StoreFile(c)); {
		case errors.Is(err, fs.ErrNotExist), err == nil && force:
			return replaceFile(ctx, c, backup, o)
		case err != nil:
			return err
		}
	}
	db, err := OpenStore(ctx, c)
	if err != nil {
		return err
	}
	err = served(ctx, db)
	if err == nil {
		err = store.Load(ctx, db, backup, o)
	}
	if err == nil {
		err = markRestored(ctx, db)
	}
	return errors.Join(err, db.Close())
}

// served returns [store.ErrInUse] if a replica at work shares the store. It
// leaves no trace in it.
func served(ctx context.Context, db store.Store) error {
	free := errors.New("nobody has the lease")
	err := db.Update(ctx, func(tx store.Tx) error {
		if _, err := store.AcquireLease(tx, leaseName("poll"), "restore", time.Second); err != nil {
			return err
		}
		return free // what was taken is given back
	})
	switch {
	case errors.Is(err, store.ErrLeaseHeld):
		return store.ErrInUse
	case errors.Is(err, free):
		return nil
	}
	return err
}

// leaseName is the lease of what one replica does for all.
func leaseName(what string) string { return "app." + what }

// replaceFile makes a new file from the backup and puts it in the old one's
// place. So the old one stays as it is until the new one is complete, is kept
// beside it afterwards, and may be too damaged to be opened.
func replaceFile(ctx context.Context, c config.Config, backup io.ReadSeeker, o store.LoadOptions) (err error) {
	if err := os.MkdirAll(c.Data, 0o700); err != nil {
		return fmt.Errorf("make the data folder: %w", err)
	}
	dir, err := os.MkdirTemp(c.Data, ".restore-*")
	if err != nil {
		return fmt.Errorf("make a folder for the new store: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	path := filepath.Join(dir, filepath.Base(StoreFile(c)))
	db, err := bolt.Open(path)
	if err != nil {
		return err
	}
	err = store.Load(ctx, db, backup, o)
	if err == nil {
		err = markRestored(ctx, db)
	}
	if err := errors.Join(err, db.Close()); err != nil {
		return err
	}
	return bolt.Restore(ctx, path, StoreFile(c), true, nil)
}

// CheckStore looks for damage and returns what it finds, a sentence each. live
// says that a Perch runs, so that only records and indexes were looked at. show
// is told how much of the file was read.
func CheckStore(ctx context.Context, c config.Config, show func(done, total int64)) (findings []string, live bool, err error) {
	if c.Store.Driver != "bolt" {
		db, err := OpenStore(ctx, c)
		if err != nil {
			return nil, false, err
		}
		findings, err = CheckTables(ctx, db)
		return findings, false, errors.Join(err, db.Close())
	}
	findings, err = NewControl(c).Check(ctx)
	if !errors.Is(err, ErrNotRunning) {
		return findings, true, err
	}
	err = bolt.Check(ctx, StoreFile(c), show, Tables()...)
	if errors.Is(err, store.ErrDamaged) {
		return strings.Split(err.Error(), "\n"), false, nil
	}
	return nil, false, err
}

// CheckTables compares the records of a store with their indexes and returns
// what does not fit together, a sentence each.
func CheckTables(ctx context.Context, db store.Store) ([]string, error) {
	findings := []string{}
	err := db.View(ctx, func(tx store.Tx) error {
		for _, t := range Tables() {
			if err := ctx.Err(); err != nil {
				return err
			}
			if err := t.CheckIndexes(tx); err != nil {
				findings = append(findings, strings.Split(err.Error(), "\n")...)
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("check tables: %w", err)
	}
	return findings, nil
}
