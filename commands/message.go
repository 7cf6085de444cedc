package commands

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/perch-chat/perch/bot"
	"github.com/perch-chat/perch/incident"
	"github.com/perch-chat/perch/internal/outbox"
	"github.com/perch-chat/perch/store"
)

// The shortcut "Add to timeline" on a message, and the form that it opens.
const (
	btnMessage  = "timeline.message"
	formMessage = "timeline.message"
)

// maxChoices is how many open incidents a form offers.
const maxChoices = 100

// maxPrefill is how much of a message a form takes; the longest messages don't fit.
const maxPrefill = 2900

// ask is a shortcut that waits for its message to be read.
type ask struct {
	ID    string    `json:"id"`
	Event bot.Event `json:"event"`
}

var asks = store.Table[ask]{
	Name: "commands_asks",
	Key:  func(a ask) []byte { return store.Key(a.ID) },
}

const askSubject = "ask:"

// quoted is a message that is about to become an entry. It travels in the
// form's value.
type quoted struct {
	Ref  bot.MessageRef `json:"m"`
	User bot.UserRef    `json:"u,omitempty"`
	Name string         `json:"n,omitempty"`
	URL  string         `json:"p,omitempty"`
	At   time.Time      `json:"t"`
}

// messageShortcut reads the message, for its time and address, before the form
// is shown.
func messageShortcut(c *call) error {
	if err := c.need(responder); err != nil {
		return err
	}
	if c.ev.Message == "" {
		return refuse("Use this in the menu of a message.")
	}
	if err := c.fresh(c.ev.Message); err != nil {
		return err
	}
	list, err := c.choices(c.spot())
	if err != nil {
		return err
	}
	if len(list) == 0 {
		return refuse("No incident is open. Declare one: /incident new What is wrong")
	}
	a := ask{ID: c.ev.Platform + ":" + c.ev.ID, Event: c.ev}
	if err := c.sweepAsks(); err != nil {
		return err
	}
	if err := asks.Put(c.tx, a); err != nil {
		return err
	}
	return c.add(c.tx, outbox.Action{
		Kind: bot.KindRead, Key: "commands:ask:" + a.ID, Subject: askSubject + a.ID, Brief: true,
	}, bot.Read{Ref: c.ev.Message})
}

// fresh refuses a message that is on a timeline already.
func (c *call) fresh(ref bot.MessageRef) error {
	m, ok, err := marks.Find(c.tx, store.Key(string(ref)))
	if err != nil || !ok || m.Entry == "" {
		return err
	}
	inc, err := c.Incidents.Get(c.tx, m.Incident)
	if err != nil {
		return err
	}
	return refuse("This message is on the timeline of %s already.", inc.Name())
}

func (c *call) spot() spot {
	return spot{channel: c.ev.Channel, thread: c.ev.Thread, message: c.ev.Message}
}

// choices are the incidents that a message may be added to: the one of its
// place first, then those of its channel, then the newest.
func (c *call) choices(at spot) ([]incident.Incident, error) {
	open, err := c.openIncidents(c.tx)
	if err != nil {
		return nil, err
	}
	first, ok, err := c.incidentAt(c.tx, at)
	if err != nil {
		return nil, err
	}
	list := in(open, at.channel)
	if ok && !first.Status.Final() {
		list = append([]incident.Incident{first}, list...)
	}
	seen := map[string]bool{}
	list = slices.DeleteFunc(append(list, open...), func(i incident.Incident) bool {
		was := seen[i.ID]
		seen[i.ID] = true
		return was
	})
	return list[:min(len(list), maxChoices)], nil
}

// messageRead opens the form with what was read. What can't be read is shown
// as the shortcut brought it.
func (r *Router) messageRead(tx store.Tx, askID string, a outbox.Action) error {
	if a.State != outbox.Done && a.State != outbox.Failed {
		return nil
	}
	k, ok, err := asks.Find(tx, store.Key(askID))
	if err != nil || !ok {
		return err
	}
	if err := asks.Delete(tx, store.Key(askID)); err != nil {
		return err
	}
	c := &call{Router: r, tx: tx, ev: k.Event}
	res := bot.ReadResult{Event: k.Event}
	if k.Event.Author != nil {
		res.Event.User = *k.Event.Author
	}
	if a.State == outbox.Done {
		if err := json.Unmarshal(a.Result, &res); err != nil {
			return fmt.Errorf("result of %s: %w", a.Key, err)
		}
	}
	return c.answer(c.openMessage(res, a.State == outbox.Done))
}

