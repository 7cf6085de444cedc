package slack

import (
	"context"

	"github.com/perch-chat/perch/bot"
)

// editPrivate replaces what one person sees. Only the response_url of one of its
// own buttons can do that, five times within half an hour:
// https://docs.slack.dev/interactivity/handling-user-interaction#message_responses
// When that is over the person is told beside it.
func (a *Adapter) editPrivate(ctx context.Context, at place, m bot.Message) error {
	if m.Respond == "" || !a.mayRespond(m.Respond) {
		return onlyOne()
	}
	// A form that was opened for the click would stay empty.
	if _, err := a.answerInView(ctx, m); err != nil {
		return err
	}
	err := a.respond(ctx, m, "", true)
	switch code(err) {
	case "", "cancelled", "unreachable", "ratelimited": // it worked, or may the next time
		return err
	}
	if m.Only == "" {
		return err
	}
	a.log.Debug("response_url refused, telling the person anew", "code", code(err))
	thread := ""
	if root, ok := a.refs.messageID(m.Thread); ok && !root.only && root.channel == at.channel {
		thread = root.ts
	}
	m.Respond, m.Trigger = "", ""
	_, err = a.whisper(ctx, m, at.channel, thread)
	return err
}
