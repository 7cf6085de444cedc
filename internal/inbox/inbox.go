// Package inbox holds what came in until it is handled: an event is stored
// before it is acknowledged, and its handler's changes, the outbox actions it
// adds and the event's removal are one transaction; where nothing stands in the
// way, that is the transaction which would have stored it. Events of one thread
// are handled one after the other, threads beside each other. The package never
// looks into an event and never calls out.
package inbox

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/perch-chat/perch/store"
)

// Item is something that came in. It is stored as JSON: fields are added, never
// renamed.
type Item struct {
	ID string `json:"id"` // given by Put, a UUIDv7

	// Key makes a repeat harmless: an item whose key is remembered is skipped.
	// It says where it comes from: "slack:Ev123". Empty: never a repeat.
	Key string `json:"key,omitempty"`

	// Thread is what items are handled one after the other in. Empty: beside
	// all others.
	Thread string `json:"thread,omitempty"`

	Source string          `json:"source"` // "slack", "webchat", "x"
	Kind   string          `json:"kind"`   // which handler: "bot.event", "x.dm"
	Body   json.RawMessage `json:"body"`

	Received  time.Time `json:"received"`
	Attempts  int       `json:"attempts,omitempty"` // that failed
	Failure   string    `json:"failure,omitempty"`  // of the last attempt, for the log and the operator
	NotBefore time.Time `json:"not_before,omitzero"`

	encoded bool // the body was encoded here and need not be checked
}

// Handler handles an item. What it changes in tx and the item's removal are one
// transaction, so it may run twice and must have no other effect. If it returns
// an error, or panics, nothing has happened; it is called again later, and
// meanwhile the item's thread waits.
type Handler func(tx store.Tx, it Item) error

// Options adjust an [Inbox]; the zero value is useful.
type Options struct {
	Log         *slog.Logger
	Workers     int           // items handled at once; default 16
	Remember    time.Duration // how long keys are remembered, at least; default 48 h
	MaxAttempts int           // before an item is put aside; default 5
	Poll        time.Duration // how often the table is looked at besides wake-ups; default 1 s
	Drain       time.Duration // how long Run waits for handlers at work when ctx ends; default 10 s
	Backoff     time.Duration // the wait after the first failure, doubled each time; default 500 ms
}

func (o Options) withDefaults() Options {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	setDefault(&o.Workers, 16)
	setDefault(&o.Remember, 48*time.Hour)
	setDefault(&o.MaxAttempts, 5)
	setDefault(&o.Poll, time.Second)
	setDefault(&o.Drain, 10*time.Second)
	setDefault(&o.Backoff, 500*time.Millisecond)
	return o
}

func setDefault[T int | time.Duration](v *T, d T) {
	if *v <= 0 {
		*v = d
	}
}

// Inbox keeps items and has them handled. It is safe for concurrent use.
type Inbox struct {
	db       store.Store
	opt      Options
	log      *slog.Logger
	handlers map[string]Handler
	dead     []func(tx store.Tx, it Item) error

	works atomic.Bool   // Run is at work: what comes in may be handled at once
	wakes chan struct{} // holds one wake-up, so that a sender never waits

	mu      sync.Mutex
	running bool
	counts  counts
}

// New returns an Inbox over db. Handlers and hooks are added before Run.
func New(db store.Store, o Options) *Inbox {
	o = o.withDefaults()
	return &Inbox{db: db, opt: o, log: o.Log, handlers: map[string]Handler{}, wakes: make(chan struct{}, 1)}
}

// Handle sets the handler of a kind. It panics if the kind has one: that is a
// mistake of the program.
func (in *Inbox) Handle(kind string, h Handler) {
	if _, ok := in.handlers[kind]; ok {
		panic(fmt.Sprintf("inbox: kind %q is handled twice", kind))
	}
	in.handlers[kind] = h
}

// OnDead has fn called inside the transaction in which an item is put aside
// because its handler failed too often.
func (in *Inbox) OnDead(fn func(tx store.Tx, it Item) error) { in.dead = append(in.dead, fn) }

// ErrUnknown is returned for an item that is not, or no longer, put aside.
var ErrUnknown = errors.New("inbox: no such item")

func (in *Inbox) wake() {
	select {
	case in.wakes <- struct{}{}:
	default: // it is awake already
	}
}

// now is the time as it is stored.
func now() time.Time { return time.Now().UTC().Truncate(time.Microsecond) }
