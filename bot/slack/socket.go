package slack

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"sync"
	"sync/atomic"
	"time"

	"github.com/coder/websocket"
	"golang.org/x/sync/errgroup"

	"github.com/perch-chat/perch/bot"
)

// The times of Socket Mode. A socket that is dead is noticed within pingEvery
// and pingWithin together.
const (
	socketCount = 2
	openWithin  = 15 * time.Second
	greetWithin = 10 * time.Second
	pingEvery   = 5 * time.Second
	pingWithin  = 6 * time.Second
	ackWithin   = 5 * time.Second
	oldAge      = 10 * time.Second // a socket that lived so long was a good one
	lingerFor   = 5 * time.Minute  // of a socket that was told to go and is not closed
	stagger     = 3 * time.Second  // the second socket waits for the first, not longer
	drainFor    = 3 * time.Second
	maxEnvelope = 16 << 20
)

// Slack allows about 50 opens a minute.
const opensBurst = 20

// sockets keeps two sockets open. Slack sends each envelope to one of them; it
// closes each from time to time after a notice, and then the next one is opened
// first, while the old one is read until it ends.
type sockets struct {
	*Adapter
	bot.Sink
	opens *budget
	dial  *http.Client
	base  *url.URL
	lanes *lanes

	mu   sync.Mutex
	live map[*socket]struct{}
	gaps gaps

	readers sync.WaitGroup
}

// socket is one connection.
type socket struct {
	conn    *websocket.Conn
	greeted chan struct{} // closed at hello
	notice  chan struct{} // closed at a disconnect notice
	done    chan struct{} // closed when it has ended
	hello   sync.Once
	up      bool // greeted; guarded by sockets.mu
	leave   sync.Once
	reason  string      // of the notice; read after notice is closed
	full    atomic.Bool // the reader waits for room and reads no pongs
}

func (a *Adapter) runSockets(ctx context.Context, sink bot.Sink) error {
	base, err := url.Parse(a.web.base)
	if err != nil {
		return errors.New("slack: the address of the API is none")
	}
	// The client's own timeout would end a socket that lives for hours.
	dial := *a.web.http
	dial.Timeout = 0
	s := &sockets{Adapter: a, Sink: sink, opens: newBudget(opensBurst, time.Second), dial: &dial, base: base, lanes: newLanes(maxInFlight), live: map[*socket]struct{}{}}

	// What was taken in is still stored and acknowledged when ctx has ended.
	after, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	g, gctx := errgroup.WithContext(ctx)
	g.Go(func() error { return a.identify(gctx) })
	first := make(chan struct{})
	var once sync.Once
	for n := range socketCount {
		g.Go(func() error {
			if n > 0 {
				if err := waitFor(gctx, first, stagger); err != nil {
					return err
				}
			}
			return s.keep(gctx, after, n, func() { once.Do(func() { close(first) }) })
		})
	}
	err = g.Wait()
	timer := time.AfterFunc(drainFor, stop)
	defer timer.Stop()
	s.lanes.close()
	stop()
	s.readers.Wait()
	return err
}

// waitFor waits for ch, at most for d.
func waitFor(ctx context.Context, ch <-chan struct{}, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ch:
	case <-t.C:
	case <-ctx.Done():
		return ctx.Err()
	}
	return nil
}

// keep keeps one socket open until ctx ends or an error can't be cured.
func (s *sockets) keep(ctx, after context.Context, n int, up func()) error {
	wait := backoff{}
	for {
		if err := s.opens.take(ctx); err != nil {
			return err
		}
		sk, err := s.open(ctx, after)
		if err != nil {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			err = forApp(err)
			s.health.failed(err)
			if fatal(err) {
				return fmt.Errorf("slack: open socket: %w", err)
			}
			least := time.Duration(0)
			if e, ok := errors.AsType[*bot.Error](err); ok {
				least = time.Duration(e.RetryAfter) * time.Second
			}
			s.log.Warn("slack socket not opened", "socket", n, "attempt", wait.n+1, "err", err)
			if err := wait.sleepAtLeast(ctx, least); err != nil {
				return err
			}
			continue
		}
		up()
		s.health.worked()
		began := time.Now()
		s.log.Debug("slack socket open", "socket", n)
		orderly := false
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-sk.done:
		case <-sk.notice:
			orderly = sk.reason != "link_disabled" && sk.reason != "too_many_websockets"
		}
		switch {
		case time.Since(began) >= oldAge && orderly:
			wait.reset()
		case orderly:
			// Opened anew at once, as often as Slack allows.
		default:
			if time.Since(began) >= oldAge {
				wait.reset()
			}
			s.log.Warn("slack socket ended", "socket", n, "after", time.Since(began).Round(time.Millisecond).String(), "reason", sk.why())
			if err := wait.sleep(ctx); err != nil {
				return err
			}
		}
	}
}

// why is the reason that Slack gave, if it gave any.
func (sk *socket) why() string {
	select {
	case <-sk.notice:
		return sk.reason
	default:
		return "closed without a notice"
	}
}

// open opens a socket and waits until Slack greets on it.
func (s *sockets) open(run, after context.Context) (*socket, error) {
	ctx, cancel := context.WithTimeout(run, openWithin)
	defer cancel()
	var out struct {
		URL string `json:"url"`
	}
	if _, err := s.web.call(ctx, s.o.AppToken, "apps.connections.open", nil, &out); err != nil {
		return nil, err
	}
	u, err := url.Parse(out.URL)
	if err != nil || u.Scheme != "wss" && (u.Scheme != "ws" || s.base.Scheme != "http") {
		return nil, errors.New("slack: apps.connections.open: the answer has no safe address")
	}
	conn, resp, err := websocket.Dial(ctx, out.URL, &websocket.DialOptions{HTTPClient: s.dial, HTTPHeader: http.Header{"User-Agent": {userAgent}}})
	if resp != nil && resp.Body != nil {
		_ = resp.Body.Close()
	}
	if err != nil {
		return nil, transport("open socket", err)
	}
	conn.SetReadLimit(maxEnvelope)
	sk := &socket{conn: conn, greeted: make(chan struct{}), notice: make(chan struct{}), done: make(chan struct{})}
	s.readers.Go(func() { s.read(run, after, sk) })
	t := time.NewTimer(greetWithin)
	defer t.Stop()
	select {
	case <-sk.greeted:
		return sk, nil
	case <-sk.done:
		return nil, errors.New("slack: the socket ended before the greeting")
	case <-t.C:
		err = errors.New("slack: no greeting on the socket")
	case <-ctx.Done():
		err = ctx.Err()
	}
	_ = conn.CloseNow()
	return nil, err
}
