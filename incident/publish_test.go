package incident_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/perch-chat/perch/incident"
	"github.com/perch-chat/perch/internal/outbox"
	"github.com/perch-chat/perch/store"
)

func tweet(text string) incident.NewEntry {
	return incident.NewEntry{Text: text, Visibility: incident.Twitter, Source: incident.FromChat, By: rio}
}

// TestThread follows an incident's entries from chat to X: preview first, then
// one thread, in order, with the addresses back on the entries.
func TestThread(t *testing.T) {
	t.Parallel()
	w := newWorld(t, incident.Policy{})
	inc := w.create(incident.New{Title: "Payments are slow", By: rio})
	a, b := w.add(inc, tweet("We are looking into it.")), w.add(inc, tweet("It is fixed."))
	if p := a.Posts[0]; p.State != incident.PubDraft || p.Weighted != 23 || p.Limit != 280 || p.Handle != "acme" {
		t.Errorf("preview = %+v", p)
	}
	w.settle()
	w.posted(0)
	for _, e := range []incident.Entry{a, b} {
		if _, refused := w.act(w.s.Confirm, e.ID, rio); refused != nil {
			t.Fatal(refused)
		}
	}
	if _, refused := w.act(w.s.Confirm, a.ID, rio); refused == nil || refused.Code != incident.CodeNothing {
		t.Errorf("second confirmation: %v, want %s", refused, incident.CodeNothing)
	}
	w.settle()
	texts, parents, _ := w.x.seen()
	if diff := cmp.Diff([]string{"We are looking into it.", "It is fixed."}, texts); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"", "post1"}, parents); diff != "" {
		t.Error(diff)
	}
	p := w.entry(b.ID).Posts[0]
	if p.State != incident.PubPosted || cmp.Diff([]string{"https://x.com/acme/status/post2"}, p.URLs()) != "" {
		t.Errorf("publication = %+v", p)
	}
	if last := w.lastPub(); last != incident.PubPosted {
		t.Errorf("observers were last told %s", last)
	}
}

func TestTooLong(t *testing.T) {
	t.Parallel()
	w := newWorld(t, incident.Policy{})
	inc := w.create(incident.New{Title: "T"})
	long := strings.TrimSpace(strings.Repeat("All systems are being looked at. ", 15))
	e := w.add(inc, tweet(long))
	p := e.Posts[0]
	if p.State != incident.PubTooLong || e.Text != long || p.Weighted != len(long) || p.Possible != 2 || len(p.Parts) != 0 {
		t.Fatalf("entry = %+v", e)
	}
	_, refused := w.act(w.s.Confirm, e.ID, rio)
	if refused == nil || refused.Code != incident.CodeTooLong || refused.Parts != 2 || refused.Limit != 280 || refused.Weighted != len(long) {
		t.Fatalf("Confirm = %+v, want %s", refused, incident.CodeTooLong)
	}
	e, refused = w.act(w.s.Split, e.ID, rio)
	if refused != nil || e.Posts[0].State != incident.PubDraft || len(e.Posts[0].Parts) != 2 {
		t.Fatalf("Split = %+v, %v", e.Posts, refused)
	}
	if _, refused = w.act(w.s.Confirm, e.ID, rio); refused != nil {
		t.Fatal(refused)
	}
	later := w.add(inc, tweet("Later."))
	if _, refused = w.act(w.s.Confirm, later.ID, rio); refused != nil {
		t.Fatal(refused)
	}
	w.settle()
	texts, parents, _ := w.x.seen()
	if diff := cmp.Diff([]string{"", "post1", "post1"}, parents); diff != "" || !strings.HasSuffix(texts[0], "1/2") || texts[2] != "Later." {
		t.Errorf("posts = %q, parents %v", texts, parents)
	}
	if got := w.entry(e.ID).Posts[0]; len(got.URLs()) != 2 || got.State != incident.PubPosted {
		t.Errorf("publication = %+v", got)
	}
}

