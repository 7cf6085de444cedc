// Package incident keeps incidents, their timelines and the workflows that run
// on them, and decides which entries are to be published on X: it counts,
// checks and previews them, and adds outbox actions. It never speaks to X or
// to a chat itself, and never publishes a text that nobody asked to publish.
package incident

import (
	"strconv"
	"time"
)

// Status is where an incident stands.
type Status string

// The statuses of an incident.
const (
	InTriage     Status = "in_triage"
	Started      Status = "started"
	Detected     Status = "detected"
	Acknowledged Status = "acknowledged"
	Mitigated    Status = "mitigated"
	Resolved     Status = "resolved"
	Closed       Status = "closed"
	Cancelled    Status = "cancelled"
)

// Valid reports whether s is a known status.
func (s Status) Valid() bool {
	switch s {
	case InTriage, Started, Detected, Acknowledged, Mitigated, Resolved, Closed, Cancelled:
		return true
	}
	return false
}

// Over reports whether nobody works on an incident of this status any more.
func (s Status) Over() bool { return s == Resolved || s == Closed || s == Cancelled }

// Final reports whether an incident of this status takes no more entries.
func (s Status) Final() bool { return s == Closed || s == Cancelled }

// Severity is how bad an incident is: "sev1" is the worst, "" is not known.
type Severity string

// The severities of an incident.
const (
	Sev1 Severity = "sev1"
	Sev2 Severity = "sev2"
	Sev3 Severity = "sev3"
	Sev4 Severity = "sev4"
)

// Valid reports whether s is a known severity or none.
func (s Severity) Valid() bool {
	switch s {
	case "", Sev1, Sev2, Sev3, Sev4:
		return true
	}
	return false
}

// Above reports whether s is worse than t.
func (s Severity) Above(t Severity) bool { return s.rank() > t.rank() }

func (s Severity) rank() int {
	switch s {
	case Sev1:
		return 4
	case Sev2:
		return 3
	case Sev3:
		return 2
	case Sev4:
		return 1
	}
	return 0
}

// Source is where something came from.
type Source string

// The sources.
const (
	FromChat     Source = "chat"
	FromAPI      Source = "api"
	FromWeb      Source = "web"
	FromEmail    Source = "email"
	FromWorkflow Source = "workflow"
	FromSystem   Source = "system"
)

// Person is whoever did something. Ref is opaque: a chat's user ref or the ID
// of an API token.
type Person struct {
	Ref  string `json:"ref,omitempty"`
	Name string `json:"name,omitempty"`
}

// Incident is something that went wrong and is being worked on. It is stored
// as JSON: fields are added, never renamed.
type Incident struct {
	ID       string   `json:"id"`
	Seq      int      `json:"seq"` // counts from 1 in each store
	Title    string   `json:"title"`
	Summary  string   `json:"summary,omitempty"`
	Kind     string   `json:"kind,omitempty"` // "normal", "test", …
	Severity Severity `json:"severity,omitempty"`
	Status   Status   `json:"status"`

	// Private: its entries aren't published unless somebody insists.
	Private bool `json:"private,omitempty"`

	Channel       string `json:"channel,omitempty"`        // the chat channel it is worked on in; opaque
	ChannelThread string `json:"channel_thread,omitempty"` // the thread in it, if it isn't the whole channel

	Source    Source `json:"source,omitempty"`
	CreatedBy Person `json:"created_by,omitzero"`

	MitigationMessage   string `json:"mitigation_message,omitempty"`
	ResolutionMessage   string `json:"resolution_message,omitempty"`
	CancellationMessage string `json:"cancellation_message,omitempty"`

	CreatedAt   time.Time `json:"created_at"`
	UpdatedAt   time.Time `json:"updated_at"`
	StartedAt   time.Time `json:"started_at"`
	DetectedAt  time.Time `json:"detected_at,omitzero"`
	MitigatedAt time.Time `json:"mitigated_at,omitzero"`
	ResolvedAt  time.Time `json:"resolved_at,omitzero"`
	CancelledAt time.Time `json:"cancelled_at,omitzero"`
	ClosedAt    time.Time `json:"closed_at,omitzero"`

	// Fired counts how often each trigger of the workflows fired here.
	Fired map[Trigger]int `json:"fired,omitempty"`

	Origin string `json:"origin,omitempty"` // what made it, so that a repeat makes no second one
}

// Name is the short name that people use: "INC-4".
func (i Incident) Name() string { return "INC-" + strconv.Itoa(i.Seq) }

// Thread is what the posts of the incident have in common, see ThreadRoot.
func (i Incident) Thread() string { return threadPrefix + i.ID }

const threadPrefix = "incident:"

// New is what an incident is made from. Everything may be left out.
type New struct {
	Title, Summary, Kind   string
	Severity               Severity
	Status                 Status // "" is Started
	Private                bool
	Channel, ChannelThread string
	Source                 Source
	By                     Person
	StartedAt              time.Time
	Origin                 string // makes a repeat harmless: "slack:<trigger id>"
}
