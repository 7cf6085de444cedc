package webchat

import (
	"context"
	"strings"

	"github.com/perch-chat/perch/bot"
)

var (
	_ bot.Directory = (*Adapter)(nil)
	_ bot.Inspector = (*Adapter)(nil)
	_ bot.Reader    = (*Adapter)(nil)
)

// Person tells who somebody is.
func (a *Adapter) Person(ctx context.Context, user bot.UserRef) (bot.User, error) {
	if err := begin(ctx); err != nil {
		return bot.User{}, err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	u, ok := a.users[user]
	if !ok {
		return bot.User{}, refused("user_not_found", "There is no such person in this chat.")
	}
	return bot.User{Ref: u.Ref, Name: u.Name, Handle: u.Handle}, nil
}

// Inspect tells what a channel is. Only those whom the configuration names read
// here, so that every channel is private.
func (a *Adapter) Inspect(ctx context.Context, channel bot.ChannelRef) (bot.Channel, error) {
	if err := begin(ctx); err != nil {
		return bot.Channel{}, err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	ch, ok := a.st.channels[channel]
	if !ok {
		return bot.Channel{}, refused("channel_not_found", "This channel does not exist.")
	}
	return bot.Channel{Ref: ch.Ref, Name: ch.Name, Private: true, Member: true}, nil
}

// ReadMessage reads a message as it is now. Who is no person of this chat has no ref.
func (a *Adapter) ReadMessage(ctx context.Context, ref bot.MessageRef) (bot.Event, error) {
	if err := begin(ctx); err != nil {
		return bot.Event{}, err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	m, ok := a.st.messages[ref]
	if !ok || m.Deleted || m.Only != "" {
		return bot.Event{}, bot.ErrNotFound
	}
	ev := bot.Event{
		// An event has the number of the message that it tells of.
		ID: strings.TrimPrefix(string(m.Ref), Platform+":m:"), Platform: Platform, Kind: bot.EventMessage, At: m.At,
		Channel: m.Channel, Message: m.Ref, Thread: m.Thread, Text: m.Text, Files: a.botFiles(m.Files),
	}
	if ch := a.st.channels[m.Channel]; ch != nil {
		ev.ChannelName = ch.Name
	}
	u, ok := a.users[m.User]
	switch {
	case m.Author != nil:
		ev.User = bot.User{Name: m.Author.Name, Handle: m.Author.Handle}
	case !ok || u.Ref == a.o.Bot.Ref:
		ev.User = bot.User{Name: a.o.Bot.Name, Handle: a.o.Bot.Handle}
	default:
		ev.User = bot.User{Ref: u.Ref, Name: u.Name, Handle: u.Handle}
	}
	return ev, nil
}
