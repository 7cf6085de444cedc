package installs

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/perch-chat/perch/internal/accounts"
	"github.com/perch-chat/perch/store"
	"github.com/perch-chat/perch/store/bolt"
)

// canary begins every secret of the tests, so that a leak is found by looking for it.
const canary = "CANARY-"

// fakeSlack gives one workspace for each code.
type fakeSlack struct {
	err   error
	codes []string // that were exchanged
}

func (f *fakeSlack) AuthorizeURL(state string) string {
	return "https://slack.test/authorize?" + url.Values{"state": {state}}.Encode()
}

func (f *fakeSlack) Exchange(_ context.Context, code string) (Grant, error) {
	f.codes = append(f.codes, code)
	if f.err != nil {
		return Grant{}, f.err
	}
	return Grant{
		Team: code, Name: "Workspace " + code, BotUser: "U0BOT", BotName: "perch", Scopes: []string{"chat:write"}, By: "U0ADA",
		At: time.Now().UTC(), Token: accounts.Secret(canary + code),
	}, nil
}

type world struct {
	t       *testing.T
	db      store.Store
	file    string
	slack   *fakeSlack
	in      *Installs
	changes []string
}

func sealer(t *testing.T, seeds ...string) *accounts.Sealer {
	t.Helper()
	var keys []accounts.SealKey
	for _, s := range seeds {
		k, err := accounts.NewSealKey([]byte(strings.Repeat(s, 32)))
		if err != nil {
			t.Fatal(err)
		}
		keys = append(keys, k)
	}
	s, err := accounts.NewSealer(keys...)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, file: filepath.Join(t.TempDir(), "perch.db"), slack: &fakeSlack{}}
	db, err := bolt.Open(w.file)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	w.db = db
	w.open(sealer(t, "a"))
	return w
}

func (w *world) open(s *accounts.Sealer) {
	w.in = New(w.db, s, Options{PublicURL: "https://perch.test/", Slack: w.slack})
	w.in.OnChange(func(_ store.Tx, x Workspace, installed bool) error {
		w.changes = append(w.changes, fmt.Sprint(x.Team, " ", installed))
		return nil
	})
}

func (w *world) update(fn func(store.Tx) error) {
	w.t.Helper()
	if err := w.db.Update(w.t.Context(), fn); err != nil {
		w.t.Fatal(err)
	}
}

// link returns the ticket of a new link.
func (w *world) link() (ticket string) {
	w.t.Helper()
	w.update(func(tx store.Tx) error {
		address, _, err := NewLink(tx, "https://perch.test/")
		ticket, _ = strings.CutPrefix(address, "https://perch.test/slack/install/")
		return err
	})
	if len(ticket) < 40 {
		w.t.Fatalf("the link's ticket is %q", ticket)
	}
	return ticket
}

// start leaves for Slack.
func (w *world) start(ticket string) (state, cookie string) {
	w.t.Helper()
	to, cookie, err := w.in.Start(w.t.Context(), ticket)
	if err != nil {
		w.t.Fatal(err)
	}
	u, err := url.Parse(to)
	if err != nil {
		w.t.Fatal(err)
	}
	return u.Query().Get("state"), cookie
}

func wantCode(t *testing.T, err error, want Code) {
	t.Helper()
	if e, ok := errors.AsType[*Error](err); !ok || e.Code != want {
		t.Errorf("error = %v, want %s", err, want)
	}
}

func TestInstall(t *testing.T) {
	w := newWorld(t)
	ticket := w.link()
	if until, err := w.in.Look(t.Context(), ticket); err != nil || time.Until(until) < LinkLife-time.Minute {
		t.Errorf("Look = %v, %v", until, err)
	}
	state, cookie := w.start(ticket)
	got, err := w.in.Finish(t.Context(), cookie, state, "T0ACME", "")
	if err != nil || got.Team != "T0ACME" || got.Name != "Workspace T0ACME" || strings.Contains(got.Token, canary) {
		t.Fatalf("Finish = %+v, %v", got, err)
	}
	g, ok, err := w.in.Find(t.Context(), "T0ACME")
	if err != nil || !ok || g.Token.Reveal() != canary+"T0ACME" || g.BotUser != "U0BOT" || !slices.Equal(g.Scopes, []string{"chat:write"}) {
		t.Errorf("Find = %+v, %v, %v", g, ok, err)
	}
	if !slices.Equal(w.changes, []string{"T0ACME true"}) {
		t.Errorf("changes = %q", w.changes)
	}

	// The link is used up, the state too.
	_, err = w.in.Look(t.Context(), ticket)
	wantCode(t, err, CodeUsed)
	_, _, err = w.in.Start(t.Context(), ticket)
	wantCode(t, err, CodeUsed)
	_, err = w.in.Finish(t.Context(), cookie, state, "T0BETA", "")
	wantCode(t, err, CodeUsed)
	if !slices.Equal(w.slack.codes, []string{"T0ACME"}) {
		t.Errorf("codes that were exchanged: %q", w.slack.codes)
	}

	// Neither the token nor what the browser carried is in the file.
	raw, err := os.ReadFile(w.file)
	if err != nil {
		t.Fatal(err)
	}
	for _, secret := range []string{canary, ticket, state, cookie} {
		if strings.Contains(string(raw), secret) {
			t.Errorf("the store holds %q in clear", secret)
		}
	}
}

