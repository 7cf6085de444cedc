package desk

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/perch-chat/perch/bot"
	"github.com/perch-chat/perch/internal/accounts"
	"github.com/perch-chat/perch/internal/id"
	"github.com/perch-chat/perch/internal/outbox"
	"github.com/perch-chat/perch/store"
)

// soon is how long an answer may wait before its agent is told why.
const soon = 5 * time.Second

// signed is the text as the customer gets it.
func signed(s Settings, m Message) string {
	if m.Origin != Agent || m.Part != "" {
		return m.Text
	}
	switch s.AgentsDisplayName {
	case NameName:
		if m.AuthorName != "" {
			return strings.TrimLeft(m.Text+"\n^"+m.AuthorName, "\n")
		}
	case NameUsername:
		if m.AuthorHandle != "" {
			return strings.TrimLeft(m.Text+"\n^"+m.AuthorHandle, "\n")
		}
	}
	return m.Text
}

// auto sends the customer a message by itself and shows it in the thread
// behind intro.
func (d *Desk) auto(tx store.Tx, c *Conversation, text, intro string) error {
	m := Message{
		ID: id.New(), Conversation: c.ID, Account: c.Account, Kind: c.Kind, Direction: Out, Origin: Bot,
		Text: text, At: now(),
	}
	if !live(*c) || c.Open() { // nothing can be said in a room that is closed
		m.ChatKey = "desk:auto:" + m.ID
		if err := d.say(tx, *c, m.ChatKey, line(intro+"“"+preview(text)+"”")); err != nil {
			return err
		}
	}
	if err := d.addDM(tx, *c, &m, Settings{}); err != nil {
		return err
	}
	return messages().Put(tx, m)
}

// send queues an agent's answer. It stores neither m nor c.
func (d *Desk) send(tx store.Tx, c *Conversation, m *Message, s Settings) error {
	m.Direction, m.Reason, m.Delayed = Out, "", false
	if err := d.addDM(tx, *c, m, s); err != nil {
		return err
	}
	if err := d.sendMore(tx, *c, m, s); err != nil {
		return err
	}
	if err := d.mark(tx, *c, m, markSending); err != nil {
		return err
	}
	a, err := d.ob.Get(tx, m.Action)
	if err != nil {
		return err
	}
	if err := d.explainDelay(tx, *c, m, a); err != nil {
		return err
	}
	answered(c)
	return d.editCard(tx, c)
}

// sendKept is send that stores both.
func (d *Desk) sendKept(tx store.Tx, c *Conversation, m *Message, s Settings) error {
	if err := d.send(tx, c, m, s); err != nil {
		return err
	}
	if err := messages().Put(tx, *m); err != nil {
		return err
	}
	return d.put(tx, *c)
}

func (d *Desk) addDM(tx store.Tx, c Conversation, m *Message, s Settings) error {
	m.Tries++
	lanes := accounts.Lanes(c.Account, "dm")
	if len(m.Files) > 0 {
		lanes = append(lanes, mediaLane(c.Account))
	}
	var expires time.Time
	if m.Origin == Agent {
		expires = now().Add(d.opt.AnswerLife)
	}
	a, _, err := d.ob.Add(tx, outbox.Action{
		Kind: accounts.KindDM, Key: fmt.Sprintf("desk:dm:%s:%d", m.ID, m.Tries),
		Order: "x.dm:" + c.Account + ":" + c.Contact, Lanes: lanes,
		Subject: "message:" + m.ID, CreatedBy: string(m.Author), Expires: expires,
		Payload: dmPayload(c, *m, s),
	})
	if err != nil {
		return fmt.Errorf("add direct message: %w", err)
	}
	m.Action, m.Delivery = a.ID, Sending
	return nil
}

// answered says that it is the customer's turn.
func answered(c *Conversation) {
	c.WaitingSince, c.Unread, c.Finished = time.Time{}, 0, false
	if c.State == Claimed {
		c.State = Waiting
	}
	if c.FirstAnswer.IsZero() {
		c.FirstAnswer = now()
	}
}

// unanswered says that the customer still waits.
func unanswered(c *Conversation, m Message) {
	if m.Origin != Agent {
		return
	}
	if c.State == Waiting {
		c.State = Claimed
	}
	if c.Open() && c.WaitingSince.IsZero() {
		c.WaitingSince, c.Called, c.Reminded = c.LastIn, now(), false
	}
}

