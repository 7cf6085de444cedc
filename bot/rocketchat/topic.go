package rocketchat

import (
	"context"

	"github.com/perch-chat/perch/bot"
)

var _ bot.Topicer = (*Adapter)(nil)

// maxTopic is how much of a topic is shown, in characters.
const maxTopic = 250

// SetTopic sets what stands at the head of a room. Its server lets those do it
// that may change the room, of which the bot is the owner if it has made it.
// See https://developer.rocket.chat/apidocs/set-group-topic
func (a *Adapter) SetTopic(ctx context.Context, channel bot.ChannelRef, topic string) error {
	id, ok := roomID(channel)
	if !ok {
		return gone("room")
	}
	r, err := a.room(ctx, id)
	if err != nil {
		return err
	}
	body := map[string]string{"roomId": id, "topic": cut(clean(topic), maxTopic)}
	return a.rest.call(ctx, request{route: "POST " + family(r.Kind) + ".setTopic", body: body}, nil)
}
