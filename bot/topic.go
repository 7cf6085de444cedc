package bot

import "context"

// Topicer sets what stands at the head of a channel, in place of what stood
// there: plain words, nothing in them is markup. What is too long for the chat
// is cut. To set it to what it is changes nothing.
type Topicer interface {
	SetTopic(ctx context.Context, channel ChannelRef, topic string) error
}

// KindTopic is the kind of the outbox's actions that set a topic.
const KindTopic = "chat.topic" // payload [Topic]

// Topic sets a channel's topic.
type Topic struct {
	Channel ChannelRef `json:"channel"`
	Topic   string     `json:"topic"`
}
