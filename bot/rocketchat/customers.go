package rocketchat

import (
	"maps"
	"sync"
	"time"
)

// customers keeps, by token, who has been registered, with which name and in
// which department, so that the server is not asked at each message: it takes
// five such calls a minute.
type customers struct {
	mu     sync.Mutex
	known  map[string]string
	rooms  map[string]string          // by room: the token
	held   map[string]bool            // by room, see hold: whether something was said in it meanwhile
	ending map[string]bool            // by room: it is over, and that is still to be told
	lost   map[string]bool            // by token: a call for a room of theirs got no answer
	past   map[string][]customersRoom // by token: rooms made since from that this run did not make; nil: not asked for
	from   time.Time
	most   int // how long a message of a customer may be; 0 if no limit was met
}

func (c *customers) is(token, as string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.known[token] == as
}

func (c *customers) set(token, as string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.known == nil || len(c.known) >= known {
		c.known = map[string]string{}
	}
	c.known[token] = as
}

// watch notes a room whose agents are to be heard; it says whether it is new.
func (c *customers) watch(rid, token string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.rooms == nil {
		c.rooms, c.held, c.ending = map[string]string{}, map[string]bool{}, map[string]bool{}
	}
	if _, ok := c.rooms[rid]; ok {
		return false
	}
	c.rooms[rid], c.held[rid] = token, false
	return true
}

func (c *customers) watches(rid string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	_, ok := c.rooms[rid]
	return ok
}

func (c *customers) unwatch(rid string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.rooms, rid)
	delete(c.held, rid)
	delete(c.ending, rid)
}

// hold reports whether a room is about to be read for the first time: what is
// said in it now is told by that, behind what was said before.
func (c *customers) hold(rid string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	_, ok := c.held[rid]
	if ok {
		c.held[rid] = true
	}
	return ok
}

// holds reports whether what is said in a room waits for its first reading.
func (c *customers) holds(rid string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	_, ok := c.held[rid]
	return ok
}

// readOnce notes that a room was read; it reports whether nothing was said
// meanwhile. If something was, it is to be read again.
func (c *customers) readOnce(rid string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.held[rid] {
		c.held[rid] = false
		return false
	}
	delete(c.held, rid)
	return true
}

// release has what is said in a room told at once, read or not.
func (c *customers) release(rid string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.held, rid)
}

// end notes that a room is over which has to be read before that is told.
func (c *customers) end(rid string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, ok := c.rooms[rid]; !ok {
		return
	}
	c.ending[rid] = true
}

func (c *customers) ends(rid string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.ending[rid]
}

func (c *customers) watched() map[string]string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return maps.Clone(c.rooms)
}
