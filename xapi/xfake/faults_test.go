package xfake

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

func withCancelled(t *testing.T) (context.Context, context.CancelFunc) {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	stop()
	return ctx, stop
}

func TestFaults(t *testing.T) {
	for _, tc := range []struct {
		name   string
		fault  Fault
		status int // 0: the connection is cut
		posted bool
	}{
		{"503", Fault{}, 503, false},
		{"500 after the effect", Fault{Status: 500, Effect: true}, 500, true},
		{"429", Fault{Status: 429}, 429, false},
		{"402", Fault{Status: 402}, 402, false},
		{"cut before", Fault{Drop: DropBefore}, 0, false},
		{"cut after", Fault{Drop: DropAfter}, 0, true},
		{"late answer", Fault{Delay: time.Millisecond, Effect: true}, 201, true},
		{"by method only", Fault{Method: "POST"}, 503, false},
		{"any depth", Fault{Path: "/2/**"}, 503, false},
		{"another method", Fault{Method: "GET"}, 201, true},
		{"another path", Fault{Path: "/2/tweets/*"}, 201, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			h := start(t, Options{})
			tok, _ := h.login(h.acme.ID, allScopes)
			if tc.fault.Path == "" && tc.fault.Method == "" {
				tc.fault.Method, tc.fault.Path = "POST", "/2/tweets"
			}
			tc.fault.Times = 1
			h.s.AddFault(tc.fault)
			a, err := h.send("POST", "/2/tweets", "Bearer "+tok, "application/json", strings.NewReader(`{"text":"x"}`))
			if tc.status == 0 {
				if err == nil {
					t.Fatalf("an answer: %s, want the connection cut", a.raw)
				}
			} else if err != nil || a.status != tc.status {
				t.Fatalf("status = %d %v, want %d", a.status, err, tc.status)
			}
			if got := len(h.s.Posts("acme")) == 1; got != tc.posted {
				t.Errorf("posted = %v, want %v", got, tc.posted)
			}
		})
	}
}

func TestFaultTimesAndClear(t *testing.T) {
	h := start(t, Options{})
	tok, _ := h.login(h.acme.ID, allScopes)
	h.s.AddFault(Fault{Name: "two", Path: "/2/users/me", Times: 2})
	h.s.AddFault(Fault{Name: "ever", Path: "/2/users/me", Status: 500})
	h.call(503, "GET", "/2/users/me", tok, nil)
	if f := h.s.Faults(); len(f) != 2 || f[0].Times != 1 {
		t.Errorf("Faults = %+v, want one strike left of the first", f)
	}
	h.call(503, "GET", "/2/users/me", tok, nil)
	h.call(500, "GET", "/2/users/me", tok, nil)
	h.s.ClearFaults("two")
	h.call(500, "GET", "/2/users/me", tok, nil)
	h.s.ClearFaults("ever")
	h.call(200, "GET", "/2/users/me", tok, nil)
	h.s.AddFault(Fault{})
	h.s.ClearFaults()
	h.call(200, "GET", "/2/users/me", tok, nil)
}

func TestFaultProbabilityIsRepeatable(t *testing.T) {
	run := func() string {
		h := start(t, Options{})
		h.s.AddFault(Fault{Probability: 0.5, Seed: 7})
		var b strings.Builder
		for range 40 {
			a, err := h.send("GET", "/2/users/me", "", "", nil)
			if err != nil {
				t.Fatal(err)
			}
			b.WriteString(strconv.Itoa(a.status) + " ")
		}
		return b.String()
	}
	one := run()
	if two := run(); one != two {
		t.Errorf("two runs differ:\n%s\n%s", one, two)
	}
	if !strings.Contains(one, "503") || !strings.Contains(one, "401") {
		t.Errorf("run = %s, want both outcomes", one)
	}
}

