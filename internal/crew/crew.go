// Package crew runs short pieces of work beside each other on goroutines that
// stay for the next one. A new goroutine would first have to grow its stack,
// which for work of some microseconds costs as much as the work.
package crew

import (
	"sync"
	"time"
)

// Crew is goroutines that work, or wait for work. Use [New]. It is safe for
// concurrent use.
type Crew struct {
	stay int
	wg   sync.WaitGroup

	mu    sync.Mutex
	idle  []chan func() // of those who wait; the last one worked last
	ended bool
}

// New returns a crew of which up to stay goroutines wait for work. How many
// work at once is for the caller to bound.
func New(stay int) *Crew { return &Crew{stay: stay} }

// Go runs work on a goroutine, on that which worked last if one waits: the
// fewer are used, the less memory is. It does not wait. Once End was called and
// Wait may have returned, it must not be called any more.
func (c *Crew) Go(work func()) {
	c.mu.Lock()
	n := len(c.idle)
	if n == 0 {
		c.mu.Unlock()
		c.wg.Go(func() { c.run(work) })
		return
	}
	ch := c.idle[n-1]
	c.idle = c.idle[:n-1]
	c.mu.Unlock()
	ch <- work // it has room for one
}

// run works until there is nothing to do and enough others wait.
func (c *Crew) run(work func()) {
	ch := make(chan func(), 1)
	for ok := true; ok; work, ok = <-ch {
		work()
		if !c.wait(ch) {
			return
		}
	}
}

func (c *Crew) wait(ch chan func()) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ended || len(c.idle) >= c.stay {
		return false
	}
	c.idle = append(c.idle, ch)
	return true
}

// End sends those home who wait, and those who work once they have done so. It
// may be called again.
func (c *Crew) End() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ended = true
	for _, ch := range c.idle {
		close(ch)
	}
	c.idle = nil
}

// Wait waits for all to be gone. Without End they never are.
func (c *Crew) Wait() { c.wg.Wait() }

// WaitFor is Wait that gives up after d: it reports whether all are gone.
func (c *Crew) WaitFor(d time.Duration) bool {
	done := make(chan struct{})
	go func() {
		c.Wait()
		close(done)
	}()
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-done:
		return true
	case <-timer.C:
		return false
	}
}
