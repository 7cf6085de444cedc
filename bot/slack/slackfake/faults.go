package slackfake

import (
	"context"
	"net"
	"net/http"
	"slices"
	"time"
)

// Drop says when a fault cuts the connection.
type Drop int

// The moments at which a connection can be cut.
const (
	NoDrop Drop = iota
	// DropBefore cuts before the call had any effect.
	DropBefore
	// DropAfter lets the effect happen and loses the answer.
	DropAfter
)

// Fault makes matching calls fail. The zero Fault answers 503 once for any method.
type Fault struct {
	// Method is "chat.postMessage", "response_url", "upload"; empty is any.
	Method string
	// Times is how often it strikes: 0 is once, negative until ClearFaults.
	Times int
	// Skip lets this many matching calls pass first.
	Skip int
	// Delay waits before anything else.
	Delay time.Duration
	// Effect does what was asked before failing.
	Effect bool
	// Status answers with this HTTP status; 503 unless Error or Drop is set.
	Status int
	// Error answers {"ok":false,"error":...}, with status 200 unless Status is set.
	Error string
	// Header is added to the answer.
	Header http.Header
	// Body replaces the answer's body.
	Body string
	// Drop cuts the connection.
	Drop Drop
}

type fault struct {
	Fault
	left int
}

// AddFault orders a fault; the first that matches strikes.
func (s *Server) AddFault(f Fault) {
	slow := f.Delay > 0 && f.Status == 0 && f.Error == "" && f.Body == "" && f.Drop == NoDrop
	if f.Drop == DropAfter || slow {
		f.Effect = true
	}
	_ = s.do(func() error {
		s.faults = append(s.faults, &fault{Fault: f, left: max(f.Times, 1)})
		return nil
	})
}

// ClearFaults ends all faults.
func (s *Server) ClearFaults() { _ = s.do(func() error { s.faults = nil; return nil }) }

func (s *Server) takeFault(method string) *fault {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, f := range s.faults {
		if f.Method != "" && f.Method != method {
			continue
		}
		if f.Skip > 0 {
			f.Skip--
			continue
		}
		if f.Times >= 0 {
			if f.left--; f.left == 0 {
				s.faults = slices.Delete(s.faults, i, i+1)
			}
		}
		return f
	}
	return nil
}

// beginFault takes the fault of a call that has no record, and reports whether
// the call is over with it. One that has its effect first is still to be written.
func (s *Server) beginFault(w http.ResponseWriter, r *http.Request, method string) (f *fault, over bool) {
	f = s.takeFault(method)
	switch {
	case !f.before(r.Context()):
		cut(w)
	case f != nil && !f.Effect:
		f.write(w, nil)
	default:
		return f, false
	}
	return f, true
}

// before waits as ordered and reports whether the call goes on.
func (f *fault) before(ctx context.Context) bool {
	if f == nil {
		return true
	}
	if f.Delay > 0 {
		t := time.NewTimer(f.Delay)
		defer t.Stop()
		select {
		case <-t.C:
		case <-ctx.Done():
			return f.Effect // the caller gave up; what it asked may happen all the same
		}
	}
	return f.Drop != DropBefore
}

func (f *fault) status() int {
	switch {
	case f.Drop != NoDrop:
		return 0
	case f.Status != 0:
		return f.Status
	case f.Error != "" || f.Body != "" || f.Effect || f.Delay > 0:
		return http.StatusOK
	}
	return http.StatusServiceUnavailable
}

// write answers; body is the true answer, if there was an effect.
func (f *fault) write(w http.ResponseWriter, body []byte) {
	for k, v := range f.Header {
		w.Header()[http.CanonicalHeaderKey(k)] = v
	}
	switch {
	case f.Body != "":
		body = []byte(f.Body)
	case f.Error != "":
		body = mustJSON(fail(f.Error))
	case body == nil || f.status() != http.StatusOK:
		body = []byte(http.StatusText(f.status()))
	}
	if w.Header().Get("Content-Type") == "" && len(body) > 0 && body[0] == '{' {
		w.Header().Set("Content-Type", "application/json; charset=utf-8")
	}
	w.WriteHeader(f.status())
	_, _ = w.Write(body)
}

// cut resets the connection: no answer, no goodbye.
func cut(w http.ResponseWriter) {
	c, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	if t, ok := c.(*net.TCPConn); ok {
		_ = t.SetLinger(0)
	}
	_ = c.Close()
}
