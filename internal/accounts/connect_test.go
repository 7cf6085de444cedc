package accounts

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/perch-chat/perch/internal/outbox"
	"github.com/perch-chat/perch/store"
)

func TestConnect(t *testing.T) {
	w := newWorld(t)
	var changes []string
	w.acc.OnChange(func(_ store.Tx, was, now Account) error {
		changes = append(changes, string(was.State)+">"+string(now.State))
		return nil
	})
	acc := w.connect()
	if acc.ID != "2244994945" || acc.Handle != "acme" || !acc.Default || acc.State != Connected || acc.Limit != 280 ||
		acc.ConnectedByName != "Ada" || acc.ConnectedIn != "webchat:setup" || !slices.Equal(acc.Scopes, RequiredScopes()) {
		t.Errorf("account = %+v", acc)
	}
	if !slices.Equal(changes, []string{">connected"}) {
		t.Errorf("changes = %q", changes)
	}
	token, err := w.acc.Token(t.Context(), acc.ID)
	if err != nil || token != canary+"access-1" || w.x.calls() != 0 {
		t.Errorf("Token = %q, %v after %d refreshes", token, err, w.x.calls())
	}
	var subs []outbox.Action
	w.update(func(tx store.Tx) (err error) { subs, err = w.ob.ByState(tx, outbox.Queued, 10); return err })
	if len(subs) != 1 || subs[0].Kind != KindSubscribe || string(subs[0].Payload) != `{"account":"2244994945"}` {
		t.Errorf("actions = %+v, want one subscription", subs)
	}
}

func TestConnectRefusals(t *testing.T) {
	type back struct{ cookie, state, code, xerr string }
	tests := []struct {
		name  string
		setup func(w *world)
		back  func(b back) back
		want  Code
	}{
		{"declined at X", nil, func(b back) back { return back{b.cookie, b.state, "", "access_denied"} }, CodeDenied},
		{"another error of X", nil, func(b back) back { return back{b.cookie, b.state, "", "invalid_scope<script>"} }, CodeRefused},
		{"no answer", nil, func(b back) back { b.code = ""; return b }, CodeRefused},
		{"other browser", nil, func(b back) back { b.cookie = random(); return b }, CodeOtherBrowser},
		{"no cookie", nil, func(b back) back { b.cookie = ""; return b }, CodeOtherBrowser},
		{"wrong code", nil, func(b back) back { b.code += "x"; return b }, CodeExchange},
		{"scopes missing", func(w *world) { w.x.scopes = []string{"tweet.read", "users.read", "offline.access"} }, nil, CodeMissingScopes},
		{"no profile", func(w *world) { e := errors.New("x: 503"); w.x.meErr = []error{e, e, e, e} }, nil, CodeProfile},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				if tt.setup != nil {
					tt.setup(w)
				}
				var b back
				b.cookie, b.state, b.code = w.start(w.begin())
				good := b
				if tt.back != nil {
					b = tt.back(b)
				}
				_, err := w.acc.Finish(t.Context(), b.cookie, b.state, b.code, b.xerr)
				wantCode(t, err, tt.want)
				if m := text(err); strings.Contains(m, "<") {
					t.Errorf("message %q repeats what came from outside", m)
				}
				// However it ended, the request is used up.
				_, err = w.acc.Finish(t.Context(), good.cookie, good.state, good.code, "")
				wantCode(t, err, CodeUsed)
				w.update(func(tx store.Tx) error {
					list, err := w.acc.List(tx)
					if len(list) != 0 {
						t.Errorf("accounts = %+v, want none", list)
					}
					return err
				})
				// Tokens that were granted and are not kept are taken back.
				if granted := tt.want == CodeMissingScopes || tt.want == CodeProfile; granted != (len(w.x.revoked) == 1) {
					t.Errorf("revoked = %v", w.x.revoked)
				}
			})
		})
	}
}

