package desk

import (
	"errors"
	"fmt"
	"strings"

	"github.com/perch-chat/perch/bot"
	"github.com/perch-chat/perch/internal/accounts"
	"github.com/perch-chat/perch/internal/outbox"
	"github.com/perch-chat/perch/store"
)

func (d *Desk) onAction(tx store.Tx, ev bot.Event) (bool, error) {
	if !strings.HasPrefix(ev.Action, "desk.") {
		return false, nil
	}
	var err error
	switch ev.Action {
	case "desk.claim":
		_, err = d.claim(tx, ev.Value, ev)
	case "desk.take":
		_, err = d.Take(tx, ev.Value, ev.User)
	case "desk.release":
		_, err = d.Release(tx, ev.Value, ev.User)
	case "desk.close":
		_, err = d.Close(tx, ev.Value, ev.User)
	case "desk.reopen":
		_, err = d.Reopen(tx, ev.Value, ev.User)
	case "desk.transfer":
		err = d.askTransfer(tx, ev)
	case "desk.transfer.to":
		conv, to, _ := strings.Cut(ev.Value, " ")
		ev.Value = conv
		err = d.transferTo(tx, ev, conv, to)
	case "desk.reply":
		err = d.replyTo(tx, ev)
	case "desk.snooze":
		err = d.askSnooze(tx, ev)
	case "desk.snooze.for":
		err = d.snoozeFor(tx, ev)
	case "desk.wake":
		_, err = d.Wake(tx, ev.Value, ev.User)
	case "desk.send":
		err = d.sendAnyway(tx, ev)
	case "desk.keep":
		err = d.keep(tx, ev)
	case "desk.post":
		err = d.decide(tx, ev, d.ob.Submit)
	case "desk.retry":
		err = d.retry(tx, ev)
	case "desk.discard":
		err = d.discard(tx, ev)
	case "desk.settle":
		err = d.decide(tx, ev, func(tx store.Tx, actionID, by string) (outbox.Action, error) {
			return d.ob.Settle(tx, actionID, by, []byte("{}"))
		})
	case "desk.room":
		err = d.tryRoom(tx, ev)
	case "desk.look":
		err = d.look(tx, ev)
	case "desk.open": // a link: there is nothing to do
	default:
		return false, nil
	}
	if err == nil && ev.Asked() {
		err = d.doneAlone(tx, ev)
	}
	return true, d.answer(tx, ev, err)
}

// answer tells the person of an event what was wrong, if it is for people.
func (d *Desk) answer(tx store.Tx, ev bot.Event, err error) error {
	var e *Error
	if !errors.As(err, &e) {
		return err
	}
	if e.Code == CodeClaimed {
		return d.tell(tx, ev, e.Message, bot.Button{
			ID: "desk.take", Label: "Take over", Value: ev.Value,
			Confirm: "Take this conversation over? Its agent is told.",
		})
	}
	return d.tell(tx, ev, e.Message)
}

func (d *Desk) askTransfer(tx store.Tx, ev bot.Event) error {
	c, err := d.Get(tx, ev.Value)
	if err != nil {
		return err
	}
	if err := d.agent(tx, ev.User.Ref); err != nil {
		return err
	}
	if !c.Open() {
		return problem(CodeClosed, "This conversation is closed. Reopen it first.")
	}
	targets, err := d.targets(tx, c)
	if err != nil {
		return err
	}
	if len(targets) == 0 {
		return errNobody
	}
	return d.open(tx, ev, c, transferForm(c, targets))
}

// open shows a form about a conversation to the person of an event.
func (d *Desk) open(tx store.Tx, ev bot.Event, c Conversation, form bot.Form) error {
	form.Channel, form.Thread = c.Channel, c.CardRef
	_, _, err := d.ob.Add(tx, outbox.Action{
		Kind: bot.KindOpen, Key: "desk:form:" + ev.Platform + ":" + ev.ID,
		Payload: encode(bot.Open{Platform: ev.Platform, Trigger: ev.Trigger, Form: form, Only: ev.User.Ref, Respond: ev.Respond}),
	})
	if err != nil {
		return fmt.Errorf("add form: %w", err)
	}
	return nil
}

