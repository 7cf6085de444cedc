package rocketchat

import (
	"context"

	"github.com/perch-chat/perch/bot"
)

var _ bot.Typer = (*Adapter)(nil)

// Typing shows that a customer writes, as Rocket.Chat's own widget does: its
// clients take it away again after a few seconds. See [bot.Typer].
func (a *Adapter) Typing(ctx context.Context, room bot.MessageRef, name string) error {
	rid, ok := liveRoom(room)
	token := a.customers.watched()[rid]
	rt := a.health.realtime.Load()
	if !ok || token == "" || rt == nil {
		return gone("room")
	}
	_, err := rt.method(ctx, "stream-notify-room", rid+"/user-activity", cut(clean(name), 80), []string{"user-typing"}, map[string]string{"token": token})
	return err
}
