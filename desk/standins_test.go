package desk

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/perch-chat/perch/bot"
	"github.com/perch-chat/perch/internal/accounts"
	"github.com/perch-chat/perch/internal/outbox"
	"github.com/perch-chat/perch/store"
)

type roles struct{}

func (roles) IsAgent(u bot.UserRef) bool { return u == "webchat:U_sam" || u == "webchat:U_lee" }

type handles struct{ both bool }

func (handles) Get(_ store.Tx, id string) (accounts.Account, error) {
	h, ok := map[string]string{acme: "acme", beta: "beta"}[id]
	if !ok {
		return accounts.Account{}, errors.New("no such account")
	}
	return accounts.Account{ID: id, Handle: h, Name: h, Limit: 280}, nil
}

func (h handles) connected() []string {
	if h.both {
		return []string{acme, beta}
	}
	return []string{acme}
}

func (h handles) List(store.Tx) (all []accounts.Account, err error) {
	for _, id := range h.connected() {
		acc, err := h.Get(nil, id)
		if err != nil {
			return nil, err
		}
		acc.State = accounts.Connected
		all = append(all, acc)
	}
	return all, nil
}

// post is a message as the chat shows it.
type post struct {
	ref       bot.MessageRef
	key       string
	msg       bot.Message
	reactions []string
}

// chat is the team's chat. It refuses what a chat refuses: a thread or a
// message that isn't there.
type chat struct {
	mu    sync.Mutex
	posts []*post
	down  bool
	forms []bot.Form
	n     int

	refuse     bool // every post
	refuseNext int  // so many posts

	shutIn   map[bot.MessageRef]int // rooms that take so many things and then nothing more
	channels map[bot.ChannelRef]bot.Channel
	members  map[bot.GroupRef][]bot.User
	looks    int // at channels

	shut     map[bot.MessageRef]bool // rooms that take nothing more
	visitors []bot.Visitor           // who entered a room
	away     bool                    // nobody is there to serve them
	anywhere bool                    // each department is there
	stray    []bot.MessageRef        // other rooms of whoever enters
	idle     bool                    // nor there, and they are let in all the same
	asked    int                     // whether anybody is
	leave    error                   // of who wants a room closed

	histories []bot.History
	people    map[bot.UserRef]bot.User
}

func (c *chat) find(ref bot.MessageRef, key string) (*post, error) {
	for _, p := range c.posts {
		if ref != "" && p.ref == ref || ref == "" && key != "" && p.key == key {
			return p, nil
		}
	}
	return nil, &outbox.Error{Outcome: outbox.Rejected, Failure: outbox.Failure{Code: "message_not_found", Message: "gone: " + string(ref) + key}}
}

