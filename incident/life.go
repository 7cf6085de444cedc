package incident

import (
	"fmt"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/perch-chat/perch/internal/id"
	"github.com/perch-chat/perch/store"
)

// Limits of what people write.
const (
	MaxTitle = 500   // characters of a title
	MaxText  = 10000 // characters of an entry or a summary
)

// Create makes an incident and runs the workflows of TriggerCreated.
func (s *Service) Create(tx store.Tx, n New) (Incident, error) {
	if n.Origin != "" {
		old, ok, err := incidents.First(tx, "origin", store.Key(n.Origin))
		if err != nil || ok {
			return old, err
		}
	}
	inc, err := newIncident(n)
	if err != nil {
		return Incident{}, err
	}
	if inc.Seq, err = nextSeq(tx); err != nil {
		return Incident{}, err
	}
	if inc.Title == "" {
		inc.Title = "Incident " + strconv.Itoa(inc.Seq)
	}
	if err := s.fire(tx, &inc, TriggerCreated); err != nil {
		return Incident{}, err
	}
	if err := incidents.Put(tx, inc); err != nil {
		return Incident{}, err
	}
	if err := s.incidentChanged(tx, Incident{}, inc); err != nil {
		return Incident{}, err
	}
	text := "Incident declared: " + inc.Title
	if inc.Severity != "" {
		text += " (" + string(inc.Severity) + ")"
	}
	return inc, s.system(tx, inc, n.By, text)
}

func newIncident(n New) (Incident, error) {
	now := time.Now().UTC()
	inc := Incident{
		ID: id.New(), Title: oneLine(n.Title), Summary: strings.TrimSpace(n.Summary), Kind: n.Kind, Severity: n.Severity,
		Status: n.Status, Private: n.Private, Channel: n.Channel, ChannelThread: n.ChannelThread,
		Source: n.Source, CreatedBy: n.By, Origin: n.Origin, CreatedAt: now, UpdatedAt: now, StartedAt: n.StartedAt.UTC(),
	}
	if inc.Kind == "" {
		inc.Kind = "normal"
	}
	if inc.Status == "" {
		inc.Status = Started
	}
	if n.StartedAt.IsZero() {
		inc.StartedAt = now
	}
	if !inc.Status.Valid() {
		return inc, invalid("status", "%q is not a status of an incident.", n.Status)
	}
	if inc.Status.Over() {
		return inc, invalid("status", "A new incident can't be %s already.", n.Status)
	}
	if inc.Status == Mitigated {
		inc.MitigatedAt = now
	}
	return inc, checkIncident(inc)
}

func checkIncident(inc Incident) error {
	switch {
	case !inc.Severity.Valid():
		return invalid("severity", "%q is not a severity: use sev1, sev2, sev3 or sev4.", inc.Severity)
	case utf8.RuneCountInString(inc.Title) > MaxTitle:
		return invalid("title", "The title is over %d characters.", MaxTitle)
	case utf8.RuneCountInString(inc.Summary) > MaxText:
		return invalid("summary", "The summary is over %d characters.", MaxText)
	case !utf8.ValidString(inc.Title), !utf8.ValidString(inc.Summary):
		return invalid("title", "The text is not valid UTF-8.")
	}
	return nil
}

// oneLine makes a title of what may have line breaks.
func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }

var seqForm = regexp.MustCompile(`^(?i:#|INC-)?([0-9]{1,9})$`)

// Get finds an incident by its ID or its number: "4", "#4" or "INC-4".
func (s *Service) Get(tx store.Tx, ref string) (Incident, error) {
	ref = strings.TrimSpace(ref)
	var inc Incident
	var ok bool
	var err error
	if m := seqForm.FindStringSubmatch(ref); m != nil {
		n, aerr := strconv.Atoi(m[1])
		if aerr != nil {
			return Incident{}, notFound("incident", ref)
		}
		inc, ok, err = incidents.First(tx, "seq", store.Key(n))
	} else if id.Valid(ref) {
		inc, ok, err = s.memo.find(tx, store.Key(strings.ToLower(ref)))
	}
	if err != nil {
		return Incident{}, fmt.Errorf("find incident: %w", err)
	}
	if !ok {
		return Incident{}, notFound("incident", ref)
	}
	return inc, nil
}

// ByChannel finds the incident that a chat channel is about: the newest that
// isn't over, else the newest.
func (s *Service) ByChannel(tx store.Tx, channel string) (Incident, bool, error) {
	var newest Incident
	for inc, err := range incidents.By(tx, "channel", store.Key(channel), store.Range{Reverse: true, Limit: 50}) {
		if err != nil {
			return Incident{}, false, fmt.Errorf("find incident by channel: %w", err)
		}
		if !inc.Status.Over() {
			return inc, true, nil
		}
		if newest.ID == "" {
			newest = inc
		}
	}
	return newest, newest.ID != "", nil
}

// SetChannel binds an incident to the chat channel where it is worked on.
func (s *Service) SetChannel(tx store.Tx, ref, channel, thread string) (Incident, error) {
	return s.change(tx, ref, func(inc *Incident) error {
		inc.Channel, inc.ChannelThread = channel, thread
		return nil
	})
}

