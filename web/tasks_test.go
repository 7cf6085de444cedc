package web_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/perch-chat/perch/incident"
	"github.com/perch-chat/perch/store"
	"github.com/perch-chat/perch/web"
)

// TestRootlyWorkflow makes a workflow as Rootly's clients do, in two steps.
func TestRootlyWorkflow(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	made := w.do("POST", "/v1/workflows", doc("workflows", `{"name":"Tell","description":"d","enabled":true,"wait":"","repeat_on":[],"locked":false,"position":1,"trigger_params":{
		"trigger_type":"incident","triggers":["incident_created"],"incident_condition":"ALL","incident_condition_kind":"IS","incident_kinds":[],"incident_condition_summary":""}}`))
	if made.Status != 201 || made.str(t, "data", "attributes", "trigger") != "incident_created" || made.str(t, "data", "attributes", "trigger_params", "triggers", 0) != "incident_created" ||
		made.str(t, "data", "attributes", "message") != "" || made.str(t, "data", "attributes", "description") != "d" {
		t.Fatalf("POST = %d %s", made.Status, made.Body)
	}
	wf := made.str(t, "data", "id")
	all, one := "/v1/workflows/"+wf+"/workflow_tasks", "/v1/workflow_tasks/"+wf
	runs := func() (n int) {
		t.Helper()
		w.update(func(tx store.Tx) error {
			inc, err := w.deps.Incidents.Create(tx, incident.New{Title: "T"})
			if err != nil {
				return err
			}
			as, err := w.ob.BySubject(tx, "incident:"+inc.ID)
			n = len(as)
			return err
		})
		return n
	}
	if got := w.do("GET", all, ""); got.at(t, "meta", "total_count") != 0.0 {
		t.Errorf("tasks before there is one = %s", got.Body)
	}
	if got := w.do("GET", one, ""); got.Status != 404 {
		t.Errorf("GET before there is one = %d", got.Status)
	}
	if n := runs(); n != 0 {
		t.Errorf("without a task it ran %d times", n)
	}
	for params, want := range map[string]string{
		`{"task_type":"tweet_twitter_message","message":"{{ incident.titel }}"}`: "did you mean title?",
		`{"task_type":"tweet_twitter_message","message":" "}`:                    "Message can't be blank",
		`{"task_type":"tweet_twitter_message","message":7}`:                      "Message must be a string",
		`{"task_type":"tweet_twitter_message"}`:                                  "Message can't be blank",
		`{"task_type":"tweet_twitter_message","message":"m","media":"x"}`:        "Unknown attribute media",
		`{"task_type":"print","message":"m"}`:                                    "Perch can't do the task print: it does tweet_twitter_message only",
		`{"message":"m"}`:                                                        "Task type can't be blank",
		`[]`:                                                                     "Task params must be an object",
		`null`:                                                                   "Message can't be blank",
	} {
		got := w.do("POST", all, doc("workflow_tasks", `{"task_params":`+params+`}`))
		if got.Status != 422 || !strings.Contains(got.str(t, "errors", 0, "title"), want) || !strings.HasPrefix(got.str(t, "errors", 0, "source", "pointer"), "/data/attributes/task_params") {
			t.Errorf("POST %s = %d %s", params, got.Status, got.Body)
		}
	}
	body := doc("workflow_tasks", `{"name":"Tweet","position":1,"skip_on_failure":false,"enabled":true,"task_params":{"task_type":"tweet_twitter_message","message":"{{ incident.title }}"}}`)
	task := w.do("POST", all, body, "Idempotency-Key", "k")
	if task.Status != 201 || task.str(t, "data", "id") != wf || task.str(t, "data", "attributes", "workflow_id") != wf || task.str(t, "data", "attributes", "task_params", "message") != "{{ incident.title }}" {
		t.Fatalf("POST = %d %s", task.Status, task.Body)
	}
	if got := w.do("POST", all, body, "Idempotency-Key", "k"); got.Status != 201 || got.Body != task.Body {
		t.Errorf("a repeat = %d %s", got.Status, got.Body)
	}
	if got := w.do("POST", all, body); got.Status != 422 || !strings.Contains(got.Body, "has its task already") {
		t.Errorf("a second task = %d %s", got.Status, got.Body)
	}
	if got := w.do("GET", one, ""); got.Status != 200 || got.Body != task.Body {
		t.Errorf("GET = %d %s", got.Status, got.Body)
	}
	if got := w.do("GET", "/v1/workflows/"+wf, ""); got.str(t, "data", "attributes", "message") != "{{ incident.title }}" {
		t.Errorf("the workflow = %s", got.Body)
	}
	if n := runs(); n != 1 {
		t.Errorf("it ran %d times, want once", n)
	}
	if got := w.do("PUT", one, doc("workflow_tasks", `{"enabled":false}`)); got.Status != 200 || got.at(t, "data", "attributes", "enabled") != false || got.str(t, "data", "attributes", "name") != "Tweet" {
		t.Errorf("PUT = %d %s", got.Status, got.Body)
	}
	if n := runs(); n != 0 {
		t.Errorf("with its task off it ran %d times", n)
	}
	if got := w.do("DELETE", one, ""); got.Status != 200 || got.str(t, "data", "attributes", "name") != "Tweet" {
		t.Errorf("DELETE = %d %s", got.Status, got.Body)
	}
	for _, method := range []string{"GET", "DELETE"} {
		if got := w.do(method, one, ""); got.Status != 404 {
			t.Errorf("%s of a deleted one = %d", method, got.Status)
		}
	}
	if got := w.do("GET", "/v1/workflows/"+wf, ""); got.Status != 200 {
		t.Errorf("the workflow is gone with its task: %d", got.Status)
	}
}

