package bolt_test

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	bbolt "go.etcd.io/bbolt"

	"github.com/perch-chat/perch/store"
	"github.com/perch-chat/perch/store/bolt"
)

// note is the record of these tests.
type note struct {
	ID   string `json:"id"`
	By   string `json:"by"`
	Text string `json:"text"`
}

func notes() store.Table[note] {
	return store.Table[note]{
		Name: "note", Key: func(n note) []byte { return store.Key(n.ID) },
		Indexes: []store.Index[note]{{Name: "by", Keys: func(n note) [][]byte { return [][]byte{store.Key(n.By)} }}},
	}
}

// newFile makes a store of several kinds of pages and returns its path.
func newFile(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "db")
	s := mustOpen(t, path)
	tab := notes()
	for round := range 4 { // several commits, so that there are free pages
		if err := s.Update(t.Context(), func(tx store.Tx) error {
			for i := range 400 {
				if err := tab.Put(tx, note{ID: fmt.Sprint(i), By: fmt.Sprint("p", i%7), Text: strings.Repeat("x", 20*round+i%50)}); err != nil {
					return err
				}
			}
			return errors.Join(
				tx.Put("big", []byte("k"), fmt.Appendf(nil, "%q", strings.Repeat("y", 30_000))),
				tx.Put("small", []byte("k"), fmt.Append(nil, round)),
				tab.Delete(tx, store.Key(fmt.Sprint(round))))
		}); err != nil {
			t.Fatal(err)
		}
	}
	mustClose(t, s)
	return path
}

func mustOpen(t *testing.T, path string) *bolt.Store {
	t.Helper()
	s, err := bolt.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func mustClose(t *testing.T, s *bolt.Store) {
	t.Helper()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

// readAll reads every pair of a store.
func readAll(t *testing.T, s store.Store) (n int, err error) {
	t.Helper()
	err = s.View(t.Context(), func(tx store.Tx) error {
		tables, err := tx.(store.Lister).Tables()
		if err != nil {
			return err
		}
		for _, table := range tables {
			for _, err := range tx.Scan(table, store.Range{}) {
				if err != nil {
					return err
				}
				n++
			}
		}
		return nil
	})
	return n, err
}

func TestFileModes(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("no file modes")
	}
	path := newFile(t)
	backup := filepath.Join(t.TempDir(), "backup")
	s := mustOpen(t, path)
	if err := s.BackupFile(t.Context(), backup, nil); err != nil {
		t.Fatal(err)
	}
	mustClose(t, s)
	for _, p := range []string{path, path + ".exists", backup} {
		info, err := os.Stat(p)
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %v, want 0600", filepath.Base(p), info.Mode())
		}
	}
}

func TestOpenTwice(t *testing.T) {
	path := newFile(t)
	s := mustOpen(t, path)
	defer mustClose(t, s)
	_, err := bolt.Open(path)
	if !errors.Is(err, store.ErrInUse) || !strings.Contains(err.Error(), path) {
		t.Errorf("the second Open = %v, want ErrInUse and the path", err)
	}
	if err := bolt.Check(t.Context(), path, nil); !errors.Is(err, store.ErrInUse) {
		t.Errorf("Check of a file in use = %v, want ErrInUse", err)
	}
}

// A store that is gone must not come back as an empty one.
func TestOpenGuardsAgainstLoss(t *testing.T) {
	for name, lose := range map[string]func(path string) error{
		"emptied": func(path string) error { return os.Truncate(path, 0) },
		"removed": os.Remove,
	} {
		path := newFile(t)
		if err := lose(path); err != nil {
			t.Fatal(err)
		}
		s, err := bolt.Open(path)
		if !errors.Is(err, store.ErrDamaged) || !strings.Contains(err.Error(), path+".exists") {
			t.Errorf("%s: Open = %v, want ErrDamaged and the way out", name, err)
		}
		if err == nil {
			mustClose(t, s)
			continue
		}
		if err := os.Remove(path + ".exists"); err != nil { // the way out
			t.Fatal(err)
		}
		mustClose(t, mustOpen(t, path))
	}
	path := filepath.Join(t.TempDir(), "touched")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	mustClose(t, mustOpen(t, path)) // never was one
}

// Whatever a file is cut to, Open says so and bbolt never gets to see it.
func TestOpenTruncated(t *testing.T) {
	whole, err := os.ReadFile(backupOf(t, newFile(t)))
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "db")
	for i := range 60 {
		n := i * len(whole) / 60
		switch i {
		case 0:
			n = 1
		case 59:
			n = len(whole) - 1
		}
		if err := os.WriteFile(path, whole[:n], 0o600); err != nil {
			t.Fatal(err)
		}
		s, err := bolt.Open(path)
		if !errors.Is(err, store.ErrDamaged) {
			t.Errorf("cut to %d of %d bytes: Open = %v, want ErrDamaged", n, len(whole), err)
		}
		if err == nil {
			mustClose(t, s)
		}
		if err := bolt.Check(t.Context(), path, nil); !errors.Is(err, store.ErrDamaged) {
			t.Errorf("cut to %d of %d bytes: Check = %v, want ErrDamaged", n, len(whole), err)
		}
	}
}

