package app

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/perch-chat/perch/bot"
	"github.com/perch-chat/perch/internal/accounts"
	"github.com/perch-chat/perch/internal/config"
	"github.com/perch-chat/perch/internal/outbox"
	"github.com/perch-chat/perch/store"
	"github.com/perch-chat/perch/xapi/xfake"
)

func (w *world) get(path string) (int, string) {
	w.t.Helper()
	req, err := http.NewRequestWithContext(w.t.Context(), http.MethodGet, "http://"+w.public+path, http.NoBody)
	if err != nil {
		w.t.Fatal(err)
	}
	res, err := (&http.Client{Transport: w.http}).Do(req)
	if err != nil {
		return 0, err.Error()
	}
	defer func() { _ = res.Body.Close() }()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		w.t.Fatal(err)
	}
	return res.StatusCode, string(b)
}

func TestHealth(t *testing.T) {
	play(t, func(t *testing.T, w *world) {
		w.begin()
		w.posted(w.post(accounts.XPost{Text: "counted"}))
		if code, body := w.get("/healthz"); code != 200 || body != "ok\n" {
			t.Errorf("healthz = %d %q", code, body)
		}
		if code, body := w.get("/readyz"); code != 200 || body != `{"status":"ready"}`+"\n" {
			t.Errorf("readyz = %d %q", code, body)
		}
		code, body := w.get("/metrics")
		for _, want := range []string{"perch_outbox", "perch_inbox", `x.post`} {
			if code != 200 || !strings.Contains(body, want) {
				t.Errorf("metrics = %d, want %q in it", code, want)
			}
		}
		for _, secret := range []string{xClientSecret, xConsumerSecret, xBearer, "AAAAAAAA"} {
			if strings.Contains(body, secret) {
				t.Errorf("metrics show %q", secret)
			}
		}
		w.app.health.ready.Store(false)
		if code, body := w.get("/readyz"); code != 503 || !strings.Contains(body, "starting or stopping") {
			t.Errorf("readyz at the end = %d %q", code, body)
		}
		w.app.health.ready.Store(true)
	})
}

// The end: a request under way is finished, what came in is handled, what is
// being sent goes out, and the store is closed after all of it.
func TestShutdown(t *testing.T) {
	play(t, func(t *testing.T, w *world) {
		entered, leave := make(chan struct{}), make(chan struct{})
		ended := false
		w.opt = func(o *Options) {
			o.AtEnd = func() { ended = true }
			o.Routes = func(mux *http.ServeMux, _ *App) error {
				mux.HandleFunc("GET /slow", func(rw http.ResponseWriter, r *http.Request) {
					close(entered)
					<-leave
					if r.Context().Err() != nil {
						t.Error("the request was cut off")
					}
					_, _ = io.WriteString(rw, "finished")
				})
				return nil
			}
		}
		w.begin()
		sink := <-w.chat.sink
		type answer struct {
			code int
			body string
		}
		got := make(chan answer, 1)
		go func() { code, body := w.get("/slow"); got <- answer{code, body} }()
		<-entered
		gate := make(chan struct{})
		w.chat.mu.Lock()
		w.chat.gate = gate
		w.chat.mu.Unlock()
		w.say("during", "said at the end", "")
		err := sink.Deliver(t.Context(), bot.Event{
			ID: "last", Platform: "webchat", Kind: bot.EventCommand, Command: "/twitter", Text: "help", At: time.Now(),
			User: bot.User{Ref: "webchat:U_ada"}, Channel: room,
		})
		if err != nil {
			t.Fatal(err)
		}
		w.cancel()
		synctest.Wait()
		if !ended || w.app.health.ready.Load() {
			t.Errorf("streams ended %t, ready %t", ended, w.app.health.ready.Load())
		}
		select {
		case err := <-w.done:
			t.Fatalf("Run ended (%v) with a request under way", err)
		default:
		}
		if err := w.app.DB.View(t.Context(), nothing); err != nil {
			t.Errorf("the store is closed too soon: %v", err)
		}
		close(leave)
		if a := <-got; a.code != 200 || a.body != "finished" {
			t.Errorf("the request got %+v", a)
		}
		synctest.Wait()
		close(gate)
		if err := <-w.done; err != nil {
			t.Errorf("Run = %v", err)
		}
		w.cancel = nil
		if !slices.Contains(w.chat.see(room), "said at the end") {
			t.Errorf("what was being sent did not go out: %q", w.chat.see(room))
		}
		if w.chat.closed != 1 {
			t.Errorf("the chat was closed %d times", w.chat.closed)
		}
		if err := w.app.DB.View(context.Background(), nothing); err == nil {
			t.Error("the store is still open")
		}
		// Nothing of it is lost: what was not sent is there at the next start.
		w.opt = nil
		w.chat.gate = nil
		w.start()
		w.wait(time.Minute)
		if seen := w.chat.see(room); len(seen) != 2 || !strings.Contains(strings.Join(seen, "\n"), "/twitter help") {
			t.Errorf("room after the next start = %q", seen)
		}
	})
}

