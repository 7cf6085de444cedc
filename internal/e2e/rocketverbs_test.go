package e2e

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/perch-chat/perch/bot/rocketchat/rcfake"
)

// bothCommands are the words of Slack that mean something in Rocket.Chat too.
// What is another thing there:
//
//	sockets N            the one realtime connection is up, and hears all rooms
//	socket rotate        the server is restarted
//	again TYPE           the newest message of a person comes once more, as with a link's preview
//	limits on|off        the workspace counts the bot's calls too: four of a kind in two seconds
func bothCommands(slack map[string]func(ts *testscript.TestScript, neg bool, args []string)) map[string]func(ts *testscript.TestScript, neg bool, args []string) {
	out := map[string]func(ts *testscript.TestScript, neg bool, args []string){}
	for word, fn := range map[string]func(*play, *rocketStage, []string) error{
		"acked":     func(*play, *rocketStage, []string) error { return nil }, // there is nothing to acknowledge
		"again":     func(_ *play, s *rocketStage, _ []string) error { return s.again() },
		"channel":   func(_ *play, s *rocketStage, a []string) error { return s.inside(a[0]) },
		"chat":      rocketFault,
		"limits":    func(_ *play, s *rocketStage, a []string) error { s.limited(a[0] == "on"); return nil },
		"meanwhile": rocketMeanwhile,
		"members":   func(_ *play, s *rocketStage, a []string) error { return s.inside(a[0], a[1:]...) },
		"odd":       func(_ *play, s *rocketStage, _ []string) error { s.odd(); return nil },
		"socket":    rocketSocket,
		"sockets":   rocketSockets,
		"unfurl":    rocketPreview,
	} {
		out[word] = func(ts *testscript.TestScript, neg bool, args []string) {
			s, ok := ts.Value(playKey{}).(*play).stage.(*rocketStage)
			if !ok {
				slack[word](ts, neg, args)
				return
			}
			simple(-1, func(p *play, a []string) error { return fn(p, s, a) })(ts, neg, args)
		}
	}
	return out
}

// inside waits until a room is there, and the people and Perch are in it.
func (s *rocketStage) inside(name string, people ...string) error {
	return eventually(func() error {
		for _, r := range s.Rooms("") {
			if r.Name != name {
				continue
			}
			got, want := slices.Clone(r.Members), append([]string{"twitter.bot"}, people...)
			slices.Sort(got)
			slices.Sort(want)
			if len(people) > 0 && !slices.Equal(got, want) {
				return fmt.Errorf("in #%s are %q, want %q", name, got, want)
			}
			return nil
		}
		return fmt.Errorf("there is no room %q", name)
	})
}

// rocketPreview has the server add the preview of a link to a message.
func rocketPreview(p *play, s *rocketStage, a []string) error {
	m, err := p.message(a[0])
	if err != nil {
		return err
	}
	return s.Preview(m.channel, m.ref)
}

// again has the server tell of the newest message of a person once more.
func (s *rocketStage) again() error {
	var newest rcfake.Message
	for _, r := range s.Rooms("") {
		for _, m := range s.Messages(r.ID) {
			if _, person := crew()[m.Username]; person && m.At.After(newest.At) {
				newest = m
			}
		}
	}
	if newest.ID == "" {
		return fmt.Errorf("nobody wrote anything")
	}
	return s.Preview(newest.Room, newest.ID)
}

// odd sends what nobody can read, and what no client knows.
func (s *rocketStage) odd() {
	s.Emit("stream-room-messages", "__my_messages__", map[string]any{"_id": 7, "rid": []any{}, "ts": "noon", "u": "?"})
	s.Emit("stream-room-messages", "__my_messages__", map[string]any{"_id": "telepathy", "rid": s.rooms["support"], "msg": "blue", "t": "thought"})
	s.Emit("stream-room-messages", "__my_messages__")
}

// limited switches the limiter on, and takes the right to pass it by from the bot.
func (s *rocketStage) limited(on bool) {
	if !on {
		s.SetRoles("twitter.bot", "bot", "livechat-manager")
		s.Limits(false, 0, 0)
		return
	}
	s.SetRoles("twitter.bot", "user", "livechat-manager")
	s.Limits(true, 4, 2*time.Second)
}

