package web

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"

	"github.com/perch-chat/perch/incident"
	"github.com/perch-chat/perch/store"
)

const (
	kindTasks = "workflow_tasks"
	taskTweet = "tweet_twitter_message"

	taskMessage = "task_params/message" // the attribute
)

// taskRoutes serves the tasks of workflows. A workflow has at most one, to post
// its message, and the task has the workflow's ID. Tasks that Perch can't do
// are refused: one that was stored and never done would look like it works.
func (s *server) taskRoutes(mux *http.ServeMux, base string) {
	all, one := base+"/workflows/{id}/workflow_tasks", base+"/workflow_tasks/{id}"
	mux.Handle("POST "+all, s.guard(WorkflowsWrite, s.edit(newTask())))
	mux.Handle("GET "+all, s.guard(WorkflowsWrite, s.listTasks))
	mux.Handle("GET "+one, s.guard(WorkflowsWrite, s.getTask))
	change := s.guard(WorkflowsWrite, s.edit(changedTask()))
	mux.Handle("PUT "+one, change)
	mux.Handle("PATCH "+one, change)
	mux.Handle("DELETE "+one, s.guard(WorkflowsWrite, s.deleteTask))
}

func taskOf(wf incident.Workflow) resource {
	return resource{ID: wf.ID, Type: kindTasks, Attributes: map[string]any{
		"workflow_id": wf.ID, "name": wf.Task.Name, "position": max(1, wf.Task.Position), "enabled": !wf.Task.Off, "skip_on_failure": wf.Task.SkipOnFailure,
		"task_params": map[string]any{"task_type": taskTweet, "message": wf.Message}, "created_at": stamp(wf.CreatedAt), "updated_at": stamp(wf.Updated),
	}}
}

// task changes the task of wf as a request's body says.
func task(body []byte, wf *incident.Workflow) error {
	a, err := decode(body, kindTasks)
	if err != nil {
		return err
	}
	if name := a.str("name"); name != nil {
		if wf.Task.Name = *name; len(*name) > incident.MaxTitle {
			a.problem("/data/attributes/name", "Name is too long")
		}
	}
	if n := a.integer("position"); n != nil {
		wf.Task.Position = *n
	}
	if on := a.boolean("enabled"); on != nil {
		wf.Task.Off = !*on
	}
	if skip := a.boolean("skip_on_failure"); skip != nil {
		wf.Task.SkipOnFailure = *skip
	}
	if ref := a.str("workflow_id"); ref != nil && *ref != wf.ID {
		a.problem("/data/attributes/workflow_id", "Workflow id can't be changed")
	}
	a.taskParams(wf)
	a.skipUnset()
	if err := a.done(); err != nil {
		return err
	}
	if strings.TrimSpace(wf.Message) == "" {
		return taskProblem("message", "Message can't be blank")
	}
	return nil
}

func (a *attributes) taskParams(wf *incident.Workflow) {
	const at = "/data/attributes/task_params"
	var raw map[string]json.RawMessage
	if !a.take("task_params", &raw, "an object") {
		return
	}
	p := attributes{raw: raw}
	kind := p.str("task_type")
	switch {
	case kind == nil || *kind == "":
		a.problem(at+"/task_type", "Task type can't be blank")
		return
	case *kind != taskTweet:
		a.problem(at+"/task_type", "Perch can't do the task "+clip(*kind)+": it does "+taskTweet+" only")
		return
	}
	if m := p.str("message"); m != nil {
		wf.Message = *m
	}
	p.skipUnset()
	for name := range raw {
		if !slices.Contains(p.taken, name) {
			a.problem(at+"/"+pointer(name), "Unknown attribute "+clip(name))
		}
	}
	for _, wrong := range p.problems {
		a.problem(at+"/message", wrong.Title)
	}
}

func taskProblem(field, title string) error {
	return &fail{code: codeInvalid, problems: []problem{{Title: title, Source: &source{Pointer: "/data/attributes/task_params/" + field}}}}
}

// newTask gives a task to a workflow that has none.
func newTask() edit {
	return edit{
		status: http.StatusCreated, show: taskOf, message: taskMessage,
		apply: func(body []byte, wf *incident.Workflow) error {
			wf.Message, wf.Task = "", incident.Task{}
			return task(body, wf)
		},
		allowed: func(now incident.Workflow) error {
			if now.Message != "" {
				return taskProblem("task_type", "This workflow has its task already: change that, or make another workflow")
			}
			return nil
		},
	}
}

// changedTask changes the task that a workflow has.
func changedTask() edit {
	return edit{
		status: http.StatusOK, show: taskOf, message: taskMessage,
		apply: func(body []byte, wf *incident.Workflow) error {
			if err := hasTask(*wf); err != nil {
				return err
			}
			return task(body, wf)
		},
	}
}

func hasTask(wf incident.Workflow) error {
	if wf.Message == "" {
		return &fail{code: codeNotFound}
	}
	return nil
}

// findTask finds a workflow that has a task.
func (s *server) findTask(r *http.Request) (incident.Workflow, error) {
	wf, err := s.findWorkflow(r)
	if err != nil {
		return wf, err
	}
	return wf, hasTask(wf)
}

func (s *server) getTask(w http.ResponseWriter, r *http.Request, _ Token) error {
	wf, err := s.findTask(r)
	if err != nil {
		return err
	}
	return answer(w, http.StatusOK, single{Data: taskOf(wf)})
}

func (s *server) listTasks(w http.ResponseWriter, r *http.Request, _ Token) error {
	p, err := paging(r)
	if err != nil {
		return err
	}
	wf, err := s.findWorkflow(r)
	if err != nil {
		return err
	}
	data := []resource{}
	if wf.Message != "" {
		data = append(data, taskOf(wf))
	}
	return answer(w, http.StatusOK, s.list(r, cut(data, p), len(data), p))
}

// deleteTask leaves a workflow that does nothing.
func (s *server) deleteTask(w http.ResponseWriter, r *http.Request, t Token) error {
	return s.change(w, r, t, nil, http.StatusOK, func(tx store.Tx) (any, error) {
		wf, err := s.Incidents.ClearWorkflow(tx, r.PathValue("id"))
		return single{Data: taskOf(wf)}, err
	})
}

// whoAmI answers clients that want to know whether their key works.
func (s *server) whoAmI(w http.ResponseWriter, _ *http.Request, t Token) error {
	return answer(w, http.StatusOK, single{Data: resource{ID: t.ID, Type: "users", Attributes: map[string]any{
		"name": t.Name, "full_name": t.Name, "first_name": nil, "last_name": nil, "email": "", "time_zone": "UTC",
		"created_at": stamp(t.Created), "updated_at": stamp(t.Created),
	}}})
}
