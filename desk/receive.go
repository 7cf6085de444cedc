package desk

import (
	"fmt"
	"strings"
	"time"

	"github.com/perch-chat/perch/bot"
	"github.com/perch-chat/perch/internal/id"
	"github.com/perch-chat/perch/store"
)

// Inbound is what a customer wrote.
type Inbound struct {
	Account       string // X user id of ours
	Kind          Kind
	XID           string   // the event's or the post's id
	Versions      []string // the ids of all versions of a post, which may have been edited
	XConversation string   // X's id of the conversation; for a mention the thread's first post
	From          Contact
	Text          string
	Files         []File
	At            time.Time
	Encrypted     bool // an X Chat message, of which only X's own apps show the words
}

// Receive takes in what a customer wrote: once, however often it is delivered.
func (d *Desk) Receive(tx store.Tx, in Inbound) error {
	if in.Account == "" || in.XID == "" || in.From.ID == "" || in.Kind != DM && in.Kind != Mention {
		return fmt.Errorf("receive %s %q: account, id or sender is missing", in.Kind, in.XID)
	}
	if _, known, err := messages().First(tx, "x", store.Key(in.Account, string(in.Kind), in.XID)); err != nil || known {
		return err
	}
	if in.At.IsZero() {
		in.At = now()
	}
	in.At = in.At.UTC()
	was, known, err := d.older(tx, in)
	if err != nil {
		return err
	}
	if known {
		return d.edited(tx, was, in)
	}
	who, err := d.meet(tx, in.Account, in.From, in.At)
	if err != nil {
		return err
	}
	s, err := d.Settings(tx)
	if err != nil {
		return err
	}
	c, fresh, err := d.conversation(tx, in, s)
	if err != nil {
		return err
	}
	m := Message{
		ID: id.New(), Conversation: c.ID, Account: in.Account, Kind: in.Kind, Direction: In, Origin: Customer,
		XID: in.XID, Versions: versions(in.Versions, in.XID), Text: in.Text, Files: in.Files, Encrypted: in.Encrypted, At: in.At,
		Late: !c.LastIn.IsZero() && in.At.Before(c.LastIn),
	}
	m.ChatKey = "desk:in:" + m.ID
	if err := messages().Put(tx, m); err != nil {
		return err
	}
	if c.State == Snoozed {
		if err := d.wake(tx, &c, "the customer wrote, so the snooze is over."); err != nil {
			return err
		}
	}
	d.heard(&c, m)
	if live(c) {
		if err := d.receiveLive(tx, &c, who, m, s, fresh); err != nil {
			return err
		}
		return d.put(tx, c)
	}

	onDuty, err := d.Who(tx, c.Department)
	if err != nil {
		return err
	}
	if fresh {
		if err := d.postCard(tx, &c); err != nil {
			return err
		}
		if err := d.callAgents(tx, &c, onDuty); err != nil {
			return err
		}
	} else if err := d.editCard(tx, &c); err != nil {
		return err
	}
	if err := d.say(tx, c, m.ChatKey, d.shown(c, who, m, s)); err != nil {
		return err
	}
	if err := d.showFiles(tx, c, m, s); err != nil {
		return err
	}
	if err := d.greet(tx, &c, m, s, len(onDuty) > 0); err != nil {
		return err
	}
	return d.put(tx, c)
}

// put stores a conversation.
func (d *Desk) put(tx store.Tx, c Conversation) error {
	c.Updated = now()
	d.setClock(&c)
	return conversations().Put(tx, c)
}

// heard has the conversation know of a new message of the customer.
func (d *Desk) heard(c *Conversation, m Message) {
	c.Unread++
	if c.WaitingSince.IsZero() {
		c.WaitingSince, c.Called, c.Reminded = m.At, now(), false
	}
	if c.State == Waiting {
		c.State = Claimed
	}
	if m.Late {
		return
	}
	c.LastIn, c.LastInID, c.Encrypted = m.At, m.XID, m.Encrypted
	switch {
	case m.Encrypted:
		c.Last = "🔒 Encrypted message"
	case strings.TrimSpace(m.Text) == "" && len(m.Files) > 0:
		c.Last = "📎 " + fileName(m.Files[0])
	default:
		c.Last = preview(m.Text)
	}
}

