package e2e

import (
	"math/rand/v2"
	"testing"
	"time"
)

// TestSlackKill ends the program with SIGKILL at moments that nobody chose
// while people give commands and write. In the end each command that was
// acknowledged is answered, each message is handled once, and nothing is
// posted twice. An answer that one person alone sees may come again if Perch
// died while it was sent.
//
// PERCH_E2E_KILLS says how often (8; PERCH_PROOF=full: 100), PERCH_E2E_SEED
// makes it the same moments.
func TestSlackKill(t *testing.T) {
	if testing.Short() {
		t.Skip("takes half a minute")
	}
	kills := number("PERCH_E2E_KILLS", 8)
	if full() {
		kills = number("PERCH_E2E_KILLS", 100)
	}
	seed := number("PERCH_E2E_SEED", time.Now().UnixNano()%100_000)
	rnd := rand.New(rand.NewPCG(uint64(seed), 2))
	t.Logf("PERCH_E2E_SEED=%d", seed)
	o := newOffice(t)
	o.work()
	at, slowest := o.p.strike(t, blows{
		n: kills, rnd: rnd, least: 60 * time.Millisecond, most: 400 * time.Millisecond,
		up: func() error { o.connected(t, 1); return nil },
	})
	<-time.After(300 * time.Millisecond)
	o.close()
	f := o.judge(t, time.Minute, at)
	t.Logf("%d kills, connected again after %s at most: %s", kills, slowest.Round(time.Millisecond), f)
	if f.unacked == 0 || f.again == 0 && kills >= 50 {
		t.Errorf("the kills interrupted nothing: the test proves nothing")
	}
	if err := o.p.stop(); err != nil {
		t.Errorf("the end: %v", err)
	}
	checkLog(t, o.p.log)
}
