package web_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/perch-chat/perch/incident"
	"github.com/perch-chat/perch/incident/template"
	"github.com/perch-chat/perch/web"
)

func TestIncidents(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	body := func(attrs string) string { return `{"data":{"type":"incidents","attributes":` + attrs + `}}` }
	made := w.do("POST", "/v1/incidents", body(`{"title":"Search is down","summary":"No results","severity_id":"critical","private":false}`))
	if made.Status != 201 || made.at(t, "data", "attributes", "sequential_id") != 2.0 || made.str(t, "data", "attributes", "slug") != "2-search-is-down" ||
		made.str(t, "data", "attributes", "severity", "data", "id") != "sev1" || made.str(t, "data", "attributes", "url") != "https://perch.example/incidents/INC-2" {
		t.Fatalf("POST = %d %s", made.Status, made.Body)
	}
	for _, ref := range []string{made.str(t, "data", "id"), "2", "INC-2", "%232"} {
		if got := w.do("GET", "/v1/incidents/"+ref, ""); got.Status != 200 || got.Body != made.Body {
			t.Errorf("GET %s = %d %s", ref, got.Status, got.Body)
		}
	}
	if got := w.do("PUT", "/v1/incidents/2", body(`{"severity":"sev2","title":"Search is slow"}`)); got.Status != 200 || got.str(t, "data", "attributes", "title") != "Search is slow" {
		t.Errorf("PUT = %d %s", got.Status, got.Body)
	}
	for _, c := range []struct{ verb, body, status string }{
		{"mitigate", `{"mitigation_message":"rolled back"}`, "mitigated"},
		{"resolve", `{"resolution_message":"fixed"}`, "resolved"},
		{"restart", "", "started"},
		{"in_triage", "", "in_triage"},
		{"cancel", `{"cancellation_message":"drill"}`, "cancelled"},
	} {
		doc := ""
		if c.body != "" {
			doc = body(c.body)
		}
		if got := w.do("PUT", "/v1/incidents/2/"+c.verb, doc); got.Status != 200 || got.str(t, "data", "attributes", "status") != c.status {
			t.Errorf("%s = %d %s", c.verb, got.Status, got.Body)
		}
	}
	if got := w.do("GET", "/v1/incidents?filter[status]=started", ""); got.at(t, "meta", "total_count") != 1.0 || got.str(t, "data", 0, "id") != w.inc.ID {
		t.Errorf("list = %s", got.Body)
	}
	if got := w.do("GET", "/v1/incidents?search=SLOW", ""); got.at(t, "meta", "total_count") != 2.0 {
		t.Errorf("search = %s", got.Body)
	}
	for _, bad := range []string{`{"severity":"huge"}`, `{"status":"moon"}`, `{"titel":"x"}`, `{"private":"no"}`} {
		if got := w.do("POST", "/v1/incidents", body(bad)); got.Status != 422 {
			t.Errorf("POST %s = %d %s", bad, got.Status, got.Body)
		}
	}
	if got := w.do("PUT", "/v1/incidents/99/resolve", ""); got.Status != 404 {
		t.Errorf("resolve of nothing = %d", got.Status)
	}
}

func TestWorkflows(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	body := func(attrs string) string { return `{"data":{"type":"workflows","attributes":` + attrs + `}}` }
	bad := w.do("POST", "/v1/workflows", body(`{"name":"n","trigger":"incident_resolved","message":"{{ incident.titel }}"}`))
	if bad.Status != 422 || !strings.Contains(bad.str(t, "errors", 0, "title"), "did you mean title?") || bad.str(t, "errors", 0, "source", "pointer") != "/data/attributes/message" {
		t.Errorf("POST of a mistake = %d %s", bad.Status, bad.Body)
	}
	made := w.do("POST", "/v1/workflows", body(`{"name":"n","trigger":"incident_resolved","message":"{{ incident.title }}"}`))
	if made.Status != 201 || made.at(t, "data", "attributes", "enabled") != true {
		t.Fatalf("POST = %d %s", made.Status, made.Body)
	}
	one := "/v1/workflows/" + made.str(t, "data", "id")
	if got := w.do("PUT", one, body(`{"enabled":false}`)); got.Status != 200 || got.at(t, "data", "attributes", "enabled") != false || got.str(t, "data", "attributes", "name") != "n" {
		t.Errorf("PUT = %d %s", got.Status, got.Body)
	}
	if got := w.do("GET", "/v1/workflows", ""); got.at(t, "meta", "total_count") != 1.0 {
		t.Errorf("list = %s", got.Body)
	}
	if got := w.do("DELETE", one, ""); got.Status != 200 {
		t.Errorf("DELETE = %d", got.Status)
	}
	if got := w.do("GET", one, ""); got.Status != 404 {
		t.Errorf("GET of a deleted one = %d", got.Status)
	}
}

