package incident_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/perch-chat/perch/incident"
	"github.com/perch-chat/perch/internal/outbox"
	"github.com/perch-chat/perch/store"
)

func (w *world) workflow(wf incident.Workflow) incident.Workflow {
	w.t.Helper()
	wf.Enabled = true
	if wf.Name == "" {
		wf.Name = "tell"
	}
	c, err := w.s.CheckWorkflow(w.t.Context(), wf)
	if err != nil {
		w.t.Fatal(err)
	}
	w.update(func(tx store.Tx) (err error) { wf, err = w.s.SaveWorkflow(tx, c, ada); return err })
	return wf
}

func TestWorkflow(t *testing.T) {
	t.Parallel()
	w := newWorld(t, incident.Policy{Workflow: incident.ModeDirect})
	w.workflow(incident.Workflow{Trigger: incident.TriggerCreated, Message: "We look into: {{ incident.title }}"})
	w.workflow(incident.Workflow{Trigger: incident.TriggerRaised, Message: "{{ incident.title }} is now {{ incident.severity }}"})
	w.workflow(incident.Workflow{Trigger: incident.TriggerResolved, Message: "Incident resolved: {{ incident.title }}. Thanks for your patience."})
	inc := w.create(incident.New{Title: "Payments", Severity: incident.Sev3})
	w.settle()
	step := func(fn func(tx store.Tx) (incident.Incident, error)) {
		t.Helper()
		w.update(func(tx store.Tx) error { _, err := fn(tx); return err })
		w.settle()
	}
	step(func(tx store.Tx) (incident.Incident, error) { return w.s.SetSeverity(tx, inc.ID, incident.Sev1, ada) })
	step(func(tx store.Tx) (incident.Incident, error) { return w.s.SetSeverity(tx, inc.ID, incident.Sev2, ada) }) // lower: no trigger
	step(func(tx store.Tx) (incident.Incident, error) { return w.s.Resolve(tx, inc.ID, ada, "") })
	step(func(tx store.Tx) (incident.Incident, error) { return w.s.Resolve(tx, inc.ID, ada, "") }) // is already
	texts, parents, _ := w.x.seen()
	want := []string{"We look into: Payments", "Payments is now sev1", "Incident resolved: Payments. Thanks for your patience."}
	if diff := cmp.Diff(want, texts); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"", "post1", "post1"}, parents); diff != "" {
		t.Error(diff)
	}
	// Resolved anew, it says the same: readers and X want it once.
	step(func(tx store.Tx) (incident.Incident, error) {
		return w.s.SetStatus(tx, inc.ID, incident.Started, ada, "")
	})
	step(func(tx store.Tx) (incident.Incident, error) { return w.s.Resolve(tx, inc.ID, ada, "") })
	w.posted(3)
	if failed := w.failures(); len(failed) != 1 || !strings.Contains(failed[0], "already") {
		t.Errorf("failed = %q", failed)
	}
	var sources []incident.Source
	for _, e := range w.timeline(inc) {
		if len(e.Posts) > 0 {
			sources = append(sources, e.Source)
		}
	}
	if diff := cmp.Diff([]incident.Source{"workflow", "workflow", "workflow"}, sources); diff != "" {
		t.Error(diff)
	}
}

func TestWorkflowPolicy(t *testing.T) {
	t.Parallel()
	w := newWorld(t, incident.Policy{Workflow: incident.ModeDirect})
	w.workflow(incident.Workflow{Trigger: incident.TriggerCreated, Message: "{{ incident.title }}", Approval: true, Account: "33"})
	inc := w.create(incident.New{Title: "Payments"})
	w.settle()
	es := w.timeline(inc)
	e := es[len(es)-1]
	if len(e.Posts) != 1 || e.Posts[0].State != incident.PubAwaiting || e.Posts[0].Account != "33" {
		t.Fatalf("entry = %+v", e)
	}
	if _, refused := w.act(w.s.Confirm, e.ID, ada); refused != nil {
		t.Fatal(refused)
	}
	w.settle()
	if texts, _, _ := w.x.seen(); cmp.Diff([]string{"Payments"}, texts) != "" {
		t.Errorf("posts = %q", texts)
	}
}