func TestInstallRefusals(t *testing.T) {
	type back struct{ cookie, state, code, slackErr string }
	tests := []struct {
		name string
		back func(b back) back
		want Code
	}{
		{"declined in Slack", func(b back) back { b.code, b.slackErr = "", "access_denied"; return b }, CodeDenied},
		{"another error of Slack", func(b back) back { b.slackErr = "bad<script>"; return b }, CodeRefused},
		{"no answer", func(b back) back { b.code = ""; return b }, CodeRefused},
		{"other browser", func(b back) back { b.cookie = accounts.NewTicket(); return b }, CodeOtherBrowser},
		{"no cookie", func(b back) back { b.cookie = ""; return b }, CodeOtherBrowser},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			ticket := w.link()
			state, cookie := w.start(ticket)
			good := back{cookie, state, "T0ACME", ""}
			b := tt.back(good)
			_, err := w.in.Finish(t.Context(), b.cookie, b.state, b.code, b.slackErr)
			wantCode(t, err, tt.want)
			if e, ok := errors.AsType[*Error](err); ok && strings.Contains(e.Message, "<") {
				t.Errorf("message %q repeats what came from outside", e.Message)
			}
			// However it ended, the state is used up; the link is not.
			_, err = w.in.Finish(t.Context(), good.cookie, good.state, good.code, "")
			wantCode(t, err, CodeUsed)
			if len(w.slack.codes) != 0 || len(w.changes) != 0 {
				t.Errorf("codes %q, changes %q: something was done", w.slack.codes, w.changes)
			}
			state, cookie = w.start(ticket)
			if _, err := w.in.Finish(t.Context(), cookie, state, "T0ACME", ""); err != nil {
				t.Errorf("the second try: %v", err)
			}
		})
	}
	w := newWorld(t)
	for _, ticket := range []string{"", "forged", accounts.NewTicket()} {
		_, err := w.in.Look(t.Context(), ticket)
		wantCode(t, err, CodeUnknownLink)
		_, _, err = w.in.Start(t.Context(), ticket)
		wantCode(t, err, CodeUnknownLink)
		_, err = w.in.Finish(t.Context(), "cookie", ticket, "T0ACME", "")
		wantCode(t, err, CodeUnknownLink)
	}
}

// Two browsers with one link add one workspace.
func TestLinkIsForOne(t *testing.T) {
	w := newWorld(t)
	ticket := w.link()
	state1, cookie1 := w.start(ticket)
	state2, cookie2 := w.start(ticket)
	if _, err := w.in.Finish(t.Context(), cookie2, state2, "T0BETA", ""); err != nil {
		t.Fatal(err)
	}
	_, err := w.in.Finish(t.Context(), cookie1, state1, "T0EVIL", "")
	wantCode(t, err, CodeUsed)
	if _, ok, err := w.in.Find(t.Context(), "T0EVIL"); ok || err != nil {
		t.Errorf("the second workspace: %v, %v", ok, err)
	}
}

