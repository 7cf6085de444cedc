package commands

import (
	"fmt"
	"time"

	"github.com/perch-chat/perch/bot"
	"github.com/perch-chat/perch/incident"
	"github.com/perch-chat/perch/internal/id"
	"github.com/perch-chat/perch/internal/outbox"
	"github.com/perch-chat/perch/store"
)

// inPlace has a message take the place of the question.
func (c *call) inPlace(key string, m bot.Message) error {
	at := string(c.ev.Message)
	return c.add(c.tx, outbox.Action{
		Kind: bot.KindEdit, Key: key, Order: "edit:alone:" + at, Slot: "edit:alone:" + at,
	}, bot.Edit{Ref: c.ev.Message, Message: m})
}

// settled takes the buttons off a question that was answered without a word.
func (c *call) settled(s string) error {
	if !c.ev.Asked() || c.said > 0 {
		return nil
	}
	c.ev.Trigger = "" // a form that is under way is not for these words
	return c.reply(text(s))
}

// copyOf is a preview that one person sees, to be kept as the publication is.
type copyOf struct {
	ID    string    `json:"id"`
	Entry string    `json:"entry"`
	Place int       `json:"place"` // which of the entry's publications
	At    time.Time `json:"at"`

	Key string `json:"key,omitempty"` // of the action that posted it

	// Of one that was pressed and whose action is not known.
	Ref     bot.MessageRef `json:"ref,omitempty"`
	Channel bot.ChannelRef `json:"channel,omitempty"`
	User    bot.UserRef    `json:"user,omitempty"`
	Respond string         `json:"respond,omitempty"`
}

var copies = store.Table[copyOf]{
	Name: "commands_previews",
	Key:  func(k copyOf) []byte { return store.Key(k.ID) },
	Indexes: []store.Index[copyOf]{{Name: "entry", Keys: func(k copyOf) [][]byte {
		return [][]byte{store.Key(k.Entry, k.At)}
	}}},
}

const (
	maxCopies = 10                 // previews of one entry that are kept current, the newest
	copyLife  = 7 * 24 * time.Hour // for how long, where the chat lets them be changed for so long
)

// copied remembers a preview. The oldest of too many are left as they are.
func (r *Router) copied(tx store.Tx, k copyOf) error {
	list, err := store.Collect(copies.By(tx, "entry", store.Key(k.Entry), store.Range{}))
	if err != nil {
		return err
	}
	for _, old := range list[:max(len(list)-maxCopies+1, 0)] {
		if err := copies.Delete(tx, store.Key(old.ID)); err != nil {
			return err
		}
	}
	k.ID, k.At = id.New(), time.Now().UTC()
	return copies.Put(tx, k)
}

// showCopies brings the private previews of a publication up to date.
func (r *Router) showCopies(tx store.Tx, e incident.Entry, p incident.Publication) error {
	list, err := store.Collect(copies.By(tx, "entry", store.Key(e.ID), store.Range{}))
	if err != nil || len(list) == 0 {
		return err
	}
	m, err := r.publication(tx, e, p)
	if err != nil {
		return err
	}
	for _, k := range list {
		if k.Place != place(e, p) {
			continue
		}
		life := copyLife
		if k.Ref != "" {
			life = bot.AskedLife
		}
		if time.Since(k.At) > life {
			if err := copies.Delete(tx, store.Key(k.ID)); err != nil {
				return err
			}
			continue
		}
		m.Channel, m.Only, m.Respond = k.Channel, k.User, k.Respond
		slot := "edit:preview:" + k.ID
		err := r.add(tx, outbox.Action{Kind: bot.KindEdit, Key: slot + ":" + id.New(), Order: slot, Slot: slot}, bot.Edit{Ref: k.Ref, RefOf: k.Key, Message: m})
		if err != nil {
			return err
		}
	}
	return nil
}

// pressedCopy keeps current what the person has pressed, also if it was shown
// before such previews were remembered.
func (c *call) pressedCopy(e incident.Entry) error {
	known, err := store.Collect(copies.By(c.tx, "entry", store.Key(e.ID), store.Range{Limit: 1}))
	if err != nil || len(known) > 0 {
		return err
	}
	for _, p := range e.Posts[:min(len(e.Posts), 1)] {
		k := copyOf{Entry: e.ID, Place: place(e, p), Ref: c.ev.Message, Channel: c.ev.Channel, User: c.ev.User.Ref, Respond: c.ev.Respond}
		if err := c.copied(c.tx, k); err != nil {
			return err
		}
		if err := c.showCopies(c.tx, e, p); err != nil {
			return err
		}
	}
	return nil
}

// replyKey is the key of the call's newest answer.
func (c *call) replyKey() string {
	return fmt.Sprintf("commands:reply:%s:%s:%d", c.ev.Platform, c.ev.ID, c.said)
}
