package incident_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/perch-chat/perch/incident"
	"github.com/perch-chat/perch/internal/outbox"
	"github.com/perch-chat/perch/store"
)

// hide makes an incident private.
func (w *world) hide(inc incident.Incident) {
	w.t.Helper()
	private := true
	w.update(func(tx store.Tx) error {
		_, err := w.s.Update(tx, inc.ID, ada, incident.Change{Private: &private})
		return err
	})
}

func (w *world) confirm(e incident.Entry) {
	w.t.Helper()
	if _, refused := w.act(w.s.Confirm, e.ID, rio); refused != nil {
		w.t.Fatal(refused)
	}
}

// TestMadePrivate checks that what was to be published of an incident isn't any
// more once it is private, however far it was, unless somebody insisted.
func TestMadePrivate(t *testing.T) {
	t.Parallel()
	w := newWorld(t, incident.Policy{})
	inc := w.create(incident.New{Title: "T"})
	draft, queued := w.add(inc, tweet("a draft")), w.add(inc, tweet("on its way"))
	w.confirm(queued)
	long := w.add(inc, tweet(strings.Repeat("All systems are being looked at. ", 15)))
	w.hide(inc)
	for _, e := range []incident.Entry{draft, queued, long} {
		if p := w.entry(e.ID).Posts[0]; p.State != incident.PubRefused || p.Failure == nil || p.Failure.Code != incident.CodePrivate {
			t.Errorf("%q is %s, %+v; want it refused", e.Text, p.State, p.Failure)
		}
	}
	if last := w.lastPub(); last != incident.PubRefused {
		t.Errorf("observers were last told %s", last)
	}
	w.settle()
	w.posted(0)
	e, refused := w.act(w.s.Insist, queued.ID, rio)
	if refused != nil || e.Posts[0].State != incident.PubDraft {
		t.Fatalf("Insist = %+v, %v", e.Posts, refused)
	}
	w.confirm(e)
	w.hide(inc) // is already
	w.settle()
	if texts, _, _ := w.x.seen(); cmp.Diff([]string{"on its way"}, texts) != "" {
		t.Errorf("posts = %q, want what somebody insisted on", texts)
	}
	open := false
	err := w.db.Update(t.Context(), func(tx store.Tx) error {
		_, err := w.s.Update(tx, inc.ID, ada, incident.Change{Private: &open})
		return err
	})
	if err == nil {
		t.Error("a private incident was made public")
	}
}

// TestMadePrivateInTheMiddle checks that the rest of a thread, and what failed,
// stays off X.
func TestMadePrivateInTheMiddle(t *testing.T) {
	t.Parallel()
	w := newWorld(t, incident.Policy{})
	inc := w.create(incident.New{Title: "T"})
	rejected := &outbox.Error{Outcome: outbox.Rejected, Failure: outbox.Failure{Code: "duplicate", Message: "Said already."}}
	failed := w.add(inc, tweet("failed"))
	long := w.add(inc, tweet(strings.Repeat("All systems are being looked at. ", 22)))
	long, _ = w.act(w.s.Split, long.ID, rio)
	w.x.fail["failed"], w.x.fail[long.Posts[0].Parts[1].Text] = rejected, rejected
	w.confirm(failed)
	w.confirm(long)
	w.run(func() bool {
		return w.entry(failed.ID).Posts[0].State == incident.PubFailed && w.entry(long.ID).Posts[0].State == incident.PubFailed
	})
	w.hide(inc)
	w.x.mu.Lock()
	clear(w.x.fail)
	w.x.mu.Unlock()
	if p := w.entry(failed.ID).Posts[0]; p.State != incident.PubRefused {
		t.Errorf("what failed is %s", p.State)
	}
	p := w.entry(long.ID).Posts[0]
	if p.State != incident.PubPosted || len(p.URLs()) != 1 || p.Parts[1].State != outbox.Cancelled || p.Parts[2].State != outbox.Cancelled {
		t.Errorf("the thread is %+v", p)
	}
	for _, e := range []incident.Entry{failed, long} {
		if _, refused := w.act(w.s.RetryPost, e.ID, rio); refused == nil {
			t.Errorf("%q could be tried again", e.Text)
		}
	}
	w.settle()
	w.posted(1)
}

