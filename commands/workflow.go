package commands

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/perch-chat/perch/bot"
	"github.com/perch-chat/perch/incident"
	"github.com/perch-chat/perch/internal/outbox"
	"github.com/perch-chat/perch/store"
)

// KindSaveWorkflow is the action that checks and saves a workflow: checking
// runs its template, which must not happen inside a transaction.
const KindSaveWorkflow = "workflow.save"

const workflowHelp = `Workflows post by themselves when an incident is created, its severity is raised, or it is resolved.
/incident workflow add --on created|raised|resolved [--name Name] [--approval yes] message
The message may use Liquid: Incident resolved: {{ incident.title }}. Thanks for your patience.
/incident workflow list · on N · off N · delete N`

type saveWorkflow struct {
	Workflow incident.Workflow `json:"workflow"`
	By       incident.Person   `json:"by"`
	Reply    bot.Message       `json:"reply"` // where the answer goes
}

func triggerOf(s string) (incident.Trigger, bool) {
	switch strings.ToLower(s) {
	case "created", "creation", "new", string(incident.TriggerCreated):
		return incident.TriggerCreated, true
	case "raised", "severity", "escalated", "escalation", string(incident.TriggerRaised):
		return incident.TriggerRaised, true
	case "resolved", "resolution", string(incident.TriggerResolved):
		return incident.TriggerResolved, true
	}
	return "", false
}

func triggerWord(t incident.Trigger) string {
	switch t {
	case incident.TriggerCreated:
		return "when an incident is created"
	case incident.TriggerRaised:
		return "when the severity is raised"
	case incident.TriggerResolved:
		return "when an incident is resolved"
	}
	return string(t)
}

func workflow(c *call) error {
	first, rest := cutWord(c.rest)
	switch strings.ToLower(first) {
	case "", "list":
		return listWorkflows(c)
	case "add", "new":
		return addWorkflow(c, rest)
	case "on", "enable":
		return c.switchWorkflow(rest, true)
	case "off", "disable":
		return c.switchWorkflow(rest, false)
	case "delete", "remove":
		if err := c.need(admin); err != nil {
			return err
		}
		wf, err := c.numbered(rest)
		if err != nil {
			return err
		}
		if _, err := c.Incidents.DeleteWorkflow(c.tx, wf.ID); err != nil {
			return err
		}
		return c.reply(text(fmt.Sprintf("The workflow %q is deleted.", wf.Name)))
	}
	return c.reply(text(workflowHelp))
}

func addWorkflow(c *call, s string) error {
	if err := c.need(admin); err != nil {
		return err
	}
	o, err := parseOptions(s, map[string]string{"on": "on", "name": "name", "approval": "approval", "account": "account"})
	if err != nil {
		return err
	}
	trigger, ok := triggerOf(o.flags["on"])
	if !ok || o.text == "" {
		return c.reply(text(workflowHelp))
	}
	wf := incident.Workflow{
		Name: orDefault(o.flags["name"], "Post "+triggerWord(trigger)), Enabled: true, Trigger: trigger, Message: o.text,
		Approval: strings.EqualFold(o.flags["approval"], "yes") || strings.EqualFold(o.flags["approval"], "true"),
	}
	if h := o.flags["account"]; h != "" {
		acc, err := c.pick(h)
		if err != nil {
			return err
		}
		wf.Account = acc.ID
	}
	return c.add(c.tx, outbox.Action{
		Kind: KindSaveWorkflow, Key: "commands:workflow:" + c.ev.Platform + ":" + c.ev.ID, CreatedBy: string(c.ev.User.Ref),
	}, saveWorkflow{Workflow: wf, By: c.by(), Reply: bot.Message{
		Channel: c.ev.Channel, Thread: c.ev.Thread, Only: c.ev.User.Ref, Respond: c.ev.Respond, Trigger: c.ev.Trigger,
	}})
}