// explainDelay tells the thread, once a message, when it goes out and why not now.
func (d *Desk) explainDelay(tx store.Tx, c Conversation, m *Message, a outbox.Action) error {
	if m.Delayed || m.Origin != Agent || a.State != outbox.Queued {
		return nil
	}
	at, why, err := d.ob.When(tx, a)
	if err != nil {
		return err
	}
	return d.explain(tx, c, m, at, why)
}

// explain is explainDelay with what is known already; the zero time is one
// that nobody knows.
func (d *Desk) explain(tx store.Tx, c Conversation, m *Message, at time.Time, why string) error {
	if why == "" || m.Part != "" || !at.IsZero() && time.Until(at) < soon {
		return nil
	}
	m.Delayed = true
	text := "⏳ Not sent yet. " + why
	if !at.IsZero() {
		text = "⏳ Goes out about " + clock(at) + ". " + why
	}
	if err := d.settleNotice(tx, c, m, "It waits: see below."); err != nil {
		return err
	}
	return d.notice(tx, c, m, text, bot.Button{ID: "desk.discard", Label: "Don't send", Value: m.ID})
}

// ActionChanged follows what the desk had sent. It is to be registered with
// the outbox's OnChange.
func (d *Desk) ActionChanged(tx store.Tx, was outbox.State, a outbox.Action) error {
	if was == "" { // just added, by whoever is now storing what it belongs to
		return nil
	}
	if a.Kind == bot.KindUpload {
		return d.uploadChanged(tx, a)
	}
	if conv, ok := strings.CutPrefix(a.Subject, "conversation:"); ok {
		return d.shownChanged(tx, conv, a)
	}
	if handled, err := d.looksChanged(tx, a); err != nil || handled {
		return err
	}
	msg, ok := strings.CutPrefix(a.Subject, "message:")
	if !ok || a.Kind != accounts.KindDM && a.Kind != accounts.KindPost {
		return nil
	}
	m, ok, err := messages().Find(tx, store.Key(msg))
	if err != nil || !ok || m.Action != a.ID {
		return err // of somebody else, or replaced by another try
	}
	c, err := d.Get(tx, m.Conversation)
	if err != nil {
		return err
	}
	if err := d.delivered(tx, &c, &m, was, a); err != nil {
		return err
	}
	if err := d.settleAsked(tx, &m, a); err != nil {
		return err
	}
	if err := messages().Put(tx, m); err != nil {
		return err
	}
	return d.put(tx, c)
}

// shownChanged follows what is shown of a conversation.
func (d *Desk) shownChanged(tx store.Tx, conversationID string, a outbox.Action) error {
	switch a.Kind {
	case bot.KindEnter, bot.KindLeave, bot.KindServe:
		return d.roomChanged(tx, conversationID, a)
	}
	if a.Kind == bot.KindPost && a.State == outbox.Failed {
		c, ok, err := conversations().Find(tx, store.Key(conversationID))
		if err != nil {
			return err
		}
		if ok && live(c) {
			return d.unsaid(tx, c, a)
		}
	}
	switch {
	case cardGone(a):
		return d.regain(tx, conversationID, a)
	case a.Kind != bot.KindPost:
		return nil
	case a.State == outbox.Done && strings.HasPrefix(a.Key, "desk:card:"):
		return d.cardPosted(tx, conversationID, a)
	case a.State == outbox.Failed: // the channel may have become another
		c, ok, err := conversations().Find(tx, store.Key(conversationID))
		if err != nil || !ok {
			return err
		}
		return d.lookSoon(tx, c.Channel)
	}
	return nil
}

// looksChanged takes in what the desk asked of the chat.
func (d *Desk) looksChanged(tx store.Tx, a outbox.Action) (handled bool, err error) {
	if !strings.HasPrefix(a.Key, "desk:") {
		return false, nil
	}
	switch a.Kind {
	case bot.KindInspect:
		if dep, ok := strings.CutPrefix(a.Subject, departmentSubject); ok {
			return true, d.lookedInChat(tx, dep, a)
		}
		return true, d.looked(tx, bot.ChannelRef(strings.TrimPrefix(a.Subject, "channel:")), a)
	case bot.KindPerson:
		return true, d.learned(tx, a)
	case bot.KindMembers:
		return true, d.read(tx, bot.GroupRef(strings.TrimPrefix(a.Subject, "group:")), a)
	}
	return false, nil
}

