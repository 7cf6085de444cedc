package accounts

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/perch-chat/perch/internal/id"
	"github.com/perch-chat/perch/internal/outbox"
	"github.com/perch-chat/perch/store"
)

const (
	requestLife = 10 * time.Minute
	requestKept = 24 * time.Hour // so that an old link gets its own answer

	limitPlain   = 280
	limitPremium = 25_000 // https://docs.x.com/changelog, 2024-08-20

	exchangeTimeout = 20 * time.Second
)

// Begin makes a request and returns the address of Perch's own page that
// starts it. The address is for that person alone and works for 10 minutes.
func (a *Accounts) Begin(tx store.Tx, who Requester) (string, error) {
	if err := a.tidy(tx); err != nil {
		return "", err
	}
	ticket := random()
	at := now()
	err := requests().Put(tx, Request{
		ID: hash(ticket), User: who.User, UserName: who.UserName, Channel: who.Channel, Respond: who.Respond,
		Created: at, Expires: at.Add(requestLife),
	})
	if err != nil {
		return "", err
	}
	return a.public + "/x/start/" + ticket, nil
}

// tidy deletes requests that are long over.
func (a *Accounts) tidy(tx store.Tx) error {
	r := store.Range{To: store.Key(now().Add(-requestKept)), Limit: 50}
	old, err := store.Collect(requests().ByRange(tx, "expires", r))
	if err != nil {
		return err
	}
	for _, x := range old {
		if err := requests().Delete(tx, store.Key(x.ID)); err != nil {
			return err
		}
	}
	return nil
}

// Start binds the request to the browser that opened its link, by the value of
// a cookie to set, and returns X's page to send it to. A link opened again,
// before X came back, binds the newer browser. Errors for people are *[Error].
func (a *Accounts) Start(ctx context.Context, ticket string) (redirect, cookie string, err error) {
	state, cookie, verifier := random(), random(), random()
	err = a.db.Update(ctx, func(tx store.Tx) error {
		r, ok, err := requests().Find(tx, store.Key(hash(ticket)))
		switch {
		case err != nil:
			return err
		case !ok:
			return errUnknownRequest()
		case r.Used:
			return errUsed()
		case !now().Before(r.Expires):
			return errExpired()
		}
		r.StateHash, r.CookieHash = hash(state), hash(cookie)
		r.Verifier = a.seal.Seal(requestTable, r.ID, verifier)
		return requests().Put(tx, r)
	})
	if err != nil {
		return "", "", wrap("start the authorization", err)
	}
	return a.auth.AuthCodeURL(state, verifier), cookie, nil
}

// Finish ends a request when X has sent the browser back, with a code or with
// xerr. The request is used up by it, whatever comes of it. Errors for people
// are *[Error].
func (a *Accounts) Finish(ctx context.Context, cookie, state, code, xerr string) (Account, error) {
	// The code lives for 30 seconds and the request is used up: what was begun
	// is carried through even if the browser goes away.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*exchangeTimeout)
	defer cancel()
	r, verifier, err := a.use(ctx, cookie, state, code, xerr)
	if err != nil {
		return Account{}, err
	}
	acc, err := a.finish(ctx, r, verifier, code)
	if err != nil {
		if e, ok := errors.AsType[*Error](err); ok {
			a.outcome(ctx, r.ID, e.Code)
		}
		return Account{}, err
	}
	return acc, nil
}

// use finds the request of the state and uses it up.
func (a *Accounts) use(ctx context.Context, cookie, state, code, xerr string) (Request, Secret, error) {
	var r Request
	var verifier Secret
	var refused *Error // of a request that is used up by it
	err := a.db.Update(ctx, func(tx store.Tx) error {
		refused = nil
		var ok bool
		var err error
		r, ok, err = requests().First(tx, "state", store.Key(hash(state)))
		switch {
		case err != nil:
			return err
		case !ok || state == "":
			return errUnknownRequest()
		case r.Used:
			return errUsed()
		}
		switch {
		case !same(r.CookieHash, hash(cookie)):
			refused = errOtherBrowser()
		case !now().Before(r.Expires):
			refused = errExpired()
		case xerr == "access_denied":
			refused = problem(CodeDenied, "The request was declined at X, so nothing was connected."+startAgain, nil)
		case xerr != "":
			refused = problem(CodeRefused, "X refused the request ("+clean(xerr)+"). Check the app's callback address and permissions at X, then start again in the chat.", nil)
		case code == "":
			refused = problem(CodeRefused, "X came back without an answer."+startAgain, nil)
		}
		if refused == nil {
			if verifier, err = a.seal.Open(requestTable, r.ID, r.Verifier); err != nil {
				return err
			}
		} else {
			r.Outcome = string(refused.Code)
		}
		r.Used, r.Verifier = true, ""
		return requests().Put(tx, r)
	})
	if err != nil {
		return Request{}, "", wrap("use the authorization request", err)
	}
	if refused != nil {
		return Request{}, "", refused
	}
	return r, verifier, nil
}

