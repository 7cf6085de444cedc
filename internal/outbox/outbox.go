package outbox

import (
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/perch-chat/perch/internal/id"
	"github.com/perch-chat/perch/store"
)

var (
	// ErrTooLate is returned when an action can no longer be withdrawn or
	// changed: it is on its way or has gone out.
	ErrTooLate = errors.New("outbox: too late")

	// ErrSelfApproval is returned when the one who wrote an action approves it.
	ErrSelfApproval = errors.New("outbox: somebody else has to approve it")

	// ErrState is returned when an action's state doesn't allow the step.
	ErrState = errors.New("outbox: not possible in this state")
)

// Options adjust an [Outbox]; the zero value is useful.
type Options struct {
	Log         *slog.Logger
	Workers     int           // attempts at once; default 16
	Drain       time.Duration // how long Run waits for attempts under way when ctx ends; default 10 s
	MaxAttempts int           // of Later outcomes before the action fails; default 12 (holds don't count)
	Poll        time.Duration // how often the table is looked at besides wake-ups; default 1 s

	// Linger is how long the outcome of an attempt that nothing is ordered
	// behind may wait to be stored with what else is, which spares a flush. A
	// crash within it leaves an attempt that has to be looked up. Default 0.
	Linger time.Duration

	AttemptTimeout time.Duration // the longest that one call of an executor may take; default 60 s
	Backoff        time.Duration // the first wait after a Later, doubled each time; default 2 s
	MaxBackoff     time.Duration // the longest such wait; default 15 min
	Retention      time.Duration // how long done and cancelled actions, and their keys, are remembered; default 90 days

	// Exclusive says that no other Outbox works on the store, so every attempt
	// found at start-up was left by a process that is gone. Without it, an
	// attempt is given up only when its owner's lease has run out.
	Exclusive bool
	Owner     string        // tells this instance from others on the store; default a new id
	Lease     time.Duration // how long an owner counts as alive after its last sign; clocks must agree better than this; default 30 s
}

func (o Options) withDefaults() Options {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	setDefault(&o.Workers, 16)
	setDefault(&o.Drain, 10*time.Second)
	setDefault(&o.MaxAttempts, 12)
	setDefault(&o.Poll, time.Second)
	setDefault(&o.AttemptTimeout, time.Minute)
	setDefault(&o.Backoff, 2*time.Second)
	setDefault(&o.MaxBackoff, 15*time.Minute)
	setDefault(&o.Retention, 90*24*time.Hour)
	setDefault(&o.Lease, 30*time.Second)
	if o.Owner == "" {
		o.Owner = id.New()
	}
	return o
}

func setDefault[T int | time.Duration](v *T, d T) {
	if *v <= 0 {
		*v = d
	}
}

// Outbox keeps actions and carries them out. Its methods that take a
// [store.Tx] work inside the caller's transaction and may be called from hooks;
// all are safe for concurrent use.
type Outbox struct {
	db    store.Store
	opt   Options
	log   *slog.Logger
	kinds map[string]Executor

	changed []func(tx store.Tx, was State, a Action) error
	held    []func(tx store.Tx, h Hold, on bool) error

	wakes  chan struct{}          // holds one wake-up, so that a sender never waits
	runner atomic.Pointer[runner] // while Run begins work

	mu       sync.Mutex
	running  bool
	outcomes map[tally]int64
}

// New returns an Outbox over db. Executors and hooks are added before Run.
func New(db store.Store, o Options) *Outbox {
	o = o.withDefaults()
	return &Outbox{
		db: db, opt: o, log: o.Log,
		kinds:    map[string]Executor{},
		wakes:    make(chan struct{}, 1),
		outcomes: map[tally]int64{},
	}
}

// Register sets the executor of a kind. It panics if the kind has one: that is
// a mistake of the program.
func (o *Outbox) Register(kind string, ex Executor) {
	if _, ok := o.kinds[kind]; ok {
		panic(fmt.Sprintf("outbox: kind %q is registered twice", kind))
	}
	o.kinds[kind] = ex
}

// OnChange has fn called inside the transaction of every change of an action's
// state, also by Add, with was empty. It is called as well, with was equal to
// the state, when the reason why an action waits or is stuck becomes another.
// An error of fn undoes the change, which is then tried again.
func (o *Outbox) OnChange(fn func(tx store.Tx, was State, a Action) error) {
	o.changed = append(o.changed, fn)
}

// OnHold has fn called inside the transaction in which a lane is held (on), its
// hold changes (on), or it is released.
func (o *Outbox) OnHold(fn func(tx store.Tx, h Hold, on bool) error) {
	o.held = append(o.held, fn)
}

// wake makes the dispatcher look again soon.
func (o *Outbox) wake() {
	select {
	case o.wakes <- struct{}{}:
	default: // it is awake already
	}
}

// now is the time as it is stored.
func now() time.Time { return time.Now().UTC().Truncate(time.Microsecond) }
