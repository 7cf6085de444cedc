package web

import (
	"net/http"

	"github.com/perch-chat/perch/incident"
	"github.com/perch-chat/perch/store"
)

const kindWorkflows = "workflows"

func (s *server) workflowRoutes(mux *http.ServeMux, base string) {
	all, one := base+"/workflows", base+"/workflows/{id}"
	mux.Handle("POST "+all, s.guard(WorkflowsWrite, s.createWorkflow))
	mux.Handle("GET "+all, s.guard(WorkflowsWrite, s.listWorkflows))
	mux.Handle("GET "+one, s.guard(WorkflowsWrite, s.getWorkflow))
	change := s.guard(WorkflowsWrite, s.edit(ofWorkflow(http.StatusOK)))
	mux.Handle("PUT "+one, change)
	mux.Handle("PATCH "+one, change)
	mux.Handle("DELETE "+one, s.guard(WorkflowsWrite, s.deleteWorkflow))
	s.taskRoutes(mux, base)
	mux.Handle("GET "+base+"/users/me", s.guard(anyScope, s.whoAmI))
}

func workflowOf(wf incident.Workflow) resource {
	return resource{ID: wf.ID, Type: kindWorkflows, Attributes: map[string]any{
		"name": wf.Name, "enabled": wf.Enabled, "trigger": wf.Trigger, "message": wf.Message, "account": text(wf.Account), "approval": wf.Approval,
		"description": text(wf.Description), "trigger_params": triggerParams(wf.Trigger), "created_at": stamp(wf.CreatedAt), "updated_at": stamp(wf.Updated),
	}}
}

// workflow changes wf as a request's body says, in Perch's words or Rootly's.
func workflow(body []byte, wf *incident.Workflow) error {
	a, err := decode(body, kindWorkflows)
	if err != nil {
		return err
	}
	for name, into := range map[string]*string{"name": &wf.Name, "message": &wf.Message, "account": &wf.Account, "description": &wf.Description} {
		if v := a.str(name); v != nil {
			*into = *v
		}
	}
	if trigger := a.str("trigger"); trigger != nil {
		wf.Trigger = incident.Trigger(*trigger)
	}
	for name, into := range map[string]*bool{"enabled": &wf.Enabled, "approval": &wf.Approval} {
		if v := a.boolean(name); v != nil {
			*into = *v
		}
	}
	if t, ok := a.trigger(); ok {
		if _, both := a.raw["trigger"]; both && t != wf.Trigger {
			a.problem("/data/attributes/trigger", "Trigger and trigger_params differ: send one of them")
		}
		wf.Trigger, wf.Stepwise = t, true
	}
	a.integer("position") // there is no order among workflows
	a.skipUnset()
	return a.done()
}

func (s *server) createWorkflow(w http.ResponseWriter, r *http.Request, t Token) error {
	body, err := readBody(w, r)
	if err != nil {
		return err
	}
	wf := incident.Workflow{Enabled: true}
	if err := workflow(body, &wf); err != nil {
		return err
	}
	return s.saveWorkflow(w, r, t, body, wf, ofWorkflow(http.StatusCreated))
}

// ofWorkflow is a change of a workflow as such.
func ofWorkflow(status int) edit {
	return edit{status: status, apply: workflow, show: workflowOf, message: "message"}
}

func (s *server) findWorkflow(r *http.Request) (wf incident.Workflow, err error) {
	err = s.DB.View(r.Context(), func(tx store.Tx) error {
		wf, err = s.Incidents.Workflow(tx, r.PathValue("id"))
		return err
	})
	return wf, err
}

func (s *server) getWorkflow(w http.ResponseWriter, r *http.Request, _ Token) error {
	wf, err := s.findWorkflow(r)
	if err != nil {
		return err
	}
	return answer(w, http.StatusOK, single{Data: workflowOf(wf)})
}

func (s *server) listWorkflows(w http.ResponseWriter, r *http.Request, _ Token) error {
	p, err := paging(r)
	if err != nil {
		return err
	}
	var wfs []incident.Workflow
	err = s.DB.View(r.Context(), func(tx store.Tx) error {
		wfs, err = s.Incidents.Workflows(tx)
		return err
	})
	if err != nil {
		return err
	}
	data := make([]resource, len(wfs))
	for i, wf := range wfs {
		data[i] = workflowOf(wf)
	}
	return answer(w, http.StatusOK, s.list(r, cut(data, p), len(data), p))
}

func (s *server) deleteWorkflow(w http.ResponseWriter, r *http.Request, t Token) error {
	return s.change(w, r, t, nil, http.StatusOK, func(tx store.Tx) (any, error) {
		wf, err := s.Incidents.DeleteWorkflow(tx, r.PathValue("id"))
		return single{Data: workflowOf(wf)}, err
	})
}
