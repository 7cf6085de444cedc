package slackfake

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/coder/websocket"
	"github.com/google/uuid"
)

// maxAck is the size over which Slack drops an answer on the socket unread.
const maxAck = 20_480

// sockets are the app's open connections.
type sockets struct {
	tickets  map[string]time.Time
	conns    []*conn
	last     int
	opened   int
	disabled bool
}

// conn is one Socket Mode connection. Its fields are guarded by Server.mu.
type conn struct {
	id      int
	ws      *websocket.Conn
	cancel  context.CancelFunc
	wake    chan struct{} // holds one token when queue has work
	queue   [][]byte
	routed  bool // envelopes may go to it
	leaving bool // told to go
	silent  bool // half-open: nothing gets through in either direction
	waiting int  // envelopes whose ack may still come
	opened  time.Time
}

// openSocket hands out a single-use socket URL. The lock is held.
func (s *Server) openSocket(c *call) obj {
	if s.sock.disabled {
		return fail("app_not_enabled")
	}
	s.sock.opened++
	ticket := uuid.NewString()
	s.sock.tickets[ticket] = s.now().Add(30 * time.Second)
	scheme := "ws://"
	if c.r.TLS != nil {
		scheme = "wss://"
	}
	u := scheme + c.r.Host + "/link/?ticket=" + ticket + "&app_id=" + s.opt.AppID
	if c.str("debug_reconnects") == "true" || c.r.URL.Query().Get("debug_reconnects") == "true" {
		u += "&debug_reconnects=true"
	}
	return obj{"ok": true, "url": u}
}

func (s *Server) serveSocket(w http.ResponseWriter, r *http.Request) {
	ticket := r.URL.Query().Get("ticket")
	s.mu.Lock()
	expires, ok := s.sock.tickets[ticket]
	delete(s.sock.tickets, ticket)
	ok = ok && s.now().Before(expires) && s.ctx.Err() == nil
	s.sock.last++
	c := &conn{id: s.sock.last, wake: make(chan struct{}, 1), opened: s.now()}
	s.mu.Unlock()
	if !ok {
		http.Error(w, "invalid ticket", http.StatusNotFound)
		return
	}
	ws, err := websocket.Accept(w, r, &websocket.AcceptOptions{
		InsecureSkipVerify: true, // clients are programs, not pages
		OnPingReceived: func(context.Context, []byte) bool {
			s.mu.Lock()
			defer s.mu.Unlock()
			return !c.silent
		},
	})
	if err != nil {
		return
	}
	ws.SetReadLimit(1 << 20)
	ctx, cancel := context.WithCancel(s.ctx)
	c.ws, c.cancel = ws, cancel

	s.mu.Lock()
	if len(s.sock.conns) >= s.opt.MaxConnections {
		s.mu.Unlock()
		s.farewell(ctx, c, "too_many_websockets")
		cancel()
		return
	}
	if !s.started(2) {
		s.mu.Unlock()
		cancel()
		_ = ws.CloseNow()
		return
	}
	c.routed = true
	s.sock.conns = append(s.sock.conns, c)
	s.enqueue(c, mustJSON(obj{
		"type": "hello", "num_connections": len(s.sock.conns), "connection_info": obj{"app_id": s.opt.AppID},
		"debug_info": obj{"host": fmt.Sprintf("applink-%d", c.id), "started": c.opened.Format("2006-01-02 15:04:05.000"), "build_number": 142, "approximate_connection_time": 18060},
	}))
	s.mu.Unlock()
	go s.writeLoop(ctx, c)
	go s.pingLoop(ctx, c)
	s.changed()
	s.readLoop(ctx, c)
	s.forget(c)
}

// forget ends a connection whose reader has ended.
func (s *Server) forget(c *conn) {
	c.cancel()
	_ = c.ws.CloseNow()
	s.mu.Lock()
	c.routed = false
	s.sock.conns = slices.DeleteFunc(s.sock.conns, func(o *conn) bool { return o == c })
	s.mu.Unlock()
	s.changed()
}

func (s *Server) readLoop(ctx context.Context, c *conn) {
	for {
		typ, b, err := c.ws.Read(ctx)
		if err != nil {
			return
		}
		s.mu.Lock()
		silent := c.silent
		s.mu.Unlock()
		if !silent && typ == websocket.MessageText {
			s.acked(c, b)
		}
	}
}

func (s *Server) writeLoop(ctx context.Context, c *conn) {
	defer s.bg.Done()
	for {
		s.mu.Lock()
		q := c.queue
		c.queue = nil
		silent := c.silent
		s.mu.Unlock()
		for _, b := range q {
			if silent {
				continue
			}
			if err := c.ws.Write(ctx, websocket.MessageText, b); err != nil {
				return
			}
		}
		select {
		case <-c.wake:
		case <-ctx.Done():
			return
		}
	}
}

func (s *Server) pingLoop(ctx context.Context, c *conn) {
	defer s.bg.Done()
	if s.opt.PingEvery < 0 {
		return
	}
	tick := time.NewTicker(s.opt.PingEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		s.mu.Lock()
		silent := c.silent
		s.mu.Unlock()
		if silent {
			continue
		}
		pctx, cancel := context.WithTimeout(ctx, s.opt.PingEvery)
		_ = c.ws.Ping(pctx) // Slack is patient with a missing pong, and so are we
		cancel()
	}
}

