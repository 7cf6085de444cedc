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

func doc(kind, attrs string) string {
	return fmt.Sprintf(`{"data":{"type":%q,"attributes":%s}}`, kind, attrs)
}

// titles are those of an answer's errors.
func (a answer) titles(t *testing.T) (titles []string) {
	t.Helper()
	errs, _ := a.at(t, "errors").([]any)
	for i := range errs {
		titles = append(titles, a.str(t, "errors", i, "title"))
	}
	return titles
}

func TestAreas(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, kind := range []string{"services", "functionalities"} {
		made := w.do("POST", "/v1/"+kind, doc(kind, `{"name":" Card  payments","description":"Takes money","color":null,"backstage_id":"","notify_emails":[]}`))
		if made.Status != 201 || made.str(t, "data", "type") != kind || made.str(t, "data", "attributes", "name") != "Card payments" || made.str(t, "data", "attributes", "slug") != "card-payments" {
			t.Fatalf("POST %s = %d %s", kind, made.Status, made.Body)
		}
		one := "/v1/" + kind + "/" + made.str(t, "data", "id")
		for _, at := range []string{one, "/v1/" + kind + "/card-payments", "/api" + one, "/api/v1/teams/7/" + kind + "/card-payments"} {
			if got := w.do("GET", at, ""); got.Status != 200 || got.Body != made.Body {
				t.Errorf("GET %s = %d %s", at, got.Status, got.Body)
			}
		}
		if got := w.do("POST", "/v1/"+kind, doc(kind, `{"name":"card PAYMENTS"}`)); got.Status != 422 || cmp.Diff([]string{"Name has already been taken"}, got.titles(t)) != "" {
			t.Errorf("a second one = %d %s", got.Status, got.Body)
		}
		other := w.do("POST", "/v1/"+kind, doc(kind, `{"name":"Card-payments"}`))
		if slug := other.str(t, "data", "attributes", "slug"); !strings.HasPrefix(slug, "card-payments-") {
			t.Errorf("its slug = %q", slug)
		}
		for _, bad := range []string{`{}`, `{"name":" "}`, `{"name":"` + strings.Repeat("x", 256) + `"}`, `{"name":"n","colour":"red"}`, `{"name":1}`} {
			if got := w.do("POST", "/v1/"+kind, doc(kind, bad)); got.Status != 422 {
				t.Errorf("POST %s = %d %s", bad, got.Status, got.Body)
			}
		}
		if got := w.do("PUT", one, doc(kind, `{"description":"Takes it"}`)); got.str(t, "data", "attributes", "description") != "Takes it" || got.str(t, "data", "attributes", "slug") != "card-payments" {
			t.Errorf("PUT = %s", got.Body)
		}
		for q, want := range map[string]float64{"": 2, "?filter[search]=TAKES": 1, "?filter[slug]=card-payments": 1, "?filter[name]=Card-payments": 1, "?page[size]=1&page[number]=9": 2} {
			if got := w.do("GET", "/v1/"+kind+q, ""); got.Status != 200 || got.at(t, "meta", "total_count") != want {
				t.Errorf("list %s = %d %s", q, got.Status, got.Body)
			}
		}
		if got := w.do("DELETE", one, ""); got.Status != 200 || got.str(t, "data", "attributes", "name") != "Card payments" {
			t.Errorf("DELETE = %d %s", got.Status, got.Body)
		}
		if got := w.do("GET", one, ""); got.Status != 404 {
			t.Errorf("GET of a deleted one = %d", got.Status)
		}
	}
}

