package sandbox

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/perch-chat/perch/bot/webchat"
)

// Limits of the page.
const (
	maxStreams = 64     // browsers that can watch at once
	maxDone    = 1024   // answered requests that are remembered
	maxText    = 10_000 // characters of a customer's message, as on X
	look       = time.Second
	beat       = 20 * time.Second
)

// order is something that the page asks for.
type order struct {
	ID       string `json:"id"` // the browser's own; asked twice it is done once
	Customer string `json:"customer,omitempty"`
	Text     string `json:"text,omitempty"`

	Files []webchat.Attach `json:"files,omitempty"`

	Fault string `json:"fault,omitempty"`
	On    bool   `json:"on,omitempty"`
}

func (h *Handler) post(do func(context.Context, order) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var q order
		dec := json.NewDecoder(r.Body)
		dec.DisallowUnknownFields()
		if err := dec.Decode(&q); err != nil {
			h.fail(w, r, &Refusal{"The request can't be read."})
			return
		}
		q.Text = strings.TrimSpace(q.Text)
		switch {
		case q.ID == "" || len(q.ID) > 100:
			h.fail(w, r, &Refusal{"The request needs an id of its own."})
			return
		case q.Fault == "" && q.Text == "" && len(q.Files) == 0:
			h.fail(w, r, &Refusal{"Write something first."})
			return
		case utf8.RuneCountInString(q.Text) > maxText:
			h.fail(w, r, &Refusal{fmt.Sprintf("At most %d characters.", maxText)})
			return
		}
		if !h.first(q.ID) {
			w.WriteHeader(http.StatusNoContent)
			return
		}
		if err := do(r.Context(), q); err != nil {
			h.forget(q.ID)
			h.fail(w, r, err)
			return
		}
		h.Changed()
		w.WriteHeader(http.StatusNoContent)
	}
}

// first reports whether the request was not seen before, and remembers it.
func (h *Handler) first(id string) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.done[id] {
		return false
	}
	h.done[id] = true
	h.order = append(h.order, id)
	if len(h.order) > maxDone {
		delete(h.done, h.order[0])
		h.order = h.order[1:]
	}
	return true
}

func (h *Handler) forget(id string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.done, id)
}

// serveEvents sends the state whenever it is another one than before.
func (h *Handler) serveEvents(w http.ResponseWriter, r *http.Request) {
	wake := make(chan struct{}, 1)
	h.mu.Lock()
	full := len(h.watchers) >= maxStreams
	if !full {
		h.watchers[wake] = struct{}{}
	}
	h.mu.Unlock()
	if full {
		h.fail(w, r, &Refusal{"Too many browsers watch this page. Close one."})
		return
	}
	defer func() {
		h.mu.Lock()
		delete(h.watchers, wake)
		h.mu.Unlock()
	}()
	var done <-chan struct{} // never, without a chat
	if h.d.Chat != nil {
		done = h.d.Chat.Done()
	}
	w.Header().Set("Content-Type", "text/event-stream; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Accel-Buffering", "no")
	rc := http.NewResponseController(w)
	// The tour is not told of every change, so it is looked at now and then.
	tick := time.NewTicker(look)
	defer tick.Stop()
	var last []byte
	quiet := time.Now()
	for {
		b, err := h.state(r.Context())
		out := ""
		switch {
		case err != nil:
			if r.Context().Err() == nil {
				h.d.Log.WarnContext(r.Context(), "sandbox state", "err", err)
			}
		case !bytes.Equal(b, last):
			last, out = b, "event: state\ndata: "+string(b)+"\n\n"
		case time.Since(quiet) >= beat:
			out = ": still here\n\n"
		}
		if out != "" {
			quiet = time.Now()
			_ = rc.SetWriteDeadline(time.Now().Add(10 * time.Second)) // not every writer has one
			if _, err := w.Write([]byte(out)); err != nil {
				return
			}
			if err := rc.Flush(); err != nil {
				return
			}
		}
		select {
		case <-r.Context().Done():
			return
		case <-done:
			return
		case <-wake:
		case <-tick.C:
		}
	}
}
