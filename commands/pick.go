package commands

import (
	"errors"
	"strings"
	"time"

	"github.com/perch-chat/perch/bot"
	"github.com/perch-chat/perch/incident"
	"github.com/perch-chat/perch/store"
)

// btnPick chooses the incident that a command meant. Its value is the question
// and the incident, with a slash between them.
const btnPick = "incident.pick"

// maxPicks is how many incidents are offered, the newest.
const maxPicks = 5

// ambiguous is a refusal that offers the incidents that may be meant.
type ambiguous struct {
	refusal
	list []incident.Incident
}

// Unwrap returns the refusal, for those who offer nothing.
func (e *ambiguous) Unwrap() error { return &e.refusal }

// offer answers a command that may mean several incidents with a button for
// each; a press carries it out as if the incident had been named.
func (c *call) offer(err error) error {
	var a *ambiguous
	if !errors.As(err, &a) {
		return err
	}
	k := ask{ID: c.ev.Platform + ":" + c.ev.ID, Event: c.ev}
	if err := c.sweepAsks(); err != nil {
		return err
	}
	if err := asks.Put(c.tx, k); err != nil {
		return err
	}
	var buttons []bot.Button
	for _, i := range a.list[:min(len(a.list), maxPicks)] {
		buttons = append(buttons, bot.Button{ID: btnPick, Label: clipLine(i.Name()+": "+i.Title, 60), Value: k.ID + "/" + i.ID})
	}
	m := text(a.text)
	m.Blocks = append(m.Blocks, bot.Actions(buttons...))
	return c.reply(m)
}

// askLife is how long a question may be answered.
const askLife = 24 * time.Hour

// sweepAsks forgets questions that nobody answered.
func (c *call) sweepAsks() error {
	list, err := store.Collect(asks.Scan(c.tx, store.Range{Limit: 100}))
	if err != nil {
		return err
	}
	for _, k := range list {
		if time.Since(k.Event.At) < askLife {
			continue
		}
		if err := asks.Delete(c.tx, store.Key(k.ID)); err != nil {
			return err
		}
	}
	return nil
}

// pickIncident carries a command out on the incident that was chosen.
func pickIncident(c *call) error {
	cut := strings.LastIndex(c.ev.Value, "/")
	if cut < 0 {
		return refuse("This is over. Write the command again.")
	}
	k, ok, err := asks.Find(c.tx, store.Key(c.ev.Value[:cut]))
	if err != nil {
		return err
	}
	if !ok || k.Event.User.Ref != c.ev.User.Ref {
		return refuse("This is over. Write the command again.")
	}
	inc, err := c.Incidents.Get(c.tx, c.ev.Value[cut+1:])
	if err != nil {
		return err
	}
	if err := asks.Delete(c.tx, store.Key(k.ID)); err != nil {
		return err
	}
	if c.cmd, c.word, c.rest, err = c.words(k.Event); err != nil {
		return err
	}
	if err := c.need(c.word.role); err != nil {
		return err
	}
	c.rest = strings.TrimSpace(inc.Name() + " " + c.rest)
	if err := c.word.run(c); err != nil {
		return err
	}
	return c.settled("✅ " + clipLine(inc.Name()+": "+inc.Title, 60))
}
