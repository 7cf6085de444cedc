package accounts

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/perch-chat/perch/internal/id"
	"github.com/perch-chat/perch/internal/outbox"
	"github.com/perch-chat/perch/store"
)

// Tokens are what X grants for an account.
type Tokens struct {
	Access  Secret
	Refresh Secret
	Expires time.Time
	Scopes  []string
}

// Profile is whose tokens they are.
type Profile struct {
	ID           string
	Handle       string // without @
	Name         string
	AvatarURL    string
	Subscription string // X's word: "None", "Basic", "Premium", "PremiumPlus"
}

// Authorizer is X's side of an authorization. Its methods are called outside
// of any transaction, and no error of theirs may hold a token.
type Authorizer interface {
	// AuthCodeURL is X's page on which a person grants access (PKCE S256).
	AuthCodeURL(state, verifier string) string

	// Exchange turns the code, which lives for 30 seconds, into tokens.
	Exchange(ctx context.Context, code, verifier string) (Tokens, error)

	// Refresh renews the tokens. Its error is ErrGrantDead if X no longer
	// knows the token and ErrLater if surely nothing was renewed; any other
	// error means that nobody knows.
	Refresh(ctx context.Context, refresh string) (Tokens, error)

	// Me asks whose tokens they are.
	Me(ctx context.Context, access string) (Profile, error)

	// Revoke takes the tokens back. Tokens that X does not know are no error.
	Revoke(ctx context.Context, t Tokens) error
}

// Outbox is what accounts need of the outbox.
type Outbox interface {
	Add(tx store.Tx, a outbox.Action) (outbox.Action, bool, error)
	Hold(tx store.Tx, h outbox.Hold) error
	Release(tx store.Tx, lane string) error
}

// Requester is the person who wants to connect an account.
type Requester struct {
	User     string // ref of the person in their chat
	UserName string
	Channel  string
	Respond  string // how to answer that person alone, if the chat gave a way
}

// Options are the settings of Accounts.
type Options struct {
	Log        *slog.Logger
	PublicURL  string // Perch's own address, without a slash at the end
	Authorizer Authorizer
	Scopes     []string // without which an account is of no use; default [RequiredScopes]
}

// RequiredScopes are what Perch asks X for.
func RequiredScopes() []string {
	return []string{"tweet.read", "tweet.write", "users.read", "dm.read", "dm.write", "media.write", "offline.access"}
}

// Accounts are the connected accounts. It is safe for concurrent use.
type Accounts struct {
	db     store.Store
	ob     Outbox
	seal   *Sealer
	log    *slog.Logger
	public string
	auth   Authorizer
	scopes []string
	holder string // this process, as the holder of a lease

	changed []func(tx store.Tx, was, now Account) error

	mu      sync.Mutex
	flights map[string]*flight
}

// New returns the accounts kept in db.
func New(db store.Store, ob Outbox, sealer *Sealer, o Options) *Accounts {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Scopes == nil {
		o.Scopes = RequiredScopes()
	}
	return &Accounts{
		db: db, ob: ob, seal: sealer, log: o.Log, auth: o.Authorizer, scopes: o.Scopes,
		public: strings.TrimRight(o.PublicURL, "/"), holder: id.New(), flights: map[string]*flight{},
	}
}

// OnChange has fn called in the transaction of every change of an account's
// state or default: was is the zero Account for one that is new. It is to be
// called before the accounts are used.
func (a *Accounts) OnChange(fn func(tx store.Tx, was, now Account) error) {
	a.changed = append(a.changed, fn)
}

// put stores now and tells those who watch.
func (a *Accounts) put(tx store.Tx, was, now Account) error {
	if err := accounts().Put(tx, now); err != nil {
		return err
	}
	for _, fn := range a.changed {
		if err := fn(tx, was, now); err != nil {
			return err
		}
	}
	return nil
}

// Get returns an account by its X user id. The error of one that was never
// connected is an *[Error].
func (a *Accounts) Get(tx store.Tx, accountID string) (Account, error) {
	acc, ok, err := accounts().Find(tx, store.Key(accountID))
	if err != nil {
		return Account{}, err
	}
	if !ok {
		return Account{}, errNotFound()
	}
	return acc, nil
}

