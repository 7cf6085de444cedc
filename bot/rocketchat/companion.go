package rocketchat

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/perch-chat/perch/bot"
)

// AppID is the companion app's, as its manifest (rocketchat-app/app.json) has it.
const AppID = "31b9154f-956e-434c-9f17-09b2da996be4"

// What Perch has the app do goes to an endpoint of the app's own, signed like
// what the app sends, but over "to-app:v1:<timestamp>:<said>": neither side can
// be told what it said itself.
const (
	appPath    = "/api/apps/public/" + AppID + "/perch"
	appEvery   = time.Minute     // how often it is asked whether it is there
	appSoon    = time.Second     // between two such questions, at least
	appAgain   = 5 * time.Second // until the next, where one had no answer
	appPatient = 8 * time.Second
	maxAppAsk  = 90 << 10 // the server takes 100 KB
	appMisses  = 3        // questions without an answer, after which its buttons count as dead
)

// companion is what is known of the app in the workspace. It is there only
// while it answers: without it everything goes the way that it goes in
// workspaces that have none.
type companion struct {
	wake chan struct{} // ask now

	mu     sync.Mutex
	there  bool
	left   bool // it said goodbye, or is surely not there: only its own word brings it back at once
	misses int
	swept  bool                 // its buttons were replaced since it went
	blocks map[string]bool      // by message of ours: whether it is drawn with blocks
	seen   map[string]time.Time // goodbyes that came, by ID

	// Nothing newer is shown while something older is, see showLate and replace.
	order sync.RWMutex

	behind map[string]map[string]any // see later
}

func newCompanion() *companion {
	return &companion{wake: make(chan struct{}, 1), blocks: map[string]bool{}, seen: map[string]time.Time{}, behind: map[string]map[string]any{}}
}

// AppAnswers reports whether the companion app is in the workspace and answers.
func (a *Adapter) AppAnswers() bool {
	a.app.mu.Lock()
	defer a.app.mu.Unlock()
	return a.app.there
}

// SettingsChanged has the companion app's page show what counts now. It does
// not block.
func (a *Adapter) SettingsChanged() { a.app.poke() }

func (c *companion) poke() {
	select {
	case c.wake <- struct{}{}:
	default: // it is awake
	}
}

// drawn notes whether a message has blocks.
func (c *companion) drawn(id string, blocks bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.blocks) >= known {
		clear(c.blocks)
	}
	c.blocks[id] = blocks
}

// askApp has the app do something. Its error is a *bot.Error if surely nothing
// was done. Whoever fails to answer counts as gone until it answers again.
func (a *Adapter) askApp(ctx context.Context, what map[string]any, out any) error {
	err := a.tellApp(ctx, what, out)
	if err == nil {
		return nil
	}
	refusal, refused := errors.AsType[*appRefusal](err)
	if refused {
		err = &bot.Error{Code: refusal.code, Message: refusal.message, Err: err}
	}
	if refused && !refusal.deaf() {
		return err
	}
	a.app.mu.Lock()
	was := a.app.there
	a.app.there = false
	a.app.mu.Unlock()
	if was {
		a.log.WarnContext(ctx, "the companion app does not answer; rocket.chat is used without it", "err", err)
		a.app.poke()
	}
	return err
}

// appRefusal is what the app itself says no with.
type appRefusal struct{ code, message string }

// deaf reports whether the app would refuse everything else as well: it and
// Perch no longer understand each other.
func (e *appRefusal) deaf() bool { return e.code == "unauthorized" || e.code == "clock" }

func (e *appRefusal) Error() string { return "the companion app refused: " + e.code + ": " + e.message }

