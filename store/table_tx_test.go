package store

import (
	"bytes"
	"encoding/json"
	"testing"
)

func TestEntryIsWhatJSONMakesOfIt(t *testing.T) {
	t.Parallel()
	for n := range 70 {
		pk := make([]byte, n)
		for i := range pk {
			pk[i] = byte(i*37 + n)
		}
		want, err := json.Marshal(indexEntry{Key: pk})
		if err != nil {
			t.Fatal(err)
		}
		if got := entryOf(pk); !bytes.Equal(got, want) {
			t.Errorf("entryOf(%x) = %s, want %s", pk, got, want)
		}
	}
}