// change applies fn to an incident and tells the observers.
func (s *Service) change(tx store.Tx, ref string, fn func(*Incident) error) (Incident, error) {
	was, err := s.Get(tx, ref)
	if err != nil {
		return Incident{}, err
	}
	now := was
	if err := fn(&now); err != nil {
		return Incident{}, err
	}
	if err := checkIncident(now); err != nil {
		return Incident{}, err
	}
	if reflect.DeepEqual(was, now) {
		return was, nil // a repeat tells nobody anything
	}
	now.UpdatedAt = time.Now().UTC()
	if err := incidents.Put(tx, now); err != nil {
		return Incident{}, err
	}
	return now, s.incidentChanged(tx, was, now)
}

// Change is a change of an incident. What is nil stays.
type Change struct {
	Title, Summary *string
	Severity       *Severity
	Status         *Status
	Private        *bool
	Message        string // the reason, of a change of status
}

// Update changes an incident, writes what changed to the timeline and runs the
// workflows that it triggers. What was to be published of one that becomes
// private is withdrawn.
func (s *Service) Update(tx store.Tx, ref string, by Person, c Change) (Incident, error) {
	var notes []string
	var changed, hidden bool
	now, err := s.change(tx, ref, func(inc *Incident) error {
		was := *inc
		if err := c.apply(inc); err != nil {
			return err
		}
		changed = was.Status != inc.Status || was.Severity != inc.Severity || was.Title != inc.Title ||
			was.Summary != inc.Summary || was.Private != inc.Private
		hidden = !was.Private && inc.Private
		notes = describe(was, *inc, c.Message)
		for _, t := range triggersOf(was, *inc) {
			if err := s.fire(tx, inc, t); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil || !changed {
		return now, err
	}
	for _, n := range notes {
		if err := s.system(tx, now, by, n); err != nil {
			return Incident{}, err
		}
	}
	if hidden {
		return now, s.unpublish(tx, now, by)
	}
	return now, nil
}

func (c Change) apply(inc *Incident) error {
	if c.Title != nil {
		if inc.Title = oneLine(*c.Title); inc.Title == "" {
			return invalid("title", "Title can't be blank")
		}
	}
	if c.Summary != nil {
		inc.Summary = strings.TrimSpace(*c.Summary)
	}
	if c.Severity != nil {
		inc.Severity = *c.Severity
	}
	if c.Private != nil {
		if inc.Private && !*c.Private {
			return invalid("private", "A private incident stays private.")
		}
		inc.Private = *c.Private
	}
	if c.Status != nil && *c.Status != inc.Status {
		if !c.Status.Valid() {
			return invalid("status", "%q is not a status of an incident.", *c.Status)
		}
		inc.setStatus(*c.Status, c.Message)
	}
	return nil
}

func (i *Incident) setStatus(st Status, message string) {
	now := time.Now().UTC()
	i.Status = st
	switch st {
	case Detected:
		i.DetectedAt = now
	case Mitigated:
		i.MitigatedAt, i.MitigationMessage = now, message
		i.ResolvedAt, i.CancelledAt, i.ClosedAt = time.Time{}, time.Time{}, time.Time{}
	case Resolved:
		if i.MitigatedAt.IsZero() {
			i.MitigatedAt = now
		}
		i.ResolvedAt, i.ResolutionMessage = now, message
		i.CancelledAt, i.ClosedAt = time.Time{}, time.Time{}
	case Cancelled:
		i.CancelledAt, i.CancellationMessage = now, message
	case Closed:
		i.ClosedAt = now
	case InTriage, Started, Acknowledged: // works on: what was over isn't any more
		i.MitigatedAt, i.ResolvedAt, i.CancelledAt, i.ClosedAt = time.Time{}, time.Time{}, time.Time{}, time.Time{}
	}
}

func describe(was, now Incident, message string) []string {
	var notes []string
	if was.Status != now.Status {
		n := "Status changed from " + string(was.Status) + " to " + string(now.Status)
		if message = strings.TrimSpace(message); message != "" {
			n += ": " + message
		}
		notes = append(notes, n)
	}
	if was.Severity != now.Severity {
		name := func(s Severity) string {
			if s == "" {
				return "none"
			}
			return string(s)
		}
		notes = append(notes, "Severity changed from "+name(was.Severity)+" to "+name(now.Severity))
	}
	if was.Title != now.Title {
		notes = append(notes, "Title changed to: "+now.Title)
	}
	if !was.Private && now.Private {
		notes = append(notes, "Made private")
	}
	return notes
}

// SetSeverity says how bad the incident is.
func (s *Service) SetSeverity(tx store.Tx, ref string, sev Severity, by Person) (Incident, error) {
	return s.Update(tx, ref, by, Change{Severity: &sev})
}

// SetStatus moves the incident on, with an optional reason.
func (s *Service) SetStatus(tx store.Tx, ref string, st Status, by Person, message string) (Incident, error) {
	return s.Update(tx, ref, by, Change{Status: &st, Message: message})
}

// Resolve is SetStatus to Resolved.
func (s *Service) Resolve(tx store.Tx, ref string, by Person, message string) (Incident, error) {
	return s.SetStatus(tx, ref, Resolved, by, message)
}
