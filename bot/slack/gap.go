package slack

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/perch-chat/perch/bot"
)

// silence is how long a connection that is alive can be without a word: a ping
// and the wait for its answer. What happens longer is a gap.
const silence = pingEvery + pingWithin + 2*time.Second

// gapEvent says that Slack may have said things since a time that never came.
// Nobody knows since when if the process has only begun.
func gapEvent(since time.Time) bot.Event {
	now := time.Now().UTC()
	return bot.Event{
		ID:       fmt.Sprintf("gap:%d:%08x", now.UnixNano(), rand.Uint32()), //nolint:gosec // no secret
		Platform: Platform, Kind: bot.EventGap, At: now, Since: since,
	}
}

// tellGap stores that there was a gap, however long that takes.
func (a *Adapter) tellGap(ctx context.Context, sink bot.Sink, since time.Time) {
	a.log.Info("slack was not heard for a while; what was said then is read", "since", since)
	if err := a.store(ctx, sink, gapEvent(since)); err != nil {
		a.log.Warn("gap not stored; the next start tells of one anyway", "err", err)
	}
}

// gaps notices when Slack was not heard. It is guarded by sockets.mu.
type gaps struct {
	up    int       // sockets greeted and not yet ended
	began bool      // one was greeted since the start
	quiet time.Time // when the last one ended; zero while one is up
}

// greeted notes that a socket can be heard. It returns since when there was
// none, and whether there was such a time.
func (g *gaps) greeted() (since time.Time, gap bool) {
	gap = !g.began || g.up == 0
	since = g.quiet
	g.up, g.began, g.quiet = g.up+1, true, time.Time{}
	return since, gap
}

// ended notes that a socket that was greeted can be heard no more.
func (g *gaps) ended(heard time.Time) {
	if g.up--; g.up == 0 {
		g.quiet = heard
	}
}

// hear notes that Slack was heard just now. Two sockets that were both dead
// without a word, or a machine that slept, are noticed here.
func (s *sockets) hear(ctx context.Context) {
	now := time.Now()
	before := time.Unix(0, s.stats.seen.Swap(now.UnixNano()))
	if now.Sub(before) < silence {
		return
	}
	s.mu.Lock()
	up := s.gaps.up > 0
	s.mu.Unlock()
	if up { // else the next greeting tells of it
		s.readers.Go(func() { s.tellGap(ctx, s.Sink, before.UTC()) })
	}
}

// greet notes that Slack greets on a socket.
func (s *sockets) greet(ctx context.Context, sk *socket) {
	sk.hello.Do(func() {
		s.mu.Lock()
		since, gap := s.gaps.greeted()
		sk.up = true
		s.mu.Unlock()
		if gap {
			s.readers.Go(func() { s.tellGap(ctx, s.Sink, since) })
		}
		close(sk.greeted)
	})
}
