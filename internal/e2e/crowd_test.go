package e2e

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/perch-chat/perch/xapi/xfake"
)

// proofEnv set to full has the proofs take as long as it needs to be sure.
const proofEnv = "PERCH_PROOF"

func full() bool { return os.Getenv(proofEnv) == "full" }

func number(name string, def int64) int64 {
	if n, err := strconv.ParseInt(os.Getenv(name), 10, 64); err == nil {
		return n
	}
	return def
}

// crowd are people who are busy until they are told to stop.
type crowd struct {
	stop  chan struct{}
	wg    sync.WaitGroup
	pause sync.RWMutex // held by who wants nothing under way

	accepted tally
}

func newCrowd() *crowd { return &crowd{stop: make(chan struct{})} }

// every calls fn with 0, 1, 2… until the work ends.
func (c *crowd) every(pause time.Duration, fn func(n int)) {
	for n := 0; ; n++ {
		select {
		case <-c.stop:
			return
		case <-time.After(pause):
			c.pause.RLock()
			fn(n)
			c.pause.RUnlock()
		}
	}
}

// close ends the work.
func (c *crowd) close() {
	close(c.stop)
	c.wg.Wait()
}

// idle runs fn while nothing is under way between people and Perch.
func (c *crowd) idle(fn func()) {
	c.pause.Lock()
	defer c.pause.Unlock()
	fn()
}

// blows are kills of the program at moments that nobody chose.
type blows struct {
	n           int64
	rnd         *rand.Rand
	least, most time.Duration // between the start and the kill
	down, up    func() error  // after each kill and each start; nil is nothing
}

// strike kills the program and starts it again, as often as it is said. It
// returns when it did, and what the slowest start took.
func (p *play) strike(t *testing.T, b blows) (at []time.Time, slowest time.Duration) {
	t.Helper()
	after := func(fn func() error) {
		t.Helper()
		if fn == nil {
			return
		}
		if err := fn(); err != nil {
			t.Fatal(err)
		}
	}
	for range b.n {
		<-time.After(b.least + time.Duration(b.rnd.Int64N(int64(b.most-b.least))))
		at = append(at, time.Now().UTC())
		p.kill()
		after(b.down)
		began := time.Now()
		if err := p.start(); err != nil {
			t.Fatal(err)
		}
		after(b.up)
		slowest = max(slowest, time.Since(began))
	}
	return at, slowest
}

// verdict waits until a look finds nothing wrong, and again a while later, for
// what must not come. It reports whether that was so in time.
func verdict(t *testing.T, patience, quiet time.Duration, look func() (wrong []string)) bool {
	t.Helper()
	end := time.Now().Add(patience)
	for good := 0; ; {
		wrong := look()
		pause := 250 * time.Millisecond
		switch {
		case len(wrong) == 0 && good == 1:
			return true
		case len(wrong) == 0:
			good++
			pause = quiet
		case time.Now().After(end) || good > 0: // late, or too much
			for _, w := range wrong[:min(len(wrong), 20)] {
				t.Error(w)
			}
			t.Errorf("%d things are wrong", len(wrong))
			return false
		}
		<-time.After(pause)
	}
}

// tally is what was accepted, by what it is.
type tally struct {
	mu  sync.Mutex
	all map[string][]string
}

func (a *tally) add(kind, text string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.all == nil {
		a.all = map[string][]string{}
	}
	a.all[kind] = append(a.all[kind], text)
}

func (a *tally) get(kind string) []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return append([]string(nil), a.all[kind]...)
}

// once says which of want are not exactly once in got.
func once(where string, want, got []string) []string {
	n := map[string]int{}
	for _, g := range got {
		n[g]++
	}
	var out []string
	for _, w := range want {
		if n[w] != 1 {
			out = append(out, fmt.Sprintf("%s: %q is there %d times", where, w, n[w]))
		}
	}
	return out
}

// twice says what is in got more than once, wanted or not.
func twice(where string, got []string) []string {
	n := map[string]int{}
	for _, g := range got {
		n[g]++
	}
	var out []string
	for g, k := range n {
		if k > 1 {
			out = append(out, fmt.Sprintf("%s: %q is there %d times", where, g, k))
		}
	}
	return out
}

// wrongPosts says which posts are not once on X, in the thread of the first.
func wrongPosts(x *xfake.Server, want []string) (out []string) {
	var posts []string
	root := ""
	for _, p := range x.Posts(company) {
		posts = append(posts, p.Text)
		if root == "" {
			root = p.ID
		} else if p.InReplyTo != root {
			out = append(out, fmt.Sprintf("post %q replies to %q, not to the first", p.Text, p.InReplyTo))
		}
	}
	out = append(out, once("posts on X", want, posts)...)
	return append(out, twice("posts on X", posts)...)
}

// attributes reads one attribute of everything under a path of the API.
func attributes(client *http.Client, base, bearer, path, name string) ([]string, error) {
	var out []string
	for page := 1; ; page++ {
		req, err := http.NewRequest(http.MethodGet, fmt.Sprintf("%s%s?page[number]=%d&page[size]=100", base, path, page), nil)
		if err != nil {
			return nil, err
		}
		req.Header.Set("Authorization", "Bearer "+bearer)
		status, body, err := send(client, req)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		if status != http.StatusOK {
			return nil, fmt.Errorf("%s: %d %s", path, status, body)
		}
		var doc struct {
			Data []struct{ Attributes map[string]any }
		}
		if err := json.Unmarshal(body, &doc); err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		if len(doc.Data) == 0 {
			return out, nil
		}
		for _, d := range doc.Data {
			text, _ := d.Attributes[name].(string)
			out = append(out, text)
		}
	}
}