func (a *Accounts) finish(ctx context.Context, r Request, verifier Secret, code string) (Account, error) {
	t, err := a.exchange(ctx, code, verifier)
	switch {
	case errors.Is(err, ErrKeys):
		return Account{}, problem(CodeExchange, "X does not accept the app's keys, so nothing was connected. Whoever runs Perch corrects x.client_id and x.client_secret (perch doctor looks at them) and restarts it; then start again in the chat.", err)
	case err != nil:
		return Account{}, problem(CodeExchange, "X did not complete the connection, so nothing was connected."+startAgain, err)
	}
	if missing := a.missing(t.Scopes); len(missing) > 0 {
		a.takeBack(ctx, t)
		return Account{}, problem(CodeMissingScopes, missingText(missing), nil)
	}
	p, err := a.me(ctx, t.Access.Reveal())
	if err != nil {
		a.takeBack(ctx, t)
		return Account{}, problem(CodeProfile, "X did not say which account this is, so nothing was connected. Wait a minute, then start again in the chat.", err)
	}
	var acc Account
	grantID := id.New()
	err = a.db.Update(ctx, func(tx store.Tx) error {
		var err error
		acc, err = a.connect(tx, r, p, t, grantID)
		return err
	})
	if err != nil {
		a.takeBack(ctx, t)
		return Account{}, fmt.Errorf("store the connected account: %w", err)
	}
	a.log.InfoContext(ctx, "account connected", "account", acc.ID, "handle", acc.Handle, "by", r.User)
	return acc, nil
}

func (a *Accounts) exchange(ctx context.Context, code string, verifier Secret) (Tokens, error) {
	ctx, cancel := context.WithTimeout(ctx, exchangeTimeout)
	defer cancel()
	return a.auth.Exchange(ctx, code, verifier.Reveal())
}

// me asks a few times: a fresh grant is not given up for one failed lookup.
func (a *Accounts) me(ctx context.Context, access string) (Profile, error) {
	for wait := 250 * time.Millisecond; ; wait *= 2 {
		p, err := a.auth.Me(ctx, access)
		if err == nil && p.ID == "" {
			err = errors.New("the profile has no id")
		}
		if err == nil || wait > time.Second {
			return p, err
		}
		select {
		case <-ctx.Done():
			return Profile{}, ctx.Err()
		case <-time.After(wait):
		}
	}
}

// connect stores the account and its tokens.
func (a *Accounts) connect(tx store.Tx, r Request, p Profile, t Tokens, grantID string) (Account, error) {
	was, known, err := accounts().Find(tx, store.Key(p.ID))
	if err != nil {
		return Account{}, err
	}
	_, hasDefault, err := a.Default(tx)
	if err != nil {
		return Account{}, err
	}
	acc := was // what was set for it stays
	acc.ID, acc.Handle, acc.Name, acc.AvatarURL = p.ID, p.Handle, p.Name, p.AvatarURL
	acc.Subscription, acc.Limit = p.Subscription, limit(p.Subscription)
	acc.Scopes, acc.State, acc.Reason, acc.Grant = t.Scopes, Connected, "", grantID
	acc.Default = was.Default || !hasDefault
	acc.ConnectedBy, acc.ConnectedByName, acc.ConnectedIn = r.User, r.UserName, r.Channel
	acc.ConnectedAt, acc.Request = now(), r.ID
	acc.ChangedBy, acc.Changed = r.User, acc.ConnectedAt

	if was.Grant != "" { // X ended it when it granted the new one
		if err := grants().Delete(tx, store.Key(was.Grant)); err != nil {
			return Account{}, err
		}
	}
	g := a.sealed(grant{ID: grantID, Account: p.ID, Gen: 1, Stored: now()}, t)
	if err := grants().Put(tx, g); err != nil {
		return Account{}, err
	}
	r.Outcome, r.Account = "connected", p.ID
	if err := requests().Put(tx, r); err != nil {
		return Account{}, err
	}
	if known {
		if err := a.ob.Release(tx, Lane(p.ID)); err != nil {
			return Account{}, fmt.Errorf("release what waits for @%s: %w", p.Handle, err)
		}
	}
	_, _, err = a.ob.Add(tx, outbox.Action{
		Kind: KindSubscribe, Key: "accounts:subscribe:" + grantID, Lanes: []string{Lane(p.ID)},
		Subject: "account:" + p.ID, CreatedBy: r.User, Payload: encode(XSubscribe{Account: p.ID}),
	})
	if err != nil {
		return Account{}, fmt.Errorf("add subscription of @%s: %w", p.Handle, err)
	}
	return acc, a.put(tx, was, acc)
}

