package main

import (
	"fmt"
	"io"
	"sync/atomic"
	"time"
)

// patience is how long a command may take before it shows that it works.
const patience = 2 * time.Second

// progress shows on w, once a work has taken a while, how far it is.
type progress struct {
	what string
	at   atomic.Pointer[string]
	stop chan struct{}
	done chan struct{}
}

func showProgress(w io.Writer, what string) *progress {
	p := &progress{what: what, stop: make(chan struct{}), done: make(chan struct{})}
	go func() {
		defer close(p.done)
		tick := time.NewTicker(patience)
		defer tick.Stop()
		for start := time.Now(); ; {
			select {
			case <-p.stop:
				return
			case <-tick.C:
			}
			line := fmt.Sprintf("%s: %s", p.what, time.Since(start).Round(time.Second))
			if at := p.at.Load(); at != nil {
				line += ", " + *at
			}
			_, _ = fmt.Fprintln(w, line) // only a courtesy
		}
	}()
	return p
}

// set says how far the work is.
func (p *progress) set(format string, args ...any) {
	s := fmt.Sprintf(format, args...)
	p.at.Store(&s)
}

// end stops it. What is written afterwards stands below.
func (p *progress) end() {
	close(p.stop)
	<-p.done
}

// counted is a writer whose progress is shown.
type counted struct {
	w io.Writer
	n int64
	p *progress
}

func (c *counted) Write(b []byte) (int, error) {
	n, err := c.w.Write(b)
	c.n += int64(n)
	c.p.set("%.1f MB", float64(c.n)/1e6)
	return n, err
}