// enqueue gives the connection a frame to write. The lock is held.
func (s *Server) enqueue(c *conn, b []byte) {
	c.queue = append(c.queue, b)
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

// farewell sends a disconnect frame and closes.
func (s *Server) farewell(ctx context.Context, c *conn, reason string) {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	_ = c.ws.Write(ctx, websocket.MessageText, disconnectFrame(c, reason)) // it is going anyway
	_ = c.ws.Close(websocket.StatusNormalClosure, "")
}

func disconnectFrame(c *conn, reason string) []byte {
	return mustJSON(obj{"type": "disconnect", "reason": reason, "debug_info": obj{"host": fmt.Sprintf("applink-%d", c.id)}})
}

// pick chooses the connection of an envelope. The lock is held.
func (s *Server) pick() *conn {
	var open []*conn
	for _, c := range s.sock.conns {
		if c.routed {
			open = append(open, c)
		}
	}
	if len(open) == 0 {
		return nil
	}
	return open[s.rnd.IntN(len(open))]
}

// Connections returns the ids of the open connections, oldest first.
func (s *Server) Connections() []int {
	s.mu.Lock()
	defer s.mu.Unlock()
	var ids []int
	for _, c := range s.sock.conns {
		ids = append(ids, c.id)
	}
	return ids
}

// Opens says how often a socket URL was handed out.
func (s *Server) Opens() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.sock.opened
}

// choose returns the connections with these ids, or the oldest that gets
// envelopes and wasn't told to go if none is given. The lock is held.
func (s *Server) choose(ids []int) (out []*conn) {
	for _, c := range s.sock.conns {
		if len(ids) == 0 && c.routed && !c.leaving || slices.Contains(ids, c.id) {
			out = append(out, c)
			if len(ids) == 0 {
				break
			}
		}
	}
	return out
}

// Rotate refreshes a connection as Slack does every few hours: a disconnect
// frame with reason "warning" now, envelopes as before for the grace, then a
// second frame with reason "refresh_requested"; the socket closes once what
// went out on it was acked, or a second later. Without ids it is the oldest
// connection's turn. It returns the ids of those it refreshes.
func (s *Server) Rotate(grace time.Duration, ids ...int) []int {
	return s.disconnect("warning", grace, ids)
}

// Refresh is a Rotate that says "refresh_requested" only, with the grace after it.
func (s *Server) Refresh(grace time.Duration, ids ...int) []int {
	return s.disconnect("refresh_requested", grace, ids)
}

func (s *Server) disconnect(reason string, grace time.Duration, ids []int) (out []int) {
	s.mu.Lock()
	for _, c := range s.choose(ids) {
		out = append(out, c.id)
		c.leaving = true
		s.enqueue(c, disconnectFrame(c, reason))
		if s.started(1) {
			go s.end(c, reason, grace)
		}
	}
	s.mu.Unlock()
	s.changed()
	return out
}

// end closes a connection that was told so.
func (s *Server) end(c *conn, reason string, grace time.Duration) {
	defer s.bg.Done()
	s.wait(grace)
	s.mu.Lock()
	c.routed = false
	if reason == "warning" {
		s.enqueue(c, disconnectFrame(c, "refresh_requested"))
	}
	s.mu.Unlock()
	for range 100 {
		s.mu.Lock()
		idle := len(c.queue) == 0 && c.waiting == 0
		s.mu.Unlock()
		if idle {
			break
		}
		s.wait(10 * time.Millisecond)
	}
	_ = c.ws.Close(websocket.StatusNormalClosure, "")
	c.cancel()
}

func (s *Server) wait(d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-s.ctx.Done():
	}
}

// DisableLink switches Socket Mode off, as an admin would: every connection is
// told link_disabled and closed, and none opens until EnableLink.
func (s *Server) DisableLink() {
	s.mu.Lock()
	s.sock.disabled = true
	var conns []*conn
	for _, c := range s.sock.conns {
		if c.routed = false; s.started(1) {
			conns = append(conns, c)
		}
	}
	s.mu.Unlock()
	for _, c := range conns {
		go func() {
			defer s.bg.Done()
			s.farewell(s.ctx, c, "link_disabled")
			c.cancel()
		}()
	}
	s.changed()
}

// EnableLink switches Socket Mode on again.
func (s *Server) EnableLink() {
	_ = s.do(func() error { s.sock.disabled = false; return nil })
}

// Drop cuts connections without a word; without ids, all of them.
func (s *Server) Drop(ids ...int) {
	s.mu.Lock()
	var cut []*conn
	for _, c := range s.sock.conns {
		if len(ids) == 0 || slices.Contains(ids, c.id) {
			c.routed = false
			cut = append(cut, c)
		}
	}
	s.mu.Unlock()
	for _, c := range cut {
		_ = c.ws.CloseNow() // what it says is of no use to a connection that is cut
		c.cancel()
	}
	s.changed()
}

// HalfOpen makes connections go silent: nothing that either side sends
// arrives, pings included, and nothing is closed. With lossy, Slack hasn't
// noticed and goes on sending envelopes there; they are lost. Without ids it
// takes the oldest connection. It returns the ids of those it silenced.
func (s *Server) HalfOpen(lossy bool, ids ...int) (out []int) {
	s.mu.Lock()
	for _, c := range s.choose(ids) {
		c.silent, c.routed = true, lossy
		out = append(out, c.id)
	}
	s.mu.Unlock()
	s.changed()
	return out
}

// FailOpens makes the next n calls of apps.connections.open fail with the
// error, "internal_error" by default; a number such as "503" is an HTTP status.
func (s *Server) FailOpens(n int, errs ...string) {
	if len(errs) == 0 {
		errs = []string{"internal_error"}
	}
	_ = s.do(func() error {
		for i := range n {
			s.failOpens = append(s.failOpens, errs[i%len(errs)])
		}
		return nil
	})
}

// SendFrame writes a raw text frame to a connection chosen at random, as it
// is. It reports whether there was one.
func (s *Server) SendFrame(frame []byte) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.pick()
	if c != nil {
		s.enqueue(c, frame)
	}
	return c != nil
}
