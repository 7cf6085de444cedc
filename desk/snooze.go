package desk

import (
	"strings"
	"time"

	"github.com/perch-chat/perch/bot"
	"github.com/perch-chat/perch/store"
)

// maxSnooze is how long a conversation can be put off: a year is a typing error.
const maxSnooze = 90 * 24 * time.Hour

// Snooze puts a conversation off until a time or until the customer writes.
// Then it comes back to its owner: whoever puts off what nobody has, has it
// from then on. Errors for people are *[Error].
func (d *Desk) Snooze(tx store.Tx, conversationID string, until time.Time, by bot.User) (Conversation, error) {
	c, err := d.forAgent(tx, conversationID, by)
	if err != nil {
		return c, err
	}
	switch in := until.Sub(now()); {
	case !c.Open():
		return c, problem(CodeClosed, "This conversation is closed. Reopen it first.")
	case in <= 0:
		return c, problem(CodeInvalid, "That time is over. Choose a later one.")
	case in > maxSnooze:
		return c, problem(CodeInvalid, "That is too far away. Choose a time within 90 days.")
	}
	if c.Owner == "" {
		c.Owner, c.OwnerName = by.Ref, named(by)
	}
	c.State, c.SnoozedUntil = Snoozed, until.UTC()
	err = d.changed(tx, &c, named(by)+" snoozed the conversation until "+clock(c.SnoozedUntil)+". It comes back then, or when the customer writes.")
	return c, err
}

// Wake ends a snooze before its time.
func (d *Desk) Wake(tx store.Tx, conversationID string, by bot.User) (Conversation, error) {
	c, err := d.forAgent(tx, conversationID, by)
	if err != nil || c.State != Snoozed {
		return c, err
	}
	why := named(by) + " ended the snooze."
	if c.Owner == by.Ref {
		c.State, c.Called, c.Reminded = turn(c), now(), false
		return c, d.changed(tx, &c, why)
	}
	if err := d.wake(tx, &c, why); err != nil {
		return c, err
	}
	if err := d.editCard(tx, &c); err != nil {
		return c, err
	}
	return c, d.put(tx, c)
}

// wake brings a snoozed conversation back and calls its owner. The caller
// shows the card and stores c.
func (d *Desk) wake(tx store.Tx, c *Conversation, why string) error {
	c.State, c.Called, c.Reminded = turn(*c), now(), false
	return d.note(tx, c, bot.Message{
		Text:   c.OwnerName + ": " + why,
		Blocks: []bot.Block{bot.Para(bot.Mention(c.Owner), bot.Plain(": "+why))},
	})
}

// turn is the state of a conversation that somebody has.
func turn(c Conversation) State {
	if c.WaitingSince.IsZero() {
		return Waiting
	}
	return Claimed
}

// nineOClock is when a working day begins, UTC.
const nineOClock = 9 * time.Hour

// snoozeChoices are what most people want. Their values are read by parseSnooze.
func snoozeChoices(at time.Time) []bot.Option {
	tomorrow, _ := parseSnooze("tomorrow", at)
	monday, _ := parseSnooze("monday", at)
	list := []bot.Option{
		{Value: "1h", Label: "For 1 hour"},
		{Value: "4h", Label: "For 4 hours"},
		{Value: "tomorrow", Label: "Until tomorrow, " + tomorrow.Format("15:04 UTC")},
	}
	if !monday.Equal(tomorrow) {
		list = append(list, bot.Option{Value: "monday", Label: "Until Monday, " + monday.Format("15:04 UTC")})
	}
	return list
}

// askSnooze asks how long: with a form where there can be one.
func (d *Desk) askSnooze(tx store.Tx, ev bot.Event) error {
	c, err := d.forAgent(tx, ev.Value, ev.User)
	if err != nil {
		return err
	}
	if !c.Open() {
		return problem(CodeClosed, "This conversation is closed. Reopen it first.")
	}
	choices := snoozeChoices(now())
	if ev.Trigger == "" {
		buttons := make([]bot.Button, len(choices))
		for i, o := range choices {
			buttons[i] = bot.Button{ID: "desk.snooze.for", Label: o.Label, Value: c.ID + " " + o.Value}
		}
		return d.tell(tx, ev, "How long? It comes back then, or when the customer writes. Any other time: @perch snooze 2h", buttons...)
	}
	return d.open(tx, ev, c, bot.Form{
		ID: "desk.snooze", Title: titleSnooze, Submit: "Snooze", Value: c.ID,
		Inputs: []bot.Input{
			{Name: "for", Label: "How long?", Options: choices, Initial: choices[0].Value},
			{Name: "until", Label: "Or another time", Optional: true, Max: 40, Hint: "30m, 2h, 3d, 17:30, tomorrow 14:00, 2026-12-24. Times are UTC."},
		},
	})
}

func (d *Desk) snoozeChosen(tx store.Tx, ev bot.Event) error {
	text := strings.TrimSpace(ev.Fields["until"])
	if text == "" {
		text = ev.Fields["for"]
	}
	return d.snoozeText(tx, ev.Value, text, ev.User)
}

// snoozeFor is a button that says how long.
func (d *Desk) snoozeFor(tx store.Tx, ev bot.Event) error {
	conv, text, _ := strings.Cut(ev.Value, " ")
	return d.snoozeText(tx, conv, text, ev.User)
}

func (d *Desk) snoozeText(tx store.Tx, conv, text string, by bot.User) error {
	until, ok := parseSnooze(text, now())
	if !ok {
		return problem(CodeInvalid, "%q is no time that I know. Write for example: 30m, 2h, 3d, 17:30, tomorrow 14:00, monday or 2026-12-24. Times are UTC.", short(text))
	}
	_, err := d.Snooze(tx, conv, until, by)
	return err
}
