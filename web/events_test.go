package web_test

import (
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/perch-chat/perch/incident"
	"github.com/perch-chat/perch/store"
)

func TestEvent(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	made := w.do("POST", w.events(), eventBody(`{"event":"New Event <&>","visibility":"external"}`))
	if made.Status != http.StatusCreated || made.Header.Get("Content-Type") != "application/vnd.api+json" {
		t.Fatalf("POST = %d %s", made.Status, made.Body)
	}
	attrs := made.at(t, "data", "attributes").(map[string]any)
	stampForm := regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}[+-]\d\d:\d\d$`)
	for _, k := range []string{"occurred_at", "created_at", "updated_at"} {
		if s, _ := attrs[k].(string); !stampForm.MatchString(s) {
			t.Errorf("%s = %v", k, attrs[k])
		}
		delete(attrs, k)
	}
	want := map[string]any{
		"event": "New Event <&>", "event_raw": "New Event <&>", "kind": "event", "source": "api", "visibility": "external",
		"user_display_name": "all", "starred_at": nil, "locked": false, "publications": []any{},
	}
	if diff := cmp.Diff(want, attrs); diff != "" {
		t.Error(diff)
	}
	if !strings.Contains(made.Body, "<&>") {
		t.Errorf("HTML is escaped: %s", made.Body)
	}
	id := made.str(t, "data", "id")
	if got := w.do("GET", "/v1/events/"+id, ""); got.Status != 200 || got.Body != made.Body {
		t.Errorf("GET = %d %s, want what POST answered", got.Status, got.Body)
	}
	put := w.do("PUT", "/v1/events/"+id, eventBody(`{"event":"Edited","visibility":"internal","occurred_at":"2026-03-14T09:26:53+01:00","starred":true}`))
	if put.Status != 200 || put.str(t, "data", "attributes", "event") != "Edited" || put.str(t, "data", "attributes", "visibility") != "internal" ||
		put.str(t, "data", "attributes", "occurred_at") != "2026-03-14T08:26:53.000+00:00" || put.at(t, "data", "attributes", "starred_at") == nil {
		t.Errorf("PUT = %d %s", put.Status, put.Body)
	}
	if patch := w.do("PATCH", "/v1/events/"+id, eventBody(`{"starred":false}`)); patch.Status != 200 || patch.at(t, "data", "attributes", "starred_at") != nil || patch.str(t, "data", "attributes", "event") != "Edited" {
		t.Errorf("PATCH = %d %s", patch.Status, patch.Body)
	}
	del := w.do("DELETE", "/v1/events/"+id, "")
	if del.Status != 200 || del.str(t, "data", "id") != id {
		t.Errorf("DELETE = %d %s, want the deleted event", del.Status, del.Body)
	}
	for _, method := range []string{"GET", "DELETE"} {
		if got := w.do(method, "/v1/events/"+id, ""); got.Status != 404 || got.str(t, "errors", 0, "title") != "Not found or unauthorized" {
			t.Errorf("%s of a deleted event = %d %s", method, got.Status, got.Body)
		}
	}
}

// TestAlias uses the addresses of the seed.
func TestAlias(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	base := "/api/v1/teams/acme/incidents/INC-1/events"
	made := w.do("POST", base, eventBody(`{"event":"x"}`))
	if made.Status != 201 {
		t.Fatalf("POST = %d %s", made.Status, made.Body)
	}
	one := base + "/" + made.str(t, "data", "id")
	if got := w.do("GET", base, ""); got.Status != 200 || got.at(t, "meta", "total_count") != 2.0 {
		t.Errorf("GET = %d %s", got.Status, got.Body)
	}
	if got := w.do("PUT", one, eventBody(`{"event":"y"}`)); got.Status != 200 {
		t.Errorf("PUT = %d %s", got.Status, got.Body)
	}
	var other incident.Incident
	w.update(func(tx store.Tx) (err error) { other, err = w.deps.Incidents.Create(tx, incident.New{}); return err })
	if got := w.do("DELETE", strings.Replace(one, "INC-1", other.ID, 1), ""); got.Status != 404 {
		t.Errorf("DELETE under another incident = %d %s", got.Status, got.Body)
	}
	if got := w.do("DELETE", one, ""); got.Status != 200 {
		t.Errorf("DELETE = %d %s", got.Status, got.Body)
	}
}

func TestPublish(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	got := w.do("POST", w.events(), eventBody(`{"event":"Hello","visibility":"twitter"}`))
	if got.Status != 201 || got.str(t, "data", "attributes", "publications", 0, "state") != "queued" || got.at(t, "data", "attributes", "publications", 0, "weighted_length") != 5.0 {
		t.Errorf("POST = %d %s", got.Status, got.Body)
	}
	long := strings.Repeat("Too long. ", 50)
	got = w.do("POST", w.events(), eventBody(`{"event":"`+long+`","visibility":"incident responders + private status page + twitter"}`))
	if got.Status != 201 || got.str(t, "data", "attributes", "publications", 0, "state") != "too_long" || got.str(t, "data", "attributes", "event") != strings.TrimSpace(long) {
		t.Errorf("POST of a long text = %d %s", got.Status, got.Body)
	}
}

func TestPages(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for i := range 6 { // one is there already
		if got := w.do("POST", w.events(), eventBody(fmt.Sprintf(`{"event":"e%d"}`, i))); got.Status != 201 {
			t.Fatal(got.Body)
		}
	}
	for _, query := range []string{"?page[number]=2&page[size]=3", "?page%5Bnumber%5D=2&page%5Bsize%5D=3"} {
		got := w.do("GET", w.events()+query, "")
		wantMeta := map[string]any{"current_page": 2.0, "next_page": 3.0, "prev_page": 1.0, "total_count": 7.0, "total_pages": 3.0}
		if diff := cmp.Diff(wantMeta, got.at(t, "meta")); diff != "" {
			t.Error(diff)
		}
		base := "https://perch.example" + w.events() + "?page%5Bnumber%5D="
		wantLinks := map[string]any{"self": base + "2&page%5Bsize%5D=3", "first": base + "1&page%5Bsize%5D=3", "prev": base + "1&page%5Bsize%5D=3", "next": base + "3&page%5Bsize%5D=3", "last": base + "3&page%5Bsize%5D=3"}
		if diff := cmp.Diff(wantLinks, got.at(t, "links")); diff != "" {
			t.Error(diff)
		}
		if got.str(t, "data", 0, "attributes", "event") != "e2" {
			t.Errorf("page 2 = %s", got.Body)
		}
	}
	if got := w.do("GET", w.events()+"?page[number]=9", ""); got.Status != 200 || len(got.at(t, "data").([]any)) != 0 {
		t.Errorf("a page behind the end = %d %s", got.Status, got.Body)
	}
	for _, bad := range []string{"?page[number]=0", "?page[size]=-1", "?page[size]=x", "?page[number]=99999999999999999999"} {
		if got := w.do("GET", w.events()+bad, ""); got.Status != 422 {
			t.Errorf("%s = %d", bad, got.Status)
		}
	}
}

func TestErrors(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var locked string
	w.update(func(tx store.Tx) error {
		es, _, err := w.deps.Incidents.Entries(tx, w.inc.ID, incident.Page{})
		locked = es[0].ID
		return err
	})
	unknown := "01890a5d-ac96-774b-bcce-b302099a8057"
	type problem struct{ title, pointer string }
	for _, c := range []struct {
		name, method, path, body string
		header                   []string
		status                   int
		want                     []problem
	}{
		{"no token", "GET", w.events(), "", []string{"Authorization", ""}, 401, []problem{{"Invalid token", ""}}},
		{"wrong token", "GET", w.events(), "", []string{"Authorization", "Bearer perch_wrong"}, 401, []problem{{"Invalid token", ""}}},
		{"basic", "GET", w.events(), "", []string{"Authorization", "Basic eDp5"}, 401, []problem{{"Invalid token", ""}}},
		{"unknown incident", "POST", "/v1/incidents/" + unknown + "/events", eventBody(`{"event":"x"}`), nil, 404, []problem{{"Not found or unauthorized", ""}}},
		{"unknown event", "GET", "/v1/events/" + unknown, "", nil, 404, []problem{{"Not found or unauthorized", ""}}},
		{"odd event", "GET", "/v1/events/%00", "", nil, 404, []problem{{"Not found or unauthorized", ""}}},
		{"unknown address", "GET", "/v1/moon", "", nil, 404, []problem{{"Not found or unauthorized", ""}}},
		{"method", "POST", "/v1/events/" + unknown, "", nil, 405, []problem{{"Method not allowed", ""}}},
		{"blank", "POST", w.events(), eventBody(`{"event":" "}`), nil, 422, []problem{{"Event can't be blank", "/data/attributes/event"}, {"Event raw can't be blank", "/data/attributes/event"}}},
		{"missing", "POST", w.events(), eventBody(`{}`), nil, 422, []problem{{"Event can't be blank", "/data/attributes/event"}, {"Event raw can't be blank", "/data/attributes/event"}}},
		{"no attributes", "POST", w.events(), `{"data":{"type":"incident_events"}}`, nil, 422, []problem{{"Event can't be blank", "/data/attributes/event"}, {"Event raw can't be blank", "/data/attributes/event"}}},
		{"null on edit", "PUT", "/v1/events/" + w.do("POST", w.events(), eventBody(`{"event":"x"}`)).str(t, "data", "id"), eventBody(`{"event":null}`), nil, 422, []problem{{"Event can't be blank", "/data/attributes/event"}, {"Event raw can't be blank", "/data/attributes/event"}}},
		{"types", "POST", w.events(), eventBody(`{"event":4,"starred":"yes","occurred_at":"yesterday","visibility":"moon"}`), nil, 422, []problem{
			{"Event must be a string", "/data/attributes/event"},
			{"Occurred at must be a time such as 2026-03-14T09:26:53Z", "/data/attributes/occurred_at"},
			{"Starred must be true or false", "/data/attributes/starred"},
			{"Visibility must be internal, external or twitter", "/data/attributes/visibility"},
		}},
		{"unknown attributes", "POST", w.events(), eventBody(`{"event":"x","evnt":1,"a/b":2}`), nil, 422, []problem{{`Unknown attribute "a/b"`, "/data/attributes/a~1b"}, {`Unknown attribute "evnt"`, "/data/attributes/evnt"}}},
		{"type", "POST", w.events(), `{"data":{"type":"incidents","attributes":{"event":"x"}}}`, nil, 422, []problem{{"Type must be incident_events", "/data/type"}}},
		{"no data", "POST", w.events(), `{}`, nil, 422, []problem{{"Data is missing", "/data"}}},
		{"list", "POST", w.events(), `{"data":[]}`, nil, 422, []problem{{"Data must be an object", "/data"}}},
		{"far away", "POST", w.events(), eventBody(`{"event":"x","occurred_at":"1802-01-01T00:00:00Z"}`), nil, 422, []problem{{"Occurred at is too far away", "/data/attributes/occurred_at"}}},
		{"no JSON", "POST", w.events(), `{"data":`, nil, 400, []problem{{"The body is not valid JSON", ""}}},
		{"empty", "POST", w.events(), "", nil, 400, []problem{{"The body is not valid JSON", ""}}},
		{"two documents", "POST", w.events(), eventBody(`{"event":"x"}`) + `{}`, nil, 400, []problem{{"The body is not valid JSON", ""}}},
		{"twice", "POST", w.events(), eventBody(`{"event":"x","event":"y"}`), nil, 400, []problem{{"The body is not valid JSON", ""}}},
		{"deep", "POST", w.events(), strings.Repeat(`{"a":`, 5000) + "1" + strings.Repeat("}", 5000), nil, 400, []problem{{"The body is not valid JSON", ""}}},
		{"media type", "POST", w.events(), eventBody(`{"event":"x"}`), []string{"Content-Type", "text/xml"}, 415, []problem{{"Unsupported media type", ""}}},
		{"large", "POST", w.events(), eventBody(`{"event":"` + strings.Repeat("x", 1<<20) + `"}`), nil, 413, []problem{{"The body is too large", ""}}},
		{"locked", "PUT", "/v1/events/" + locked, eventBody(`{"event":"x"}`), nil, 403, []problem{{"Unauthorized Action. This event is locked", ""}}},
		{"locked too", "DELETE", "/v1/events/" + locked, "", nil, 403, []problem{{"Unauthorized Action. This event is locked", ""}}},
	} {
		got := w.do(c.method, c.path, c.body, c.header...)
		if got.Status != c.status {
			t.Errorf("%s: %d %.300s, want %d", c.name, got.Status, got.Body, c.status)
			continue
		}
		var have []problem
		for i := range got.at(t, "errors").([]any) {
			p := problem{title: got.str(t, "errors", i, "title")}
			if src, ok := got.at(t, "errors", i, "source").(map[string]any); ok {
				p.pointer, _ = src["pointer"].(string)
			}
			if s := got.str(t, "errors", i, "status"); s != fmt.Sprint(c.status) {
				t.Errorf("%s: status in the body = %q", c.name, s)
			}
			have = append(have, p)
		}
		if diff := cmp.Diff(c.want, have, cmp.AllowUnexported(problem{})); diff != "" {
			t.Errorf("%s: %s", c.name, diff)
		}
	}
	if got := w.do("GET", w.events(), "", "Authorization", ""); got.Body != `{"errors":[{"title":"Invalid token","status":"401"}]}` {
		t.Errorf("401 = %s", got.Body)
	}
	if got := w.do("POST", "/v1/events/"+unknown, ""); got.Header.Get("Allow") == "" {
		t.Error("405 has no Allow header")
	}
	if got := w.do("GET", w.events(), ""); got.at(t, "meta", "total_count") != 2.0 {
		t.Errorf("refused requests left something: %s", got.Body)
	}
}

func TestClosedIncident(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	if got := w.do("PUT", "/v1/incidents/1/cancel", ""); got.Status != 200 {
		t.Fatalf("cancel = %d %s", got.Status, got.Body)
	}
	if got := w.do("POST", w.events(), eventBody(`{"event":"x"}`)); got.Status != 422 || !strings.Contains(got.Body, "takes no more entries") {
		t.Errorf("POST to a cancelled incident = %d %s", got.Status, got.Body)
	}
}