// meet keeps what is known of a person on X. Facts that did not come along
// this time stay.
func (d *Desk) meet(tx store.Tx, account string, p Contact, at time.Time) (Contact, error) {
	old, ok, err := contacts().Find(tx, store.Key(account, p.ID))
	if err != nil {
		return Contact{}, err
	}
	p.Account, p.First, p.Last = account, at, at
	if ok {
		if p.Handle == "" {
			p.Handle = old.Handle
		}
		if p.Name == "" {
			p.Name = old.Name
		}
		if p.AvatarURL == "" {
			p.AvatarURL = old.AvatarURL
		}
		if p.Followers == 0 {
			p.Followers = old.Followers
		}
		p.First = old.First
		if old.Last.After(at) {
			p.Last = old.Last
		}
	}
	return p, contacts().Put(tx, p)
}

// conversation finds the one that the message belongs to: the open one, the
// last one if it ended not long ago, or a new one (fresh), which has no card yet.
func (d *Desk) conversation(tx store.Tx, in Inbound, s Settings) (c Conversation, fresh bool, err error) {
	root := ""
	if in.Kind == Mention {
		root = in.XConversation
		if root == "" {
			root = in.XID
		}
	}
	c, ok, err := d.find(tx, in.Account, in.Kind, in.From.ID, root)
	if err != nil {
		return c, false, err
	}
	switch {
	case ok && c.Open():
		if c.XConversation == "" {
			c.XConversation = in.XConversation
		}
		return c, false, nil
	}
	dep, err := d.route(tx, s)
	if err != nil {
		return c, false, err
	}
	if ok && now().Sub(c.ClosedAt) < d.opt.Reopen && live(c) == live(Conversation{Channel: dep.Channel}) {
		return c, false, d.goOn(tx, &c)
	}
	return Conversation{
		ID: id.New(), Account: in.Account, Kind: in.Kind, Contact: in.From.ID, Root: root, XConversation: in.XConversation,
		State: Queued, Department: dep.ID, Channel: dep.Channel, Opened: now(),
	}, true, nil
}

// find returns the newest conversation of the two.
func (d *Desk) find(tx store.Tx, account string, k Kind, contact, root string) (Conversation, bool, error) {
	at := party(account, k, contact, root)
	c, ok, err := conversations().First(tx, "open", at)
	if err != nil || ok {
		return c, ok, err
	}
	for c, err := range conversations().By(tx, "party", at, store.Range{Reverse: true, Limit: 1}) {
		return c, err == nil, err
	}
	return Conversation{}, false, nil
}

// goOn reopens a conversation because the customer wrote again: for its owner,
// who knows it, if that one is on duty, else for everybody.
func (d *Desk) goOn(tx store.Tx, c *Conversation) error {
	if live(*c) {
		return d.goOnLive(tx, c)
	}
	c.State, c.ClosedAt, c.ClosedBy = Queued, time.Time{}, ""
	c.Owner, c.OwnerName = "", ""
	c.Reopened++
	there := false
	if c.Previous != "" {
		var err error
		if there, err = d.OnDuty(tx, c.Department, c.Previous); err != nil {
			return err
		}
	}
	if there {
		c.State, c.Owner, c.OwnerName = Claimed, c.Previous, c.PreviousName
		return d.note(tx, c, calling([]Duty{{User: c.Owner, Name: c.OwnerName}}, "the customer wrote again, the conversation is open again."))
	}
	onDuty, err := d.Who(tx, c.Department)
	if err != nil {
		return err
	}
	if len(onDuty) == 0 {
		return d.note(tx, c, line("The customer wrote again: the conversation is open again. Claim it to answer."))
	}
	return d.note(tx, c, calling(onDuty, "the customer wrote again: the conversation is open again. Press Claim above to answer."))
}

