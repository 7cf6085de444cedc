package commands

import (
	"encoding/json"
	"fmt"
	"strings"
	"unicode"

	"github.com/perch-chat/perch/bot"
	"github.com/perch-chat/perch/incident"
	"github.com/perch-chat/perch/internal/id"
	"github.com/perch-chat/perch/internal/outbox"
	"github.com/perch-chat/perch/store"
)

// call is one command, click or form being handled.
type call struct {
	*Router
	tx   store.Tx
	ev   bot.Event
	cmd  command
	word word
	rest string // what follows the word
	said int    // answers so far, for their keys

	beside bool // answers stand beside what was pressed, which is still of use
}

// by is the person as incidents know them.
func (c *call) by() incident.Person {
	return incident.Person{Ref: string(c.ev.User.Ref), Name: c.ev.User.Name}
}

// isAgent reports whether the person may answer customers: by the
// configuration, or as a member of a department's user group.
func (r *Router) isAgent(tx store.Tx, u bot.UserRef) bool {
	if r.Roles.IsAgent(u) {
		return true
	}
	in, err := r.Desk.IsMember(tx, u)
	return err == nil && in
}

// need refuses people who lack the role and tells them whom to ask.
func (c *call) need(r role) error {
	u := c.ev.User.Ref
	switch {
	case r == anybody, r == admin && c.Roles.IsAdmin(u), r == responder && (c.Roles.IsResponder(u) || c.Roles.IsAdmin(u)),
		r == agent && c.isAgent(c.tx, u):
		return nil
	case r == agent && c.Roles.IsAdmin(u): // nobody else to ask
		return refuse("Only support agents can do this. Whoever runs Perch adds people under team.agents in its configuration.")
	}
	what := map[role]string{
		admin:     "Only an admin of Perch can do this.",
		responder: "Only incident responders can do this.",
		agent:     "Only support agents can do this.",
	}[r]
	return &denied{text: what, ask: c.Roles.Admins()}
}

// denied is a refusal that names the people to ask.
type denied struct {
	text string
	ask  []bot.UserRef
}

func (e *denied) Error() string { return e.text }

func (e *denied) message() bot.Message {
	m := bot.Message{Text: e.text + " Ask an admin.", Blocks: []bot.Block{bot.Para(e.spans()...)}}
	if len(e.ask) == 0 {
		m.Text = m.Blocks[0].Spans[0].Text
	}
	return m
}

func (e *denied) spans() []bot.Span {
	if len(e.ask) == 0 {
		return []bot.Span{bot.Plain(e.text + " Nobody is one yet: whoever runs Perch adds people under team.admins in its configuration.")}
	}
	spans := []bot.Span{bot.Plain(e.text + " Ask ")}
	for i, u := range e.ask {
		if i > 0 {
			spans = append(spans, bot.Plain(" or "))
		}
		spans = append(spans, bot.Mention(u))
	}
	return append(spans, bot.Plain("."))
}

// count is a number with its word: "1 workflow", "2 workflows".
func count(n int, word string) string {
	if n == 1 {
		return "1 " + word
	}
	return fmt.Sprintf("%d %ss", n, word)
}

// text is a message of one plain paragraph a line.
func text(s string) bot.Message {
	m := bot.Message{Text: s}
	for line := range strings.SplitSeq(s, "\n") {
		if line != "" {
			m.Blocks = append(m.Blocks, bot.Para(bot.Plain(line)))
		}
	}
	return m
}

// reply answers the person alone, where they asked. The first answer to a
// question that they alone see takes its place.
func (c *call) reply(m bot.Message) error {
	c.said++
	m.Channel, m.Thread, m.Only, m.Respond, m.Trigger = c.ev.Channel, c.ev.Thread, c.ev.User.Ref, c.ev.Respond, c.ev.Trigger
	if c.ev.Asked() && !c.beside && c.said == 1 {
		return c.inPlace(c.replyKey(), m)
	}
	return c.post(c.tx, m, postOptions{
		key:   c.replyKey(),
		order: fmt.Sprintf("chat:%s:only:%s", m.Channel, m.Only),
	})
}

