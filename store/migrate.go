package store

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// metaTable holds what the store knows of itself.
const metaTable = "store.meta"

// Migration changes stored data from one form of the program to the next.
// Numbers and names are fixed once released.
type Migration struct {
	Number int // over 0, ascending
	Name   string
	Run    func(Tx) error
}

// migrationRecord says that a migration was run.
type migrationRecord struct {
	Number int       `json:"number"`
	Name   string    `json:"name"`
	At     time.Time `json:"at"`
}

func migrationTable() Table[migrationRecord] {
	return Table[migrationRecord]{Name: "store.migration", Key: func(r migrationRecord) []byte { return Key(r.Number) }}
}

// Migrate runs those of migrations that the store has not seen, each in an
// Update of its own with the note that it was run, so that none runs twice,
// even when several replicas start at once. It refuses, with [ErrNewer], a
// store that has seen a migration which this program does not know, and a
// store whose [Load] was interrupted.
func Migrate(ctx context.Context, s Store, migrations []Migration) error {
	for i, m := range migrations {
		if m.Number <= 0 || i > 0 && m.Number <= migrations[i-1].Number {
			return fmt.Errorf("migrate: number %d of %q is not ascending", m.Number, m.Name)
		}
	}
	if err := s.View(ctx, func(tx Tx) error { return checkMigrated(tx, migrations) }); err != nil {
		return fmt.Errorf("migrate: %w", err)
	}
	for _, m := range migrations {
		if err := s.Update(ctx, func(tx Tx) error { return migrateOne(tx, m) }); err != nil {
			return fmt.Errorf("migrate: number %d, %s: %w", m.Number, m.Name, err)
		}
	}
	return nil
}

// checkMigrated compares what the store has seen with what the program knows.
func checkMigrated(tx Tx, migrations []Migration) error {
	if _, err := tx.Get(metaTable, loadingKey()); err == nil {
		return errors.New("a restore into this store was interrupted: restore again with force")
	} else if !errors.Is(err, ErrNotFound) {
		return err
	}
	known := make(map[int]bool, len(migrations))
	for _, m := range migrations {
		known[m.Number] = true
	}
	highest := 0
	seen := make(map[int]bool)
	for r, err := range migrationTable().Scan(tx, Range{}) {
		if err != nil {
			return err
		}
		if !known[r.Number] {
			return fmt.Errorf("migration %d (%s) is not known to this program: %w", r.Number, r.Name, ErrNewer)
		}
		seen[r.Number], highest = true, r.Number
	}
	for _, m := range migrations {
		if m.Number < highest && !seen[m.Number] {
			return fmt.Errorf("migration %d (%s) was never run, though %d was", m.Number, m.Name, highest)
		}
	}
	return nil
}

func migrateOne(tx Tx, m Migration) error {
	done := migrationTable()
	switch _, ok, err := done.Find(tx, Key(m.Number)); {
	case err != nil:
		return err
	case ok:
		return nil
	}
	if m.Run != nil {
		if err := m.Run(tx); err != nil {
			return err
		}
	}
	return done.Put(tx, migrationRecord{Number: m.Number, Name: m.Name, At: time.Now().UTC()})
}
