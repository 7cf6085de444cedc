package webchat

import (
	"context"
	"strings"
	"unicode"

	"github.com/perch-chat/perch/bot"
)

var _ bot.Topicer = (*Adapter)(nil)

const maxTopic = 250 // characters

// SetTopic sets what stands at the head of a channel.
func (a *Adapter) SetTopic(ctx context.Context, channel bot.ChannelRef, topic string) error {
	if err := begin(ctx); err != nil {
		return err
	}
	topic = strings.TrimSpace(strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(topic, "")))
	if r := []rune(topic); len(r) > maxTopic {
		topic = string(r[:maxTopic-1]) + "…"
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	ch, ok := a.st.channels[channel]
	if !ok {
		return refused("channel_not_found", "This channel does not exist.")
	}
	if ch.Topic == topic {
		return nil
	}
	n := *ch
	n.Topic = topic
	return stored(a.commitLocked(record{Channel: &n}))
}
