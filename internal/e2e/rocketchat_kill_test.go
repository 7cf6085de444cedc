package e2e

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"testing"
	"time"

	"github.com/perch-chat/perch/bot/rocketchat/rcfake"
	"github.com/perch-chat/perch/xapi/xfake"
)

// TestRocketChatKill ends the program with SIGKILL at moments that nobody chose
// while it serves customers in Rocket.Chat, in rooms of its Omnichannel and in
// threads. The realtime connection is cut besides, the server restarted, calls
// of it are refused, slow or lose their answers, and so are those of X. In the
// end each word of a customer stands in their room once and in its order, each
// answer is at the customer once and in its order, each command was answered
// once and each post is public once.
//
// PERCH_E2E_KILLS says how often (4 times a way; PERCH_PROOF=full: 40),
// PERCH_E2E_SEED makes it the same moments, PERCH_E2E_KEEP names a folder in
// which the programs' data and logs stay.
//
//nolint:tparallel // the two ways side by side, but not beside the tests that load the machine
func TestRocketChatKill(t *testing.T) {
	if testing.Short() {
		t.Skip("takes half a minute")
	}
	for name, rooms := range map[string]bool{"rooms": true, "threads": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel() // they wait most of the time
			rocketKill(t, rooms)
		})
	}
}

func rocketKill(t *testing.T, rooms bool) {
	t.Helper()
	kills := number("PERCH_E2E_KILLS", 4)
	if full() {
		kills = number("PERCH_E2E_KILLS", 40)
	}
	seed := number("PERCH_E2E_SEED", time.Now().UnixNano()%100_000)
	rnd := rand.New(rand.NewPCG(uint64(seed), 3))
	t.Logf("PERCH_E2E_SEED=%d", seed)
	s := newService(t, rooms, uint64(seed))
	s.spoil(uint64(seed))
	// A start reads half an hour of each room. Where it is killed often, people say
	// no more in all than a busy room gets in that time.
	s.leisure = 1 + int(kills)/20
	s.work()
	// All of them, however long that takes on a machine that has other work too.
	if err := eventuallyIn(time.Minute, s.busy); err != nil {
		t.Fatal(err)
	}
	midway := 0 // accepted but not at its reader when the program was killed
	_, slowest := s.p.strike(t, blows{
		n: kills, rnd: rnd, least: 200 * time.Millisecond, most: 1500 * time.Millisecond,
		down: func() error { midway += s.midway(); return nil },
	})
	<-time.After(300 * time.Millisecond)
	s.close()
	struck := s.repair()
	began := time.Now()
	// What failed often waits ever longer before it is tried again.
	verdict(t, 2*time.Minute+time.Duration(kills)*time.Second, 3*time.Second, s.wrong)
	t.Logf("%d kills: %d questions and answers under way at a kill, the connection cut %d times, %d faults of Rocket.Chat and X, ready again in %s at most, quiet after %s",
		kills, midway, s.cuts.Load(), struck, slowest.Round(time.Millisecond), time.Since(began).Round(time.Millisecond))
	t.Logf("accepted: %s; agents were asked about %d answers, and read of %d questions that X was late with them", s.counts(), s.asked, s.late())
	if midway == 0 || struck == 0 || s.cuts.Load() == 0 {
		t.Errorf("nothing was interrupted: the test proves nothing")
	}
	if err := s.p.stop(); err != nil {
		t.Errorf("the end: %v", err)
	}
	checkLog(t, s.p.log)
}

// rocketFaults is how Rocket.Chat fails, at random.
func rocketFaults() []rcfake.Fault {
	json := http.Header{"Content-Type": {"application/json"}}
	busy := http.Header{"Content-Type": {"application/json"}, "Retry-After": {"1"}}
	return []rcfake.Fault{
		{Route: "POST livechat/message", Drop: rcfake.DropAfter, Chance: 0.08},
		{Route: "POST livechat/message", Drop: rcfake.DropBefore, Chance: 0.03},
		{Route: "POST livechat/message", Status: http.StatusBadGateway, Effect: true, Chance: 0.03},
		{Route: "GET livechat/room", Drop: rcfake.DropAfter, Chance: 0.2},
		{Route: "POST chat.sendMessage", Drop: rcfake.DropAfter, Chance: 0.08},
		{Route: "POST chat.sendMessage", Status: http.StatusBadGateway, Effect: true, Chance: 0.03},
		{Route: "POST chat.", Status: http.StatusTooManyRequests, Header: busy, Body: `{"success":false,"error":"Error, too many requests. Please slow down. [error-too-many-requests]"}`, Chance: 0.01},
		{Route: "POST method.call", Drop: rcfake.DropAfter, Chance: 0.05},
		{Route: "GET chat.", Status: http.StatusInternalServerError, Header: json, Body: `{"success":false,"error":"Internal server error"}`, Chance: 0.03},
		{Delay: 120 * time.Millisecond, Chance: 0.1},
	}
}

// spoil has Rocket.Chat and X fail.
func (s *service) spoil(seed uint64) {
	for _, f := range rocketFaults() {
		f.Times = -1 // until they are cleared
		s.rc.AddFault(f)
	}
	// The limiter, in the life of a fly: the public calls count, whoever makes them.
	s.rc.Limits(s.rooms, 40, 500*time.Millisecond)
	for i, f := range []xfake.Fault{
		{Method: http.MethodPost, Path: "/2/dm_conversations/**", Drop: xfake.DropAfter, Probability: 0.08},
		{Method: http.MethodPost, Path: "/2/tweets", Drop: xfake.DropAfter, Probability: 0.1},
		{Method: http.MethodPost, Path: "/2/dm_conversations/**", Drop: xfake.DropBefore, Probability: 0.02},
		{Method: http.MethodPost, Path: "/2/dm_conversations/**", Status: http.StatusBadGateway, Effect: true, Probability: 0.03},
		{Path: "/2/**", Delay: 120 * time.Millisecond, Effect: true, Probability: 0.2},
	} {
		f.Seed = seed + uint64(i)
		s.x.AddFault(f)
	}
}

// repair ends all faults and says how often they struck.
func (s *service) repair() (n int) {
	struck := map[string]int{} // by route
	for _, f := range rocketFaults() {
		struck[f.Route] = s.rc.Struck(f.Route)
	}
	for _, k := range struck {
		n += k
	}
	for _, c := range s.x.Calls() {
		if c.Fault {
			n++
		}
	}
	s.rc.ClearFaults()
	s.rc.Limits(false, 0, 0)
	s.x.ClearFaults()
	return n
}

// cut ends the realtime connection, and now and then the whole server is away.
func (s *service) cut(n int) {
	if n%3 == 2 {
		s.rc.Stop()
		<-time.After(150 * time.Millisecond)
		s.rc.Start()
	} else {
		s.rc.DropAll()
	}
	s.cuts.Add(1)
}

// counts are how much was accepted of each kind.
func (s *service) counts() string {
	n := map[string]int{}
	for _, c := range s.people {
		for _, kind := range []string{"question", "answer", "note", "end"} {
			n[kind] += len(s.accepted.get(kind + " " + c.Handle))
		}
	}
	return fmt.Sprintf("%d questions of %d customers, %d answers, %d notes, %d ends; %d entries, %d posts, %d mistakes",
		n["question"], len(s.people), n["answer"], n["note"], n["end"], len(s.accepted.get("entry")), len(s.accepted.get("post")), len(s.accepted.get("mistake")))
}