func TestTimes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		ticket := w.link()
		state, cookie := w.start(ticket)
		time.Sleep(attemptLife)
		_, err := w.in.Finish(t.Context(), cookie, state, "T0ACME", "")
		wantCode(t, err, CodeExpired)
		time.Sleep(LinkLife - attemptLife - time.Second)
		if _, err := w.in.Look(t.Context(), ticket); err != nil {
			t.Errorf("a second before its end: %v", err)
		}
		state, cookie = w.start(ticket)
		time.Sleep(time.Second)
		_, err = w.in.Look(t.Context(), ticket)
		wantCode(t, err, CodeExpired)
		_, err = w.in.Finish(t.Context(), cookie, state, "T0ACME", "")
		wantCode(t, err, CodeExpired)

		// What is long over is deleted.
		time.Sleep(kept + attemptLife)
		w.link()
		w.update(func(tx store.Tx) error {
			l, err := store.Collect(links().Scan(tx, store.Range{}))
			if err != nil {
				return err
			}
			a, err := store.Collect(attempts().Scan(tx, store.Range{}))
			if len(l) != 1 || len(a) != 0 {
				t.Errorf("%d links and %d attempts are kept", len(l), len(a))
			}
			return err
		})
	})
}

func TestExchangeFails(t *testing.T) {
	w := newWorld(t)
	w.slack.err = &Error{Code: CodeRefused, Message: "Slack says no."}
	ticket := w.link()
	state, cookie := w.start(ticket)
	_, err := w.in.Finish(t.Context(), cookie, state, "T0ACME", "")
	wantCode(t, err, CodeRefused)
	if _, err := w.in.Look(t.Context(), ticket); err != nil {
		t.Errorf("the link is gone: %v", err)
	}
}

func TestRemove(t *testing.T) {
	w := newWorld(t)
	state, cookie := w.start(w.link())
	first, err := w.in.Finish(t.Context(), cookie, state, "T0ACME", "")
	if err != nil {
		t.Fatal(err)
	}
	w.update(func(tx store.Tx) error {
		if _, ok, err := w.in.Remove(tx, "T0ACME", first.At.Add(-time.Second)); ok || err != nil {
			t.Errorf("a removal from before the installation = %v, %v", ok, err)
		}
		return nil
	})
	w.update(func(tx store.Tx) error {
		if _, ok, err := w.in.Remove(tx, "T0ACME", first.At); !ok || err != nil {
			t.Errorf("Remove = %v, %v", ok, err)
		}
		return nil
	})
	w.update(func(tx store.Tx) error {
		if _, ok, err := w.in.Remove(tx, "T0ACME", first.At); ok || err != nil {
			t.Errorf("the second Remove = %v, %v", ok, err)
		}
		return nil
	})
	if _, ok, err := w.in.Find(t.Context(), "T0ACME"); ok || err != nil {
		t.Errorf("Find = %v, %v", ok, err)
	}
	if want := []string{"T0ACME true", "T0ACME false"}; !slices.Equal(w.changes, want) {
		t.Errorf("changes = %q, want %q", w.changes, want)
	}
	// It may be installed again.
	state, cookie = w.start(w.link())
	if _, err := w.in.Finish(t.Context(), cookie, state, "T0ACME", ""); err != nil {
		t.Error(err)
	}
}

func TestReseal(t *testing.T) {
	w := newWorld(t)
	state, cookie := w.start(w.link())
	if _, err := w.in.Finish(t.Context(), cookie, state, "T0ACME", ""); err != nil {
		t.Fatal(err)
	}
	w.open(sealer(t, "b", "a"))
	for _, want := range []int{1, 0} {
		if n, err := w.in.Reseal(t.Context()); n != want || err != nil {
			t.Errorf("Reseal = %d, %v, want %d", n, err, want)
		}
	}
	w.open(sealer(t, "b"))
	if g, ok, err := w.in.Find(t.Context(), "T0ACME"); err != nil || !ok || g.Token.Reveal() != canary+"T0ACME" {
		t.Errorf("Find with the new key alone = %v, %v", ok, err)
	}
	w.open(sealer(t, "c"))
	if _, _, err := w.in.Find(t.Context(), "T0ACME"); !errors.Is(err, accounts.ErrUnsealable) {
		t.Errorf("Find without the key = %v", err)
	}
	// A token does not open for another workspace.
	w.open(sealer(t, "b"))
	w.update(func(tx store.Tx) error {
		x, _, err := workspaces().Find(tx, store.Key("T0ACME"))
		if err != nil {
			return err
		}
		x.Team = "T0EVIL"
		return workspaces().Put(tx, x)
	})
	if _, _, err := w.in.Find(t.Context(), "T0EVIL"); !errors.Is(err, accounts.ErrUnsealable) {
		t.Errorf("Find of a moved token = %v", err)
	}
}
