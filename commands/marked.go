package commands

import (
	"fmt"
	"strings"

	"github.com/perch-chat/perch/bot"
	"github.com/perch-chat/perch/incident"
	"github.com/perch-chat/perch/internal/outbox"
	"github.com/perch-chat/perch/store"
)

// The buttons of the note that a message behind an entry was changed or
// deleted. Their value is the entry, as a preview's is.
const (
	btnFollow = "timeline.follow"
	btnRemove = "timeline.remove"
	btnStay   = "timeline.stay"
)

// own is a message of Perch that shows something of a timeline.
type own struct {
	Ref string `json:"ref"`
}

var ours = store.Table[own]{
	Name: "commands_own",
	Key:  func(o own) []byte { return store.Key(o.Ref) },
}

// noteOwn remembers where Perch's own messages about a timeline stand.
func (r *Router) noteOwn(tx store.Tx, a outbox.Action) error {
	if a.State != outbox.Done || a.Kind != bot.KindPost || !strings.HasPrefix(a.Key, entryPrefix) && !strings.HasPrefix(a.Key, postPrefix) {
		return nil
	}
	ref, err := postedRef(a)
	if err != nil || ref == "" {
		return err
	}
	return ours.Put(tx, own{Ref: string(ref)})
}

// messageChanged tells the people of an incident that a message was changed,
// or deleted, that is an entry. The timeline follows only if they say so: it
// says what was known then.
func (r *Router) messageChanged(tx store.Tx, ev bot.Event) error {
	m, ok, err := marks.Find(tx, store.Key(string(ev.Message)))
	if err != nil || !ok || m.Entry == "" {
		return err
	}
	e, err := r.Incidents.Entry(tx, m.Entry)
	if err != nil {
		return notThere(err)
	}
	inc, err := r.Incidents.Get(tx, e.IncidentID)
	if err != nil {
		return err
	}
	if quiet, err := r.quiet(tx, inc); err != nil || quiet {
		return err
	}
	value := previewValue(e)
	stay := bot.Button{ID: btnStay, Label: "Leave the entry", Value: value}
	var msg bot.Message
	if ev.Kind == bot.EventMessageDeleted {
		head := "The message behind this entry was deleted in chat. The entry still says:"
		msg = bot.Message{Text: head, Blocks: []bot.Block{
			bot.Para(bot.Plain(head)), bot.Quote(clipLine(e.Text, 600)),
			bot.Actions(bot.Button{ID: btnRemove, Label: "Delete the entry", Value: value, Style: bot.ButtonDanger, Confirm: "Take this entry off the timeline?"}, stay),
		}}
	} else {
		if m.Words = words(ev); m.Words == "" || m.Words == e.Text {
			return nil
		}
		if err := marks.Put(tx, m); err != nil {
			return err
		}
		head := orDefault(ev.User.Name, "Somebody") + " changed the message behind an entry. It says now:"
		msg = bot.Message{Text: head, Blocks: []bot.Block{
			bot.Para(bot.Plain(head)), bot.Quote(clipLine(m.Words, 600)),
			bot.Actions(bot.Button{ID: btnFollow, Label: "Change the entry", Value: value, Style: bot.ButtonPrimary}, stay),
		}}
	}
	return r.noteMarked(tx, inc, m, msg)
}

func noteKey(m mark) string { return fmt.Sprintf("commands:marked:%s:%d", m.Ref, m.N) }

// noteMarked shows one note an entry, where the entry is shown.
func (r *Router) noteMarked(tx store.Tx, inc incident.Incident, m mark, msg bot.Message) error {
	return r.keepIn(tx, inc, noteKey(m), msg)
}

// onMarked decides on an entry whose message was changed. The note then says
// what was decided.
func onMarked(said string, do func(c *call, e incident.Entry, m mark) error) func(*call) error {
	return func(c *call) error {
		e, err := c.previewed()
		if err != nil {
			return err
		}
		m, ok, err := marks.First(c.tx, "entry", store.Key(e.ID))
		if err != nil {
			return err
		}
		if !ok {
			return refuse("Somebody did this already.")
		}
		inc, err := c.Incidents.Get(c.tx, e.IncidentID)
		if err != nil {
			return err
		}
		if err := do(c, e, m); err != nil {
			return err
		}
		return c.noteMarked(c.tx, inc, m, text(said+" "+orDefault(c.ev.User.Name, "somebody")+"."))
	}
}

func follow(c *call, e incident.Entry, m mark) error {
	if m.Words == "" {
		return refuse("Somebody did this already.")
	}
	_, err := c.Incidents.SetText(c.tx, e.ID, m.Words, c.by())
	return err
}

func remove(c *call, e incident.Entry, _ mark) error {
	_, err := c.Incidents.Delete(c.tx, e.ID, c.by(), false)
	return err
}
