package outbox

import (
	"errors"
	"fmt"
	"time"

	"github.com/perch-chat/perch/store"
)

func holds() store.Table[Hold] {
	return store.Table[Hold]{
		Name: "outbox_hold",
		Key:  func(h Hold) []byte { return store.Key(h.Lane) },
	}
}

// Hold stops a lane: until h.Until, or until Release if that is zero. A lane
// has one hold: one that somebody has to release outweighs one that ends by
// itself, and of two that do the longer counts.
func (o *Outbox) Hold(tx store.Tx, h Hold) error {
	if h.Lane == "" {
		return errors.New("outbox: a hold needs a lane")
	}
	if h.Since.IsZero() {
		h.Since = now()
	}
	h.Until = h.Until.UTC()
	old, ok, err := holds().Find(tx, store.Key(h.Lane))
	if err != nil {
		return err
	}
	if ok && holding(old, h.Since) {
		if !h.Until.IsZero() && (old.Until.IsZero() || !h.Until.After(old.Until)) {
			return nil
		}
		h.Since = old.Since
		if old == h {
			return nil
		}
	}
	if err := holds().Put(tx, h); err != nil {
		return err
	}
	tx.OnCommit(o.wake)
	return o.tellHold(tx, h, true)
}

// Release ends the hold of a lane. One that isn't held is not an error.
func (o *Outbox) Release(tx store.Tx, lane string) error {
	h, ok, err := holds().Find(tx, store.Key(lane))
	if err != nil || !ok {
		return err
	}
	if err := holds().Delete(tx, store.Key(lane)); err != nil {
		return err
	}
	tx.OnCommit(o.wake)
	return o.tellHold(tx, h, false)
}

// Holds returns the lanes that are held, with the reasons.
func (o *Outbox) Holds(tx store.Tx) ([]Hold, error) {
	all, err := store.Collect(holds().Scan(tx, store.Range{}))
	if err != nil {
		return nil, err
	}
	on, t := all[:0], now()
	for _, h := range all {
		if holding(h, t) {
			on = append(on, h)
		}
	}
	return on, nil
}

func (o *Outbox) tellHold(tx store.Tx, h Hold, on bool) error {
	if _, ok := tx.(quietTx); ok {
		return nil
	}
	for _, fn := range o.held {
		if err := fn(tx, h, on); err != nil {
			return &hookError{fmt.Errorf("outbox: hook: hold of %s: %w", h.Lane, err)}
		}
	}
	return nil
}

// holding reports whether h is in force at t.
func holding(h Hold, t time.Time) bool { return h.Until.IsZero() || h.Until.After(t) }

// holdsOn returns the holds in force on lanes.
func (o *Outbox) holdsOn(tx store.Tx, lanes []string) ([]Hold, error) {
	var on []Hold
	for _, lane := range lanes {
		h, ok, err := holds().Find(tx, store.Key(lane))
		if err != nil {
			return nil, err
		}
		if ok && holding(h, now()) {
			on = append(on, h)
		}
	}
	return on, nil
}

// endHolds removes the holds whose time is over.
func (o *Outbox) endHolds(tx store.Tx) error {
	all, err := store.Collect(holds().Scan(tx, store.Range{}))
	if err != nil {
		return err
	}
	t := now()
	for _, h := range all {
		if holding(h, t) {
			continue
		}
		if err := o.Release(tx, h.Lane); err != nil {
			return err
		}
	}
	return nil
}

// keepPace holds the lanes of which the service says that it takes no more.
func (o *Outbox) keepPace(tx store.Tx, pace []Pace) error {
	for _, p := range pace {
		if p.Lane == "" || p.Remaining > 0 || !p.Reset.After(now()) {
			continue
		}
		msg := p.Message
		if msg == "" {
			msg = "The service takes no more for now; it goes on by itself at " + p.Reset.UTC().Format("15:04 UTC") + "."
		}
		err := o.Hold(tx, Hold{Lane: p.Lane, Code: "rate_limited", Message: msg, Until: p.Reset})
		if err != nil {
			return err
		}
	}
	return nil
}