func (d *Desk) onSubmit(tx store.Tx, ev bot.Event) (bool, error) {
	switch ev.Action {
	case "desk.transfer":
		return true, d.answer(tx, ev, d.transferTo(tx, ev, ev.Value, ev.Fields["to"]))
	case "desk.reply":
		return true, d.answer(tx, ev, d.replyWritten(tx, ev))
	case "desk.snooze":
		return true, d.answer(tx, ev, d.snoozeChosen(tx, ev))
	}
	return false, nil
}

// transferTo hands the conversation to what the person chose.
func (d *Desk) transferTo(tx store.Tx, ev bot.Event, conv, value string) error {
	c, err := d.Get(tx, conv)
	if err != nil {
		return err
	}
	targets, err := d.targets(tx, c)
	if err != nil {
		return err
	}
	for _, o := range targets {
		if o.Value == value {
			_, err := d.Transfer(tx, c.ID, target(o), ev.User)
			return err
		}
	}
	if value == "" {
		return problem(CodeInvalid, "Choose whom to transfer the conversation to.")
	}
	_, err = d.Transfer(tx, c.ID, target(bot.Option{Value: value}), ev.User) // went off duty meanwhile, or has it already
	return err
}

// sendAnyway is the button under "Not sent": it claims and sends in one.
func (d *Desk) sendAnyway(tx store.Tx, ev bot.Event) error {
	m, c, err := d.message(tx, ev.Value)
	if err != nil {
		return err
	}
	if err := d.mayDecide(tx, ev, c); err != nil {
		return err
	}
	switch {
	case m.Author != ev.User.Ref:
		return problem(CodeNotAgent, "Only the one who wrote this can send it.")
	case m.Delivery != Unsent:
		return problem(CodeTooLate, "This was already decided.")
	}
	s, err := d.Settings(tx)
	if err != nil {
		return err
	}
	if live(c) {
		if why := unsendableLive(c, m, s); why != "" {
			return d.refuse(tx, c, &m, why)
		}
		return d.answerLive(tx, ev, &c, &m, s)
	}
	if c.Open() && c.Owner != "" && c.Owner != ev.User.Ref && c.Owner != m.OfferOwner {
		return d.offer(tx, ev, c, &m) // to take it over is more than the button said
	}
	return d.takeAndSend(tx, ev, c, m, s)
}

// takeAndSend makes the person the owner and sends what they wrote; an answer
// to a mention is shown to them first.
func (d *Desk) takeAndSend(tx store.Tx, ev bot.Event, c Conversation, m Message, s Settings) error {
	where := ev
	where.Thread = c.CardRef
	if why := d.unsendable(where, c, m, s); why != "" {
		return problem(CodeInvalid, "Not sent. %s", why)
	}
	c, err := d.Take(tx, c.ID, ev.User)
	if err != nil {
		return err
	}
	if c.Kind == Mention {
		return d.previewReply(tx, ev, &c, &m)
	}
	return d.sendKept(tx, &c, &m, s)
}

func (d *Desk) keep(tx store.Tx, ev bot.Event) error {
	m, c, err := d.message(tx, ev.Value)
	if err != nil {
		return err
	}
	if m.Author != ev.User.Ref {
		if err := d.mayDecide(tx, ev, c); err != nil {
			return err
		}
	}
	if m.Delivery != Unsent {
		return problem(CodeTooLate, "This was already decided.")
	}
	m.Direction, m.Delivery = Note, ""
	if err := d.mark(tx, c, &m, markNote); err != nil {
		return err
	}
	return messages().Put(tx, m)
}

