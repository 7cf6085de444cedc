package rocketchat

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/perch-chat/perch/bot"
)

var (
	_ bot.Platform  = (*Adapter)(nil)
	_ bot.Editor    = (*Adapter)(nil)
	_ bot.Reactor   = (*Adapter)(nil)
	_ bot.Finder    = (*Adapter)(nil)
	_ bot.Channeler = (*Adapter)(nil)
	_ bot.Linker    = (*Adapter)(nil)
	_ bot.Pinner    = (*Adapter)(nil)
	_ bot.Directory = (*Adapter)(nil)
	_ bot.Namer     = (*Adapter)(nil)
	_ bot.Inspector = (*Adapter)(nil)
	_ bot.Inviter   = (*Adapter)(nil)
	_ bot.Archiver  = (*Adapter)(nil)
	_ bot.Opener    = (*Adapter)(nil)
	_ bot.Reader    = (*Adapter)(nil)
	_ bot.Historian = (*Adapter)(nil)
)

// joined lists the rooms that the bot is in, customers' left out.
func (a *Adapter) joined(ctx context.Context) ([]room, error) {
	var out struct {
		Update []struct {
			Room  string `json:"rid"`
			Kind  string `json:"t"`
			Name  string `json:"name"`
			Shown string `json:"fname"`
		} `json:"update"`
	}
	if err := a.rest.call(ctx, request{route: "GET subscriptions.get"}, &out); err != nil {
		return nil, err
	}
	var rooms []room
	for _, s := range out.Update {
		r := room{ID: s.Room, Kind: s.Kind, Name: s.Name, Shown: s.Shown}
		a.remember(r)
		if s.Kind != "l" {
			rooms = append(rooms, r)
		}
	}
	return rooms, nil
}

// maxWatched is how many rooms are watched for deletions: each is a
// subscription, of which a connection may have so many a minute.
const maxWatched = 300

// watchRooms subscribes to what the messages' own stream does not tell.
func (a *Adapter) watchRooms(ctx context.Context, rt *realtime) error {
	rooms, err := a.joined(ctx)
	if err != nil {
		return err
	}
	for _, r := range rooms[:min(len(rooms), maxWatched)] {
		if err := a.watchRoom(ctx, rt, r); err != nil {
			return err
		}
	}
	return nil
}

func (a *Adapter) watchRoom(ctx context.Context, rt *realtime, r room) error {
	if r.Kind == "l" {
		return nil
	}
	_, err := rt.subscribe(ctx, "stream-notify-room", r.ID+"/deleteMessage")
	if err != nil && code(err) != "" {
		a.log.WarnContext(ctx, "deletions in a room are not heard", "room", r.ID, "err", err)
		return nil
	}
	return err
}

// overlap is how much earlier than what was last seen a room is read again:
// clocks and transactions of a server differ.
const overlap = 5 * time.Second

// catchUp reads what all rooms got since a time.
func (a *Adapter) catchUp(ctx context.Context, sink bot.Sink, since time.Time) error {
	rooms, err := a.joined(ctx)
	if err != nil {
		return err
	}
	for _, r := range rooms {
		updated, deleted, err := a.sync(ctx, r.ID, since.Add(-overlap))
		if err != nil {
			return err
		}
		for _, m := range updated {
			if err := a.said(ctx, sink, m, r.Kind); err != nil {
				return err
			}
		}
		for _, id := range deleted {
			if err := a.store(ctx, sink, a.goneEvent(r.ID, id)); err != nil {
				return err
			}
		}
	}
	return nil
}

// sync reads what changed in a room since a time, oldest first, and what was
// deleted. See https://developer.rocket.chat/apidocs/sync-messages
func (a *Adapter) sync(ctx context.Context, rid string, since time.Time) (updated []message, deleted []string, err error) {
	var out struct {
		Result struct {
			Updated []json.RawMessage `json:"updated"`
			Deleted []struct {
				ID string `json:"_id"`
			} `json:"deleted"`
		} `json:"result"`
	}
	q := url.Values{"roomId": {rid}, "lastUpdate": {since.UTC().Format("2006-01-02T15:04:05.000Z")}}
	if err := a.rest.call(ctx, request{route: "GET chat.syncMessages", query: q}, &out); err != nil {
		return nil, nil, err
	}
	for _, raw := range out.Result.Updated {
		var m message
		if err := json.Unmarshal(raw, &m); err != nil {
			// One that can't be read must not keep the others from us.
			a.log.WarnContext(ctx, "a message in a room can't be read", "room", rid, "err", err)
			continue
		}
		updated = append(updated, m)
	}
	slices.SortFunc(updated, func(x, y message) int { return x.At.Compare(y.At.Time) })
	for _, g := range out.Result.Deleted {
		if messageRef(rid, g.ID) != "" {
			deleted = append(deleted, g.ID)
		}
	}
	return updated, deleted, nil
}

