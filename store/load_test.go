package store_test

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/perch-chat/perch/store"
	"github.com/perch-chat/perch/store/bolt/bolttest"
)

// TestLoadInterruptedTwice: what was loaded in part is known as such, also when
// it was the second try.
func TestLoadInterruptedTwice(t *testing.T) {
	from, to := bolttest.Open(t), bolttest.Open(t)
	err := from.Update(t.Context(), func(tx store.Tx) error {
		for i := range 2500 {
			if err := tx.Put("t", store.Key(i), []byte(`1`)); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	var dump bytes.Buffer
	if err := store.Dump(t.Context(), from, &dump, nil); err != nil {
		t.Fatal(err)
	}
	for try := range 2 {
		ctx, cancel := context.WithCancel(t.Context())
		err := store.Load(ctx, to, bytes.NewReader(dump.Bytes()), store.LoadOptions{Force: true, Progress: func(int) { cancel() }})
		cancel()
		if !errors.Is(err, context.Canceled) {
			t.Fatalf("try %d: Load = %v, want it interrupted", try+1, err)
		}
		if err := store.Migrate(t.Context(), to, nil); err == nil || !strings.Contains(err.Error(), "interrupted") {
			t.Errorf("try %d: Migrate = %v, want the store refused", try+1, err)
		}
	}
	if err := store.Load(t.Context(), to, bytes.NewReader(dump.Bytes()), store.LoadOptions{Force: true}); err != nil {
		t.Fatal(err)
	}
	if err := store.Migrate(t.Context(), to, nil); err != nil {
		t.Errorf("Migrate of what was loaded to its end = %v", err)
	}
}
