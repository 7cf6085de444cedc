package incident

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/perch-chat/perch/incident/template"
	"github.com/perch-chat/perch/internal/id"
	"github.com/perch-chat/perch/store"
)

// Trigger is what starts a workflow.
type Trigger string

// The triggers.
const (
	TriggerCreated  Trigger = "incident_created"
	TriggerRaised   Trigger = "severity_raised"
	TriggerResolved Trigger = "incident_resolved"
)

// Valid reports whether t is a known trigger.
func (t Trigger) Valid() bool {
	return t == TriggerCreated || t == TriggerRaised || t == TriggerResolved
}

// Workflow tweets a message when something happens to an incident. It is
// stored as JSON: fields are added, never renamed.
type Workflow struct {
	ID       string    `json:"id"`
	Name     string    `json:"name"`
	Enabled  bool      `json:"enabled"`
	Trigger  Trigger   `json:"trigger"`
	Message  string    `json:"message"`            // Liquid
	Account  string    `json:"account,omitempty"`  // X user id; "" is the default account
	Approval bool      `json:"approval,omitempty"` // a person has to approve each post
	Created  Person    `json:"created_by,omitzero"`
	Updated  time.Time `json:"updated_at"`

	CreatedAt time.Time `json:"created_at"`

	Description string `json:"description,omitempty"`

	// Stepwise: it was made as Rootly's are, first the workflow and then its
	// task. Until it has a message it may be saved, and does nothing.
	Stepwise bool `json:"stepwise,omitempty"`
	Task     Task `json:"task,omitzero"`
}

// Task is what Rootly's API keeps of the one task that a workflow has, which is
// to post its message.
type Task struct {
	Name          string `json:"name,omitempty"`
	Position      int    `json:"position,omitempty"`
	Off           bool   `json:"off,omitempty"` // it is not to be done
	SkipOnFailure bool   `json:"skip_on_failure,omitempty"`
}

// Runs reports whether the workflow does anything when its trigger fires.
func (w Workflow) Runs() bool { return w.Enabled && !w.Task.Off && w.Message != "" }

// Templates checks and renders the messages of workflows.
type Templates interface {
	// Check returns what src makes of sample, or an error, in words for
	// people, if it would fail with such variables.
	Check(ctx context.Context, src string, sample map[string]any) (preview string, err error)

	// Render fills src in.
	Render(ctx context.Context, src string, vars map[string]any) (string, error)
}

// Checked is a workflow whose message was found to be good.
type Checked struct {
	wf       Workflow
	preview  string
	weighted int
}

// Preview is the message filled in for a made-up incident, and its length as X
// counts it.
func (c Checked) Preview() (text string, weighted int) { return c.preview, c.weighted }

// Workflow returns what was checked.
func (c Checked) Workflow() Workflow { return c.wf }

// ErrBusy is returned by CheckWorkflow when the machine was too busy to check
// the message. It says nothing of the workflow: the caller has to try again.
var ErrBusy = template.ErrBusy

// ErrChanged is returned by SaveWorkflow when the workflow is no longer the one
// that was changed and checked: the caller has to begin with what it is now.
var ErrChanged = errors.New("incident: the workflow was changed meanwhile")

// CheckWorkflow checks a workflow before it is saved. It takes a while, so it
// must be called outside of any transaction. Its errors are *Error, ErrBusy or
// ctx's.
func (s *Service) CheckWorkflow(ctx context.Context, wf Workflow) (Checked, error) {
	wf.Name = oneLine(wf.Name)
	switch {
	case wf.Name == "":
		return Checked{}, invalid("name", "Name can't be blank")
	case utf8.RuneCountInString(wf.Name) > MaxTitle:
		return Checked{}, invalid("name", "The name is over %d characters.", MaxTitle)
	case !wf.Trigger.Valid():
		return Checked{}, invalid("trigger", "%q is not a trigger: use incident_created, severity_raised or incident_resolved.", wf.Trigger)
	case utf8.RuneCountInString(wf.Description) > MaxText:
		return Checked{}, invalid("description", "The description is over %d characters.", MaxText)
	case strings.TrimSpace(wf.Message) == "" && !wf.Stepwise:
		return Checked{}, invalid("message", "Message can't be blank")
	case strings.TrimSpace(wf.Message) == "":
		wf.Message = ""
		return Checked{wf: wf}, nil
	}
	if s.o.Templates == nil {
		return Checked{}, invalid("message", "Templates are switched off here.")
	}
	preview, err := s.o.Templates.Check(ctx, wf.Message, s.sampleVars())
	if ctx.Err() != nil {
		return Checked{}, fmt.Errorf("check workflow: %w", ctx.Err())
	}
	if errors.Is(err, ErrBusy) {
		return Checked{}, err
	}
	if err != nil {
		return Checked{}, invalid("message", "%s", sentence(err))
	}
	preview = strings.TrimSpace(preview)
	if preview != "" { // it may be empty for this incident and not for another
		if why, _ := guard(preview); why != "" {
			return Checked{}, invalid("message", "%s", why)
		}
	}
	weighted, _ := weigh(preview)
	return Checked{wf: wf, preview: preview, weighted: weighted}, nil
}

