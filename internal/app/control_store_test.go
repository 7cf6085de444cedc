package app_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/perch-chat/perch/internal/app"
	"github.com/perch-chat/perch/internal/config"
	"github.com/perch-chat/perch/store"
	"github.com/perch-chat/perch/store/postgres/pgtest"
	"github.com/perch-chat/perch/web"
)

// tokenNames opens the store and lists what is in it.
func tokenNames(t *testing.T, c config.Config) (names []string) {
	t.Helper()
	inStore(t, c, func(tx store.Tx) error {
		names = nil
		list, err := web.ListTokens(tx)
		for _, x := range list {
			names = append(names, x.Name)
		}
		return err
	})
	return names
}

func inStore(t *testing.T, c config.Config, fn func(tx store.Tx) error) {
	t.Helper()
	db, err := app.OpenStore(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(db.Update(t.Context(), fn), db.Close()); err != nil {
		t.Fatal(err)
	}
}

func makeToken(name string) func(tx store.Tx) error {
	return func(tx store.Tx) error {
		_, _, err := web.CreateToken(tx, web.NewToken{Name: name, Scopes: web.Scopes()})
		return err
	}
}

// restores tries a backup of one driver in the store of another or the same.
func restores(t *testing.T, c config.Config) {
	t.Helper()
	from := config.Default()
	from.Data = t.TempDir()
	inStore(t, from, makeToken("kept"))
	var backup bytes.Buffer
	db, err := app.OpenStore(t.Context(), from)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(store.Dump(t.Context(), db, &backup, nil), db.Close()); err != nil {
		t.Fatal(err)
	}
	restore := func(b []byte, force bool) error {
		return app.Restore(t.Context(), c, bytes.NewReader(b), force, nil)
	}

	if err := restore(backup.Bytes()[:backup.Len()-10], false); !errors.Is(err, store.ErrDamaged) {
		t.Errorf("Restore(cut) = %v; want ErrDamaged", err)
	}
	if err := restore(backup.Bytes(), false); err != nil {
		t.Fatalf("Restore(empty store) = %v", err)
	}
	if got := tokenNames(t, c); len(got) != 1 || got[0] != "kept" {
		t.Errorf("after Restore: %q; want what was backed up", got)
	}
	inStore(t, c, makeToken("later"))
	if err := restore(backup.Bytes(), false); !errors.Is(err, store.ErrNotEmpty) {
		t.Errorf("Restore(full store) = %v; want ErrNotEmpty", err)
	}
	if got := tokenNames(t, c); len(got) != 2 {
		t.Errorf("after a refused Restore: %q; want all as it was", got)
	}
	if err := restore(backup.Bytes(), true); err != nil {
		t.Fatalf("Restore(full store, force) = %v", err)
	}
	if got := tokenNames(t, c); len(got) != 1 || got[0] != "kept" {
		t.Errorf("after a forced Restore: %q; want what was backed up alone", got)
	}
	findings, live, err := app.CheckStore(t.Context(), c, nil)
	if err != nil || live || len(findings) > 0 {
		t.Errorf("CheckStore() = %q, %t, %v; want nothing found", findings, live, err)
	}
	inStore(t, c, func(tx store.Tx) error { return tx.Put("x_accounts.handle", []byte("lost"), []byte(`{"k":"eA=="}`)) })
	findings, _, err = app.CheckStore(t.Context(), c, nil)
	if err != nil || len(findings) == 0 {
		t.Errorf("CheckStore(damaged index) = %q, %v; want findings", findings, err)
	}
}

func TestRestoreBolt(t *testing.T) {
	c := config.Default()
	c.Data = filepath.Join(t.TempDir(), "data")
	restores(t, c)
	if rest, err := filepath.Glob(filepath.Join(c.Data, ".restore-*")); err != nil || len(rest) > 0 {
		t.Errorf("left over: %q, %v", rest, err)
	}
	if _, err := os.Stat(app.StoreFile(c) + ".before-restore"); err != nil {
		t.Errorf("the old file is not kept: %v", err)
	}
}

func TestRestorePostgres(t *testing.T) {
	c := config.Default()
	c.Store = config.Store{Driver: "postgres", PostgresURL: config.Secret(pgtest.Start(t).Schema(t))}
	restores(t, c)

	// A replica at work has the lease of what one does for all.
	inStore(t, c, func(tx store.Tx) error {
		_, err := store.AcquireLease(tx, "app.poll", "replica", time.Minute)
		return err
	})
	if err := app.Restore(t.Context(), c, bytes.NewReader(dumpOf(t, c)), true, nil); !errors.Is(err, store.ErrInUse) {
		t.Errorf("Restore() under a running Perch = %v; want ErrInUse", err)
	}
}

func dumpOf(t *testing.T, c config.Config) []byte {
	t.Helper()
	db, err := app.OpenStore(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := errors.Join(store.Dump(t.Context(), db, &b, nil), db.Close()); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}
