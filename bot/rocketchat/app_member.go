package rocketchat

import (
	"cmp"
	"context"
	"net/http"
	"net/url"
	"slices"
	"time"
)

const (
	memberLook = 2 * time.Second // the app waits, and tries once more
	memberMost = 1000            // of a room: names are matched as parts
)

// isThere refuses what somebody did in a private room that they are not in. The
// server runs a command of an app's, and hands a click to it, with whichever
// room a client names; what is written in a room proves by itself that its
// writer is in it.
func (a *Adapter) isThere(ctx context.Context, t told) error {
	if t.Room.Type != "p" {
		return nil // open to everybody, or no one else can name what stands there
	}
	ctx, cancel := context.WithTimeout(ctx, memberLook)
	defer cancel()
	in, err := a.isMember(ctx, t.Room.ID, t.User.ID, t.User.Username)
	switch c := code(err); {
	case c == "error-room-not-found" || c == "error-invalid-room":
		return nil // the bot is not in it: nothing of Perch's is there
	case err != nil:
		a.log.WarnContext(ctx, "whether somebody is in a room can't be seen", "room", t.Room.ID, "err", err)
		return &refused{
			status: http.StatusServiceUnavailable, code: "not_seen",
			message: "Rocket.Chat did not say whether you are in this room. Nothing was done. Try again in a moment.",
		}
	case !in:
		return &refused{
			status: http.StatusForbidden, code: "not_member",
			message: "You are not in this room. Nothing was done. Join it, or do this in a direct message with @" + cmp.Or(a.self().Username, "twitter.bot") + ".",
		}
	}
	return nil
}

// isMember reports whether a person is in a private room that the bot is in.
func (a *Adapter) isMember(ctx context.Context, rid, uid, username string) (bool, error) {
	is := false
	_, err := pages(url.Values{"roomId": {rid}, "filter": {username}}, memberMost, func(q url.Values) (int, int, error) {
		var out struct {
			Members []person
			Total   int
		}
		err := a.rest.call(ctx, request{route: "GET groups.members", query: q}, &out)
		if is = slices.ContainsFunc(out.Members, func(p person) bool { return p.ID == uid }); is {
			return 0, 0, err
		}
		return len(out.Members), out.Total, err
	})
	return is, err
}
