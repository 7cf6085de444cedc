package outbox

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/perch-chat/perch/store"
)

// record is an action with what only this package needs to know of it.
type record struct {
	Action

	// Seq is the action's place in its Order, given when it becomes queued and
	// kept through retries: a draft joins the end of the queue, and a failed
	// action that is retried goes before what was queued after it.
	Seq int64 `json:"seq,omitempty"`

	// Head: nothing of its Order is before it.
	Head bool `json:"head,omitempty"`

	// Waits: what After names isn't done. Parked: and it needs a person, so
	// that this action lets its Order go on without it.
	Waits  bool `json:"waits,omitempty"`
	Parked bool `json:"parked,omitempty"`

	Try      int    `json:"try,omitempty"`       // how often it was claimed, holds included; tells attempts apart
	Owner    string `json:"owner,omitempty"`     // whose attempt it is
	Laters   int    `json:"laters,omitempty"`    // attempts without effect since it was queued
	Holds    int    `json:"holds,omitempty"`     // attempts that ended in a hold, one after the other
	Again    int    `json:"again,omitempty"`     // how often it was sent again after it was looked for and not found
	LookFail int    `json:"look_fail,omitempty"` // lookups that failed, one after the other
}

// class is what an action means to those that come after it.
type class int

const (
	classActive    class = iota // it will go on by itself
	classPerson                 // a person has to do something
	classDone                   // it had its effect
	classCancelled              // it won't have one
)

func (r *record) class() class {
	switch r.State {
	case Done:
		return classDone
	case Cancelled:
		return classCancelled
	case Draft, Awaiting, Failed:
		return classPerson
	case Queued:
		if r.Parked {
			return classPerson
		}
	case Unknown:
		if r.Stuck {
			return classPerson
		}
	case Attempting:
	}
	return classActive
}

// inOrder reports whether the action is in the queue of its Order.
func (r *record) inOrder() bool {
	if r.Order == "" {
		return false
	}
	return r.State == Attempting || r.State == Unknown || r.State == Queued && !r.Parked
}

// laneSet names the lanes of an action together: what is due is kept apart by
// it, so that held actions are passed over at once, however many they are.
func laneSet(lanes []string) string { return strings.Join(lanes, "\n") }

func lanesOf(set string) []string {
	if set == "" {
		return nil
	}
	return strings.Split(set, "\n")
}

// The two sorts of work, the first part of a place in the index of what is due.
const (
	workSend = 0 // claim and attempt
	workLook = 1 // find out what became of an attempt
)

func dueNano(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixNano()
}

const tableName = "outbox"

// The names of the indexes.
const (
	byKey     = "key"     // all
	bySubject = "subject" // all that have one
	byState   = "state"   // all, oldest first
	byOrder   = "order"   // the queue of an Order: first what is under way, then by Seq
	bySlot    = "slot"    // what the next of the slot replaces
	byAfter   = "after"   // what waits for an action
	byExpiry  = "expiry"  // what is queued and may become too late
	byBrief   = "brief"   // what is over and soon forgotten
	byDue     = "due"     // what can be worked on at a time, by sort of work and lanes
)

func actions() store.Table[record] {
	return store.Table[record]{
		Name:   tableName,
		Frozen: true,
		Key:    func(r record) []byte { return store.Key(r.ID) },
		Indexes: []store.Index[record]{
			{Name: byKey, Unique: true, Keys: func(r record) [][]byte { return at(r.Key) }},
			{Name: bySubject, Keys: func(r record) [][]byte {
				if r.Subject == "" {
					return nil
				}
				return at(r.Subject)
			}},
			{Name: byState, Keys: func(r record) [][]byte { return at(string(r.State), r.ID, r.Kind) }},
			{Name: byOrder, Keys: func(r record) [][]byte {
				if !r.inOrder() {
					return nil
				}
				return at(r.Order, r.State == Queued, r.Seq)
			}},
			{Name: bySlot, Keys: func(r record) [][]byte {
				if r.Slot == "" || r.State != Queued || r.Try > 0 {
					return nil
				}
				return at(r.Slot)
			}},
			{Name: byAfter, Keys: func(r record) [][]byte {
				if r.After == "" || !r.Waits || r.State != Queued && r.State != Draft && r.State != Awaiting {
					return nil
				}
				return at(r.After)
			}},
			{Name: byExpiry, Keys: func(r record) [][]byte {
				if r.State != Queued || r.Expires.IsZero() {
					return nil
				}
				return at(r.Expires)
			}},
			{Name: byBrief, Keys: func(r record) [][]byte {
				if !r.Brief || r.State != Done && r.State != Cancelled {
					return nil
				}
				return at(r.Updated)
			}},
			{Name: byDue, Keys: dueKeys},
		},
	}
}

func dueKeys(r record) [][]byte {
	switch {
	case r.State == Queued && !r.Waits && (r.Order == "" || r.Head):
		return at(workSend, laneSet(r.Lanes), dueNano(r.NotBefore))
	case r.State == Unknown && !r.Stuck:
		return at(workLook, laneSet(r.Lanes), dueNano(r.NotBefore))
	}
	return nil
}

func at(parts ...any) [][]byte { return [][]byte{store.Key(parts...)} }

func find(tx store.Tx, actionID string) (record, error) {
	rec, err := actions().Get(tx, store.Key(actionID))
	if errors.Is(err, store.ErrNotFound) {
		return record{}, fmt.Errorf("outbox: action %s: %w", actionID, store.ErrNotFound)
	}
	return rec, err
}
