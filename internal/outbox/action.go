// Package outbox holds what goes out: every effect that Perch has on the
// outside world is an action, stored in the same transaction as the reason for
// it, and carried out later by the executor of its kind. The package knows no
// service: it keeps order, pace, attempts, reconciliation and the fate of each
// action, and never calls out inside a transaction.
package outbox

import (
	"encoding/json"
	"time"
)

// State is where an action stands.
type State string

// The states of an action.
const (
	Draft      State = "draft"             // a person still has to send it
	Awaiting   State = "awaiting_approval" // another person has to approve it
	Queued     State = "queued"            // goes out when its order, pace and time allow
	Attempting State = "attempting"        // stored before the call is made
	Done       State = "done"              // had its effect, once
	Failed     State = "failed"            // surely had no effect and won't be tried again by itself
	Unknown    State = "unknown"           // may have had its effect; being looked up, or a person decides
	Cancelled  State = "cancelled"         // withdrawn before it went out
)

// Action is one effect on the outside world. It is stored as JSON: fields are
// added, never renamed.
type Action struct {
	ID   string `json:"id"`   // given by Add, a UUIDv7
	Kind string `json:"kind"` // which executor: "x.post", "x.dm", "chat.post"

	// Key makes a repeat harmless: Add with the key of an existing action adds
	// nothing. It is handed to the service where the service has use for it.
	Key string `json:"key"`

	// Order is a queue: of the actions with one Order, the next begins only
	// after the one before is done, failed or cancelled. Empty: no order.
	Order string `json:"order,omitempty"`

	// After is the ID of an action that must be done first. If it is
	// cancelled this one is cancelled too; if it failed, this one waits for its retry.
	After string `json:"after,omitempty"`

	// Slot makes the newest win: Add cancels queued, never attempted actions
	// of the same Slot, and takes their place in the Order. It is for edits, of
	// which only the last counts.
	Slot string `json:"slot,omitempty"`

	// Lanes are what can be held: "x:2244994945", "x:2244994945:dm". A hold on
	// any of them keeps the action queued.
	Lanes []string `json:"lanes,omitempty"`

	// Subject says what the action is about, for those who watch changes:
	// "event:<id>", "message:<id>". Opaque here.
	Subject string `json:"subject,omitempty"`

	// Brief says that nothing refers to the action once it is over: a look at
	// the outside, an edit that only tells the time. It is forgotten, with its
	// key, after a day.
	Brief bool `json:"brief,omitempty"`

	Payload json.RawMessage `json:"payload"`

	State     State           `json:"state"`
	Attempts  int             `json:"attempts,omitempty"`
	NotBefore time.Time       `json:"not_before,omitzero"` // not sooner than this
	Expires   time.Time       `json:"expires,omitzero"`    // later than this a person is asked first
	Armed     json.RawMessage `json:"armed,omitempty"`     // what was known just before the attempt
	Result    json.RawMessage `json:"result,omitempty"`    // what the service answered
	Failure   *Failure        `json:"failure,omitempty"`   // why it failed, waits or is unknown

	// Stuck: the outcome could not be found out, a person has to decide
	// (Retry, or Settle with what they see).
	Stuck bool `json:"stuck,omitempty"`

	// Lookups counts how often an unknown outcome was looked for.
	Lookups int `json:"lookups,omitempty"`

	CreatedBy  string    `json:"created_by,omitempty"`
	ApprovedBy string    `json:"approved_by,omitempty"`
	ChangedBy  string    `json:"changed_by,omitempty"` // who last decided on it: sent, cancelled, retried, settled
	Created    time.Time `json:"created"`
	Updated    time.Time `json:"updated"`
}

// Failure is a reason in two forms.
type Failure struct {
	Code    string    `json:"code"`              // stable, for programs: "duplicate", "no_credits"
	Message string    `json:"message"`           // a sentence for people that says what to do next
	Detail  string    `json:"detail,omitempty"`  // for the log; never a secret
	RetryAt time.Time `json:"retry_at,omitzero"` // when it is tried again by itself
}
