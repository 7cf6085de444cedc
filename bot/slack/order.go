package slack

import (
	"context"
	"encoding/json"
	"sync"
	"time"
)

// Slack spreads what happens over the sockets, and each is read by itself; over
// HTTP each is a request. Two orders are kept all the same: the events of one
// channel are handled one after the other, and what one person does in one
// channel, a click and the words behind it, is stored in the order in which it
// came.

// turnPatience is how long a delivery waits for what the same person did in the
// same channel before. It is then stored all the same: they wait for the
// acknowledgement, and forms have to be opened.
const turnPatience = 700 * time.Millisecond

// orderOf is what must stay in order with other deliveries: the channel of an
// event, and the person in a channel. Commands stand for themselves.
func orderOf(d *delivery) (lane, turn string) {
	switch d.kind {
	case kindEvent:
		g, err := glanceAt(d.payload)
		if err != nil {
			return "", ""
		}
		d.glance = g
		return g.order()
	case kindInteraction:
		return "", turnOfInteraction(d.payload)
	}
	return "", ""
}

// glance is what is read of every event: what it is, and what it must stay in
// order with.
type glance struct {
	ID    string `json:"event_id"`
	Team  string `json:"team_id"`
	Event struct {
		Type    string `json:"type"`
		Subtype string `json:"subtype"`
		by
		Bot     string          `json:"bot_id"`
		Channel json.RawMessage `json:"channel"`
		Item    struct {
			Channel json.RawMessage `json:"channel"`
		} `json:"item"`
		Message  by `json:"message"`
		Previous by `json:"previous_message"`
	} `json:"event"`
}

type by struct {
	User json.RawMessage `json:"user"` // an ID, or an object in events we don't want
}

func glanceAt(payload json.RawMessage) (*glance, error) {
	var g glance
	if err := json.Unmarshal(payload, &g); err != nil {
		return nil, err
	}
	return &g, nil
}

func (g *glance) order() (lane, turn string) {
	e := &g.Event
	if lane = string(e.Channel); lane == "" {
		lane = string(e.Item.Channel)
	}
	for _, user := range []json.RawMessage{e.User, e.Message.User, e.Previous.User} {
		if len(user) > 0 && e.Bot == "" {
			return lane, turnOf(lane, string(user))
		}
	}
	return lane, ""
}

func turnOfInteraction(payload json.RawMessage) string {
	type ref struct {
		ID json.RawMessage `json:"id"`
	}
	var p struct {
		User      ref `json:"user"`
		Channel   ref `json:"channel"`
		Container struct {
			Channel json.RawMessage `json:"channel_id"`
		} `json:"container"`
	}
	if err := json.Unmarshal(payload, &p); err != nil {
		return ""
	}
	channel := string(p.Channel.ID)
	if channel == "" {
		channel = string(p.Container.Channel)
	}
	return turnOf(channel, string(p.User.ID))
}

func turnOf(channel, user string) string {
	if channel == "" || user == "" {
		return ""
	}
	return channel + user
}

// turns let what has the same name follow each other.
type turns struct {
	mu   sync.Mutex
	last map[string]chan struct{} // closed when the newest of a name is done
}

// take makes work wait until what took a turn of one of the names before is
// done, but not for long. Its places are given out at once, so that no two
// wait for each other.
func (t *turns) take(ctx context.Context, work func(), names ...string) func() {
	done := make(chan struct{})
	var before []<-chan struct{}
	t.mu.Lock()
	if t.last == nil {
		t.last = map[string]chan struct{}{}
	}
	for _, name := range names {
		if last := t.last[name]; last != nil {
			before = append(before, last)
		}
		if name != "" {
			t.last[name] = done
		}
	}
	t.mu.Unlock()
	return func() {
		defer t.end(done, names)
		for _, b := range before {
			// Only a context that has ended is an error: the work is done then too.
			_ = waitFor(ctx, b, turnPatience)
		}
		work()
	}
}

func (t *turns) end(done chan struct{}, names []string) {
	close(done)
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, name := range names {
		if t.last[name] == done {
			delete(t.last, name)
		}
	}
}
