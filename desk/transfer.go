package desk

import (
	"fmt"
	"strings"

	"github.com/perch-chat/perch/bot"
	"github.com/perch-chat/perch/internal/outbox"
	"github.com/perch-chat/perch/store"
)

// Target is where a conversation is transferred to: to a department's queue,
// or to a person.
type Target struct {
	Department string
	User       bot.UserRef
	UserName   string
}

// Transfer hands the conversation on. If the department works in another
// channel, it goes on in a new thread there. Errors for people are *[Error].
func (d *Desk) Transfer(tx store.Tx, conversationID string, to Target, by bot.User) (Conversation, error) {
	c, err := d.forAgent(tx, conversationID, by)
	if err != nil {
		return c, err
	}
	if !c.Open() {
		return c, problem(CodeClosed, "This conversation is closed. Reopen it first.")
	}
	if to.User != "" {
		err = d.transferToUser(tx, &c, to, by)
		return c, err
	}
	dep, err := d.Department(tx, to.Department)
	if err != nil {
		return c, err
	}
	if dep.ID == c.Department {
		return c, problem(CodeInvalid, "The conversation already is with %s.", dep.Name)
	}
	c.Department, c.State, c.Owner, c.OwnerName = dep.ID, Queued, "", ""
	c.Called, c.Reminded = now(), false
	text := named(by) + " transferred the conversation to " + dep.Name + "."
	if dep.Channel == c.Channel {
		if err := d.note(tx, &c, line(text)); err != nil {
			return c, err
		}
		if err := d.callDepartment(tx, &c, dep, text); err != nil {
			return c, err
		}
		if err := d.editCard(tx, &c); err != nil {
			return c, err
		}
		return c, d.put(tx, c)
	}
	err = d.move(tx, &c, dep, text)
	return c, err
}

func (d *Desk) transferToUser(tx store.Tx, c *Conversation, to Target, by bot.User) error {
	switch is, err := d.IsAgent(tx, to.User); {
	case err != nil:
		return err
	case !is:
		return problem(CodeNotAgent, "Only agents can answer customers, and this person is none.")
	}
	if to.User == c.Owner {
		return problem(CodeInvalid, "%s already has this conversation.", c.OwnerName)
	}
	name := to.UserName
	if name == "" {
		name = "An agent"
	}
	text := ": " + named(by) + " transferred this conversation to you. Answer in this thread."
	err := d.note(tx, c, bot.Message{Text: name + text, Blocks: []bot.Block{bot.Para(bot.Mention(to.User), bot.Plain(text))}})
	if err != nil {
		return err
	}
	return d.give(tx, c, to.User, name)
}

// callDepartment names those who are on duty there.
func (d *Desk) callDepartment(tx store.Tx, c *Conversation, dep Department, why string) error {
	onDuty, err := d.Who(tx, dep.ID)
	if err != nil || len(onDuty) == 0 {
		return err
	}
	var spans []bot.Span
	var names []string
	for _, x := range onDuty {
		spans = append(spans, bot.Mention(x.User), bot.Plain(" "))
		names = append(names, x.Name)
	}
	spans = append(spans, bot.Plain(why+" Press Claim above to answer."))
	return d.note(tx, c, bot.Message{Text: strings.Join(names, ", ") + ": " + why, Blocks: []bot.Block{bot.Para(spans...)}})
}

// maxRecap is how many messages are repeated in the new thread of a
// conversation that moves.
const maxRecap = 10

// move goes on with the conversation in another channel.
func (d *Desk) move(tx store.Tx, c *Conversation, dep Department, why string) error {
	msgs, err := d.Messages(tx, c.ID)
	if err != nil {
		return err
	}
	who, err := d.Contact(tx, *c)
	if err != nil {
		return err
	}
	if err := d.note(tx, c, line(why+" It goes on in another channel: what is written here reaches nobody.")); err != nil {
		return err
	}
	if err := d.retireCard(tx, c, dep); err != nil {
		return err
	}
	if c.CardRef != "" {
		c.OldCards = append(c.OldCards, c.CardRef)
	}
	c.Channel = dep.Channel
	if err := d.postCard(tx, c); err != nil {
		return err
	}
	if recap := recap(msgs, who); recap != "" {
		m := bot.Message{Text: recap, Blocks: []bot.Block{bot.Context(bot.Plain("What was written so far:")), bot.Quote(recap)}}
		if err := d.note(tx, c, m); err != nil {
			return err
		}
	}
	if err := d.callDepartment(tx, c, dep, why); err != nil {
		return err
	}
	return d.put(tx, *c)
}