// callAgents begins the thread of a new conversation: it names those on duty
// and says how to answer.
func (d *Desk) callAgents(tx store.Tx, c *Conversation, onDuty []Duty) error {
	how := "Press Claim above, then answer in this thread. A line that begins with // stays among you."
	if c.Kind == Mention {
		how = "Press Claim above to answer. An answer to a mention is public: you see it before it is posted."
	}
	if len(onDuty) == 0 {
		return d.note(tx, c, line("Nobody is on duty, so the conversation waits here. "+how))
	}
	names := make([]string, 0, len(onDuty))
	spans := make([]bot.Span, 0, 2*len(onDuty)+1)
	for i, x := range onDuty {
		if i > 0 {
			spans = append(spans, bot.Plain(" "))
		}
		spans = append(spans, bot.Mention(x.User))
		names = append(names, x.Name)
	}
	spans = append(spans, bot.Plain(" A customer wrote. "+how))
	return d.note(tx, c, bot.Message{
		Text:   strings.Join(names, ", ") + ": a customer wrote. " + how,
		Blocks: []bot.Block{bot.Para(spans...)},
	})
}

// shown is the customer's message as the thread has it.
func (d *Desk) shown(c Conversation, who Contact, m Message, s Settings) bot.Message {
	msg := bot.Message{Author: author(who), Text: m.Text}
	var small []string
	switch {
	case m.Encrypted:
		msg.Text = "🔒 Encrypted message. Perch can't read it: open it on X, and answer there."
	case m.Deleted:
		return bot.Message{Author: author(who), Text: wasDeleted}
	}
	missing := false
	for i, f := range m.Files {
		if why := s.unshown(f, i); why != "" {
			small = append(small, "📎 "+fileName(f)+" is not shown: "+why+". It is on X.")
			missing = true
			continue
		}
		small = append(small, "📎 "+fileName(f))
	}
	if strings.TrimSpace(msg.Text) == "" {
		msg.Text = strings.Join(small, "\n")
		if msg.Text == "" {
			msg.Text = "The message has no text. Open it on X."
		}
		small = nil
	}
	if m.Late {
		small = append(small, "Written at "+clock(m.At)+", delivered late by X.")
	}
	if !m.EditedAt.IsZero() {
		small = append(small, "Edited on X by its author at "+clock(m.EditedAt)+".")
	}
	open := m.Encrypted || c.Kind == Mention || missing
	if len(small) == 0 && !open {
		return msg
	}
	msg.Blocks = []bot.Block{bot.Para(bot.Plain(msg.Text))}
	for _, t := range small {
		msg.Blocks = append(msg.Blocks, bot.Context(bot.Plain(t)))
	}
	if open {
		msg.Blocks = append(msg.Blocks, bot.Actions(openButton(c, who, m)))
	}
	return msg
}

// openButton leads to the message on X.
func openButton(c Conversation, who Contact, m Message) bot.Button {
	b := bot.Button{ID: "desk.open", Label: "Open on X", URL: address(c, who)}
	if c.Kind == Mention && !m.Encrypted {
		b.URL = PostURL(who.Handle, m.XID)
	}
	return b
}

func fileName(f File) string {
	switch {
	case f.Name != "" && f.Type != "":
		return f.Name + " (" + f.Type + ")"
	case f.Name != "":
		return f.Name
	case f.Type != "":
		return "a file (" + f.Type + ")"
	}
	return "a file"
}

// greet answers the customer by itself, at most once a message: that nobody is
// there, or the welcome, which a conversation gets once. A mention is never
// answered so: it would be public.
func (d *Desk) greet(tx store.Tx, c *Conversation, m Message, s Settings, served bool) error {
	if c.Kind != DM || m.Encrypted {
		return nil
	}
	if !served && c.Owner == "" && s.ServiceUnavailable != "" {
		if !c.Unavailable.IsZero() && now().Sub(c.Unavailable) < d.opt.Unavailable {
			return nil
		}
		c.Unavailable, c.Welcomed = now(), true
		return d.auto(tx, c, s.ServiceUnavailable, "Nobody is on duty. The customer was told: ")
	}
	if c.Welcomed || s.Welcome == "" {
		return nil
	}
	c.Welcomed = true
	return d.auto(tx, c, s.Welcome, "The customer was welcomed: ")
}
