package slackfake

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/google/uuid"
)

// deliveries is what Slack has told the app. Guarded by Server.mu.
type deliveries struct {
	open map[string]*Delivery // by envelope id, until acked or timed out for good
	all  []*Delivery
	acks []Ack
	urls requestURLs
}

// Delivery is one thing that Slack tells the app: an event, a command, a press
// of a button. It may take several envelopes.
type Delivery struct {
	// Kind is "events_api", "slash_commands" or "interactive".
	Kind string
	// EventID is the same in each envelope of an event; empty for the rest.
	EventID string
	// TriggerID and ResponseURL are what a command or interaction carries.
	TriggerID, ResponseURL string

	s        *Server
	payload  json.RawMessage
	accepts  bool // an answer in the ack is taken
	onAck    func(answer obj)
	onFail   func(reason string)
	attempts []*Envelope
	done     chan struct{}
	finish   sync.Once
	ack      *Ack
}

// Envelope is one attempt to deliver.
type Envelope struct {
	ID, Kind, EventID string
	Attempt           int    // 0, or the number of the retry
	Reason            string // why it is a retry
	Conn              int    // the connection it went to; 0 is HTTP, or none was open
	Sent              time.Time
	Acked             time.Time // zero if it wasn't within time
	Late              bool      // acked after the time was up
	Lost              bool      // went to a silent socket, or to none
	Over              bool      // its time is up

	on   *conn
	stop func()
}

// Ack is one answer of the app to an envelope.
type Ack struct {
	EnvelopeID, Kind, EventID string
	Conn                      int // the connection it came on; 0 is HTTP
	At                        time.Time
	Latency                   time.Duration
	Late, Repeated            bool
	WrongConn                 bool // not the one its envelope went to
	TooBig                    bool // over 20,480 bytes: dropped unread
	Unknown                   bool // no such envelope
	Payload                   json.RawMessage
}

// Done is closed when the delivery is acked or has failed for good.
func (d *Delivery) Done() <-chan struct{} { return d.done }

// Acked returns the ack that counted, if there was one.
func (d *Delivery) Acked() (Ack, bool) {
	d.s.mu.Lock()
	defer d.s.mu.Unlock()
	if d.ack == nil {
		return Ack{}, false
	}
	return *d.ack, true
}

// Envelopes returns the attempts so far.
func (d *Delivery) Envelopes() []Envelope {
	d.s.mu.Lock()
	defer d.s.mu.Unlock()
	return d.envelopes()
}

// EventType returns the inner event's type, with its subtype after a slash if
// it has one; for other kinds, the payload's type or the command.
func (d *Delivery) EventType() string {
	var p struct {
		Type, Command string
		Event         struct{ Type, Subtype string }
	}
	if json.Unmarshal(d.payload, &p) != nil {
		return ""
	}
	switch {
	case p.Event.Subtype != "":
		return p.Event.Type + "/" + p.Event.Subtype
	case p.Event.Type != "":
		return p.Event.Type
	case p.Command != "":
		return p.Command
	}
	return p.Type
}

// Payload returns what was delivered.
func (d *Delivery) Payload() json.RawMessage { return d.payload }

func (d *Delivery) envelopes() (out []Envelope) {
	for _, e := range d.attempts {
		out = append(out, *e)
	}
	return out
}

// deliver starts a delivery. The lock is held.
func (s *Server) deliver(d *Delivery, payload any) *Delivery {
	d.s, d.payload, d.done = s, mustJSON(payload), make(chan struct{})
	s.del.all = append(s.del.all, d)
	s.attempt(d, "")
	return d
}

// newUUID makes the ID of something that nobody has to guess. The lock is held.
func (s *Server) newUUID() string {
	var id uuid.UUID
	binary.LittleEndian.PutUint64(id[:8], s.rnd.Uint64())
	binary.LittleEndian.PutUint64(id[8:], s.rnd.Uint64())
	id[6], id[8] = id[6]&0x0f|0x40, id[8]&0x3f|0x80 // version 4
	return id.String()
}

// attempt sends the delivery's next envelope. The lock is held.
func (s *Server) attempt(d *Delivery, reason string) {
	e := &Envelope{ID: s.newUUID(), Kind: d.Kind, EventID: d.EventID, Attempt: len(d.attempts), Reason: reason, Sent: time.Now().UTC()}
	d.attempts = append(d.attempts, e)
	if s.del.urls.set() {
		s.post(d, e)
		return
	}
	c := s.pick()
	if c == nil {
		e.Lost, e.Over = true, true
		s.failed(d, e, "connection_failed")
		return
	}
	e.Conn, e.Lost, e.on = c.id, c.silent, c
	c.waiting++
	s.del.open[e.ID] = d
	s.enqueue(c, d.frame(e))
	e.stop = s.after(s.opt.AckWithin, func() { s.timedOut(d, e) })
}

// frame is the envelope as it is sent. The payload was encoded before and is
// not decoded again: benchmarks of apps should measure apps.
func (d *Delivery) frame(e *Envelope) []byte {
	b := make([]byte, 0, len(d.payload)+200)
	b = fmt.Appendf(b, `{"envelope_id":%q,"type":%q,"accepts_response_payload":%t,"payload":`, e.ID, d.Kind, d.accepts)
	b = append(b, d.payload...)
	if d.Kind == "events_api" {
		b = fmt.Appendf(b, `,"retry_attempt":%d,"retry_reason":%q`, e.Attempt, e.Reason)
	}
	return append(b, '}')
}

func (s *Server) timedOut(d *Delivery, e *Envelope) {
	s.mu.Lock()
	if e.Over || !e.Acked.IsZero() {
		s.mu.Unlock()
		return
	}
	e.Over = true
	e.on.waiting--
	s.failed(d, e, "timeout")
	s.mu.Unlock()
	s.changed()
}

