package web_test

import (
	"encoding/json"
	"os"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
)

// TestRootlySchemas holds the answers against the schemas of Rootly's own
// description of its API.
func TestRootlySchemas(t *testing.T) {
	t.Parallel()
	const path = "../../shared/reference/specs/rootly-2026-07-openapi.json"
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Skipf("Rootly's OpenAPI document is not at %s", path)
	}
	var doc struct {
		Components struct {
			Schemas map[string]json.RawMessage `json:"schemas"`
		} `json:"components"`
	}
	if err := json.Unmarshal(raw, &doc); err != nil {
		t.Fatal(err)
	}
	// The whole document is large and not all of it is valid: take what is needed.
	small := map[string]any{"openapi": "3.0.1", "info": map[string]any{"title": "t", "version": "1"}, "paths": map[string]any{}, "components": map[string]any{"schemas": map[string]any{
		"incident_event": doc.Components.Schemas["incident_event"], "incident_event_response": doc.Components.Schemas["incident_event_response"],
		"incident_event_list": doc.Components.Schemas["incident_event_list"], "links": doc.Components.Schemas["links"], "meta": doc.Components.Schemas["meta"],
		"incident_event_service": doc.Components.Schemas["incident_event_service"], "incident_event_service_response": doc.Components.Schemas["incident_event_service_response"],
		"incident_event_service_list": doc.Components.Schemas["incident_event_service_list"],
		"errors_list":                 doc.Components.Schemas["errors_list"], "jsonapi_included_resource": map[string]any{"type": "object"},
	}}}
	spec, err := json.Marshal(small)
	if err != nil {
		t.Fatal(err)
	}
	api, err := openapi3.NewLoader().LoadFromData(spec)
	if err != nil {
		t.Fatal(err)
	}
	w := newWorld(t)
	made := w.do("POST", w.events(), eventBody(`{"event":"New Event","visibility":"external"}`))
	one := "/v1/events/" + made.str(t, "data", "id")
	service := w.do("POST", "/v1/services", `{"data":{"type":"services","attributes":{"name":"Checkout"}}}`).str(t, "data", "id")
	impact := w.do("POST", one+"/services", `{"data":{"type":"incident_event_services","attributes":{"service_id":"`+service+`","status":"major_outage"}}}`)
	for _, c := range []struct {
		schema string
		got    answer
	}{
		{"incident_event_response", made},
		{"incident_event_response", w.do("GET", one, "")},
		{"incident_event_response", w.do("PUT", one, eventBody(`{"event":"Edited","visibility":"internal"}`))},
		{"incident_event_list", w.do("GET", w.events(), "")},
		{"incident_event_list", w.do("GET", w.events()+"?page[size]=1", "")},
		{"incident_event_list", w.do("GET", w.events()+"?include=services", "")},
		{"incident_event_service_response", impact},
		{"incident_event_service_list", w.do("GET", one+"/services", "")},
		{"incident_event_response", w.do("DELETE", one, "")},
		{"errors_list", w.do("GET", one, "")},
		{"errors_list", w.do("GET", one, "", "Authorization", "")},
		{"errors_list", w.do("POST", w.events(), eventBody(`{"event":""}`))},
	} {
		if err := api.Components.Schemas[c.schema].Value.VisitJSON(c.got.doc(t)); err != nil {
			t.Errorf("%d %s is no %s: %v", c.got.Status, c.got.Body, c.schema, err)
		}
	}
}

// TestRootlyWorkflowSchemas holds workflows, tasks, areas and the token's user
// against Rootly's description. Of its many triggers and tasks it is those that
// Perch has.
func TestRootlyWorkflowSchemas(t *testing.T) {
	t.Parallel()
	const path = "../../shared/reference/specs/rootly-2026-07-openapi.json"
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Skipf("Rootly's OpenAPI document is not at %s", path)
	}
	var doc struct {
		Components struct {
			Schemas map[string]map[string]any `json:"schemas"`
		} `json:"components"`
	}
	if err := json.Unmarshal(raw, &doc); err != nil {
		t.Fatal(err)
	}
	all := doc.Components.Schemas
	only := func(schema, property, want string) {
		properties, ok := all[schema]["properties"].(map[string]any)
		if !ok {
			t.Fatalf("Rootly's %s has no properties", schema)
		}
		properties[property] = map[string]any{"$ref": "#/components/schemas/" + want}
	}
	only("workflow", "trigger_params", "incident_trigger_params")
	only("workflow_task", "task_params", "tweet_twitter_message_task_params")
	object := map[string]any{"type": "object"}
	small := map[string]any{"jsonapi_included_resource": object, "user_relationships": object}
	for _, name := range []string{
		"links", "meta", "service", "service_response", "service_list", "functionality", "functionality_response", "user", "user_response",
		"workflow", "workflow_response", "workflow_list", "workflow_task", "workflow_task_response", "workflow_task_list",
		"incident_trigger_params", "tweet_twitter_message_task_params",
	} {
		small[name] = all[name]
	}
	spec, err := json.Marshal(map[string]any{
		"openapi": "3.0.1", "info": map[string]any{"title": "t", "version": "1"}, "paths": map[string]any{}, "components": map[string]any{"schemas": small},
	})
	if err != nil {
		t.Fatal(err)
	}
	api, err := openapi3.NewLoader().LoadFromData(spec)
	if err != nil {
		t.Fatal(err)
	}
	w := newWorld(t)
	service := w.do("POST", "/v1/services", `{"data":{"type":"services","attributes":{"name":"Checkout"}}}`)
	wf := w.do("POST", "/v1/workflows", `{"data":{"type":"workflows","attributes":{"name":"n","trigger_params":{"trigger_type":"incident","triggers":["status_updated"],"incident_statuses":["resolved"]}}}}`)
	tasks := "/v1/workflows/" + wf.str(t, "data", "id") + "/workflow_tasks"
	task := w.do("POST", tasks, `{"data":{"type":"workflow_tasks","attributes":{"task_params":{"task_type":"tweet_twitter_message","message":"{{ incident.title }}"}}}}`)
	for _, c := range []struct {
		schema string
		got    answer
	}{
		{"service_response", service},
		{"service_list", w.do("GET", "/v1/services", "")},
		{"functionality_response", w.do("POST", "/v1/functionalities", `{"data":{"type":"functionalities","attributes":{"name":"Pay","description":"d"}}}`)},
		{"workflow_response", wf},
		{"workflow_list", w.do("GET", "/v1/workflows", "")},
		{"workflow_task_response", task},
		{"workflow_task_list", w.do("GET", tasks, "")},
		{"user_response", w.do("GET", "/v1/users/me", "")},
	} {
		if err := api.Components.Schemas[c.schema].Value.VisitJSON(c.got.doc(t)); err != nil {
			t.Errorf("%d %s is no %s: %v", c.got.Status, c.got.Body, c.schema, err)
		}
	}
}