// TestWorkflowFails checks that a message that can't be rendered is never a
// post, and is told.
func TestWorkflowFails(t *testing.T) {
	t.Parallel()
	w := newWorld(t, incident.Policy{Workflow: incident.ModeDirect})
	w.workflow(incident.Workflow{Name: "empty", Trigger: incident.TriggerCreated, Message: "{{ incident.summary }}"})
	w.workflow(incident.Workflow{Name: "left", Trigger: incident.TriggerCreated, Message: "{{ incident.title }}"})
	w.workflow(incident.Workflow{Name: "hangs", Trigger: incident.TriggerCreated, Message: "{% if incident.severity == 'sev1' %}{% assign n = 90000000 %}{% for i in (1..n) %}{% for j in (1..n) %}{% endfor %}{% endfor %}{% endif %}x"})
	inc := w.create(incident.New{Title: "{{ oops", Severity: incident.Sev1})
	w.settle()
	w.posted(0)
	if failed := w.failures(); len(failed) != 3 {
		t.Errorf("failed = %q, want three", failed)
	}
	notes := 0
	for _, e := range w.timeline(inc) {
		if e.Locked && strings.Contains(e.Text, "posted nothing") {
			notes++
		}
	}
	if notes != 3 {
		t.Errorf("%d notes on the timeline, want three", notes)
	}
}

func TestCheckWorkflow(t *testing.T) {
	t.Parallel()
	w := newWorld(t, incident.Policy{})
	good := incident.Workflow{Name: "n", Trigger: incident.TriggerCreated, Message: "{{ incident.title }}"}
	for want, change := range map[string]func(*incident.Workflow){
		"Name can't be blank":         func(wf *incident.Workflow) { wf.Name = " " },
		"is not a trigger":            func(wf *incident.Workflow) { wf.Trigger = "moon" },
		"Message can't be blank":      func(wf *incident.Workflow) { wf.Message = "" },
		"never closed":                func(wf *incident.Workflow) { wf.Message = "Resolved: {{ incident.title" },
		"did you mean title?":         func(wf *incident.Workflow) { wf.Message = "{{ incident.titel }}" },
		"left in it":                  func(wf *incident.Workflow) { wf.Message = "{{ '{' }}{ x {{ incident.title }}" },
		"raw data structure":          func(wf *incident.Workflow) { wf.Message = "{{ incident }}" },
		"Line 1, column 21: there is": func(wf *incident.Workflow) { wf.Message = "{{ incident.title | sparkle }}" },
	} {
		wf := good
		change(&wf)
		_, err := w.s.CheckWorkflow(t.Context(), wf)
		var refused *incident.Error
		if !errors.As(err, &refused) || refused.Code != incident.CodeInvalid || !strings.Contains(refused.Message, want) {
			t.Errorf("CheckWorkflow(%+v) = %v, want %q", wf, err, want)
		}
	}
	c, err := w.s.CheckWorkflow(t.Context(), good)
	if text, n := c.Preview(); err != nil || text != "Payments are slow" || n != 17 {
		t.Errorf("Preview = %q, %d, %v", text, n, err)
	}
}

// TestSwitchedOffWhileItRuns: what was rendered when somebody switches the
// workflow off isn't posted.
func TestSwitchedOffWhileItRuns(t *testing.T) {
	t.Parallel()
	for _, off := range []bool{false, true} {
		w := newWorld(t, incident.Policy{Workflow: incident.ModeDirect})
		wf := w.workflow(incident.Workflow{Trigger: incident.TriggerCreated, Message: "hello"})
		inc := w.create(incident.New{Title: "T"})
		w.update(func(tx store.Tx) error {
			runs, err := w.ob.BySubject(tx, "incident:"+inc.ID)
			if err != nil || len(runs) != 1 {
				t.Fatalf("runs = %v, %v", runs, err)
			}
			if _, err := w.s.EnableWorkflow(tx, wf.ID, !off); err != nil {
				return err
			}
			done := runs[0]
			done.State, done.Result = outbox.Done, []byte(`{"text":"hello"}`)
			return w.s.ActionChanged(tx, outbox.Attempting, done)
		})
		posts := 0
		for _, e := range w.timeline(inc) {
			posts += len(e.Posts)
		}
		if want := map[bool]int{false: 1, true: 0}[off]; posts != want {
			t.Errorf("off %v: %d publications, want %d", off, posts, want)
		}
	}
}