// cardPosted keeps where the card is.
func (d *Desk) cardPosted(tx store.Tx, conversationID string, a outbox.Action) error {
	var r bot.PostResult
	if err := json.Unmarshal(a.Result, &r); err != nil {
		return fmt.Errorf("result of %s: %w", a.Key, err)
	}
	c, ok, err := conversations().Find(tx, store.Key(conversationID))
	if err != nil || !ok || r.Ref == "" {
		return err
	}
	if a.ID == c.CardID {
		c.CardRef = r.Ref
	} else {
		c.OldCards = append(c.OldCards, r.Ref) // it was moved before its first card was posted
	}
	return d.put(tx, c)
}

// delivered shows what became of a message. The caller stores m and c.
func (d *Desk) delivered(tx store.Tx, c *Conversation, m *Message, was outbox.State, a outbox.Action) error {
	switch a.State {
	case outbox.Queued:
		return d.requeued(tx, c, m, was, a)
	case outbox.Attempting:
		m.Delivery = Sending
		return nil
	case outbox.Done:
		return d.done(tx, c, m, a)
	case outbox.Failed:
		return d.failed(tx, c, m, a)
	case outbox.Cancelled:
		m.Delivery = Withdrawn
		unanswered(c, *m)
		if err := d.mark(tx, *c, m, ""); err != nil {
			return err
		}
		if err := d.settleNotice(tx, *c, m, discarded(a.Kind == accounts.KindPost)); err != nil {
			return err
		}
		return d.editCard(tx, c)
	case outbox.Unknown:
		if a.Stuck {
			return d.stuck(tx, c, m, a)
		}
	case outbox.Draft, outbox.Awaiting:
	}
	return nil
}

func (d *Desk) requeued(tx store.Tx, c *Conversation, m *Message, was outbox.State, a outbox.Action) error {
	m.Delivery, m.Reason = Sending, ""
	if was == outbox.Failed || was == outbox.Unknown || was == outbox.Draft {
		m.Delayed = false
		text := "⏳ Sending it again: "
		if was == outbox.Draft {
			text = "⏳ Posting: "
		}
		if err := d.turnNotice(tx, *c, m, text+quotation(m.said())); err != nil {
			return err
		}
		if err := d.showMark(tx, c, m, markSending); err != nil {
			return err
		}
		if m.Origin == Agent {
			answered(c)
			if err := d.editCard(tx, c); err != nil {
				return err
			}
		}
	}
	return d.explainDelay(tx, *c, m, a)
}

// showMark is mark for what an agent wrote: automatic messages are marked only
// for trouble, and not again when that is over.
func (d *Desk) showMark(tx store.Tx, c *Conversation, m *Message, emoji string) error {
	if m.Origin == Bot && emoji != markTrouble {
		emoji = ""
	}
	return d.mark(tx, *c, m, emoji)
}

func (d *Desk) done(tx store.Tx, c *Conversation, m *Message, a outbox.Action) error {
	m.Delivery, m.Reason = Sent, ""
	xid, url := "", ""
	switch a.Kind {
	case accounts.KindDM:
		var r accounts.XDMSent
		if err := json.Unmarshal(a.Result, &r); err == nil {
			xid = r.EventID
			if c.XConversation == "" {
				c.XConversation = r.ConversationID
			}
		}
	case accounts.KindPost:
		var r accounts.XPosted
		if err := json.Unmarshal(a.Result, &r); err == nil {
			xid, url = r.ID, r.URL
		}
	}
	if xid != "" {
		if err := d.own(tx, *c, m, xid); err != nil {
			return err
		}
	}
	if err := d.showMark(tx, c, m, markSent); err != nil {
		return err
	}
	if url == "" {
		return d.settleNotice(tx, *c, m, "✅ Sent: "+quotation(m.said()))
	}
	posted := bot.Message{Text: "✅ Posted: " + url, Blocks: []bot.Block{bot.Para(bot.Plain("✅ Posted: "), bot.Link(url, url))}}
	if m.Notice == "" {
		return d.note(tx, c, posted)
	}
	key := m.Notice
	m.Notice = ""
	return d.editNotice(tx, *c, key, "settled", posted)
}

