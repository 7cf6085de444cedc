package incident_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/perch-chat/perch/incident"
	"github.com/perch-chat/perch/store"
)

func (w *world) public(ref string) (p incident.Public, err error) {
	err = w.db.View(w.t.Context(), func(tx store.Tx) error {
		p, err = w.s.Public(tx, ref)
		return err
	})
	return p, err
}

// TestPublic follows what everybody sees of an incident through the life of
// its posts.
func TestPublic(t *testing.T) {
	t.Parallel()
	w := newWorld(t, incident.Policy{API: incident.ModeDirect})
	inc := w.create(incident.New{Title: "T"})
	nothing := func(when string) {
		t.Helper()
		var refused *incident.Error
		if p, err := w.public(inc.Name()); !errors.As(err, &refused) || refused.Code != incident.CodeNotFound {
			t.Errorf("%s: %+v, %v, want nothing", when, p, err)
		}
	}
	api := func(text string) incident.NewEntry {
		return incident.NewEntry{Text: text, Visibility: incident.Twitter, Source: incident.FromAPI, By: rio}
	}
	first := w.add(inc, api("One."))
	nothing("queued")
	w.settle()
	long := w.add(inc, api(strings.Repeat("word ", 80)))
	for _, step := range []func(store.Tx, string, incident.Person) (incident.Entry, error){w.s.Split, w.s.Confirm} {
		if _, refused := w.act(step, long.ID, rio); refused != nil {
			t.Fatal(refused)
		}
	}
	w.settle()
	p, err := w.public("1")
	if err != nil || p.Name != "INC-1" || p.Status != incident.Started || len(p.Updates) != 2 {
		t.Fatalf("public = %+v, %v", p, err)
	}
	if u := p.Updates[0]; len(u.Texts) != 2 || len(u.Links) != 1 || u.At.Before(p.Updates[1].At) {
		t.Errorf("thread = %+v", u)
	}
	want := incident.Update{At: p.Updates[1].At, Texts: []string{"One."}, Links: []incident.Link{{Handle: "acme", URL: "https://x.com/acme/status/post1"}}}
	if diff := cmp.Diff(want, p.Updates[1]); diff != "" || want.At.IsZero() {
		t.Error(diff)
	}
	for _, e := range []incident.Entry{first, long} {
		w.update(func(tx store.Tx) error { _, err := w.s.Delete(tx, e.ID, rio, true); return err })
	}
	nothing("deleted")
	w.settle()
	nothing("deleted on X")
	w.update(func(tx store.Tx) error {
		for _, table := range incident.Tables() {
			if err := table.CheckIndexes(tx); err != nil {
				return err
			}
		}
		return nil
	})
}

// TestPublicHides checks what was posted, and is nevertheless shown no more.
func TestPublicHides(t *testing.T) {
	t.Parallel()
	internal, private := incident.Internal, true
	for name, hide := range map[string]func(s *incident.Service, tx store.Tx, e incident.Entry) error{
		"entry made internal": func(s *incident.Service, tx store.Tx, e incident.Entry) error {
			_, err := s.Edit(tx, e.ID, incident.Edit{Visibility: &internal}, rio)
			return err
		},
		"incident made private": func(s *incident.Service, tx store.Tx, e incident.Entry) error {
			_, err := s.Update(tx, e.IncidentID, rio, incident.Change{Private: &private})
			return err
		},
	} {
		w := newWorld(t, incident.Policy{API: incident.ModeDirect})
		e := w.add(w.create(incident.New{}), incident.NewEntry{Text: "One.", Visibility: incident.Twitter, Source: incident.FromAPI, By: rio})
		w.settle()
		if p, err := w.public("1"); err != nil || len(p.Updates) != 1 {
			t.Fatalf("%s: before: %+v, %v", name, p, err)
		}
		w.update(func(tx store.Tx) error { return hide(w.s, tx, e) })
		var refused *incident.Error
		if p, err := w.public("1"); !errors.As(err, &refused) || refused.Code != incident.CodeNotFound {
			t.Errorf("%s: %+v, %v, want nothing", name, p, err)
		}
		if p := w.entry(e.ID).Posts[0]; p.State != incident.PubPosted {
			t.Errorf("%s: the post is %s, and it is on X", name, p.State)
		}
	}
}