// TestPremium: an account may post more at once than others.
func TestPremium(t *testing.T) {
	t.Parallel()
	w := newWorld(t, incident.Policy{})
	w.accs[""] = incident.XAccount{ID: "22", Handle: "acme", Limit: 25000, Ready: true}
	long := strings.TrimSpace(strings.Repeat("All systems are being looked at. ", 15))
	p := w.add(w.create(incident.New{}), tweet(long)).Posts[0]
	if p.State != incident.PubDraft || p.Limit != 25000 || cmp.Diff([]string{long}, p.Texts()) != "" {
		t.Errorf("publication = %+v", p)
	}
}

// TestSplitFailsInTheMiddle checks that the rest of a thread waits.
func TestSplitFailsInTheMiddle(t *testing.T) {
	t.Parallel()
	w := newWorld(t, incident.Policy{})
	inc := w.create(incident.New{Title: "T"})
	e := w.add(inc, tweet(strings.Repeat("All systems are being looked at. ", 22)))
	e, _ = w.act(w.s.Split, e.ID, rio)
	second := e.Posts[0].Parts[1].Text
	w.x.fail[second] = &outbox.Error{Outcome: outbox.Rejected, Failure: outbox.Failure{Code: "duplicate", Message: "Said already."}}
	if _, refused := w.act(w.s.Confirm, e.ID, rio); refused != nil {
		t.Fatal(refused)
	}
	w.run(func() bool { return w.entry(e.ID).Posts[0].State == incident.PubFailed })
	if p := w.entry(e.ID).Posts[0]; p.Failure == nil || p.Failure.Code != "duplicate" || len(p.URLs()) != 1 || p.Parts[2].State != outbox.Queued {
		t.Errorf("publication = %+v", p)
	}
	w.x.mu.Lock()
	delete(w.x.fail, second)
	w.x.mu.Unlock()
	if _, refused := w.act(w.s.RetryPost, e.ID, rio); refused != nil {
		t.Fatal(refused)
	}
	w.settle()
	if _, parents, _ := w.x.seen(); cmp.Diff([]string{"", "post1", "post2"}, parents) != "" {
		t.Errorf("parents = %v", parents)
	}
}

func TestRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t, incident.Policy{API: incident.ModeDirect})
	open, private := w.create(incident.New{Title: "Open"}), w.create(incident.New{Title: "Secret", Private: true})
	for _, c := range []struct {
		name string
		inc  incident.Incident
		n    incident.NewEntry
		code string
		want incident.PubState
	}{
		{"template", open, tweet("Resolved: {{ incident.title }}"), incident.CodeRefused, incident.PubRefused},
		{"tag", open, tweet("Resolved: {% if x"), incident.CodeRefused, incident.PubRefused},
		{"map", open, tweet("Resolved: map[id:4 title:x]"), incident.CodeRefused, incident.PubRefused},
		{"format", open, tweet("took %!d(string=long)"), incident.CodeRefused, incident.PubRefused},
		{"mention", open, tweet("ask <@U024BE7LH> about it"), incident.CodeRefused, incident.PubRefused},
		{"channel", open, tweet("<!channel> it is fixed"), incident.CodeRefused, incident.PubRefused},
		{"link", open, tweet("see <https://status.example|our page>"), incident.CodeRefused, incident.PubRefused},
		{"secret", open, tweet("token is xoxb-" + "123456789012-abcdef"), incident.CodeRefused, incident.PubRefused},
		{"private", private, tweet("hello"), incident.CodePrivate, incident.PubRefused},
		{"no account", open, incident.NewEntry{Text: "x", Visibility: incident.Twitter, Source: incident.FromAPI, Accounts: []string{"99"}}, incident.CodeNoAccount, incident.PubNoAccount},
	} {
		e := w.add(c.inc, c.n)
		if e.ID == "" || len(e.Posts) != 1 || e.Posts[0].State != c.want || e.Posts[0].Failure == nil || e.Posts[0].Failure.Code != c.code {
			t.Errorf("%s: entry = %+v, want it kept and %s", c.name, e, c.code)
		}
		if _, refused := w.act(w.s.Confirm, e.ID, ada); refused == nil || refused.Code != c.code {
			t.Errorf("%s: Confirm = %v, want %s", c.name, refused, c.code)
		}
	}
	n := tweet("hello")
	n.Override = true
	if e := w.add(private, n); e.Posts[0].State != incident.PubDraft {
		t.Errorf("insisted: %+v", e.Posts)
	}
	w.settle()
	w.posted(0)
	for _, fine := range []string{"100% of {customers}", "<3 <b>", "roadmap[1] is fine", "see https://status.example/a?b={x}", "50%!"} {
		if e := w.add(open, tweet(fine)); e.Posts[0].State != incident.PubDraft {
			t.Errorf("%q: %+v, want a draft", fine, e.Posts[0])
		}
	}
	if p := w.add(open, tweet("ask ops@corp.example or 10.1.2.3, @acme")).Posts[0]; len(p.Warnings) != 3 {
		t.Errorf("warnings = %q, want three", p.Warnings)
	}
}

