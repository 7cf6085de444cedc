// Package desk holds conversations with customers: what came in from X, who
// answers it, and what became of the answer. A conversation is a thread in a
// department's channel; an agent claims it and answers there, and nothing but
// the words of the one who claimed it goes out.
//
// The package never speaks to X or to a chat: it stores what happened and adds
// actions to the outbox, in the transaction of its caller.
package desk

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"time"

	"github.com/perch-chat/perch/bot"
	"github.com/perch-chat/perch/internal/accounts"
	"github.com/perch-chat/perch/internal/outbox"
	"github.com/perch-chat/perch/store"
)

// Roles says who may do what.
type Roles interface {
	// IsAgent reports whether the person may claim conversations and answer
	// customers.
	IsAgent(user bot.UserRef) bool

	// IsAdmin reports whether the person may say what becomes of what the chat's
	// own agents can't be told.
	IsAdmin(user bot.UserRef) bool
}

// Accounts is what the desk asks of the connected accounts.
type Accounts interface {
	Get(tx store.Tx, accountID string) (accounts.Account, error)
	List(tx store.Tx) ([]accounts.Account, error)
}

// Outbox is what the desk needs of the outbox.
type Outbox interface {
	Add(tx store.Tx, a outbox.Action) (outbox.Action, bool, error)
	Get(tx store.Tx, id string) (outbox.Action, error)
	FindKey(tx store.Tx, key string) (outbox.Action, bool, error)
	Submit(tx store.Tx, id, by string) (outbox.Action, error)
	Cancel(tx store.Tx, id, by string) (outbox.Action, error)
	Hold(tx store.Tx, h outbox.Hold) error
	Release(tx store.Tx, lane string) error
	Retry(tx store.Tx, id, by string) (outbox.Action, error)
	Settle(tx store.Tx, id, by string, result json.RawMessage) (outbox.Action, error)
	SetPayload(tx store.Tx, id string, payload json.RawMessage) (outbox.Action, error)
	When(tx store.Tx, a outbox.Action) (time.Time, string, error)
	Holds(tx store.Tx) ([]outbox.Hold, error)
}

// Options are the settings of a Desk that only its start decides.
type Options struct {
	Log      *slog.Logger
	Roles    Roles
	Accounts Accounts

	// Settings count for what was never set at run time; zero fields mean the defaults.
	Settings Settings

	Reopen      time.Duration // how long after its end a conversation goes on with a new message; default 7 days
	Unavailable time.Duration // how long a customer isn't told again that nobody is there; default 12 h
	AnswerLife  time.Duration // how long an answer may wait until its agent is asked again; default 24 h
	Remind      time.Duration // how long a customer waits until those on duty are called again; 0 never
	Emoji       Emoji

	// PublicChannels lets direct messages into channels that others can read.
	PublicChannels bool

	// Can reports whether the chat of a ref carries out a kind of action:
	// whether it can tell, say, who reads a channel. nil: no chat can more
	// than post.
	Can func(ref, kind string) bool

	// Attention tells whoever runs Perch what needs them, once a key, and
	// reports whether there is a place for it. It is part of tx; nil: there is none.
	Attention func(tx store.Tx, key string, m bot.Message) (told bool, err error)

	// OnSetting is called once a changed setting counts; nil: nobody asks.
	OnSetting func()
}

// Emoji are the reactions that do what buttons do, as names without colons. An
// empty one is not used.
type Emoji struct {
	Claim, Close, Snooze string // on a conversation's card
	Note                 string // on one's own message: it stays among agents
}

// Desk is where customers are answered. It is safe for concurrent use.
type Desk struct {
	ob  Outbox
	opt Options
	log *slog.Logger
}

// New returns a Desk. Its ActionChanged and HoldChanged are to be registered
// with the outbox.
func New(ob Outbox, o Options) *Desk {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Reopen == 0 {
		o.Reopen = 7 * 24 * time.Hour
	}
	if o.Unavailable == 0 {
		o.Unavailable = 12 * time.Hour
	}
	if o.AnswerLife == 0 {
		o.AnswerLife = 24 * time.Hour
	}
	o.Settings = o.Settings.withDefaults()
	return &Desk{ob: ob, opt: o, log: o.Log}
}

// Code says what went wrong, for programs.
type Code string

// The codes of errors.
const (
	CodeNotFound  Code = "not_found"
	CodeNotAgent  Code = "not_agent"
	CodeClaimed   Code = "claimed" // somebody else has it
	CodeClosed    Code = "closed"
	CodeInvalid   Code = "invalid"
	CodeTooLong   Code = "too_long"
	CodeEmpty     Code = "empty"
	CodeEncrypted Code = "encrypted"
	CodeTooLate   Code = "too_late"
)

// Error is an answer for people.
type Error struct {
	Code    Code
	Field   string // the setting, for CodeInvalid
	Message string // a sentence or two that say what to do next
}

func (e *Error) Error() string { return "desk: " + string(e.Code) + ": " + e.Message }

func problem(c Code, format string, args ...any) *Error {
	return &Error{Code: c, Message: fmt.Sprintf(format, args...)}
}

func now() time.Time { return time.Now().UTC() }

// clock is a time of day as people read it.
func clock(t time.Time) string {
	t = t.UTC()
	if n := now(); t.YearDay() != n.YearDay() || t.Year() != n.Year() {
		return t.Format("2 Jan 15:04 UTC")
	}
	return t.Format("15:04 UTC")
}

// handle is the account as people know it. One that is not there any more
// still has conversations.
func (d *Desk) handle(tx store.Tx, accountID string) string {
	if d.opt.Accounts != nil {
		if acc, err := d.opt.Accounts.Get(tx, accountID); err == nil && acc.Handle != "" {
			return "@" + acc.Handle
		}
	}
	return "account " + accountID
}
