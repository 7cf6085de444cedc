package web

import (
	"net/http"
	"strings"
	"time"

	"github.com/perch-chat/perch/incident"
	"github.com/perch-chat/perch/store"
)

const kindIncidents = "incidents"

func (s *server) incidentRoutes(mux *http.ServeMux, base string) {
	all, one := base+"/incidents", base+"/incidents/{incident_id}"
	mux.Handle("POST "+all, s.guard(IncidentsWrite, s.createIncident))
	mux.Handle("GET "+all, s.guard(IncidentsRead, s.listIncidents))
	mux.Handle("GET "+one, s.guard(IncidentsRead, s.getIncident))
	mux.Handle("PUT "+one, s.guard(IncidentsWrite, s.updateIncident))
	mux.Handle("PATCH "+one, s.guard(IncidentsWrite, s.updateIncident))
	for verb, step := range map[string]struct {
		to      incident.Status
		message string // the attribute with the reason
	}{
		"mitigate":  {incident.Mitigated, "mitigation_message"},
		"resolve":   {incident.Resolved, "resolution_message"},
		"cancel":    {incident.Cancelled, "cancellation_message"},
		"in_triage": {incident.InTriage, ""},
		"restart":   {incident.Started, ""},
	} {
		for _, method := range []string{"PUT ", "PATCH "} {
			mux.Handle(method+one+"/"+verb, s.guard(IncidentsWrite, s.step(step.to, step.message)))
		}
	}
}

func incidentOf(s *incident.Service, i incident.Incident) resource {
	a := map[string]any{
		"sequential_id": i.Seq, "title": i.Title, "slug": i.Slug(), "kind": i.Kind, "private": i.Private, "summary": text(i.Summary),
		"status": i.Status, "source": i.Source, "url": s.URL(i), "short_url": s.URL(i), "severity": nil, "labels": map[string]string{},
		"user": nil, "public_title": nil, "slack_channel_id": nil, "slack_channel_name": nil,
		"mitigation_message": text(i.MitigationMessage), "resolution_message": text(i.ResolutionMessage), "cancellation_message": text(i.CancellationMessage),
		"started_at": stamp(i.StartedAt), "detected_at": stamp(i.DetectedAt), "mitigated_at": stamp(i.MitigatedAt), "resolved_at": stamp(i.ResolvedAt),
		"closed_at": stamp(i.ClosedAt), "cancelled_at": stamp(i.CancelledAt), "created_at": stamp(i.CreatedAt), "updated_at": stamp(i.UpdatedAt),
	}
	if i.Severity != "" {
		a["severity"] = map[string]any{"data": resource{ID: string(i.Severity), Type: "severities", Attributes: map[string]any{
			"name": strings.ToUpper(string(i.Severity)), "slug": i.Severity, "severity": severityWords[i.Severity],
		}}}
	}
	if i.CreatedBy.Name != "" {
		a["user"] = map[string]any{"data": resource{ID: i.CreatedBy.Ref, Type: "users", Attributes: map[string]any{"name": i.CreatedBy.Name}}}
	}
	return resource{ID: i.ID, Type: kindIncidents, Attributes: a}
}

// severityWords are Rootly's four levels.
var severityWords = map[incident.Severity]string{ //nolint:gochecknoglobals // a table that nobody changes
	incident.Sev1: "critical", incident.Sev2: "high", incident.Sev3: "medium", incident.Sev4: "low",
}

