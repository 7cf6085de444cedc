package app

import (
	"sync/atomic"

	"github.com/perch-chat/perch/bot"
	"github.com/perch-chat/perch/desk"
)

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
