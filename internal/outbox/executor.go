package outbox

import (
	"context"
	"encoding/json"
	"time"

	"github.com/perch-chat/perch/store"
)

// Executor carries out the actions of one kind. Its methods are called outside
// of any transaction, for several actions at once.
type Executor interface {
	// Do makes the effect. A *[Error] says what is known of a failure; any
	// other error means that the outcome is unknown.
	Do(ctx context.Context, a Action) (Receipt, error)
}

// Armer is an Executor that looks before it leaps: what Arm returns is stored
// in Action.Armed, with the state attempting, before Do is called with it. An
// error of Arm is treated as one of Do that had no effect, unless it is an
// *Error that says otherwise.
type Armer interface {
	Arm(ctx context.Context, a Action) (json.RawMessage, error)
}

// Patient is an Executor of which some calls take longer than
// Options.AttemptTimeout: those that move a file. Patience is how long, for
// Arm and Do; zero means the usual time.
type Patient interface {
	Patience(a Action) time.Duration
}

// Laner is an Executor that knows in which lanes an action of its kind goes
// besides those that it was added with. Lanes is called inside the transaction
// that adds the action and calls nobody.
type Laner interface {
	Lanes(tx store.Tx, a Action) ([]string, error)
}

// Reconciler is an Executor that can find out whether an action whose outcome
// is unknown had its effect. Without it a person has to decide.
type Reconciler interface {
	// Reconcile returns Found with the receipt, or Absent, or Repeat for what
	// does no harm when it is done twice. An error means that it could not be
	// looked up now.
	Reconcile(ctx context.Context, a Action) (Verdict, Receipt, error)

	// Ladder says how long to wait before each look. Absent counts only at the
	// last rung; then the action is tried once more, and if that too ends
	// unknown and absent, a person decides.
	Ladder() []time.Duration
}

// Repeatable is for executors to embed that harm nobody by doing a thing
// twice: an attempt whose outcome is unknown is made again.
type Repeatable struct {
	Pause time.Duration // before that; zero: none
}

var _ Reconciler = struct {
	Executor
	Repeatable
}{}

// Reconcile looks nowhere.
func (Repeatable) Reconcile(context.Context, Action) (Verdict, Receipt, error) {
	return Repeat, Receipt{}, nil
}

// Ladder has one rung.
func (r Repeatable) Ladder() []time.Duration { return []time.Duration{r.Pause} }

// Verdict is what a look at the service showed.
type Verdict int

// The verdicts.
const (
	Absent Verdict = iota // it is not there (yet)
	Found                 // it is there: the receipt has what it is
	Repeat                // whether it is there or not, it may be done again
)

// Receipt is what came of an attempt.
type Receipt struct {
	Result json.RawMessage
	Pace   []Pace // what the service said of its limits, on errors too
}

// Pace is a service's word on how many more calls it takes.
type Pace struct {
	Lane      string
	Remaining int
	Reset     time.Time // when Remaining is whole again

	// Message says to people why actions wait once Remaining is 0: "X allows 15
	// direct messages in 15 minutes." Empty: a general one.
	Message string
}

// Outcome is what is known of a failed attempt.
type Outcome int

// The outcomes.
const (
	// Rejected had no effect and would have none again.
	Rejected Outcome = iota
	// Later had no effect; it is tried again at RetryAt, or after a backoff.
	Later
	// Uncertain may have had its effect.
	Uncertain
)

// Error is a failed attempt.
type Error struct {
	Outcome Outcome
	Failure Failure
	Pace    []Pace

	// Hold stops the lane: until Until, or until somebody releases it if Until
	// is zero. The action goes back to queued, whatever its attempts.
	Hold *Hold

	Err error
}

func (e *Error) Error() string {
	if e.Err != nil {
		return e.Failure.Code + ": " + e.Err.Error()
	}
	return e.Failure.Code + ": " + e.Failure.Message
}

// Unwrap returns the error beneath.
func (e *Error) Unwrap() error { return e.Err }

// Hold is a lane that is stopped, with the reason shown to people.
type Hold struct {
	Lane    string    `json:"lane"`
	Code    string    `json:"code"` // "reconnect", "no_credits", "rate_limited"
	Message string    `json:"message"`
	Since   time.Time `json:"since"`
	Until   time.Time `json:"until,omitzero"` // zero: until released
}
