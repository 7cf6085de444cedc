package desk

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/perch-chat/perch/bot"
	"github.com/perch-chat/perch/internal/id"
	"github.com/perch-chat/perch/internal/outbox"
	"github.com/perch-chat/perch/store"
)

// HandleEvent takes what happened in a chat, if it is about a conversation:
// handled says so. An event may come twice.
func (d *Desk) HandleEvent(tx store.Tx, ev bot.Event) (handled bool, err error) {
	switch ev.Kind {
	case bot.EventCommand:
		return d.onCommand(tx, ev)
	case bot.EventReaction:
		return d.onReaction(tx, ev)
	case bot.EventReactionGone:
		return false, d.forgetSign(tx, ev)
	case bot.EventReactions:
		return d.onReactions(tx, ev)
	case bot.EventInstalled:
		return false, d.lookAnew(tx, ev)
	case bot.EventGap:
		return false, d.onGap(tx, ev)
	case bot.EventGroup:
		return false, d.onGroup(tx, ev)
	case bot.EventTaken, bot.EventTransferred, bot.EventHold, bot.EventClosed:
		return d.onRoom(tx, ev)
	case bot.EventMessage:
		return d.onMessage(tx, ev)
	case bot.EventMessageEdited:
		return d.onEdited(tx, ev)
	case bot.EventMessageDeleted:
		return d.onDeleted(tx, ev)
	case bot.EventAction:
		return d.onAction(tx, ev)
	case bot.EventSubmit:
		return d.onSubmit(tx, ev)
	default:
		return false, nil
	}
}

// justPosted is how long after its beginning a conversation may have a card
// that people see and the desk doesn't know the ref of.
const justPosted = time.Minute

// notYet has the inbox come again: the thread may be of a conversation whose
// card was posted a moment ago, or which is on its way into a room.
type notYet struct{}

func (notYet) Error() string {
	return "desk: the thread may be of a conversation whose card is just being posted"
}

// NotYet tells the inbox that nothing is wrong.
func (notYet) NotYet() bool { return true }

var errNotYet error = notYet{}

// thread finds the conversation that a thread is of.
func (d *Desk) thread(tx store.Tx, ev bot.Event) (Conversation, bool, error) {
	if ev.Thread == "" {
		return Conversation{}, false, nil
	}
	c, ok, err := conversations().First(tx, "thread", store.Key(string(ev.Thread)))
	if err != nil || ok {
		return c, ok, err
	}
	if ev.Live {
		return Conversation{}, false, d.entering(tx, ev)
	}
	for c, err := range conversations().By(tx, "unposted", store.Key(string(ev.Channel)), store.Range{}) {
		if err != nil {
			return Conversation{}, false, err
		}
		posting, err := d.posting(tx, c)
		if err != nil {
			return Conversation{}, false, err
		}
		if posting {
			return Conversation{}, false, errNotYet
		}
	}
	return Conversation{}, false, nil
}

// posting reports whether people may see a conversation's card that the desk
// doesn't know the ref of: it is new, or it waited and is on its way now.
func (d *Desk) posting(tx store.Tx, c Conversation) (bool, error) {
	if now().Sub(c.CardAt) < justPosted {
		return true, nil
	}
	a, err := d.ob.Get(tx, c.CardID)
	if errors.Is(err, store.ErrNotFound) {
		return false, nil
	}
	return err == nil && a.State == outbox.Attempting && now().Sub(a.Updated) < justPosted, err
}

func (d *Desk) onMessage(tx store.Tx, ev bot.Event) (bool, error) {
	c, ok, err := d.thread(tx, ev)
	if err != nil || !ok {
		return false, err
	}
	if _, known, err := messages().First(tx, "chat", store.Key(string(ev.Message))); err != nil || known {
		return true, err
	}
	if err := d.seen(tx, &c, ev.At); err != nil {
		return true, err
	}
	m := newMessage(c, ev)
	return true, d.judge(tx, ev, &c, &m)
}

