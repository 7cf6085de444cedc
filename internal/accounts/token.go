package accounts

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/perch-chat/perch/store"
)

const (
	refreshAhead   = 5 * time.Minute  // tokens are renewed this long before they end
	refreshTimeout = 15 * time.Second // of one call to X
	refreshLease   = 45 * time.Second // longer than two calls and what is stored after them
	accessLife     = 2 * time.Hour    // where X does not say it
	leasePoll      = 200 * time.Millisecond
	stillGood      = 10 * time.Second // an access token with this much left is used if X renews nothing now
)

// flight is a refresh under way in this process, for all who wait for it.
type flight struct {
	done   chan struct{}
	access Secret
	err    error
}

// Token returns a valid access token of the account, which it renews if less
// than five minutes of it are left. However many ask, in however many
// processes over one store, one of them renews. Errors for people are
// *[Error]. It must not be called inside a transaction.
func (a *Accounts) Token(ctx context.Context, accountID string) (string, error) {
	return a.token(ctx, accountID, "")
}

// Invalidate says that X did not take the access token (status 401), and
// returns another: the one that replaced it meanwhile, or a renewed one.
func (a *Accounts) Invalidate(ctx context.Context, accountID, access string) (string, error) {
	return a.token(ctx, accountID, Secret(access))
}

func (a *Accounts) token(ctx context.Context, accountID string, bad Secret) (string, error) {
	for {
		acc, g, t, err := a.read(ctx, accountID)
		if err != nil {
			return "", err
		}
		if acc.State != Connected {
			return "", stateError(acc)
		}
		if fresh(t, bad) {
			return t.Access.Reveal(), nil
		}
		access, again, err := a.join(ctx, acc, g.ID, bad)
		if err != nil {
			return "", err
		}
		if !again && (bad == "" || !same(access.Reveal(), bad.Reveal())) {
			return access.Reveal(), nil
		}
	}
}

// fresh reports whether the stored pair will do.
func fresh(t Tokens, bad Secret) bool {
	if bad != "" && same(t.Access.Reveal(), bad.Reveal()) {
		return false
	}
	return time.Until(t.Expires) > refreshAhead
}

func stateError(acc Account) *Error {
	if acc.State == Unauthorized {
		return problem(CodeUnauthorized, "@"+acc.Handle+" is disconnected. Connect it again with /twitter authorize.", nil)
	}
	return problem(CodeReconnectNeeded, "X no longer lets Perch act for @"+acc.Handle+". An admin has to connect it again with /twitter authorize.", nil)
}

// read returns the account and its stored pair.
func (a *Accounts) read(ctx context.Context, accountID string) (acc Account, g grant, t Tokens, err error) {
	err = a.db.View(ctx, func(tx store.Tx) error {
		acc, err = a.Get(tx, accountID)
		if err != nil || acc.State != Connected {
			return err
		}
		if g, err = grants().Get(tx, store.Key(acc.Grant)); err != nil {
			return err
		}
		t, err = a.open(g)
		return err
	})
	if err != nil {
		return Account{}, grant{}, Tokens{}, wrap("read tokens of account "+accountID, err)
	}
	return acc, g, t, nil
}

// join takes part in the refresh of the account that is under way in this
// process, or makes it. again means to look at the store once more.
func (a *Accounts) join(ctx context.Context, acc Account, grantID string, bad Secret) (access Secret, again bool, err error) {
	a.mu.Lock()
	f, under := a.flights[grantID]
	if !under {
		f = &flight{done: make(chan struct{})}
		a.flights[grantID] = f
	}
	a.mu.Unlock()
	if under {
		select {
		case <-ctx.Done():
			return "", false, ctx.Err()
		case <-f.done:
			// Its outcome is the outcome of all who waited, or X would be asked
			// as often as there are callers while it is down.
			return f.access, f.access == "" && f.err == nil, f.err
		}
	}
	defer func() {
		a.mu.Lock()
		delete(a.flights, grantID)
		a.mu.Unlock()
		close(f.done)
	}()
	f.access, f.err = a.lead(ctx, acc, grantID, bad)
	return f.access, f.access == "" && f.err == nil, f.err
}