// own gives the message X's id. Somebody else may have it: the echo of this
// very message, that came first and was taken for an answer on x.com.
func (d *Desk) own(tx store.Tx, c Conversation, m *Message, xid string) error {
	other, ok, err := messages().First(tx, "x", store.Key(m.Account, string(m.Kind), xid))
	if err != nil {
		return err
	}
	if ok && other.ID != m.ID {
		if other.Origin == NativeX {
			err = messages().Delete(tx, store.Key(other.ID))
			if err == nil {
				err = d.unsay(tx, c, other)
			}
		} else { // the same words twice, whose echoes came in another order
			other.XID = ""
			err = messages().Put(tx, other)
		}
		if err != nil {
			return err
		}
	}
	m.XID = xid
	return nil
}

// unsay deletes what the desk has shown of a message.
func (d *Desk) unsay(tx store.Tx, c Conversation, m Message) error {
	_, _, err := d.ob.Add(tx, outbox.Action{
		Kind: bot.KindDelete, Key: "desk:unsay:" + m.ID, Order: order(c), Payload: encode(bot.Delete{RefOf: m.ChatKey}),
	})
	if err != nil {
		return fmt.Errorf("add deletion: %w", err)
	}
	return nil
}

func (d *Desk) failed(tx store.Tx, c *Conversation, m *Message, a outbox.Action) error {
	m.Delivery, m.Reason = Failed, reason(a)
	unanswered(c, *m)
	if err := d.mark(tx, *c, m, markTrouble); err != nil {
		return err
	}
	if err := d.settleNotice(tx, *c, m, "This could not be sent."); err != nil {
		return err
	}
	if live(*c) && !c.Open() && m.Origin == Bot {
		return nil // a goodbye that X does not take is nobody's to decide about
	}
	if told, err := d.toldOfWhole(tx, *m); err != nil || told {
		return err
	}
	text := "⚠ Not sent: " + quotation(m.said()) + " " + m.Reason
	err := d.notice(tx, *c, m, text,
		bot.Button{ID: "desk.retry", Label: "Retry", Value: m.ID, Style: bot.ButtonPrimary},
		bot.Button{ID: "desk.discard", Label: "Discard", Value: m.ID})
	if err != nil {
		return err
	}
	return d.editCard(tx, c)
}

func (d *Desk) stuck(tx store.Tx, c *Conversation, m *Message, a outbox.Action) error {
	if m.XID != "" && a.Kind == accounts.KindDM { // X has told of it meanwhile
		return d.settled(tx, c, m)
	}
	if m.Delivery == Stuck { // the reason has become another: the question is the same
		return nil
	}
	m.Delivery, m.Reason = Stuck, reason(a)
	if err := d.mark(tx, *c, m, markTrouble); err != nil {
		return err
	}
	if err := d.settleNotice(tx, *c, m, "X did not answer."); err != nil {
		return err
	}
	who, err := d.Contact(tx, *c)
	if err != nil {
		return err
	}
	text := "⚠ X did not say whether this arrived: " + quotation(m.said()) + " Look at the conversation on X, then choose."
	return d.notice(tx, *c, m, text,
		bot.Button{ID: "desk.settle", Label: "It arrived", Value: m.ID, Style: bot.ButtonPrimary},
		bot.Button{ID: "desk.retry", Label: "Retry", Value: m.ID, Confirm: "If it did arrive, the customer gets it twice. Send it again?"},
		bot.Button{ID: "desk.discard", Label: "Discard", Value: m.ID},
		bot.Button{ID: "desk.open", Label: "Open on X", URL: address(*c, who)})
}

// settled ends a stuck message of which X's own event has come. What follows
// from that is done here, because the change that Settle makes sees m as it
// was stored before.
func (d *Desk) settled(tx store.Tx, c *Conversation, m *Message) error {
	if err := messages().Put(tx, *m); err != nil {
		return err
	}
	if err := d.put(tx, *c); err != nil {
		return err
	}
	_, err := d.ob.Settle(tx, m.Action, "x", encode(accounts.XDMSent{EventID: m.XID, ConversationID: c.XConversation}))
	if err != nil {
		return fmt.Errorf("settle direct message: %w", err)
	}
	*m, *c, err = d.message(tx, m.ID)
	return err
}

func reason(a outbox.Action) string {
	if a.Failure == nil || a.Failure.Message == "" {
		return "X gave no reason."
	}
	return a.Failure.Message
}

// short is enough of a text to recognise it.
func short(s string) string {
	s = strings.Join(strings.Fields(s), " ")
	if r := []rune(s); len(r) > 60 {
		return strings.TrimSpace(string(r[:60])) + "…"
	}
	return s
}
