package incident_test

import (
	"context"
	"errors"
	"path/filepath"
	"testing"

	"github.com/perch-chat/perch/incident"
	"github.com/perch-chat/perch/incident/template"
	"github.com/perch-chat/perch/internal/outbox"
	"github.com/perch-chat/perch/store"
	"github.com/perch-chat/perch/store/bolt"
)

// fakeTemplates answers what it is told to.
type fakeTemplates struct {
	text     string
	err      error
	checkErr error
}

func (f fakeTemplates) Check(context.Context, string, map[string]any) (string, error) {
	return "fine", f.checkErr
}

func (f fakeTemplates) Render(context.Context, string, map[string]any) (string, error) {
	return f.text, f.err
}

// TestExecutor checks what is known of a run that failed: only a busy machine
// is a reason to try again.
func TestExecutor(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name      string
		templates fakeTemplates
		off       bool
		want      outbox.Outcome
		fails     bool
		result    string
	}{
		{"fine", fakeTemplates{text: " hello \n"}, false, 0, false, `{"text":"hello"}`},
		{"switched off", fakeTemplates{text: "hello"}, true, 0, false, `{"skipped":"The workflow was switched off."}`},
		{"busy", fakeTemplates{err: template.ErrBusy}, false, outbox.Later, true, ""},
		{"mistake", fakeTemplates{err: &template.Error{Message: "no"}}, false, outbox.Rejected, true, ""},
		{"empty", fakeTemplates{text: " "}, false, outbox.Rejected, true, ""},
		{"left over", fakeTemplates{text: "{{ x"}, false, outbox.Rejected, true, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			db, err := bolt.Open(filepath.Join(t.TempDir(), "perch.db"))
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = db.Close() }()
			ob := outbox.New(db, outbox.Options{})
			s := incident.NewService(ob, fakeAccounts{}, incident.Options{Templates: c.templates})
			checked, err := s.CheckWorkflow(t.Context(), incident.Workflow{Name: "n", Enabled: true, Trigger: incident.TriggerCreated, Message: "m"})
			if err != nil {
				t.Fatal(err)
			}
			var runs []outbox.Action
			err = db.Update(t.Context(), func(tx store.Tx) error {
				wf, err := s.SaveWorkflow(tx, checked, ada)
				if err != nil {
					return err
				}
				inc, err := s.Create(tx, incident.New{Title: "T"})
				if err != nil {
					return err
				}
				if runs, err = ob.BySubject(tx, "incident:"+inc.ID); err != nil || !c.off {
					return err
				}
				_, err = s.EnableWorkflow(tx, wf.ID, false)
				return err
			})
			if err != nil || len(runs) != 1 {
				t.Fatalf("runs = %v, %v", runs, err)
			}
			got, err := incident.NewWorkflowExecutor(s, db).Do(t.Context(), runs[0])
			var e *outbox.Error
			if errors.As(err, &e) != c.fails || e != nil && e.Outcome != c.want || string(got.Result) != c.result {
				t.Errorf("Do = %s, %v", got.Result, err)
			}
		})
	}
}

// TestCheckBusy checks that a busy machine is not the workflow's fault.
func TestCheckBusy(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		err  error
		busy bool
	}{
		{template.ErrBusy, true},
		{&template.Error{Message: "no"}, false},
	} {
		s := incident.NewService(nil, fakeAccounts{}, incident.Options{Templates: fakeTemplates{checkErr: c.err}})
		_, err := s.CheckWorkflow(t.Context(), incident.Workflow{Name: "n", Trigger: incident.TriggerCreated, Message: "m"})
		var refused *incident.Error
		if err == nil || errors.Is(err, incident.ErrBusy) != c.busy || errors.As(err, &refused) == c.busy {
			t.Errorf("CheckWorkflow with %v = %v", c.err, err)
		}
	}
}
