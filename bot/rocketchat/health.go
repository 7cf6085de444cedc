package rocketchat

import (
	"errors"
	"fmt"
	"net"
	"sync/atomic"
	"time"

	"github.com/perch-chat/perch/bot"
)

// quietAfter is how long a living connection is never quiet: it is pinged more
// often than that.
const quietAfter = 30 * time.Second

// health is what the connection remembers of how it is doing.
type health struct {
	began, up                             atomic.Bool
	opened, received, undecoded, unstored atomic.Int64
	acked                                 atomic.Int64
	trouble                               atomic.Pointer[trouble]
	realtime                              atomic.Pointer[realtime] // the newest
}

// trouble is why the connection does not come about.
type trouble struct {
	words   string
	refused bool
}

// failed remembers why Rocket.Chat could not be connected to.
func (h *health) failed(err error) {
	h.trouble.Store(&trouble{words: connecting(err), refused: fatal(err)})
}

// worked forgets what was wrong.
func (h *health) worked() {
	h.trouble.Store(nil)
	h.began.Store(true)
	h.up.Store(true)
	h.opened.Add(1)
}

// connecting says why Rocket.Chat could not be connected to, and what to do.
func connecting(err error) string {
	var timeout net.Error
	if t, ok := errors.AsType[*troubledError](err); ok {
		return fmt.Sprintf("Rocket.Chat, or the proxy before it, has trouble of its own (status %d). Perch tries again by itself; if it lasts, see Rocket.Chat's log.", t.status)
	}
	if errors.Is(err, errForeign) {
		return "What answers at chat.rocketchat.url is not Rocket.Chat. Write the address at which people open it."
	}
	switch e, ok := errors.AsType[*bot.Error](err); {
	case ok:
		return e.Message
	case errors.As(err, &timeout) && timeout.Timeout():
		return "Rocket.Chat does not answer in time. Perch tries again by itself; if it lasts, see that this machine reaches the address in chat.rocketchat.url."
	}
	return "Rocket.Chat can't be reached. Perch tries again by itself; if it lasts, see that this machine reaches the address in chat.rocketchat.url, /websocket included."
}

// Health says how the connection is doing. See [bot.Healther].
func (a *Adapter) Health() bot.Health {
	s := &a.health
	h := bot.Health{
		Wanted: 1, Opened: s.opened.Load(), Received: s.received.Load(), Acked: s.acked.Load(),
		Undecoded: s.undecoded.Load(), NotStored: s.unstored.Load(), Began: s.began.Load(),
	}
	if rt := s.realtime.Load(); rt != nil {
		rt.mu.Lock()
		h.Heard = rt.heard.UTC()
		rt.mu.Unlock()
	}
	up, t := s.up.Load(), s.trouble.Load()
	if up {
		h.Sockets = 1
	}
	quiet := time.Since(h.Heard).Round(time.Second)
	switch {
	case up && quiet > quietAfter:
		h.Problem = fmt.Sprintf("Rocket.Chat has not been heard for %s. Perch connects again by itself.", quiet)
	case up:
	case t != nil:
		h.Problem, h.Refused = t.words, t.refused
	default:
		h.Problem = "Rocket.Chat is not connected yet. Perch goes on trying by itself."
	}
	return h
}

var _ bot.Healther = (*Adapter)(nil)