// lead renews the pair once it has the lease. It returns no token and no error
// if the store is to be looked at again.
func (a *Accounts) lead(ctx context.Context, acc Account, grantID string, bad Secret) (Secret, error) {
	// Whoever asked first may go away; the others still wait for the outcome,
	// and a pair that X has renewed has to be stored.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 3*refreshLease)
	defer cancel()
	for {
		g, t, mine, err := a.lease(ctx, acc.ID, grantID, bad)
		if err != nil {
			return "", err
		}
		if mine {
			return a.renew(ctx, acc, g, t, bad)
		}
		if g.ID == "" || fresh(t, bad) {
			return "", nil
		}
		select { // another process renews it
		case <-ctx.Done():
			return "", problem(CodeLater, "X could not be asked for @"+acc.Handle+" now. Perch tries again by itself.", ctx.Err())
		case <-time.After(leasePoll):
		}
	}
}

// lease marks the grant as being renewed by this process, unless another has
// the mark or the pair is fresh already. A grant without ID means that it is
// gone, or no longer to be used.
func (a *Accounts) lease(ctx context.Context, accountID, grantID string, bad Secret) (g grant, t Tokens, mine bool, err error) {
	err = a.db.Update(ctx, func(tx store.Tx) error {
		g, mine = grant{}, false
		acc, ok, err := accounts().Find(tx, store.Key(accountID))
		if err != nil || !ok || acc.State != Connected || acc.Grant != grantID {
			return err
		}
		if g, ok, err = grants().Find(tx, store.Key(grantID)); err != nil || !ok {
			g = grant{}
			return err
		}
		if t, err = a.open(g); err != nil {
			return err
		}
		if fresh(t, bad) || g.Holder != "" && now().Before(g.Until) {
			return nil
		}
		if g.Holder != "" {
			// Its holder died between the mark and the outcome.
			g.Unknowns++
		}
		mine = true
		g.Holder, g.Until = a.holder, now().Add(refreshLease)
		return grants().Put(tx, g)
	})
	if err != nil {
		return grant{}, Tokens{}, false, fmt.Errorf("lease tokens: %w", err)
	}
	return g, t, mine, nil
}

// renew asks X for a new pair and stores it before anybody uses it.
func (a *Accounts) renew(ctx context.Context, acc Account, g grant, t Tokens, bad Secret) (Secret, error) {
	for {
		if g.Unknowns > 1 {
			return "", a.lost(ctx, acc, g, "X did not answer twice when Perch renewed its access, so the access may be lost.")
		}
		next, err := a.refresh(ctx, t)
		switch {
		case err == nil:
			return a.keep(ctx, acc, g, next)
		case errors.Is(err, ErrGrantDead):
			a.log.WarnContext(ctx, "the grant is dead", "account", acc.ID, "err", err)
			return "", a.lost(ctx, acc, g, "X no longer accepts the access it granted. It was taken back at X, or ran out.")
		case errors.Is(err, ErrLater):
			a.log.WarnContext(ctx, "tokens not renewed yet", "account", acc.ID, "err", err)
			return a.postpone(ctx, acc, g, t, bad, err)
		}
		a.log.WarnContext(ctx, "outcome of a token refresh unknown", "account", acc.ID, "attempt", g.Unknowns+1, "err", err)
		// The old token is the only one there is, so it is tried once more.
		if g, err = a.unknown(ctx, g); err != nil {
			return "", err
		}
		if g.ID == "" {
			return "", nil
		}
	}
}

func (a *Accounts) refresh(ctx context.Context, t Tokens) (Tokens, error) {
	ctx, cancel := context.WithTimeout(ctx, refreshTimeout)
	defer cancel()
	next, err := a.auth.Refresh(ctx, t.Refresh.Reveal())
	if err != nil {
		return Tokens{}, err
	}
	if next.Access == "" {
		return Tokens{}, errors.New("no token in the renewed pair")
	}
	if next.Refresh == "" { // X rotates them; one that does not keeps the old
		next.Refresh = t.Refresh
	}
	return next, nil
}

