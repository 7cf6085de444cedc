package webchat

import (
	"context"
	"strings"
	"time"

	"github.com/perch-chat/perch/bot"
)

var (
	_ bot.Historian = (*Adapter)(nil)
	_ bot.Pinner    = (*Adapter)(nil)
)

// said is what was told of a message when a person wrote it, without the
// trigger. An event has the number of the message that it tells of.
func (a *Adapter) said(m *message) bot.Event {
	u := a.users[m.User]
	ev := bot.Event{
		ID: strings.TrimPrefix(string(m.Ref), Platform+":m:"), Platform: Platform, Kind: bot.EventMessage, At: m.At,
		User:    bot.User{Ref: u.Ref, Name: u.Name, Handle: u.Handle},
		Channel: m.Channel, Message: m.Ref, Thread: m.Thread, Text: m.Text, Files: a.botFiles(m.Files),
	}
	if ch := a.st.channels[m.Channel]; ch != nil {
		ev.ChannelName = ch.Name
	}
	if rest, ok := a.mentioned(m.Text); ok {
		order(&ev, rest)
	}
	return ev
}

// order makes a command of the words behind a mention.
func order(ev *bot.Event, words string) {
	ev.Kind, ev.Text = bot.EventCommand, words
	if c := wordRE.FindStringSubmatch(words); c != nil {
		ev.Command, ev.Text = "/"+strings.ToLower(c[1]), strings.TrimSpace(c[2])
	}
}

// History reads what people wrote in a thread after a time. Nothing is ever
// missed here, so that edits, which were told, are not told again.
func (a *Adapter) History(ctx context.Context, thread bot.MessageRef, after time.Time, limit int) ([]bot.Event, error) {
	if err := begin(ctx); err != nil {
		return nil, err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if root, ok := a.st.messages[thread]; !ok || root.Only != "" {
		return nil, refused("message_not_found", "The message does not exist any more.")
	}
	var out []bot.Event
	for _, m := range a.st.sortedMessages() {
		_, person := a.users[m.User]
		if m.Thread != thread && m.Ref != thread || !person || m.User == a.o.Bot.Ref || m.Only != "" || m.Deleted || !m.At.After(after) || len(out) >= limit {
			continue
		}
		out = append(out, a.said(m))
	}
	return out, nil
}

// Pin marks a message as pinned to its channel, or takes the mark away.
func (a *Adapter) Pin(ctx context.Context, ref bot.MessageRef, on bool) error {
	if err := begin(ctx); err != nil {
		return err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	m, ok := a.st.messages[ref]
	if !ok || m.Deleted || m.Only != "" {
		return refused("message_not_found", "The message does not exist any more.")
	}
	if m.Pinned == on {
		return nil
	}
	n := *m
	n.Pinned = on
	return stored(a.commitLocked(record{Message: &n}))
}