// backupOf is a copy without the room to grow that a live file has.
func backupOf(t *testing.T, path string) string {
	t.Helper()
	s := mustOpen(t, path)
	defer mustClose(t, s)
	backup := filepath.Join(t.TempDir(), "backup")
	if err := s.BackupFile(t.Context(), backup, nil); err != nil {
		t.Fatal(err)
	}
	return backup
}

func TestOpenNotAStore(t *testing.T) {
	path := filepath.Join(t.TempDir(), "db")
	if err := os.WriteFile(path, bytes.Repeat([]byte("hello\n"), 9000), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := bolt.Open(path); !errors.Is(err, store.ErrDamaged) {
		t.Errorf("Open of a text = %v, want ErrDamaged", err)
	}
	if _, err := bolt.Open(t.TempDir()); err == nil {
		t.Error("Open of a folder succeeded")
	}
	if is, err := bolt.IsStore(path); is || err != nil {
		t.Errorf("IsStore of a text = %v, %v", is, err)
	}
	if is, err := bolt.IsStore(newFile(t)); !is || err != nil {
		t.Errorf("IsStore = %v, %v", is, err)
	}
}

// One lost meta page costs nothing: there are two.
func TestOpenOneMetaLost(t *testing.T) {
	for page := range 2 {
		path := newFile(t)
		f, err := os.OpenFile(path, os.O_RDWR, 0)
		if err != nil {
			t.Fatal(err)
		}
		_, err = f.WriteAt(make([]byte, 4096), int64(page)*4096)
		if err := errors.Join(err, f.Close()); err != nil {
			t.Fatal(err)
		}
		s := mustOpen(t, path)
		if n, err := readAll(t, s); n < 700 || err != nil {
			t.Errorf("meta %d lost: %d pairs, %v", page, n, err)
		}
		mustClose(t, s)
	}
}

func TestCheck(t *testing.T) {
	path := newFile(t)
	var told int64
	if err := bolt.Check(t.Context(), path, func(done, _ int64) { told = done }, notes()); err != nil {
		t.Errorf("Check of a good file = %v", err)
	}
	_ = told // a small file may be read before it is time to tell
	if err := bolt.Check(t.Context(), path+"-none", nil); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Check of no file = %v, want ErrNotExist", err)
	}
	s := mustOpen(t, path)
	err := s.Update(t.Context(), func(tx store.Tx) error { return tx.Delete("note", store.Key("77")) })
	mustClose(t, s)
	if err != nil {
		t.Fatal(err)
	}
	if err := bolt.Check(t.Context(), path, nil); err != nil {
		t.Errorf("Check of the pages = %v", err)
	}
	if err := bolt.Check(t.Context(), path, nil, notes()); !errors.Is(err, store.ErrDamaged) || !strings.Contains(err.Error(), "note.by") {
		t.Errorf("Check of a table whose index has too much = %v, want ErrDamaged and the index", err)
	}
}

// Random damage must never crash Check, and what it calls good must be good:
// bbolt's own check, which does crash on some damage, has then nothing to add.
func TestCheckDamaged(t *testing.T) {
	whole, err := os.ReadFile(backupOf(t, newFile(t)))
	if err != nil {
		t.Fatal(err)
	}
	const seed = 7
	r := rand.New(rand.NewPCG(seed, seed))
	path := filepath.Join(t.TempDir(), "db")
	found := 0
	const rounds = 200
	for i := range rounds {
		bad := bytes.Clone(whole)
		for range 1 + r.IntN(4) {
			page := r.IntN(len(bad) / 4096)
			at := page*4096 + r.IntN(4096)
			if r.IntN(2) == 0 {
				at = page*4096 + r.IntN(64) // headers are where it hurts
			}
			bad[at] ^= byte(1 << r.IntN(8))
		}
		if err := os.WriteFile(path, bad, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := bolt.Check(t.Context(), path, nil, notes()); err != nil {
			found++
			continue
		}
		db, err := bbolt.Open(path, 0o600, &bbolt.Options{ReadOnly: true})
		if err != nil {
			t.Fatalf("round %d: Check is content, bbolt is not: %v", i, err)
		}
		err = db.View(func(tx *bbolt.Tx) error {
			for err := range tx.Check() {
				t.Errorf("round %d: Check is content, bbolt is not: %v", i, err)
			}
			return nil
		})
		if err := errors.Join(err, db.Close()); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("%d of %d found", found, rounds)
	if found < rounds/4 {
		t.Errorf("Check found only %d of %d", found, rounds)
	}
}
