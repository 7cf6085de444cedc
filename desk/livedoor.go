package desk

import (
	"errors"
	"slices"

	"github.com/perch-chat/perch/bot"
	"github.com/perch-chat/perch/internal/outbox"
	"github.com/perch-chat/perch/store"
)

// The department that customers go to may become another while some of them
// wait for a room, or after theirs was closed.

// tryRoom is the button under what can't be brought into a room.
func (d *Desk) tryRoom(tx store.Tx, ev bot.Event) error {
	c, err := d.Get(tx, ev.Value)
	if err != nil {
		return err
	}
	if err := d.mayDecide(tx, ev, c); err != nil {
		return err
	}
	if a, err := d.ob.Get(tx, c.CardID); err != nil || a.State != outbox.Failed {
		return errors.Join(err, d.tell(tx, ev, "This was already decided."))
	}
	if err := d.tell(tx, ev, "Perch tries again."); err != nil {
		return err
	}
	was := c.Channel
	if err := d.reroute(tx, &c); err != nil {
		return err
	}
	if c.Channel != was {
		return d.anotherDoor(tx, c, string(ev.User.Ref))
	}
	_, err = d.ob.Retry(tx, c.CardID, string(ev.User.Ref))
	return err
}

// reroute has the next room of a conversation be one of the department that
// serves customers now.
func (d *Desk) reroute(tx store.Tx, c *Conversation) error {
	s, err := d.Settings(tx)
	if err != nil {
		return err
	}
	dep, err := d.route(tx, s)
	if err != nil {
		return err
	}
	platform, _, live := bot.LiveDepartment(dep.Channel)
	if was, _, _ := bot.LiveDepartment(c.Channel); live && platform == was {
		c.Department, c.Channel = dep.ID, dep.Channel
	}
	return nil
}

// rerouteWaiting brings those who wait for rooms in other departments to the one
// that serves customers from now on. was is where one of the departments was before.
func (d *Desk) rerouteWaiting(tx store.Tx, was ...bot.ChannelRef) error {
	deps, err := d.Departments(tx)
	if err != nil {
		return err
	}
	for _, dep := range deps {
		was = append(was, dep.Channel)
	}
	slices.Sort(was)
	var waiting []Conversation
	for _, ch := range slices.Compact(was) {
		if _, _, live := bot.LiveDepartment(ch); !live {
			continue
		}
		all, err := store.Collect(conversations().By(tx, "unposted", store.Key(string(ch)), store.Range{}))
		if err != nil {
			return err
		}
		waiting = append(waiting, all...)
	}
	for _, c := range waiting {
		was := c.Channel
		if err := d.reroute(tx, &c); err != nil {
			return err
		}
		if !c.Open() || c.CardID == "" || c.Channel == was {
			continue
		}
		err := d.anotherDoor(tx, c, "desk")
		if err != nil && !errors.Is(err, outbox.ErrTooLate) && !errors.Is(err, outbox.ErrState) { // they come in just now
			return err
		}
	}
	return nil
}

// anotherDoor brings a customer, who could not be brought to the department that
// counted before, to the one that c says, with all that they wrote.
func (d *Desk) anotherDoor(tx store.Tx, c Conversation, by string) error {
	s, err := d.Settings(tx)
	if err != nil {
		return err
	}
	waiting, _, err := d.missed(tx, c, "", s)
	if err != nil {
		return err
	}
	if _, err := d.ob.Cancel(tx, c.CardID, by); err != nil {
		return err
	}
	if err := d.enterRoom(tx, &c); err != nil {
		return err
	}
	if err := d.showAllAgain(tx, c, waiting, s); err != nil {
		return err
	}
	return d.put(tx, c)
}