// failed plans the next attempt or gives up. The lock is held.
func (s *Server) failed(d *Delivery, e *Envelope, reason string) {
	s.log.Debug("envelope not acked", "kind", d.Kind, "attempt", e.Attempt, "reason", reason)
	lost := s.opt.LoseOffline && reason == "connection_failed"
	if d.Kind != "events_api" || e.Attempt >= len(s.opt.Retries) || lost || s.ctx.Err() != nil {
		d.finish.Do(func() { close(d.done) })
		if d.onFail != nil {
			d.onFail(reason)
		}
		return
	}
	wait := s.opt.Retries[e.Attempt]
	if wait == 0 {
		s.attempt(d, reason)
		return
	}
	s.after(wait, func() {
		s.mu.Lock()
		if d.ack == nil {
			s.attempt(d, reason)
		}
		s.mu.Unlock()
		s.changed()
	})
}

// acked takes a frame from the app.
func (s *Server) acked(c *conn, frame []byte) {
	var in struct {
		EnvelopeID string          `json:"envelope_id"`
		Payload    json.RawMessage `json:"payload"`
	}
	err := json.Unmarshal(frame, &in)
	s.mu.Lock()
	a := Ack{EnvelopeID: in.EnvelopeID, Conn: c.id, At: time.Now().UTC(), Payload: in.Payload}
	d := s.del.open[in.EnvelopeID]
	switch {
	case err != nil || d == nil:
		a.Unknown = true
		s.del.acks = append(s.del.acks, a)
	default:
		i := slices.IndexFunc(d.attempts, func(e *Envelope) bool { return e.ID == in.EnvelopeID })
		a.WrongConn = d.attempts[i].Conn != c.id
		a.TooBig = len(frame) > maxAck
		s.settle(d, d.attempts[i], a)
	}
	s.mu.Unlock()
	s.changed()
}

// settle records an ack and does what it asks. The lock is held.
func (s *Server) settle(d *Delivery, e *Envelope, a Ack) {
	a.Kind, a.EventID, a.Latency = d.Kind, d.EventID, a.At.Sub(e.Sent)
	a.Repeated, a.Late = !e.Acked.IsZero(), e.Over
	counts := !a.Repeated && !a.TooBig && (!a.WrongConn || s.opt.AckAnywhere)
	if counts {
		e.Acked, e.Late = a.At, a.Late
		if e.stop != nil {
			e.stop()
		}
		if e.on != nil && !e.Over {
			e.on.waiting--
		}
	}
	s.del.acks = append(s.del.acks, a)
	if !counts || a.Late || d.ack != nil {
		return
	}
	d.ack = &a
	d.finish.Do(func() { close(d.done) })
	if d.accepts && d.onAck != nil {
		var answer obj
		if json.Unmarshal(a.Payload, &answer) != nil {
			var text string // plain text is an answer as well
			if json.Unmarshal(a.Payload, &text) == nil && text != "" {
				answer = obj{"text": text}
			}
		}
		d.onAck(answer)
	}
}

// Acks returns every answer of the app, in the order they came.
func (s *Server) Acks() []Ack {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.del.acks)
}

// Deliveries returns what was delivered, or tried to be, oldest first.
func (s *Server) Deliveries() []*Delivery {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.del.all)
}

// Unacked returns the last envelope of each delivery that was never acked in
// time. Lost tells those that no app could have acked.
func (s *Server) Unacked() (out []Envelope) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, d := range s.del.all {
		if d.ack == nil {
			out = append(out, *d.attempts[len(d.attempts)-1])
		}
	}
	return out
}

// ForgetLog empties the logs of deliveries, acks and calls.
func (s *Server) ForgetLog() {
	_ = s.do(func() error {
		for _, d := range s.del.all {
			if d.ack == nil {
				continue
			}
			for _, e := range d.attempts {
				delete(s.del.open, e.ID)
			}
		}
		s.del.all = slices.DeleteFunc(s.del.all, func(d *Delivery) bool { return d.ack != nil })
		s.del.acks, s.calls = nil, nil
		return nil
	})
}

// SendEvent delivers any inner event through events_api: one that no SDK
// knows, or that none can decode.
func (s *Server) SendEvent(event map[string]any) *Delivery {
	s.mu.Lock()
	defer s.changed()
	defer s.mu.Unlock()
	return s.event(s.opt.TeamID, event, false)
}

// SendEnvelope delivers an envelope of any type with any payload.
func (s *Server) SendEnvelope(kind string, payload any) *Delivery {
	s.mu.Lock()
	defer s.changed()
	defer s.mu.Unlock()
	return s.deliver(&Delivery{Kind: kind}, payload)
}

// Redeliver sends an event again in a new envelope, as Slack does when it
// misses an ack that was sent.
func (s *Server) Redeliver(d *Delivery) {
	_ = s.do(func() error { s.attempt(d, "timeout"); return nil })
}

// event delivers an inner event. The lock is held.
func (s *Server) event(teamID string, ev obj, ext bool) *Delivery {
	t := s.st.teams[teamID]
	id := s.nextID("Ev")
	return s.deliver(&Delivery{Kind: "events_api", EventID: id}, obj{
		"token": "verification-token", "team_id": teamID, "context_team_id": teamID, "context_enterprise_id": nil, "api_app_id": s.opt.AppID,
		"event": ev, "type": "event_callback", "event_id": id, "event_time": s.now().Unix(), "is_ext_shared_channel": ext,
		"event_context":  "4-" + id,
		"authorizations": []any{obj{"enterprise_id": nil, "team_id": teamID, "user_id": t.botUser, "is_bot": true, "is_enterprise_install": false}},
	})
}
