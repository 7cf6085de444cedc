package webchat

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"

	"github.com/perch-chat/perch/bot"
)

// Handler serves the chat under /chat/:
//
//	GET  /chat/state?as=USER    the chat as USER sees it
//	GET  /chat/events?as=USER   its changes, as server-sent events; goes on after Last-Event-ID, or ?since=
//	GET  /chat/file/ID          a file of a message
//	POST /chat/message …        what a person does, as an [Ask]
//
// A request that changes something is answered once Perch has stored it. If it
// could not be, the answer is 503 and the same request may be sent again.
func (a *Adapter) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /chat/state", a.serveState)
	mux.HandleFunc("GET /chat/events", a.serveEvents)
	mux.HandleFunc("GET /chat/file/{id}", a.serveFile)
	for path, do := range map[string]func(context.Context, Ask) (Answer, error){
		"message": a.Say,
		"edit":    a.Change,
		"delete":  a.Remove,
		"react":   a.Reaction,
		"action":  a.Press,
		"submit":  a.Submit,
		"close":   a.Shut,
		"dismiss": a.Dismiss,
	} {
		mux.HandleFunc("POST /chat/"+path, func(w http.ResponseWriter, r *http.Request) { serveAsk(w, r, do) })
	}
	return Guard(a.o.Hosts, mux)
}

func (a *Adapter) serveState(w http.ResponseWriter, r *http.Request) {
	v, err := a.Look(bot.UserRef(r.URL.Query().Get("as")))
	if err != nil {
		a.writeError(w, r, err)
		return
	}
	writeJSON(w, http.StatusOK, v)
}

func serveAsk(w http.ResponseWriter, r *http.Request, do func(context.Context, Ask) (Answer, error)) {
	var q Ask
	dec := json.NewDecoder(r.Body)
	dec.DisallowUnknownFields()
	if err := dec.Decode(&q); err != nil {
		if big, ok := errors.AsType[*http.MaxBytesError](err); ok {
			writeProblem(w, problem(http.StatusRequestEntityTooLarge, "too_large", "The request is larger than %d bytes.", big.Limit))
			return
		}
		writeProblem(w, problem(http.StatusBadRequest, "bad_json", "The request can't be read."))
		return
	}
	ans, err := do(r.Context(), q)
	var p *Problem
	switch {
	case err == nil:
		writeJSON(w, http.StatusOK, ans)
	case errors.As(err, &p):
		writeProblem(w, p)
	default:
		writeProblem(w, problem(http.StatusInternalServerError, "internal", "The chat could not store this. Look at the log."))
	}
}

func (a *Adapter) writeError(w http.ResponseWriter, r *http.Request, err error) {
	var p *Problem
	if !errors.As(err, &p) {
		a.log.ErrorContext(r.Context(), "chat request", "platform", Platform, "err", err)
		p = problem(http.StatusInternalServerError, "internal", "Something went wrong. Look at the log.")
	}
	writeProblem(w, p)
}

func writeProblem(w http.ResponseWriter, p *Problem) {
	if p.Status == http.StatusServiceUnavailable {
		w.Header().Set("Retry-After", "1")
	}
	writeJSON(w, p.Status, map[string]*Problem{"error": p})
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	b, err := json.Marshal(v)
	if err != nil {
		http.Error(w, `{"error":{"code":"internal","message":"Something went wrong."}}`, http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = w.Write(b) // the browser is gone: nothing to do
}
