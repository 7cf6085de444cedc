package commands

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/perch-chat/perch/bot"
	"github.com/perch-chat/perch/incident"
	"github.com/perch-chat/perch/internal/outbox"
	"github.com/perch-chat/perch/store"
)

// mark is a message of a chat that is an entry of a timeline, or is about to be.
type mark struct {
	Ref      string `json:"ref"`
	Channel  string `json:"channel,omitempty"`
	Incident string `json:"incident,omitempty"`
	Entry    string `json:"entry,omitempty"`

	// N counts the entries that were made of it: each can be taken back.
	N int `json:"n,omitempty"`

	// By are the reactions that ask for it. Without any left it is taken back,
	// unless it was added by hand.
	By   []reaction `json:"by,omitempty"`
	Kept bool       `json:"kept,omitempty"`

	// Heard are the reactions that were heard and still stand, whatever became
	// of them: what is found after a gap is not done twice. Hears says that
	// there are no others: older versions remembered none.
	Heard []reaction `json:"heard,omitempty"`
	Hears bool       `json:"hears,omitempty"`

	Reading bool   `json:"reading,omitempty"` // the chat is asked what it says
	Reads   int    `json:"reads,omitempty"`   // how often it was asked
	Words   string `json:"words,omitempty"`   // what it says since it was changed
	Signed  bool   `json:"signed,omitempty"`  // the bot's sign is on it
	Signs   int    `json:"signs,omitempty"`   // how often that was changed
	Told    int    `json:"told,omitempty"`    // how often somebody was told something of it
}

// reaction is somebody's emoji on a message.
type reaction struct {
	User  bot.UserRef `json:"user"`
	Name  string      `json:"name,omitempty"`
	Emoji string      `json:"emoji"`
}

var marks = store.Table[mark]{
	Name: "commands_marks",
	Key:  func(m mark) []byte { return store.Key(m.Ref) },
	Indexes: []store.Index[mark]{{Name: "entry", Keys: func(m mark) [][]byte {
		if m.Entry == "" {
			return nil
		}
		return [][]byte{store.Key(m.Entry)}
	}}},
}

const (
	markSubject = "mark:"
	markOrigin  = "message:"         // of the entries that were made of messages
	markSign    = "white_check_mark" // stands on a message that is on a timeline
	maxMarkedBy = 100                // reactions that are remembered for one message
)

// reacted adds a message to the timeline, or takes it back: reactions that the
// configuration names do that, at once and without a word.
func (r *Router) reacted(tx store.Tx, ev bot.Event) error {
	if !slices.Contains(r.Emoji, ev.Emoji) || ev.Message == "" || !r.Roles.IsResponder(ev.User.Ref) && !r.Roles.IsAdmin(ev.User.Ref) {
		return nil
	}
	m, known, err := marks.Find(tx, store.Key(string(ev.Message)))
	if err != nil {
		return err
	}
	is := func(x reaction) bool { return x.User == ev.User.Ref && x.Emoji == ev.Emoji }
	if ev.Kind == bot.EventReactionGone {
		if !known || !slices.ContainsFunc(m.By, is) && !slices.ContainsFunc(m.Heard, is) {
			return nil
		}
		m.Heard, m.Hears = slices.DeleteFunc(m.Heard, is), true
		if !slices.ContainsFunc(m.By, is) {
			return marks.Put(tx, m)
		}
		m.By = slices.DeleteFunc(m.By, is)
		return r.unmarkedBy(tx, m, ev.User)
	}
	if slices.ContainsFunc(m.By, is) || len(m.By) >= maxMarkedBy {
		return nil
	}
	m.Ref, m.Channel = string(ev.Message), string(ev.Channel)
	m.Hears = m.Hears || !known
	by := reaction{ev.User.Ref, ev.User.Name, ev.Emoji}
	m.By = append(m.By, by)
	if !slices.ContainsFunc(m.Heard, is) && len(m.Heard) < maxMarkedBy {
		m.Heard = append(m.Heard, by)
	}
	if m.Entry != "" || m.Reading {
		return marks.Put(tx, m)
	}
	if wanted, err := r.markable(tx, ev); err != nil || !wanted {
		return err
	}
	return r.readMark(tx, m)
}

