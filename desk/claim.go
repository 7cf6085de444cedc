package desk

import (
	"fmt"
	"time"

	"github.com/perch-chat/perch/bot"
	"github.com/perch-chat/perch/store"
)

// agent refuses everybody who may not answer customers.
func (d *Desk) agent(tx store.Tx, u bot.UserRef) error {
	is, err := d.IsAgent(tx, u)
	if err == nil && !is {
		err = problem(CodeNotAgent, "Only agents can do this. Ask an admin to make you one.")
	}
	return err
}

// forAgent is the conversation, for a person who may work on it.
func (d *Desk) forAgent(tx store.Tx, conversationID string, by bot.User) (Conversation, error) {
	c, err := d.Get(tx, conversationID)
	if err != nil {
		return c, err
	}
	if live(c) {
		return c, problem(CodeInvalid, "The chat leads this conversation. Take, forward and close it with the chat's own buttons.")
	}
	return c, d.agent(tx, by.Ref)
}

// changed stores a changed conversation, with a line in its thread that says what
// somebody did.
func (d *Desk) changed(tx store.Tx, c *Conversation, what string) error {
	if err := d.note(tx, c, line(what)); err != nil {
		return err
	}
	if err := d.editCard(tx, c); err != nil {
		return err
	}
	return d.put(tx, *c)
}

// Claim gives the conversation to the person, who alone may answer from then
// on. The first one wins. Errors for people are *[Error].
func (d *Desk) Claim(tx store.Tx, conversationID string, by bot.User) (Conversation, error) {
	c, err := d.forAgent(tx, conversationID, by)
	if err != nil {
		return c, err
	}
	switch {
	case !c.Open():
		return c, problem(CodeClosed, "This conversation is closed. Reopen it to answer.")
	case c.Owner == by.Ref && c.State != Snoozed:
		return c, nil
	case c.Owner != "" && c.Owner != by.Ref:
		return c, problem(CodeClaimed, "%s has this conversation.", c.OwnerName)
	}
	err = d.give(tx, &c, by.Ref, named(by))
	return c, err
}

// Take gives the conversation to the person even if somebody else has it.
func (d *Desk) Take(tx store.Tx, conversationID string, by bot.User) (Conversation, error) {
	c, err := d.forAgent(tx, conversationID, by)
	if err != nil {
		return c, err
	}
	if !c.Open() {
		return d.Reopen(tx, c.ID, by)
	}
	if c.Owner == by.Ref {
		return c, nil
	}
	if was := c.Owner; was != "" {
		err := d.note(tx, &c, bot.Message{
			Text:   fmt.Sprintf("%s: %s took this conversation over.", c.OwnerName, named(by)),
			Blocks: []bot.Block{bot.Para(bot.Mention(was), bot.Plain(": "+named(by)+" took this conversation over."))},
		})
		if err != nil {
			return c, err
		}
	}
	err = d.give(tx, &c, by.Ref, named(by))
	return c, err
}

// give makes the person the owner and stores the conversation.
func (d *Desk) give(tx store.Tx, c *Conversation, user bot.UserRef, name string) error {
	c.Owner, c.OwnerName = user, name
	c.State = Claimed
	if c.WaitingSince.IsZero() {
		c.State = Waiting
	}
	if err := d.editCard(tx, c); err != nil {
		return err
	}
	return d.put(tx, *c)
}

// Release puts the conversation back into the queue.
func (d *Desk) Release(tx store.Tx, conversationID string, by bot.User) (Conversation, error) {
	c, err := d.forAgent(tx, conversationID, by)
	if err != nil {
		return c, err
	}
	if !c.Open() {
		return c, problem(CodeClosed, "This conversation is closed.")
	}
	if c.State == Queued {
		return c, nil
	}
	c.State, c.Owner, c.OwnerName = Queued, "", ""
	c.Called, c.Reminded = now(), false
	err = d.changed(tx, &c, named(by)+" put the conversation back into the queue.")
	return c, err
}

// Close ends the conversation and says goodbye to the customer, if there is
// such a message. A new message of the customer goes on with it, or begins
// another one when it is long over.
func (d *Desk) Close(tx store.Tx, conversationID string, by bot.User) (Conversation, error) {
	c, err := d.forAgent(tx, conversationID, by)
	if err != nil {
		return c, err
	}
	if !c.Open() {
		return c, problem(CodeClosed, "%s already closed this conversation.", orSomebody(c.ClosedBy))
	}
	s, err := d.Settings(tx)
	if err != nil {
		return c, err
	}
	if err := d.goodbye(tx, &c, s, "The customer was told: "); err != nil {
		return c, err
	}
	c.Previous, c.PreviousName = c.Owner, c.OwnerName
	c.State, c.ClosedAt, c.ClosedBy = Closed, now(), named(by)
	c.WaitingSince, c.Unread = time.Time{}, 0
	err = d.changed(tx, &c, named(by)+" closed the conversation.")
	return c, err
}

// goodbye tells the customer that the conversation is over: not again those who
// only thanked for it, or whose machine answers each message.
func (d *Desk) goodbye(tx store.Tx, c *Conversation, s Settings, intro string) error {
	if c.Kind != DM || c.Encrypted || s.Finished == "" || c.Finished {
		return nil
	}
	c.Finished = true
	return d.auto(tx, c, s.Finished, intro)
}

// Reopen goes on with a closed conversation, for the person who asks.
func (d *Desk) Reopen(tx store.Tx, conversationID string, by bot.User) (Conversation, error) {
	c, err := d.forAgent(tx, conversationID, by)
	if err != nil {
		return c, err
	}
	if c.Open() {
		return c, nil
	}
	newer, _, err := d.find(tx, c.Account, c.Kind, c.Contact, c.Root)
	if err != nil {
		return c, err
	}
	if newer.ID != c.ID {
		return c, problem(CodeClosed, "There is a newer conversation with this customer. Go on in that one.")
	}
	c.ClosedAt, c.ClosedBy = time.Time{}, ""
	c.Reopened++
	if err := d.note(tx, &c, line(named(by)+" reopened the conversation.")); err != nil {
		return c, err
	}
	err = d.give(tx, &c, by.Ref, named(by))
	return c, err
}

func orSomebody(name string) string {
	if name == "" {
		return "Somebody"
	}
	return name
}
