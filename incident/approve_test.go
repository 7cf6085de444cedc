package incident_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/perch-chat/perch/incident"
	"github.com/perch-chat/perch/internal/outbox"
	"github.com/perch-chat/perch/store"
)

// edit changes an entry's text.
func (w *world) edit(id, text string, by incident.Person, source incident.Source) (e incident.Entry) {
	w.t.Helper()
	w.update(func(tx store.Tx) (err error) {
		e, err = w.s.Edit(tx, id, incident.Edit{Text: &text, Source: source}, by)
		return err
	})
	return e
}

// TestWhoCanNotApprove: whoever wrote the words, changed them or brought them
// in needs somebody else.
func TestWhoCanNotApprove(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name    string
		n       incident.NewEntry
		changed bool // by Ada
		own     incident.Person
		other   incident.Person
	}{
		{"wrote", tweet("Hello"), false, rio, ada},
		{"changed", tweet("Helo"), true, ada, rio},
		{"brought in", incident.NewEntry{Text: "Hello", Visibility: incident.Twitter, Source: incident.FromChat, By: ada, Said: rio}, false, ada, rio},
		{"brought in and changed", incident.NewEntry{Text: "Helo", Visibility: incident.Twitter, Source: incident.FromChat, By: rio, Said: ada}, true, ada, rio},
	} {
		w := newWorld(t, incident.Policy{Approval: true})
		e := w.add(w.create(incident.New{}), c.n)
		if c.changed {
			e = w.edit(e.ID, "Hello", ada, incident.FromChat)
		}
		w.confirm(e)
		for range 2 {
			if _, refused := w.act(w.s.Confirm, e.ID, c.own); refused == nil || refused.Code != incident.CodeSelfApproval {
				t.Errorf("%s: approval by oneself = %v", c.name, refused)
			}
		}
		if p := w.entry(e.ID).Posts[0]; p.State != incident.PubAwaiting {
			t.Errorf("%s: it is %s", c.name, p.State)
		}
		e, refused := w.act(w.s.Confirm, e.ID, c.other)
		if refused != nil || e.Posts[0].State != incident.PubQueued {
			t.Errorf("%s: approval by another = %+v, %v", c.name, e.Posts, refused)
		}
	}
}

// TestEditedAfterConfirmation: nobody has seen the new text, so it isn't sent
// with the yes that the old one got; but for an API that needs none.
func TestEditedAfterConfirmation(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		policy incident.Policy
		source incident.Source
		want   incident.PubState
	}{
		{incident.Policy{}, incident.FromChat, incident.PubDraft},
		{incident.Policy{Approval: true}, incident.FromChat, incident.PubDraft},
		{incident.Policy{API: incident.ModeDirect}, incident.FromChat, incident.PubDraft},
		{incident.Policy{}, incident.FromAPI, incident.PubDraft},
		{incident.Policy{API: incident.ModeDirect}, incident.FromAPI, incident.PubQueued},
		{incident.Policy{API: incident.ModeDirect, Approval: true}, incident.FromAPI, incident.PubAwaiting},
	} {
		w := newWorld(t, c.policy)
		e := w.add(w.create(incident.New{}), tweet("Helo"))
		w.confirm(e)
		before := len(w.pubs)
		e = w.edit(e.ID, "Hello", ada, c.source)
		if p := e.Posts[0]; p.State != c.want || cmp.Diff([]string{"Hello"}, p.Texts()) != "" {
			t.Errorf("%+v, %s: %s %q, want %s", c.policy, c.source, p.State, p.Texts(), c.want)
		}
		if told := w.pubs[before:]; !slices.Equal(told, []incident.PubState{c.want}) {
			t.Errorf("%+v, %s: observers were told %v of what was replaced", c.policy, c.source, told)
		}
		if c.want == incident.PubQueued {
			w.settle()
			if texts, _, _ := w.x.seen(); cmp.Diff([]string{"Hello"}, texts) != "" {
				t.Errorf("posts = %q", texts)
			}
		}
	}
}

// TestAccountChangesAfterPreview: what would be sent now isn't what was shown,
// so it is shown again.
func TestAccountChangesAfterPreview(t *testing.T) {
	t.Parallel()
	for _, policy := range []incident.Policy{{}, {Approval: true}} {
		w := newWorld(t, policy)
		long := strings.TrimSpace(strings.Repeat("All systems are being looked at. ", 15))
		e := w.add(w.create(incident.New{}), tweet(long))
		e, _ = w.act(w.s.Split, e.ID, rio)
		premium := w.accs["22"]
		premium.Limit = 25000
		w.accs["22"] = premium
		e, refused := w.act(w.s.Confirm, e.ID, rio)
		if refused != nil || e.Posts[0].State != incident.PubDraft || cmp.Diff([]string{long}, e.Posts[0].Texts()) != "" {
			t.Fatalf("Confirm = %+v, %v, want another preview", e.Posts, refused)
		}
		e, refused = w.act(w.s.Confirm, e.ID, rio)
		want := incident.PubQueued
		if policy.Approval {
			want = incident.PubAwaiting
		}
		if refused != nil || e.Posts[0].State != want {
			t.Fatalf("the second Confirm = %+v, %v, want %s", e.Posts, refused, want)
		}
		if policy.Approval {
			continue
		}
		w.settle()
		if texts, _, _ := w.x.seen(); cmp.Diff([]string{long}, texts) != "" {
			t.Errorf("posts = %q", texts)
		}
	}
}

// TestDeletedOnItsWay: a post that X is being given when its entry is deleted
// with its posts is deleted once it is there.
func TestDeletedOnItsWay(t *testing.T) {
	t.Parallel()
	for _, also := range []bool{true, false} {
		w := newWorld(t, incident.Policy{})
		e := w.add(w.create(incident.New{}), tweet("Hello"))
		w.confirm(e)
		var a outbox.Action
		w.update(func(tx store.Tx) (err error) {
			if a, err = w.ob.Get(tx, e.Posts[0].Parts[0].Action); err != nil {
				return err
			}
			a.State = outbox.Attempting
			return w.s.ActionChanged(tx, outbox.Queued, a)
		})
		w.update(func(tx store.Tx) error { _, err := w.s.Delete(tx, e.ID, rio, also); return err })
		w.update(func(tx store.Tx) error {
			a.State, a.Result = outbox.Done, []byte(`{"id":"post1","url":"https://x.com/acme/status/post1"}`)
			return w.s.ActionChanged(tx, outbox.Attempting, a)
		})
		var kinds []string
		w.update(func(tx store.Tx) error {
			as, err := w.ob.BySubject(tx, a.Subject)
			kinds = nil
			for _, a := range as {
				kinds = append(kinds, a.Kind)
			}
			return err
		})
		want := []string{"x.post"}
		if also {
			want = append(want, "x.delete")
		}
		if diff := cmp.Diff(want, kinds); diff != "" {
			t.Errorf("also %v: %s", also, diff)
		}
	}
}