// An attempt that the end cuts off is looked up at the next start.
func TestShutdownMidPost(t *testing.T) {
	play(t, func(t *testing.T, w *world) {
		w.begin()
		w.fail(http.MethodPost, tweets, xfake.Fault{Times: 1, Effect: true, Delay: 25 * time.Second})
		id := w.post(accounts.XPost{Text: "Half sent"})
		w.want(id, outbox.Attempting, "")
		began := time.Now()
		w.stop()
		if d := time.Since(began); d > 15*time.Second {
			t.Errorf("the end took %s, want about the drain of 10s", d)
		}
		w.wait(time.Minute)
		w.start()
		w.wait(5 * time.Minute)
		w.posted(id)
		equal(t, "posts", w.posts(), []string{"Half sent"})
	})
}

// A part that fails ends the program with its name.
func TestRunEndsWithAFailure(t *testing.T) {
	play(t, func(t *testing.T, w *world) {
		w.start()
		ln := w.app.o.Listener
		if err := ln.Close(); err != nil {
			t.Fatal(err)
		}
		err := <-w.done
		w.cancel()
		w.cancel = nil
		if err == nil || !strings.Contains(err.Error(), "http: serve http") {
			t.Errorf("Run = %v, want it to name the web server", err)
		}
	})
}

func TestSandboxKey(t *testing.T) {
	path := filepath.Join(t.TempDir(), "sandbox.key")
	first, err := sandboxKey(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := accounts.ParseSealKey(first.Reveal()); err != nil {
		t.Errorf("the key can't be used: %v", err)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("key file = %v, %v, want it for its owner alone", info, err)
	}
	second, err := sandboxKey(path)
	if err != nil || second.Reveal() != first.Reveal() {
		t.Errorf("the key changed: %v", err)
	}
	if _, err := sandboxKey(filepath.Dir(path)); err == nil {
		t.Error("a folder was taken for a key")
	}
}

func TestRoles(t *testing.T) {
	none := newRoles(config.Config{})
	if none.IsAdmin("") || none.IsAdmin("webchat:U_x") || none.IsAgent("") || none.IsResponder("") {
		t.Error("somebody has a role without a name")
	}
	if !none.IsResponder("webchat:U_x") {
		t.Error("where no responder is named, everybody is one")
	}
	r := newRoles(config.Config{
		Team:        config.Team{Admins: []string{"a"}, Responders: []string{"b"}, Agents: []string{"c"}},
		Departments: []config.Department{{Agents: []string{"d"}}},
	})
	for u, want := range map[bot.UserRef][3]bool{"a": {true, false, false}, "b": {false, true, false}, "c": {false, false, true}, "d": {false, false, true}, "e": {}} {
		if got := [3]bool{r.IsAdmin(u), r.IsResponder(u), r.IsAgent(u)}; got != want {
			t.Errorf("%s: admin, responder, agent = %v, want %v", u, got, want)
		}
	}
}

// Departments are brought up to date at each start; who is on duty is not.
func TestSeedTwice(t *testing.T) {
	play(t, func(t *testing.T, w *world) {
		w.start()
		w.wait(time.Second)
		w.stop()
		w.conf = func(c *config.Config) { c.Departments[0].Channel = "webchat:elsewhere" }
		w.start()
		w.wait(time.Second)
		raw, err := json.Marshal(w.chat.see("webchat:setup"))
		if err != nil {
			t.Fatal(err)
		}
		if n := strings.Count(string(raw), "Connect your X account"); n != 1 {
			t.Errorf("the setup message was posted %d times: %s", n, raw)
		}
		w.connect()
		w.tell(casey, "hello")
		w.wait(time.Second)
		if len(w.chat.see("webchat:elsewhere")) == 0 {
			t.Errorf("the customer did not arrive in the department's new channel")
		}
	})
}

func nothing(store.Tx) error { return nil }