func TestFaultBodies(t *testing.T) {
	h := start(t, Options{})
	tok, _ := h.login(h.acme.ID, allScopes)
	h.s.AddFault(Fault{Times: 1, Effect: true, BadJSON: true})
	if a := h.call(200, "GET", "/2/users/me", tok, nil); a.body != nil || json.Valid([]byte(a.raw)) {
		t.Errorf("BadJSON: %s", a.raw)
	}
	h.s.AddFault(Fault{Times: 1, Effect: true, Slow: time.Millisecond})
	if a := h.call(200, "GET", "/2/users/me", tok, nil); a.str(t, "data", "id") != "1001" {
		t.Errorf("Slow: %s", a.raw)
	}
	h.s.AddFault(Fault{Times: 1, Status: 418, Body: `{"a":1}`, Header: http.Header{"retry-after": {"7"}}})
	if a := h.call(418, "GET", "/2/users/me", tok, nil); a.raw != `{"a":1}` || a.header.Get("Retry-After") != "7" {
		t.Errorf("Body: %s %v", a.raw, a.header)
	}
}

// TestDelayWaitsAndGivesUp runs the handler in a bubble, where time is false.
func TestDelayWaitsAndGivesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := New(Options{})
		s.AddUser(User{ID: "1"})
		s.AddFault(Fault{Delay: time.Hour, Status: 500})
		began := time.Now()
		rec := httptest.NewRecorder()
		s.Handler().ServeHTTP(rec, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/2/users/me", http.NoBody))
		if rec.Code != 500 || time.Since(began) != time.Hour {
			t.Errorf("%d after %v, want 500 after an hour", rec.Code, time.Since(began))
		}
		ctx, stop := context.WithTimeout(t.Context(), time.Minute)
		defer stop()
		began = time.Now()
		func() {
			defer func() {
				if err, ok := recover().(error); !ok || !errors.Is(err, http.ErrAbortHandler) {
					t.Errorf("recovered %v, want ErrAbortHandler", err)
				}
			}()
			s.Handler().ServeHTTP(httptest.NewRecorder(), httptest.NewRequestWithContext(ctx, http.MethodGet, "/2/users/me", http.NoBody))
		}()
		if time.Since(began) != time.Minute {
			t.Errorf("gave up after %v, want a minute", time.Since(began))
		}
	})
}

func TestLimits(t *testing.T) {
	h := start(t, Options{})
	tok, _ := h.login(h.acme.ID, allScopes)
	kim, _ := h.login(h.cust.ID, allScopes)
	reset := strconv.FormatInt(h.clock.now().Add(15*time.Minute).Unix(), 10)
	for i := range 15 {
		a := h.call(201, "POST", "/2/dm_conversations/with/2002/messages", tok, map[string]any{"text": "m"})
		got := []string{a.header.Get("X-Rate-Limit-Limit"), a.header.Get("X-Rate-Limit-Remaining"), a.header.Get("X-Rate-Limit-Reset"), a.header.Get("X-User-Limit-24hour-Remaining")}
		if d := cmp.Diff([]string{"15", strconv.Itoa(14 - i), reset, strconv.Itoa(1439 - i)}, got); d != "" {
			t.Fatalf("headers (-want +got):\n%s", d)
		}
		h.clock.add(time.Second)
	}
	a := h.call(429, "POST", "/2/dm_conversations/with/2002/messages", tok, map[string]any{"text": "m"})
	if a.str(t, "title") != "Too Many Requests" || a.header.Get("X-Rate-Limit-Remaining") != "0" {
		t.Errorf("429 = %s %v", a.raw, a.header)
	}
	h.call(201, "POST", "/2/dm_conversations/with/1001/messages", kim, map[string]any{"text": "m"})
	h.clock.add(15 * time.Minute)
	h.call(201, "POST", "/2/dm_conversations/with/2002/messages", tok, map[string]any{"text": "m"})

	if h.s.SetLimit("POST /2/nothing", Limit{}) {
		t.Error("SetLimit of an unknown endpoint = true")
	}
	if !h.s.SetLimit("POST /2/tweets", Limit{User: 1}) {
		t.Error("SetLimit = false")
	}
	h.post(tok, "one")
	h.call(429, "POST", "/2/tweets", tok, map[string]any{"text": "two"})
	h.s.ResetLimits()
	h.post(tok, "two")
}

