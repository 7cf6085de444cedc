package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/perch-chat/perch/bot"
	"github.com/perch-chat/perch/internal/inbox"
	"github.com/perch-chat/perch/internal/outbox"
)

// maxHistory is how many messages of one thread are read after a gap.
const maxHistory = 1000

// registerMore binds the kinds that ask a chat for something, or that do what
// may be done twice.
func (c *chats) registerMore() {
	c.registerPaced(bot.KindPin, repeatable(c.pin))
	c.registerPaced(bot.KindHome, repeatable(c.home))
	c.registerPaced(bot.KindRead, repeatable(c.read))
	c.registerPaced(bot.KindHistory, repeatable(c.history))
	c.registerPaced(bot.KindMembers, repeatable(c.members))
	c.registerPaced(bot.KindPerson, repeatable(c.person))
	c.registerPaced(bot.KindInspect, repeatable(c.inspect))
	c.registerPaced(bot.KindInvite, repeatable(c.invite))
	c.registerPaced(bot.KindArchive, repeatable(c.archive))
	c.registerPaced(bot.KindTopic, repeatable(c.topic))
	c.registerPaced(bot.KindEnter, enter{c: c, patient: c.recheck})
	c.registerPaced(bot.KindLeave, repeatable(c.leave))
	c.registerPaced(bot.KindServe, repeatable(c.serves))
}

// repeatable is an executor of what may be done twice, with the payload P.
func repeatable[P any](do func(context.Context, P) (any, error)) chatRepeatable {
	return chatRepeatable{do: func(ctx context.Context, a outbox.Action) (any, error) {
		var p P
		if err := json.Unmarshal(a.Payload, &p); err != nil {
			return nil, unreadable(err)
		}
		return do(ctx, p)
	}}
}

// able returns the platform that a ref names, as one with an ability.
func able[T any](c *chats, ref, what string) (T, error) {
	var none T
	p, err := c.platform(ref)
	if err != nil {
		return none, err
	}
	t, ok := p.(T)
	if !ok {
		return none, unable(p, what)
	}
	return t, nil
}

func (c *chats) pin(ctx context.Context, p bot.Pin) (any, error) {
	ref, err := c.resolve(ctx, p.Ref, p.RefOf)
	if err != nil {
		return nil, err
	}
	pin, err := able[bot.Pinner](c, string(ref), "pin messages")
	if err != nil {
		return nil, err
	}
	return struct{}{}, pin.Pin(ctx, ref, p.On)
}

func (c *chats) home(ctx context.Context, h bot.Home) (any, error) {
	to, err := able[bot.Homer](c, string(h.User), "show a page of the bot")
	if err != nil {
		return nil, err
	}
	return struct{}{}, to.ShowHome(ctx, h.User, h.Page)
}

func (c *chats) read(ctx context.Context, r bot.Read) (any, error) {
	p, err := c.platform(string(r.Ref))
	if err != nil {
		return nil, err
	}
	rd, ok := p.(bot.Reader)
	if !ok {
		return nil, unable(p, "read messages")
	}
	ev, err := rd.ReadMessage(ctx, r.Ref)
	if errors.Is(err, bot.ErrNotFound) {
		return bot.ReadResult{Gone: true}, nil
	}
	if err != nil {
		return nil, err
	}
	return bot.ReadResult{Event: ev, Permalink: bot.PermalinkOf(ctx, p, r.Ref)}, nil
}

// history reads what a thread got while nobody listened and stores it like
// anything else that came in. What came after all is known by its ID.
func (c *chats) history(ctx context.Context, h bot.History) (any, error) {
	p, err := c.platform(first(string(h.Thread), string(h.Channel)))
	if err != nil {
		return nil, err
	}
	events, err := reread(ctx, p, h)
	if err != nil {
		return nil, err
	}
	items := make([]inbox.Item, 0, len(events))
	for _, ev := range events {
		it, err := inbox.EventItem(p.Name(), ev)
		if err != nil {
			return nil, err
		}
		items = append(items, it)
	}
	n, err := c.in.Put(ctx, items...)
	if err != nil {
		return nil, fmt.Errorf("store what was said: %w", err)
	}
	return bot.HistoryResult{Read: len(events), New: n}, nil
}

// reread reads all that a chat can tell of a gap.
func reread(ctx context.Context, p bot.Platform, h bot.History) ([]bot.Event, error) {
	if r, ok := p.(bot.Rereader); ok {
		return r.Reread(ctx, h, maxHistory)
	}
	hi, ok := p.(bot.Historian)
	switch {
	case h.Changes: // it tells of them by itself, or not at all
		return nil, nil
	case !ok:
		return nil, unable(p, "read what was said")
	}
	return hi.History(ctx, h.Thread, h.After, maxHistory)
}

func (c *chats) members(ctx context.Context, m bot.Members) (any, error) {
	g, err := able[bot.Grouper](c, string(m.Group), "list a group")
	if err != nil {
		return nil, err
	}
	users, err := g.Members(ctx, m.Group)
	return bot.MembersResult{Users: users}, err
}

func (c *chats) person(ctx context.Context, p bot.Person) (any, error) {
	d, err := able[bot.Directory](c, string(p.User), "look people up")
	if err != nil {
		return nil, err
	}
	return d.Person(ctx, p.User)
}

func (c *chats) inspect(ctx context.Context, i bot.Inspect) (any, error) {
	d, err := able[bot.Inspector](c, string(i.Channel), "look channels up")
	if err != nil {
		return nil, err
	}
	return d.Inspect(ctx, i.Channel)
}

func (c *chats) invite(ctx context.Context, i bot.Invite) (any, error) {
	ch, err := c.resolveChannel(ctx, i.Channel, i.ChannelOf)
	if err != nil {
		return nil, err
	}
	inv, err := able[bot.Inviter](c, string(ch), "bring people into channels")
	if err != nil {
		return nil, err
	}
	return struct{}{}, inv.Invite(ctx, ch, i.Users)
}

func (c *chats) archive(ctx context.Context, x bot.Archive) (any, error) {
	ar, err := able[bot.Archiver](c, string(x.Channel), "archive channels")
	if err != nil {
		return nil, err
	}
	return struct{}{}, ar.Archive(ctx, x.Channel)
}

func (c *chats) topic(ctx context.Context, x bot.Topic) (any, error) {
	to, err := able[bot.Topicer](c, string(x.Channel), "set the topics of channels")
	if err != nil {
		return nil, err
	}
	return struct{}{}, to.SetTopic(ctx, x.Channel, x.Topic)
}

// resolveChannel turns the key of a chat.channel action into its channel.
func (c *chats) resolveChannel(ctx context.Context, ref bot.ChannelRef, key string) (bot.ChannelRef, error) {
	if ref != "" || key == "" {
		return ref, nil
	}
	var res bot.ChannelResult
	err := c.resultOf(ctx, key, "channel", &res)
	return res.Ref, err
}