// TestWrongKeysAreNamed: starting again would not help.
func TestWrongKeysAreNamed(t *testing.T) {
	w := newWorld(t)
	w.x.exchangeErr = fmt.Errorf("%w: 401 invalid_client", ErrKeys)
	cookie, state, code := w.start(w.begin())
	_, err := w.acc.Finish(t.Context(), cookie, state, code, "")
	wantCode(t, err, CodeExchange)
	if m := text(err); !strings.Contains(m, "x.client_secret") || !strings.Contains(m, "perch doctor") {
		t.Errorf("message = %q, want it to say what to correct", m)
	}
}

func TestMissingScopesAreNamed(t *testing.T) {
	w := newWorld(t)
	w.x.scopes = slices.DeleteFunc(RequiredScopes(), func(s string) bool { return s == "dm.write" })
	cookie, state, code := w.start(w.begin())
	_, err := w.acc.Finish(t.Context(), cookie, state, code, "")
	wantCode(t, err, CodeMissingScopes)
	if m := text(err); !strings.Contains(m, "send direct messages (dm.write)") || strings.Contains(m, "tweet.write") {
		t.Errorf("message = %q, want it to name dm.write alone", m)
	}
}

func TestForgedState(t *testing.T) {
	w := newWorld(t)
	cookie, _, code := w.start(w.begin())
	for _, state := range []string{"", "forged", random()} {
		_, err := w.acc.Finish(t.Context(), cookie, state, code, "")
		wantCode(t, err, CodeUnknownRequest)
	}
	_, _, err := w.acc.Start(t.Context(), "forged")
	wantCode(t, err, CodeUnknownRequest)
}

func TestRequestEndsAfterTenMinutes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		ticket := w.begin()
		cookie, state, code := w.start(ticket)
		<-time.After(requestLife - time.Second)
		if _, _, err := w.acc.Start(t.Context(), w.begin()); err != nil {
			t.Fatal(err)
		}
		<-time.After(time.Second)
		_, _, err := w.acc.Start(t.Context(), ticket)
		wantCode(t, err, CodeExpired)
		_, err = w.acc.Finish(t.Context(), cookie, state, code, "")
		wantCode(t, err, CodeExpired)

		<-time.After(requestKept + time.Hour) // requests that are long over are deleted
		w.begin()
		w.update(func(tx store.Tx) error {
			list, err := store.Collect(requests().Scan(tx, store.Range{}))
			if len(list) != 1 {
				t.Errorf("%d requests kept, want the new one", len(list))
			}
			return err
		})
	})
}

func TestNewerPageBindsItsBrowser(t *testing.T) {
	w := newWorld(t)
	ticket := w.begin()
	cookie1, state1, code1 := w.start(ticket)
	cookie2, state2, code2 := w.start(ticket)
	_, err := w.acc.Finish(t.Context(), cookie1, state1, code1, "")
	wantCode(t, err, CodeUnknownRequest)
	if _, err := w.acc.Finish(t.Context(), cookie2, state2, code2, ""); err != nil {
		t.Errorf("Finish in the newer browser: %v", err)
	}
	_, _, err = w.acc.Start(t.Context(), ticket)
	wantCode(t, err, CodeUsed)
}

func TestStateWorksOnceUnderRace(t *testing.T) {
	w := newWorld(t)
	cookie, state, code := w.start(w.begin())
	var wg sync.WaitGroup
	errs := make([]error, 20)
	for i := range errs {
		wg.Go(func() { _, errs[i] = w.acc.Finish(t.Context(), cookie, state, code, "") })
	}
	wg.Wait()
	ok := 0
	for _, err := range errs {
		if err == nil {
			ok++
			continue
		}
		wantCode(t, err, CodeUsed)
	}
	if ok != 1 {
		t.Errorf("%d of %d callbacks connected, want 1", ok, len(errs))
	}
}

func TestProfileIsAskedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.x.meErr = []error{errors.New("x: 503"), errors.New("x: 401")}
		if acc := w.connect(); acc.Handle != "acme" || len(w.x.revoked) != 0 {
			t.Errorf("account = %+v, revoked = %v", acc, w.x.revoked)
		}
	})
}