func TestNoAccountThenConnected(t *testing.T) {
	t.Parallel()
	w := newWorld(t, incident.Policy{})
	acme := w.accs[""]
	delete(w.accs, "")
	inc := w.create(incident.New{Title: "T"})
	e := w.add(inc, tweet("Hello"))
	if p := e.Posts[0]; p.State != incident.PubNoAccount || !strings.Contains(p.Failure.Message, "/twitter authorize") {
		t.Fatalf("publication = %+v", p)
	}
	w.accs[""] = acme
	e, refused := w.act(w.s.Confirm, e.ID, rio)
	if refused != nil || e.Posts[0].State != incident.PubDraft || e.Posts[0].Handle != "acme" {
		t.Fatalf("first confirmation = %+v, %v, want a preview", e.Posts, refused)
	}
	if e, refused = w.act(w.s.Confirm, e.ID, rio); refused != nil || e.Posts[0].State != incident.PubQueued {
		t.Fatalf("second confirmation = %+v, %v", e.Posts, refused)
	}
}

// TestDirectWithoutAccount: what should have gone out at once and could not is
// old when an account is connected, so a person sees it first.
func TestDirectWithoutAccount(t *testing.T) {
	t.Parallel()
	w := newWorld(t, incident.Policy{API: incident.ModeDirect})
	acme := w.accs[""]
	delete(w.accs, "")
	n := tweet("Hello")
	n.Source = incident.FromAPI
	e := w.add(w.create(incident.New{}), n)
	w.accs[""] = acme
	if e, refused := w.act(w.s.Confirm, e.ID, rio); refused != nil || e.Posts[0].State != incident.PubDraft {
		t.Errorf("Confirm = %+v, %v, want a preview", e.Posts, refused)
	}
}

// TestMadeInternal: what isn't out yet stays off X when its entry is no longer
// for it, and can come back as a draft.
func TestMadeInternal(t *testing.T) {
	t.Parallel()
	w := newWorld(t, incident.Policy{})
	e := w.add(w.create(incident.New{}), tweet("Hello"))
	w.confirm(e)
	show := func(v incident.Visibility) incident.Publication {
		t.Helper()
		w.update(func(tx store.Tx) (err error) {
			e, err = w.s.Edit(tx, e.ID, incident.Edit{Visibility: &v}, rio)
			return err
		})
		return e.Posts[len(e.Posts)-1]
	}
	if p := show(incident.Internal); p.State != incident.PubCancelled || len(p.Parts) != 0 {
		t.Errorf("made internal: %+v", p)
	}
	w.settle()
	if p := show(incident.Twitter); p.State != incident.PubDraft {
		t.Errorf("made public again: %+v", p)
	}
	w.settle()
	w.posted(0)
}

