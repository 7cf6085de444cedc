package main

import (
	"errors"
	"fmt"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/perch-chat/perch/internal/app"
	"github.com/perch-chat/perch/store"
	"github.com/perch-chat/perch/web"
)

type tokenCmd struct {
	Create tokenCreateCmd `cmd:"" help:"Make a token. It is shown once."`
	List   tokenListCmd   `cmd:"" help:"List the tokens."`
	Revoke tokenRevokeCmd `cmd:"" help:"End a token at once."`
}

// withStore opens the configured store for one command.
func withStore(e *env, f fileFlag, fn func(store.Store) error) error {
	cfg, err := f.load(e)
	if err != nil {
		return err
	}
	db, err := app.OpenStore(e.ctx, cfg)
	if err != nil {
		return err
	}
	return errors.Join(fn(db), db.Close())
}

type tokenCreateCmd struct {
	fileFlag
	Name    string        `arg:"" help:"What the token is for: \"ci\"."`
	Scopes  []string      `help:"What it may do: ${scopes}." default:"events:read,events:write,incidents:read" sep:","`
	Expires time.Duration `help:"How long it works, such as 2160h for 90 days. 0: for ever." default:"2160h"`
}

// Run implements the command.
func (c tokenCreateCmd) Run(e *env) error {
	return withStore(e, c.fileFlag, func(db store.Store) error {
		n := web.NewToken{Name: c.Name}
		for _, s := range c.Scopes {
			n.Scopes = append(n.Scopes, web.Scope(strings.TrimSpace(s)))
		}
		if c.Expires > 0 {
			n.Expires = time.Now().Add(c.Expires).UTC()
		}
		var secret string
		var t web.Token
		err := db.Update(e.ctx, func(tx store.Tx) (err error) {
			secret, t, err = web.CreateToken(tx, n)
			return err
		})
		if err != nil {
			return err
		}
		_, _ = fmt.Fprintf(e.err, "Made %q (%s). Keep the token now: it is not shown again.\n", t.Name, t.ID)
		_, err = fmt.Fprintln(e.out, secret)
		return err
	})
}

type tokenListCmd struct {
	fileFlag
}

// Run implements the command.
func (c tokenListCmd) Run(e *env) error {
	return withStore(e, c.fileFlag, func(db store.Store) error {
		var list []web.Token
		err := db.View(e.ctx, func(tx store.Tx) (err error) {
			list, err = web.ListTokens(tx)
			return err
		})
		if err != nil {
			return err
		}
		if len(list) == 0 {
			_, err := fmt.Fprintln(e.out, "There is no token. Make one: perch token create NAME")
			return err
		}
		w := tabwriter.NewWriter(e.out, 0, 4, 2, ' ', 0)
		_, _ = fmt.Fprintln(w, "ID\tNAME\tSCOPES\tEXPIRES\tLAST USED\tSTATE")
		for _, t := range list {
			scopes := make([]string, len(t.Scopes))
			for i, s := range t.Scopes {
				scopes[i] = string(s)
			}
			_, _ = fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\n", t.ID, t.Name, strings.Join(scopes, ","), date(t.Expires, "never"), date(t.Used, "never"), tokenState(t))
		}
		return w.Flush()
	})
}

func date(t time.Time, zero string) string {
	if t.IsZero() {
		return zero
	}
	return t.UTC().Format("2006-01-02 15:04")
}

func tokenState(t web.Token) string {
	switch {
	case !t.Revoked.IsZero():
		return "revoked"
	case !t.Valid(time.Now()):
		return "expired"
	}
	return "valid"
}

type tokenRevokeCmd struct {
	fileFlag
	Token string `arg:"" help:"The token's ID or name, from perch token list."`
}

// Run implements the command.
func (c tokenRevokeCmd) Run(e *env) error {
	return withStore(e, c.fileFlag, func(db store.Store) error {
		var t web.Token
		err := db.Update(e.ctx, func(tx store.Tx) (err error) {
			t, err = web.RevokeToken(tx, c.Token)
			return err
		})
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(e.out, "Revoked %q. It opens nothing from now on.\n", t.Name)
		return err
	})
}

func scopeNames() string {
	var names []string
	for _, s := range web.Scopes() {
		names = append(names, string(s))
	}
	return strings.Join(names, ", ")
}
