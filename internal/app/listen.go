package app

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/perch-chat/perch/bot"
	"github.com/perch-chat/perch/internal/metrics"
)

// listenAgain is how long a chat that refused Perch is left alone.
const listenAgain = time.Minute

// listen takes in what people do in a chat. A refusal at the start ends the
// program, as a mistake in the configuration does. One that comes later does
// not: what customers write is still to be taken in, and an admin of the chat
// may cure it without a restart. Until then it is shown wherever Perch says
// how it is.
func (a *App) listen(ctx context.Context, p bot.Platform) error {
	for {
		err := p.Run(ctx, a.Inbox.Sink(p.Name()))
		if err == nil || ctx.Err() != nil {
			return err
		}
		said := ""
		if e, ok := errors.AsType[*bot.Error](err); ok {
			said = e.Message
		}
		if h, ok := p.(bot.Healther); !ok || !h.Health().Began {
			if said != "" {
				err = fmt.Errorf("%s (%w)", said, err)
			}
			return err
		}
		a.log.ErrorContext(ctx, "a chat refused perch; perch goes on without it and tries again", "platform", p.Name(), "again_in", listenAgain.String(), "do", said, "err", err)
		again := time.NewTimer(listenAgain)
		select {
		case <-again.C:
		case <-ctx.Done():
			again.Stop()
			return nil
		}
	}
}

// chatHealth is how the connections to the chats are doing, by platform.
func (a *App) chatHealth() map[string]bot.Health {
	out := map[string]bot.Health{}
	for _, p := range a.o.Platforms {
		if h, ok := p.(bot.Healther); ok {
			out[p.Name()] = h.Health()
		}
	}
	return out
}

// chatMetrics is chatHealth for the metrics.
func (a *App) chatMetrics() []metrics.Chat {
	var out []metrics.Chat
	for name, h := range a.chatHealth() {
		out = append(out, metrics.Chat{
			Platform: name, Up: h.Problem == "", Sockets: h.Sockets, Opened: h.Opened,
			Received: h.Received, Acked: h.Acked, Undecoded: h.Undecoded, NotStored: h.NotStored, Heard: h.Heard,
		})
	}
	return out
}
