package accounts

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/perch-chat/perch/internal/outbox"
	"github.com/perch-chat/perch/store"
	"github.com/perch-chat/perch/store/bolt/bolttest"
)

// canary begins every secret of the tests, so that a leak is found by looking for it.
const canary = "CANARY-"

// fakeX is X's side: codes work once, refresh tokens rotate, and one that is
// used a second time ends the grant.
type fakeX struct {
	mu        sync.Mutex
	profile   Profile
	scopes    []string
	codes     map[string]string // code → verifier
	live      string            // the one refresh token that works
	spent     []string
	n         int
	refreshes int
	revoked   []string
	life      time.Duration

	// before is called, unlocked, before a refresh takes effect; after, behind it.
	before, after func(n int) error
	meErr         []error
	exchangeErr   error
}

func newFakeX() *fakeX {
	return &fakeX{
		profile: Profile{ID: "2244994945", Handle: "acme", Name: "Acme", Subscription: "None"},
		scopes:  RequiredScopes(), codes: map[string]string{}, life: 2 * time.Hour,
	}
}

func (x *fakeX) AuthCodeURL(state, verifier string) string {
	x.mu.Lock()
	defer x.mu.Unlock()
	code := fmt.Sprintf("%scode-%d", canary, len(x.codes))
	x.codes[code] = verifier
	return "https://x.test/authorize?" + url.Values{"state": {state}, "code": {code}}.Encode()
}

func (x *fakeX) Exchange(_ context.Context, code, verifier string) (Tokens, error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.exchangeErr != nil {
		return Tokens{}, x.exchangeErr
	}
	want, ok := x.codes[code]
	if !ok || want != verifier {
		return Tokens{}, errors.New("x: value passed for the authorization code was invalid")
	}
	delete(x.codes, code)
	return x.issue(), nil
}

func (x *fakeX) issue() Tokens {
	x.n++
	x.live = fmt.Sprintf("%srefresh-%d", canary, x.n)
	return Tokens{
		Access: Secret(fmt.Sprintf("%saccess-%d", canary, x.n)), Refresh: Secret(x.live),
		Expires: time.Now().Add(x.life), Scopes: x.scopes,
	}
}

func (x *fakeX) Refresh(ctx context.Context, refresh string) (Tokens, error) {
	x.mu.Lock()
	x.refreshes++
	n, before, after := x.refreshes, x.before, x.after
	x.mu.Unlock()
	if before != nil {
		if err := before(n); err != nil {
			return Tokens{}, err
		}
	}
	x.mu.Lock()
	if refresh != x.live {
		if slices.Contains(x.spent, refresh) {
			x.live = "" // reuse ends the family
		}
		x.mu.Unlock()
		return Tokens{}, fmt.Errorf("x: invalid_request: %w", ErrGrantDead)
	}
	x.spent = append(x.spent, refresh)
	t := x.issue()
	x.mu.Unlock()
	if after != nil {
		if err := after(n); err != nil {
			return Tokens{}, err
		}
	}
	return t, ctx.Err()
}

func (x *fakeX) Me(context.Context, string) (Profile, error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if len(x.meErr) > 0 {
		err := x.meErr[0]
		x.meErr = x.meErr[1:]
		if err != nil {
			return Profile{}, err
		}
	}
	return x.profile, nil
}

func (x *fakeX) Revoke(_ context.Context, t Tokens) error {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.revoked = append(x.revoked, t.Refresh.Reveal())
	return nil
}

func (x *fakeX) calls() int {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.refreshes
}

type world struct {
	t    *testing.T
	db   store.Store
	ob   *outbox.Outbox
	x    *fakeX
	acc  *Accounts
	seal *Sealer
	log  *strings.Builder
}

func key(t *testing.T, b byte) SealKey {
	t.Helper()
	k, err := NewSealKey([]byte(strings.Repeat(string(rune(b)), 32)))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func newWorld(t *testing.T) *world {
	t.Helper()
	db := bolttest.Open(t)
	seal, err := NewSealer(key(t, 'k'))
	if err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, db: db, ob: outbox.New(db, outbox.Options{}), x: newFakeX(), seal: seal, log: &strings.Builder{}}
	w.acc = w.instance()
	return w
}

// instance is another process over the same store.
func (w *world) instance() *Accounts {
	return New(w.db, w.ob, w.seal, Options{
		Log: slog.New(slog.NewTextHandler(w.log, nil)), PublicURL: "https://perch.test/", Authorizer: w.x,
	})
}

func (w *world) update(fn func(tx store.Tx) error) {
	w.t.Helper()
	if err := w.db.Update(w.t.Context(), fn); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) begin() (ticket string) {
	w.t.Helper()
	w.update(func(tx store.Tx) error {
		u, err := w.acc.Begin(tx, Requester{User: "webchat:U_ada", UserName: "Ada", Channel: "webchat:setup"})
		var ok bool
		if ticket, ok = strings.CutPrefix(u, "https://perch.test/x/start/"); !ok && err == nil {
			w.t.Fatalf("Begin = %q, want an address under /x/start/", u)
		}
		return err
	})
	return ticket
}

// start opens the link and grants at X: what the browser comes back with.
func (w *world) start(ticket string) (cookie, state, code string) {
	w.t.Helper()
	redirect, cookie, err := w.acc.Start(w.t.Context(), ticket)
	if err != nil {
		w.t.Fatal(err)
	}
	u, err := url.Parse(redirect)
	if err != nil {
		w.t.Fatal(err)
	}
	return cookie, u.Query().Get("state"), u.Query().Get("code")
}

func (w *world) connect() Account {
	w.t.Helper()
	cookie, state, code := w.start(w.begin())
	acc, err := w.acc.Finish(w.t.Context(), cookie, state, code, "")
	if err != nil {
		w.t.Fatal(err)
	}
	return acc
}

func (w *world) get(id string) (acc Account) {
	w.t.Helper()
	w.update(func(tx store.Tx) (err error) { acc, err = w.acc.Get(tx, id); return err })
	return acc
}

func (w *world) holds() map[string]string {
	w.t.Helper()
	m := map[string]string{}
	w.update(func(tx store.Tx) error {
		hs, err := w.ob.Holds(tx)
		for _, h := range hs {
			m[h.Lane] = h.Code
		}
		return err
	})
	return m
}

func wantCode(t *testing.T, err error, want Code) {
	t.Helper()
	var e *Error
	if !errors.As(err, &e) || e.Code != want {
		t.Errorf("error = %v, want code %q", err, want)
		return
	}
	if !strings.HasSuffix(e.Message, ".") || len(e.Message) < 20 {
		t.Errorf("message of %s = %q, want sentences", e.Code, e.Message)
	}
}

// text is what a person is told.
func text(err error) string {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Message
	}
	return ""
}