// decide carries out what an agent wants to become of a message; what follows
// from it is done where the outbox tells of the change.
func (d *Desk) decide(tx store.Tx, ev bot.Event, do func(tx store.Tx, actionID, by string) (outbox.Action, error)) error {
	m, c, err := d.message(tx, ev.Value)
	if err != nil {
		return err
	}
	if err := d.mayDecide(tx, ev, c); err != nil {
		return err
	}
	if _, err := do(tx, m.Action, string(ev.User.Ref)); err != nil {
		return d.tooLate(tx, ev, m, err)
	}
	return nil
}

// discard withdraws a message: all of it while it waits, else only the part
// that is asked about.
func (d *Desk) discard(tx store.Tx, ev bot.Event) error {
	m, c, err := d.message(tx, ev.Value)
	if err != nil {
		return err
	}
	if d.mayDecide(tx, ev, c) == nil {
		if m.Delivery == Sending {
			err = d.withdrawMore(tx, ev, m)
		} else {
			err = d.eachQuiet(tx, m, func(one Message) error {
				_, err := d.ob.Cancel(tx, one.Action, string(ev.User.Ref))
				return err
			})
		}
		if err != nil {
			return err
		}
	}
	return d.decide(tx, ev, d.ob.Cancel)
}

// retry sends a message again, as its author has it now.
func (d *Desk) retry(tx store.Tx, ev bot.Event) error {
	m, c, err := d.message(tx, ev.Value)
	if err != nil {
		return err
	}
	if err := d.mayDecide(tx, ev, c); err != nil {
		return err
	}
	s, err := d.Settings(tx)
	if err != nil {
		return err
	}
	a, err := d.ob.Get(tx, m.Action)
	if err != nil {
		return err
	}
	text := signed(s, m)
	changed := m.Origin == Agent && (m.Delivery == Failed || m.Delivery == Stuck) && !says(a, text)
	if !changed {
		if err := d.decide(tx, ev, d.ob.Retry); err != nil {
			return err
		}
		return d.eachQuiet(tx, m, func(one Message) error {
			_, err := d.ob.Retry(tx, one.Action, string(ev.User.Ref))
			return err
		})
	}
	if why := tooLong(c, m, s); why != "" {
		return problem(CodeTooLong, "Not sent. %s", why)
	}
	if _, err := d.ob.Cancel(tx, m.Action, string(ev.User.Ref)); err != nil {
		return d.tooLate(tx, ev, m, err)
	}
	if m, c, err = d.message(tx, m.ID); err != nil { // as the withdrawal left it
		return err
	}
	if c.Kind == Mention {
		return d.previewReply(tx, ev, &c, &m)
	}
	if err := d.sendKept(tx, &c, &m, s); err != nil {
		return err
	}
	return d.eachQuiet(tx, m, func(one Message) error { return d.sendAfter(tx, ev, c, one, s) })
}

// tooLate tells the person that the outbox would not do it any more. Other
// errors are returned.
func (d *Desk) tooLate(tx store.Tx, ev bot.Event, m Message, err error) error {
	if !errors.Is(err, outbox.ErrTooLate) && !errors.Is(err, outbox.ErrState) {
		return err
	}
	text := "This was already decided."
	switch m.Delivery {
	case Sending:
		text = "Too late: the message is on its way. The customer gets “" + m.said() + "”."
	case Sent:
		text = "The message was already sent: “" + m.said() + "”."
	case Withdrawn:
		text = "The message was already discarded."
	case Unsent, Refused, Failed, Stuck:
	}
	return d.tell(tx, ev, text)
}

func dmPayload(c Conversation, m Message, s Settings) []byte {
	x := accounts.XDM{Account: c.Account, Recipient: c.Contact, Text: signed(s, m)}
	if len(m.Files) > 0 {
		f := xFile(m.Files[0], s)
		x.File = &f
	}
	return encode(x)
}
