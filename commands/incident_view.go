package commands

import (
	"fmt"
	"strings"
	"time"

	"github.com/perch-chat/perch/bot"
	"github.com/perch-chat/perch/incident"
	"github.com/perch-chat/perch/internal/id"
	"github.com/perch-chat/perch/internal/outbox"
	"github.com/perch-chat/perch/store"
)

// threadOf maps the message that stands for an incident in chat to the incident.
type threadOf struct {
	Ref      string `json:"ref"`
	Incident string `json:"incident"`
}

var threads = store.Table[threadOf]{
	Name: "commands_incident_threads",
	Key:  func(t threadOf) []byte { return store.Key(t.Ref) },
}

func cardKey(incidentID string) string { return "commands:incident:" + incidentID }

// card is the message that stands for an incident in chat. It is edited in place.
func (r *Router) card(inc incident.Incident) bot.Message {
	title := fmt.Sprintf("%s %s: %s", sign(inc), inc.Name(), inc.Title)
	m := bot.Message{
		Channel: bot.ChannelRef(inc.Channel), Text: title,
		Blocks: []bot.Block{
			bot.Header(title),
			bot.Fields(
				bot.Field{Label: "Status", Value: []bot.Span{bot.Plain(statusWord(inc.Status))}},
				bot.Field{Label: "Severity", Value: []bot.Span{bot.Plain(strings.TrimPrefix(severityWord(inc.Severity), "severity "))}},
				bot.Field{Label: "Declared by", Value: personSpan(inc.CreatedBy)},
				bot.Field{Label: "Started", Value: []bot.Span{bot.Plain(clock(inc.StartedAt))}},
			),
		},
	}
	if inc.Summary != "" {
		m.Blocks = append(m.Blocks, bot.Quote(inc.Summary))
	}
	if inc.Private {
		m.Blocks = append(m.Blocks, bot.Context(bot.Plain("🔒 Private: nothing of it is published.")))
	}
	if !inc.Status.Over() {
		m.Blocks = append(m.Blocks,
			bot.Actions(cardButtons(inc)...),
			bot.Context(bot.Plain("Or write: "), bot.Code("/timeline add "+inc.Name()+" --visibility \"status page + twitter\" We found the cause")))
	}
	return m
}

func sign(inc incident.Incident) string {
	switch {
	case inc.Status.Over():
		return "✅"
	case inc.Status == incident.Mitigated:
		return "🟡"
	}
	return "🔴"
}

func cardButtons(inc incident.Incident) []bot.Button {
	return []bot.Button{
		{ID: btnUpdate, Label: "Add update", Value: inc.ID, Style: bot.ButtonPrimary},
		{ID: btnResolve, Label: "Resolve", Value: inc.ID, Confirm: "Mark " + inc.Name() + " as resolved?"},
	}
}

// cardRef is where an incident's card stands; empty if that isn't known.
func (r *Router) cardRef(tx store.Tx, incidentID string) (bot.MessageRef, error) {
	a, ok, err := r.Outbox.FindKey(tx, cardKey(incidentID))
	if err != nil || !ok || a.State != outbox.Done {
		return "", err
	}
	return postedRef(a)
}

func personSpan(p incident.Person) []bot.Span {
	if chatRef(p.Ref) {
		return []bot.Span{bot.Mention(bot.UserRef(p.Ref))}
	}
	return []bot.Span{bot.Plain(orDefault(p.Name, "Perch"))}
}

// clock is a time as people in several time zones can read it.
func clock(t time.Time) string { return t.UTC().Format("15:04 UTC, 2 Jan") }

func (r *Router) incidentChanged(tx store.Tx, was, now incident.Incident) error {
	if err := r.touchHomes(tx); err != nil {
		return err
	}
	if was.ID == "" && r.wantsRoom() && now.Channel == "" {
		return r.makeRoom(tx, now)
	}
	if m, ok, err := rooms.Find(tx, store.Key(now.ID)); err != nil {
		return err
	} else if ok {
		if err := r.announce(tx, now, m); err != nil || m.Archived {
			return err
		}
		if err := r.topic(tx, now, m); err != nil {
			return err
		}
	}
	if now.Channel == "" && was.ID == "" {
		// Declared outside of chat: it is announced where incidents are.
		at, err := r.announcements(tx)
		if err != nil || at == "" {
			return err
		}
		if now, err = r.Incidents.SetChannel(tx, now.ID, string(at), ""); err != nil {
			return err
		}
	}
	if now.Channel == "" {
		return nil
	}
	return r.keep(tx, r.card(now), postOptions{key: cardKey(now.ID), subject: "incident:" + now.ID})
}

// ActionChanged notes where an incident's card stands once it is posted. It is
// for the outbox's OnChange.
func (r *Router) ActionChanged(tx store.Tx, was outbox.State, a outbox.Action) error {
	if a.State == outbox.Done && a.Kind == bot.KindPost {
		if incidentID, ok := strings.CutPrefix(a.Key, "commands:incident:"); ok {
			ref, err := postedRef(a)
			if err != nil {
				return err
			}
			return threads.Put(tx, threadOf{Ref: string(ref), Incident: incidentID})
		}
	}
	if err := r.noteOwn(tx, a); err != nil {
		return err
	}
	if handled, err := r.followUp(tx, a); err != nil || handled {
		return err
	}
	if was == "" && strings.HasPrefix(a.Subject, "conversation:") {
		if err := r.touchHomes(tx); err != nil { // its card changes with it
			return err
		}
	}
	if err := r.unpermitted(tx, a); err != nil {
		return err
	}
	return r.attention(tx, a)
}

