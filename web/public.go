package web

import (
	_ "embed"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/perch-chat/perch/incident"
	"github.com/perch-chat/perch/internal/id"
	"github.com/perch-chat/perch/store"
)

//go:embed pages/incident.html
var incidentHTML string

//go:embed pages/incident.css
var incidentCSS string

// publicView is what the page of an incident shows to everybody. It is made of
// nothing that wasn't posted.
type publicView struct {
	Found   bool
	Title   string
	Message string // instead of updates
	Name    string
	Status  string
	Over    bool
	Updates []incident.Update
}

// When is a time as people all over the world read it.
func (publicView) When(t time.Time) string { return t.UTC().Format("2 January 2006, 15:04 MST") }

// Machine is a time as programs read it.
func (publicView) Machine(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// statusWords are the statuses for people who aren't responders.
var statusWords = map[incident.Status]string{ //nolint:gochecknoglobals // a table that nobody changes
	incident.InTriage: "In triage", incident.Started: "Ongoing", incident.Detected: "Detected", incident.Acknowledged: "Acknowledged",
	incident.Mitigated: "Mitigated", incident.Resolved: "Resolved", incident.Closed: "Closed", incident.Cancelled: "Cancelled",
}

// publicPage shows everybody what was posted of an incident. What they may not
// know of looks the same as what doesn't exist.
func (s *server) publicPage(p *pages) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		v, status := s.public(r)
		if status != http.StatusInternalServerError {
			w.Header().Set("Cache-Control", "public, max-age=15") // an update is awaited eagerly
		}
		if err := p.write(w, status, v); err != nil {
			s.Log.Error("page failed", "path", r.URL.Path, "err", err)
		}
	})
}

func (s *server) public(r *http.Request) (publicView, int) {
	var pub incident.Public
	err := s.DB.View(r.Context(), func(tx store.Tx) error {
		var err error
		pub, err = s.Incidents.Public(tx, r.PathValue("ref"))
		return err
	})
	if refused, ok := errors.AsType[*incident.Error](err); ok && refused.Code == incident.CodeNotFound {
		return publicView{
			Title:   "Nothing to see here",
			Message: "There is no incident at this address, or nothing has been published about it yet. Check the link, or try again later.",
		}, http.StatusNotFound
	}
	if err != nil {
		ref := id.New()
		if r.Context().Err() == nil {
			s.Log.Error("page failed", "path", r.URL.Path, "ref", ref, "err", err)
		}
		return publicView{
			Title:   "That did not work",
			Message: fmt.Sprintf("Something went wrong on our side. Reload the page in a moment. If you tell us of it, mention %s.", ref),
		}, http.StatusInternalServerError
	}
	status := statusWords[pub.Status]
	return publicView{
		Found: true, Title: "Incident " + pub.Name + ": " + status, Name: pub.Name, Status: status, Over: pub.Status.Over(), Updates: pub.Updates,
	}, http.StatusOK
}