// keep stores the new pair in place of the one that it came from.
func (a *Accounts) keep(ctx context.Context, acc Account, g grant, next Tokens) (Secret, error) {
	var gone bool
	var access Secret
	err := a.db.Update(ctx, func(tx store.Tx) error {
		gone, access = false, ""
		cur, ok, err := grants().Find(tx, store.Key(g.ID))
		if err != nil {
			return err
		}
		if !ok {
			gone = true
			return nil
		}
		if cur.Gen != g.Gen { // another process renewed the same pair
			return nil
		}
		cur.Gen++
		cur.Holder, cur.Until, cur.Unknowns, cur.Stored = "", time.Time{}, 0, now()
		access = next.Access
		return grants().Put(tx, a.sealed(cur, next))
	})
	if err != nil {
		return "", fmt.Errorf("store renewed tokens of account %s: %w", acc.ID, err)
	}
	if gone { // it was disconnected and forgotten while X was asked
		a.takeBack(ctx, next)
		return "", nil
	}
	return access, nil
}

// mine runs fn on the stored grant if it is still the pair and the lease of g.
// ok false means that somebody else took over.
func (a *Accounts) mine(ctx context.Context, g grant, fn func(tx store.Tx, cur grant) error) (ok bool, err error) {
	err = a.db.Update(ctx, func(tx store.Tx) error {
		ok = false
		cur, found, err := grants().Find(tx, store.Key(g.ID))
		if err != nil || !found || cur.Gen != g.Gen || cur.Holder != a.holder {
			return err
		}
		ok = true
		return fn(tx, cur)
	})
	if err != nil {
		return false, fmt.Errorf("note the outcome of a token refresh: %w", err)
	}
	return ok, nil
}

// lost marks the account as one to reconnect, unless another process has
// renewed the pair meanwhile: then it returns nil, and the store is looked at again.
func (a *Accounts) lost(ctx context.Context, acc Account, g grant, reason string) error {
	ok, err := a.mine(ctx, g, func(tx store.Tx, cur grant) error {
		cur.Holder, cur.Until = "", time.Time{}
		if err := grants().Put(tx, cur); err != nil {
			return err
		}
		stored, err := a.Get(tx, acc.ID)
		if err != nil || stored.Grant != g.ID {
			return err
		}
		_, err = a.MarkReconnect(tx, acc.ID, reason)
		return err
	})
	if err != nil || !ok {
		return err
	}
	acc.State = ReconnectNeeded
	return stateError(acc)
}

// postpone gives the lease back, and what is left of the old token to the caller.
func (a *Accounts) postpone(ctx context.Context, acc Account, g grant, t Tokens, bad Secret, cause error) (Secret, error) {
	ok, err := a.mine(ctx, g, func(tx store.Tx, cur grant) error {
		cur.Holder, cur.Until = "", time.Time{}
		return grants().Put(tx, cur)
	})
	if err != nil || !ok {
		return "", err
	}
	if time.Until(t.Expires) > stillGood && !same(t.Access.Reveal(), bad.Reveal()) {
		return t.Access, nil
	}
	return "", problem(CodeLater, "X could not renew its access for @"+acc.Handle+" now. Perch tries again by itself.", cause)
}

// unknown counts a refresh whose outcome nobody knows, and keeps the lease.
func (a *Accounts) unknown(ctx context.Context, g grant) (grant, error) {
	var cur grant
	ok, err := a.mine(ctx, g, func(tx store.Tx, c grant) error {
		c.Unknowns++
		c.Until = now().Add(refreshLease)
		cur = c
		return grants().Put(tx, c)
	})
	if err != nil || !ok {
		return grant{}, err
	}
	return cur, nil
}

func (a *Accounts) open(g grant) (Tokens, error) {
	access, err := a.seal.Open(grantTable, g.ID+".access", g.Access)
	if err != nil {
		return Tokens{}, err
	}
	refresh, err := a.seal.Open(grantTable, g.ID+".refresh", g.Refresh)
	if err != nil {
		return Tokens{}, err
	}
	return Tokens{Access: access, Refresh: refresh, Expires: g.Expires}, nil
}

func (a *Accounts) sealed(g grant, t Tokens) grant {
	g.Access = a.seal.Seal(grantTable, g.ID+".access", t.Access.Reveal())
	g.Refresh = a.seal.Seal(grantTable, g.ID+".refresh", t.Refresh.Reveal())
	if t.Expires.IsZero() {
		t.Expires = now().Add(accessLife)
	}
	g.Expires = t.Expires.UTC()
	return g
}
