package xfake

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"sync"
	"time"
)

// Delivery is one attempt to hand an event to a webhook.
type Delivery struct {
	ID      int       `json:"id"`
	Webhook string    `json:"webhook"`
	Kind    string    `json:"kind"`
	Status  int       `json:"status"`
	Error   string    `json:"error,omitempty"`
	At      time.Time `json:"at"`
	// Body is what was sent.
	Body []byte `json:"body"`
}

// DeliveryMode makes deliveries as unreliable as X's may be.
type DeliveryMode struct {
	// Duplicates is how many more times each event is sent.
	Duplicates int
	// Hold keeps events back until Release; see also Reverse there.
	Hold bool
	// Lose drops events silently, as X does when it has no retry left.
	Lose bool
}

type job struct {
	webhook, url, kind string
	body               []byte
}

// queueLength bounds what waits for a slow webhook; more is lost, as at X.
const queueLength = 1024

// delivery owns the one goroutine that talks to webhooks. It starts with the
// first event and ends with close.
type delivery struct {
	mu      sync.Mutex
	mode    DeliveryMode
	jobs    []job
	held    []job
	log     []Delivery
	next    int
	running bool
	closed  bool
	stop    context.CancelFunc
	done    chan struct{}
	idle    chan struct{} // closed while nothing waits or runs
}

func (d *delivery) init() {
	d.idle = make(chan struct{})
	close(d.idle)
}

func (d *delivery) put(s *Server, j job) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed || d.mode.Lose {
		return
	}
	if d.mode.Hold {
		d.held = append(d.held, j)
		return
	}
	d.add(s, j)
}

// add expects the lock.
func (d *delivery) add(s *Server, j job) {
	for range 1 + d.mode.Duplicates {
		if len(d.jobs) >= queueLength {
			s.log.Warn("event lost, the queue is full", "kind", j.kind)
			return
		}
		d.jobs = append(d.jobs, j)
	}
	if d.running {
		return
	}
	// Deliveries outlive the call that caused them; close ends them.
	ctx, stop := context.WithCancel(context.Background())
	d.running, d.stop = true, stop
	d.done, d.idle = make(chan struct{}), make(chan struct{})
	go d.run(ctx, s, d.done, d.idle)
}

// run sends until nothing waits.
func (d *delivery) run(ctx context.Context, s *Server, done, idle chan struct{}) {
	defer close(done)
	defer close(idle)
	for {
		d.mu.Lock()
		if len(d.jobs) == 0 || ctx.Err() != nil {
			d.running = false
			d.stop()
			d.mu.Unlock()
			return
		}
		j := d.jobs[0]
		d.jobs = d.jobs[1:]
		d.next++
		id := d.next
		d.mu.Unlock()

		rec := s.deliver(ctx, j)
		rec.ID = id
		const keep = 1000
		d.mu.Lock()
		d.log = append(d.log, rec)
		if len(d.log) > keep {
			d.log = slices.Clone(d.log[len(d.log)-keep:])
		}
		d.mu.Unlock()
		s.changed()
	}
}

func (s *Server) deliver(ctx context.Context, j job) Delivery {
	rec := Delivery{Webhook: j.webhook, Kind: j.kind, At: s.now(), Body: j.body}
	err := func() error {
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, j.url, bytes.NewReader(j.body))
		if err != nil {
			return err
		}
		req.Header.Set("Content-Type", "application/json")
		req.Header.Set("User-Agent", "TwitterActivityBot/1.0 (xfake)")
		req.Header.Set("X-Twitter-Webhooks-Signature", s.sign(j.body))
		res, err := s.opt.HTTP.Do(req)
		if err != nil {
			return err
		}
		defer func() { _ = res.Body.Close() }()
		_, _ = io.Copy(io.Discard, io.LimitReader(res.Body, 64<<10)) // so that the connection can be used again
		rec.Status = res.StatusCode
		return nil
	}()
	if err != nil {
		rec.Error = err.Error()
	}
	s.log.Debug("event delivered", "kind", j.kind, "status", rec.Status)
	return rec
}

func (d *delivery) close(ctx context.Context) error {
	d.mu.Lock()
	d.closed = true
	d.jobs, d.held = nil, nil
	running, done, stop := d.running, d.done, d.stop
	d.mu.Unlock()
	if !running {
		if done != nil {
			<-done // it has decided to end
		}
		return nil
	}
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		stop()
		<-done
		return fmt.Errorf("close xfake: %w", ctx.Err())
	}
}

// SetDelivery changes how events are delivered from now on.
func (s *Server) SetDelivery(m DeliveryMode) {
	s.del.mu.Lock()
	s.del.mode = m
	s.del.mu.Unlock()
	s.changed()
}

// Release delivers the events held back, newest first when reverse is set.
func (s *Server) Release(reverse bool) int {
	d := &s.del
	d.mu.Lock()
	held := d.held
	d.held = nil
	if reverse {
		slices.Reverse(held)
	}
	for _, j := range held {
		d.add(s, j)
	}
	d.mu.Unlock()
	return len(held)
}

// Redeliver sends the event of a past delivery once more, byte for byte.
func (s *Server) Redeliver(id int) error {
	d := &s.del
	d.mu.Lock()
	i := slices.IndexFunc(d.log, func(rec Delivery) bool { return rec.ID == id })
	var rec Delivery
	if i >= 0 {
		rec = d.log[i]
	}
	d.mu.Unlock()
	if i < 0 {
		return fmt.Errorf("xfake: no delivery %d", id)
	}
	s.mu.Lock()
	w := s.st.Webhooks[rec.Webhook]
	s.mu.Unlock()
	if w == nil {
		return fmt.Errorf("xfake: webhook %s is gone", rec.Webhook)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		return errors.New("xfake: closed")
	}
	d.add(s, job{webhook: rec.Webhook, url: w.URL, kind: rec.Kind, body: rec.Body})
	return nil
}

// Deliveries returns what was sent, oldest first; the last 1,000 are kept.
func (s *Server) Deliveries() []Delivery {
	s.del.mu.Lock()
	defer s.del.mu.Unlock()
	return slices.Clone(s.del.log)
}

// WaitDeliveries returns when no event waits or is under way; events held back
// do not count.
func (s *Server) WaitDeliveries(ctx context.Context) error {
	s.del.mu.Lock()
	idle := s.del.idle
	s.del.mu.Unlock()
	select {
	case <-idle:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("wait for deliveries: %w", ctx.Err())
	}
}
