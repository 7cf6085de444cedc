package app

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/perch-chat/perch/store"
)

// health answers whoever asks if Perch is alive and takes work.
type health struct{ ready atomic.Bool }

// alive answers 200 as long as the process does.
func (h *health) alive(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, _ = fmt.Fprintln(w, "ok")
}

// serveReady answers 200 when Perch takes work and its store answers.
func (a *App) serveReady(w http.ResponseWriter, r *http.Request) {
	status, code := map[string]string{"status": "ready"}, http.StatusOK
	ctx, cancel := context.WithTimeout(r.Context(), 2*time.Second)
	defer cancel()
	switch err := a.DB.View(ctx, func(store.Tx) error { return nil }); {
	case !a.health.ready.Load():
		status, code = map[string]string{"status": "starting or stopping"}, http.StatusServiceUnavailable
	case err != nil:
		a.log.ErrorContext(ctx, "store does not answer", "err", err)
		status, code = map[string]string{"status": "the store does not answer"}, http.StatusServiceUnavailable
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	_ = json.NewEncoder(w).Encode(status) // the client may be gone
}
