package incident

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"strconv"
	"strings"

	"github.com/perch-chat/perch/incident/template"
	"github.com/perch-chat/perch/internal/outbox"
	"github.com/perch-chat/perch/store"
)

// KindRun is the kind of the outbox actions that run a workflow.
const KindRun = "workflow.run"

// run is the payload of a KindRun action.
type run struct {
	Workflow string  `json:"workflow"`
	Incident string  `json:"incident"`
	Trigger  Trigger `json:"trigger"`
	N        int     `json:"n"` // the how manieth time that the trigger fired on the incident
}

func (r run) key() string {
	return "workflow:" + r.Workflow + ":" + r.Incident + ":" + string(r.Trigger) + ":" + strconv.Itoa(r.N)
}

// ran is the result of a KindRun action.
type ran struct {
	Text    string `json:"text,omitempty"`
	Skipped string `json:"skipped,omitempty"` // why nothing was rendered
}

// fire adds a run for each workflow of the trigger. Entries fire nothing, so a
// workflow's own entry can't start another.
func (s *Service) fire(tx store.Tx, inc *Incident, t Trigger) error {
	inc.Fired = maps.Clone(inc.Fired)
	if inc.Fired == nil {
		inc.Fired = map[Trigger]int{}
	}
	inc.Fired[t]++
	wfs, err := store.Collect(workflows.By(tx, "trigger", store.Key(string(t)), store.Range{}))
	if err != nil {
		return fmt.Errorf("find workflows: %w", err)
	}
	for _, wf := range wfs {
		r := run{Workflow: wf.ID, Incident: inc.ID, Trigger: t, N: inc.Fired[t]}
		a := outbox.Action{Kind: KindRun, Key: "workflow.run:" + r.key(), Order: "workflow:" + inc.ID, Subject: "incident:" + inc.ID}
		if _, err := s.add(tx, a, r); err != nil {
			return err
		}
	}
	return nil
}

// Executor carries out workflow runs. One that was cut off is repeated: it had
// no effect, because its completion is what has.
type Executor struct {
	outbox.Repeatable
	s  *Service
	db store.Store
}

var (
	_ outbox.Executor   = (*Executor)(nil)
	_ outbox.Reconciler = (*Executor)(nil)
)

// NewWorkflowExecutor returns the executor of KindRun. It renders the message
// outside of any transaction; what comes of it is published by ActionChanged,
// in the transaction that completes the run.
func NewWorkflowExecutor(s *Service, db store.Store) *Executor { return &Executor{s: s, db: db} }

// Do implements [outbox.Executor].
func (x *Executor) Do(ctx context.Context, a outbox.Action) (outbox.Receipt, error) {
	var r run
	if err := json.Unmarshal(a.Payload, &r); err != nil {
		return outbox.Receipt{}, runFailed("invalid", "This run can't be read.", err)
	}
	var wf Workflow
	var vars map[string]any
	err := x.db.View(ctx, func(tx store.Tx) error {
		var err error
		if wf, err = x.s.Workflow(tx, r.Workflow); err != nil {
			return err
		}
		vars, err = x.s.Vars(tx, r.Incident)
		return err
	})
	var refused *Error
	switch {
	case errors.As(err, &refused):
		return receipt(ran{Skipped: refused.Message})
	case err != nil:
		return outbox.Receipt{}, &outbox.Error{Outcome: outbox.Later, Failure: outbox.Failure{Code: "store", Message: "The incident couldn't be read."}, Err: err}
	case !wf.Runs():
		return receipt(ran{Skipped: "The workflow was switched off."})
	case x.s.o.Templates == nil:
		return outbox.Receipt{}, runFailed("template", "Templates are switched off here.", nil)
	}
	text, err := x.s.o.Templates.Render(ctx, wf.Message, vars)
	if ctx.Err() != nil {
		return outbox.Receipt{}, &outbox.Error{Outcome: outbox.Later, Failure: outbox.Failure{Code: "stopped", Message: "Perch was stopped."}, Err: ctx.Err()}
	}
	if errors.Is(err, template.ErrBusy) {
		return outbox.Receipt{}, &outbox.Error{Outcome: outbox.Later, Failure: outbox.Failure{Code: "busy", Message: sentence(err)}, Err: err}
	}
	if err != nil {
		return outbox.Receipt{}, runFailed("template", sentence(err), err)
	}
	if text = strings.TrimSpace(text); text == "" {
		return outbox.Receipt{}, runFailed("empty", "The message came out empty, so nothing was posted.", nil)
	}
	if why, _ := guard(text); why != "" {
		return outbox.Receipt{}, runFailed("refused", why, nil)
	}
	return receipt(ran{Text: text})
}

