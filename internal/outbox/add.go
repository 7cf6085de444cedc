package outbox

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/perch-chat/perch/internal/id"
	"github.com/perch-chat/perch/store"
)

// Add stores an action as part of tx. If there is an action with its key, that
// is returned, and false. An empty state means queued; draft and awaiting
// approval are the others that an action can begin in.
func (o *Outbox) Add(tx store.Tx, a Action) (Action, bool, error) {
	if a.Kind == "" {
		return Action{}, false, errors.New("outbox: add: an action needs a kind")
	}
	if a.Key != "" {
		if known, ok, err := o.FindKey(tx, a.Key); err != nil || ok {
			return known, false, err
		}
	}
	if ex, ok := o.kinds[a.Kind].(Laner); ok {
		lanes, err := ex.Lanes(tx, a)
		if err != nil {
			return Action{}, false, fmt.Errorf("outbox: add %s: lanes: %w", a.Kind, err)
		}
		a.Lanes = slices.Concat(a.Lanes, lanes)
	}
	rec, err := newRecord(a)
	if err != nil {
		return Action{}, false, err
	}
	if rec.After != "" {
		if err := o.checkAfter(tx, &rec); err != nil {
			return Action{}, false, err
		}
	}
	if rec.State == Queued {
		if err := o.clearSlot(tx, &rec); err != nil {
			return Action{}, false, err
		}
	}
	placed := rec.Seq != 0
	if err := o.change(tx, nil, &rec); err != nil {
		return Action{}, false, err
	}
	if placed {
		if err := o.settleOrder(tx, rec.Order); err != nil {
			return Action{}, false, err
		}
	}
	return rec.Action, true, nil
}

func newRecord(a Action) (record, error) {
	switch a.State {
	case "":
		a.State = Queued
	case Draft, Awaiting, Queued:
	default:
		return record{}, fmt.Errorf("outbox: add %s: %w: an action can't begin as %s", a.Kind, ErrState, a.State)
	}
	if len(a.Payload) == 0 {
		a.Payload = json.RawMessage("null")
	}
	if !json.Valid(a.Payload) {
		return record{}, fmt.Errorf("outbox: add %s: the payload is not JSON", a.Kind)
	}
	a.ID = id.New()
	if a.Key == "" {
		a.Key = a.ID
	}
	a.Lanes = slices.Compact(slices.Sorted(slices.Values(a.Lanes)))
	a.NotBefore, a.Expires = a.NotBefore.UTC(), a.Expires.UTC()
	a.Created = now()
	a.Attempts, a.Armed, a.Result, a.Stuck, a.Lookups, a.ApprovedBy = 0, nil, nil, false, 0, ""
	return record{Action: a}, nil
}

// checkAfter sees to it that After names an action; what comes after a
// cancelled one begins, and ends, as cancelled.
func (o *Outbox) checkAfter(tx store.Tx, rec *record) error {
	dep, err := find(tx, rec.After)
	if err != nil {
		return fmt.Errorf("outbox: add %s: after: %w", rec.Kind, err)
	}
	switch dep.class() {
	case classCancelled:
		rec.State = Cancelled
		rec.Failure = &Failure{Code: "after_cancelled", Message: "What it was to follow was cancelled, so this was cancelled too."}
	case classDone:
	default:
		rec.Waits = true // for drafts; enqueue looks again
	}
	return nil
}

// clearSlot cancels what a newer action of its slot replaces. In the same Order
// the newer one takes its place, unless it has to wait for something else: at the
// end, it would never come to be carried out while more is added behind it than
// goes out.
func (o *Outbox) clearSlot(tx store.Tx, newer *record) error {
	if newer.Slot == "" {
		return nil
	}
	olds, err := store.Collect(actions().By(tx, bySlot, store.Key(newer.Slot), store.Range{}))
	if err != nil {
		return err
	}
	for _, old := range olds {
		if newer.Order != "" && old.Order == newer.Order && (newer.After == "" || newer.After == old.After) && newer.Seq == 0 {
			newer.Seq = old.Seq
		}
		rec := old
		rec.State = Cancelled
		rec.Failure = &Failure{Code: "replaced", Message: "A newer one took its place."}
		if err := o.change(tx, &old, &rec); err != nil {
			return err
		}
	}
	return nil
}
