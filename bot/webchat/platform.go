package webchat

import (
	"context"
	"encoding/json"
	"errors"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/perch-chat/perch/bot"
)

// refused is a definite answer: the call had no effect.
func refused(code, message string) error { return &bot.Error{Code: code, Message: message} }

// begin answers a call whose context has already ended: it had no effect.
func begin(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return &bot.Error{Code: "cancelled", Message: "The call was called off before it began.", Temporary: true, Err: err}
	}
	return nil
}

// stored turns an error of commitLocked into a definite one: what could not be
// stored did not happen.
func stored(err error) error {
	var known *bot.Error
	if err == nil || errors.As(err, &known) {
		return err
	}
	return &bot.Error{Code: "not_stored", Message: "The chat could not be written to disk. Look at the log.", Temporary: true, Err: err}
}

// Post sends a message. A known Key sends nothing and returns the first one's ref.
func (a *Adapter) Post(ctx context.Context, m bot.Message) (bot.MessageRef, error) {
	if err := begin(ctx); err != nil {
		return "", err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if ref, ok := a.st.keys[m.Key]; ok && m.Key != "" {
		return ref, nil
	}
	thread, err := a.place(m.Channel, m.Thread)
	if err != nil {
		return "", err
	}
	if m.Only != "" {
		if _, ok := a.users[m.Only]; !ok {
			return "", refused("user_not_found", "This person is not in the built-in chat.")
		}
	}
	if err := fits(m); err != nil {
		return "", err
	}
	msg := &message{
		Ref: bot.MessageRef(Platform + ":m:" + a.st.next()), Number: a.st.seq + 1,
		Channel: m.Channel, Thread: thread, User: a.o.Bot.Ref, Only: m.Only, Key: m.Key,
		Author: m.Author, Text: m.Text, Blocks: m.Blocks, At: time.Now().UTC(),
	}
	return msg.Ref, stored(a.commitLocked(record{Message: msg}))
}

func fits(m bot.Message) error {
	if m.Text == "" && len(m.Blocks) == 0 {
		return refused("no_text", "The message is empty.")
	}
	b, err := json.Marshal(m)
	if err != nil {
		return &bot.Error{Code: "invalid_blocks", Message: "The message can't be shown.", Err: err}
	}
	if len(b) > maxMessage {
		return refused("msg_too_long", "The message is too long for the built-in chat.")
	}
	return nil
}

// own is a message of the bot, to be changed.
func (a *Adapter) own(ref bot.MessageRef) (*message, error) {
	m, ok := a.st.messages[ref]
	if !ok {
		return nil, refused("message_not_found", "The message does not exist any more.")
	}
	if m.User != a.o.Bot.Ref {
		return nil, refused("not_own_message", "Only the bot's own messages can be changed.")
	}
	return m, nil
}

// Edit replaces what a message of the bot says. It stays where it is and
// visible to whom it was.
func (a *Adapter) Edit(ctx context.Context, ref bot.MessageRef, m bot.Message) error {
	if err := begin(ctx); err != nil {
		return err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	old, err := a.own(ref)
	if err != nil {
		return err
	}
	if old.Deleted {
		return refused("message_not_found", "The message was deleted.")
	}
	if err := fits(m); err != nil {
		return err
	}
	n := *old
	n.Text, n.Blocks, n.Author, n.Edited = m.Text, m.Blocks, m.Author, time.Now().UTC()
	return stored(a.commitLocked(record{Message: &n}))
}

// Delete deletes a message of the bot. Deleting it again is not an error.
func (a *Adapter) Delete(ctx context.Context, ref bot.MessageRef) error {
	if err := begin(ctx); err != nil {
		return err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	old, err := a.own(ref)
	if err != nil {
		return err
	}
	if old.Deleted {
		return nil
	}
	return stored(a.commitLocked(record{Message: old.tombstone()}))
}

// tombstone is what stays of a deleted message: its place and its key.
func (m *message) tombstone() *message {
	n := *m
	n.Pinned, n.Deleted, n.Text, n.Blocks, n.Author, n.Reactions, n.Files = false, true, "", nil, nil, nil, nil
	return &n
}

var emojiRE = regexp.MustCompile(`^[a-z0-9_+'-]{1,64}$`)

// React sets or removes a reaction of the bot.
func (a *Adapter) React(ctx context.Context, ref bot.MessageRef, emoji string, on bool) error {
	if err := begin(ctx); err != nil {
		return err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	m, ok := a.st.messages[ref]
	if !ok || m.Deleted {
		return refused("message_not_found", "The message does not exist any more.")
	}
	if !emojiRE.MatchString(emoji) {
		return refused("invalid_name", "This is no name of an emoji.")
	}
	n, changed := m.react(a.o.Bot.Ref, emoji, on)
	if !changed {
		return nil
	}
	return stored(a.commitLocked(record{Message: n}))
}

// FindMessage returns the message that was posted with m's Key.
func (a *Adapter) FindMessage(ctx context.Context, m bot.Message) (bot.MessageRef, error) {
	if err := begin(ctx); err != nil {
		return "", err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	ref, ok := a.st.keys[m.Key]
	if !ok || m.Key == "" {
		return "", bot.ErrNotFound
	}
	return ref, nil
}

// EnsureChannel finds or makes a channel. Everybody in the chat is in every
// channel, private ones too: the list of people is short and fixed.
func (a *Adapter) EnsureChannel(ctx context.Context, name, purpose string, private bool) (bot.ChannelRef, error) {
	if err := begin(ctx); err != nil {
		return "", err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	ref, err := a.ensureChannelLocked(name, purpose, private)
	return ref, stored(err)
}

func (a *Adapter) ensureChannelLocked(name, purpose string, private bool) (bot.ChannelRef, error) {
	s := slug(name)
	if s == "" {
		return "", refused("invalid_name", "A channel's name needs letters or digits.")
	}
	ref := bot.ChannelRef(Platform + ":" + s)
	if _, ok := a.st.channels[ref]; ok {
		return ref, nil
	}
	ch := &channel{Ref: ref, Name: s, Purpose: purpose, Private: private}
	ev := bot.Event{
		ID: a.st.next(), Platform: Platform, Kind: bot.EventJoined, At: time.Now().UTC(),
		User: a.botUser(), Channel: ref, ChannelName: s,
	}
	return ref, a.commitLocked(record{Channel: ch, Event: &ev})
}

func (a *Adapter) botUser() bot.User {
	return bot.User{Ref: a.o.Bot.Ref, Name: a.o.Bot.Name, Handle: a.o.Bot.Handle}
}

// Permalink is the page's address with the message in its fragment.
func (a *Adapter) Permalink(ctx context.Context, ref bot.MessageRef) (string, error) {
	if err := begin(ctx); err != nil {
		return "", err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if m, ok := a.st.messages[ref]; !ok || m.Deleted {
		return "", refused("message_not_found", "The message does not exist any more.")
	}
	return strings.TrimSuffix(a.o.PublicURL, "/") + "/#message=" + url.QueryEscape(string(ref)), nil
}

// openForm is a form that a person sees.
type openForm struct {
	user bot.UserRef
	form bot.Form
	at   time.Time
}

// trigger lets the bot open one form for a person, soon after they did something.
type trigger struct {
	user    bot.UserRef
	expires time.Time
}

// newTrigger makes a trigger and forgets those that are too old.
func (a *Adapter) newTriggerLocked(u bot.UserRef, id string) string {
	now := time.Now()
	for k, t := range a.triggers {
		if now.After(t.expires) {
			delete(a.triggers, k)
		}
	}
	name := Platform + ":t:" + id
	a.triggers[name] = trigger{user: u, expires: now.Add(triggerLife)}
	return name
}

// maxForms is how many forms a person may have open; older ones are closed.
const maxForms = 5

// Open shows a form to the person whose trigger it is. Opening it again with
// the same trigger replaces it.
func (a *Adapter) Open(ctx context.Context, trig string, f bot.Form) error {
	if err := begin(ctx); err != nil {
		return err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	t, ok := a.triggers[trig]
	if !ok || time.Now().After(t.expires) {
		return refused("expired_trigger_id", "The form could not be opened in time. Press the button again.")
	}
	if f.ID == "" || len(f.Inputs) == 0 {
		return refused("invalid_form", "The form has no id or no fields.")
	}
	a.forms["f:"+trig] = openForm{user: t.user, form: f, at: time.Now()}
	var own []string
	for id, of := range a.forms {
		if of.user == t.user {
			own = append(own, id)
		}
	}
	slices.SortFunc(own, func(x, y string) int { return a.forms[x].at.Compare(a.forms[y].at) })
	for len(own) > maxForms {
		delete(a.forms, own[0])
		own = own[1:]
	}
	a.formSeq++
	a.notifyLocked()
	return nil
}
