package webchat

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/perch-chat/perch/bot"
)

// record is one line of the journal: new values of whatever changed. All of a
// line takes effect, or nothing of it. Fields are added, never renamed.
type record struct {
	Seq     int64      `json:"seq"`
	Epoch   string     `json:"epoch,omitempty"`   // of the chat; once, in the first line
	Message *message   `json:"message,omitempty"` // as it now is
	Channel *channel   `json:"channel,omitempty"`
	Event   *bot.Event `json:"event,omitempty"` // to be delivered
	Acked   string     `json:"acked,omitempty"` // the ID of an event that was
	Request *request   `json:"request,omitempty"`
	File    *file      `json:"file,omitempty"` // is here, and not shown yet
}

// message is a message as it is stored. It is never changed once it is in the
// state: a change stores a copy.
type message struct {
	Ref       bot.MessageRef `json:"ref"`
	Number    int64          `json:"number"` // order in which messages were written
	Channel   bot.ChannelRef `json:"channel"`
	Thread    bot.MessageRef `json:"thread,omitempty"`
	User      bot.UserRef    `json:"user"`
	Only      bot.UserRef    `json:"only,omitempty"`
	Key       string         `json:"key,omitempty"`
	Author    *bot.Author    `json:"author,omitempty"`
	Text      string         `json:"text"`
	Blocks    []bot.Block    `json:"blocks,omitempty"`
	Files     []file         `json:"files,omitempty"`
	Reactions []reaction     `json:"reactions,omitempty"`
	At        time.Time      `json:"at"`
	Edited    time.Time      `json:"edited,omitzero"`
	Deleted   bool           `json:"deleted,omitempty"`
	Pinned    bool           `json:"pinned,omitempty"`
	Changed   int64          `json:"changed"`
}

type reaction struct {
	Emoji string        `json:"emoji"`
	Users []bot.UserRef `json:"users"`
}

func (m *message) root() bot.MessageRef {
	if m.Thread != "" {
		return m.Thread
	}
	return m.Ref
}

func (m *message) visibleTo(u bot.UserRef) bool { return m.Only == "" || m.Only == u }

// react returns a copy with the reaction set or gone, and whether that changes anything.
func (m *message) react(u bot.UserRef, emoji string, on bool) (*message, bool) {
	n := *m
	n.Reactions = make([]reaction, 0, len(m.Reactions)+1)
	found := false
	for _, r := range m.Reactions {
		if r.Emoji == emoji {
			found = true
			has := slices.Contains(r.Users, u)
			if has == on {
				return m, false
			}
			users := slices.DeleteFunc(slices.Clone(r.Users), func(x bot.UserRef) bool { return x == u })
			if on {
				users = append(users, u)
			}
			if len(users) == 0 {
				continue
			}
			r = reaction{Emoji: emoji, Users: users}
		}
		n.Reactions = append(n.Reactions, r)
	}
	if !found {
		if !on {
			return m, false
		}
		n.Reactions = append(n.Reactions, reaction{Emoji: emoji, Users: []bot.UserRef{u}})
	}
	return &n, true
}

type channel struct {
	Ref     bot.ChannelRef `json:"ref"`
	Name    string         `json:"name"`
	Purpose string         `json:"purpose,omitempty"`
	Topic   string         `json:"topic,omitempty"`
	Private bool           `json:"private,omitempty"`
	Changed int64          `json:"changed"`
}

// request is an answered request of a browser: asked again it gets the same
// answer and does nothing.
type request struct {
	ID    string         `json:"id"`  // the person and the browser's own id
	Sum   string         `json:"sum"` // of what was asked
	Ref   bot.MessageRef `json:"ref,omitempty"`
	Event string         `json:"event,omitempty"`
}

// state is the chat. Whoever uses it holds the adapter's lock.
type state struct {
	seq      int64
	epoch    string
	history  int
	channels map[bot.ChannelRef]*channel
	messages map[bot.MessageRef]*message
	counts   map[bot.ChannelRef]int
	keys     map[string]bot.MessageRef
	pending  []bot.Event // stored, not yet taken by the sink; oldest first
	requests map[string]request
	reqOrder []string

	files  map[string]file           // all that can be opened
	staged []string                  // those of them that are in no message yet, oldest first
	shared map[string]bot.MessageRef // the messages of the others
	gone   []string                  // those whose bytes are to be removed
}

func newState(history int) state {
	return state{
		history:  history,
		channels: map[bot.ChannelRef]*channel{},
		messages: map[bot.MessageRef]*message{},
		counts:   map[bot.ChannelRef]int{},
		keys:     map[string]bot.MessageRef{},
		requests: map[string]request{},
		files:    map[string]file{},
		shared:   map[string]bot.MessageRef{},
	}
}

// next names the next thing to be stored: a message or an event.
func (s *state) next() string { return fmt.Sprintf("%s.%d", s.epoch, s.seq+1) }

