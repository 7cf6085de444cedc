package incident_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/perch-chat/perch/incident"
	"github.com/perch-chat/perch/internal/outbox"
	"github.com/perch-chat/perch/store"
)

// stoppedTemplates have Perch stopped while they render.
type stoppedTemplates struct{ stop context.CancelFunc }

func (s stoppedTemplates) Check(context.Context, string, map[string]any) (string, error) {
	return "fine", nil
}

func (s stoppedTemplates) Render(ctx context.Context, _ string, _ map[string]any) (string, error) {
	s.stop()
	return "", ctx.Err()
}

// oneRun is the run of a workflow that posts hello when an incident is created.
func (w *world) oneRun() (wf incident.Workflow, inc incident.Incident, run outbox.Action) {
	w.t.Helper()
	wf = w.workflow(incident.Workflow{Trigger: incident.TriggerCreated, Message: "hello"})
	inc = w.create(incident.New{Title: "T"})
	w.update(func(tx store.Tx) error {
		runs, err := w.ob.BySubject(tx, "incident:"+inc.ID)
		if err == nil {
			run = runs[0]
		}
		return err
	})
	return wf, inc, run
}

// TestRunThatCannotBe: a run whose workflow is gone does nothing, one that was
// cut short is made again.
func TestRunThatCannotBe(t *testing.T) {
	t.Parallel()
	w := newWorld(t, incident.Policy{Workflow: incident.ModeDirect})
	wf, _, run := w.oneRun()

	ctx, stop := context.WithCancel(t.Context())
	s := incident.NewService(w.ob, w.accs, incident.Options{Templates: stoppedTemplates{stop}})
	var e *outbox.Error
	if _, err := incident.NewWorkflowExecutor(s, w.db).Do(ctx, run); !errors.As(err, &e) || e.Outcome != outbox.Later || e.Failure.Code != "stopped" {
		t.Errorf("stopped: %v", err)
	}
	none := incident.NewService(w.ob, w.accs, incident.Options{})
	if _, err := incident.NewWorkflowExecutor(none, w.db).Do(t.Context(), run); !errors.As(err, &e) || e.Outcome != outbox.Rejected {
		t.Errorf("without templates: %v", err)
	}
	odd := run
	odd.Payload = []byte(`[]`)
	if _, err := incident.NewWorkflowExecutor(w.s, w.db).Do(t.Context(), odd); !errors.As(err, &e) || e.Outcome != outbox.Rejected {
		t.Errorf("unreadable: %v", err)
	}
	w.update(func(tx store.Tx) error { _, err := w.s.DeleteWorkflow(tx, wf.ID); return err })
	if got, err := incident.NewWorkflowExecutor(w.s, w.db).Do(t.Context(), run); err != nil || !strings.Contains(string(got.Result), "skipped") {
		t.Errorf("deleted: %s, %v", got.Result, err)
	}
}

// TestRunEndsTooLate: what was rendered is no reason to post where there is
// nothing to post for any more; people are told if there still is a workflow.
func TestRunEndsTooLate(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		meanwhile func(w *world, tx store.Tx, wf incident.Workflow, inc incident.Incident) error
		told      string
	}{
		"workflow deleted": {func(w *world, tx store.Tx, wf incident.Workflow, _ incident.Incident) error {
			_, err := w.s.DeleteWorkflow(tx, wf.ID)
			return err
		}, ""},
		"incident closed": {func(w *world, tx store.Tx, _ incident.Workflow, inc incident.Incident) error {
			_, err := w.s.SetStatus(tx, inc.ID, incident.Cancelled, ada, "")
			return err
		}, "takes no more entries"},
		"said already": {func(w *world, tx store.Tx, _ incident.Workflow, inc incident.Incident) error {
			_, err := w.s.Add(tx, inc.ID, tweet("hello"))
			return err
		}, "published for this incident already"},
	} {
		w := newWorld(t, incident.Policy{Workflow: incident.ModeDirect})
		wf, inc, run := w.oneRun()
		before := 0
		w.update(func(tx store.Tx) error { return c.meanwhile(w, tx, wf, inc) })
		for _, e := range w.timeline(inc) {
			before += len(e.Posts)
		}
		w.update(func(tx store.Tx) error {
			run.State, run.Result = outbox.Done, []byte(`{"text":"hello"}`)
			return w.s.ActionChanged(tx, outbox.Attempting, run)
		})
		after, said := 0, ""
		for _, e := range w.timeline(inc) {
			after += len(e.Posts)
			said += e.Text + "\n"
		}
		if after != before {
			t.Errorf("%s: %d publications more", name, after-before)
		}
		if failed := strings.Join(w.failures(), "\n"); !strings.Contains(failed, c.told) || (failed == "") != (c.told == "") || !strings.Contains(said, c.told) {
			t.Errorf("%s: people are told %q, the timeline says %q", name, failed, said)
		}
	}
}

// TestOneAccountOfTwo: what can go out goes out, and the other's preview says
// why it can't.
func TestOneAccountOfTwo(t *testing.T) {
	t.Parallel()
	w := newWorld(t, incident.Policy{})
	n := tweet("Hello")
	n.Accounts = []string{"22", "33"}
	e := w.add(w.create(incident.New{}), n)
	other := w.accs["33"]
	delete(w.accs, "33")
	e, refused := w.act(w.s.Confirm, e.ID, rio)
	if refused != nil || e.Posts[0].State != incident.PubQueued || e.Posts[1].State != incident.PubDraft {
		t.Fatalf("Confirm = %+v, %v", e.Posts, refused)
	}
	if ws := e.Posts[1].Warnings; len(ws) != 1 || !strings.Contains(ws[0], "/twitter authorize") {
		t.Errorf("the other's warnings are %q", ws)
	}
	w.accs["33"] = other
	e, refused = w.act(w.s.Confirm, e.ID, rio)
	if refused != nil || e.Posts[1].State != incident.PubQueued || len(e.Posts[1].Warnings) != 0 {
		t.Errorf("the second Confirm = %+v, %v", e.Posts, refused)
	}
}
