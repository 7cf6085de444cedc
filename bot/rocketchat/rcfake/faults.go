package rcfake

import (
	"net/http"
	"slices"
	"strings"
	"time"
)

// Drop says when a fault cuts the connection.
type Drop int

// The moments at which a connection can be cut.
const (
	NoDrop     Drop = iota
	DropBefore      // before the call had any effect
	DropAfter       // the effect happens, the answer is lost
)

// Fault makes matching calls fail. The zero Fault answers 503 once to any call.
type Fault struct {
	Route  string          // "POST livechat/message"; empty is any. A prefix does.
	Times  int             // how often it strikes: 0 is once, negative until ClearFaults
	Skip   int             // this many matching calls pass first
	Chance float64         // from 0 to 1: strikes at random, in an order fixed by the server's Seed; 0 is always
	Delay  time.Duration   // before anything else
	Until  <-chan struct{} // calls wait until it is closed, and are answered as usual then
	Effect bool            // does what was asked before failing
	Status int             // 503 unless Drop is set
	Header http.Header
	Body   string
	Drop   Drop
}

type fault struct {
	Fault
	left int
	hits int
}

// AddFault orders a fault; the first that matches strikes.
func (s *Server) AddFault(f Fault) {
	if f.Drop == DropAfter {
		f.Effect = true
	}
	_ = s.do(func() error {
		s.faults = append(s.faults, &fault{Fault: f, left: max(f.Times, 1)})
		return nil
	})
}

// Struck is how often the faults of a route that are still in force struck.
func (s *Server) Struck(route string) (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, f := range s.faults {
		if f.Route == route {
			n += f.hits
		}
	}
	return n
}

// ClearFaults ends all faults.
func (s *Server) ClearFaults() { _ = s.do(func() error { s.faults = nil; return nil }) }

// takeFault returns the fault that strikes a call. The lock is held.
func (s *Server) takeFault(route string) *fault {
	for i, f := range s.faults {
		if f.Route != "" && !strings.HasPrefix(route, f.Route) {
			continue
		}
		if f.Skip > 0 {
			f.Skip--
			continue
		}
		if f.Chance > 0 && s.rnd.Float64() >= f.Chance {
			continue
		}
		f.hits++
		if f.Times >= 0 {
			if f.left--; f.left == 0 {
				s.faults = slices.Delete(s.faults, i, i+1)
			}
		}
		return f
	}
	return nil
}