// openMessage shows the form. What was not read has the time of the click.
func (c *call) openMessage(res bot.ReadResult, read bool) error {
	if res.Gone {
		return refuse("This message does not exist any more.")
	}
	at := c.spot()
	at.thread = bot.MessageRef(orDefault(string(res.Event.Thread), string(at.thread)))
	list, err := c.choices(at)
	if err != nil {
		return err
	}
	if len(list) == 0 {
		return refuse("No incident is open. Declare one: /incident new What is wrong")
	}
	if c.ev.Trigger == "" {
		return refuse("This chat shows no forms here. Write it: /timeline add %s …", list[0].Name())
	}
	q := quoted{Ref: c.ev.Message, User: res.Event.User.Ref, Name: clipLine(res.Event.User.Name, 80), URL: webAddress(res.Permalink), At: res.Event.At.UTC()}
	value, err := json.Marshal(q)
	if err != nil {
		return fmt.Errorf("encode a form: %w", err)
	}
	body, hint := words(res.Event), "Said by "+orDefault(q.Name, "somebody")
	if utf8.RuneCountInString(body) > maxPrefill {
		body, hint = clipLine(body, maxPrefill), hint+". This is the beginning of a longer message"
	}
	if q.URL != "" {
		hint += ": " + q.URL
	}
	options := make([]bot.Option, len(list))
	for i, inc := range list {
		options[i] = bot.Option{Value: inc.ID, Label: inc.Name() + ": " + clipLine(inc.Title, 60)}
	}
	when := "Such as 2026-11-22 14:05, or 14:05"
	if !read {
		when = "Perch could not read the message's own time: this is now. " + when
	}
	return c.open(bot.Form{
		ID: formMessage, Title: titleMessage, Submit: "Add", Value: string(value),
		Inputs: []bot.Input{
			{Name: "text", Label: "Entry", Hint: hint, Lines: 5, Initial: body, Max: incident.MaxText},
			{Name: "incident", Label: "Incident", Initial: list[0].ID, Options: options},
			{Name: "at", Label: "When it happened (UTC)", Initial: q.At.Format(whenForm), Hint: when},
			visibilityInput(incident.Internal),
		},
	})
}

// webAddress is a link that may be shown, or nothing.
func webAddress(s string) string {
	if len(s) > 1000 || !strings.HasPrefix(s, "https://") && !strings.HasPrefix(s, "http://") || strings.ContainsAny(s, "<>|\" \n\t") {
		return ""
	}
	return s
}

// words are what a message says, as an entry.
func words(ev bot.Event) string {
	s := strings.TrimSpace(ev.Text)
	var files []string
	for _, f := range ev.Files {
		files = append(files, f.Name)
	}
	if len(files) > 0 {
		s = strings.TrimSpace(s + "\n📎 " + strings.Join(files, ", "))
	}
	if r := []rune(s); len(r) > incident.MaxText {
		s = string(r[:incident.MaxText-1]) + "…"
	}
	return s
}

func submitMessage(c *call) error {
	if err := c.need(responder); err != nil {
		return err
	}
	var q quoted
	if err := json.Unmarshal([]byte(c.ev.Value), &q); err != nil || q.Ref == "" {
		return refuse("This form belongs to an older version of Perch. Use the message's menu again.")
	}
	if err := c.fresh(q.Ref); err != nil {
		return err
	}
	inc, err := c.Incidents.Get(c.tx, c.ev.Fields["incident"])
	if err != nil {
		return err
	}
	vis, err := parseVisibility(orDefault(c.ev.Fields["visibility"], string(incident.Internal)))
	if err != nil {
		return err
	}
	at, ok := parseWhen(orDefault(c.ev.Fields["at"], q.At.Format(whenForm)), q.At)
	if !ok {
		return refuse("I can't read the time %q, so nothing was added. Write it as 2026-11-22 14:05, in UTC, and try again.", clip(c.ev.Fields["at"]))
	}
	if at.After(time.Now().Add(time.Minute)) {
		return refuse("%s is yet to come, so nothing was added. Say when it happened and try again.", clock(at))
	}
	body := strings.TrimSpace(c.ev.Fields["text"])
	if body == "" {
		return refuse("The entry was empty, so nothing was added.")
	}
	m, _, err := marks.Find(c.tx, store.Key(string(q.Ref)))
	if err != nil {
		return err
	}
	m.Ref, m.Kept = string(q.Ref), true
	e, err := c.addMarked(c.tx, &m, inc, incident.NewEntry{
		Text: body, Visibility: vis, By: c.by(), Said: incident.Person{Ref: string(q.User), Name: orDefault(q.Name, "somebody")},
		OccurredAt: at, Permalink: webAddress(q.URL),
	})
	if err != nil {
		return err
	}
	return c.added(inc, e)
}
