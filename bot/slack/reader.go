package slack

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/coder/websocket"
	"github.com/tidwall/gjson"
)

// envelope is a frame of Socket Mode, as far as it must be understood to be
// acknowledged.
type envelope struct {
	Type    string          `json:"type"`
	ID      string          `json:"envelope_id"`
	Reason  string          `json:"reason"`
	Payload json.RawMessage `json:"payload"`
}

// openFrame reads the outside of a frame. What is inside the payload is looked at by
// whoever decodes it: nobody else needs to.
func openFrame(frame []byte) (envelope, error) {
	var e envelope
	all := gjson.ParseBytes(frame)
	if !all.IsObject() {
		return e, json.Unmarshal(frame, &e)
	}
	all.ForEach(func(key, val gjson.Result) bool {
		switch key.Str {
		case "type":
			e.Type = val.Str
		case "envelope_id":
			e.ID = val.Str
		case "reason":
			e.Reason = val.Str
		case "payload":
			e.Payload = json.RawMessage(val.Raw)
		}
		return true
	})
	if e.ID == "" && e.Type != "hello" && e.Type != "disconnect" {
		return e, json.Unmarshal(frame, &e) // which says what is wrong with it
	}
	return e, nil
}

// read reads a socket until it ends, whatever Slack has said of its end. After
// run has ended it takes in nothing more.
func (s *sockets) read(run, after context.Context, sk *socket) {
	ctx, cancel := context.WithCancel(after)
	defer cancel()
	s.add(sk)
	defer s.drop(sk)
	s.readers.Go(func() { s.ping(ctx, after, sk) })
	var frame bytes.Buffer // used again: what a frame says is copied out of it
	for {
		_, r, err := sk.conn.Reader(ctx)
		if err == nil {
			frame.Reset()
			_, err = frame.ReadFrom(r)
		}
		if err != nil {
			s.log.Debug("slack socket closed", "err", err)
			return
		}
		s.hear(after)
		if run.Err() == nil {
			s.frame(run, after, sk, frame.Bytes())
		}
		if frame.Cap() > keptFrame {
			frame = bytes.Buffer{}
		}
	}
}

// keptFrame is how much of the longest frame is kept for the next ones.
const keptFrame = 256 << 10

func (s *sockets) add(sk *socket) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.live[sk] = struct{}{}
	s.stats.opened.Add(1)
	s.stats.sockets.Store(int64(len(s.live)))
}

func (s *sockets) drop(sk *socket) {
	_ = sk.conn.CloseNow()
	s.mu.Lock()
	delete(s.live, sk)
	if sk.up {
		s.gaps.ended(time.Unix(0, s.stats.seen.Load()).UTC())
	}
	s.stats.sockets.Store(int64(len(s.live)))
	s.mu.Unlock()
	close(sk.done)
}

// frame handles one frame, whose bytes it may use until it returns. It blocks
// only while too much is in flight.
func (s *sockets) frame(run, after context.Context, sk *socket, raw []byte) {
	e, err := openFrame(raw)
	if err != nil {
		s.strange(run, after, raw, err)
		return
	}
	switch {
	case e.Type == "hello":
		s.greet(after, sk)
		return
	case e.Type == "disconnect":
		s.log.Debug("slack asks to leave a socket", "reason", e.Reason)
		sk.leave.Do(func() { sk.reason = e.Reason; close(sk.notice) })
		return
	case e.ID == "":
		s.strange(run, after, raw, errUnknown)
		return
	}
	d := delivery{kind: e.Type, id: e.ID, payload: e.Payload}
	var lane, turn string
	work := func() {
		if err := s.take(after, s.Sink, d); err != nil {
			s.log.Error("slack delivery not stored and not acknowledged", "kind", d.kind, "err", err)
			return
		}
		s.ack(after, sk, d.id)
	}
	if s.ownEcho(d) {
		work = func() {
			s.stats.received.Add(1)
			s.ack(after, sk, d.id)
		}
	} else {
		lane, turn = orderOf(&d)
	}
	sk.full.Store(true)
	err = s.lanes.inTurn(run, lane, turn, work)
	sk.full.Store(false)
	if err != nil {
		s.log.Debug("slack delivery left for the next start", "err", err)
	}
}

// strange takes in a frame that can't be read and can't be acknowledged.
func (s *sockets) strange(run, after context.Context, raw []byte, why error) {
	raw = bytes.Clone(raw)
	err := s.lanes.put(run, "", func() {
		if err := s.unread(after, s.Sink, raw, why); err != nil {
			s.log.Error("slack frame not stored", "err", err)
		}
	})
	if err != nil {
		s.log.Debug("slack frame left", "err", err)
	}
}

// ack acknowledges an envelope on its own socket, and on another one if that
// has ended in the meantime: nobody knows if Slack takes it there, but it does
// no harm.
func (s *sockets) ack(ctx context.Context, sk *socket, id string) {
	raw, err := json.Marshal(struct {
		ID string `json:"envelope_id"`
	}{id})
	if err != nil {
		return
	}
	for _, to := range s.candidates(sk) {
		wctx, cancel := context.WithTimeout(ctx, ackWithin)
		err = to.conn.Write(wctx, websocket.MessageText, raw)
		cancel()
		if err == nil {
			s.stats.acked.Add(1)
			return
		}
	}
	s.log.Warn("slack delivery stored but not acknowledged", "err", errors.Join(err))
}

// candidates are the sockets to acknowledge on, the best one first.
func (s *sockets) candidates(sk *socket) []*socket {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := []*socket{sk}
	for other := range s.live {
		if other != sk {
			out = append(out, other)
		}
	}
	return out
}

// ping ends a socket on which Slack does not answer, and one that lingers long
// after it was told to go.
func (s *sockets) ping(ctx, after context.Context, sk *socket) {
	tick := time.NewTicker(pingEvery)
	defer tick.Stop()
	var left time.Time
	heard := time.Now()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		select {
		case <-sk.notice:
			if left.IsZero() {
				left = time.Now()
			}
		default:
		}
		if !left.IsZero() && time.Since(left) > lingerFor {
			_ = sk.conn.CloseNow()
			return
		}
		pctx, cancel := context.WithTimeout(ctx, pingWithin)
		err := sk.conn.Ping(pctx)
		cancel()
		switch {
		case err == nil:
			heard = time.Now()
			s.hear(after)
		case ctx.Err() != nil:
			return
		case sk.full.Load():
			// The answer may lie unread behind what waits for room.
		default:
			s.log.Warn("slack does not answer on a socket", "err", err)
			_ = sk.conn.CloseNow()
			// What Slack wrote to it since then came to nobody, and Slack says it
			// again in a minute or not at all: however well the other socket is.
			s.readers.Go(func() { s.tellGap(after, s.Sink, heard.UTC()) })
			return
		}
	}
}
