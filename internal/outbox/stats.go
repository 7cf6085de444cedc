package outbox

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/perch-chat/perch/store"
)

// Stats is what the outbox looks like now.
type Stats struct {
	Depth    []Depth       // of the states in which an action isn't over, by kind and state
	Stuck    int           // how many a person has to decide on
	Oldest   time.Duration // age of the oldest queued action, 0 if there is none
	Holds    int           // lanes that are held
	Attempts []Attempts    // since this process started
}

// Depth is how many actions of a kind are in a state.
type Depth struct {
	Kind  string
	State State
	Count int
}

// Attempts is how many attempts and lookups of a kind had an outcome: "done",
// "rejected", "later", "held", "unknown", "too_late"; "found", "absent",
// "repeat", "lookup_failed", "lookup_later".
type Attempts struct {
	Kind    string
	Outcome string
	Count   int64
}

type tally struct{ kind, outcome string }

func (o *Outbox) count(kind, outcome string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.outcomes[tally{kind, outcome}]++
}

// maxDepth bounds the work of Stats: a state with more actions counts as this many.
const maxDepth = 100_000

// Stats counts. Its work grows with what isn't over, not with what was.
func (o *Outbox) Stats(ctx context.Context) (Stats, error) {
	var s Stats
	err := o.db.View(ctx, func(tx store.Tx) error {
		s = Stats{}
		for _, st := range []State{Draft, Awaiting, Queued, Attempting, Unknown, Failed} {
			d, err := depth(tx, st)
			if err != nil {
				return err
			}
			s.Depth = append(s.Depth, d...)
		}
		stuck, err := stuckCount(tx)
		if err != nil {
			return err
		}
		s.Stuck = stuck
		first, ok, err := actions().First(tx, byState, store.Key(string(Queued)))
		if err != nil {
			return err
		}
		if ok {
			s.Oldest = max(0, now().Sub(first.Created))
		}
		on, err := o.Holds(tx)
		s.Holds = len(on)
		return err
	})
	if err != nil {
		return Stats{}, fmt.Errorf("outbox: stats: %w", err)
	}
	s.Attempts = o.attempts()
	return s, nil
}

func (o *Outbox) attempts() []Attempts {
	o.mu.Lock()
	defer o.mu.Unlock()
	var as []Attempts
	for t, n := range o.outcomes {
		as = append(as, Attempts{t.kind, t.outcome, n})
	}
	slices.SortFunc(as, func(a, b Attempts) int {
		return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Outcome, b.Outcome))
	})
	return as
}

// depth counts a state by kind. The kind is in the index's key, so that no
// record has to be read.
func depth(tx store.Tx, st State) ([]Depth, error) {
	prefix := store.Key(string(st))
	counts := map[string]int{}
	r := store.Prefix(prefix)
	r.Limit = maxDepth
	for p, err := range tx.Scan(tableName+"."+byState, r) {
		if err != nil {
			return nil, err
		}
		parts := bytes.SplitN(p.Key[len(prefix):], []byte{0, 1}, 3) // ID, kind, rest
		if len(parts) == 3 {
			counts[string(parts[1])]++
		}
	}
	var ds []Depth
	for kind, n := range counts {
		ds = append(ds, Depth{kind, st, n})
	}
	slices.SortFunc(ds, func(a, b Depth) int { return cmp.Compare(a.Kind, b.Kind) })
	return ds, nil
}

// stuckCount reads the unknown, of which there are few.
func stuckCount(tx store.Tx) (int, error) {
	n := 0
	for rec, err := range actions().By(tx, byState, store.Key(string(Unknown)), store.Range{Limit: maxDepth}) {
		if err != nil {
			return 0, err
		}
		if rec.Stuck {
			n++
		}
	}
	return n, nil
}
