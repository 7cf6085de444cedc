package e2e

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/perch-chat/perch/bot/slack/slackfake"
)

// slackCommands are the words for what only Slack does.
//
//	http                 before start: Slack calls Perch, instead of sockets
//	sockets N            Perch has N connections open, now or soon; all: as many as it wants
//	socket rotate        Slack refreshes the oldest connection, as every few hours
//	socket drop          all connections break
//	again TYPE           Slack delivers the newest event of the type once more, in a new envelope
//	odd                  Slack delivers an event that nobody can decode, and one of an unknown kind
//	acked                everything was acknowledged in time but what nobody was there to take
//	meanwhile USER CHANNEL TEXT  somebody writes at once, in the thread that is looked at; nobody waits for it
//	chat CALL WHAT       makes calls (post, react) fail: lost (the answer), busy (429), down (503, twice), refused, seen (one was refused), ok again
//	limits on|off        Slack's rate limits, which are off at first
//	calls METHOD N [T]   Perch has made that many such calls that worked (with T in them)
//	channel NAME         there is such a channel
//	members NAME USER... these people, and Perch, are in it
//	group HANDLE USER... who is in the user group
//	unfurl TEXT          Slack expands a link in the message that reads TEXT
func slackCommands() map[string]func(ts *testscript.TestScript, neg bool, args []string) {
	return map[string]func(ts *testscript.TestScript, neg bool, args []string){
		"http":      inSlack(0, overHTTP),
		"sockets":   inSlack(1, sockets),
		"socket":    inSlack(1, socket),
		"again":     inSlack(1, again),
		"odd":       inSlack(0, odd),
		"acked":     inSlack(0, func(_ *play, s *slackStage, _ []string) error { return eventually(s.acked) }),
		"meanwhile": inSlack(3, meanwhile),
		"chat":      inSlack(2, chatFault),
		"limits":    inSlack(1, func(_ *play, s *slackStage, a []string) error { s.Limits(a[0] == "on"); return nil }),
		"calls":     inSlack(-1, calls),
		"channel":   inSlack(1, channel),
		"members":   inSlack(-1, members),
		"group":     inSlack(-1, group),
		"unfurl":    inSlack(1, unfurl),
	}
}

func inSlack(n int, fn func(*play, *slackStage, []string) error) func(ts *testscript.TestScript, neg bool, args []string) {
	return simple(n, func(p *play, a []string) error {
		s, ok := p.stage.(*slackStage)
		if !ok {
			return errNone
		}
		return fn(p, s, a)
	})
}

func overHTTP(p *play, s *slackStage, _ []string) error {
	s.called = true
	s.SetRequestURLs(p.url+"/slack/events", "", "")
	conf := p.conf["chat"].(map[string]any)["slack"].(map[string]any)
	delete(conf, "app_token")
	conf["http_mode"], conf["signing_secret"] = true, "signing-secret"
	return nil
}

func sockets(_ *play, s *slackStage, a []string) error {
	want := 2
	if a[0] != "all" {
		var err error
		if want, err = strconv.Atoi(a[0]); err != nil {
			return err
		}
	}
	return eventually(func() error {
		if got := len(s.Connections()); got != want {
			return fmt.Errorf("%d connections are open, want %d", got, want)
		}
		return nil
	})
}

func socket(_ *play, s *slackStage, a []string) error {
	switch a[0] {
	case "rotate":
		s.Rotate(200 * time.Millisecond)
	case "drop":
		s.Drop()
	default:
		return fmt.Errorf("a socket can't be made to %s", a[0])
	}
	return nil
}

func again(_ *play, s *slackStage, a []string) error {
	for _, d := range slices.Backward(s.Deliveries()) {
		if d.EventType() == a[0] {
			s.Redeliver(d)
			return s.settled()
		}
	}
	return fmt.Errorf("no %s was delivered", a[0])
}