func (s *state) apply(r record) {
	s.seq = r.Seq
	if r.Epoch != "" {
		s.epoch = r.Epoch
	}
	if c := r.Channel; c != nil {
		s.channels[c.Ref] = c
	}
	if m := r.Message; m != nil {
		if _, ok := s.messages[m.Ref]; !ok {
			s.counts[m.Channel]++
		}
		s.forgetFiles(s.messages[m.Ref], m)
		s.messages[m.Ref] = m
		for _, f := range m.Files {
			s.files[f.ID], s.shared[f.ID] = f, m.Ref
			s.staged = slices.DeleteFunc(s.staged, func(id string) bool { return id == f.ID })
		}
		if m.Key != "" {
			s.keys[m.Key] = m.Ref
		}
		if s.counts[m.Channel] > s.history+s.history/8 {
			s.prune(m.Channel)
		}
	}
	if f := r.File; f != nil {
		s.files[f.ID] = *f
		s.staged = append(s.staged, f.ID)
		if len(s.staged) > maxStaged {
			delete(s.files, s.staged[0])
			s.gone = append(s.gone, s.staged[0])
			s.staged = slices.Delete(s.staged, 0, 1)
		}
	}
	if r.Event != nil {
		s.pending = append(s.pending, *r.Event)
	}
	if r.Acked != "" {
		s.pending = slices.DeleteFunc(s.pending, func(e bot.Event) bool { return e.ID == r.Acked })
	}
	if q := r.Request; q != nil {
		if _, ok := s.requests[q.ID]; !ok {
			s.reqOrder = append(s.reqOrder, q.ID)
		}
		s.requests[q.ID] = *q
		if n := len(s.reqOrder) - maxRequests; n > 0 {
			for _, id := range s.reqOrder[:n] {
				delete(s.requests, id)
			}
			s.reqOrder = slices.Delete(s.reqOrder, 0, n)
		}
	}
}

// forgetFiles lets go of the files that a message has no more.
func (s *state) forgetFiles(was, now *message) {
	if was == nil {
		return
	}
	for _, f := range was.Files {
		if now == nil || len(now.Files) == 0 {
			delete(s.files, f.ID)
			delete(s.shared, f.ID)
			s.gone = append(s.gone, f.ID)
		}
	}
}

// prune forgets the threads of a channel that were quiet longest. An old
// conversation that still goes on keeps its first message.
func (s *state) prune(ch bot.ChannelRef) {
	type group struct {
		root bot.MessageRef
		refs []*message
		last int64
	}
	groups := map[bot.MessageRef]*group{}
	for _, m := range s.messages {
		if m.Channel != ch {
			continue
		}
		g := groups[m.root()]
		if g == nil {
			g = &group{root: m.root()}
			groups[m.root()] = g
		}
		g.refs = append(g.refs, m)
		g.last = max(g.last, m.Number)
	}
	list := make([]*group, 0, len(groups))
	for _, g := range groups {
		list = append(list, g)
	}
	slices.SortFunc(list, func(x, y *group) int { return cmp.Compare(x.last, y.last) })
	for _, g := range list {
		slices.SortFunc(g.refs, func(x, y *message) int { return cmp.Compare(x.Number, y.Number) })
		// Answers go before the message that they answer.
		for _, m := range append(slices.Clone(g.refs[1:]), g.refs[0]) {
			if s.counts[ch] <= s.history {
				return
			}
			s.forgetFiles(m, nil)
			delete(s.messages, m.Ref)
			delete(s.keys, m.Key)
			s.counts[ch]--
		}
	}
}

// sortedChannels are the channels in the order in which they were made.
func (s *state) sortedChannels() []*channel {
	out := make([]*channel, 0, len(s.channels))
	for _, c := range s.channels {
		out = append(out, c)
	}
	slices.SortFunc(out, func(x, y *channel) int { return cmp.Compare(x.Changed, y.Changed) })
	return out
}

// sortedMessages are all messages in the order in which they were written.
func (s *state) sortedMessages() []*message {
	out := make([]*message, 0, len(s.messages))
	for _, m := range s.messages {
		out = append(out, m)
	}
	slices.SortFunc(out, func(x, y *message) int { return cmp.Compare(x.Number, y.Number) })
	return out
}

// snapshot is the shortest journal that leads to this state. The numbers of
// changes are kept, so that a browser can go on where it was.
func (s *state) snapshot() []record {
	out := []record{{Epoch: s.epoch}}
	for _, c := range s.sortedChannels() {
		out = append(out, record{Channel: c})
	}
	for _, m := range s.sortedMessages() {
		out = append(out, record{Message: m})
	}
	for _, id := range s.reqOrder {
		q := s.requests[id]
		out = append(out, record{Request: &q})
	}
	for _, id := range s.staged {
		f := s.files[id]
		out = append(out, record{File: &f})
	}
	for i := range s.pending {
		out = append(out, record{Event: &s.pending[i]})
	}
	for i := range out {
		out[i].Seq = s.seq
	}
	return out
}