func TestImpacts(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	event := w.do("POST", w.events(), eventBody(`{"event":"Database fails over"}`)).str(t, "data", "id")
	for _, c := range []struct{ plural, kind, name, Label string }{
		{"services", "incident_event_services", "service", "Service"},
		{"functionalities", "incident_event_functionalities", "functionality", "Functionality"},
	} {
		area := w.do("POST", "/v1/"+c.plural, doc(c.plural, `{"name":"Checkout"}`)).str(t, "data", "id")
		all := "/v1/events/" + event + "/" + c.plural
		attrs := fmt.Sprintf(`{"incident_event_id":%q,"%s_id":%q,"status":"partial_outage"}`, event, c.name, area)
		made := w.do("POST", all, doc(c.kind, attrs))
		want := map[string]any{"incident_event_id": event, c.name + "_id": area, "status": "partial_outage"}
		if diff := cmp.Diff(want, made.at(t, "data", "attributes")); made.Status != 201 || diff != "" || made.str(t, "data", "type") != c.kind {
			t.Fatalf("POST = %d %s", made.Status, made.Body)
		}
		one := "/v1/" + c.kind + "/" + made.str(t, "data", "id")
		both := []string{c.Label + " must exist", c.Label + " can't be blank"}
		for _, bad := range []struct {
			attrs string
			want  []string
		}{
			{attrs, []string{c.Label + " has already been taken"}},
			{`{"status":"operational"}`, both},
			{fmt.Sprintf(`{"%s_id":%q,"status":"operational"}`, c.name, event), both},
			{fmt.Sprintf(`{"%s_id":%q}`, c.name, area), []string{"Status can't be blank"}},
			{fmt.Sprintf(`{"%s_id":%q,"status":"fine"}`, c.name, area), []string{"Status must be operational, partial_outage or major_outage"}},
			{fmt.Sprintf(`{"incident_event_id":%q,"%s_id":%q,"status":"operational"}`, area, c.name, area), []string{"Incident event id is not that of the address"}},
			{fmt.Sprintf(`{"%s_id":%q,"status":"operational","x":1}`, c.name, area), []string{`Unknown attribute "x"`}},
		} {
			if got := w.do("POST", all, doc(c.kind, bad.attrs)); got.Status != 422 || cmp.Diff(bad.want, got.titles(t)) != "" {
				t.Errorf("POST %s = %d %s", bad.attrs, got.Status, got.Body)
			}
		}
		if got := w.do("GET", one, ""); got.Status != 200 || got.Body != made.Body {
			t.Errorf("GET = %d %s", got.Status, got.Body)
		}
		if got := w.do("PUT", one, doc(c.kind, `{"status":"major_outage"}`)); got.Status != 200 || got.str(t, "data", "attributes", "status") != "major_outage" {
			t.Errorf("PUT = %d %s", got.Status, got.Body)
		}
		for _, bad := range []string{`{"status":"fine"}`, fmt.Sprintf(`{"%s_id":%q}`, c.name, event)} {
			if got := w.do("PUT", one, doc(c.kind, bad)); got.Status != 422 {
				t.Errorf("PUT %s = %d %s", bad, got.Status, got.Body)
			}
		}
		if got := w.do("GET", "/api/v1/teams/7/incidents/INC-1/events/"+event+"/"+c.plural, ""); got.at(t, "meta", "total_count") != 1.0 {
			t.Errorf("list = %s", got.Body)
		}
		for _, at := range []string{w.events() + "?include=" + c.plural + ",user", "/v1/events/" + event + "?include=" + c.plural} {
			got := w.do("GET", at, "")
			if got.Status != 200 || got.str(t, "included", 0, "type") != c.kind || got.str(t, "included", 0, "relationships", c.name, "data", "id") != area ||
				got.str(t, "included", 1, "type") != c.plural || got.str(t, "included", 1, "attributes", "name") != "Checkout" || !strings.Contains(got.Body, `"relationships":{"`+c.plural+`":{"data":[{"id":"`) {
				t.Errorf("GET %s = %s", at, got.Body)
			}
		}
		if got := w.do("DELETE", one, ""); got.Status != 200 || got.str(t, "data", "attributes", "status") != "major_outage" {
			t.Errorf("DELETE = %d %s", got.Status, got.Body)
		}
		if got := w.do("GET", one, ""); got.Status != 404 {
			t.Errorf("GET of a deleted one = %d", got.Status)
		}
		again := w.do("POST", all, doc(c.kind, attrs))
		w.do("DELETE", "/v1/"+c.plural+"/"+area, "")
		if got := w.do("GET", "/v1/"+c.kind+"/"+again.str(t, "data", "id"), ""); got.Status != 404 {
			t.Errorf("GET after its %s was deleted = %d", c.name, got.Status)
		}
	}
	w.update(func(tx store.Tx) error {
		for _, table := range incident.Tables() {
			if err := table.CheckIndexes(tx); err != nil {
				return err
			}
		}
		return nil
	})
}

// TestImpactOfNothing checks what isn't there, and who may not.
func TestImpactOfNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	area := w.do("POST", "/v1/services", doc("services", `{"name":"Checkout"}`)).str(t, "data", "id")
	event := w.do("POST", w.events(), eventBody(`{"event":"e"}`)).str(t, "data", "id")
	body := doc("incident_event_services", `{"service_id":"`+area+`","status":"operational"}`)
	made := w.do("POST", "/v1/events/"+event+"/services", body).str(t, "data", "id")
	for _, c := range []struct{ method, path, body string }{
		{"POST", "/v1/events/" + area + "/services", body},
		{"GET", "/v1/events/nothing/services", ""},
		{"GET", "/v1/functionalities/" + area, ""},
		{"GET", "/v1/incident_event_functionalities/" + made, ""},
		{"DELETE", "/v1/incident_event_services/" + event, ""},
	} {
		if got := w.do(c.method, c.path, c.body); got.Status != 404 {
			t.Errorf("%s %s = %d %s", c.method, c.path, got.Status, got.Body)
		}
	}
	w.do("DELETE", "/v1/events/"+event, "")
	if got := w.do("GET", "/v1/incident_event_services/"+made, ""); got.Status != 404 {
		t.Errorf("GET after its event was deleted = %d", got.Status)
	}
	weak := "Bearer " + w.newToken(web.NewToken{Name: "weak", Scopes: []web.Scope{web.EventsRead, web.IncidentsRead}})
	for _, c := range []struct{ method, path string }{
		{"POST", "/v1/services"}, {"DELETE", "/v1/services/" + area}, {"POST", "/v1/events/" + event + "/services"}, {"DELETE", "/v1/incident_event_services/" + made},
	} {
		if got := w.do(c.method, c.path, "", "Authorization", weak); got.Status != 403 {
			t.Errorf("%s %s = %d", c.method, c.path, got.Status)
		}
	}
	if got := w.do("GET", "/v1/services/"+area, "", "Authorization", weak); got.Status != 200 {
		t.Errorf("GET = %d", got.Status)
	}
}
