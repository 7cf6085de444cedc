package e2e

import (
	"cmp"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/perch-chat/perch/bot/rocketchat/rcfake"
	"github.com/perch-chat/perch/xapi/xfake"
)

// service is `perch serve` in a Rocket.Chat workspace, for customers who write
// and people who are busy. Rocket.Chat, X and the judge live in the test and
// survive Perch.
type service struct {
	*crowd
	rooms    bool // customers come into rooms of Omnichannel; else their words into threads
	leisure  int  // how many times as long people take
	rc       *rocketStage
	x        fakeX
	p        *play
	people   []xfake.User // the customers
	incident string       // the thread of INC-1

	cuts atomic.Int64

	mu      sync.Mutex
	asked   int             // answers of which an agent had to say what became of them
	pressed map[string]bool // messages whose button was pressed
}

// newService opens a workspace, starts Perch in it, connects the account and
// declares INC-1.
func newService(t *testing.T, rooms bool, seed uint64) *service {
	t.Helper()
	o := rcfake.Options{Seed: seed}
	if rooms {
		o.Version = "7.13.0" // whose limiter lets nobody pass in public calls
	}
	rc, endChat, err := newRocketOf(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(endChat)
	dir := t.TempDir()
	if keep := os.Getenv("PERCH_E2E_KEEP"); keep != "" {
		dir = filepath.Join(keep, strings.ReplaceAll(t.Name(), "/", "-"))
		if err := os.MkdirAll(dir, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	id, secret := rc.Bot()
	p, endX, err := served(dir, rc, map[string]any{"rocketchat": map[string]any{"url": rc.url, "user_id": id, "token": secret}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(endX)
	s := &service{crowd: newCrowd(), rooms: rooms, rc: rc, x: p.world.(fakeX), p: p, pressed: map[string]bool{}}
	p.conf["log"] = map[string]any{"level": "info"}
	if rooms {
		if err := omnichannel(p, rc, []string{"sam", "ada"}); err != nil {
			t.Fatal(err)
		}
	}
	serve := p.run
	p.run = func(listen string) (*exec.Cmd, error) {
		c, err := serve(listen)
		if err != nil {
			return nil, err
		}
		impatient := exec.Command(os.Args[0], "-test.run=^$")
		impatient.Env = append(os.Environ(), servedEnv+"="+c.Args[len(c.Args)-1])
		return impatient, nil
	}
	for i := range 20 {
		s.people = append(s.people, s.x.AddUser(xfake.User{ID: fmt.Sprint(1000000000000000100 + i), Handle: fmt.Sprintf("casey%02d", i), Name: fmt.Sprintf("Casey %02d", i)}))
	}
	if err := p.start(); err != nil {
		checkLog(t, p.log)
		t.Fatal(err)
	}
	t.Cleanup(p.kill)
	connect(t, p)
	s.incident = newIncident(t, p)
	return s
}

// work has everybody busy until the service closes.
func (s *service) work() {
	for _, c := range s.people {
		s.wg.Go(func() { s.every(s.pauses(900), func(n int) { s.customer(c, n) }) })
		s.wg.Go(func() { s.agent(c) })
	}
	s.wg.Go(func() { s.every(s.pauses(120), s.command) })
	s.wg.Go(func() { s.every(150*time.Millisecond, func(int) { s.press() }) })
	s.wg.Go(func() { s.every(1300*time.Millisecond, s.cut) })
}

// pauses is how long people pause who usually take so many milliseconds.
func (s *service) pauses(ms int) time.Duration {
	return time.Duration(ms*s.leisure) * time.Millisecond
}

// busy says whether all are at work.
func (s *service) busy() error {
	for _, c := range s.people {
		if len(s.answers(c)) == 0 {
			return fmt.Errorf("@%s got no answer", c.Handle)
		}
	}
	return nil
}

func (s *service) customer(c xfake.User, n int) {
	text := fmt.Sprintf("question %s %04d.", c.Handle, n)
	if _, err := s.x.SendDMAs(c.ID, company, text); err == nil {
		s.accepted.add("question "+c.Handle, text)
	}
}

// of reports whether a room or an author is a customer's.
func of(c xfake.User, shown string) bool { return strings.Contains(shown, "(@"+c.Handle+")") }

// theirs are a customer's rooms, oldest first.
func (s *service) theirs(c xfake.User) []rcfake.Room {
	return slices.DeleteFunc(s.rc.Rooms("l"), func(r rcfake.Room) bool { return !of(c, r.Visitor) })
}

// card is the message that stands for a customer where there are no rooms.
func (s *service) card(c xfake.User) (rcfake.Message, bool) {
	for _, m := range s.rc.Messages(s.rc.room("support")) {
		if m.Thread == "" && m.Username == "twitter.bot" && len(m.Buttons) > 0 && strings.Contains(m.Author+strings.Join(m.Plain, "\n")+m.Text, "@"+c.Handle) {
			return m, true
		}
	}
	return rcfake.Message{}, false
}

// agent answers a customer, and does what agents do besides.
func (s *service) agent(c xfake.User) {
	sent, notes := 0, 0
	s.every(s.pauses(800), func(n int) {
		say := rcfake.Says{Who: "sam"}
		if s.rooms {
			all := s.theirs(c)
			if len(all) == 0 || !all[len(all)-1].Open {
				return
			}
			r := all[len(all)-1]
			say.Who, say.Room = cmp.Or(r.Agent, "sam"), r.ID
			if n%11 == 10 {
				_ = s.rc.Forward(say.Who, r.ID, other(say.Who), "") // it may have been closed
			}
			if n%5 == 4 {
				say.Who = other(say.Who)
			}
		} else {
			m, ok := s.card(c)
			if !ok {
				return
			}
			if slices.ContainsFunc(m.Buttons, func(b rcfake.Button) bool { return b.Text == "Claim" }) {
				s.click("sam", m, "Claim")
				return
			}
			say.Room, say.Thread = m.Room, m.ID
		}
		kind := "answer"
		if n%7 == 6 {
			kind = "note"
			say.Text = fmt.Sprintf("// note %s %04d.", c.Handle, notes)
			notes++
		} else {
			say.Text = fmt.Sprintf("answer %s %04d.", c.Handle, sent)
			sent++
		}
		if _, err := s.rc.Say(say); err == nil {
			s.accepted.add(kind+" "+c.Handle, say.Text)
		}
		if s.rooms && n%9 == 8 && s.rc.CloseRoom(say.Who, say.Room, "solved") == nil {
			s.accepted.add("end "+c.Handle, say.Room)
		}
	})
}

func other(agent string) string {
	if agent == "sam" {
		return "ada"
	}
	return "sam"
}

// command gives one: most are entries of the timeline, some of which are to be
// posted, some mistakes that are answered in private.
func (s *service) command(n int) {
	in := rcfake.Says{Who: "rio", Room: s.rc.room("incidents")}
	kind, word := "entry", fmt.Sprintf("entry %04d.", n)
	switch {
	case n%3 == 0:
		kind, word = "mistake", fmt.Sprintf("q-%06d", n)
		in.Text = "!duty " + word
	case n%12 == 1:
		kind, word = "post", fmt.Sprintf("post %04d.", n)
		in.Text = "!timeline add INC-1 --visibility twitter " + word
	case n%2 == 0:
		in.Text, in.Thread = "@twitter.bot timeline add "+word, s.incident
	default:
		in.Text = "!timeline add INC-1 " + word
	}
	if _, err := s.rc.Say(in); err == nil {
		s.accepted.add(kind, word)
	}
}
