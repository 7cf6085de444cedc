package app

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/perch-chat/perch/bot"
	"github.com/perch-chat/perch/store"
)

// health answers whoever asks if Perch is alive and takes work.
type health struct{ ready atomic.Bool }

// alive answers 200 as long as the process does.
func (h *health) alive(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, _ = fmt.Fprintln(w, "ok")
}

// readiness is what Perch says of itself. A chat that can't be reached makes
// it degraded, not unready: X's webhook, the pages and the API are still served.
type readiness struct {
	Status string                `json:"status"`
	Chats  map[string]bot.Health `json:"chats,omitempty"`
}

// serveReady answers 200 when Perch takes work and its store answers.
func (a *App) serveReady(w http.ResponseWriter, r *http.Request) {
	status, code := readiness{Status: "ready", Chats: a.chatHealth()}, http.StatusOK
	for _, h := range status.Chats {
		if h.Problem != "" {
			status.Status = "degraded"
		}
	}
	ctx, cancel := context.WithTimeout(r.Context(), 2*time.Second)
	defer cancel()
	switch err := a.DB.View(ctx, func(store.Tx) error { return nil }); {
	case !a.health.ready.Load():
		status, code = readiness{Status: "starting or stopping"}, http.StatusServiceUnavailable
	case err != nil:
		a.log.ErrorContext(ctx, "store does not answer", "err", err)
		status, code = readiness{Status: "the store does not answer"}, http.StatusServiceUnavailable
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	_ = json.NewEncoder(w).Encode(status) // the client may be gone
}