// outcome notes how a request that is used up ended. It is for those who look
// into the records, so a failure to write it is logged and no more.
func (a *Accounts) outcome(ctx context.Context, requestID string, c Code) {
	err := a.db.Update(ctx, func(tx store.Tx) error {
		r, ok, err := requests().Find(tx, store.Key(requestID))
		if err != nil || !ok {
			return err
		}
		r.Outcome = string(c)
		return requests().Put(tx, r)
	})
	if err != nil {
		a.log.WarnContext(ctx, "outcome of an authorization not noted", "err", err)
	}
}

// takeBack revokes tokens that are not going to be used.
func (a *Accounts) takeBack(ctx context.Context, t Tokens) {
	if err := a.auth.Revoke(ctx, t); err != nil {
		a.log.WarnContext(ctx, "unused tokens not revoked", "err", err)
	}
}

// Request returns a request, for its Channel and Respond.
func (a *Accounts) Request(tx store.Tx, requestID string) (Request, bool, error) {
	return requests().Find(tx, store.Key(requestID))
}

func (a *Accounts) missing(granted []string) []string {
	var list []string
	for _, s := range a.scopes {
		if !slices.Contains(granted, s) {
			list = append(list, s)
		}
	}
	return list
}

func missingText(missing []string) string {
	means := map[string]string{
		"tweet.read": "read posts", "tweet.write": "publish posts", "users.read": "see profiles",
		"dm.read": "read direct messages", "dm.write": "send direct messages",
		"media.write": "upload media", "offline.access": "stay connected",
	}
	named := make([]string, 0, len(missing))
	for _, s := range missing {
		if m, ok := means[s]; ok {
			s = m + " (" + s + ")"
		}
		named = append(named, s)
	}
	return "X did not grant everything Perch needs, so nothing was connected. Missing: " + strings.Join(named, ", ") +
		". Check the app's permissions at X (Read, write and direct messages), then start again in the chat."
}

func limit(subscription string) int {
	switch strings.ToLower(subscription) {
	case "basic", "premium", "premiumplus":
		return limitPremium
	}
	return limitPlain
}

// clean keeps the word that X gave as its error fit to be shown.
func clean(s string) string {
	s = strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '_' || r == '-' {
			return r
		}
		return -1
	}, s)
	return s[:min(len(s), 40)]
}

// wrap leaves errors for people as they are.
func wrap(what string, err error) error {
	if e, ok := errors.AsType[*Error](err); ok {
		return e
	}
	return fmt.Errorf("%s: %w", what, err)
}

// random returns 256 bits as text, which also is a PKCE verifier (RFC 7636, 4.1).
func random() string {
	b := make([]byte, 32)
	_, _ = rand.Read(b) // it never fails: it ends the process instead
	return base64.RawURLEncoding.EncodeToString(b)
}

// hash is what is stored of a random value that a browser brings back.
func hash(s string) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:])
}

func same(x, y string) bool { return subtle.ConstantTimeCompare([]byte(x), []byte(y)) == 1 }

func encode(v any) json.RawMessage {
	raw, err := json.Marshal(v)
	if err != nil {
		panic(err) // payloads are structs of strings
	}
	return raw
}
