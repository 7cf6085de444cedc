package app

import (
	"bytes"
	"path/filepath"
	"testing"

	"github.com/perch-chat/perch/store/bolt"
)

// TestSecretStays: customers' tokens are made with it, so a restart must not
// change it, and no two chats share one.
func TestSecretStays(t *testing.T) {
	file := filepath.Join(t.TempDir(), "db")
	var was []byte
	for range 2 {
		db, err := bolt.Open(file)
		if err != nil {
			t.Fatal(err)
		}
		s, err := secretOf(t.Context(), db, "rocketchat")
		if err != nil || len(s) != 32 || bytes.Equal(s, make([]byte, 32)) {
			t.Fatalf("secret %x, %v", s, err)
		}
		if other, err := secretOf(t.Context(), db, "other"); err != nil || bytes.Equal(other, s) {
			t.Errorf("another chat's secret is %x, %v", other, err)
		}
		if was != nil && !bytes.Equal(was, s) {
			t.Error("the secret became another")
		}
		was = s
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
	}
}
