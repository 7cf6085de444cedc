package web_test

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/perch-chat/perch/store"
	"github.com/perch-chat/perch/web"
)

func TestTokens(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	all := w.token
	reader := w.newToken(web.NewToken{Name: "ci", Scopes: []web.Scope{web.EventsRead}, Expires: time.Now().Add(time.Hour)})
	if !strings.HasPrefix(reader, "perch_") || len(reader) < 40 {
		t.Errorf("token = %q", reader)
	}
	w.token = reader
	if got := w.do("GET", w.events(), ""); got.Status != 200 {
		t.Errorf("GET = %d", got.Status)
	}
	if got := w.do("POST", w.events(), eventBody(`{"event":"x"}`)); got.Status != 403 || !strings.Contains(got.str(t, "errors", 0, "title"), "events:write") {
		t.Errorf("POST without the scope = %d %s", got.Status, got.Body)
	}
	w.update(func(tx store.Tx) error {
		ts, err := web.ListTokens(tx)
		if err != nil {
			return err
		}
		if len(ts) != 2 || ts[1].Name != "ci" || ts[1].Used.IsZero() || strings.Contains(fmt.Sprintf("%+v", ts), reader) {
			t.Errorf("tokens = %+v", ts)
		}
		_, err = web.RevokeToken(tx, "ci")
		return err
	})
	if got := w.do("GET", w.events(), ""); got.Status != 401 {
		t.Errorf("GET with a revoked token = %d", got.Status)
	}
	w.token = all
	if got := w.do("GET", w.events(), ""); got.Status != 200 {
		t.Errorf("GET with the other token = %d", got.Status)
	}
	for name, n := range map[string]web.NewToken{
		"no name": {Scopes: web.Scopes()}, "no scope": {Name: "x"}, "bad scope": {Name: "x", Scopes: []web.Scope{"moon"}},
		"expired": {Name: "x", Scopes: web.Scopes(), Expires: time.Now().Add(-time.Second)},
	} {
		err := w.db.Update(t.Context(), func(tx store.Tx) error { _, _, err := web.CreateToken(tx, n); return err })
		if !errors.Is(err, web.ErrToken) {
			t.Errorf("%s: %v", name, err)
		}
	}
	w.newToken(web.NewToken{Name: "sandbox", Scopes: web.Scopes(), Secret: "abc"})
	w.token = w.newToken(web.NewToken{Name: "sandbox", Scopes: web.Scopes(), Secret: "abc"}) // again: no error
	if got := w.do("GET", w.events(), ""); got.Status != 200 {
		t.Errorf("GET with a given token = %d", got.Status)
	}
}

func TestTokenExpires(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.token = w.newToken(web.NewToken{Name: "short", Scopes: web.Scopes(), Expires: time.Now().Add(time.Minute)})
		if got := w.do("GET", w.events(), ""); got.Status != 200 {
			t.Fatalf("before = %d", got.Status)
		}
		time.Sleep(time.Minute) // of synctest's clock
		if got := w.do("GET", w.events(), ""); got.Status != 401 {
			t.Errorf("after = %d", got.Status)
		}
	})
}

// TestRateLimit checks the sliding window, its headers, and that reads and
// writes are counted apart.
func TestRateLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, func(d *web.Deps) { d.RateLimit = 3 })
		get := func() answer { return w.do("GET", w.events(), "") }
		first := time.Now()
		a := get()
		for _, family := range []string{"RateLimit-", "X-RateLimit-"} {
			if a.Header.Get(family+"Limit") != "3" || a.Header.Get(family+"Remaining") != "2" || a.Header.Get(family+"Reset") != fmt.Sprint(first.Unix()+60) {
				t.Errorf("headers = %v", a.Header)
			}
		}
		time.Sleep(30 * time.Second)
		get()
		get()
		if a = get(); a.Status != http.StatusTooManyRequests || a.Header.Get("Retry-After") != "30" || a.Header.Get("RateLimit-Remaining") != "0" {
			t.Errorf("fourth = %d %v", a.Status, a.Header)
		}
		if a := w.do("POST", w.events(), eventBody(`{"event":"x"}`)); a.Status != 201 {
			t.Errorf("a write = %d", a.Status)
		}
		time.Sleep(30 * time.Second) // the first is out of the window, the others aren't
		if a = get(); a.Status != 200 {
			t.Errorf("after a minute = %d", a.Status)
		}
		if a = get(); a.Status != http.StatusTooManyRequests {
			t.Errorf("and one more = %d", a.Status)
		}
		time.Sleep(time.Hour)
		if a = get(); a.Status != 200 || a.Header.Get("RateLimit-Remaining") != "2" {
			t.Errorf("after an hour = %d %v", a.Status, a.Header)
		}
	})
}

// TestIdempotency repeats requests, one after the other and at once.
func TestIdempotency(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	body := eventBody(`{"event":"once"}`)
	first := w.do("POST", w.events(), body, "Idempotency-Key", "k1")
	again := w.do("POST", w.events(), body, "Idempotency-Key", "k1")
	if first.Status != 201 || again.Status != 201 || first.Body != again.Body || again.Header.Get("Idempotency-Replayed") != "true" {
		t.Errorf("first = %d %s, again = %d %s", first.Status, first.Body, again.Status, again.Body)
	}
	if got := w.do("POST", w.events(), eventBody(`{"event":"other"}`), "Idempotency-Key", "k1"); got.Status != 422 {
		t.Errorf("the key with another body = %d %s", got.Status, got.Body)
	}
	if got := w.do("POST", w.events(), eventBody(`{"event":""}`), "Idempotency-Key", "k2"); got.Status != 422 {
		t.Errorf("refused = %d", got.Status)
	}
	if got := w.do("POST", w.events(), body, "Idempotency-Key", "k2"); got.Status != 201 {
		t.Errorf("the key of a refused request = %d %s, want it free", got.Status, got.Body)
	}
	var wg sync.WaitGroup
	ids := make([]string, 8)
	for i := range ids {
		wg.Go(func() { ids[i] = w.do("POST", w.events(), body, "Idempotency-Key", "k3").Body })
	}
	wg.Wait()
	for _, id := range ids[1:] {
		if id != ids[0] {
			t.Error("a key made two events at once")
		}
	}
	if got := w.do("GET", w.events(), ""); got.at(t, "meta", "total_count") != 4.0 {
		t.Errorf("events = %s", got.Body)
	}
	if got := w.do("POST", w.events(), body, "Idempotency-Key", strings.Repeat("k", 256)); got.Status != 422 {
		t.Errorf("a long key = %d", got.Status)
	}
}
