package desk

import (
	"fmt"

	"github.com/perch-chat/perch/bot"
	"github.com/perch-chat/perch/internal/outbox"
	"github.com/perch-chat/perch/store"
)

// wasDeleted stands where words were that their author took back.
const wasDeleted = "Deleted on X by its author."

// Deleted takes back, here too, what was deleted on X, as X asks of those who
// keep its content (https://docs.x.com/developer-terms/policy). What nobody
// knows here is not an error.
func (d *Desk) Deleted(tx store.Tx, account string, k Kind, xid string) error {
	m, ok, err := messages().First(tx, "x", store.Key(account, string(k), xid))
	if err != nil || !ok || m.Deleted || m.Origin != Customer && m.Origin != NativeX {
		return err
	}
	if err := d.unshowFiles(tx, m); err != nil {
		return err
	}
	m.Text, m.Files, m.Deleted = "", nil, true
	if err := messages().Put(tx, m); err != nil {
		return err
	}
	c, err := d.Get(tx, m.Conversation)
	if err != nil {
		return err
	}
	msg := line(wasDeleted)
	msg.Channel = c.Channel
	if m.Origin == Customer {
		who, err := d.Contact(tx, c)
		if err != nil {
			return err
		}
		msg.Author = author(who)
	}
	_, _, err = d.ob.Add(tx, outbox.Action{
		Kind: bot.KindEdit, Key: "desk:deleted:" + m.ID, Order: order(c), Slot: "edit:" + m.ChatKey, Lanes: lanes(c),
		Payload: encode(bot.Edit{RefOf: m.ChatKey, Message: msg}),
	})
	if err != nil {
		return fmt.Errorf("add edit of a deleted message: %w", err)
	}
	if c.LastInID != xid {
		return nil
	}
	c.Last = wasDeleted
	if err := d.editCard(tx, &c); err != nil {
		return err
	}
	return d.put(tx, c)
}
