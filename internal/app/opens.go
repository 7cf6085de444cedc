package app

import (
	"encoding/json"
	"fmt"
	"sync/atomic"

	"github.com/perch-chat/perch/bot"
	"github.com/perch-chat/perch/desk"
	"github.com/perch-chat/perch/internal/outbox"
	"github.com/perch-chat/perch/store"
)

// codeFormClosed is the failure of a form that the person closed before it was
// filled: they know.
const codeFormClosed = "form_closed"

// formFailed tells the person that a form could not be shown: else a click
// would have no effect at all.
func (a *App) formFailed(tx store.Tx, _ outbox.State, act outbox.Action) error {
	if act.Kind != bot.KindOpen || act.State != outbox.Failed || act.Failure == nil || act.Failure.Code == codeFormClosed {
		return nil
	}
	var o bot.Open
	if err := json.Unmarshal(act.Payload, &o); err != nil || o.Only == "" {
		return nil //nolint:nilerr // made by another version; there is nobody to tell
	}
	raw, err := json.Marshal(bot.Post{Message: bot.Message{
		Channel: o.Form.Channel, Thread: o.Form.Thread, Only: o.Only, Respond: o.Respond, Trigger: o.Trigger, Text: "⚠ " + act.Failure.Message,
	}})
	if err != nil {
		return fmt.Errorf("encode message: %w", err)
	}
	if _, _, err := a.Outbox.Add(tx, outbox.Action{Kind: bot.KindPost, Key: "commands:reply:form:" + act.ID, Payload: raw}); err != nil {
		return fmt.Errorf("add message: %w", err)
	}
	return nil
}

// opens asks those who show forms whether an event will be answered by one.
// Chats are made before the App is; until then nothing is.
func opens(app *atomic.Pointer[App]) func(bot.Event) (title string, ok bool) {
	return func(ev bot.Event) (string, bool) {
		a := app.Load()
		if a == nil {
			return "", false
		}
		if title, ok := desk.Opens(ev); ok {
			return title, true
		}
		return a.Commands.Opens(ev)
	}
}
