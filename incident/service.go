package incident

import (
	"fmt"
	"log/slog"
	"strings"

	"github.com/perch-chat/perch/internal/outbox"
	"github.com/perch-chat/perch/store"
)

// Outbox is what the package needs of the outbox.
type Outbox interface {
	Add(tx store.Tx, a outbox.Action) (outbox.Action, bool, error)
	Get(tx store.Tx, id string) (outbox.Action, error)
	Submit(tx store.Tx, id, by string) (outbox.Action, error)
	Approve(tx store.Tx, id, by string) (outbox.Action, error)
	Cancel(tx store.Tx, id, by string) (outbox.Action, error)
	Retry(tx store.Tx, id, by string) (outbox.Action, error)
}

// XAccount is an X account that may be posted as.
type XAccount struct {
	ID     string // X user id
	Handle string // without @
	Limit  int    // weighted length of a post; 0 is 280
	Ready  bool   // false: it is known, but has to be connected again
}

// Accounts finds X accounts.
type Accounts interface {
	// Account returns the account with the X user id, or the default one if id
	// is empty; ok is false if there is none.
	Account(tx store.Tx, id string) (a XAccount, ok bool, err error)
}

// Mode says what becomes of an entry that is to be published and that no
// person has seen as a preview.
type Mode string

// The modes.
const (
	ModeDraft  Mode = "draft"  // it waits for a person's confirmation; the default
	ModeDirect Mode = "direct" // it goes out
)

// Policy says what may be published without a person.
type Policy struct {
	API      Mode // entries made through the API
	Workflow Mode // entries made by workflows
	Approval bool // everything needs a second person
}

// Options of a Service.
type Options struct {
	Log       *slog.Logger
	PublicURL string // where people reach Perch, for links
	Publish   Policy
	Templates Templates // checks and renders the workflows' messages
}

// Observer is told of changes, inside the transaction that makes them. Its
// fields may be nil. An error fails the transaction.
type Observer struct {
	IncidentChanged    func(tx store.Tx, was, now Incident) error // was is zero for a new one
	EntryChanged       func(tx store.Tx, inc Incident, was, now *Entry) error
	PublicationChanged func(tx store.Tx, inc Incident, e Entry, p Publication) error
	WorkflowFailed     func(tx store.Tx, inc Incident, wf Workflow, message string) error
}

// Service is the incidents of one store. Its methods are safe for concurrent
// use; those that take a transaction leave nothing behind if it fails.
type Service struct {
	ob       Outbox
	accounts Accounts
	o        Options
	watchers []Observer
	memo     memo
}

// NewService returns the incidents kept beside ob.
func NewService(ob Outbox, accounts Accounts, o Options) *Service {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Publish.API == "" {
		o.Publish.API = ModeDraft
	}
	if o.Publish.Workflow == "" {
		o.Publish.Workflow = ModeDraft
	}
	o.PublicURL = strings.TrimRight(o.PublicURL, "/")
	return &Service{ob: ob, accounts: accounts, o: o}
}

// Observe adds an observer. It must be called before the service is used.
func (s *Service) Observe(o Observer) { s.watchers = append(s.watchers, o) }

// URL is where people read the incident.
func (s *Service) URL(i Incident) string { return s.o.PublicURL + "/incidents/" + i.Name() }

func (s *Service) incidentChanged(tx store.Tx, was, now Incident) error {
	for _, w := range s.watchers {
		if w.IncidentChanged != nil {
			if err := w.IncidentChanged(tx, was, now); err != nil {
				return fmt.Errorf("tell of a changed incident: %w", err)
			}
		}
	}
	return nil
}

func (s *Service) entryChanged(tx store.Tx, inc Incident, was, now *Entry) error {
	for _, w := range s.watchers {
		if w.EntryChanged != nil {
			if err := w.EntryChanged(tx, inc, was, now); err != nil {
				return fmt.Errorf("tell of a changed entry: %w", err)
			}
		}
	}
	return nil
}

func (s *Service) publicationChanged(tx store.Tx, inc Incident, e Entry, p Publication) error {
	for _, w := range s.watchers {
		if w.PublicationChanged != nil {
			if err := w.PublicationChanged(tx, inc, e, p); err != nil {
				return fmt.Errorf("tell of a changed publication: %w", err)
			}
		}
	}
	return nil
}

func (s *Service) workflowFailed(tx store.Tx, inc Incident, wf Workflow, message string) error {
	for _, w := range s.watchers {
		if w.WorkflowFailed != nil {
			if err := w.WorkflowFailed(tx, inc, wf, message); err != nil {
				return fmt.Errorf("tell of a failed workflow: %w", err)
			}
		}
	}
	return nil
}
