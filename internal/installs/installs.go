// Package installs keeps the Slack workspaces that Perch is installed in, with
// their tokens sealed, and carries an installation through the browser: a link
// that an operator makes, a state and a cookie that bind it to one browser. It
// speaks to Slack only through what it is given.
package installs

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/perch-chat/perch/internal/accounts"
	"github.com/perch-chat/perch/store"
)

// Grant is what Slack gives for a workspace.
type Grant struct {
	ID         string // of the installation: another one each time; set by Find
	Team       string // T…
	Name       string
	Enterprise string
	App        string
	BotUser    string
	BotID      string
	BotName    string
	Scopes     []string
	By         string // the person's ID in Slack
	At         time.Time
	Token      accounts.Secret
}

// Slack is Slack's side of an installation. Its methods are called outside of
// any transaction, and no error of theirs may hold a token.
type Slack interface {
	// AuthorizeURL is Slack's page on which a person picks a workspace.
	AuthorizeURL(state string) string

	// Exchange turns the code, which works once, into a grant. An error that
	// people can do something about is an *[Error].
	Exchange(ctx context.Context, code string) (Grant, error)
}

// Options are the settings of Installs.
type Options struct {
	Log       *slog.Logger
	PublicURL string // Perch's own address, without a slash at the end
	Slack     Slack
}

// Installs are the workspaces. It is safe for concurrent use.
type Installs struct {
	db      store.Store
	seal    *accounts.Sealer
	log     *slog.Logger
	public  string
	slack   Slack
	changed []func(tx store.Tx, w Workspace, installed bool) error
}

// New returns the installations kept in db.
func New(db store.Store, sealer *accounts.Sealer, o Options) *Installs {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return &Installs{db: db, seal: sealer, log: o.Log, public: strings.TrimRight(o.PublicURL, "/"), slack: o.Slack}
}

// OnChange has fn called in the transaction of every installation and removal.
// It is to be called before the installations are used.
func (in *Installs) OnChange(fn func(tx store.Tx, w Workspace, installed bool) error) {
	in.changed = append(in.changed, fn)
}

func (in *Installs) tell(tx store.Tx, w Workspace, installed bool) error {
	for _, fn := range in.changed {
		if err := fn(tx, w, installed); err != nil {
			return err
		}
	}
	return nil
}

// Find returns what is known of a workspace, with its token. It says false if
// Perch is not installed there.
func (in *Installs) Find(ctx context.Context, team string) (g Grant, ok bool, err error) {
	err = in.db.View(ctx, func(tx store.Tx) error {
		var w Workspace
		if w, ok, err = workspaces().Find(tx, store.Key(team)); err != nil || !ok {
			return err
		}
		g, err = in.open(w)
		return err
	})
	if err != nil {
		return Grant{}, false, fmt.Errorf("find workspace %s: %w", team, err)
	}
	return g, ok, nil
}

// List returns all workspaces, by their IDs.
func List(tx store.Tx) ([]Workspace, error) {
	return store.Collect(workspaces().Scan(tx, store.Range{}))
}

// Remove forgets a workspace, unless it was installed after at: what Slack
// tells late must not end a newer installation.
func (in *Installs) Remove(tx store.Tx, team string, at time.Time) (Workspace, bool, error) {
	w, ok, err := workspaces().Find(tx, store.Key(team))
	if err != nil || !ok || at.Before(w.At) {
		return w, false, err
	}
	if err := workspaces().Delete(tx, store.Key(team)); err != nil {
		return w, false, err
	}
	return w, true, in.tell(tx, w, false)
}

// Reseal seals every stored token with the current key and returns how many it
// changed. It is for the time after a new key was put first.
func (in *Installs) Reseal(ctx context.Context) (int, error) {
	n := 0
	err := in.db.Update(ctx, func(tx store.Tx) error {
		n = 0
		all, err := List(tx)
		if err != nil {
			return err
		}
		for _, w := range all {
			if in.seal.Current(w.Token) {
				continue
			}
			g, err := in.open(w)
			if err != nil {
				return err
			}
			if err := workspaces().Put(tx, in.sealed(g, w.Link)); err != nil {
				return err
			}
			n++
		}
		return nil
	})
	if err != nil {
		return 0, fmt.Errorf("seal the tokens of workspaces again: %w", err)
	}
	return n, nil
}

func (in *Installs) open(w Workspace) (Grant, error) {
	t, err := in.seal.Open(workspaceTable, w.Team, w.Token)
	if err != nil {
		return Grant{}, err
	}
	return Grant{
		ID: w.ID, Team: w.Team, Name: w.Name, Enterprise: w.Enterprise, App: w.App, BotUser: w.BotUser, BotID: w.BotID, BotName: w.BotName,
		Scopes: w.Scopes, By: w.By, At: w.At, Token: t,
	}, nil
}

func (in *Installs) sealed(g Grant, link string) Workspace {
	return Workspace{
		ID: g.ID, Team: g.Team, Name: g.Name, Enterprise: g.Enterprise, App: g.App, BotUser: g.BotUser, BotID: g.BotID, BotName: g.BotName,
		Scopes: g.Scopes, By: g.By, At: g.At.UTC(), Token: in.seal.Seal(workspaceTable, g.Team, g.Token.Reveal()), Link: link,
	}
}

// Code says what went wrong, for programs.
type Code string

// The codes of errors.
const (
	CodeUnknownLink  Code = "unknown_link"
	CodeExpired      Code = "expired"
	CodeUsed         Code = "used"
	CodeOtherBrowser Code = "other_browser"
	CodeDenied       Code = "denied"
	CodeRefused      Code = "refused" // Slack answered with another error
)

// Error is an answer for people.
type Error struct {
	Code    Code
	Message string // a sentence or two that say what to do next
	Err     error
}

func (e *Error) Error() string {
	if e.Err != nil {
		return "installs: " + string(e.Code) + ": " + e.Err.Error()
	}
	return "installs: " + string(e.Code)
}

// Unwrap returns the error beneath.
func (e *Error) Unwrap() error { return e.Err }

func problem(c Code, msg string) *Error { return &Error{Code: c, Message: msg} }

// wrap leaves errors for people as they are.
func wrap(what string, err error) error {
	if e, ok := errors.AsType[*Error](err); ok {
		return e
	}
	return fmt.Errorf("%s: %w", what, err)
}
