package slack

import (
	"context"
	"slices"

	"github.com/perch-chat/perch/bot"
)

// broken are Slack's words for a token that will never be taken again.
// invalid_auth is not among them: a workspace that lets certain addresses in
// only says it to all others.
func broken(code string) bool {
	switch code {
	case "token_revoked", "token_expired", "account_inactive":
		return true
	}
	return false
}

// Ended reports whether a call failed because Slack took Perch's access to the
// workspace away for good.
func Ended(err error) bool { return broken(code(err)) }

// lost notes that the workspace took the app's access away, if that is what
// events say. Slack may tell so late, when the app was installed again: as long
// as the token works, nothing is lost.
func (a *Adapter) lost(ctx context.Context, events []bot.Event) []bot.Event {
	removed := func(ev bot.Event) bool { return ev.Kind == bot.EventRemoved }
	if !slices.ContainsFunc(events, removed) {
		return events
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	if _, err := a.web.call(ctx, a.o.BotToken, "auth.test", nil, nil); err == nil {
		a.log.Info("slack tells late that the app was removed: it was installed again since")
		return slices.DeleteFunc(events, removed)
	}
	a.health.lost.Store(true)
	return events
}