// tellApp makes one request to the app.
func (a *Adapter) tellApp(ctx context.Context, what map[string]any, out any) error {
	ctx, cancel := context.WithTimeout(ctx, appPatient)
	defer cancel()
	what = maps.Clone(what)
	what["id"], what["at"] = rand.Text(), time.Now().UTC().Format(time.RFC3339Nano)
	said, err := json.Marshal(what)
	if err != nil {
		return &bot.Error{Code: "bad_call", Message: "The call to the companion app can't be written.", Err: err}
	}
	// The server takes a JSON body apart before the app sees it, so what is
	// signed is a text in it.
	body, err := json.Marshal(map[string]string{"said": string(said)})
	if err != nil {
		return &bot.Error{Code: "bad_call", Message: "The call to the companion app can't be written.", Err: err}
	}
	if len(body) > maxAppAsk {
		return &bot.Error{Code: "too_long", Message: "This is too long for the companion app."}
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, a.rest.base+appPath, bytes.NewReader(body))
	if err != nil {
		return &bot.Error{Code: "bad_address", Message: "The address of Rocket.Chat can't be used. Check chat.rocketchat.url.", Err: errors.New("bad address")}
	}
	stamp := strconv.FormatInt(time.Now().Unix(), 10)
	mac := hmac.New(sha256.New, []byte(a.o.AppSecret))
	_, _ = io.WriteString(mac, "to-app:v1:"+stamp+":") // a hash takes everything
	_, _ = mac.Write(said)
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", userAgent)
	req.Header.Set("X-Perch-Timestamp", stamp)
	req.Header.Set("X-Perch-Signature", hex.EncodeToString(mac.Sum(nil)))
	resp, err := a.rest.http.Do(req)
	if err != nil {
		return transport("companion app", err)
	}
	defer func() { _ = resp.Body.Close() }()
	raw, err := io.ReadAll(io.LimitReader(resp.Body, maxAppBody+1))
	if err != nil {
		return fmt.Errorf("rocketchat: companion app: read answer: %w", err)
	}
	var answer struct {
		OK    *bool `json:"ok"`
		Error struct{ Code, Message string }
	}
	switch err := json.Unmarshal(raw, &answer); {
	case resp.StatusCode == http.StatusNotFound, resp.StatusCode >= 300 && resp.StatusCode < 400:
		// Rocket.Chat itself: there is no such app, or it is switched off.
		return &bot.Error{Code: codeNoApp, Message: "The companion app is not in this workspace, or not enabled."}
	case err == nil && answer.OK != nil && !*answer.OK && answer.Error.Code != "":
		return &appRefusal{answer.Error.Code, cut(clean(answer.Error.Message), 300)}
	case resp.StatusCode != http.StatusOK || err != nil || answer.OK == nil || !*answer.OK:
		return fmt.Errorf("rocketchat: companion app: status %d", resp.StatusCode)
	}
	if out == nil {
		return nil
	}
	if err := json.Unmarshal(raw, out); err != nil {
		return fmt.Errorf("rocketchat: companion app: unexpected answer: %w", err)
	}
	return nil
}

// codeNoApp is the code of there being no companion app.
const codeNoApp = "no_app"

// keepApp has the app watched until the returned func was called.
func (a *Adapter) keepApp(ctx context.Context) (end func()) {
	if a.o.AppSecret == "" {
		return func() {}
	}
	ctx, stop := context.WithCancel(ctx)
	var watch sync.WaitGroup
	watch.Go(func() { a.watchApp(ctx) })
	return func() {
		stop()
		watch.Wait()
	}
}

// watchApp asks the app, again and again, whether it is there, until ctx ends.
// With the question it is told what counts, for its page.
func (a *Adapter) watchApp(ctx context.Context) {
	for known := false; ctx.Err() == nil; {
		known = known || a.unshelve(ctx)
		a.greetApp(ctx)
		pause(ctx, appSoon)
		t := time.NewTimer(a.app.wait())
		select {
		case <-ctx.Done():
		case <-t.C:
		case <-a.app.wake:
		}
		t.Stop()
	}
}

// wait is how long the next question has time.
func (c *companion) wait() time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.there && c.misses < appMisses {
		return appAgain
	}
	return appEvery
}

// greetApp asks the app once whether it is there.
func (a *Adapter) greetApp(ctx context.Context) {
	hello := map[string]any{"type": "hello", "bot": a.o.UserID}
	if a.o.AppSettings != nil {
		now, err := a.o.AppSettings(ctx, AppSettings{})
		if err != nil {
			a.log.WarnContext(ctx, "the settings for the companion app's page can't be read", "err", err)
		} else {
			hello["settings"] = now
		}
	}
	err := a.tellApp(ctx, hello, nil)
	if ctx.Err() != nil {
		return
	}
	if a.app.heard(err) {
		a.log.InfoContext(ctx, "the companion app answers")
	}
	a.sweepApp(ctx)
}

// heard notes what came of a question; it says whether the app is there anew.
func (c *companion) heard(err error) (fresh bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err == nil {
		fresh = !c.there && !c.left
		if !c.left {
			c.there, c.misses, c.swept = true, 0, false
		}
		return fresh
	}
	c.there = false
	c.misses++
	if code(err) == codeNoApp {
		c.misses = appMisses
	}
	c.left = c.left && code(err) != codeNoApp // gone for good: whoever answers next is another
	return false
}

// appHello takes the app's own word that it is there.
func (a *Adapter) appHello() {
	a.app.mu.Lock()
	a.app.left = false
	a.app.mu.Unlock()
	a.app.poke()
}

// appBye takes the app's word that it goes. It returns the messages that the
// app may take its buttons from: they have others by then.
func (a *Adapter) appBye(ctx context.Context, id string) []appMessage {
	c := a.app
	c.mu.Lock()
	for k, at := range c.seen {
		if time.Since(at) > 2*appWithin {
			delete(c.seen, k)
		}
	}
	_, again := c.seen[id]
	if !again {
		c.seen[id] = time.Now()
		c.there, c.left, c.swept, c.misses = false, true, false, appMisses
	}
	c.mu.Unlock()
	if again {
		return nil
	}
	a.log.InfoContext(ctx, "the companion app goes away")
	short, cancel := context.WithTimeout(ctx, byeWithin)
	defer cancel()
	list, _ := a.replaceButtons(short)
	c.poke() // the rest
	return list
}
