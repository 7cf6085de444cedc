package desk

import (
	"fmt"

	"github.com/perch-chat/perch/bot"
	"github.com/perch-chat/perch/internal/outbox"
	"github.com/perch-chat/perch/store"
)

// Shut counts the customers who can't be brought into a room of the chat's own
// customer service until somebody has done what the setup channel was told.
func (d *Desk) Shut(tx store.Tx) (int, error) {
	deps, err := d.Departments(tx)
	if err != nil {
		return 0, err
	}
	n, seen := 0, map[bot.ChannelRef]bool{}
	for _, dep := range deps {
		if _, _, is := bot.LiveDepartment(dep.Channel); !is || seen[dep.Channel] {
			continue
		}
		seen[dep.Channel] = true
		for c, err := range conversations().By(tx, "unposted", store.Key(string(dep.Channel)), store.Range{}) {
			if err != nil {
				return 0, err
			}
			if !c.Open() || c.CardID == "" {
				continue
			}
			a, err := d.ob.Get(tx, c.CardID)
			if err != nil {
				return 0, fmt.Errorf("room of conversation %s: %w", c.ID, err)
			}
			if a.State == outbox.Failed {
				n++
			}
		}
	}
	return n, nil
}
