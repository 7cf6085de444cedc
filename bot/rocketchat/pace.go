package rocketchat

import (
	"strings"
	"time"

	"github.com/perch-chat/perch/bot"
)

var _ bot.Pacer = (*Adapter)(nil)

// The lanes of what waits for the calls of customers, of which the server takes
// a few a minute. Other lanes are named by their kind and hold for themselves.
const (
	lanes     = "chat:" + Platform + ":"
	laneEnter = lanes + "enter" // into a room
	laneTell  = lanes + "tell"  // what customers say
	laneFile  = lanes + "file"  // and show
)

// Lanes implements [bot.Pacer].
func (a *Adapter) Lanes(kind, ref string, _ bool) []string {
	_, _, customers := bot.LiveDepartment(bot.ChannelRef(ref))
	switch {
	case kind == bot.KindEnter:
		return []string{laneEnter}
	case kind == bot.KindPost && customers:
		return []string{laneTell}
	case kind == bot.KindUpload && customers:
		return []string{laneFile}
	}
	return []string{lanes + kind}
}

// Left implements [bot.Pacer].
func (a *Adapter) Left(lane string) (n int, next time.Time) {
	var routes []string
	switch strings.TrimPrefix(lane, lanes) {
	case "enter":
		routes = []string{"POST livechat/visitor", "GET livechat/room"}
	case "tell":
		routes = []string{"POST livechat/message"}
	case "file":
		routes = []string{"POST livechat/upload/:rid"}
	}
	for _, r := range routes {
		if left, reset := a.rest.limits.left(r); !reset.IsZero() && (next.IsZero() || left < n) {
			n, next = left, reset
		}
	}
	return n, next
}

// left is how many more calls a route takes in the window that ends at reset; a
// zero time means that no limit is known.
func (l *limiter) left(route string) (n int, reset time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	a := l.routes[route]
	if a == nil || a.reset.IsZero() || time.Until(a.reset) <= 0 {
		return 0, time.Time{}
	}
	return max(a.left, 0), a.reset
}