// History reads a thread. See [bot.Historian].
func (a *Adapter) History(ctx context.Context, thread bot.MessageRef, after time.Time, limit int) ([]bot.Event, error) {
	rid, root, ok := messageID(thread)
	if !ok {
		return nil, gone("thread")
	}
	me, err := a.whoami(ctx)
	if err != nil {
		return nil, err
	}
	if root != roomMark {
		if _, err := a.get(ctx, rid, root); errors.Is(err, bot.ErrNotFound) {
			return nil, gone("thread")
		} else if err != nil {
			return nil, err
		}
	}
	updated, deleted, err := a.sync(ctx, rid, after)
	if err != nil {
		return nil, err
	}
	var out []bot.Event
	for _, m := range updated {
		if root == roomMark {
			out = append(out, (decoder{me}).events(m, "l")...)
			continue
		}
		if m.Thread != root {
			continue
		}
		for _, ev := range (decoder{me}).events(m, "p") {
			if ev.Kind == bot.EventAction && ev.Thread == "" {
				ev.Thread = thread
			}
			out = append(out, ev)
		}
	}
	for _, id := range deleted {
		out = append(out, a.goneEvent(rid, id))
	}
	if limit > 0 && len(out) > limit {
		out = out[:limit]
	}
	return out, nil
}

// ReadMessage reads a message. See [bot.Reader].
func (a *Adapter) ReadMessage(ctx context.Context, ref bot.MessageRef) (bot.Event, error) {
	rid, id, ok := messageID(ref)
	if !ok {
		return bot.Event{}, bot.ErrNotFound
	}
	m, err := a.get(ctx, rid, id)
	if err != nil {
		return bot.Event{}, err
	}
	ev := bot.Event{
		ID: "msg:" + rid + ":" + id, Platform: Platform, Kind: bot.EventMessage, At: m.At.Time, User: m.User.user(),
		Channel: roomRef(rid), Message: ref, Text: m.Text, Files: m.files(),
	}
	if m.Thread != "" {
		ev.Thread = messageRef(rid, m.Thread)
	}
	if m.Token != "" || m.User.ID == a.o.UserID {
		ev.User.Ref = ""
	}
	return ev, nil
}

// get reads a message by its ID. There is none where the server says no more
// than that it won't.
func (a *Adapter) get(ctx context.Context, rid, id string) (message, error) {
	var out struct{ Message *message }
	err := a.rest.call(ctx, request{route: "GET chat.getMessage", query: url.Values{"msgId": {id}}}, &out)
	if code(err) == "refused" {
		return message{}, bot.ErrNotFound
	}
	if err != nil {
		return message{}, err
	}
	if out.Message == nil || out.Message.Room != rid {
		return message{}, bot.ErrNotFound
	}
	return *out.Message, nil
}

// threadOf is the thread that one of our messages is in.
func (a *Adapter) threadOf(ctx context.Context, ref bot.MessageRef) bot.MessageRef {
	rid, id, ok := messageID(ref)
	if !ok {
		return ""
	}
	a.mu.Lock()
	thread, ok := a.threads[id]
	a.mu.Unlock()
	if !ok {
		m, err := a.get(ctx, rid, id)
		if err != nil {
			return ""
		}
		thread = m.Thread
		a.inThread(id, thread)
	}
	if thread == "" {
		return ""
	}
	return messageRef(rid, thread)
}

func (a *Adapter) inThread(id, thread string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.threads) >= known {
		clear(a.threads)
	}
	a.threads[id] = thread
}

// EnsureChannel finds or makes a room. See [bot.Channeler].
func (a *Adapter) EnsureChannel(ctx context.Context, name, purpose string, private bool) (bot.ChannelRef, error) {
	name = strings.TrimPrefix(strings.TrimSpace(name), "#")
	r, err := a.lookRoom(ctx, url.Values{"roomName": {name}})
	if err == nil {
		if r.Kind == "c" {
			err = a.rest.call(ctx, request{route: "POST channels.join", body: map[string]string{"roomId": r.ID}}, nil)
		}
		return roomRef(r.ID), err
	}
	if c := code(err); c != "error-room-not-found" && c != "error-invalid-room" && c != "refused" {
		return "", err
	}
	kind := "channels"
	if private {
		kind = "groups"
	}
	var out struct{ Channel, Group room }
	if err := a.rest.call(ctx, request{route: "POST " + kind + ".create", body: map[string]any{"name": name}}, &out); err != nil {
		return "", err
	}
	if r = out.Channel; private {
		r = out.Group
	}
	a.remember(r)
	if purpose != "" {
		// A room without its topic is a room all the same.
		if err := a.rest.call(ctx, request{route: "POST " + kind + ".setTopic", body: map[string]string{"roomId": r.ID, "topic": cut(clean(purpose), 250)}}, nil); err != nil {
			a.log.WarnContext(ctx, "the topic of a new room was not set", "room", r.ID, "err", err)
		}
	}
	return roomRef(r.ID), nil
}