// liveCommands are the words for Rocket.Chat's own customer service. A
// customer's room is the place @handle, post:@handle that of a public post.
//
//	omnichannel USER...  before start: they are agents of it, and the configuration names no department
//	away USER, back USER an agent goes offline, and comes back
//	forwards USER        the room that is looked at is handed to them
//	ends                 the agent closes it
func liveCommands() map[string]func(ts *testscript.TestScript, neg bool, args []string) {
	in := func(n int, fn func(*play, *rocketStage, []string) error) func(ts *testscript.TestScript, neg bool, args []string) {
		return simple(n, func(p *play, a []string) error {
			s, ok := p.stage.(*rocketStage)
			if !ok {
				return errNone
			}
			return fn(p, s, a)
		})
	}
	return map[string]func(ts *testscript.TestScript, neg bool, args []string){
		"omnichannel": in(-1, omnichannel),
		"away":        in(1, func(_ *play, s *rocketStage, a []string) error { s.SetOffline(a[0], true); return nil }),
		"back":        in(1, func(_ *play, s *rocketStage, a []string) error { s.SetOffline(a[0], false); return nil }),
		"forwards":    in(1, func(p *play, s *rocketStage, a []string) error { return s.Forward(p.user, s.room(p.channel), a[0], "") }),
		"ends":        in(0, func(p *play, s *rocketStage, _ []string) error { return s.CloseRoom(p.user, s.room(p.channel), "") }),
	}
}

func omnichannel(p *play, s *rocketStage, who []string) error {
	for _, name := range who {
		s.AddUser(rcfake.User{Username: name, Name: crew()[name], Agent: true, Roles: []string{"user"}})
	}
	delete(p.conf, "departments")
	delete(p.conf["desk"].(map[string]any), "default_department")
	delete(p.conf["team"].(map[string]any), "agents")
	return nil
}

func rocketMeanwhile(p *play, s *rocketStage, a []string) error {
	m := rcfake.Says{Who: a[0], Room: s.room(a[1]), Text: a[2]}
	if a[1] == p.channel {
		m.Thread = p.thread
	}
	_, err := s.Say(m)
	return err
}

func rocketSocket(_ *play, s *rocketStage, a []string) error {
	switch a[0] {
	case "rotate":
		s.Stop()
		s.Start()
	case "drop":
		s.DropAll()
	default:
		return fmt.Errorf("a connection can't be made to %s", a[0])
	}
	return nil
}

func rocketSockets(_ *play, s *rocketStage, a []string) error {
	if a[0] != "all" {
		return fmt.Errorf("rocket.chat has one connection, not %s", a[0])
	}
	return eventually(func() error {
		if n := s.Sessions(); n != 1 || !s.Subscribed("stream-room-messages", "__my_messages__") {
			return fmt.Errorf("%d connections are open, want one that hears all rooms", n)
		}
		return nil
	})
}

func rocketFault(_ *play, s *rocketStage, a []string) error {
	f := rcfake.Fault{Route: map[string]string{"post": "POST chat.sendMessage", "react": "POST chat.react"}[a[0]]}
	if f.Route == "" {
		return fmt.Errorf("there is no call %q", a[0])
	}
	switch a[1] {
	case "lost":
		f.Drop = rcfake.DropAfter
	case "busy":
		f.Status = http.StatusTooManyRequests
		f.Header = http.Header{
			"Content-Type": {"application/json"}, "X-Ratelimit-Limit": {"10"}, "X-Ratelimit-Remaining": {"0"},
			"X-Ratelimit-Reset": {strconv.FormatInt(time.Now().Add(3*time.Second).UnixMilli(), 10)},
		}
		f.Body = `{"success":false,"error":"Error, too many requests. Please slow down. You must wait 3 seconds before trying this endpoint again. [error-too-many-requests]"}`
	case "down":
		f.Times = 2
	case "refused":
		f.Times, f.Status = -1, http.StatusForbidden
		f.Header = http.Header{"Content-Type": {"application/json"}}
		f.Body = `{"success":false,"error":"User does not have the permissions required for this action [error-forbidden]"}`
	case "seen":
		return eventually(func() error {
			if s.Struck(f.Route) == 0 {
				return errors.New("no " + a[0] + " was refused")
			}
			return nil
		})
	case "ok":
		s.ClearFaults()
		return nil
	default:
		return fmt.Errorf("there is no fault %q", a[1])
	}
	s.AddFault(f)
	return nil
}
