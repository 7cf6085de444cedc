package slack

import (
	"errors"
	"fmt"
	"net"
	"sync/atomic"
	"time"

	"github.com/perch-chat/perch/bot"
)

// quietAfter is how long a living socket is never quiet: each is pinged every
// 5 s, however quiet the workspace is.
const quietAfter = 15 * time.Second

// trouble is why the connection does not come about.
type trouble struct {
	words   string
	refused bool
}

// health is what the connection remembers of its own attempts.
type health struct {
	trouble atomic.Pointer[trouble]
	began   atomic.Bool
	lost    atomic.Bool // the only workspace took the app's access away
}

// failed remembers why Slack could not be connected to.
func (h *health) failed(err error) {
	h.trouble.Store(&trouble{words: connecting(err), refused: fatal(err)})
}

// worked forgets what was wrong.
func (h *health) worked() {
	h.trouble.Store(nil)
	h.began.Store(true)
}

// connecting says why Slack could not be connected to and what to do next.
func connecting(err error) string {
	e, ok := errors.AsType[*bot.Error](err)
	var timeout net.Error
	switch {
	case ok:
		return e.Message
	case errors.As(err, &timeout) && timeout.Timeout():
		return "Slack does not answer in time. Perch tries again by itself; if it lasts, see that this machine reaches slack.com on port 443."
	}
	return "Slack can't be reached. Perch tries again by itself; if it lasts, see that this machine reaches slack.com on port 443."
}

// forApp puts what is wrong with the app token in words of its own: Slack has
// one word for all tokens.
func forApp(err error) error {
	const make = "Make one with connections:write (Basic Information, App-Level Tokens), set chat.slack.app_token to it and restart Perch."
	e, ok := errors.AsType[*bot.Error](err)
	if !ok {
		return err
	}
	own := *e
	switch e.Code {
	case "invalid_auth", "not_authed", "token_revoked", "token_expired", "account_inactive":
		own.Message = "Slack does not take the app token. " + make
	case "missing_scope", "no_permission":
		own.Message = "The app token lacks connections:write. " + make
	case "not_allowed_token_type":
		own.Message = "The app token is of the wrong kind: it begins with xapp-. " + make
	case "app_not_enabled", "socket_mode_not_enabled", "link_disabled":
		own.Message = "Socket Mode is off for the Slack app. Switch it on in the app's settings; Perch connects again by itself."
	default:
		return err
	}
	return &own
}

// Health says how the connection is doing. See [bot.Healther].
func (a *Adapter) Health() bot.Health {
	s := a.Stats()
	h := bot.Health{
		Sockets: s.Sockets, Opened: s.Opened, Received: s.Received, Acked: s.Acked, Undecoded: s.Undecoded, NotStored: s.Refused, Heard: s.LastSeen,
		Began: a.health.began.Load() && (a.teams != nil || a.auth.Load() != nil),
	}
	if !a.o.HTTPMode {
		h.Wanted = socketCount
	}
	t := a.health.trouble.Load()
	quiet := time.Since(s.LastSeen).Round(time.Second)
	switch {
	case a.health.lost.Load():
		h.Problem, h.Refused = sentence("account_inactive", ""), true
	case t != nil && (t.refused || s.Sockets == 0):
		h.Problem, h.Refused = t.words, t.refused
	case a.o.HTTPMode:
	case s.Opened == 0:
		h.Problem = "Slack is not connected yet. Perch goes on trying by itself."
	case s.Sockets == 0:
		h.Problem = "Slack closed its connections. Perch opens new ones by itself."
	case quiet > quietAfter:
		h.Problem = fmt.Sprintf("Slack has not been heard for %s. Perch opens another connection by itself.", quiet)
	}
	return h
}

// Health says how the connection of all workspaces is doing.
func (w *Workspaces) Health() bot.Health { return w.hub.Health() }

var (
	_ bot.Healther = (*Adapter)(nil)
	_ bot.Healther = (*Workspaces)(nil)
)
