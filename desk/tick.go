package desk

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/perch-chat/perch/bot"
	"github.com/perch-chat/perch/store"
)

const (
	alarmsAtOnce = 20 // that one Tick looks at
	cardsAtOnce  = 1  // that one Tick brings up to date: Slack takes 50 edits a minute, and most are to be others
)

// due is the range of an index by time of what has come, up to a number.
func due(most int) store.Range {
	return store.Range{To: store.Key(now().Add(time.Microsecond)), Limit: most}
}

// Due reports whether Tick has something to do.
func (d *Desk) Due(tx store.Tx) (bool, error) {
	until := due(1)
	for _, index := range []string{"alarm", "fresh"} {
		for _, err := range conversations().ByRange(tx, index, until) {
			return err == nil, err
		}
	}
	for _, err := range places().ByRange(tx, "next", until) {
		return err == nil, err
	}
	for _, err := range groups().ByRange(tx, "next", until) {
		return err == nil, err
	}
	return false, nil
}

// Tick does what the clock asks for: it ends snoozes, calls agents again, tells
// the waiting time on cards anew, and looks at channels and groups. It is to be
// called every few seconds; more says that it should be called again at once.
func (d *Desk) Tick(tx store.Tx) (more bool, err error) {
	list, err := store.Collect(conversations().ByRange(tx, "alarm", due(alarmsAtOnce)))
	if err != nil {
		return false, err
	}
	for _, c := range list {
		if err := d.ring(tx, c); err != nil {
			return false, err
		}
	}
	stale, err := store.Collect(conversations().ByRange(tx, "fresh", due(cardsAtOnce)))
	if err != nil {
		return false, err
	}
	for _, c := range stale {
		if err := d.editCard(tx, &c); err != nil {
			return false, err
		}
		if err := d.put(tx, c); err != nil {
			return false, err
		}
	}
	return len(list) == alarmsAtOnce, errors.Join(d.lookAtPlaces(tx), d.readGroups(tx))
}

// setClock says when the desk has to look at a conversation by itself.
func (d *Desk) setClock(c *Conversation) {
	c.Alarm = time.Time{}
	if c.State != Snoozed {
		c.SnoozedUntil = time.Time{}
	}
	if live(*c) {
		c.Fresh = time.Time{}
		return
	}
	waits := waits(*c)
	switch {
	case c.State == Snoozed:
		c.Alarm = c.SnoozedUntil
	case waits && !c.Reminded && d.opt.Remind > 0:
		c.Alarm = c.Called.Add(d.opt.Remind)
	}
	switch {
	case !waits || c.CardID == "":
		c.Fresh = time.Time{}
	case c.Fresh.IsZero():
		c.Fresh = now().Add(freshFor(now().Sub(c.WaitingSince)))
	}
}

// waits reports whether the customer waits for somebody of ours.
func waits(c Conversation) bool {
	return (c.State == Queued || c.State == Claimed) && !c.WaitingSince.IsZero()
}

// freshFor is how long a card may tell a waiting time: the longer the
// customer waits, the less a few minutes matter.
func freshFor(waited time.Duration) time.Duration {
	switch {
	case waited < time.Hour:
		return 5 * time.Minute
	case waited < 6*time.Hour:
		return 15 * time.Minute
	case waited < 24*time.Hour:
		return time.Hour
	}
	return 6 * time.Hour
}

// ring is what follows when a conversation's time has come.
func (d *Desk) ring(tx store.Tx, c Conversation) error {
	if c.State == Snoozed {
		if err := d.wake(tx, &c, "the snooze is over."); err != nil {
			return err
		}
	} else if err := d.remind(tx, &c); err != nil {
		return err
	}
	if err := d.editCard(tx, &c); err != nil {
		return err
	}
	return d.put(tx, c)
}

// remind calls, once while a customer waits, those who can do something about
// it. As long as nobody is there, it is tried again: the first to come is called.
func (d *Desk) remind(tx store.Tx, c *Conversation) error {
	onDuty, err := d.Who(tx, c.Department)
	if err != nil {
		return err
	}
	there := false
	for _, x := range onDuty {
		there = there || x.User == c.Owner
	}
	why := "the customer has waited for " + lasted(now().Sub(c.WaitingSince)) + ". "
	var call []Duty
	switch {
	case c.Owner == "":
		call, why = onDuty, why+"Press Claim above, then answer in this thread."
	case there:
		call, why = []Duty{{User: c.Owner, Name: c.OwnerName}}, why+"Answer in this thread, or transfer the conversation."
	default:
		call = append([]Duty{{User: c.Owner, Name: c.OwnerName}}, onDuty...)
		why += c.OwnerName + " has the conversation and is not on duty: whoever answers in this thread can take it over."
	}
	if len(call) == 0 {
		c.Called = now()
		return nil
	}
	c.Reminded = true
	return d.note(tx, c, calling(call, why))
}

// calling is a message that mentions people.
func calling(people []Duty, why string) bot.Message {
	names := make([]string, len(people))
	var spans []bot.Span
	for i, x := range people {
		if i > 0 {
			spans = append(spans, bot.Plain(" "))
		}
		spans = append(spans, bot.Mention(x.User))
		names[i] = x.Name
	}
	spans = append(spans, bot.Plain(": "+why))
	return bot.Message{Text: strings.Join(names, ", ") + ": " + why, Blocks: []bot.Block{bot.Para(spans...)}}
}

// waitingText says how long somebody has waited.
func waitingText(since time.Time) string {
	if d := now().Sub(since); d >= time.Minute {
		return "for " + lasted(d) + ", since " + clock(since)
	}
	return "since " + clock(since)
}

// lasted is a length of time as people say it.
func lasted(d time.Duration) string {
	m := int(d / time.Minute)
	switch {
	case m < 1:
		return "less than a minute"
	case m < 60:
		return strconv.Itoa(m) + " min"
	case m < 24*60 && m%60 == 0:
		return strconv.Itoa(m/60) + " h"
	case m < 24*60:
		return fmt.Sprintf("%d h %d min", m/60, m%60)
	case m < 2*24*60:
		return "a day"
	}
	return strconv.Itoa(m/(24*60)) + " days"
}