// done is reply for what went well. On a person's page of Perch the page
// itself is the answer.
func (c *call) done(s string) error {
	if c.atHome() {
		return nil
	}
	return c.reply(text(s))
}

// atHome reports whether a button of the person's page was pressed.
func (c *call) atHome() bool { return c.ev.Kind == bot.EventAction && c.ev.Channel == "" }

// open shows a form to the person.
func (c *call) open(f bot.Form) error {
	f.Channel, f.Thread = c.ev.Channel, c.ev.Thread
	return c.add(c.tx, outbox.Action{
		Kind: bot.KindOpen, Key: fmt.Sprintf("commands:form:%s:%s", c.ev.Platform, c.ev.ID),
	}, bot.Open{Platform: c.ev.Platform, Trigger: c.ev.Trigger, Form: f, Only: c.ev.User.Ref, Respond: c.ev.Respond})
}

// postOptions say where in the outbox a message stands.
type postOptions struct {
	key, order, threadOf, subject string
}

func (r *Router) post(tx store.Tx, m bot.Message, o postOptions) error {
	if o.order == "" {
		o.order = chatOrder(m.Channel, string(m.Thread)+o.threadOf)
	}
	return r.add(tx, outbox.Action{Kind: bot.KindPost, Key: o.key, Order: o.order, Subject: o.subject},
		bot.Post{Message: m, ThreadOf: o.threadOf})
}

// keep posts a message, or replaces the one that was posted with the key of o.
func (r *Router) keep(tx store.Tx, m bot.Message, o postOptions) error {
	_, posted, err := r.Outbox.FindKey(tx, o.key)
	if err != nil {
		return err
	}
	if posted {
		return r.edit(tx, o.key, id.New(), m)
	}
	return r.post(tx, m, o)
}

// edit replaces the message that was posted with the key refOf. n tells the
// edits of one message apart: the newest wins. Times won't do for it: two
// changes of one moment would be one edit, the older.
func (r *Router) edit(tx store.Tx, refOf, n string, m bot.Message) error {
	return r.editRef(tx, "", refOf, n, "", m)
}

// editRef is edit for a message whose ref may be known already.
func (r *Router) editRef(tx store.Tx, ref bot.MessageRef, refOf, n, subject string, m bot.Message) error {
	return r.add(tx, outbox.Action{
		Kind: bot.KindEdit, Key: refOf + ":edit:" + n, Order: "edit:" + refOf, Slot: "edit:" + refOf, Subject: subject,
	}, bot.Edit{Ref: ref, RefOf: refOf, Message: m})
}

func (r *Router) add(tx store.Tx, a outbox.Action, payload any) error {
	raw, err := json.Marshal(payload)
	if err != nil {
		return fmt.Errorf("encode %s: %w", a.Kind, err)
	}
	a.Payload = raw
	if _, _, err := r.Outbox.Add(tx, a); err != nil {
		return fmt.Errorf("add %s: %w", a.Kind, err)
	}
	return nil
}

func chatOrder(ch bot.ChannelRef, thread string) string {
	if thread == "" {
		return "chat:" + string(ch)
	}
	return "chat:" + string(ch) + ":" + thread
}

// cutWord splits the first word off.
func cutWord(s string) (first, rest string) {
	s = strings.TrimSpace(s)
	i := strings.IndexFunc(s, unicode.IsSpace)
	if i < 0 {
		return s, ""
	}
	return s[:i], strings.TrimSpace(s[i:])
}

// sentence turns an error into one for people: a capital and a full stop.
func sentence(err error) string {
	s := err.Error()
	if i := strings.LastIndex(s, ": "); i >= 0 {
		s = s[i+2:]
	}
	if s == "" {
		return "This did not work."
	}
	r := []rune(s)
	r[0] = unicode.ToUpper(r[0])
	s = string(r)
	if !strings.HasSuffix(s, ".") {
		s += "."
	}
	return s
}
