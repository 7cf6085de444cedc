package commands

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/perch-chat/perch/bot"
	"github.com/perch-chat/perch/internal/accounts"
	"github.com/perch-chat/perch/internal/outbox"
)

// seen is a message as it stands in the chat.
type seen struct {
	ref bot.MessageRef
	key string
	bot.Message
}

// outside carries out every action: it is the chat and X.
type outside struct {
	mu    sync.Mutex
	n     int
	chat  []*seen
	forms []bot.Form
	tried []string // kinds of x actions, in order
	next  []error  // what the next x actions do instead of working

	histories []bot.History

	did    []string                           // what else was done in the chat, in order
	refuse map[string]string                  // the code of what the chat refuses, by kind and, for a channel, its name
	rooms  map[string]bot.Channel             // by name
	reads  map[bot.MessageRef]bot.ReadResult  // messages that can be read
	homes  map[bot.UserRef]bot.Message        // what people's pages show
	marks  map[bot.MessageRef]map[string]bool // the bot's reactions
}

// further carries out what the chat does besides messages and forms.
func (o *outside) further(a outbox.Action) (any, error) {
	var p struct {
		Platform string         `json:"platform"`
		Name     string         `json:"name"`
		Purpose  string         `json:"purpose"`
		Private  bool           `json:"private"`
		Channel  bot.ChannelRef `json:"channel"`
		Users    []bot.UserRef  `json:"users"`
		User     bot.UserRef    `json:"user"`
		Page     bot.Message    `json:"page"`
		Ref      bot.MessageRef `json:"ref"`
		RefOf    string         `json:"ref_of"`
		Emoji    string         `json:"emoji"`
		On       bool           `json:"on"`
		Topic    string         `json:"topic"`
	}
	if err := json.Unmarshal(a.Payload, &p); err != nil {
		return nil, err
	}
	for _, what := range []string{a.Kind, a.Kind + " " + p.Name} {
		if code, ok := o.refuse[what]; ok {
			return nil, &outbox.Error{Outcome: outbox.Rejected, Failure: outbox.Failure{Code: code, Message: "The chat says " + code + "."}}
		}
	}
	note := func(format string, args ...any) { o.did = append(o.did, fmt.Sprintf(format, args...)) }
	switch a.Kind {
	case bot.KindChannel:
		c, ok := o.rooms[p.Name]
		if !ok {
			c = bot.Channel{Ref: bot.ChannelRef(p.Platform + ":R_" + p.Name), Name: p.Name, Private: p.Private, Member: true}
			o.rooms[p.Name] = c
			note("made %s private=%v: %s", p.Name, p.Private, p.Purpose)
		}
		return bot.ChannelResult{Ref: c.Ref}, nil
	case bot.KindInspect:
		for _, c := range o.rooms {
			if c.Ref == p.Channel {
				return c, nil
			}
		}
		return bot.Channel{Ref: p.Channel}, nil
	case bot.KindPin:
		note("pinned %s", p.RefOf)
	case bot.KindInvite:
		note("invited %v to %s", p.Users, p.Channel)
	case bot.KindArchive:
		note("archived %s", p.Channel)
	case bot.KindHistory:
		var h bot.History
		if err := json.Unmarshal(a.Payload, &h); err != nil {
			return nil, err
		}
		o.histories = append(o.histories, h)
	case bot.KindTopic:
		note("topic of %s: %s", p.Channel, p.Topic)
	case bot.KindHome:
		o.homes[p.User] = p.Page
		note("home of %s", p.User)
	case bot.KindReact:
		if o.marks[p.Ref] == nil {
			o.marks[p.Ref] = map[string]bool{}
		}
		o.marks[p.Ref][p.Emoji] = p.On
	case bot.KindRead:
		note("read %s", p.Ref)
		res, ok := o.reads[p.Ref]
		if !ok {
			res.Gone = true
		}
		return res, nil
	}
	return struct{}{}, nil
}

// further are the kinds that outside.further carries out.
func further() []string {
	return []string{bot.KindChannel, bot.KindInspect, bot.KindPin, bot.KindInvite, bot.KindArchive, bot.KindHome, bot.KindReact, bot.KindRead, bot.KindTopic, bot.KindHistory}
}

func (o *outside) Do(_ context.Context, a outbox.Action) (outbox.Receipt, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	result := func(v any) (outbox.Receipt, error) {
		raw, err := json.Marshal(v)
		return outbox.Receipt{Result: raw}, err
	}
	switch a.Kind {
	case bot.KindPost:
		var p bot.Post
		if err := json.Unmarshal(a.Payload, &p); err != nil {
			return outbox.Receipt{}, err
		}
		if code, ok := o.refuse[a.Kind+" "+string(p.Message.Channel)]; ok && p.Message.Only == "" {
			return outbox.Receipt{}, &outbox.Error{Outcome: outbox.Rejected, Failure: outbox.Failure{Code: code, Message: "The chat says " + code + "."}}
		}
		for _, s := range o.chat {
			if p.ThreadOf != "" && s.key == p.ThreadOf {
				p.Message.Thread = s.ref
			}
		}
		o.n++
		ref := bot.MessageRef(fmt.Sprintf("webchat:m%d", o.n))
		o.chat = append(o.chat, &seen{ref, a.Key, p.Message})
		return result(bot.PostResult{Ref: ref})
	case bot.KindEdit:
		var e bot.Edit
		if err := json.Unmarshal(a.Payload, &e); err != nil {
			return outbox.Receipt{}, err
		}
		if code, ok := o.refuse[a.Kind]; ok {
			return outbox.Receipt{}, &outbox.Error{Outcome: outbox.Rejected, Failure: outbox.Failure{Code: code, Message: "The chat says " + code + "."}}
		}
		for _, s := range o.chat {
			if s.key == e.RefOf || e.Ref != "" && s.ref == e.Ref {
				s.Text, s.Blocks, s.Trigger = e.Message.Text, e.Message.Blocks, e.Message.Trigger
				return outbox.Receipt{}, nil
			}
		}
		return outbox.Receipt{}, &outbox.Error{Outcome: outbox.Later, Failure: outbox.Failure{Code: "pending"}}
	case bot.KindOpen:
		var op bot.Open
		if err := json.Unmarshal(a.Payload, &op); err != nil {
			return outbox.Receipt{}, err
		}
		o.forms = append(o.forms, op.Form)
		return outbox.Receipt{}, nil
	}
	if slices.Contains(further(), a.Kind) {
		res, err := o.further(a)
		if err != nil {
			return outbox.Receipt{}, err
		}
		return result(res)
	}
	o.tried = append(o.tried, a.Kind)
	if len(o.next) > 0 {
		err := o.next[0]
		o.next = o.next[1:]
		if err != nil {
			return outbox.Receipt{}, err
		}
	}
	id := fmt.Sprint(9000 + len(o.tried))
	return result(accounts.XPosted{ID: id, URL: "https://x.com/acme/status/" + id, At: time.Now()})
}

// readable has the chat know a message.
func (w *world) readable(ref bot.MessageRef, res bot.ReadResult) {
	w.out.mu.Lock()
	defer w.out.mu.Unlock()
	w.out.reads[ref] = res
}

// allow has the chat no longer refuse something.
func (w *world) allow(what string) {
	w.out.mu.Lock()
	defer w.out.mu.Unlock()
	delete(w.out.refuse, what)
}