// newMessage is what somebody wrote in the chat.
func newMessage(c Conversation, ev bot.Event) Message {
	m := Message{
		ID: id.New(), Conversation: c.ID, Account: c.Account, Kind: c.Kind, Origin: Agent,
		Text: strings.TrimSpace(ev.Text), At: ev.At.UTC(),
		Author: ev.User.Ref, AuthorName: named(ev.User), AuthorHandle: ev.User.Handle, ChatRef: ev.Message,
	}
	if ev.At.IsZero() {
		m.At = now()
	}
	m.Colleagues = colleagues(ev)
	for _, f := range ev.Files {
		m.Files = append(m.Files, File{Name: f.Name, Type: f.Type, Size: f.Size, URL: f.URL, Alt: f.Alt, Platform: ev.Platform, ID: f.ID})
	}
	return m
}

// colleagues are the people and groups of the team whom a text names: who calls
// a colleague writes to them, not to the customer.
func colleagues(ev bot.Event) (names []string) {
	for _, n := range ev.Names {
		if n.Text != "" && (n.User != "" || n.Group != "") && !slices.Contains(names, n.Text) {
			names = append(names, n.Text)
		}
	}
	return names
}

// orderRE finds what looks like a command. Some chats hand those on as words
// that they don't know.
var orderRE = regexp.MustCompile(`^[/!][a-zA-Z][\w-]*(?:\s|$)`)

// aside says why words may be meant for somebody else than the customer, or nothing.
func aside(m Message) string {
	if len(m.Colleagues) > 0 {
		return "names " + strings.Join(m.Colleagues, " and ")
	}
	if word := strings.TrimSpace(orderRE.FindString(m.Text)); word != "" {
		return "begins with " + short(word) + ", as a command does"
	}
	return ""
}

// internal reports whether the text is for agents only.
func internal(text string) bool {
	text = strings.TrimSpace(text)
	for _, prefix := range []string{"note:", "//", ";;", "🔒", ":lock:"} {
		if len(text) >= len(prefix) && strings.EqualFold(text[:len(prefix)], prefix) {
			return true
		}
	}
	return false
}

// judge decides what becomes of what somebody wrote in the thread: it is
// sent, it stays inside, or its author is told what to do first.
func (d *Desk) judge(tx store.Tx, ev bot.Event, c *Conversation, m *Message) error {
	s, err := d.Settings(tx)
	if err != nil {
		return err
	}
	if err := d.dropOffer(tx, m); err != nil {
		return err
	}
	if live(*c) {
		return d.judgeLive(tx, ev, c, m, s)
	}
	isAgent, err := d.IsAgent(tx, m.Author)
	if err != nil {
		return err
	}
	switch {
	case internal(m.Text):
		m.Direction, m.Delivery, m.Reason = Note, "", ""
		if err := d.mark(tx, *c, m, markNote); err != nil {
			return err
		}
		return messages().Put(tx, *m)
	case !isAgent:
		m.Direction, m.Delivery = Note, ""
		if err := messages().Put(tx, *m); err != nil {
			return err
		}
		return d.tell(tx, ev, "Not sent to the customer: only agents can answer. Ask an admin to make you one.")
	}
	m.Direction = Out
	if why := d.unsendable(ev, *c, *m, s); why != "" {
		m.Delivery, m.Reason = Refused, why
		if err := messages().Put(tx, *m); err != nil {
			return err
		}
		return d.tell(tx, ev, "Not sent. "+why)
	}
	if c.Open() && c.Owner == m.Author && c.Kind == DM && aside(*m) == "" {
		return d.sendKept(tx, c, m, s)
	}
	m.Delivery = Unsent
	return d.offer(tx, ev, *c, m)
}

// offer tells the author why words stay here, with buttons for what they meant.
// It stores m.
func (d *Desk) offer(tx store.Tx, ev bot.Event, c Conversation, m *Message) error {
	text, label := whyUnsent(c, *m)
	var after time.Time
	if c.Open() && c.Owner == "" && !live(c) {
		after = now().Add(claimLag)
	}
	offer, err := d.tellAt(tx, ev, after, text,
		bot.Button{ID: "desk.send", Label: label, Value: m.ID, Style: bot.ButtonPrimary},
		bot.Button{ID: "desk.keep", Label: "Keep internal", Value: m.ID})
	if err != nil {
		return err
	}
	m.Offer, m.OfferOwner = offer, c.Owner
	return messages().Put(tx, *m)
}

