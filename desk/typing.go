package desk

import (
	"github.com/perch-chat/perch/bot"
	"github.com/perch-chat/perch/store"
)

// Writes returns the room in which the agents see that a customer writes, and the
// customer's name; there is none where they are not in one.
func (d *Desk) Writes(tx store.Tx, account, contact string) (room bot.MessageRef, name string, err error) {
	c, ok, err := conversations().First(tx, "open", party(account, DM, contact, ""))
	if err != nil || !ok || !live(c) || c.CardRef == "" {
		return "", "", err
	}
	who, err := d.Contact(tx, c)
	if err != nil {
		return "", "", err
	}
	if who.Name != "" {
		return c.CardRef, who.Name, nil
	}
	return c.CardRef, customer(who), nil
}