// TestTriggerParams checks that what a workflow waits for is understood wholly
// or refused.
func TestTriggerParams(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for i, c := range []struct{ params, trigger, problem string }{
		{`{"trigger_type":"incident","triggers":["severity_updated"]}`, "severity_raised", ""},
		{`{"triggers":["severity_raised"]}`, "severity_raised", ""},
		{`{"triggers":["status_updated"],"incident_condition_status":"IS","incident_statuses":["resolved"]}`, "incident_resolved", ""},
		{`{"triggers":["incident_resolved"]}`, "incident_resolved", ""},
		{`{"triggers":["status_updated"]}`, "", "incident_statuses must be"},
		{`{"triggers":["status_updated"],"incident_statuses":["resolved","closed"]}`, "", "incident_statuses must be"},
		{`{"triggers":["incident_created"],"incident_statuses":["resolved"]}`, "", "go with status_updated only"},
		{`{"triggers":["incident_created","severity_updated"]}`, "", "make a workflow for each"},
		{`{"triggers":[]}`, "", "make a workflow for each"},
		{`{"triggers":["summary_updated"]}`, "", "Triggers must be incident_created"},
		{`{"triggers":"incident_created"}`, "", "Triggers must be an array"},
		{`{"trigger_type":"alert","triggers":["incident_created"]}`, "", "must be incident"},
		{`{"triggers":["incident_created"],"incident_kinds":["normal"]}`, "", "doesn't know the condition incident_kinds"},
		{`{"triggers":["incident_created"],"incident_condition_summary":"SET"}`, "", "doesn't know the condition incident_condition_summary"},
		{`{"triggers":["status_updated"],"incident_condition_status":"IS NOT","incident_statuses":["resolved"]}`, "", "incident_condition_status"},
	} {
		got := w.do("POST", "/v1/workflows", doc("workflows", fmt.Sprintf(`{"name":"n%d","trigger_params":%s}`, i, c.params)))
		if c.problem == "" {
			if got.Status != 201 || got.str(t, "data", "attributes", "trigger") != c.trigger {
				t.Errorf("%s = %d %s", c.params, got.Status, got.Body)
				continue
			}
			params, err := jsonOf(got.at(t, "data", "attributes", "trigger_params"))
			again := w.do("PUT", "/v1/workflows/"+got.str(t, "data", "id"), doc("workflows", `{"trigger_params":`+params+`}`))
			if err != nil || again.Status != 200 || again.str(t, "data", "attributes", "trigger") != c.trigger {
				t.Errorf("its own form of %s = %d %s", c.params, again.Status, again.Body)
			}
			continue
		}
		if got.Status != 422 || !strings.Contains(got.Body, c.problem) || !strings.HasPrefix(got.str(t, "errors", 0, "source", "pointer"), "/data/attributes/trigger_params") {
			t.Errorf("%s = %d %s", c.params, got.Status, got.Body)
		}
	}
	for _, attrs := range []string{
		`{"name":"n","trigger":"incident_created"}`,
		`{"name":"n","trigger":"incident_created","trigger_params":{"triggers":["severity_updated"]}}`,
		`{"name":"n","trigger_params":{"triggers":["incident_created"]},"wait":"5 min"}`,
	} {
		if got := w.do("POST", "/v1/workflows", doc("workflows", attrs)); got.Status != 422 {
			t.Errorf("POST %s = %d %s", attrs, got.Status, got.Body)
		}
	}
}

func TestWhoAmI(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for name, scope := range map[string]web.Scope{"reader": web.EventsRead, "builder": web.WorkflowsWrite} {
		token := "Bearer " + w.newToken(web.NewToken{Name: name, Scopes: []web.Scope{scope}})
		got := w.do("GET", "/v1/users/me", "", "Authorization", token)
		if got.Status != 200 || got.str(t, "data", "type") != "users" || cmp.Diff(name, got.str(t, "data", "attributes", "name")) != "" {
			t.Errorf("%s is %d %s", name, got.Status, got.Body)
		}
	}
	if got := w.do("GET", "/v1/users/me", "", "Authorization", "Bearer wrong"); got.Status != 401 {
		t.Errorf("a wrong token = %d", got.Status)
	}
}