// retireCard has the card in the old channel say where the conversation is.
func (d *Desk) retireCard(tx store.Tx, c *Conversation, dep Department) error {
	m, err := d.card(tx, *c)
	if err != nil {
		return err
	}
	m.Text = "Moved to " + dep.Name + "."
	m.Blocks = []bot.Block{m.Blocks[0], bot.Para(bot.Plain("Moved to "+dep.Name+", in "), bot.Span{Channel: dep.Channel}, bot.Plain("."))}
	c.CardEdits++
	e := bot.Edit{Ref: c.CardRef, Message: m}
	if e.Ref == "" {
		e.RefOf = cardKey(*c)
	}
	_, _, err = d.ob.Add(tx, outbox.Action{
		Kind: bot.KindEdit, Key: fmt.Sprintf("desk:card-edit:%s:%d", c.ID, c.CardEdits), Order: order(*c),
		Slot: "edit:" + cardKey(*c), After: after(*c), Lanes: lanes(*c), Subject: "conversation:" + c.ID, Payload: encode(e),
	})
	if err != nil {
		return fmt.Errorf("add edit of card: %w", err)
	}
	return nil
}

func recap(msgs []Message, who Contact) string {
	var lines []string
	for _, m := range msgs {
		if m.Delivery == Unsent || m.Delivery == Refused || m.Delivery == Withdrawn {
			continue
		}
		name := m.AuthorName
		switch {
		case m.Origin == Customer:
			name = customer(who)
		case m.Origin == Bot:
			name = "Automatic"
		case m.Origin == NativeX:
			name = "On x.com"
		case m.Direction == Note:
			name += " (internal)"
		}
		text := m.Text
		switch {
		case m.Encrypted:
			text = "🔒 Encrypted message"
		case m.Deleted:
			text = wasDeleted
		}
		lines = append(lines, name+": "+preview(text))
	}
	if n := len(lines); n > maxRecap {
		lines = lines[n-maxRecap:]
	}
	return strings.Join(lines, "\n")
}

// errNobody is the answer where a conversation can go to nobody.
var errNobody = problem(CodeInvalid, "There is nobody to transfer it to: no other department, and nobody else is on duty. A colleague goes on duty with /duty on.")

// targets are where a conversation can go: to the other departments, and to
// those who are on duty. target reads their values.
func (d *Desk) targets(tx store.Tx, c Conversation) ([]bot.Option, error) {
	var opts []bot.Option
	deps, err := d.Departments(tx)
	if err != nil {
		return nil, err
	}
	for _, dep := range deps {
		if dep.ID != c.Department {
			opts = append(opts, bot.Option{Value: "department:" + dep.ID, Label: dep.Name + " (queue)"})
		}
	}
	people, err := d.Who(tx, "")
	if err != nil {
		return nil, err
	}
	seen := map[bot.UserRef]bool{c.Owner: true}
	for _, p := range people {
		if !seen[p.User] {
			seen[p.User] = true
			opts = append(opts, bot.Option{Value: "user:" + string(p.User), Label: p.Name})
		}
	}
	return opts, nil
}

// target reads one of targets; the zero Target is none.
func target(o bot.Option) Target {
	if dep, ok := strings.CutPrefix(o.Value, "department:"); ok {
		return Target{Department: dep}
	}
	user, _ := strings.CutPrefix(o.Value, "user:")
	return Target{User: bot.UserRef(user), UserName: o.Label}
}

// transferForm asks where to.
func transferForm(c Conversation, targets []bot.Option) bot.Form {
	return bot.Form{
		ID: "desk.transfer", Title: titleTransfer, Submit: "Transfer", Value: c.ID,
		Inputs: []bot.Input{{Name: "to", Label: "To", Options: targets}},
	}
}