// TestSplitIsAskedAnew: a thread was wanted of the old text, not of another.
func TestSplitIsAskedAnew(t *testing.T) {
	t.Parallel()
	w := newWorld(t, incident.Policy{})
	e := w.add(w.create(incident.New{}), tweet(strings.Repeat("All systems are being looked at. ", 15)))
	if _, refused := w.act(w.s.Split, e.ID, rio); refused != nil {
		t.Fatal(refused)
	}
	e = w.edit(e.ID, strings.Repeat("Not any more. ", 30), rio, incident.FromChat)
	if p := e.Posts[0]; p.State != incident.PubTooLong || p.Possible != 2 {
		t.Errorf("after an edit: %+v", p)
	}
	if _, refused := w.act(w.s.RetryPost, e.ID, rio); refused == nil || refused.Code != incident.CodeNothing {
		t.Errorf("RetryPost of what never failed: %v", refused)
	}
}

// TestRetryOfWhatWaits: there is nothing to try again.
func TestRetryOfWhatWaits(t *testing.T) {
	t.Parallel()
	w := newWorld(t, incident.Policy{})
	e := w.add(w.create(incident.New{}), tweet("Hello"))
	w.confirm(e)
	if _, refused := w.act(w.s.RetryPost, e.ID, rio); refused == nil || refused.Code != incident.CodeNothing {
		t.Errorf("RetryPost = %v, want %s", refused, incident.CodeNothing)
	}
}

func TestPolicy(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		policy incident.Policy
		source incident.Source
		want   incident.PubState
	}{
		{incident.Policy{}, incident.FromAPI, incident.PubDraft},
		{incident.Policy{API: incident.ModeDirect}, incident.FromAPI, incident.PubQueued},
		{incident.Policy{API: incident.ModeDirect, Approval: true}, incident.FromAPI, incident.PubAwaiting},
		{incident.Policy{API: incident.ModeDirect}, incident.FromChat, incident.PubDraft},
		{incident.Policy{API: incident.ModeDirect}, incident.FromWorkflow, incident.PubDraft},
		{incident.Policy{Workflow: incident.ModeDirect}, incident.FromWorkflow, incident.PubQueued},
	} {
		w := newWorld(t, c.policy)
		n := tweet("Hello")
		n.Source = c.source
		if got := w.add(w.create(incident.New{}), n).Posts[0].State; got != c.want {
			t.Errorf("%+v, %s: %s, want %s", c.policy, c.source, got, c.want)
		}
	}
}

func TestApproval(t *testing.T) {
	t.Parallel()
	w := newWorld(t, incident.Policy{Approval: true})
	e := w.add(w.create(incident.New{}), tweet("Hello"))
	e, refused := w.act(w.s.Confirm, e.ID, rio)
	if refused != nil || e.Posts[0].State != incident.PubAwaiting {
		t.Fatalf("Confirm by the author = %+v, %v, want it to await approval", e.Posts, refused)
	}
	if _, refused = w.act(w.s.Confirm, e.ID, rio); refused == nil || refused.Code != incident.CodeSelfApproval {
		t.Fatalf("approval by the author: %v", refused)
	}
	w.settle()
	w.posted(0)
	if _, refused = w.act(w.s.Confirm, e.ID, ada); refused != nil {
		t.Fatal(refused)
	}
	w.settle()
	w.posted(1)
}