// whyUnsent says why words stay here and what the button does about it.
func whyUnsent(c Conversation, m Message) (text, label string) {
	act := "send"
	if c.Kind == Mention {
		act = "preview"
	}
	doubt := "Not sent yet: it " + aside(m) + ", and the customer would read that."
	switch {
	case live(c):
		return doubt, "Send anyway"
	case !c.Open():
		return "Not sent. This conversation is closed.", "Reopen and " + act
	case c.Owner == "":
		return "Not sent. Claim this conversation to answer.", "Claim and " + act
	case c.Owner != m.Author:
		return "Not sent. " + c.OwnerName + " has this conversation.", "Take over and " + act
	case aside(m) != "" && c.Kind == DM:
		return doubt, "Send anyway"
	case c.Kind == DM:
		return "Not sent yet. Is the customer to get it?", "Send"
	}
	return "Not posted yet. An answer to a mention is public: look at it first.", "Preview"
}

// unsendable says why nobody could send it as it is, or nothing.
func (d *Desk) unsendable(ev bot.Event, c Conversation, m Message, s Settings) string {
	if ev.Thread != "" && ev.Thread != c.CardRef {
		if ev.Channel == c.Channel {
			return "This conversation goes on in another thread. Answer there."
		}
		return "This conversation goes on in another channel. Answer there."
	}
	if c.Encrypted {
		return "This chat is encrypted, so Perch can't answer in it. Answer on X."
	}
	if why := s.unsendableFiles(c.Kind, m.Files); why != "" {
		return why
	}
	return tooLong(c, m, s)
}

// tooLong says what is wrong with the text, or nothing.
func tooLong(c Conversation, m Message, s Settings) string {
	if strings.TrimSpace(m.Text) == "" && len(m.Files) == 0 {
		return "There is no text to send. Write some."
	}
	if c.Kind == Mention {
		return "" // the preview counts, by X's rules for posts
	}
	if n := utf8.RuneCountInString(signed(s, m)); n > MaxText {
		return fmt.Sprintf("It has %s characters; X takes %s. Shorten it by %s and edit the message, or send it in parts.",
			thousands(n), thousands(MaxText), thousands(n-MaxText))
	}
	return ""
}

func (d *Desk) onEdited(tx store.Tx, ev bot.Event) (bool, error) {
	m, ok, err := messages().First(tx, "chat", store.Key(string(ev.Message)))
	if err != nil {
		return false, err
	}
	if !ok {
		return d.orderEdited(tx, ev)
	}
	text := strings.TrimSpace(ev.Text)
	if text == m.Text {
		return true, nil
	}
	c, err := d.Get(tx, m.Conversation)
	if err != nil {
		return true, err
	}
	if ev.Thread == "" {
		ev.Thread = c.CardRef
	}
	switch m.Delivery {
	case Unsent, Refused:
		m.Text, m.Colleagues = text, colleagues(ev)
		return true, d.judge(tx, ev, &c, &m)
	case Sending:
		return true, d.editQueued(tx, ev, c, m, text)
	case Failed, Stuck:
		m.Text = text
		if err := messages().Put(tx, m); err != nil {
			return true, err
		}
		return true, d.tell(tx, ev, "Changed. Press Retry to send the new text.")
	case Sent:
		if text == m.EditedText {
			return true, nil // it was told
		}
		m.EditedText = text
		if err := messages().Put(tx, m); err != nil {
			return true, err
		}
		return true, d.tell(tx, ev, "The customer still sees your first text: "+quotation(short(m.Text))+" "+
			"X can't change a message that was sent. Write a new one to correct it.")
	case Withdrawn:
	}
	wasNote := m.Direction == Note && internal(m.Text)
	m.Text = text // or a note
	if wasNote && !internal(text) && live(c) {
		return true, errors.Join(d.tell(tx, ev, "This stays among you. Write it anew to send it to the customer."), messages().Put(tx, m))
	}
	if !wasNote || internal(text) || m.Author != ev.User.Ref {
		return true, messages().Put(tx, m)
	}
	isAgent, err := d.IsAgent(tx, m.Author)
	if err != nil || !isAgent {
		return true, errors.Join(err, messages().Put(tx, m))
	}
	return true, d.noMoreNote(tx, ev, c, m)
}

