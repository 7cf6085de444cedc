// Package bolttest gives tests a store of their own: an embedded one in a
// temporary folder, gone when the test ends. It never opens a file that is
// there already.
package bolttest

import (
	"path/filepath"
	"testing"

	"github.com/perch-chat/perch/store/bolt"
)

// Open returns an empty store, which is closed when the test ends.
func Open(t testing.TB) *bolt.Store {
	t.Helper()
	s, err := bolt.Open(filepath.Join(t.TempDir(), "perch.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("close the store: %v", err)
		}
	})
	return s
}
