// Package crew runs short pieces of work beside each other on goroutines that
// stay for the next one. A new goroutine would first have to grow its stack,
// which for work of some microseconds costs as much as the work.
package crew

import "sync"

// Crew is goroutines that work, or wait for work. Use [New]. It is safe for
// concurrent use.
type Crew struct {
	work  chan func()
	stay  chan struct{} // one for each goroutine that waits
	ended chan struct{}
	end   sync.Once
	wg    sync.WaitGroup
}

// New returns a crew of which up to stay goroutines wait for work. How many
// work at once is for the caller to bound.
func New(stay int) *Crew {
	return &Crew{work: make(chan func()), stay: make(chan struct{}, stay), ended: make(chan struct{})}
}

// Go runs work on a goroutine. It does not wait. Once End was called and Wait
// may have returned, it must not be called any more.
func (c *Crew) Go(work func()) {
	select {
	case c.work <- work:
	default:
		c.wg.Go(func() { c.run(work) })
	}
}

// run works until there is nothing to do and enough others wait.
func (c *Crew) run(work func()) {
	for {
		work()
		select {
		case c.stay <- struct{}{}:
		default:
			return
		}
		select {
		case work = <-c.work:
			<-c.stay
		case <-c.ended:
			return
		}
	}
}

// End sends those home who wait, and those who work once they have done so. It
// may be called again.
func (c *Crew) End() { c.end.Do(func() { close(c.ended) }) }

// Wait waits for all to be gone. Without End they never are.
func (c *Crew) Wait() { c.wg.Wait() }