func text(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

// severity reads a severity, by its slug or in Rootly's words.
func (a *attributes) severity() *incident.Severity {
	name := "severity_id"
	s := a.str(name)
	if other := a.str("severity"); other != nil {
		name, s = "severity", other
	}
	if s == nil {
		return nil
	}
	sev := severityOf(*s)
	if !sev.Valid() {
		a.problem("/data/attributes/"+name, "Severity must be sev1, sev2, sev3 or sev4")
		return nil
	}
	return &sev
}

// severityOf reads a severity's slug, or Rootly's word for it.
func severityOf(s string) incident.Severity {
	s = strings.ToLower(strings.TrimSpace(s))
	for slug, word := range severityWords {
		if s == word {
			return slug
		}
	}
	return incident.Severity(s)
}

func (s *server) createIncident(w http.ResponseWriter, r *http.Request, t Token) error {
	body, err := readBody(w, r)
	if err != nil {
		return err
	}
	n, err := newIncident(body)
	if err != nil {
		return err
	}
	n.Source, n.By = incident.FromAPI, by(t)
	return s.change(w, r, t, body, http.StatusCreated, func(tx store.Tx) (any, error) {
		inc, err := s.Incidents.Create(tx, n)
		return single{Data: incidentOf(s.Incidents, inc)}, err
	})
}

func newIncident(body []byte) (incident.New, error) {
	var n incident.New
	a, err := decode(body, kindIncidents)
	if err != nil {
		return n, err
	}
	for name, into := range map[string]*string{"title": &n.Title, "summary": &n.Summary, "kind": &n.Kind, "channel": &n.Channel} {
		if v := a.str(name); v != nil {
			*into = *v
		}
	}
	if st := a.str("status"); st != nil {
		n.Status = incident.Status(*st)
	}
	if sev := a.severity(); sev != nil {
		n.Severity = *sev
	}
	if p := a.boolean("private"); p != nil {
		n.Private = *p
	}
	if at := a.time("started_at"); at != nil {
		n.StartedAt = *at
	}
	if len(n.Kind) > 50 || len(n.Channel) > 300 {
		a.problem("/data/attributes/kind", "Kind and channel must be short")
	}
	if n.StartedAt.After(time.Now().Add(24 * time.Hour)) {
		a.problem("/data/attributes/started_at", "Started at is in the future")
	}
	return n, a.done()
}

// filter reads what a list of incidents is to have, and in which order.
// Several values are separated by commas, as Rootly's clients do.
func filter(r *http.Request) (incident.Filter, error) {
	f := incident.Filter{Search: option(r, "search"), Kind: option(r, "kind")}
	for _, st := range words(option(r, "status")) {
		f.Statuses = append(f.Statuses, incident.Status(st))
	}
	for _, sev := range append(words(option(r, "severity")), words(option(r, "severity_id"))...) {
		f.Severities = append(f.Severities, severityOf(sev))
	}
	if v := option(r, "private"); v != "" {
		private := v == "true"
		f.Private = &private
	}
	for i, order := range words(r.URL.Query().Get("sort")) {
		if !incident.Sort(order).Valid() {
			return f, &fail{code: codeInvalid, problems: []problem{{Title: "sort must be created_at, -created_at, updated_at or -updated_at"}}}
		}
		if i == 0 { // no two have the same time: the others have nothing to say
			f.Sort = incident.Sort(order)
		}
	}
	return f, nil
}

// words are the values of a list with commas, in lower case.
func words(s string) []string {
	return strings.FieldsFunc(strings.ToLower(s), func(r rune) bool { return r == ',' || r == ' ' })
}

func (s *server) listIncidents(w http.ResponseWriter, r *http.Request, _ Token) error {
	p, err := paging(r)
	if err != nil {
		return err
	}
	f, err := filter(r)
	if err != nil {
		return err
	}
	var incs []incident.Incident
	var total int
	err = s.DB.View(r.Context(), func(tx store.Tx) error {
		var err error
		incs, total, err = s.Incidents.List(tx, f, p)
		return err
	})
	if err != nil {
		return err
	}
	data := make([]resource, len(incs))
	for i, inc := range incs {
		data[i] = incidentOf(s.Incidents, inc)
	}
	return answer(w, http.StatusOK, s.list(r, data, total, p))
}

func (s *server) getIncident(w http.ResponseWriter, r *http.Request, _ Token) error {
	var inc incident.Incident
	err := s.DB.View(r.Context(), func(tx store.Tx) error {
		var err error
		inc, err = s.Incidents.Get(tx, r.PathValue("incident_id"))
		return err
	})
	if err != nil {
		return err
	}
	return answer(w, http.StatusOK, single{Data: incidentOf(s.Incidents, inc)})
}

func (s *server) updateIncident(w http.ResponseWriter, r *http.Request, t Token) error {
	body, err := readBody(w, r)
	if err != nil {
		return err
	}
	a, err := decode(body, kindIncidents)
	if err != nil {
		return err
	}
	c := incident.Change{Title: a.str("title"), Summary: a.str("summary"), Severity: a.severity(), Private: a.boolean("private")}
	if st := a.str("status"); st != nil {
		status := incident.Status(*st)
		c.Status = &status
	}
	for _, name := range []string{"mitigation_message", "resolution_message", "cancellation_message"} {
		if m := a.str(name); m != nil {
			c.Message = *m
		}
	}
	if err := a.done(); err != nil {
		return err
	}
	return s.change(w, r, t, body, http.StatusOK, func(tx store.Tx) (any, error) {
		inc, err := s.Incidents.Update(tx, r.PathValue("incident_id"), by(t), c)
		return single{Data: incidentOf(s.Incidents, inc)}, err
	})
}

// step moves an incident on. Its body may be left out.
func (s *server) step(to incident.Status, message string) authed {
	return func(w http.ResponseWriter, r *http.Request, t Token) error {
		body, err := readBody(w, r)
		if err != nil {
			return err
		}
		reason := ""
		if len(body) > 0 {
			a, err := decode(body, kindIncidents)
			if err != nil {
				return err
			}
			if message != "" {
				if m := a.str(message); m != nil {
					reason = *m
				}
			}
			if err := a.done(); err != nil {
				return err
			}
		}
		return s.change(w, r, t, body, http.StatusOK, func(tx store.Tx) (any, error) {
			inc, err := s.Incidents.SetStatus(tx, r.PathValue("incident_id"), to, by(t), reason)
			return single{Data: incidentOf(s.Incidents, inc)}, err
		})
	}
}
