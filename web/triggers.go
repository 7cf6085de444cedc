package web

import (
	"encoding/json"
	"slices"
	"strings"

	"github.com/perch-chat/perch/incident"
)

// Rootly's names of triggers. A changed severity is taken for a worse one, and
// a changed status for the status that incident_statuses names.
const (
	rootlySeverity = "severity_updated"
	rootlyStatus   = "status_updated"
)

// triggerParams is a trigger as Rootly writes it.
func triggerParams(t incident.Trigger) map[string]any {
	p := map[string]any{"trigger_type": "incident", "incident_condition": "ALL", "triggers": []string{string(t)}}
	switch t {
	case incident.TriggerRaised:
		p["triggers"] = []string{rootlySeverity}
	case incident.TriggerResolved:
		p["triggers"] = []string{rootlyStatus}
		p["incident_condition_status"], p["incident_statuses"] = "IS", []string{string(incident.Resolved)}
	case incident.TriggerCreated:
	}
	return p
}

// trigger reads trigger_params. What Perch can't do is an error: a workflow
// whose conditions were left out would post more than was asked for.
func (a *attributes) trigger() (incident.Trigger, bool) {
	const at = "/data/attributes/trigger_params"
	var raw map[string]json.RawMessage
	if !a.take("trigger_params", &raw, "an object") {
		return "", false
	}
	found := len(a.problems)
	p := attributes{raw: raw}
	if kind := p.str("trigger_type"); kind != nil && *kind != "incident" {
		a.problem(at+"/trigger_type", "Trigger type must be incident")
	}
	triggers, statuses := p.strings("triggers"), p.strings("incident_statuses")
	p.skipUnset()
	for name, value := range raw { // a condition without something to compare with is none
		if strings.HasPrefix(name, "incident_condition") && slices.Contains([]string{`"ALL"`, `"ANY"`, `"IS"`}, string(value)) {
			p.taken = append(p.taken, name)
		}
		if !slices.Contains(p.taken, name) {
			a.problem(at+"/"+pointer(name), "Perch doesn't know the condition "+clip(name)+": leave it out")
		}
	}
	for _, wrong := range p.problems {
		a.problem(at+strings.TrimPrefix(wrong.Source.Pointer, "/data/attributes"), wrong.Title)
	}
	t, why := triggerOf(triggers, statuses)
	if why != "" && len(a.problems) == found {
		a.problem(at+"/triggers", why)
	}
	return t, len(a.problems) == found
}

func triggerOf(triggers, statuses []string) (t incident.Trigger, why string) {
	if len(triggers) != 1 {
		return "", "Triggers must be one trigger: make a workflow for each"
	}
	resolved := len(statuses) == 1 && statuses[0] == string(incident.Resolved)
	switch triggers[0] {
	case string(incident.TriggerCreated):
		t = incident.TriggerCreated
	case string(incident.TriggerRaised), rootlySeverity:
		t = incident.TriggerRaised
	case string(incident.TriggerResolved):
		t = incident.TriggerResolved
	case rootlyStatus:
		if !resolved {
			return "", `With status_updated, incident_statuses must be ["resolved"]`
		}
		return incident.TriggerResolved, ""
	default:
		return "", "Triggers must be incident_created, severity_updated, or status_updated with incident_statuses resolved"
	}
	if len(statuses) > 0 && (t != incident.TriggerResolved || !resolved) {
		return "", "Incident statuses go with status_updated only"
	}
	return t, ""
}
