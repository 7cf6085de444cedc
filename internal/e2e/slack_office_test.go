package e2e

import (
	"fmt"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/perch-chat/perch/bot/slack/slackfake"
)

// office is `perch serve` in a Slack workspace, with people who are busy. Slack
// and the judge live in the test and survive Perch.
type office struct {
	*crowd
	slack     *slackfake.Server
	p         *play
	incidents string // the channel
	thread    string // of INC-1
	conf      string // the configuration's file

	mu      sync.Mutex
	given   []order        // commands
	written []string       // what was said to the bot in the thread
	refused map[string]int // errors of Slack's own, by their words
	n       atomic.Int64
}

// order is a command that somebody gave.
type order struct {
	word  string // that is in it alone
	entry bool   // it adds to the timeline; else it is a mistake that the answer repeats
	by    string
	d     *slackfake.Delivery
}

// newOffice opens a workspace, starts Perch in it and declares INC-1.
func newOffice(t *testing.T) *office {
	t.Helper()
	o := &office{crowd: newCrowd(), refused: map[string]int{}}
	// Slack's own waits, up to 5 minutes, are too long for a test.
	retries := make([]time.Duration, 200)
	for i := range retries {
		retries[i] = 150 * time.Millisecond
	}
	o.slack = slackfake.New(slackfake.Options{RefuseBodyTokens: true, Retries: retries})
	srv := httptest.NewServer(o.slack.Handler())
	o.slack.SetURL(srv.URL)
	t.Cleanup(func() {
		o.slack.Close()
		srv.CloseClientConnections()
		srv.Close()
	})
	var everybody []string
	for i := range officers {
		everybody = append(everybody, o.slack.AddUser(slackfake.User{Name: fmt.Sprintf("p%02d", i)}))
	}
	everybody = append(everybody, "perch")
	setup := o.slack.AddChannel(slackfake.Channel{Name: "setup", Private: true, Members: everybody})
	o.incidents = o.slack.AddChannel(slackfake.Channel{Name: "incidents", Members: everybody})

	addr, err := freeAddress()
	if err != nil {
		t.Fatal(err)
	}
	dir := os.Getenv("PERCH_E2E_KEEP")
	if dir == "" {
		dir = t.TempDir()
	}
	o.conf = filepath.Join(dir, "perch.yaml")
	conf := o.conf
	yaml := fmt.Sprintf(`listen: %s
public_url: http://%s
data: %s
encryption_key: %s
x: {client_id: c, client_secret: s, webhook: false, api_base: "http://127.0.0.1:9"}
chat: {slack: {bot_token: %s, app_token: %s, api_url: "%s/api/"}}
team: {admins: ["slack:U0P00"]}
channels: {setup: "slack:%s", incidents: "slack:%s"}
`, addr, addr, filepath.Join(dir, "data"), childKey, slackBot, slackApp, srv.URL, setup, o.incidents)
	if err := os.WriteFile(conf, []byte(yaml), 0o600); err != nil {
		t.Fatal(err)
	}
	o.p = &play{bin: perch, data: filepath.Join(dir, "data"), log: filepath.Join(dir, "perch.log"), url: "http://" + addr, used: map[string]bool{}}
	o.p.run = func(string) (*exec.Cmd, error) { return exec.Command(perch, "serve", "--config", conf), nil }
	secret := ""
	o.p.bearer = func() (string, error) {
		if secret == "" {
			out, err := exec.Command(perch, "token", "create", "--config", conf, "--scopes", "events:read,incidents:read", "proof").Output()
			if err != nil {
				return "", err
			}
			secret = strings.TrimSpace(string(out))
		}
		return secret, nil
	}
	if err := o.p.start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(o.p.kill)
	o.connected(t, 2)
	<-o.slack.Command("U0P00", o.incidents, "/incident", "new Everything at once").Done()
	err = eventually(func() error {
		for _, m := range o.slack.Messages(o.incidents) {
			if m.ThreadTS == "" && strings.Contains(m.Shown, "INC-1") {
				o.thread = m.TS
				return nil
			}
		}
		return fmt.Errorf("no thread of INC-1 in %+v", o.slack.Messages(o.incidents))
	})
	if err != nil {
		t.Fatal(err)
	}
	return o
}

// officers is how many people there are.
const officers = 10

// connected waits until Perch has so many sockets.
func (o *office) connected(t *testing.T, n int) {
	t.Helper()
	err := eventually(func() error {
		if got := len(o.slack.Connections()); got < n {
			return fmt.Errorf("%d sockets are open, want %d", got, n)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// work has everybody busy until the office closes: most give commands, one
// after the other, and some write to the bot in the incident's thread.
func (o *office) work() {
	for i := range officers {
		who := fmt.Sprintf("U0P%02d", i)
		if i%4 == 3 {
			o.wg.Go(func() { o.every(60*time.Millisecond, func(int) { o.say(who) }) })
		} else {
			o.wg.Go(func() { o.every(25*time.Millisecond, func(int) { o.command(who) }) })
		}
	}
}

func (o *office) command(who string) {
	n := o.n.Add(1)
	c := order{word: fmt.Sprintf("q-%06d", n), entry: n%3 == 0, by: who}
	if c.entry {
		c.d = o.slack.Command(who, o.incidents, "/timeline", "add INC-1 "+c.word+".")
	} else {
		c.d = o.slack.Command(who, o.incidents, "/duty", c.word)
	}
	o.mu.Lock()
	o.given = append(o.given, c)
	o.mu.Unlock()
	select {
	case <-c.d.Done():
	case <-time.After(300 * time.Millisecond): // people don't wait for the dead
	}
}

func (o *office) say(who string) {
	word := fmt.Sprintf("m-%06d", o.n.Add(1))
	if _, err := o.slack.PersonSays(who, o.incidents, "@perch timeline add "+word+".", o.thread); err != nil {
		o.mu.Lock()
		o.refused[err.Error()]++
		o.mu.Unlock()
		return
	}
	o.mu.Lock()
	o.written = append(o.written, word)
	o.mu.Unlock()
}
