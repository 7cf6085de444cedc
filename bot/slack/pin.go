package slack

import (
	"context"

	"github.com/perch-chat/perch/bot"
)

// Pin pins a message to its channel, or takes the pin away.
func (a *Adapter) Pin(ctx context.Context, ref bot.MessageRef, on bool) error {
	at, ok := a.refs.messageID(ref)
	if !ok {
		return noMessage()
	}
	if at.only {
		return onlyOne()
	}
	method := "pins.add"
	if !on {
		method = "pins.remove"
	}
	_, err := a.web.call(ctx, a.o.BotToken, method, values("channel", at.channel, "timestamp", at.ts), nil)
	switch code(err) {
	case "already_pinned", "no_pin", "not_pinned":
		return nil
	}
	return err
}
