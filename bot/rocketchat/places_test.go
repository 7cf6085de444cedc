package rocketchat

import (
	"errors"
	"strings"
	"testing"

	"github.com/perch-chat/perch/bot"
	"github.com/perch-chat/perch/bot/rocketchat/rcfake"
)

func TestRoomsOfBothLines(t *testing.T) {
	for _, version := range []string{"7.13.0", "8.8.1"} {
		w := openWorkspace(t, rcfake.Options{Version: version})
		ada := userRef(w.AddUser(rcfake.User{Username: "ada", Name: "Ada"}))
		w.AddRoom("others", true, "ada")
		a := (&team{workspace: w, live: usual()}).adapter(t)
		_, err := a.EnsureChannel(t.Context(), "others", "", true)
		if e, ok := errors.AsType[*bot.Error](err); !ok || !strings.Contains(e.Message, "is there and the bot is not in it") || !strings.Contains(e.Message, "Invite the bot") {
			t.Errorf("%s: a room that the bot may not see: %v", version, err)
		}
		ch, err := a.EnsureChannel(t.Context(), "inc-1", "", true)
		must(t, err)
		err = a.Invite(t.Context(), ch, []bot.UserRef{"rocketchat:Unobody", ada, "slack:U1"})
		e, ok := errors.AsType[*bot.Error](err)
		if !ok || !strings.HasPrefix(e.Message, "Not invited: Unobody, slack:U1. ") {
			t.Errorf("%s: Invite: %v", version, err)
		}
		for _, r := range w.Rooms("p") {
			if r.Name == "inc-1" && len(r.Members) != 2 {
				t.Errorf("%s: in the room are %q: one who is unknown kept others out", version, r.Members)
			}
		}
		for _, x := range []*Adapter{a, a, (&team{workspace: w, live: usual()}).adapter(t)} { // the last one knows nothing of it
			must(t, x.Archive(t.Context(), ch))
			if is, err := x.Inspect(t.Context(), ch); err != nil || !is.Archived || !is.Member {
				t.Errorf("%s: the archived room is %+v, %v", version, is, err)
			}
		}
		if _, err := a.EnsureChannel(t.Context(), "inc-1", "", true); code(err) != archivedRoom {
			t.Errorf("%s: a name of an archived room: %v", version, err)
		}
	}
}

// A room whose name changed is named, and linked to, by the new one.
func TestRenamedRooms(t *testing.T) {
	w := newTeam(t)
	a := w.adapter(t)
	w.start(t, a)
	root := messageRef(w.room, w.say(t, "ada", w.room, "hello"))
	link := func() string {
		t.Helper()
		s, err := a.Permalink(t.Context(), root)
		must(t, err)
		return s
	}
	if !strings.Contains(link(), "/group/support?") {
		t.Errorf("the link is %s", link())
	}
	must(t, w.Rename(w.room, "help"))
	c := newCollector()
	must(t, a.notice(t.Context(), nil, c, notice{stream: "stream-notify-user", key: "U/rooms-changed", args: rawArgs(t, "updated", map[string]any{"_id": w.room, "t": "p", "name": "help"})}))
	if !strings.Contains(link(), "/group/help?") || len(c.got) > 0 {
		t.Errorf("the link is %s, events %+v", link(), c.got)
	}
	must(t, a.notice(t.Context(), nil, c, notice{stream: "stream-notify-user", key: "U/rooms-changed", args: rawArgs(t, "removed", map[string]any{"_id": w.room})}))
	if _, ok := a.rooms[w.room]; ok {
		t.Error("a room that the bot has left is remembered")
	}
}