func TestCreditsCapAndSuspension(t *testing.T) {
	h := start(t, Options{})
	tok, _ := h.login(h.acme.ID, allScopes)
	h.s.SetCredits(false)
	a := h.call(402, "POST", "/2/tweets", tok, map[string]any{"text": "x"})
	if a.str(t, "title") != "CreditsDepleted" || !strings.HasSuffix(a.str(t, "type"), "/credits") {
		t.Errorf("402 = %s", a.raw)
	}
	h.call(200, "GET", "/2/webhooks", "app-bearer", nil)
	h.s.SetCredits(true)
	h.s.SetUsageCap(true)
	if a := h.call(429, "GET", "/2/users/1001/mentions", tok, nil); a.str(t, "title") != "UsageCapExceeded" {
		t.Errorf("cap = %s", a.raw)
	}
	h.post(tok, "x")
	h.s.SetUsageCap(false)
	if err := h.s.SetSuspended("acme", true); err != nil {
		t.Fatal(err)
	}
	if a := h.call(403, "GET", "/2/users/me", tok, nil); !strings.HasSuffix(a.str(t, "type"), "/user-suspended") {
		t.Errorf("suspended = %s", a.raw)
	}
}

func TestSnapshot(t *testing.T) {
	h, _, tok := hooked(t, "dm.received")
	id := h.post(tok, "kept")
	if _, err := h.s.SendDMAs("kim", "acme", "kept too"); err != nil {
		t.Fatal(err)
	}
	b, err := h.s.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	n := start(t, Options{})
	if err := n.s.Restore(b); err != nil {
		t.Fatal(err)
	}
	if a := n.call(200, "GET", "/2/tweets/"+id, tok, nil); a.str(t, "data", "text") != "kept" {
		t.Errorf("post = %s", a.raw)
	}
	if got := n.s.DMs("kim", "acme"); len(got) != 1 || got[0].Text != "kept too" {
		t.Errorf("DMs = %+v", got)
	}
	if d := cmp.Diff(h.s.Subscriptions(), n.s.Subscriptions()); d != "" {
		t.Errorf("subscriptions (-want +got):\n%s", d)
	}
	if newID := n.post(tok, "newer"); !less(id, newID) {
		t.Errorf("new id %s is not above %s", newID, id)
	}
	if err := n.s.Restore([]byte("{")); err == nil {
		t.Error("Restore of nonsense = nil")
	}
}

func TestOnChange(t *testing.T) {
	h := start(t, Options{})
	tok, _ := h.login(h.acme.ID, allScopes)
	var mu sync.Mutex
	n := 0
	h.s.OnChange(func() { mu.Lock(); n++; mu.Unlock(); h.s.Posts("") })
	count := func() int { mu.Lock(); defer mu.Unlock(); return n }
	for name, fn := range map[string]func(){
		"api post": func() { h.post(tok, "x") },
		"message": func() {
			if _, err := h.s.SendDMAs("kim", "acme", "x"); err != nil {
				t.Error(err)
			}
		},
		"credits": func() { h.s.SetCredits(true) },
		"fault":   func() { h.s.AddFault(Fault{Times: 1, Path: "/nowhere"}) },
		"user":    func() { h.s.AddUser(User{Handle: "new"}) },
	} {
		before := count()
		fn()
		if count() == before {
			t.Errorf("%s told nobody", name)
		}
	}
}

// TestManyAtOnce is for the race detector, and shows that the duplicate rule
// holds when calls meet.
func TestManyAtOnce(t *testing.T) {
	h, rc, tok := hooked(t, "dm.received", "post.create")
	var wg sync.WaitGroup
	var mu sync.Mutex
	made := 0
	for range 16 {
		wg.Go(func() {
			a, err := h.send("POST", "/2/tweets", "Bearer "+tok, "application/json", strings.NewReader(`{"text":"same"}`))
			if err == nil && a.status == 201 {
				mu.Lock()
				made++
				mu.Unlock()
			}
			_, err = h.s.SendDMAs("kim", "acme", "x")
			if err != nil {
				t.Error(err)
			}
			_, _ = h.s.Snapshot()
			_, _, _, _ = h.s.Calls(), h.s.Posts(""), h.s.DMs("", ""), h.s.Deliveries()
		})
	}
	wg.Wait()
	if made != 1 {
		t.Errorf("%d posts of one text, want 1", made)
	}
	if got := rc.take(t, h); len(got) != 17 {
		t.Errorf("%d events, want 17", len(got))
	}
}

func TestBodyLimit(t *testing.T) {
	h := start(t, Options{})
	a, err := h.send("POST", "/2/tweets", "", "application/json", io.LimitReader(zeros{}, maxBody+1))
	if err != nil || a.status != 413 {
		t.Errorf("a big body = %d %v, want 413", a.status, err)
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { return len(p), nil }
