package xfake

import (
	"context"
	"maps"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
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

// Fault makes matching calls fail. The zero Fault answers 503.
type Fault struct {
	// Name is shown by Faults and is otherwise free.
	Name string
	// Method is "POST" and so on; empty matches every method.
	Method string
	// Path is a pattern of path segments: * matches one, a final ** any rest.
	// Empty matches everything.
	Path string
	// Times is how often it strikes; 0 means until it is cleared.
	Times int
	// Probability from 0 to 1 strikes at random, in an order fixed by Seed; 0
	// means always.
	Probability float64
	Seed        uint64
	// Delay waits before anything else.
	Delay time.Duration
	// Effect does what was asked before failing, as X does when its answer is
	// lost or late.
	Effect bool
	// Status and Body replace the answer; without them the real one is kept
	// when Effect is set.
	Status int
	Body   string
	Header http.Header
	// Drop cuts the connection.
	Drop Drop
	// Slow writes the answer in ten pieces with this pause between them.
	Slow time.Duration
	// BadJSON cuts the body in the middle.
	BadJSON bool
}

type fault struct {
	Fault
	left int
	rnd  *rand.Rand
}

// AddFault orders a fault; the first added that matches strikes.
func (s *Server) AddFault(f Fault) {
	if f.Drop == DropAfter {
		f.Effect = true
	}
	s.mu.Lock()
	s.faults = append(s.faults, &fault{Fault: f, left: f.Times, rnd: rand.New(rand.NewPCG(f.Seed, f.Seed+1))})
	s.mu.Unlock()
	s.changed()
}

// Faults returns what is still ordered, Times being what is left.
func (s *Server) Faults() []Fault {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []Fault
	for _, f := range s.faults {
		o := f.Fault
		o.Times = f.left
		out = append(out, o)
	}
	return out
}

// ClearFaults ends all faults, or those of one name if any is given.
func (s *Server) ClearFaults(names ...string) {
	s.mu.Lock()
	var keep []*fault
	for _, f := range s.faults {
		if len(names) > 0 && !slices.Contains(names, f.Name) {
			keep = append(keep, f)
		}
	}
	s.faults = keep
	s.mu.Unlock()
	s.changed()
}

func (s *Server) takeFault(method, path string) *fault {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, f := range s.faults {
		if f.Method != "" && f.Method != method || f.Path != "" && !matchPath(f.Path, path) {
			continue
		}
		if f.Probability > 0 && f.rnd.Float64() >= f.Probability {
			continue
		}
		if f.Times > 0 {
			f.left--
			if f.left == 0 {
				s.faults = append(s.faults[:i:i], s.faults[i+1:]...)
			}
		}
		return f
	}
	return nil
}

func matchPath(pattern, path string) bool {
	want, got := strings.Split(pattern, "/"), strings.Split(path, "/")
	for i, w := range want {
		if w == "**" {
			return true
		}
		if i >= len(got) || w != "*" && !strings.HasPrefix(w, "{") && w != got[i] {
			return false
		}
	}
	return len(want) == len(got)
}

// before waits as ordered and reports whether the connection stays.
func (f *fault) before(ctx context.Context) bool {
	if f.Delay > 0 {
		t := time.NewTimer(f.Delay)
		defer t.Stop()
		select {
		case <-t.C:
		case <-ctx.Done():
			// The caller gave up; an Effect still happens, as it would at X.
			return f.Effect && f.Drop != DropBefore
		}
	}
	return f.Drop != DropBefore
}

// answer turns the real reply (empty without Effect) into the failing one.
func (f *fault) answer(rep reply) reply {
	status, plain := f.Status, !f.Effect
	if status == 0 && plain && (f.BadJSON || f.Slow > 0) {
		status = http.StatusOK
	}
	if status == 0 && plain {
		status = http.StatusServiceUnavailable
	}
	if status != 0 {
		h := rep.header
		rep = blank(status, http.StatusText(status), http.StatusText(status))
		if status == http.StatusTooManyRequests {
			rep = tooMany()
		}
		if status == http.StatusPaymentRequired {
			rep = noCredits()
		}
		rep.header = h
	}
	if f.Body != "" {
		rep.raw, rep.ctype = []byte(f.Body), "application/json; charset=utf-8"
	}
	if rep.header == nil {
		rep.header = http.Header{}
	}
	for k, v := range f.Header {
		rep.header[http.CanonicalHeaderKey(k)] = v
	}
	if f.BadJSON {
		b, ctype := rep.bytes()
		rep.raw, rep.ctype = b[:len(b)/2], ctype
	}
	return rep
}

// drip writes the answer piece by piece.
func drip(ctx context.Context, w http.ResponseWriter, rep reply, pause time.Duration) {
	b, ctype := rep.bytes()
	maps.Copy(w.Header(), rep.header)
	w.Header().Set("Content-Type", ctype)
	w.WriteHeader(rep.status)
	rc := http.NewResponseController(w)
	step := max(len(b)/10, 1)
	for len(b) > 0 {
		n := min(step, len(b))
		if _, err := w.Write(b[:n]); err != nil {
			return
		}
		b = b[n:]
		_ = rc.Flush() // a recorder without Flush just gets it at once
		t := time.NewTimer(pause)
		select {
		case <-t.C:
		case <-ctx.Done():
			t.Stop()
			return
		}
	}
}
