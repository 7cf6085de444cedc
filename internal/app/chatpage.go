package app

import (
	"log/slog"
	"net/http"

	"github.com/perch-chat/perch/bot/webchat"
	"github.com/perch-chat/perch/internal/sandbox"
)

// ChatPage mounts the built-in chat's page, for Options.Routes.
func ChatPage(chat *webchat.Adapter, log *slog.Logger) func(*http.ServeMux, *App) error {
	return func(mux *http.ServeMux, _ *App) error {
		h, err := sandbox.New(sandbox.Deps{Chat: chat, Log: log})
		if err != nil {
			return err
		}
		mux.Handle("GET /{$}", h)
		mux.Handle("/sandbox/", h)
		mux.Handle("/chat/", h)
		return nil
	}
}