// markable reports whether the message may belong to an incident at all. What
// Perch itself wrote does not: it is on the timeline.
func (r *Router) markable(tx store.Tx, ev bot.Event) (bool, error) {
	if _, own, err := ours.Find(tx, store.Key(string(ev.Message))); err != nil || own {
		return false, err
	}
	if _, own, err := threads.Find(tx, store.Key(string(ev.Message))); err != nil || own {
		return false, err
	}
	if _, ok, err := r.roomOf(tx, ev.Channel); err != nil || ok {
		return ok, err
	}
	open, err := r.openIncidents(tx)
	if err != nil || len(open) > 0 {
		return len(open) > 0, err
	}
	at, err := r.announcements(tx)
	return at != "" && at == ev.Channel, err // there it can't mean anything else
}

func (r *Router) readMark(tx store.Tx, m mark) error {
	m.Reads, m.Reading = m.Reads+1, true
	if err := marks.Put(tx, m); err != nil {
		return err
	}
	return r.add(tx, outbox.Action{
		Kind: bot.KindRead, Key: fmt.Sprintf("commands:mark:%s:%d", m.Ref, m.Reads), Subject: markSubject + m.Ref, Brief: true,
	}, bot.Read{Ref: bot.MessageRef(m.Ref)})
}

// markRead makes an entry of a message that was read, if somebody still wants it.
func (r *Router) markRead(tx store.Tx, ref string, a outbox.Action) error {
	if a.State != outbox.Done && a.State != outbox.Failed {
		return nil
	}
	m, ok, err := marks.Find(tx, store.Key(ref))
	if err != nil || !ok || !m.Reading {
		return err
	}
	m.Reading = false
	if len(m.By) == 0 || m.Entry != "" {
		return marks.Put(tx, m)
	}
	by, thread := m.By[0], bot.MessageRef("")
	err = func() error {
		if a.State == outbox.Failed {
			why := "No reason is known."
			if a.Failure != nil {
				why = a.Failure.Message
			}
			return refuse("⚠ The message could not be added to the timeline: %s", why)
		}
		var res bot.ReadResult
		if err := json.Unmarshal(a.Result, &res); err != nil {
			return fmt.Errorf("result of %s: %w", a.Key, err)
		}
		if res.Gone {
			return nil
		}
		thread = res.Event.Thread
		return r.markEntry(tx, &m, by, res)
	}()
	var no *refusal
	var refused *incident.Error
	switch {
	case errors.As(err, &no):
		err = r.tellMarker(tx, &m, by.User, thread, no.text)
	case errors.As(err, &refused):
		err = r.tellMarker(tx, &m, by.User, thread, refused.Message)
	}
	if err != nil {
		return err
	}
	if m.Entry == "" {
		m.By = nil // so that the next reaction is heard
	}
	return marks.Put(tx, m)
}

func (r *Router) markEntry(tx store.Tx, m *mark, by reaction, res bot.ReadResult) error {
	inc, err := r.markIncident(tx, spot{channel: bot.ChannelRef(m.Channel), thread: res.Event.Thread, message: bot.MessageRef(m.Ref)})
	if err != nil {
		return err
	}
	body := words(res.Event)
	if body == "" {
		return refuse("This message has no words, so there is nothing to add to the timeline.")
	}
	_, err = r.addMarked(tx, m, inc, incident.NewEntry{
		Text: body, Visibility: incident.Internal, By: incident.Person{Ref: string(by.User), Name: by.Name},
		Said:       incident.Person{Ref: string(res.Event.User.Ref), Name: orDefault(res.Event.User.Name, "somebody")},
		OccurredAt: res.Event.At, Permalink: webAddress(res.Permalink),
	})
	return err
}