func receipt(r ran) (outbox.Receipt, error) {
	raw, err := json.Marshal(r)
	if err != nil {
		return outbox.Receipt{}, runFailed("invalid", "The result can't be stored.", err)
	}
	return outbox.Receipt{Result: raw}, nil
}

func runFailed(code, message string, err error) *outbox.Error {
	return &outbox.Error{Outcome: outbox.Rejected, Failure: outbox.Failure{Code: code, Message: message}, Err: err}
}

// runChanged publishes what a run rendered, or tells of its failure.
func (s *Service) runChanged(tx store.Tx, was outbox.State, a outbox.Action) error {
	if was == a.State || a.State != outbox.Done && a.State != outbox.Failed {
		return nil
	}
	var r run
	if err := json.Unmarshal(a.Payload, &r); err != nil {
		return fmt.Errorf("decode %s: %w", a.Kind, err)
	}
	var refused *Error
	inc, err := s.Get(tx, r.Incident)
	if errors.As(err, &refused) {
		return nil
	}
	if err != nil {
		return err
	}
	wf, err := s.Workflow(tx, r.Workflow)
	if errors.As(err, &refused) {
		return nil // deleted meanwhile
	}
	if err != nil {
		return err
	}
	if a.State == outbox.Failed {
		msg := "It failed."
		if a.Failure != nil {
			msg = a.Failure.Message
		}
		return s.runFailed(tx, inc, wf, r, msg)
	}
	var res ran
	if err := json.Unmarshal(a.Result, &res); err != nil {
		return fmt.Errorf("decode the result of %s: %w", a.Kind, err)
	}
	if res.Skipped != "" || res.Text == "" || !wf.Runs() { // somebody may have switched it off meanwhile
		return nil
	}
	return s.publishRun(tx, inc, wf, r, res.Text)
}

func (s *Service) publishRun(tx store.Tx, inc Incident, wf Workflow, r run, text string) error {
	dup, err := s.saidBefore(tx, inc, wf.Account, text)
	if err != nil {
		return err
	}
	if dup {
		return s.runFailed(tx, inc, wf, r, "The same text was published for this incident already, so it wasn't posted again.")
	}
	n := NewEntry{
		Text: text, Visibility: Twitter, Source: FromWorkflow, By: Person{Ref: "workflow:" + wf.ID, Name: wf.Name},
		Origin: r.key(), keyBase: r.key(), approval: wf.Approval,
	}
	if wf.Account != "" {
		n.Accounts = []string{wf.Account}
	}
	_, err = s.Add(tx, inc.ID, n)
	if refused, ok := errors.AsType[*Error](err); ok {
		return s.runFailed(tx, inc, wf, r, refused.Message)
	}
	return err
}

// saidBefore reports whether the incident's timeline has the text published,
// or about to be, on the account. X refuses duplicates, and so do readers.
func (s *Service) saidBefore(tx store.Tx, inc Incident, account, text string) (bool, error) {
	for e, err := range entries.By(tx, "timeline", store.Key(inc.ID), store.Range{}) {
		if err != nil {
			return false, fmt.Errorf("look for the same text: %w", err)
		}
		for _, p := range e.Posts {
			if e.Text == text && p.State != PubCancelled && p.State != PubDeleted && (account == "" || account == p.Account) {
				return true, nil
			}
		}
	}
	return false, nil
}

func (s *Service) runFailed(tx store.Tx, inc Incident, wf Workflow, r run, message string) error {
	s.o.Log.Warn("workflow run failed", "workflow", wf.ID, "incident", inc.ID, "trigger", string(r.Trigger))
	note := NewEntry{
		Text: fmt.Sprintf("Workflow %q posted nothing: %s", wf.Name, message), Source: FromSystem, Locked: true,
		By: Person{Ref: "workflow:" + wf.ID, Name: wf.Name}, Origin: "failed:" + r.key(),
	}
	if _, err := s.Add(tx, inc.ID, note); err != nil {
		return err
	}
	return s.workflowFailed(tx, inc, wf, message)
}
