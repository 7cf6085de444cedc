package store

import "sync"

// Calls counts the calls of a store that have not returned, so that closing it
// waits for them and refuses those that come later. A driver has one for the
// whole store. The zero value is ready; it is safe for concurrent use.
type Calls struct {
	mu     sync.Mutex
	closed bool
	open   sync.WaitGroup
}

// Begin counts a call in, or returns [ErrClosed].
func (c *Calls) Begin() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return ErrClosed
	}
	c.open.Add(1)
	return nil
}

// End counts out a call that Begin let in.
func (c *Calls) End() { c.open.Done() }

// Close refuses further calls and waits until the last has ended. It may be
// called again.
func (c *Calls) Close() {
	c.mu.Lock()
	c.closed = true
	c.mu.Unlock()
	c.open.Wait()
}
