package bolt_test

import (
	"path/filepath"
	"testing"

	"github.com/perch-chat/perch/store"
	"github.com/perch-chat/perch/store/bolt"
	"github.com/perch-chat/perch/store/storetest"
)

func open(t *testing.T) store.Store {
	t.Helper()
	s, err := bolt.Open(filepath.Join(t.TempDir(), "db"))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestStore(t *testing.T) { storetest.Run(t, open) }

func TestCrash(t *testing.T) {
	storetest.RunCrash(t, storetest.Crash{
		Place: func(t *testing.T) string { return filepath.Join(t.TempDir(), "db") },
		Open:  func(path string) (store.Store, error) { return bolt.Open(path) },
	})
}