// family is the part of a route's name that stands for a kind of room.
func family(kind string) string {
	if kind == "p" {
		return "groups"
	}
	return "channels"
}

// Inspect tells what a room is. See [bot.Inspector].
func (a *Adapter) Inspect(ctx context.Context, channel bot.ChannelRef) (bot.Channel, error) {
	id, ok := roomID(channel)
	if !ok {
		return bot.Channel{}, gone("room")
	}
	r, err := a.lookRoom(ctx, url.Values{"roomId": {id}})
	if err != nil {
		return bot.Channel{}, err
	}
	mine, err := a.joined(ctx)
	if err != nil {
		return bot.Channel{}, err
	}
	in := slices.ContainsFunc(mine, func(x room) bool { return x.ID == id })
	return bot.Channel{
		Ref: channel, Name: cmp.Or(r.Name, r.Shown), Private: r.Kind != "c", Member: in, Archived: r.Archived, Direct: r.Kind == "d",
	}, nil
}

// Invite brings people into a room. See [bot.Inviter].
func (a *Adapter) Invite(ctx context.Context, channel bot.ChannelRef, users []bot.UserRef) error {
	id, ok := roomID(channel)
	if !ok {
		return gone("room")
	}
	r, err := a.room(ctx, id)
	if err != nil {
		return err
	}
	for _, u := range users {
		uid, ok := userID(u)
		if !ok {
			return gone("person")
		}
		if err := a.rest.call(ctx, request{route: "POST " + family(r.Kind) + ".invite", body: map[string]string{"roomId": id, "userId": uid}}, nil); err != nil {
			return err
		}
	}
	return nil
}

// Archive closes a room. See [bot.Archiver].
func (a *Adapter) Archive(ctx context.Context, channel bot.ChannelRef) error {
	id, ok := roomID(channel)
	if !ok {
		return gone("room")
	}
	r, err := a.room(ctx, id)
	if err != nil {
		return err
	}
	err = a.rest.call(ctx, request{route: "POST " + family(r.Kind) + ".archive", body: map[string]string{"roomId": id}}, nil)
	if code(err) == "error-archived-channel" {
		return nil
	}
	return err
}

// Person tells who somebody is. See [bot.Directory].
func (a *Adapter) Person(ctx context.Context, user bot.UserRef) (bot.User, error) {
	id, ok := userID(user)
	if !ok {
		return bot.User{}, gone("person")
	}
	p, err := a.person(ctx, id)
	return p.user(), err
}

func (a *Adapter) person(ctx context.Context, id string) (person, error) {
	a.mu.Lock()
	p, ok := a.people[id]
	a.mu.Unlock()
	if ok && p.Username != "" {
		return p, nil
	}
	var out struct{ User person }
	if err := a.rest.call(ctx, request{route: "GET users.info", query: url.Values{"userId": {id}}}, &out); err != nil {
		return person{}, err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.people) >= known {
		clear(a.people)
		a.people[a.me.ID] = a.me
	}
	a.people[id] = out.User
	return out.User, nil
}

// PersonNamed finds a person by username. See [bot.Namer].
func (a *Adapter) PersonNamed(ctx context.Context, name string) (bot.User, error) {
	var out struct{ User person }
	if err := a.rest.call(ctx, request{route: "GET users.info", query: url.Values{"username": {name}}}, &out); err != nil {
		return bot.User{}, err
	}
	if userRef(out.User.ID) == "" {
		return bot.User{}, gone("person")
	}
	return out.User.user(), nil
}

// Permalink is the address of a message. See [bot.Linker].
func (a *Adapter) Permalink(ctx context.Context, ref bot.MessageRef) (string, error) {
	rid, id, ok := messageID(ref)
	if !ok {
		return "", gone("message")
	}
	r, err := a.room(ctx, rid)
	if err != nil {
		return "", err
	}
	path := map[string]string{"c": "channel/" + url.PathEscape(r.Name), "p": "group/" + url.PathEscape(r.Name), "d": "direct/" + rid, "l": "live/" + rid}[r.Kind]
	return a.rest.base + "/" + path + "?msg=" + url.QueryEscape(id), nil
}

func gone(what string) error {
	return &bot.Error{Code: what + "_not_found", Message: "This " + what + " is not known in Rocket.Chat."}
}