// FindHandle returns the account with the handle, with or without @.
func (a *Accounts) FindHandle(tx store.Tx, handle string) (Account, bool, error) {
	return accounts().First(tx, "handle", store.Key(strings.ToLower(strings.TrimPrefix(strings.TrimSpace(handle), "@"))))
}

// List returns all accounts, whatever their state: the default first, then by handle.
func (a *Accounts) List(tx store.Tx) ([]Account, error) {
	list, err := store.Collect(accounts().Scan(tx, store.Range{}))
	if err != nil {
		return nil, err
	}
	slices.SortFunc(list, func(x, y Account) int {
		if x.Default != y.Default {
			if x.Default {
				return -1
			}
			return 1
		}
		return cmp.Or(strings.Compare(strings.ToLower(x.Handle), strings.ToLower(y.Handle)), strings.Compare(x.ID, y.ID))
	})
	return list, nil
}

// Default returns the account that is used where none is named.
func (a *Accounts) Default(tx store.Tx) (Account, bool, error) {
	return accounts().First(tx, "default", store.Key("default"))
}

// SetDefault makes the account the default one.
func (a *Accounts) SetDefault(tx store.Tx, accountID, by string) (Account, error) {
	acc, err := a.Get(tx, accountID)
	if err != nil {
		return Account{}, err
	}
	if acc.State == Unauthorized {
		return Account{}, problem(CodeUnauthorized, "@"+acc.Handle+" is disconnected. Connect it with /twitter authorize first.", nil)
	}
	if acc.Default {
		return acc, nil
	}
	old, ok, err := a.Default(tx)
	if err != nil {
		return Account{}, err
	}
	if ok {
		was := old
		old.Default, old.ChangedBy, old.Changed = false, by, now()
		if err := a.put(tx, was, old); err != nil {
			return Account{}, err
		}
	}
	was := acc
	acc.Default, acc.ChangedBy, acc.Changed = true, by, now()
	return acc, a.put(tx, was, acc)
}

// Unauthorize disconnects the account at once. What still waits to be sent for
// it keeps waiting, held, and goes out if the account is connected again. An
// action of [KindRevoke] takes the grant back at X; see [Accounts.Revoke].
func (a *Accounts) Unauthorize(tx store.Tx, accountID, by string) (Account, error) {
	acc, err := a.Get(tx, accountID)
	if err != nil {
		return Account{}, err
	}
	if acc.State == Unauthorized {
		return acc, nil
	}
	was, oldGrant := acc, acc.Grant
	acc.State, acc.Default, acc.Grant, acc.Scopes = Unauthorized, false, "", nil
	acc.Reason = "It was disconnected."
	acc.ChangedBy, acc.Changed = by, now()
	if err := a.put(tx, was, acc); err != nil {
		return Account{}, err
	}
	if was.Default {
		if err := a.nextDefault(tx, by); err != nil {
			return Account{}, err
		}
	}
	err = a.ob.Hold(tx, outbox.Hold{
		Lane: Lane(acc.ID), Code: "disconnected", Since: now(),
		Message: "@" + acc.Handle + " is disconnected. Connect it again with /twitter authorize, or discard this.",
	})
	if err != nil {
		return Account{}, fmt.Errorf("hold what waits for @%s: %w", acc.Handle, err)
	}
	if oldGrant == "" {
		return acc, nil
	}
	_, _, err = a.ob.Add(tx, outbox.Action{
		Kind: KindRevoke, Key: "accounts:revoke:" + oldGrant, Subject: "account:" + acc.ID, CreatedBy: by,
		Payload: encode(XRevoke{Account: acc.ID, Grant: oldGrant}),
	})
	if err != nil {
		return Account{}, fmt.Errorf("add revoke of @%s: %w", acc.Handle, err)
	}
	return acc, nil
}

