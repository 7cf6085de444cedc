package incident_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/perch-chat/perch/incident"
	"github.com/perch-chat/perch/incident/template"
	"github.com/perch-chat/perch/internal/accounts"
	"github.com/perch-chat/perch/internal/outbox"
	"github.com/perch-chat/perch/store"
	"github.com/perch-chat/perch/store/bolt/bolttest"
)

func TestMain(m *testing.M) {
	template.ChildMain()
	os.Exit(m.Run())
}

var (
	ada = incident.Person{Ref: "webchat:U_ada", Name: "Ada"}
	rio = incident.Person{Ref: "webchat:U_rio", Name: "Rio"}
)

// fakeX carries out x.post and x.delete as the app's executors would.
type fakeX struct {
	db store.Store
	s  *incident.Service

	mu      sync.Mutex
	posts   []accounts.XPost
	parents []string // of posts, the post that each replies to
	deleted []string
	fail    map[string]*outbox.Error // by text
	during  map[string]func()        // likewise: done once, while it is on its way to X, which it does not reach then
}

func (x *fakeX) Do(ctx context.Context, a outbox.Action) (outbox.Receipt, error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if a.Kind == accounts.KindDelete {
		var d accounts.XDelete
		if err := json.Unmarshal(a.Payload, &d); err != nil {
			return outbox.Receipt{}, err
		}
		x.deleted = append(x.deleted, d.PostID)
		return outbox.Receipt{Result: json.RawMessage(`{}`)}, nil
	}
	var p accounts.XPost
	if err := json.Unmarshal(a.Payload, &p); err != nil {
		return outbox.Receipt{}, err
	}
	if meanwhile := x.during[p.Text]; meanwhile != nil {
		delete(x.during, p.Text)
		meanwhile()
		return outbox.Receipt{}, &outbox.Error{Outcome: outbox.Later, Failure: outbox.Failure{Code: "rate_limited", Message: "Later."}}
	}
	if err := x.fail[p.Text]; err != nil {
		return outbox.Receipt{}, err
	}
	parent := p.ReplyTo
	err := x.db.View(ctx, func(tx store.Tx) error {
		switch {
		case p.Thread != "":
			root, _, err := x.s.ThreadRoot(tx, p.Thread, p.Account)
			parent = root
			return err
		case p.ReplyToAction != "":
			parent = x.byAction(p.ReplyToAction)
		}
		return nil
	})
	if err != nil {
		return outbox.Receipt{}, err
	}
	x.posts, x.parents = append(x.posts, p), append(x.parents, parent)
	id := "post" + fmt.Sprint(len(x.posts))
	x.fail["action:"+a.ID] = &outbox.Error{Failure: outbox.Failure{Code: id}}
	raw, err := json.Marshal(accounts.XPosted{ID: id, URL: "https://x.com/acme/status/" + id, InReplyTo: parent})
	return outbox.Receipt{Result: raw}, err
}

func (x *fakeX) byAction(id string) string {
	if e := x.fail["action:"+id]; e != nil {
		return e.Failure.Code
	}
	return ""
}

func (x *fakeX) seen() (texts, parents, deleted []string) {
	x.mu.Lock()
	defer x.mu.Unlock()
	for _, p := range x.posts {
		texts = append(texts, p.Text)
	}
	return texts, append([]string(nil), x.parents...), append([]string(nil), x.deleted...)
}

type fakeAccounts map[string]incident.XAccount // "" is the default

func (f fakeAccounts) Account(_ store.Tx, id string) (incident.XAccount, bool, error) {
	a, ok := f[id]
	return a, ok, nil
}

type world struct {
	t    *testing.T
	db   store.Store
	ob   *outbox.Outbox
	s    *incident.Service
	x    *fakeX
	accs fakeAccounts

	running bool // the outbox runs until the test ends

	mu     sync.Mutex
	failed []string // what WorkflowFailed was told
	pubs   []incident.PubState
}

func (w *world) failures() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return append([]string(nil), w.failed...)
}

func (w *world) lastPub() incident.PubState {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.pubs[len(w.pubs)-1]
}

