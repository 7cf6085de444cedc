package rocketchat

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"

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
	_ bot.Inspector = (*Adapter)(nil)
	_ bot.Inviter   = (*Adapter)(nil)
	_ bot.Archiver  = (*Adapter)(nil)
	_ bot.Opener    = (*Adapter)(nil)
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
	if err := a.ask(ctx, request{route: "GET subscriptions.get"}, &out); err != nil {
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

// EnsureChannel finds or makes a room. See [bot.Channeler].
func (a *Adapter) EnsureChannel(ctx context.Context, name, purpose string, private bool) (bot.ChannelRef, error) {
	name = strings.TrimPrefix(strings.TrimSpace(name), "#")
	r, err := a.lookRoom(ctx, url.Values{"roomName": {name}})
	if err == nil && r.Archived {
		return "", &bot.Error{Code: archivedRoom, Message: sentences()[archivedRoom]}
	}
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
	if _, name, live := bot.LiveDepartment(channel); live {
		f := a.ExamineDepartment(ctx, name)
		if f.Serious {
			return bot.Channel{}, &bot.Error{Code: "department", Message: f.Text + " " + f.Do}
		}
		return bot.Channel{Ref: channel, Name: name, Private: true, Member: true}, nil
	}
	id, ok := roomID(channel)
	if !ok {
		return bot.Channel{}, gone("room")
	}
	r, err := a.lookRoom(ctx, roomQuery(id))
	if err != nil {
		return bot.Channel{}, err
	}
	mine, err := a.joined(ctx)
	if err != nil {
		return bot.Channel{}, err
	}
	in := slices.ContainsFunc(mine, func(x room) bool { return x.ID == id })
	return bot.Channel{
		Ref: channel, Name: cmp.Or(r.Name, r.Shown), Private: r.Kind == "p" || r.Kind == "d", Shared: r.Shared, Member: in, Archived: r.Archived, Direct: r.Kind == "d",
	}, nil
}

// Invite brings people into a room. One whom the server refuses does not keep
// the others out. See [bot.Inviter].
func (a *Adapter) Invite(ctx context.Context, channel bot.ChannelRef, users []bot.UserRef) error {
	id, ok := roomID(channel)
	if !ok {
		return gone("room")
	}
	r, err := a.room(ctx, id)
	if err != nil {
		return err
	}
	var out []string
	var why error
	for _, u := range users {
		uid, ok := userID(u)
		err := gone("person")
		if ok {
			err = a.rest.call(ctx, request{route: "POST " + family(r.Kind) + ".invite", body: map[string]string{"roomId": id, "userId": uid}}, nil)
		}
		switch {
		case err == nil:
		case !aboutPeople(code(err)):
			return err // of the room, or of all calls
		default:
			out, why = append(out, a.shownAs(u)), err
		}
	}
	return notInvited(out, why)
}

// aboutPeople reports whether a refusal is of a person and not of the room.
func aboutPeople(c string) bool {
	return slices.Contains([]string{"person_not_found", "error-invalid-user", "error-user-not-found", "error-user-is-banned", "error-app-prevented"}, c)
}

const maxNamed = 10 // people whom an error names

// notInvited names those who could not be brought in.
func notInvited(names []string, why error) error {
	e, ok := errors.AsType[*bot.Error](why)
	if !ok {
		return nil
	}
	more := ""
	if n := len(names) - maxNamed; n > 0 {
		names, more = names[:maxNamed], fmt.Sprintf(" and %d more", n)
	}
	return &bot.Error{Code: e.Code, Message: fmt.Sprintf("Not invited: %s%s. %s", strings.Join(names, ", "), more, e.Message), Err: why}
}

// Archive closes a room. See [bot.Archiver].
func (a *Adapter) Archive(ctx context.Context, channel bot.ChannelRef) error {
	id, ok := roomID(channel)
	if !ok {
		return gone("room")
	}
	r, err := a.room(ctx, id)
	if err == nil {
		err = a.rest.call(ctx, request{route: "POST " + family(r.Kind) + ".archive", body: map[string]string{"roomId": id}}, nil)
	}
	if c := code(err); c == "error-archived-channel" || c == archivedRoom {
		return nil
	}
	return err
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