func (c *call) numbered(s string) (incident.Workflow, error) {
	wfs, err := c.Incidents.Workflows(c.tx)
	if err != nil {
		return incident.Workflow{}, err
	}
	n, err := strconv.Atoi(strings.TrimSpace(s))
	if err != nil || n < 1 || n > len(wfs) {
		return incident.Workflow{}, refuse("Which one? Write its number from /incident workflow list")
	}
	return wfs[n-1], nil
}

func (c *call) switchWorkflow(s string, on bool) error {
	if err := c.need(admin); err != nil {
		return err
	}
	wf, err := c.numbered(s)
	if err != nil {
		return err
	}
	if _, err := c.Incidents.EnableWorkflow(c.tx, wf.ID, on); err != nil {
		return err
	}
	return c.reply(text(fmt.Sprintf("The workflow %q is %s.", wf.Name, onOff(on))))
}

func onOff(on bool) string {
	if on {
		return "on"
	}
	return "off"
}

func listWorkflows(c *call) error {
	wfs, err := c.Incidents.Workflows(c.tx)
	if err != nil {
		return err
	}
	if len(wfs) == 0 {
		return c.reply(text("There is no workflow yet.\n" + workflowHelp))
	}
	m := bot.Message{Text: count(len(wfs), "workflow"), Blocks: []bot.Block{bot.Header("Workflows")}}
	for i, wf := range wfs {
		line := fmt.Sprintf(" · posts %s · %s", triggerWord(wf.Trigger), onOff(wf.Enabled))
		if wf.Approval {
			line += " · a person approves each post"
		}
		m.Blocks = append(m.Blocks, bot.Para(bot.Bold(fmt.Sprintf("%d. %s", i+1, wf.Name)), bot.Plain(line)), bot.Quote(wf.Message))
	}
	return c.reply(m)
}

// WorkflowSaver carries out KindSaveWorkflow. Repeating it changes nothing.
type WorkflowSaver struct {
	outbox.Repeatable
	DB     store.Store
	Router *Router
}

var _ outbox.Reconciler = WorkflowSaver{}

// Do checks and saves the workflow, and answers the person.
func (w WorkflowSaver) Do(ctx context.Context, a outbox.Action) (outbox.Receipt, error) {
	var s saveWorkflow
	if err := json.Unmarshal(a.Payload, &s); err != nil {
		return outbox.Receipt{}, &outbox.Error{Outcome: outbox.Rejected, Failure: outbox.Failure{Code: "bad_payload", Message: "This workflow can't be read."}, Err: err}
	}
	checked, err := w.Router.Incidents.CheckWorkflow(ctx, s.Workflow)
	var bad *incident.Error
	if err != nil && !errors.As(err, &bad) {
		return outbox.Receipt{}, later(err)
	}
	err = w.DB.Update(ctx, func(tx store.Tx) error {
		if _, done, err := w.Router.Outbox.FindKey(tx, a.Key+":answer"); err != nil || done {
			return err // an attempt that was cut off got this far
		}
		var answer string
		if bad != nil {
			answer = "⚠ The workflow was not saved: " + bad.Message
		} else {
			wf, err := w.Router.Incidents.SaveWorkflow(tx, checked, s.By)
			if err != nil {
				return err
			}
			answer = fmt.Sprintf("✅ Saved. Perch posts %s. All of them: /incident workflow list", triggerWord(wf.Trigger))
		}
		m := text(answer)
		m.Channel, m.Thread, m.Only, m.Respond, m.Trigger = s.Reply.Channel, s.Reply.Thread, s.Reply.Only, s.Reply.Respond, s.Reply.Trigger
		return w.Router.post(tx, m, postOptions{key: a.Key + ":answer"})
	})
	if err != nil {
		return outbox.Receipt{}, later(err)
	}
	return outbox.Receipt{}, nil
}

func later(err error) error {
	return &outbox.Error{Outcome: outbox.Later, Failure: outbox.Failure{Code: "internal", Message: "Perch could not do this now and tries again by itself."}, Err: err}
}
