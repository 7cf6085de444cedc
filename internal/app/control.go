package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/perch-chat/perch/internal/config"
	"github.com/perch-chat/perch/store"
)

// ControlSocket is where a running Perch with the embedded store, which only
// it can have open, takes the orders of the command line.
func ControlSocket(c config.Config) string { return filepath.Join(c.Data, "control.sock") }

// controlled serves the orders on a socket that only Perch's own user can
// open, until ctx ends.
func (a *App) controlled(ctx context.Context) error {
	if a.o.Config.Store.Driver != "bolt" {
		<-ctx.Done()
		return nil
	}
	path := ControlSocket(a.o.Config)
	// The store is open, so no other Perch lives here: a socket is a leftover.
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove the old control socket: %w", err)
	}
	ln, err := (&net.ListenConfig{}).Listen(ctx, "unix", path)
	if err != nil {
		// A folder's path can be too long for a socket. Perch works without it.
		a.log.WarnContext(ctx, "no control socket: stop perch before you use its other commands", "err", err)
		<-ctx.Done()
		return nil
	}
	if err := os.Chmod(path, 0o600); err != nil {
		return errors.Join(fmt.Errorf("guard the control socket: %w", err), ln.Close())
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /backup", a.serveBackup)
	mux.HandleFunc("GET /check", a.serveCheck)
	mux.HandleFunc("GET /doctor", a.serveDoctor)
	mux.HandleFunc("GET /status", a.serveStatus)
	mux.HandleFunc("GET /slack/workspaces", a.listSlackWorkspaces)
	mux.HandleFunc("POST /slack/links", a.makeSlackLink)
	mux.HandleFunc("GET /tokens", a.listTokens)
	mux.HandleFunc("POST /tokens", a.createToken)
	mux.HandleFunc("POST /tokens/revoke", a.revokeToken)
	return serve(ctx, ln, mux, time.Second, a.log, func() {})
}

// serveBackup streams a dump of the store as it is now. Its end says if it is
// whole: see store.VerifyDump.
func (a *App) serveBackup(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/octet-stream")
	if err := store.Dump(r.Context(), a.DB, w, nil); err != nil {
		a.log.ErrorContext(r.Context(), "backup failed", "err", err)
		panic(http.ErrAbortHandler) // the other side sees that it was cut
	}
}

// serveCheck compares the records with their indexes and answers with what
// does not fit together.
func (a *App) serveCheck(w http.ResponseWriter, r *http.Request) {
	findings, err := CheckTables(r.Context(), a.DB)
	if err != nil {
		a.log.ErrorContext(r.Context(), "check failed", "err", err)
		http.Error(w, "the store could not be read: see the log", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(findings) // the client may be gone
}
