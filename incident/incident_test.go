package incident_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/perch-chat/perch/incident"
	"github.com/perch-chat/perch/store"
)

func TestGet(t *testing.T) {
	t.Parallel()
	w := newWorld(t, incident.Policy{})
	w.create(incident.New{Title: "first"})
	inc := w.create(incident.New{Title: " a\n title ", Channel: "webchat:incidents", Origin: "x"})
	if inc.Seq != 2 || inc.Title != "a title" || inc.Name() != "INC-2" || inc.Slug() != "2-a-title" {
		t.Errorf("incident = %+v", inc)
	}
	if again := w.create(incident.New{Title: "other", Origin: "x"}); again.ID != inc.ID {
		t.Error("an origin made two incidents")
	}
	w.update(func(tx store.Tx) error {
		for _, ref := range []string{inc.ID, strings.ToUpper(inc.ID), "2", "#2", "INC-2", "inc-2", " INC-2 "} {
			if got, err := w.s.Get(tx, ref); err != nil || got.ID != inc.ID {
				t.Errorf("Get(%q) = %v, %v", ref, got.Name(), err)
			}
		}
		for _, ref := range []string{"", "3", "INC-", "abc", "0", "-2", "99999999999999999999", "01890a5d-ac96-774b-bcce-b302099a8057"} {
			var refused *incident.Error
			if _, err := w.s.Get(tx, ref); !errors.As(err, &refused) || refused.Code != incident.CodeNotFound {
				t.Errorf("Get(%q) = %v, want %s", ref, err, incident.CodeNotFound)
			}
		}
		return nil
	})
	newer := w.create(incident.New{Channel: "webchat:incidents"})
	w.update(func(tx store.Tx) error { _, err := w.s.Resolve(tx, newer.ID, ada, ""); return err })
	w.update(func(tx store.Tx) error {
		got, ok, err := w.s.ByChannel(tx, "webchat:incidents")
		if !ok || got.ID != inc.ID {
			t.Errorf("ByChannel = %s, %t, want the open one", got.Name(), ok)
		}
		return err
	})
}

// TestTimeline checks order, paging, system entries and idempotence.
func TestTimeline(t *testing.T) {
	t.Parallel()
	w := newWorld(t, incident.Policy{})
	at := time.Date(2026, 3, 14, 9, 0, 0, 0, time.FixedZone("", 3600))
	inc := w.create(incident.New{Title: "T", Severity: incident.Sev3})
	w.add(inc, incident.NewEntry{Text: "second", OccurredAt: at.Add(time.Minute), Origin: "slack:1"})
	w.add(inc, incident.NewEntry{Text: "first", OccurredAt: at})
	if again := w.add(inc, incident.NewEntry{Text: "other", Origin: "slack:1"}); again.Text != "second" {
		t.Errorf("an origin made two entries: %q", again.Text)
	}
	w.update(func(tx store.Tx) error {
		if _, err := w.s.SetSeverity(tx, inc.ID, incident.Sev1, ada); err != nil {
			return err
		}
		_, err := w.s.Resolve(tx, inc.ID, ada, "rolled back")
		return err
	})
	var got []string
	for _, e := range w.timeline(inc) {
		got = append(got, e.Text)
	}
	want := []string{"first", "second", "Incident declared: T (sev3)", "Severity changed from sev3 to sev1", "Status changed from started to resolved: rolled back"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	last := w.timeline(inc)[4]
	if _, refused := w.act(func(tx store.Tx, id string, by incident.Person) (incident.Entry, error) {
		return w.s.SetText(tx, id, "no", by)
	}, last.ID, ada); refused == nil || refused.Code != incident.CodeLocked {
		t.Errorf("edit of a system entry: %v", refused)
	}
	w.update(func(tx store.Tx) error {
		es, total, err := w.s.Entries(tx, inc.ID, incident.Page{Number: 2, Size: 2})
		if total != 5 || len(es) != 2 || es[0].Text != want[2] {
			t.Errorf("page 2 = %d entries of %d", len(es), total)
		}
		es, _, _ = w.s.Entries(tx, inc.ID, incident.Page{Size: 2, Newest: true})
		if es[0].Text != want[4] {
			t.Errorf("newest = %q", es[0].Text)
		}
		es, _, _ = w.s.Entries(tx, inc.ID, incident.Page{Number: 1 << 62, Size: 1 << 62})
		if len(es) != 0 {
			t.Errorf("a page far away has %d entries", len(es))
		}
		return err
	})
}

func TestInvalid(t *testing.T) {
	t.Parallel()
	w := newWorld(t, incident.Policy{})
	inc := w.create(incident.New{})
	for field, n := range map[string]incident.NewEntry{
		"text":        {Text: " \n"},
		"visibility":  {Text: "x", Visibility: "moon"},
		"occurred_at": {Text: "x", OccurredAt: time.Date(1, 1, 2, 0, 0, 0, 0, time.UTC)},
	} {
		err := w.db.Update(t.Context(), func(tx store.Tx) error { _, err := w.s.Add(tx, inc.ID, n); return err })
		var refused *incident.Error
		if !errors.As(err, &refused) || refused.Code != incident.CodeInvalid || refused.Field != field {
			t.Errorf("Add(%+v) = %v, want %s", n, err, field)
		}
	}
	w.update(func(tx store.Tx) error { _, err := w.s.SetStatus(tx, inc.ID, incident.Closed, ada, ""); return err })
	err := w.db.Update(t.Context(), func(tx store.Tx) error { _, err := w.s.Add(tx, inc.ID, incident.NewEntry{Text: "x"}); return err })
	var refused *incident.Error
	if !errors.As(err, &refused) || refused.Code != incident.CodeClosed {
		t.Errorf("Add to a closed incident: %v", err)
	}
}

func TestParseVisibility(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]incident.Visibility{
		"internal": incident.Internal, "Internal ": incident.Internal, "incident responders": incident.Internal,
		"status page": incident.StatusPage, "status_page": incident.StatusPage, "external": incident.StatusPage, "statuspage": incident.StatusPage,
		"private_status_page": incident.StatusPage, "incident responders + private status page": incident.StatusPage,
		"status page + twitter": incident.Twitter, "twitter": incident.Twitter, "x": incident.Twitter, "Status page + X": incident.Twitter,
		"incident responders + private status page + twitter": incident.Twitter, "status-page+twitter": incident.Twitter,
		"": "", "moon": "", "twitter internal": "", "page": "",
	} {
		if got, ok := incident.ParseVisibility(in); got != want || ok != (want != "") {
			t.Errorf("ParseVisibility(%q) = %q, %t, want %q", in, got, ok, want)
		}
	}
}