// noMoreNote asks what is to become of a note whose author took the sign of it
// away: to send it without a question would surprise some.
func (d *Desk) noMoreNote(tx store.Tx, ev bot.Event, c Conversation, m Message) error {
	m.Direction, m.Delivery = Out, Unsent
	if err := d.mark(tx, c, &m, ""); err != nil {
		return err
	}
	return d.offer(tx, ev, c, &m)
}

// editQueued changes what goes out, if it has not gone yet.
func (d *Desk) editQueued(tx store.Tx, ev bot.Event, c Conversation, m Message, text string) error {
	s, err := d.Settings(tx)
	if err != nil {
		return err
	}
	was := m
	names := colleagues(ev)
	m.Text, m.Colleagues = text, names
	if internal(text) || c.Kind == Mention || len(names) > len(was.Colleagues) || aside(was) == "" && aside(m) != "" {
		if _, err := d.ob.Cancel(tx, m.Action, string(ev.User.Ref)); err != nil {
			return d.tooLate(tx, ev, was, err)
		}
		if err := d.withdrawMore(tx, ev, m); err != nil {
			return err
		}
		if m, c, err = d.message(tx, m.ID); err != nil { // as the withdrawal left it
			return err
		}
		m.Text, m.Colleagues = text, names
		return d.judge(tx, ev, &c, &m)
	}
	if why := tooLong(c, m, s); why != "" {
		return d.tell(tx, ev, "Not changed: your first text still goes out. "+why)
	}
	if _, err := d.ob.SetPayload(tx, m.Action, dmPayload(c, m, s)); err != nil {
		return d.tooLate(tx, ev, was, err)
	}
	return messages().Put(tx, m)
}

func (d *Desk) onDeleted(tx store.Tx, ev bot.Event) (bool, error) {
	m, ok, err := messages().First(tx, "chat", store.Key(string(ev.Message)))
	if err != nil || !ok || m.Gone {
		return ok, err
	}
	m.Gone = true
	if err := messages().Put(tx, m); err != nil {
		return true, err
	}
	if ev.Thread == "" {
		c, err := d.Get(tx, m.Conversation)
		if err != nil {
			return true, err
		}
		if live(c) || ev.User.Ref == "" {
			ev.Thread = c.CardRef
		}
		if ev.User.Ref == "" && !live(c) { // not every chat knows who it was: the author, for all we know
			ev.User = bot.User{Ref: m.Author, Name: m.AuthorName, Handle: m.AuthorHandle}
		}
	}
	switch m.Delivery {
	case Unsent, Refused:
		if err := d.dropOffer(tx, &m); err != nil {
			return true, err
		}
		m.Delivery = Withdrawn
		return true, messages().Put(tx, m)
	case Sending, Failed:
		if err := d.withdrawMore(tx, ev, m); err != nil {
			return true, err
		}
		if _, err := d.ob.Cancel(tx, m.Action, string(ev.User.Ref)); err != nil {
			return true, d.tooLate(tx, ev, m, err)
		}
	case Sent, Stuck:
		if err := d.withdrawMore(tx, ev, m); err != nil {
			return true, err
		}
		return true, d.tell(tx, ev, customerHasIt(m))
	case Withdrawn:
	}
	return true, nil
}

func customerHasIt(m Message) string {
	if m.Kind == Mention {
		return "The answer is still on X: " + quotation(m.said()) + " Delete it there."
	}
	if m.Delivery == Stuck {
		return "The customer may have this message: " + quotation(m.said()) + " X did not say whether it arrived."
	}
	return "The customer still has this message: " + quotation(m.said()) + " X has no way to take it back from them."
}
