package desk

import (
	"fmt"
	"slices"

	"github.com/perch-chat/perch/bot"
	"github.com/perch-chat/perch/internal/outbox"
	"github.com/perch-chat/perch/store"
)

// older finds the message of which in is a newer version: X gives an edited
// post a new id and names those that it had
// (https://docs.x.com/x-api/fundamentals/edit-posts). Direct messages can't be edited.
func (d *Desk) older(tx store.Tx, in Inbound) (Message, bool, error) {
	for _, xid := range in.Versions {
		m, ok, err := messages().First(tx, "x", store.Key(in.Account, string(in.Kind), xid))
		if err != nil || ok {
			return m, ok, err
		}
	}
	return Message{}, false, nil
}

// edited shows what a customer's post says now, in place of what it said.
func (d *Desk) edited(tx store.Tx, m Message, in Inbound) error {
	if m.Deleted || m.Origin != Customer {
		return nil
	}
	was := m.XID
	m.Versions = versions(append(m.Versions, append(in.Versions, was)...), in.XID)
	m.XID, m.Text, m.EditedAt = in.XID, in.Text, in.At
	if err := messages().Put(tx, m); err != nil {
		return err
	}
	c, err := d.Get(tx, m.Conversation)
	if err != nil {
		return err
	}
	who, err := d.Contact(tx, c)
	if err != nil {
		return err
	}
	s, err := d.Settings(tx)
	if err != nil {
		return err
	}
	msg := d.shown(c, who, m, s)
	msg.Channel = c.Channel
	_, _, err = d.ob.Add(tx, outbox.Action{
		Kind: bot.KindEdit, Key: "desk:edited:" + m.ID + ":" + in.XID, Order: order(c), Slot: "edit:" + m.ChatKey, Lanes: lanes(c),
		Payload: encode(bot.Edit{RefOf: m.ChatKey, Message: msg}),
	})
	if err != nil {
		return fmt.Errorf("add edit of an edited message: %w", err)
	}
	if c.LastInID != was {
		return d.put(tx, c)
	}
	c.LastInID, c.Last = in.XID, preview(in.Text)
	if err := d.editCard(tx, &c); err != nil {
		return err
	}
	return d.put(tx, c)
}

// versions are the ids that a post had before the newest, each once.
func versions(all []string, newest string) []string {
	var out []string
	for _, x := range all {
		if x != "" && x != newest && !slices.Contains(out, x) {
			out = append(out, x)
		}
	}
	return out
}