// nextDefault makes the account that was connected first the default.
func (a *Accounts) nextDefault(tx store.Tx, by string) error {
	list, err := a.List(tx)
	if err != nil {
		return err
	}
	list = slices.DeleteFunc(list, func(x Account) bool { return x.State == Unauthorized })
	if len(list) == 0 {
		return nil
	}
	next := slices.MinFunc(list, func(x, y Account) int {
		if (x.State == Connected) != (y.State == Connected) { // one that works comes first
			if x.State == Connected {
				return -1
			}
			return 1
		}
		return x.ConnectedAt.Compare(y.ConnectedAt)
	})
	_, err = a.SetDefault(tx, next.ID, by)
	return err
}

// MarkReconnect says that X no longer accepts Perch for the account, which a
// person has to connect again. What waits to be sent for it is held. reason is
// a sentence for people.
func (a *Accounts) MarkReconnect(tx store.Tx, accountID, reason string) (Account, error) {
	acc, err := a.Get(tx, accountID)
	if err != nil {
		return Account{}, err
	}
	if acc.State != Connected {
		return acc, nil
	}
	was := acc
	acc.State, acc.Reason, acc.ChangedBy, acc.Changed = ReconnectNeeded, reason, "", now()
	err = a.ob.Hold(tx, outbox.Hold{
		Lane: Lane(acc.ID), Code: "reconnect", Since: now(),
		Message: "X no longer lets Perch act for @" + acc.Handle + ". It goes out once an admin has connected the account again with /twitter authorize.",
	})
	if err != nil {
		return Account{}, fmt.Errorf("hold what waits for @%s: %w", acc.Handle, err)
	}
	return acc, a.put(tx, was, acc)
}

// Reseal seals every stored token with the current key and returns how many it
// changed. It is for the time after a new key was put first.
func (a *Accounts) Reseal(ctx context.Context) (int, error) {
	var ids []string
	err := a.db.View(ctx, func(tx store.Tx) error {
		ids = ids[:0]
		for g, err := range grants().Scan(tx, store.Range{}) {
			if err != nil {
				return err
			}
			if !a.seal.Current(g.Access) || !a.seal.Current(g.Refresh) {
				ids = append(ids, g.ID)
			}
		}
		return nil
	})
	if err != nil {
		return 0, fmt.Errorf("find tokens to seal again: %w", err)
	}
	for n, grantID := range ids {
		err := a.db.Update(ctx, func(tx store.Tx) error {
			g, ok, err := grants().Find(tx, store.Key(grantID))
			if err != nil || !ok {
				return err
			}
			t, err := a.open(g)
			if err != nil {
				return err
			}
			return grants().Put(tx, a.sealed(g, t))
		})
		if err != nil {
			return n, fmt.Errorf("seal tokens again: %w", err)
		}
	}
	return len(ids), nil
}

// Revoke takes a grant back at X and then forgets its tokens. It is what an
// action of [KindRevoke] does, and may be repeated.
func (a *Accounts) Revoke(ctx context.Context, x XRevoke) error {
	var t Tokens
	var found, replaced bool
	err := a.db.View(ctx, func(tx store.Tx) error {
		acc, ok, err := accounts().Find(tx, store.Key(x.Account))
		if err != nil {
			return err
		}
		// Connecting an account again ends its older grant at X; revoking that
		// one now might take the new grant along.
		replaced = ok && acc.State == Connected && acc.Grant != x.Grant
		g, ok, err := grants().Find(tx, store.Key(x.Grant))
		if err != nil || !ok {
			return err
		}
		found = true
		t, err = a.open(g)
		if errors.Is(err, ErrUnsealable) {
			// Nobody can use such tokens any more, Perch neither.
			a.log.WarnContext(ctx, "forgetting tokens that no key opens", "account", x.Account)
			replaced, err = true, nil
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("read the grant to revoke: %w", err)
	}
	if !found {
		return nil
	}
	if !replaced {
		if err := a.auth.Revoke(ctx, t); err != nil {
			return fmt.Errorf("revoke at X: %w", err)
		}
	}
	return a.forget(ctx, x.Grant)
}

func (a *Accounts) forget(ctx context.Context, grantID string) error {
	err := a.db.Update(ctx, func(tx store.Tx) error { return grants().Delete(tx, store.Key(grantID)) })
	if err != nil {
		return fmt.Errorf("forget tokens: %w", err)
	}
	return nil
}

func now() time.Time { return time.Now().UTC() }
