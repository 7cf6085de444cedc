package web

import (
	"errors"
	"net/http"

	"github.com/perch-chat/perch/incident"
	"github.com/perch-chat/perch/store"
)

// maxEdits is how often a change of a workflow is begun, where others change
// the same one meanwhile.
const maxEdits = 4

// edit is what a request makes of a workflow.
type edit struct {
	status  int
	apply   func(body []byte, wf *incident.Workflow) error
	allowed func(now incident.Workflow) error // asked as it is stored, and not of a repeat; nil: always
	show    func(incident.Workflow) resource
	message string // the attribute that the message is
}

// edit changes a workflow. Its message is checked outside of the transaction,
// so what else was changed meanwhile is read, and all begins again.
func (s *server) edit(e edit) authed {
	return func(w http.ResponseWriter, r *http.Request, t Token) error {
		body, err := readBody(w, r)
		if err != nil {
			return err
		}
		for range maxEdits {
			wf, err := s.findWorkflow(r)
			if err != nil {
				return err
			}
			if err := e.apply(body, &wf); err != nil {
				return err
			}
			if err := s.saveWorkflow(w, r, t, body, wf, e); !errors.Is(err, incident.ErrChanged) {
				return err
			}
		}
		return &fail{code: codeBusy}
	}
}

// saveWorkflow checks the message, which takes a process of its own, and then
// stores the workflow.
func (s *server) saveWorkflow(w http.ResponseWriter, r *http.Request, t Token, body []byte, wf incident.Workflow, e edit) error {
	checked, err := s.Incidents.CheckWorkflow(r.Context(), wf)
	if bad, ok := errors.AsType[*incident.Error](err); ok && bad.Field == "message" {
		at := *bad
		at.Field = e.message
		return &at
	}
	if err != nil {
		return err
	}
	return s.change(w, r, t, body, e.status, func(tx store.Tx) (any, error) {
		if e.allowed != nil {
			now, err := s.Incidents.Workflow(tx, wf.ID)
			if err != nil {
				return nil, err
			}
			if err := e.allowed(now); err != nil {
				return nil, err
			}
		}
		saved, err := s.Incidents.SaveWorkflow(tx, checked, by(t))
		return single{Data: e.show(saved)}, err
	})
}
