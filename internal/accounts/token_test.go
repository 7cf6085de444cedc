package accounts

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/perch-chat/perch/store"
)

var errTimeout = errors.New("x: timeout")

// expire lets the stored pair come into its last minutes.
func expire(life time.Duration) { <-time.After(life - refreshAhead + time.Second) }

func TestTokenIsRenewedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		acc := w.connect()
		other := w.instance()
		w.x.before = func(int) error { <-time.After(300 * time.Millisecond); return nil }

		<-time.After(w.x.life - refreshAhead - time.Second)
		if _, err := w.acc.Token(t.Context(), acc.ID); err != nil || w.x.calls() != 0 {
			t.Fatalf("renewed %d times before it was due: %v", w.x.calls(), err)
		}
		<-time.After(2 * time.Second)
		var wg sync.WaitGroup
		for i := range 100 {
			who := w.acc
			if i%2 == 1 {
				who = other
			}
			wg.Go(func() {
				if token, err := who.Token(t.Context(), acc.ID); err != nil || token != canary+"access-2" {
					t.Errorf("Token = %q, %v", token, err)
				}
			})
		}
		wg.Wait()
		if w.x.calls() != 1 {
			t.Errorf("%d refreshes for 100 calls in two processes, want 1", w.x.calls())
		}
	})
}

func TestPairIsStoredBeforeUse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		acc := w.connect()
		expire(w.x.life)
		token, err := w.acc.Token(t.Context(), acc.ID)
		if err != nil {
			t.Fatal(err)
		}
		if again, err := w.instance().Token(t.Context(), acc.ID); err != nil || again != token {
			t.Errorf("another process has %q, %v, want %q", again, err, token)
		}
	})
}

func TestCallerWhoLeavesLosesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		acc := w.connect()
		ctx, cancel := context.WithCancel(t.Context())
		w.x.before = func(int) error { cancel(); return nil }
		expire(w.x.life)
		_, _ = w.acc.Token(ctx, acc.ID)
		if token, err := w.acc.Token(t.Context(), acc.ID); err != nil || token != canary+"access-2" || w.x.calls() != 1 {
			t.Errorf("Token = %q, %v after %d refreshes: the renewed pair was lost", token, err, w.x.calls())
		}
	})
}

func TestDeadGrant(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		acc := w.connect()
		var seen []State
		w.acc.OnChange(func(_ store.Tx, _, now Account) error { seen = append(seen, now.State); return nil })
		w.x.live = ""
		expire(w.x.life)
		var wg sync.WaitGroup
		for range 10 {
			wg.Go(func() {
				_, err := w.acc.Token(t.Context(), acc.ID)
				wantCode(t, err, CodeReconnectNeeded)
			})
		}
		wg.Wait()
		got := w.get(acc.ID)
		if got.State != ReconnectNeeded || got.Reason == "" || !got.Default || w.holds()["x:"+acc.ID] != "reconnect" {
			t.Errorf("account = %+v, holds = %v", got, w.holds())
		}
		if len(seen) != 1 || seen[0] != ReconnectNeeded || w.x.calls() != 1 {
			t.Errorf("told %v after %d refreshes, want it once", seen, w.x.calls())
		}
		w.connect()
		if len(w.holds()) != 0 {
			t.Errorf("holds = %v after connecting again", w.holds())
		}
	})
}

// A dead grant counts only if nobody else renewed the pair meanwhile.
func TestDeadGrantIsReadAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		acc := w.connect()
		expire(w.x.life)
		w.x.before = func(n int) error {
			if n > 1 {
				return nil
			}
			// While this call is on its way another process, whose clock or
			// lease went wrong, renews and stores.
			next, err := w.x.Refresh(t.Context(), w.x.live)
			if err != nil {
				return err
			}
			w.update(func(tx store.Tx) error {
				g, err := grants().Get(tx, store.Key(acc.Grant))
				if err != nil {
					return err
				}
				g.Gen++
				g.Holder = ""
				return grants().Put(tx, w.acc.sealed(g, next))
			})
			return nil
		}
		token, err := w.acc.Token(t.Context(), acc.ID)
		if err != nil || token != canary+"access-2" {
			t.Errorf("Token = %q, %v, want the pair of the other process", token, err)
		}
		if got := w.get(acc.ID); got.State != Connected {
			t.Errorf("state = %q", got.State)
		}
	})
}

func TestUnknownOutcome(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		acc := w.connect()
		w.x.before = func(n int) error {
			if n == 1 {
				return errTimeout // it never reached X
			}
			return nil
		}
		expire(w.x.life)
		if token, err := w.acc.Token(t.Context(), acc.ID); err != nil || token != canary+"access-2" || w.x.calls() != 2 {
			t.Errorf("Token = %q, %v after %d refreshes", token, err, w.x.calls())
		}
		// The next pair starts with a clean slate.
		expire(w.x.life)
		w.x.before = func(n int) error {
			if n == 3 {
				return errTimeout
			}
			return nil
		}
		if _, err := w.acc.Token(t.Context(), acc.ID); err != nil {
			t.Errorf("Token: %v", err)
		}
		expire(w.x.life)
		w.x.before = func(int) error { return errTimeout }
		_, err := w.acc.Token(t.Context(), acc.ID)
		wantCode(t, err, CodeReconnectNeeded)
		if w.x.calls() != 6 {
			t.Errorf("%d refreshes, want the unknown one tried once more and no further", w.x.calls()-4)
		}
	})
}

func TestLostAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		acc := w.connect()
		w.x.after = func(int) error { return errTimeout } // X rotated, the answer was lost
		expire(w.x.life)
		_, err := w.acc.Token(t.Context(), acc.ID)
		wantCode(t, err, CodeReconnectNeeded)
		if w.x.calls() != 2 {
			t.Errorf("%d refreshes, want 2", w.x.calls())
		}
	})
}

// A process that dies between the call and the storing leaves its lease.
func TestCrashDuringRefresh(t *testing.T) {
	for _, tt := range []struct {
		name    string
		rotated bool // X had renewed the pair
		want    Code
	}{{"before X renewed", false, ""}, {"after X renewed", true, CodeReconnectNeeded}} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				acc := w.connect()
				expire(w.x.life)
				dead := w.instance()
				_, pair, ok, err := dead.lease(t.Context(), acc.ID, acc.Grant, "")
				if err != nil || !ok {
					t.Fatalf("lease = %t, %v", ok, err)
				}
				if tt.rotated {
					if _, err := w.x.Refresh(t.Context(), pair.Refresh.Reveal()); err != nil {
						t.Fatal(err)
					}
				}
				begun := time.Now()
				token, err := w.acc.Token(t.Context(), acc.ID)
				if waited := time.Since(begun); waited < refreshLease {
					t.Errorf("took the lease over after %v", waited)
				}
				if tt.want != "" {
					wantCode(t, err, tt.want)
					return
				}
				if err != nil || token == "" {
					t.Errorf("Token = %q, %v", token, err)
				}
			})
		})
	}
}

func TestLater(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		acc := w.connect()
		w.x.before = func(int) error { return fmt.Errorf("x: 503: %w", ErrLater) }
		expire(w.x.life)
		// X is down and the old token still has minutes: it is used.
		if token, err := w.acc.Token(t.Context(), acc.ID); err != nil || token != canary+"access-1" {
			t.Errorf("Token = %q, %v", token, err)
		}
		// X said that it is no good: it is not.
		_, err := w.acc.Invalidate(t.Context(), acc.ID, canary+"access-1")
		wantCode(t, err, CodeLater)
		<-time.After(refreshAhead)
		_, err = w.acc.Token(t.Context(), acc.ID)
		wantCode(t, err, CodeLater)
		if got := w.get(acc.ID); got.State != Connected || len(w.holds()) != 0 {
			t.Errorf("state = %q, holds = %v: an X that is down disconnects nobody", got.State, w.holds())
		}
		w.x.before = nil
		if token, err := w.acc.Token(t.Context(), acc.ID); err != nil || token != canary+"access-2" {
			t.Errorf("Token = %q, %v", token, err)
		}
	})
}

func TestInvalidate(t *testing.T) {
	w := newWorld(t)
	acc := w.connect()
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			if token, err := w.acc.Invalidate(t.Context(), acc.ID, canary+"access-1"); err != nil || token != canary+"access-2" {
				t.Errorf("Invalidate = %q, %v", token, err)
			}
		})
	}
	wg.Wait()
	if w.x.calls() != 1 {
		t.Errorf("%d refreshes, want 1", w.x.calls())
	}
}

func TestDisconnectedDuringRefresh(t *testing.T) {
	w := newWorld(t)
	acc := w.connect()
	w.x.before = func(int) error {
		w.update(func(tx store.Tx) error { _, err := w.acc.Unauthorize(tx, acc.ID, "webchat:U_ada"); return err })
		return w.acc.Revoke(t.Context(), XRevoke{Account: acc.ID, Grant: acc.Grant})
	}
	_, err := w.acc.Invalidate(t.Context(), acc.ID, canary+"access-1")
	wantCode(t, err, CodeUnauthorized)
	if len(w.x.revoked) != 2 {
		t.Errorf("revoked = %v, want the pair that came too late as well", w.x.revoked)
	}
}

func TestSecretsStaySecret(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		acc := w.connect()
		var said strings.Builder
		note := func(v any, err error) {
			raw, _ := json.Marshal(v)
			fmt.Fprintf(&said, "%s %v %+v %#v %q %v\n", raw, v, v, v, v, err)
		}
		note(acc, nil)
		note(Tokens{Access: canary + "a", Refresh: canary + "r"}, nil)
		note(key(t, 'k').Secret, nil)
		expire(w.x.life)
		w.x.before = func(int) error { return errTimeout }
		_, err := w.acc.Token(t.Context(), acc.ID)
		note(nil, err)
		cookie, state, code := w.start(w.begin())
		_, err = w.acc.Finish(t.Context(), cookie, state, code+"x", "")
		note(nil, err)
		fmt.Fprint(&said, w.log.String())

		w.update(func(tx store.Tx) error { // what is stored is sealed or hashed
			for _, table := range []string{accountTable, requestTable, grantTable} {
				for p, err := range tx.Scan(table, store.Range{}) {
					if err != nil {
						return err
					}
					fmt.Fprintf(&said, "%s %s\n", p.Key, p.Val)
				}
			}
			return nil
		})
		for _, secret := range []string{canary, cookie, state, strings.Repeat("k", 32)} {
			if i := strings.Index(said.String(), secret); i >= 0 {
				t.Errorf("a secret shows in %q", said.String()[max(0, i-80):i+len(secret)])
			}
		}
		if !strings.Contains(said.String(), redacted) {
			t.Error("nothing was redacted: the test looks at nothing")
		}
	})
}
