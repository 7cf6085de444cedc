package webchat

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/perch-chat/perch/bot"
)

// beat is how often a quiet stream says that it lives.
const beat = 20 * time.Second

// watcher is one browser that watches. It keeps no queue: it is woken, and
// reads what changed since the last change it has seen.
type watcher struct{ wake chan struct{} }

func (a *Adapter) notifyLocked() {
	for w := range a.watchers {
		notify(w.wake)
	}
}

// change is one thing that changed, as a server-sent event.
type change struct {
	seq  int64
	kind string
	data any
}

// changesLocked is what changed for u after the change since, in order.
func (a *Adapter) changesLocked(u bot.UserRef, since int64) []change {
	var out []change
	for _, c := range a.st.channels {
		if c.Changed > since {
			out = append(out, change{c.Changed, "channel", viewChannel(c)})
		}
	}
	for _, m := range a.st.messages {
		if m.Changed > since && m.visibleTo(u) {
			out = append(out, change{m.Changed, "message", view(m)})
		}
	}
	slices.SortFunc(out, func(x, y change) int { return cmp.Compare(x.seq, y.seq) })
	return out
}

func (a *Adapter) serveEvents(w http.ResponseWriter, r *http.Request) {
	u := bot.UserRef(r.URL.Query().Get("as"))
	cursor := r.Header.Get("Last-Event-ID")
	if cursor == "" {
		cursor = r.URL.Query().Get("since")
	}
	wt := &watcher{wake: make(chan struct{}, 1)}
	a.mu.Lock()
	_, known := a.users[u]
	known = known && u != a.o.Bot.Ref
	since, resumed := a.sinceLocked(cursor)
	full := len(a.watchers) >= a.o.Streams
	if known && !full {
		a.watchers[wt] = struct{}{}
	}
	a.mu.Unlock()
	switch {
	case !known:
		writeProblem(w, problem(http.StatusForbidden, "unknown_user", "Choose one of the people of this chat."))
		return
	case full:
		writeProblem(w, problem(http.StatusServiceUnavailable, "too_many_streams", "Too many browsers watch this chat. Close one."))
		return
	}
	defer func() {
		a.mu.Lock()
		delete(a.watchers, wt)
		a.mu.Unlock()
	}()

	w.Header().Set("Content-Type", "text/event-stream; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Accel-Buffering", "no")
	rc := http.NewResponseController(w)
	var buf bytes.Buffer
	if !resumed {
		// The browser knows nothing, or a chat that is no more: it reads the state anew.
		a.mu.Lock()
		since = a.st.seq
		writeEvent(&buf, a.cursorLocked(since), "reset", struct{}{})
		a.mu.Unlock()
	}
	buf.WriteString("retry: 1000\n\n")
	tick := time.NewTicker(beat)
	defer tick.Stop()
	forms := int64(-1)
	for {
		a.mu.Lock()
		for _, c := range a.changesLocked(u, since) {
			since = c.seq
			writeEvent(&buf, a.cursorLocked(c.seq), c.kind, c.data)
		}
		if forms != a.formSeq {
			forms = a.formSeq
			writeEvent(&buf, a.cursorLocked(since), "forms", a.formsLocked(u))
		}
		a.mu.Unlock()
		if buf.Len() > 0 {
			_ = rc.SetWriteDeadline(time.Now().Add(10 * time.Second)) // not every writer has one
			if _, err := w.Write(buf.Bytes()); err != nil {
				return
			}
			if err := rc.Flush(); err != nil {
				return
			}
			buf.Reset()
		}
		select {
		case <-r.Context().Done():
			return
		case <-a.done:
			return
		case <-wt.wake:
		case <-tick.C:
			buf.WriteString(": still here\n\n")
		}
	}
}

func writeEvent(buf *bytes.Buffer, id, kind string, data any) {
	b, err := json.Marshal(data)
	if err != nil {
		return // nothing that can't be encoded is ever stored
	}
	fmt.Fprintf(buf, "id: %s\nevent: %s\ndata: %s\n\n", id, kind, b)
}