// busyTemplates have no time.
type busyTemplates struct{}

func (busyTemplates) Check(context.Context, string, map[string]any) (string, error) {
	return "", template.ErrBusy
}

func (busyTemplates) Render(context.Context, string, map[string]any) (string, error) {
	return "", template.ErrBusy
}

// TestWorkflowBusy checks that a busy machine asks to be tried again.
func TestWorkflowBusy(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(d *web.Deps) {
		d.Incidents = incident.NewService(nil, acme{}, incident.Options{Templates: busyTemplates{}})
	})
	got := w.do("POST", "/v1/workflows", `{"data":{"type":"workflows","attributes":{"name":"n","trigger":"incident_resolved","message":"x"}}}`)
	if got.Status != 503 || got.Header.Get("Retry-After") == "" || got.str(t, "errors", 0, "code") != "busy" {
		t.Errorf("POST = %d %v %s", got.Status, got.Header, got.Body)
	}
}

// TestIncidentQueries checks what clients ask lists of incidents for.
func TestIncidentQueries(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, attrs := range []string{`{"title":"Search","severity":"critical"}`, `{"title":"Mail","severity":"sev3"}`, `{"title":"Pay","summary":"search"}`} {
		if got := w.do("POST", "/v1/incidents", doc("incidents", attrs)); got.Status != 201 {
			t.Fatalf("POST = %d %s", got.Status, got.Body)
		}
	}
	w.do("PUT", "/v1/incidents/2/resolve", "")
	w.do("PUT", "/v1/incidents/1/mitigate", "")
	for query, want := range map[string][]string{
		"":                                   {"4", "3", "2", "1"},
		"?sort=-created_at":                  {"4", "3", "2", "1"},
		"?sort=created_at":                   {"1", "2", "3", "4"},
		"?sort=-updated_at":                  {"1", "2", "4", "3"},
		"?sort=updated_at,-created_at":       {"3", "4", "2", "1"},
		"?sort=updated_at&page[size]=3":      {"3", "4", "2"},
		"?sort=-updated_at&page[number]=9":   nil,
		"?page%5Bsize%5D=2&page[number]=2":   {"2", "1"},
		"?filter[status]=started":            {"4", "3"},
		"?filter[status]=resolved,mitigated": {"2", "1"},
		"?filter%5Bstatus%5D=moon":           nil,
		"?filter[severity]=sev1":             {"2"},
		"?filter[severity]=critical, medium": {"3", "2"},
		"?filter[severity_id]=sev3":          {"3"},
		"?filter[search]=SEARCH":             {"4", "2"},
		"?filter[search]=search&filter[status]=started&sort=created_at": {"4"},
	} {
		got := w.do("GET", "/v1/incidents"+strings.ReplaceAll(query, " ", "%20"), "")
		list, _ := got.at(t, "data").([]any)
		var seqs []string
		for i := range list {
			seqs = append(seqs, fmt.Sprint(got.at(t, "data", i, "attributes", "sequential_id")))
		}
		if diff := cmp.Diff(want, seqs); got.Status != 200 || diff != "" {
			t.Errorf("%s = %d %s", query, got.Status, diff)
		}
	}
	for _, bad := range []string{"?sort=title", "?sort=created_at,moon"} {
		if got := w.do("GET", "/v1/incidents"+bad, ""); got.Status != 422 {
			t.Errorf("%s = %d %s", bad, got.Status, got.Body)
		}
	}
}