// markIncident is the incident that a reaction means: the one of its place, or
// the only one that is open. A private one is meant in its own place only.
func (r *Router) markIncident(tx store.Tx, at spot) (incident.Incident, error) {
	inc, ok, err := r.incidentAt(tx, at)
	if err != nil || ok {
		return inc, err
	}
	open, err := r.openIncidents(tx)
	if err != nil {
		return inc, err
	}
	here := len(in(open, at.channel))
	open = slices.DeleteFunc(open, func(i incident.Incident) bool { return i.Private })
	switch {
	case len(open) == 0:
		return inc, refuse("No incident is open here, so the message was not added to a timeline.")
	case len(open) == 1 && here == 0:
		return open[0], nil
	}
	return inc, refuse("%d incidents are open, and this emoji can't say which: it works in an incident's own thread or channel. Or use Add to timeline in the message's menu.", max(len(open), here))
}

// addMarked adds an entry that is made of a message, and marks the message.
func (r *Router) addMarked(tx store.Tx, m *mark, inc incident.Incident, n incident.NewEntry) (incident.Entry, error) {
	m.N++
	n.Source, n.Origin = incident.FromChat, fmt.Sprintf("%s%s:%d", markOrigin, m.Ref, m.N)
	e, err := r.Incidents.Add(tx, inc.ID, n)
	if err != nil {
		return e, err
	}
	m.Incident, m.Entry, m.Reading, m.Words = inc.ID, e.ID, false, ""
	return e, r.sign(tx, m, true)
}

// sign puts the bot's sign on a message, or takes it away, and stores m.
func (r *Router) sign(tx store.Tx, m *mark, on bool) error {
	if m.Signed != on {
		m.Signed = on
		m.Signs++
		slot := markSubject + m.Ref
		err := r.add(tx, outbox.Action{
			Kind: bot.KindReact, Key: fmt.Sprintf("commands:sign:%s:%d", m.Ref, m.Signs), Order: slot, Brief: true,
		}, bot.React{Ref: bot.MessageRef(m.Ref), Emoji: markSign, On: on})
		if err != nil {
			return err
		}
	}
	return marks.Put(tx, *m)
}

// unmarkedBy takes a message back off the timeline once nobody's reaction asks
// for it any more.
func (r *Router) unmarkedBy(tx store.Tx, m mark, by bot.User) error {
	if err := marks.Put(tx, m); err != nil {
		return err
	}
	if len(m.By) > 0 || m.Kept || m.Entry == "" {
		return nil
	}
	e, err := r.Incidents.Entry(tx, m.Entry)
	if err != nil {
		return notThere(err)
	}
	if slices.ContainsFunc(e.Posts, func(p incident.Publication) bool { return p.Public() }) {
		return errors.Join(r.tellMarker(tx, &m, by.Ref, "", "This message is on X, or on its way there, so it stays on the timeline."), marks.Put(tx, m))
	}
	_, err = r.Incidents.Delete(tx, m.Entry, incident.Person{Ref: string(by.Ref), Name: by.Name}, false)
	return err // entryChanged does the rest
}

// notThere takes an entry that is gone for no error.
func notThere(err error) error {
	if e, ok := errors.AsType[*incident.Error](err); ok && e.Code == incident.CodeNotFound {
		return nil
	}
	return err
}

// markGone takes the sign off the message of an entry that was deleted.
func (r *Router) markGone(tx store.Tx, e incident.Entry) error {
	if !strings.HasPrefix(e.Origin, markOrigin) {
		return nil
	}
	m, ok, err := marks.First(tx, "entry", store.Key(e.ID))
	if err != nil || !ok {
		return err
	}
	m.Entry, m.Incident, m.By, m.Kept = "", "", nil, false
	return r.sign(tx, &m, false)
}

// tellMarker tells one person something of a message; the caller stores m.
func (r *Router) tellMarker(tx store.Tx, m *mark, u bot.UserRef, thread bot.MessageRef, s string) error {
	m.Told++
	t := text(s)
	t.Channel, t.Thread, t.Only = bot.ChannelRef(m.Channel), thread, u
	return r.post(tx, t, postOptions{
		key: fmt.Sprintf("commands:reply:mark:%s:%d", m.Ref, m.Told), order: fmt.Sprintf("chat:%s:only:%s", t.Channel, t.Only),
	})
}
