package web

import (
	"net/http"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/perch-chat/perch/incident"
)

// FuzzForms feeds the readers of workflows, tasks, areas and impacts with
// anything: what they don't understand is the client's error, and points into
// the body. A trigger that Rootly's form was understood as is one of ours.
func FuzzForms(f *testing.F) {
	for _, s := range []string{
		`{"data":{"type":"workflows","attributes":{"name":"n","trigger_params":{"trigger_type":"incident","triggers":["status_updated"],"incident_statuses":["resolved"],"incident_condition_status":"IS"}}}}`,
		`{"data":{"type":"workflows","attributes":{"trigger_params":{"triggers":[1],"~/":{"a":1}}}}}`, `{"data":{"type":"workflows","attributes":{"trigger_params":[]}}}`,
		`{"data":{"type":"workflow_tasks","attributes":{"position":1e99,"task_params":{"task_type":"tweet_twitter_message","message":"m"}}}}`,
		`{"data":{"type":"workflow_tasks","attributes":{"task_params":{"task_type":7}}}}`, `{"data":{"type":"services","attributes":{"name":"n","x":0,"y":false}}}`,
		`{"data":{"type":"incident_event_services","attributes":{"service_id":"s","status":"operational","incident_event_id":"e"}}}`, `{"data":{}}`, `[`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		var wf incident.Workflow
		if err := workflow(body, &wf); err != nil {
			clientsFault(t, body, err)
		} else if wf.Stepwise && !wf.Trigger.Valid() {
			t.Errorf("workflow(%q) has the trigger %q", body, wf.Trigger)
		}
		clientsFault(t, body, task(body, &incident.Workflow{}))
		for _, k := range areaForms {
			clientsFault(t, body, k.read(body, &incident.Area{}))
			_, err := k.readImpact(body)
			clientsFault(t, body, err)
		}
	})
}

func clientsFault(t *testing.T, body []byte, err error) {
	t.Helper()
	if err == nil {
		return
	}
	f := failure(err)
	if st := catalogue[f.code].status; st != http.StatusBadRequest && st != http.StatusUnprocessableEntity {
		t.Errorf("%q: %v", body, err)
	}
	for _, p := range f.problems {
		if !utf8.ValidString(p.Title) || len(p.Title) > 400 || p.Source != nil && p.Source.Pointer != "" && !strings.HasPrefix(p.Source.Pointer, "/data") {
			t.Errorf("%q: problem %+v", body, p)
		}
	}
}
