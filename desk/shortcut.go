package desk

import (
	"github.com/perch-chat/perch/bot"
	"github.com/perch-chat/perch/store"
)

// howToReply is the answer to "Reply to customer" where there is no customer.
const howToReply = "There is no customer here. Use it on a message in a conversation's thread, to send what you wrote there, or on a conversation's card, to write an answer."

// replyTo is the shortcut "Reply to customer": on one's own message in a
// conversation's thread it sends that, elsewhere in the thread it asks for words.
func (d *Desk) replyTo(tx store.Tx, ev bot.Event) error {
	if ev.Thread == "" {
		ev.Thread = ev.Message
	}
	c, ok, err := d.thread(tx, ev)
	if err != nil {
		return err
	}
	if !ok {
		return problem(CodeInvalid, howToReply)
	}
	if err := d.agent(tx, ev.User.Ref); err != nil {
		return err
	}
	m, known, err := messages().First(tx, "chat", store.Key(string(ev.Message)))
	if err != nil {
		return err
	}
	if !known {
		switch {
		case ev.Author == nil || ev.Author.Ref == "" || ev.Message == c.CardRef:
			return d.askReply(tx, ev, c)
		case ev.Author.Ref != ev.User.Ref:
			return problem(CodeNotAgent, "Only the one who wrote this can send it.")
		}
		m = newMessage(c, ev)
		m.Direction, m.Delivery = Out, Unsent
	}
	return d.replyWith(tx, ev, c, m)
}

// replyWith sends what the person has written in the thread.
func (d *Desk) replyWith(tx store.Tx, ev bot.Event, c Conversation, m Message) error {
	switch {
	case m.Author != ev.User.Ref:
		return problem(CodeNotAgent, "Only the one who wrote this can send it.")
	case internal(m.Text):
		return problem(CodeInvalid, "This is an internal note. Take its beginning away, or write the answer anew.")
	}
	switch m.Delivery {
	case Sending:
		return problem(CodeTooLate, "It is on its way to the customer already.")
	case Sent:
		return problem(CodeTooLate, "The customer has it already.")
	case Failed, Stuck:
		return problem(CodeTooLate, "Press Retry below it.")
	case Unsent, Refused, Withdrawn:
	}
	s, err := d.Settings(tx)
	if err != nil {
		return err
	}
	if c.Open() && c.Owner != "" && c.Owner != ev.User.Ref {
		m.Direction, m.Delivery = Out, Unsent
		return d.offer(tx, ev, c, &m)
	}
	if err := d.dropOffer(tx, &m); err != nil {
		return err
	}
	return d.takeAndSend(tx, ev, c, m, s)
}

// askReply asks for the words of an answer.
func (d *Desk) askReply(tx store.Tx, ev bot.Event, c Conversation) error {
	who, err := d.Contact(tx, c)
	if err != nil {
		return err
	}
	label, send, most := "To "+short(customer(who)), "Send", MaxText
	switch {
	case c.Kind == Mention:
		send = "Preview"
	case c.Open() && c.Owner != "" && c.Owner != ev.User.Ref:
		send = "Take over and send"
	case !c.Open():
		send = "Reopen and send"
	}
	return d.open(tx, ev, c, bot.Form{
		ID: "desk.reply", Title: titleReply, Submit: send, Value: c.ID,
		Inputs: []bot.Input{{Name: "text", Label: label, Hint: "As " + d.handle(tx, c.Account) + ".", Lines: 5, Max: min(most, maxForm)}},
	})
}

// maxForm is how much Slack's forms take:
// https://docs.slack.dev/reference/block-kit/block-elements/plain-text-input-element
const maxForm = 3000

// replyWritten sends what was written into the form, and shows it in the thread.
func (d *Desk) replyWritten(tx store.Tx, ev bot.Event) error {
	c, err := d.forAgent(tx, ev.Value, ev.User)
	if err != nil {
		return err
	}
	s, err := d.Settings(tx)
	if err != nil {
		return err
	}
	ev.Text, ev.Message, ev.Files = ev.Fields["text"], "", nil
	m := newMessage(c, ev)
	m.Direction, m.Delivery = Out, Unsent
	if internal(m.Text) {
		return problem(CodeInvalid, "This reads like an internal note. Write it in the thread, or take its beginning away.")
	}
	ev.Thread = c.CardRef
	if why := d.unsendable(ev, c, m, s); why != "" {
		return problem(CodeInvalid, "Not sent. %s", why)
	}
	if c.Kind == DM { // the preview shows an answer to a mention
		m.ChatKey = "desk:reply:" + m.ID
		err := d.say(tx, c, m.ChatKey, bot.Message{
			Text:   named(ev.User) + " answers: " + m.Text,
			Blocks: []bot.Block{bot.Context(bot.Plain(named(ev.User) + " answers:")), bot.Quote(m.Text)},
		})
		if err != nil {
			return err
		}
	}
	return d.takeAndSend(tx, ev, c, m, s)
}
