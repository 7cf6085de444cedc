package incident

import (
	"fmt"
	"strings"
	"time"
	"unicode"

	"github.com/perch-chat/perch/store"
)

// maxVarEvents is how much of a timeline a template sees: its newest entries.
const maxVarEvents = 100

// Vars are the Liquid variables of an incident, as of now, named as Rootly
// names them.
func (s *Service) Vars(tx store.Tx, incidentRef string) (map[string]any, error) {
	inc, err := s.Get(tx, incidentRef)
	if err != nil {
		return nil, err
	}
	latest, _, err := s.Entries(tx, inc.ID, Page{Size: maxVarEvents, Newest: true})
	if err != nil {
		return nil, fmt.Errorf("variables of %s: %w", inc.Name(), err)
	}
	events := make([]any, len(latest))
	for i, e := range latest { // newest first → in order
		events[len(latest)-1-i] = map[string]any{
			"id": e.ID, "event": e.Text, "visibility": string(e.Visibility), "source": string(e.Source),
			"occurred_at": stamp(e.OccurredAt), "created_at": stamp(e.CreatedAt), "user": e.AuthorName, "starred": e.Starred(),
		}
	}
	return incidentVars(inc, s.URL(inc), events), nil
}

func incidentVars(inc Incident, url string, events []any) map[string]any {
	end := time.Now()
	if !inc.ResolvedAt.IsZero() {
		end = inc.ResolvedAt
	}
	return map[string]any{"incident": map[string]any{
		"id": inc.ID, "sequential_id": inc.Seq, "slug": slug(inc), "name": inc.Name(), "title": inc.Title, "summary": inc.Summary,
		"kind": inc.Kind, "status": string(inc.Status), "severity": string(inc.Severity), "severity_slug": string(inc.Severity),
		"private": inc.Private, "url": url, "short_url": url, "creator": inc.CreatedBy.Name,
		"created_at": stamp(inc.CreatedAt), "updated_at": stamp(inc.UpdatedAt), "started_at": stamp(inc.StartedAt),
		"detected_at": stamp(inc.DetectedAt), "mitigated_at": stamp(inc.MitigatedAt), "resolved_at": stamp(inc.ResolvedAt),
		"cancelled_at": stamp(inc.CancelledAt), "closed_at": stamp(inc.ClosedAt),
		"mitigation_message": inc.MitigationMessage, "resolution_message": inc.ResolutionMessage, "cancellation_message": inc.CancellationMessage,
		"duration": int(end.Sub(inc.StartedAt).Seconds()), "time_to_resolution": hours(inc.StartedAt, inc.ResolvedAt),
		"time_to_mitigation": hours(inc.StartedAt, inc.MitigatedAt), "events": events,
	}}
}

// sampleVars are variables to check a template with: every name is there, and
// none is empty, so that a template that prints nothing is found out as such.
func (s *Service) sampleVars() map[string]any {
	at := time.Date(2026, 3, 14, 9, 26, 53, 0, time.UTC)
	inc := Incident{
		ID: "01890a5d-ac96-774b-bcce-b302099a8057", Seq: 42, Title: "Payments are slow", Summary: "Card payments take over a minute.",
		Kind: "normal", Status: Resolved, Severity: Sev2, CreatedBy: Person{Name: "Ada"}, CreatedAt: at, UpdatedAt: at, StartedAt: at,
		DetectedAt: at, MitigatedAt: at.Add(time.Hour), ResolvedAt: at.Add(2 * time.Hour), CancelledAt: at, ClosedAt: at.Add(3 * time.Hour),
		MitigationMessage: "Traffic was moved.", ResolutionMessage: "The database was replaced.", CancellationMessage: "It was a drill.",
	}
	event := map[string]any{
		"id": inc.ID, "event": "Database fails over", "visibility": "internal", "source": "chat",
		"occurred_at": stamp(at), "created_at": stamp(at), "user": "Ada", "starred": false,
	}
	return incidentVars(inc, s.URL(inc), []any{event, event})
}

// stamp is a time as templates see it: RFC 3339, which the date filter reads.
func stamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}

func hours(from, to time.Time) float64 {
	if to.IsZero() {
		return 0
	}
	return float64(int(to.Sub(from).Hours()*100)) / 100
}

// Slug is the incident's title as part of an address: "4-payments-are-slow".
func (i Incident) Slug() string { return slug(i) }

func slug(i Incident) string {
	words := strings.FieldsFunc(strings.ToLower(i.Title), func(r rune) bool {
		return r > unicode.MaxASCII || !unicode.IsLetter(r) && !unicode.IsDigit(r)
	})
	return strings.Join(append([]string{fmt.Sprint(i.Seq)}, words...), "-")
}
