package bolt_test

import (
	"path/filepath"
	"testing"

	"github.com/perch-chat/perch/store"
	"github.com/perch-chat/perch/store/bolt"
)

func TestOpen(t *testing.T) {
	p := filepath.Join(t.TempDir(), "db")
	s, err := bolt.Open(p)
	if err != nil {
		t.Fatal(err)
	}
	for range 10 {
		if err := s.Update(t.Context(), func(tx store.Tx) error { return tx.Put("t", []byte("k"), []byte(`{}`)) }); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("%+v", s.Stats())
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}
