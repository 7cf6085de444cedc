package e2e

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/cookiejar"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/perch-chat/perch/xapi/xfake"
)

// company is the account that Perch runs.
const company = "1000000000000000001"

// customers write to it.
func customers() []xfake.User {
	return []xfake.User{
		{ID: "1000000000000000002", Handle: "casey_r", Name: "Casey Rivera"},
		{ID: "1000000000000000003", Handle: "noor_writes", Name: "Noor Haddad"},
	}
}

// TestKill ends the program at moments that nobody chose, again and again,
// while customers write, agents answer, entries come in and are posted, and X
// loses answers. X and the judge live in the test and survive: in the end
// everything that was accepted is there, once.
//
// PERCH_E2E_KILLS says how often (12), PERCH_E2E_SEED makes it the same moments,
// PERCH_E2E_KEEP names a folder in which the program's data and log stay.
func TestKill(t *testing.T) {
	if testing.Short() {
		t.Skip("takes half a minute")
	}
	kills := number("PERCH_E2E_KILLS", 12)
	seed := number("PERCH_E2E_SEED", time.Now().UnixNano()%100_000)
	rnd := rand.New(rand.NewPCG(uint64(seed), 1))
	t.Logf("PERCH_E2E_SEED=%d", seed)

	x, xURL := startX(t)
	p := startChild(t, xURL)
	x.AddRedirectURL(p.url + "/x/callback")
	connect(t, p)
	incident := newIncident(t, p)

	for i, f := range []xfake.Fault{
		{Method: http.MethodPost, Path: "/2/dm_conversations/**", Drop: xfake.DropAfter, Probability: 0.08},
		{Method: http.MethodPost, Path: "/2/tweets", Drop: xfake.DropAfter, Probability: 0.1},
		{Method: http.MethodPost, Path: "/2/dm_conversations/**", Drop: xfake.DropBefore, Probability: 0.02},
		{Method: http.MethodPost, Path: "/2/dm_conversations/**", Status: http.StatusBadGateway, Effect: true, Probability: 0.03},
		{Path: "/2/**", Delay: 120 * time.Millisecond, Effect: true, Probability: 0.3},
	} {
		f.Seed = uint64(seed) + uint64(i)
		x.AddFault(f)
	}
	l := &load{crowd: newCrowd(), x: x, url: p.url, incident: incident, settled: map[string]bool{}, helped: map[string]bool{}, http: &http.Client{Timeout: 3 * time.Second}}
	l.start()
	for _, c := range customers() { // both agents are at work
		if err := eventually(func() error {
			if len(l.answers(c)) == 0 {
				return fmt.Errorf("@%s got no answer", c.Handle)
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
	}
	midway := 0 // accepted but not on X when the program was killed
	_, slowest := p.strike(t, blows{
		n: kills, rnd: rnd, least: 50 * time.Millisecond, most: 950 * time.Millisecond,
		down: func() error { midway += l.midway(); return nil },
	})
	<-time.After(300 * time.Millisecond)
	l.close()
	faults := 0
	for _, c := range x.Calls() {
		if c.Fault {
			faults++
		}
	}
	x.ClearFaults()
	began := time.Now()
	l.judge(t, time.Minute+time.Duration(kills)*time.Second)
	t.Logf("%d kills: %d requests cut, %d answers accepted and not yet sent at a kill, %d faults of X, ready again in %s at most, quiet after %s",
		kills, l.cut.Load(), midway, faults, slowest.Round(time.Millisecond), time.Since(began).Round(time.Millisecond))
	t.Logf("accepted: %s; the agent was asked about %d of them, the admin about %d messages", l.counts(), len(l.settled), len(l.helped))
	if kills >= 10 && (l.cut.Load() == 0 || midway == 0 || faults == 0) {
		t.Errorf("the kills interrupted nothing: the test proves nothing")
	}
	if err := p.stop(); err != nil {
		t.Errorf("the end: %v", err)
	}
	checkLog(t, p.log)
}

// startChild runs Perch on an address that no connection of ours can take
// while it is down.
func startChild(t *testing.T, x string) *play {
	t.Helper()
	addr, err := freeAddress()
	if err != nil {
		t.Fatal(err)
	}
	dir := os.Getenv("PERCH_E2E_KEEP")
	if dir == "" {
		dir = t.TempDir()
	}
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	p := &play{
		data: filepath.Join(dir, "data"), log: filepath.Join(dir, "perch.log"), url: "http://" + addr, used: map[string]bool{},
		client: &http.Client{Jar: jar, Timeout: patience},
	}
	p.stage = webStage{p}
	p.run = func(listen string) (*exec.Cmd, error) {
		c := exec.Command(os.Args[0], "-test.run=^$")
		c.Env = append(os.Environ(), childEnv+"="+listen+"|"+p.data+"|"+x)
		return c, nil
	}
	if err := p.start(); err != nil {
		checkLog(t, p.log)
		t.Fatal(err)
	}
	t.Cleanup(p.kill)
	return p
}

// connect has the admin connect the account.
func connect(t *testing.T, p *play) {
	t.Helper()
	p.user, p.channel = "ada", "setup"
	if err := click(p, []string{"Start Authentication"}); err != nil {
		t.Fatal(err)
	}
	link, err := p.link(false)
	if err != nil {
		t.Fatal(err)
	}
	if page, err := p.authorize(link, company, true); err != nil || !strings.Contains(page, "@larkspur_hq") {
		t.Fatalf("%v: %s", err, page)
	}
	if err := p.reads("Connected @larkspur_hq"); err != nil {
		t.Fatal(err)
	}
}

func newIncident(t *testing.T, p *play) string {
	t.Helper()
	p.user, p.channel = "rio", "incidents"
	if err := say(p, []string{"/incident new Everything at once"}); err != nil {
		t.Fatal(err)
	}
	if err := enter(p, []string{"incidents", "INC-1"}); err != nil {
		t.Fatal(err)
	}
	return p.thread
}

var trouble = regexp.MustCompile(`(?m)^.*(DATA RACE|panic:|level=ERROR).*$`)

// checkLog looks for what must never be in a log.
func checkLog(t *testing.T, file string) {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for i, line := range trouble.FindAllString(string(b), -1) {
		if i == 5 {
			break
		}
		t.Errorf("log: %s", line)
	}
}
