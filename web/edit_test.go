package web_test

import (
	"context"
	"testing"

	"github.com/perch-chat/perch/incident"
	"github.com/perch-chat/perch/store"
	"github.com/perch-chat/perch/web"
)

// slowTemplates have something happen while a message is checked.
type slowTemplates struct{ meanwhile func() }

func (s *slowTemplates) Check(_ context.Context, src string, _ map[string]any) (string, error) {
	if s.meanwhile != nil {
		s.meanwhile()
	}
	return src, nil
}

func (s *slowTemplates) Render(_ context.Context, src string, _ map[string]any) (string, error) {
	return src, nil
}

// TestWorkflowChangedMeanwhile: checking a message takes a while. Whoever
// switches a workflow off meanwhile must not have it on again.
func TestWorkflowChangedMeanwhile(t *testing.T) {
	t.Parallel()
	slow := &slowTemplates{}
	w := newWorld(t, func(d *web.Deps) {
		d.Incidents = incident.NewService(nil, acme{}, incident.Options{Templates: slow})
	})
	made := w.do("POST", "/v1/workflows", doc("workflows", `{"name":"n","trigger":"incident_resolved","message":"m"}`))
	id := made.str(t, "data", "id")
	enable := func(on bool) {
		w.update(func(tx store.Tx) error {
			_, err := w.deps.Incidents.EnableWorkflow(tx, id, on)
			return err
		})
	}
	for path, body := range map[string]string{
		"/v1/workflows/" + id:      doc("workflows", `{"description":"changed"}`),
		"/v1/workflow_tasks/" + id: doc("workflow_tasks", `{"name":"changed"}`),
	} {
		enable(true)
		checks := 0
		slow.meanwhile = func() {
			if checks++; checks == 1 {
				enable(false)
			}
		}
		a := w.do("PATCH", path, body)
		key := "description"
		if path != "/v1/workflows/"+id {
			key = "name"
		}
		if a.Status != 200 || a.str(t, "data", "attributes", key) != "changed" {
			t.Errorf("PATCH %s = %d %s", path, a.Status, a.Body)
		}
		if now := w.do("GET", "/v1/workflows/"+id, ""); now.at(t, "data", "attributes", "enabled") != false {
			t.Errorf("PATCH %s switched the workflow on again", path)
		}
	}

	// Where others change it each time, nothing is said to be done.
	on := false
	slow.meanwhile = func() { on = !on; enable(on) }
	a := w.do("PATCH", "/v1/workflows/"+id, doc("workflows", `{"description":"never"}`))
	if a.Status != 503 || a.Header.Get("Retry-After") == "" {
		t.Errorf("PATCH = %d %s", a.Status, a.Body)
	}
	if now := w.do("GET", "/v1/workflows/"+id, ""); now.str(t, "data", "attributes", "description") != "changed" {
		t.Errorf("the workflow is %s", now.Body)
	}
}
