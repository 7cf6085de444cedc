package app_test

import (
	"bytes"
	"testing"

	"github.com/perch-chat/perch/internal/accounts"
	"github.com/perch-chat/perch/internal/app"
	"github.com/perch-chat/perch/internal/config"
	"github.com/perch-chat/perch/internal/outbox"
	"github.com/perch-chat/perch/store"
)

// TestRestoredPostsWait: what waited when a backup was made may have gone out
// since, so it must not go out again before a person looked.
func TestRestoredPostsWait(t *testing.T) {
	c := config.Default()
	c.PublicURL, c.Data = "http://127.0.0.1:8080", t.TempDir()
	c.EncryptionKey = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="
	c.Channels.Setup = "webchat:setup"
	first, err := app.New(t.Context(), app.Options{Config: c})
	if err != nil {
		t.Fatal(err)
	}
	var backup bytes.Buffer
	err = first.DB.Update(t.Context(), func(tx store.Tx) error {
		_, _, err := first.Outbox.Add(tx, outbox.Action{
			Kind: accounts.KindPost, Key: "k1", Lanes: accounts.Lanes("1", "post"), Payload: []byte(`{"account":"1","text":"hi"}`),
		})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := store.Dump(t.Context(), first.DB, &backup, nil); err != nil {
		t.Fatal(err)
	}
	if err := first.DB.Close(); err != nil {
		t.Fatal(err)
	}

	c.Data = t.TempDir()
	if err := app.Restore(t.Context(), c, bytes.NewReader(backup.Bytes()), false, nil); err != nil {
		t.Fatal(err)
	}
	look := func() (holds []outbox.Hold, notices int) {
		t.Helper()
		a, err := app.New(t.Context(), app.Options{Config: c})
		if err != nil {
			t.Fatal(err)
		}
		err = a.DB.View(t.Context(), func(tx store.Tx) (err error) {
			if holds, err = a.Outbox.Holds(tx); err != nil {
				return err
			}
			queued, err := a.Outbox.ByState(tx, outbox.Queued, 100)
			for _, q := range queued {
				if bytes.Contains(q.Payload, []byte("Send what is left")) {
					notices++
				}
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		if err := a.DB.Close(); err != nil {
			t.Fatal(err)
		}
		return holds, notices
	}
	for range 2 { // a second start changes nothing
		holds, notices := look()
		if len(holds) != 1 || holds[0].Lane != "x:1:post" || holds[0].Code != "restored" || !holds[0].Until.IsZero() || notices != 1 {
			t.Fatalf("holds %+v, %d notices; want the lane of posts held until a person says so, told once", holds, notices)
		}
	}
}