// entryLine is an entry in a row of words.
func entryLine(e incident.Entry) []bot.Span {
	spans := []bot.Span{bot.Code(e.OccurredAt.UTC().Format("15:04")), bot.Plain(" " + clipLine(e.Text, 300) + " ")}
	if e.Visibility != incident.Internal {
		spans = append(spans, bot.Span{Text: "· " + e.Visibility.Label(), Italic: true})
	}
	for _, p := range e.Posts {
		for _, u := range p.URLs() {
			spans = append(spans, bot.Plain(" · ✅ "), bot.Link("on X", u))
		}
	}
	return spans
}

// oneLine is a text without line breaks.
func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }

func clipLine(s string, n int) string {
	r := []rune(s)
	if len(r) > n {
		return string(r[:n]) + "…"
	}
	return s
}

// The keys of the messages that show a timeline.
const (
	entryPrefix = "commands:entry:"
	postPrefix  = "commands:post:"
)

// threadFor is the message in whose thread an incident's messages stand: its
// card, but in a channel of its own none.
func (r *Router) threadFor(tx store.Tx, inc incident.Incident) (key string, err error) {
	of, ok, err := r.roomOf(tx, bot.ChannelRef(inc.Channel))
	if err != nil || ok && of == inc.ID {
		return "", err
	}
	return cardKey(inc.ID), nil
}

// keepIn keeps one message with a key where the incident's entries are shown.
func (r *Router) keepIn(tx store.Tx, inc incident.Incident, key string, m bot.Message) error {
	thread, err := r.threadFor(tx, inc)
	if err != nil {
		return err
	}
	m.Channel = bot.ChannelRef(inc.Channel)
	return r.keep(tx, m, postOptions{key: key, threadOf: thread})
}

// quiet reports whether an incident has no channel, or an archived one.
func (r *Router) quiet(tx store.Tx, inc incident.Incident) (bool, error) {
	m, ok, err := rooms.Find(tx, store.Key(inc.ID))
	return inc.Channel == "" || ok && m.Archived && m.Channel == inc.Channel, err
}

// entryChanged echoes entries into the incident's thread or channel.
func (r *Router) entryChanged(tx store.Tx, inc incident.Incident, was, now *incident.Entry) error {
	if now == nil {
		if err := r.markGone(tx, *was); err != nil {
			return err
		}
	}
	if quiet, err := r.quiet(tx, inc); err != nil || quiet {
		return err
	}
	if now == nil {
		gone := *was
		gone.DeletedAt = time.Now().UTC()
		gone.UpdatedAt = gone.DeletedAt
		now = &gone
	}
	key := entryPrefix + now.ID
	m := entryMessage(*now)
	m.Channel = bot.ChannelRef(inc.Channel)
	if was == nil {
		if now.Source == incident.FromSystem && isDeclared(*now) {
			return nil // the card says so
		}
		thread, err := r.threadFor(tx, inc)
		if err != nil {
			return err
		}
		return r.post(tx, m, postOptions{key: key, threadOf: thread})
	}
	if was.Text == now.Text && was.Visibility == now.Visibility && was.Deleted() == now.Deleted() && was.Starred() == now.Starred() && was.OccurredAt.Equal(now.OccurredAt) {
		return nil
	}
	return r.edit(tx, key, id.New(), m)
}

// isDeclared tells the entry that every incident begins with.
func isDeclared(e incident.Entry) bool {
	return strings.HasPrefix(e.Text, "Incident declared: ")
}

func entryMessage(e incident.Entry) bot.Message {
	who := orDefault(e.AuthorName, "Perch")
	from := map[incident.Source]string{incident.FromAPI: " through the API", incident.FromEmail: " by e-mail", incident.FromWorkflow: " by a workflow"}[e.Source]
	m := bot.Message{Text: e.Text}
	words := bot.Span{Text: e.Text}
	foot := clock(e.OccurredAt) + " · " + who + from + " · " + e.Visibility.Label()
	if e.Deleted() {
		words.Strike = true
		foot += " · deleted"
	}
	if n := len(e.Revisions); n > 0 {
		foot += " · edited"
	}
	if e.Starred() {
		foot = "★ " + foot
	}
	if e.AddedByName != "" && e.AddedBy != e.Author {
		foot += " · added by " + e.AddedByName
	}
	small := []bot.Span{bot.Plain(foot)}
	if e.Permalink != "" && webAddress(e.Permalink) != "" {
		small = append(small, bot.Plain(" · "), bot.Link("message", e.Permalink))
	}
	m.Blocks = []bot.Block{bot.Para(words), bot.Context(small...)}
	return m
}

func (r *Router) workflowFailed(tx store.Tx, inc incident.Incident, wf incident.Workflow, message string) error {
	ch := bot.ChannelRef(inc.Channel)
	if ch == "" {
		var err error
		if ch, err = r.Setup(tx); err != nil || ch == "" {
			return err
		}
	}
	m := text(fmt.Sprintf("⚠ The workflow %q did not post for %s: %s Nothing was published.", wf.Name, inc.Name(), message))
	m.Channel = ch
	return r.post(tx, m, postOptions{key: "commands:workflow-failed:" + id.New()})
}