// sentence makes an error's text one for people.
func sentence(err error) string {
	msg := strings.TrimSpace(err.Error())
	if r, n := utf8.DecodeRuneInString(msg); n > 0 {
		msg = strings.ToUpper(string(r)) + msg[n:]
	}
	if !strings.HasSuffix(msg, ".") && !strings.HasSuffix(msg, "?") {
		msg += "."
	}
	return msg
}

// SaveWorkflow stores a checked workflow, a new one if it has no ID. What has
// become another since it was found is left alone, with [ErrChanged]: one that
// somebody switched off while its message was checked stays off.
func (s *Service) SaveWorkflow(tx store.Tx, c Checked, by Person) (Workflow, error) {
	wf := c.wf
	now := time.Now().UTC()
	wf.Updated = now
	if wf.ID == "" {
		wf.ID, wf.CreatedAt, wf.Created = id.New(), now, by
		return wf, workflows.Put(tx, wf)
	}
	old, err := s.Workflow(tx, wf.ID)
	if err != nil {
		return Workflow{}, err
	}
	if !old.Updated.Equal(c.wf.Updated) {
		return Workflow{}, ErrChanged
	}
	wf.CreatedAt, wf.Created = old.CreatedAt, old.Created
	return wf, workflows.Put(tx, wf)
}

// EnableWorkflow switches a workflow on or off.
func (s *Service) EnableWorkflow(tx store.Tx, ref string, on bool) (Workflow, error) {
	wf, err := s.Workflow(tx, ref)
	if err != nil {
		return Workflow{}, err
	}
	wf.Enabled, wf.Updated = on, time.Now().UTC()
	return wf, workflows.Put(tx, wf)
}

// Workflow finds a workflow.
func (s *Service) Workflow(tx store.Tx, ref string) (Workflow, error) {
	wf, ok, err := workflows.Find(tx, store.Key(ref))
	if err != nil {
		return Workflow{}, fmt.Errorf("find workflow: %w", err)
	}
	if !ok {
		return Workflow{}, notFound("workflow", ref)
	}
	return wf, nil
}

// Workflows lists all workflows, oldest first.
func (s *Service) Workflows(tx store.Tx) ([]Workflow, error) {
	wfs, err := store.Collect(workflows.Scan(tx, store.Range{}))
	if err != nil {
		return nil, fmt.Errorf("list workflows: %w", err)
	}
	slices.SortStableFunc(wfs, func(a, b Workflow) int { return a.CreatedAt.Compare(b.CreatedAt) })
	return wfs, nil
}

// DeleteWorkflow deletes a workflow. Its runs that wait find it gone.
func (s *Service) DeleteWorkflow(tx store.Tx, ref string) (Workflow, error) {
	wf, err := s.Workflow(tx, ref)
	if err != nil {
		return Workflow{}, err
	}
	return wf, workflows.Delete(tx, store.Key(ref))
}

// ClearWorkflow takes the message away, and returns the workflow as it was. It
// stays, and does nothing until it has another message.
func (s *Service) ClearWorkflow(tx store.Tx, ref string) (Workflow, error) {
	was, err := s.Workflow(tx, ref)
	if err != nil {
		return Workflow{}, err
	}
	if was.Message == "" {
		return Workflow{}, notFound("message of the workflow", ref)
	}
	now := was
	now.Message, now.Task, now.Stepwise, now.Updated = "", Task{}, true, time.Now().UTC()
	return was, workflows.Put(tx, now)
}

// triggersOf are the triggers of a change.
func triggersOf(was, now Incident) []Trigger {
	var ts []Trigger
	if now.Severity.Above(was.Severity) {
		ts = append(ts, TriggerRaised)
	}
	if now.Status == Resolved && was.Status != Resolved {
		ts = append(ts, TriggerResolved)
	}
	return ts
}