// TestStuckWhenMadePrivate: what may be out is left to the person who looks,
// and is not sent again.
func TestStuckWhenMadePrivate(t *testing.T) {
	t.Parallel()
	w := newWorld(t, incident.Policy{})
	inc := w.create(incident.New{Title: "T"})
	e := w.add(inc, tweet("perhaps"))
	w.x.fail["perhaps"] = &outbox.Error{Outcome: outbox.Uncertain, Failure: outbox.Failure{Code: "no_answer"}}
	w.confirm(e)
	w.run(func() bool { return w.entry(e.ID).Posts[0].State == incident.PubUnknown })
	w.hide(inc)
	if p := w.entry(e.ID).Posts[0]; p.State != incident.PubUnknown {
		t.Errorf("what may be out is %s", p.State)
	}
	if _, refused := w.act(w.s.RetryPost, e.ID, rio); refused == nil || refused.Code != incident.CodePrivate {
		t.Errorf("RetryPost = %v, want %s", refused, incident.CodePrivate)
	}
	if e, refused := w.act(w.s.Discard, e.ID, rio); refused != nil || e.Posts[0].State != incident.PubCancelled {
		t.Errorf("Discard = %+v, %v", e.Posts, refused)
	}
}

// TestOnItsWayWhenWithdrawn: what was being sent when its incident became
// private, or its entry was deleted, and did not get to X, is not sent later.
func TestOnItsWayWhenWithdrawn(t *testing.T) {
	t.Parallel()
	w := newWorld(t, incident.Policy{})
	inc, other := w.create(incident.New{Title: "T"}), w.create(incident.New{Title: "U"})
	hidden, insisted, deleted := w.add(inc, tweet("hidden")), w.add(inc, tweet("insisted")), w.add(other, tweet("deleted"))
	w.x.during["hidden"] = func() { w.hide(inc) }
	w.x.during["deleted"] = func() {
		w.update(func(tx store.Tx) error { _, err := w.s.Delete(tx, deleted.ID, rio, false); return err })
	}
	w.confirm(hidden)
	w.run(func() bool { return w.entry(hidden.ID).Posts[0].State == incident.PubRefused })
	w.confirm(deleted)
	w.settle()
	if e, refused := w.act(w.s.Insist, insisted.ID, rio); refused != nil {
		t.Fatal(refused)
	} else {
		w.x.during["insisted"] = func() {}
		w.confirm(e)
	}
	w.settle()
	if texts, _, _ := w.x.seen(); cmp.Diff([]string{"insisted"}, texts) != "" {
		t.Errorf("posts = %q", texts)
	}
	if p := w.entry(hidden.ID).Posts[0]; p.State != incident.PubRefused || p.Failure == nil || p.Failure.Code != incident.CodePrivate {
		t.Errorf("of the private incident it is %s, %+v", p.State, p.Failure)
	}
}

// TestPolicyBecomesStricter: a draft of the time when one person was enough is
// confirmed when two are asked for.
func TestPolicyBecomesStricter(t *testing.T) {
	t.Parallel()
	w := newWorld(t, incident.Policy{})
	e := w.add(w.create(incident.New{}), tweet("Hello"))
	strict := incident.NewService(w.ob, w.accs, incident.Options{Publish: incident.Policy{Approval: true}})
	e, refused := w.act(strict.Confirm, e.ID, rio)
	if refused != nil || e.Posts[0].State != incident.PubAwaiting {
		t.Fatalf("Confirm = %+v, %v, want it to await approval", e.Posts, refused)
	}
	if _, refused = w.act(strict.Confirm, e.ID, rio); refused == nil || refused.Code != incident.CodeSelfApproval {
		t.Errorf("approval by the author: %v", refused)
	}
	if e, refused = w.act(strict.Confirm, e.ID, ada); refused != nil || e.Posts[0].State != incident.PubQueued {
		t.Errorf("approval by another = %+v, %v", e.Posts, refused)
	}
}

// TestInsistedOnOtherWords: a person insisted on what they saw, not on what an
// API makes of it.
func TestInsistedOnOtherWords(t *testing.T) {
	t.Parallel()
	w := newWorld(t, incident.Policy{API: incident.ModeDirect})
	n := tweet("Hello")
	n.Source = incident.FromAPI
	e := w.add(w.create(incident.New{Private: true}), n)
	if _, refused := w.act(w.s.Insist, e.ID, rio); refused != nil {
		t.Fatal(refused)
	}
	w.confirm(e)
	e = w.edit(e.ID, "Hello, and more", ada, incident.FromAPI)
	if p := e.Posts[0]; p.State != incident.PubDraft {
		t.Errorf("after an edit: %+v, want a draft", p)
	}
	w.settle()
	w.posted(0)
}