func newWorld(t *testing.T, policy incident.Policy) *world {
	t.Helper()
	db := bolttest.Open(t)
	acme := incident.XAccount{ID: "22", Handle: "acme", Limit: 280, Ready: true}
	w := &world{t: t, db: db, accs: fakeAccounts{"": acme, "22": acme, "33": {ID: "33", Handle: "acme_status", Ready: true}}}
	w.ob = outbox.New(db, outbox.Options{Poll: 10 * time.Millisecond})
	w.s = incident.NewService(w.ob, w.accs, incident.Options{
		PublicURL: "https://perch.example", Publish: policy, Templates: template.New(template.Options{Timeout: 5 * time.Second}),
	})
	w.s.Observe(incident.Observer{
		WorkflowFailed: func(_ store.Tx, _ incident.Incident, wf incident.Workflow, msg string) error {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.failed = append(w.failed, wf.Name+": "+msg)
			return nil
		},
		PublicationChanged: func(_ store.Tx, _ incident.Incident, _ incident.Entry, p incident.Publication) error {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.pubs = append(w.pubs, p.State)
			return nil
		},
	})
	w.x = &fakeX{db: db, s: w.s, fail: map[string]*outbox.Error{}, during: map[string]func(){}}
	w.ob.Register(accounts.KindPost, w.x)
	w.ob.Register(accounts.KindDelete, w.x)
	w.ob.Register(incident.KindRun, incident.NewWorkflowExecutor(w.s, db))
	w.ob.OnChange(w.s.ActionChanged)
	return w
}

func (w *world) update(fn func(tx store.Tx) error) {
	w.t.Helper()
	if err := w.db.Update(w.t.Context(), fn); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) create(n incident.New) (inc incident.Incident) {
	w.t.Helper()
	w.update(func(tx store.Tx) (err error) { inc, err = w.s.Create(tx, n); return err })
	return inc
}

func (w *world) add(inc incident.Incident, n incident.NewEntry) (e incident.Entry) {
	w.t.Helper()
	w.update(func(tx store.Tx) (err error) { e, err = w.s.Add(tx, inc.ID, n); return err })
	return e
}

// act runs one of the service's methods on an entry and returns its refusal.
func (w *world) act(fn func(store.Tx, string, incident.Person) (incident.Entry, error), id string, by incident.Person) (e incident.Entry, refused *incident.Error) {
	w.t.Helper()
	err := w.db.Update(w.t.Context(), func(tx store.Tx) (err error) { e, err = fn(tx, id, by); return err })
	if err != nil && !errors.As(err, &refused) {
		w.t.Fatal(err)
	}
	return e, refused
}

func (w *world) entry(id string) (e incident.Entry) {
	w.t.Helper()
	if err := w.db.View(w.t.Context(), func(tx store.Tx) (err error) { e, err = w.s.Entry(tx, id); return err }); err != nil {
		w.t.Fatal(err)
	}
	return e
}

func (w *world) timeline(inc incident.Incident) (es []incident.Entry) {
	w.t.Helper()
	if err := w.db.View(w.t.Context(), func(tx store.Tx) (err error) { es, _, err = w.s.Entries(tx, inc.ID, incident.Page{}); return err }); err != nil {
		w.t.Fatal(err)
	}
	return es
}

// start has the outbox work until the test ends.
func (w *world) start() {
	if w.running {
		return
	}
	w.running = true
	ctx, cancel := context.WithCancel(context.WithoutCancel(w.t.Context())) // which ends before the cleanup
	ended := make(chan error, 1)
	go func() { ended <- w.ob.Run(ctx) }()
	w.t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil && !errors.Is(err, context.Canceled) {
			w.t.Error(err)
		}
	})
}

// run lets the outbox work until done reports true.
func (w *world) run(done func() bool) {
	w.t.Helper()
	w.start()
	ctx, cancel := context.WithTimeout(w.t.Context(), time.Minute)
	defer cancel()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !done() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			w.t.Fatal("the outbox didn't get there")
		}
	}
}

// idle reports whether the outbox has nothing to do.
func (w *world) idle() bool {
	busy := false
	err := w.db.View(w.t.Context(), func(tx store.Tx) error {
		for _, st := range []outbox.State{outbox.Queued, outbox.Attempting} {
			as, err := w.ob.ByState(tx, st, 1)
			if err != nil {
				return err
			}
			busy = busy || len(as) > 0
		}
		return nil
	})
	return err == nil && !busy
}

// posted looks at how many posts are on X.
func (w *world) posted(want int) {
	w.t.Helper()
	if texts, _, _ := w.x.seen(); len(texts) != want {
		w.t.Errorf("posts = %q, want %d", texts, want)
	}
}

// settle lets the outbox work until it has nothing to do.
func (w *world) settle() { w.t.Helper(); w.run(w.idle) }