func odd(_ *play, s *slackStage, _ []string) error {
	s.SendEvent(map[string]any{"type": "message", "channel": 7, "user": []any{}, "ts": map[string]any{}})
	s.SendEnvelope("telepathy", map[string]any{"thought": "blue"})
	return s.settled()
}

// acked reports what Perch did not acknowledge, or too late, or twice.
func (s *slackStage) acked() error {
	for _, e := range s.Unacked() {
		if !e.Lost {
			return fmt.Errorf("not acknowledged: %s %s of %s", e.Kind, e.EventID, e.Sent)
		}
	}
	for _, a := range s.Acks() {
		if a.Late || a.Repeated || a.WrongConn || a.Unknown || a.TooBig {
			return fmt.Errorf("a bad acknowledgement: %+v", a)
		}
	}
	return nil
}

func meanwhile(p *play, s *slackStage, a []string) error {
	_, err := s.PersonSays(s.uid(a[0]), s.ChannelID(a[1]), a[2], p.thread)
	return err
}

func chatFault(_ *play, s *slackStage, a []string) error {
	f := slackfake.Fault{Method: map[string]string{"post": "chat.postMessage", "react": "reactions.add"}[a[0]]}
	if f.Method == "" {
		return fmt.Errorf("there is no call %q", a[0])
	}
	switch a[1] {
	case "lost":
		f.Drop = slackfake.DropAfter
	case "busy":
		f.Status, f.Header, f.Body = http.StatusTooManyRequests, http.Header{"Retry-After": {"1"}}, `{"ok":false,"error":"ratelimited"}`
	case "down":
		f.Times = 2
	case "refused":
		f.Times, f.Body = -1, `{"ok":false,"error":"missing_scope","needed":"reactions:write","provided":"chat:write"}`
	case "seen":
		return eventually(func() error {
			for _, c := range s.Calls(f.Method) {
				if c.Faulted {
					return nil
				}
			}
			return errors.New("no " + a[0] + " was refused")
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

func calls(_ *play, s *slackStage, a []string) error {
	want, err := strconv.Atoi(a[1])
	if err != nil {
		return err
	}
	return eventually(func() error {
		n := 0
		for _, c := range s.Calls(a[0]) {
			if c.Error == "" && (c.Status == http.StatusOK || c.Status == 0) && (len(a) < 3 || strings.Contains(fmt.Sprint(c.Args), a[2])) {
				n++
			}
		}
		if n != want {
			return fmt.Errorf("%s was called %d times, want %d", a[0], n, want)
		}
		return nil
	})
}

func channel(_ *play, s *slackStage, a []string) error {
	return eventually(func() error {
		id := s.ChannelID(a[0])
		if id == "" {
			return fmt.Errorf("there is no channel %q", a[0])
		}
		return nil
	})
}

func members(_ *play, s *slackStage, a []string) error {
	return eventually(func() error {
		got := s.Members(s.ChannelID(a[0]))
		want := []string{"U0PERCHBOT"}
		for _, name := range a[1:] {
			want = append(want, s.uid(name))
		}
		slices.Sort(got)
		slices.Sort(want)
		if !slices.Equal(got, want) {
			return fmt.Errorf("in #%s are %q, want %q", a[0], got, want)
		}
		return nil
	})
}

func group(_ *play, s *slackStage, a []string) error {
	var ids []string
	for _, name := range a[1:] {
		ids = append(ids, s.uid(name))
	}
	if id, ok := s.groups[a[0]]; ok {
		if err := s.SetUserGroup(id, ids...); err != nil {
			return err
		}
		return s.settled()
	}
	s.groups[a[0]] = s.AddUserGroup(a[0], a[0], ids...)
	return nil
}

func unfurl(p *play, s *slackStage, a []string) error {
	m, err := p.message(a[0])
	if err != nil {
		return err
	}
	if err := s.Unfurl(m.channel, m.ref, "https://example.com/page"); err != nil {
		return err
	}
	return s.settled()
}
