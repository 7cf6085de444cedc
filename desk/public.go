package desk

import (
	"encoding/json"
	"fmt"

	"github.com/perch-chat/perch/bot"
	"github.com/perch-chat/perch/internal/accounts"
	"github.com/perch-chat/perch/internal/outbox"
	"github.com/perch-chat/perch/store"
	"github.com/perch-chat/perch/xapi/xtext"
)

// previewReply shows an answer to a mention as everybody will see it, as a
// draft that its author posts or discards. The conversation is the author's.
func (d *Desk) previewReply(tx store.Tx, ev bot.Event, c *Conversation, m *Message) error {
	limit, acc := xtext.DefaultLimit, accounts.Account{Handle: c.Account}
	if d.opt.Accounts != nil {
		var err error
		if acc, err = d.opt.Accounts.Get(tx, c.Account); err != nil {
			return problem(CodeNotFound, "Not posted. The X account of this conversation is not connected. An admin can do it with /twitter authorize.")
		}
		limit = max(limit, acc.Limit)
	}
	n := xtext.CountLimit(m.Text, limit)
	if n.Weighted > limit {
		m.Direction, m.Delivery = Out, Refused
		if err := messages().Put(tx, *m); err != nil {
			return err
		}
		return problem(CodeTooLong, "Not posted. X counts %d characters and takes %d. Shorten it by %d and edit the message.", n.Weighted, limit, n.Weighted-limit)
	}
	if !n.Valid && (m.Text != "" || len(m.Files) == 0) {
		return problem(CodeInvalid, "Not posted. The text has characters that X does not take. Edit the message.")
	}
	s, err := d.Settings(tx)
	if err != nil {
		return err
	}
	lanes := accounts.Lanes(c.Account, "post")
	if len(m.Files) > 0 {
		lanes = append(lanes, mediaLane(c.Account))
	}
	m.Tries++
	a, _, err := d.ob.Add(tx, outbox.Action{
		Kind: accounts.KindPost, Key: fmt.Sprintf("desk:post:%s:%d", m.ID, m.Tries), State: outbox.Draft,
		Order: "x.post:" + c.Account, Lanes: lanes,
		Subject: "message:" + m.ID, CreatedBy: string(m.Author),
		Payload: encode(accounts.XPost{Account: c.Account, Text: m.Text, ReplyTo: c.LastInID, Files: xFiles(m.Files, s)}),
	})
	if err != nil {
		return fmt.Errorf("add reply: %w", err)
	}
	m.Action, m.Direction, m.Delivery = a.ID, Out, Sending
	who, err := d.Contact(tx, *c)
	if err != nil {
		return err
	}
	m.Notices++
	m.Notice = fmt.Sprintf("desk:notice:%s:%d", m.ID, m.Notices)
	msg := bot.Message{
		Text: "Public answer to " + customer(who) + " as @" + acc.Handle + ": " + m.Text,
		Blocks: []bot.Block{
			bot.Para(bot.Plain("Everybody will see this answer to " + customer(who) + " on X.")),
			{Kind: bot.BlockPreview, Preview: &bot.Preview{
				Account: acc.Handle, Name: acc.Name, Avatar: acc.AvatarURL,
				Parts: []string{m.Text}, Counts: []int{n.Weighted}, Limit: limit,
			}},
		},
	}
	if len(m.Files) > 0 {
		msg.Blocks = append(msg.Blocks, bot.Context(bot.Plain("With it: "+fileNames(m.Files))))
	}
	msg.Blocks = append(msg.Blocks, bot.Actions(
		bot.Button{ID: "desk.post", Label: "Post on X", Value: m.ID, Style: bot.ButtonPrimary},
		bot.Button{ID: "desk.discard", Label: "Discard", Value: m.ID}))
	if err := d.say(tx, *c, m.Notice, msg); err != nil {
		return err
	}
	if err := messages().Put(tx, *m); err != nil {
		return err
	}
	return d.put(tx, *c)
}

// says reports whether the action carries the text.
func says(a outbox.Action, text string) bool {
	var p struct {
		Text string `json:"text"`
	}
	return json.Unmarshal(a.Payload, &p) == nil && p.Text == text
}
