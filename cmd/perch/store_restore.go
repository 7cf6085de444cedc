package main

import (
	"errors"
	"fmt"
	"os"

	"github.com/perch-chat/perch/internal/app"
	"github.com/perch-chat/perch/store"
)

type storeRestoreCmd struct {
	fileFlag
	File  string `arg:"" help:"The backup."`
	Force bool   `help:"Replace what the store holds. An embedded store's old file is kept beside the new one."`
}

// Run implements the command.
func (c storeRestoreCmd) Run(e *env) error {
	cfg, err := c.loadStore(e)
	if err != nil {
		return err
	}
	f, err := os.Open(c.File)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }() // only read
	p := showProgress(e.err, "Restoring")
	err = app.Restore(e.ctx, cfg, f, c.Force, func(n int) { p.set("%d records", n) })
	p.end()
	switch {
	case errors.Is(err, store.ErrInUse) && isEmbedded(cfg):
		return errors.New("perch is running with this store: stop it, restore, and start it again")
	case errors.Is(err, store.ErrInUse):
		return errors.New("perch is running with this database: stop every replica, wait half a minute if one crashed, and restore again")
	case errors.Is(err, store.ErrNotEmpty):
		return errors.New("the store holds data already: use --force to replace all of it")
	case err != nil:
		return fmt.Errorf("restore: %w", err)
	}
	_, err = fmt.Fprintln(e.out, "Restored. What was still to be sent when the backup was made will be sent when Perch starts.\nNext: perch doctor, then perch serve")
	return err
}