func TestEditAndDiscard(t *testing.T) {
	t.Parallel()
	w := newWorld(t, incident.Policy{})
	inc := w.create(incident.New{})
	e := w.add(inc, tweet("Helo"))
	w.update(func(tx store.Tx) (err error) { e, err = w.s.SetText(tx, e.ID, "Hello", rio); return err })
	if p := e.Posts[0]; p.State != incident.PubDraft || p.Parts[0].Text != "Hello" || len(e.Posts) != 1 {
		t.Fatalf("after an edit: %+v", e.Posts)
	}
	if _, refused := w.act(w.s.Confirm, e.ID, rio); refused != nil {
		t.Fatal(refused)
	}
	w.settle()
	w.update(func(tx store.Tx) (err error) { e, err = w.s.SetText(tx, e.ID, "Hello!", rio); return err })
	if p := e.Posts[0]; !p.Stale || p.State != incident.PubPosted || len(e.Revisions) != 2 || e.Revisions[1].Text != "Hello" {
		t.Errorf("after an edit of what is posted: %+v", e)
	}
	if texts, _, _ := w.x.seen(); cmp.Diff([]string{"Hello"}, texts) != "" {
		t.Errorf("posts = %q", texts)
	}
	d := w.add(inc, tweet("Never mind"))
	d, refused := w.act(w.s.Discard, d.ID, rio)
	if refused != nil || d.Posts[0].State != incident.PubCancelled {
		t.Fatalf("Discard = %+v, %v", d.Posts, refused)
	}
	if _, refused = w.act(w.s.Confirm, d.ID, rio); refused == nil {
		t.Error("a discarded draft could be confirmed")
	}
	if _, refused = w.act(w.s.Discard, e.ID, rio); refused == nil {
		t.Error("what is posted could be discarded")
	}
}

// TestDelete checks what becomes of posts, and of the thread whose first post
// is deleted.
func TestDelete(t *testing.T) {
	t.Parallel()
	w := newWorld(t, incident.Policy{})
	inc := w.create(incident.New{})
	first, second := w.add(inc, tweet("one")), w.add(inc, tweet("two"))
	for _, e := range []incident.Entry{first, second} {
		if _, refused := w.act(w.s.Confirm, e.ID, rio); refused != nil {
			t.Fatal(refused)
		}
	}
	w.settle()
	w.update(func(tx store.Tx) error { _, err := w.s.Delete(tx, first.ID, rio, true); return err })
	w.settle()
	if _, _, deleted := w.x.seen(); cmp.Diff([]string{"post1"}, deleted) != "" {
		t.Errorf("deleted = %v", deleted)
	}
	third := w.add(inc, tweet("three"))
	if _, refused := w.act(w.s.Confirm, third.ID, rio); refused != nil {
		t.Fatal(refused)
	}
	w.settle()
	if _, parents, _ := w.x.seen(); parents[2] != "post2" {
		t.Errorf("parents = %v, want the third to reply to the second", parents)
	}
	w.update(func(tx store.Tx) error { _, err := w.s.Delete(tx, second.ID, rio, false); return err })
	w.settle()
	if _, _, deleted := w.x.seen(); len(deleted) != 1 {
		t.Errorf("deleted = %v: a post was deleted that wasn't to be", deleted)
	}
	if got := len(w.timeline(inc)); got != 2 { // "declared" and the third
		t.Errorf("%d entries are left, want 2", got)
	}
}

func TestDeleteDraft(t *testing.T) {
	t.Parallel()
	w := newWorld(t, incident.Policy{})
	e := w.add(w.create(incident.New{}), tweet("one"))
	w.update(func(tx store.Tx) error { _, err := w.s.Delete(tx, e.ID, rio, true); return err })
	w.update(func(tx store.Tx) error {
		a, err := w.ob.Get(tx, e.Posts[0].Parts[0].Action)
		if err == nil && a.State != outbox.Cancelled {
			t.Errorf("the draft is %s", a.State)
		}
		return err
	})
}

func TestTwoAccounts(t *testing.T) {
	t.Parallel()
	w := newWorld(t, incident.Policy{})
	n := tweet("Hello")
	n.Accounts = []string{"33", "22", "33"}
	e := w.add(w.create(incident.New{}), n)
	if _, refused := w.act(w.s.Confirm, e.ID, rio); refused != nil {
		t.Fatal(refused)
	}
	w.settle()
	if texts, parents, _ := w.x.seen(); len(texts) != 2 || parents[0] != "" || parents[1] != "" {
		t.Errorf("posts = %q, parents = %q, want one root an account", texts, parents)
	}
}
