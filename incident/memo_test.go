package incident_test

import (
	"errors"
	"testing"

	"github.com/perch-chat/perch/incident"
	"github.com/perch-chat/perch/store"
)

// TestGetIsFresh checks that what was read before never hides what is stored
// now, also inside a transaction, and that callers can't change it for others.
func TestGetIsFresh(t *testing.T) {
	t.Parallel()
	w := newWorld(t, incident.Policy{})
	inc := w.create(incident.New{Title: "one"})
	get := func(tx store.Tx) incident.Incident {
		t.Helper()
		got, err := w.s.Get(tx, inc.ID)
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	rename := func(tx store.Tx, title string) {
		t.Helper()
		if _, err := w.s.Update(tx, inc.ID, ada, incident.Change{Title: &title}); err != nil {
			t.Fatal(err)
		}
	}
	title := func(tx store.Tx, want string) {
		t.Helper()
		if got := get(tx).Title; got != want {
			t.Errorf("title = %q, want %q", got, want)
		}
	}
	w.update(func(tx store.Tx) error {
		title(tx, "one")
		rename(tx, "two")
		title(tx, "two")
		return nil
	})
	undone := errors.New("undone")
	err := w.db.Update(t.Context(), func(tx store.Tx) error {
		rename(tx, "three")
		title(tx, "three")
		return undone
	})
	if !errors.Is(err, undone) {
		t.Fatal(err)
	}
	w.update(func(tx store.Tx) error {
		title(tx, "two")
		get(tx).Fired[incident.TriggerCreated] = 99
		if n := get(tx).Fired[incident.TriggerCreated]; n != 1 {
			t.Errorf("fired %d times: a caller changed it", n)
		}
		return nil
	})
}
