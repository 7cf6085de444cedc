// Package doctor finds out what is wrong with an installation of Perch and
// says what to do about it: keys, permissions, credits, webhook, clock, disk,
// store and team. It only looks: it posts nothing, changes nothing at X, and
// renews tokens only through the accounts, which do so for everybody.
package doctor

import (
	"context"
	"net/http"
	"time"

	"github.com/perch-chat/perch/internal/accounts"
	"github.com/perch-chat/perch/internal/config"
	"github.com/perch-chat/perch/internal/inbox"
	"github.com/perch-chat/perch/internal/outbox"
	"github.com/perch-chat/perch/store"
	"github.com/perch-chat/perch/xapi"
)

// State says how a check went.
type State string

// The states.
const (
	OK   State = "ok"
	Warn State = "warn" // Perch works, but not as well as it could
	Fail State = "fail" // something does not work
	Skip State = "skip" // it could not be looked at, and why is said
)

// Sign is the state as people see it.
func (s State) Sign() string {
	switch s {
	case OK:
		return "✅"
	case Warn:
		return "⚠"
	case Fail:
		return "❌"
	case Skip:
	}
	return "–"
}

// Finding is the outcome of one check.
type Finding struct {
	Check string `json:"check"` // "webhook", "account @larkspur_hq"
	State State  `json:"state"`
	Text  string `json:"text"`         // what was found
	Do    string `json:"do,omitempty"` // what to do about it
}

// Department is who is on duty there.
type Department struct {
	Name   string
	OnDuty int
}

// Poll is how the last reading of an account went.
type Poll struct {
	Account string
	At      time.Time
	Err     error
}

// Depths is a queue that can be counted.
type (
	// Outbox is what the doctor needs of the outbox.
	Outbox interface {
		Stats(ctx context.Context) (outbox.Stats, error)
	}
	// Inbox is what the doctor needs of the inbox.
	Inbox interface {
		Stats(ctx context.Context) (inbox.Stats, error)
	}
	// Accounts is what the doctor needs of the accounts.
	Accounts interface {
		List(tx store.Tx) ([]accounts.Account, error)
		Token(ctx context.Context, accountID string) (string, error)
		Invalidate(ctx context.Context, accountID, access string) (string, error)
	}
)

// Deps are what the doctor looks at.
type Deps struct {
	Config    config.Config
	ConfigErr error // of loading Config; what could be read is looked at all the same

	// The store, or why it can't be opened. Without it nothing stored is looked at.
	DB       store.Store
	StoreErr error
	Tables   []store.Checker

	Accounts Accounts
	KeyErr   error // why the encryption key is none
	Outbox   Outbox
	Inbox    Inbox
	OnDuty   func(tx store.Tx) ([]Department, error)
	Shut     func(tx store.Tx) (int, error)      // customers whom the chat takes into no room
	Troubles func(tx store.Tx) ([]string, error) // what did not work in the chats, a sentence or two each

	X      *xapi.Client
	HTTP   *http.Client // for looks that are no calls of X; one with a timeout if nil
	Events []string     // what Perch asks X to deliver

	// Served, if set, names the chat's own customer service where it serves all
	// customers, in departments of its own: nothing if none does, and false if
	// the chat does not say. ServedIn reports whether a department's channel is
	// one there.
	Served   func(ctx context.Context) (string, bool)
	ServedIn func(channel string) bool

	// Chats has the chats look at themselves: tokens, rights, connections and
	// the channels that are configured. It may be nil.
	Chats func(ctx context.Context) []Finding

	// Serving says that these checks are made by the Perch that serves, which
	// alone knows Polls and when X delivered last.
	Serving      bool
	Polls        func() []Poll
	LastDelivery func() time.Time

	// Only, if it is Configuration, has no other check made.
	Only string

	// Free tells how many bytes are free in a folder; nil asks the system.
	Free func(dir string) (uint64, error)
}

// Configuration is the check of the configuration alone, which the command
// makes itself while the others are made by the Perch that runs.
const Configuration = "configuration"

// limit bounds each check, so that one which hangs does not hide the others.
const limit = 20 * time.Second

// Run makes all checks, whatever each of them finds, and calls found with each
// finding as it is made. It reports whether nothing failed.
func Run(ctx context.Context, d Deps, found func(Finding)) (healthy bool) {
	if d.HTTP == nil {
		d.HTTP = &http.Client{Timeout: limit / 2}
	}
	if d.Free == nil {
		d.Free = free
	}
	healthy = true
	e := &exam{Deps: d, note: func(f Finding) {
		healthy = healthy && f.State != Fail
		found(f)
	}}
	e.configuration()
	if d.Only == Configuration {
		return healthy
	}
	for _, check := range []func(context.Context){
		e.opens, e.folder, e.disk, e.tables, e.team, e.platforms,
		e.reach, e.appKeys, e.client, e.connected, e.publicURL, e.webhook, e.subscriptions,
		e.polling, e.duty, e.chats, e.work,
	} {
		if ctx.Err() != nil {
			e.fail("all checks", "The checks were stopped before they were done.", "Run perch doctor again.")
			break
		}
		one, cancel := context.WithTimeout(ctx, limit)
		check(one)
		cancel()
	}
	return healthy
}

// exam is one run: what the later checks need of the earlier ones.
type exam struct {
	Deps
	note func(Finding)

	away    bool               // X can't be reached: no use to ask on
	badKeys bool               // X refuses the app-only keys
	some    bool               // an account is connected, as far as Perch knows
	list    []accounts.Account // those that Perch may act for and X accepts
	hook    *xapi.Webhook      // ours, if X has it
}

// platforms shows what the chats found.
func (e *exam) platforms(ctx context.Context) {
	if e.Chats == nil {
		return
	}
	for _, f := range e.Chats(ctx) {
		e.note(f)
	}
}

func (e *exam) ok(check, text string) { e.note(Finding{Check: check, State: OK, Text: text}) }

func (e *exam) skip(check, text string) { e.note(Finding{Check: check, State: Skip, Text: text}) }

func (e *exam) warn(check, text, do string) {
	e.note(Finding{Check: check, State: Warn, Text: text, Do: do})
}

func (e *exam) fail(check, text, do string) {
	e.note(Finding{Check: check, State: Fail, Text: text, Do: do})
}