func (c *chat) Do(_ context.Context, a outbox.Action) (outbox.Receipt, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.down {
		return outbox.Receipt{}, &outbox.Error{Outcome: outbox.Later, Failure: outbox.Failure{Code: "down", Message: "The chat is down."}}
	}
	switch a.Kind {
	case bot.KindInspect, bot.KindMembers, bot.KindHistory, bot.KindPerson:
		return c.look(a)
	case bot.KindPost:
		if c.refuse || c.refuseNext > 0 {
			c.refuseNext--
			return outbox.Receipt{}, &outbox.Error{Outcome: outbox.Rejected, Failure: outbox.Failure{Code: "not_in_channel", Message: "No."}}
		}
		p := decode[bot.Post](a)
		if p.ThreadOf != "" {
			root, err := c.find("", p.ThreadOf)
			if err != nil {
				return outbox.Receipt{}, err
			}
			p.Message.Thread = root.ref
		} else if p.Message.Thread != "" {
			if _, err := c.find(p.Message.Thread, ""); err != nil {
				return outbox.Receipt{}, err
			}
		}
		if err := c.closed(p.Message.Thread); err != nil {
			return outbox.Receipt{}, err
		}
		c.n++
		ref := bot.MessageRef(fmt.Sprintf("webchat:m%d", c.n))
		c.posts = append(c.posts, &post{ref: ref, key: a.Key, msg: p.Message})
		return outbox.Receipt{Result: encode(bot.PostResult{Ref: ref})}, nil
	case bot.KindEdit:
		e := decode[bot.Edit](a)
		p, err := c.find(e.Ref, e.RefOf)
		if err != nil {
			return outbox.Receipt{}, err
		}
		e.Message.Thread = p.msg.Thread
		p.msg = e.Message
	case bot.KindDelete:
		e := decode[bot.Delete](a)
		p, err := c.find(e.Ref, e.RefOf)
		if err != nil {
			return outbox.Receipt{}, err
		}
		c.posts = slices.DeleteFunc(c.posts, func(x *post) bool { return x == p })
	case bot.KindReact:
		r := decode[bot.React](a)
		p, err := c.find(r.Ref, r.RefOf)
		if err != nil {
			return outbox.Receipt{}, err
		}
		p.reactions = slices.DeleteFunc(p.reactions, func(e string) bool { return e == r.Emoji })
		if r.On {
			p.reactions = append(p.reactions, r.Emoji)
		}
	case bot.KindUpload:
		p := decode[bot.UploadFile](a)
		if p.ThreadOf != "" {
			root, err := c.find("", p.ThreadOf)
			if err != nil {
				return outbox.Receipt{}, err
			}
			p.Thread = root.ref
		}
		if err := c.closed(p.Thread); err != nil {
			return outbox.Receipt{}, err
		}
		c.n++
		ref := bot.MessageRef(fmt.Sprintf("webchat:m%d", c.n))
		c.posts = append(c.posts, &post{ref: ref, key: a.Key, msg: bot.Message{Channel: p.Channel, Thread: p.Thread, Text: "file " + p.URL}})
		return outbox.Receipt{Result: encode(bot.PostResult{Ref: ref})}, nil
	case bot.KindOpen:
		c.forms = append(c.forms, decode[bot.Open](a).Form)
	}
	return outbox.Receipt{}, nil
}

// closed refuses what is for a room that takes nothing more.
func (c *chat) closed(room bot.MessageRef) error {
	if n, ok := c.shutIn[room]; ok {
		c.shutIn[room] = n - 1
		if n <= 0 {
			c.shut[room] = true
		}
	}
	if !c.shut[room] {
		return nil
	}
	return &outbox.Error{Outcome: outbox.Rejected, Failure: outbox.Failure{Code: "room-closed", Message: "It is closed."}}
}

func decode[T any](a outbox.Action) T {
	var v T
	if err := json.Unmarshal(a.Payload, &v); err != nil {
		panic(err)
	}
	return v
}

// x is X's side of direct messages and posts.
type x struct {
	mu    sync.Mutex
	dms   []accounts.XDM
	posts []accounts.XPost
	n     int
	next  []func(n int) error // what the next calls do, instead of working
	gate  chan struct{}       // if set, a call waits here after its effect
}

func (s *x) Do(_ context.Context, a outbox.Action) (outbox.Receipt, error) {
	s.mu.Lock()
	if len(s.next) > 0 {
		fn := s.next[0]
		s.next = s.next[1:]
		if fn != nil {
			s.mu.Unlock()
			return outbox.Receipt{}, fn(s.n)
		}
	}
	s.n++
	event, gate := fmt.Sprintf("%d", 9000+s.n), s.gate
	var result any
	if a.Kind == accounts.KindDM {
		s.dms = append(s.dms, decode[accounts.XDM](a))
		result = accounts.XDMSent{EventID: event, ConversationID: "17-42"}
	} else {
		s.posts = append(s.posts, decode[accounts.XPost](a))
		result = accounts.XPosted{ID: event, URL: "https://x.com/acme/status/" + event}
	}
	s.mu.Unlock()
	if gate != nil {
		<-gate
	}
	return outbox.Receipt{Result: encode(result)}, nil
}

func (s *x) texts() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var list []string
	for _, m := range s.dms {
		list = append(list, m.Text)
	}
	return list
}

func rejected(msg string) func(int) error {
	return func(int) error {
		return &outbox.Error{Outcome: outbox.Rejected, Failure: outbox.Failure{Code: "dm_forbidden", Message: msg}}
	}
}

func uncertain(int) error { return errors.New("timeout") }
