package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/perch-chat/perch/internal/app"
	"github.com/perch-chat/perch/internal/config"
	"github.com/perch-chat/perch/store"
)

type storeCmd struct {
	Backup  storeBackupCmd  `cmd:"" help:"Copy everything Perch keeps to a file, also while it runs."`
	Restore storeRestoreCmd `cmd:"" help:"Put a backup back. Perch must be stopped."`
	Check   storeCheckCmd   `cmd:"" help:"Look for damage."`
}

// isEmbedded reports whether one process has the store to itself.
func isEmbedded(c config.Config) bool { return c.Store.Driver == "bolt" }

// mustExist says so if there is no store, rather than make an empty one.
func mustExist(c config.Config) error {
	if !isEmbedded(c) {
		return nil
	}
	_, err := os.Stat(app.StoreFile(c))
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("there is no store at %s: check the key data in the configuration", app.StoreFile(c))
	}
	return err
}

// withStore opens the configured store for one command.
func withStore(e *env, cfg config.Config, fn func(store.Store) error) error {
	db, err := app.OpenStore(e.ctx, cfg)
	if err != nil {
		return err
	}
	return errors.Join(fn(db), db.Close())
}

// live calls running, for the Perch that has the store to itself, or stopped
// where none runs. Neither has had any effect when the other is called.
func live(e *env, cfg config.Config, running func(*app.Control) error, stopped func(store.Store) error) error {
	if !isEmbedded(cfg) {
		return withStore(e, cfg, stopped)
	}
	err := running(app.NewControl(cfg))
	if !errors.Is(err, app.ErrNotRunning) {
		return err
	}
	err = withStore(e, cfg, stopped)
	if errors.Is(err, store.ErrInUse) { // it has started meanwhile
		if again := running(app.NewControl(cfg)); !errors.Is(again, app.ErrNotRunning) {
			return again
		}
		return errors.New("another process has the store and takes no orders: if Perch is starting or stopping, try again in a moment")
	}
	return err
}

type storeBackupCmd struct {
	fileFlag
	File string `arg:"" help:"The file to write, or - for the standard output."`
}

// Run implements the command.
func (c storeBackupCmd) Run(e *env) error {
	cfg, err := c.loadStore(e)
	if err != nil {
		return err
	}
	if err := mustExist(cfg); err != nil {
		return err
	}
	p := showProgress(e.err, "Writing the backup")
	if c.File == "-" {
		err = backupStream(e, cfg, p)
	} else {
		err = backupFile(e, cfg, c.File, p)
	}
	p.end()
	if err != nil {
		return fmt.Errorf("back up: %w", err)
	}
	_, _ = fmt.Fprintln(e.err, "The backup is complete and was read back. Keep encryption_key apart from it: only that opens the X tokens in it.")
	return nil
}

// dumpTo writes the store as it is now.
func dumpTo(e *env, cfg config.Config, w io.Writer) error {
	return live(e, cfg,
		func(ctl *app.Control) error { return ctl.Backup(e.ctx, w) },
		func(db store.Store) error { return store.Dump(e.ctx, db, w, nil) })
}

// backupStream checks what it writes as it goes by.
func backupStream(e *env, cfg config.Config, p *progress) error {
	r, w := io.Pipe()
	verified := make(chan error, 1)
	go func() {
		err := store.VerifyDump(e.ctx, r)
		verified <- errors.Join(err, r.CloseWithError(err)) // it never fails
	}()
	err := dumpTo(e, cfg, &counted{w: io.MultiWriter(e.out, w), p: p})
	_ = w.CloseWithError(err) // it never fails
	return errors.Join(err, <-verified)
}

// backupFile gives the file its name once it is complete and was read back.
func backupFile(e *env, cfg config.Config, path string, p *progress) (err error) {
	if err := mayOverwrite(path); err != nil {
		return err
	}
	part, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".part-*") // only its owner may read it
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = part.Close() // perhaps again
			err = errors.Join(err, os.Remove(part.Name()))
		}
	}()
	if err := dumpTo(e, cfg, &counted{w: part, p: p}); err != nil {
		return err
	}
	if err := part.Sync(); err != nil {
		return err
	}
	if _, err := part.Seek(0, io.SeekStart); err != nil {
		return err
	}
	p.set("reading it back")
	if err := store.VerifyDump(e.ctx, part); err != nil {
		return err
	}
	if err := part.Close(); err != nil {
		return err
	}
	if err := os.Rename(part.Name(), path); err != nil {
		return err
	}
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return nil // the backup is there; only a crash could take its name back
	}
	_ = dir.Sync() // not every file system can
	return dir.Close()
}

// mayOverwrite refuses to replace what is no backup.
func mayOverwrite(path string) error {
	f, err := os.Open(path) //nolint:gosec // the operator names the file
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }() // only read
	head := make([]byte, len(dumpStart))
	n, err := io.ReadFull(f, head)
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, io.EOF) {
		return err
	}
	if n > 0 && string(head[:n]) != dumpStart {
		return fmt.Errorf("%s is there and is no backup of Perch: choose another name", path)
	}
	return nil
}

// dumpStart is how a backup begins.
const dumpStart = `{"perch_store":`

type storeCheckCmd struct {
	fileFlag
}

// Run implements the command.
func (c storeCheckCmd) Run(e *env) error {
	cfg, err := c.loadStore(e)
	if err != nil {
		return err
	}
	if err := mustExist(cfg); err != nil {
		return err
	}
	p := showProgress(e.err, "Checking the store")
	findings, live, err := app.CheckStore(e.ctx, cfg, func(done, total int64) { p.set("%d %%", 100*done/max(total, 1)) })
	p.end()
	switch {
	case errors.Is(err, store.ErrInUse):
		return errors.New("another process has the store: if Perch is starting or stopping, try again in a moment")
	case err != nil:
		return fmt.Errorf("check the store: %w", err)
	}
	for _, f := range findings {
		_, _ = fmt.Fprintln(e.err, "❌ "+f)
	}
	if len(findings) > 0 {
		return errors.New("the store is damaged: stop Perch and restore a backup with perch store restore FILE --force")
	}
	text := "✅ The store is in order."
	if live {
		text += " Perch is running: its records and indexes were checked. To have the file itself checked too, stop Perch first."
	}
	_, err = fmt.Fprintln(e.out, text)
	return err
}
