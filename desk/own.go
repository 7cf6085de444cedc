package desk

import (
	"fmt"
	"html"
	"regexp"
	"strings"
	"time"

	"github.com/perch-chat/perch/bot"
	"github.com/perch-chat/perch/internal/id"
	"github.com/perch-chat/perch/internal/outbox"
	"github.com/perch-chat/perch/store"
)

// Own is a direct message that the account sent: by Perch, or by somebody who
// answered on x.com.
type Own struct {
	Account       string // X user id of ours
	XID           string // the event's id
	XConversation string
	To            Contact
	Text          string
	Files         []File
	At            time.Time
}

// ReceiveOwn takes in what the account sent. What Perch sent itself is only
// recognised; what was written on x.com is shown in the thread and counts as
// an answer. It opens no conversation: nobody waits in one.
func (d *Desk) ReceiveOwn(tx store.Tx, o Own) error {
	if o.Account == "" || o.XID == "" || o.To.ID == "" {
		return fmt.Errorf("receive own message %q: account, id or recipient is missing", o.XID)
	}
	if _, known, err := messages().First(tx, "x", store.Key(o.Account, string(DM), o.XID)); err != nil || known {
		return err
	}
	c, ok, err := d.find(tx, o.Account, DM, o.To.ID, "")
	if err != nil || !ok {
		return err
	}
	if o.At.IsZero() {
		o.At = now()
	}
	o.At = o.At.UTC()
	m, found, err := d.echo(tx, c, o)
	if err != nil {
		return err
	}
	if !found {
		s, err := d.Settings(tx)
		if err != nil {
			return err
		}
		return d.native(tx, c, o, s)
	}
	m.XID = o.XID
	if m.Delivery == Stuck {
		if err := d.settled(tx, &c, &m); err != nil {
			return err
		}
	}
	return messages().Put(tx, m)
}

// echo finds the message of ours that o is, if its answer has not come yet.
func (d *Desk) echo(tx store.Tx, c Conversation, o Own) (Message, bool, error) {
	pending, err := store.Collect(messages().By(tx, "pending", store.Key(c.Account, c.ID), store.Range{}))
	if err != nil {
		return Message{}, false, err
	}
	s, err := d.Settings(tx)
	if err != nil {
		return Message{}, false, err
	}
	for _, m := range pending {
		if m.XID != "" || plainText(signed(s, m)) != plainText(o.Text) || (len(m.Files) > 0) != (len(o.Files) > 0) {
			continue
		}
		a, err := d.ob.Get(tx, m.Action)
		if err != nil {
			return Message{}, false, err
		}
		// One that was never tried can't have come back.
		if a.State == outbox.Attempting || a.State == outbox.Unknown || a.Attempts > 0 {
			return m, true, nil
		}
	}
	return Message{}, false, nil
}

var webAddress = regexp.MustCompile(`(?i)\bhttps?://\S+`)

// plainText is a text without what X changes in it: it wraps addresses in its
// own, and escapes some characters.
func plainText(s string) string {
	return strings.Join(strings.Fields(webAddress.ReplaceAllString(html.UnescapeString(s), "<url>")), " ")
}

// native shows an answer that was written on x.com.
func (d *Desk) native(tx store.Tx, c Conversation, o Own, s Settings) error {
	m := Message{
		ID: id.New(), Conversation: c.ID, Account: o.Account, Kind: DM, Direction: Out, Origin: NativeX,
		XID: o.XID, Text: o.Text, Files: o.Files, At: o.At, Delivery: Sent,
	}
	m.ChatKey = "desk:own:" + m.ID
	if err := messages().Put(tx, m); err != nil {
		return err
	}
	text := o.Text
	for _, f := range o.Files {
		text = strings.TrimSpace(text + "\n📎 " + fileName(f))
	}
	msg := bot.Message{
		Text: "Answered on x.com: " + text,
		Blocks: []bot.Block{
			bot.Context(bot.Plain("Answered on x.com by " + d.handle(tx, o.Account) + " at " + clock(o.At))),
			bot.Quote(text),
		},
	}
	if err := d.say(tx, c, m.ChatKey, msg); err != nil {
		return err
	}
	if err := d.showFiles(tx, c, m, s); err != nil {
		return err
	}
	if c.Open() && !o.At.Before(c.LastIn) {
		answered(&c)
		if err := d.editCard(tx, &c); err != nil {
			return err
		}
	}
	return d.put(tx, c)
}