func TestSeveralAccounts(t *testing.T) {
	w := newWorld(t)
	first := w.connect()
	w.x.profile = Profile{ID: "17", Handle: "Beta", Name: "Beta", Subscription: "Premium"}
	second := w.connect()
	if second.Default || second.Limit != 25_000 {
		t.Errorf("second account = %+v, want it long and not the default", second)
	}
	w.update(func(tx store.Tx) error {
		if _, err := w.acc.SetDefault(tx, second.ID, "webchat:U_ada"); err != nil {
			return err
		}
		d, ok, err := w.acc.Default(tx)
		if !ok || d.ID != second.ID {
			t.Errorf("Default = %+v, %t", d, ok)
		}
		if a, ok, _ := w.acc.FindHandle(tx, "@beta"); !ok || a.ID != second.ID {
			t.Errorf("FindHandle = %+v, %t", a, ok)
		}
		return err
	})
	w.update(func(tx store.Tx) error { _, err := w.acc.Unauthorize(tx, second.ID, "webchat:U_ada"); return err })
	if got := w.get(first.ID); !got.Default {
		t.Errorf("the default did not move on: %+v", got)
	}
	if got := w.get(second.ID); got.Default || got.State != Unauthorized {
		t.Errorf("second = %+v", got)
	}
	_, err := w.acc.Token(t.Context(), second.ID)
	wantCode(t, err, CodeUnauthorized)
	_, err = w.acc.Token(t.Context(), "404")
	wantCode(t, err, CodeNotFound)
}

func TestUnauthorizeAndConnectAgain(t *testing.T) {
	w := newWorld(t)
	acc := w.connect()
	w.update(func(tx store.Tx) error { _, err := w.acc.Unauthorize(tx, acc.ID, "webchat:U_ada"); return err })
	w.update(func(tx store.Tx) error { _, err := w.acc.Unauthorize(tx, acc.ID, "webchat:U_ada"); return err }) // once more changes nothing
	if got := w.holds()["x:"+acc.ID]; got != "disconnected" {
		t.Errorf("hold = %q, want disconnected", got)
	}
	var revokes []outbox.Action
	w.update(func(tx store.Tx) error {
		all, err := w.ob.BySubject(tx, "account:"+acc.ID)
		revokes = slices.DeleteFunc(all, func(a outbox.Action) bool { return a.Kind != KindRevoke })
		return err
	})
	if len(revokes) != 1 || len(revokes[0].Lanes) != 0 {
		t.Fatalf("revokes = %+v, want one that no hold stops", revokes)
	}
	for range 2 { // an executor may repeat it
		if err := w.acc.Revoke(t.Context(), XRevoke{Account: acc.ID, Grant: acc.Grant}); err != nil {
			t.Fatal(err)
		}
	}
	if !slices.Equal(w.x.revoked, []string{canary + "refresh-1"}) {
		t.Errorf("revoked = %v", w.x.revoked)
	}
	again := w.connect()
	if again.State != Connected || !again.Default || again.Reason != "" || len(w.holds()) != 0 {
		t.Errorf("connected again = %+v, holds %v", again, w.holds())
	}
}

func TestRevokeSparesTheNewGrant(t *testing.T) {
	w := newWorld(t)
	old := w.connect()
	w.update(func(tx store.Tx) error { _, err := w.acc.Unauthorize(tx, old.ID, "webchat:U_ada"); return err })
	w.connect() // before the revoke was carried out
	if err := w.acc.Revoke(t.Context(), XRevoke{Account: old.ID, Grant: old.Grant}); err != nil {
		t.Fatal(err)
	}
	if len(w.x.revoked) != 0 {
		t.Errorf("revoked = %v, want nothing: it could end the new grant", w.x.revoked)
	}
	if _, err := w.acc.Token(t.Context(), old.ID); err != nil {
		t.Errorf("Token: %v", err)
	}
}
