package desk

import (
	"slices"
	"strings"

	"github.com/perch-chat/perch/internal/outbox"
	"github.com/perch-chat/perch/store"
)

// HoldChanged tells the agents whose answers wait for a lane that was held. It
// is to be registered with the outbox's OnHold.
func (d *Desk) HoldChanged(tx store.Tx, h outbox.Hold, on bool) error {
	if on {
		if err := d.laneHeld(tx, h); err != nil {
			return err
		}
	}
	rest, ok := strings.CutPrefix(h.Lane, "x:")
	if !on || !ok {
		return nil
	}
	account, _, _ := strings.Cut(rest, ":")
	pending, err := store.Collect(messages().By(tx, "pending", store.Key(account), store.Range{}))
	if err != nil {
		return err
	}
	for _, m := range pending {
		if m.Delayed || m.Origin != Agent {
			continue
		}
		a, err := d.ob.Get(tx, m.Action)
		if err != nil {
			return err
		}
		if a.State != outbox.Queued || !slices.Contains(a.Lanes, h.Lane) {
			continue
		}
		c, err := d.Get(tx, m.Conversation)
		if err != nil {
			return err
		}
		// Not by the outbox's word on when it goes: for one behind another that
		// is just being sent that is now, and nobody would be told later.
		if err := d.explain(tx, c, &m, h.Until, h.Message); err != nil {
			return err
		}
		if err := messages().Put(tx, m); err != nil {
			return err
		}
	}
	return nil
}
