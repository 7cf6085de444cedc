package main

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
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

// lifetime is a duration that may also be written in days: "90d".
type lifetime time.Duration

// maxLifetime keeps a date within what every program can read.
const maxLifetime = 100 * 365 * 24 * time.Hour

// UnmarshalText implements encoding.TextUnmarshaler.
func (l *lifetime) UnmarshalText(text []byte) error {
	s := string(text)
	bad := fmt.Errorf("%q is no time: write it as 90d, 12h or 0 for ever", s)
	var d time.Duration
	if days, ok := strings.CutSuffix(s, "d"); ok {
		n, err := strconv.ParseUint(days, 10, 16)
		if err != nil {
			return bad
		}
		d = time.Duration(n) * 24 * time.Hour
	} else {
		var err error
		if d, err = time.ParseDuration(s); err != nil {
			return bad
		}
	}
	switch {
	case d < 0:
		return bad
	case d > maxLifetime:
		return errors.New("that is over 100 years: use 0 for ever")
	}
	*l = lifetime(d)
	return nil
}

type tokenCreateCmd struct {
	fileFlag
	Name    string   `arg:"" help:"What the token is for: \"ci\"."`
	Scopes  []string `help:"What it may do: ${scopes}." default:"events:read,events:write,incidents:read" sep:","`
	Expires lifetime `help:"How long it works, such as 90d or 12h. 0: for ever." default:"90d"`
}

// Run implements the command.
func (c tokenCreateCmd) Run(e *env) error {
	o := app.TokenOrder{New: web.NewToken{Name: c.Name}}
	for _, s := range c.Scopes {
		scope := web.Scope(strings.TrimSpace(s))
		if !slices.Contains(web.Scopes(), scope) {
			_, _ = fmt.Fprintf(e.err, "perch: there is no scope %q: the scopes are %s\n", scope, scopeNames())
			return exitCode(2)
		}
		o.New.Scopes = append(o.New.Scopes, scope)
	}
	if c.Expires > 0 {
		o.New.Expires = time.Now().Add(time.Duration(c.Expires)).UTC()
	}
	o, err := c.order(e, "create", o, func(tx store.Tx, o *app.TokenOrder) error {
		secret, t, err := web.CreateToken(tx, o.New)
		o.Secret, o.Tokens = secret, []web.Token{t}
		return err
	})
	if err != nil {
		return err
	}
	t := o.Tokens[0]
	until := "for ever"
	if !t.Expires.IsZero() {
		until = "until " + date(t.Expires, "")
	}
	_, _ = fmt.Fprintf(e.err, "Made %q (%s). It works %s. Keep the token now: it is not shown again.\n", t.Name, t.ID, until)
	_, err = fmt.Fprintln(e.out, o.Secret)
	return err
}

// order has the running Perch carry an order out, or does so itself.
func (f fileFlag) order(e *env, what string, o app.TokenOrder, do func(store.Tx, *app.TokenOrder) error) (app.TokenOrder, error) {
	cfg, err := f.loadStore(e)
	if err != nil {
		return o, err
	}
	asked := o
	err = live(e, cfg,
		func(ctl *app.Control) (err error) {
			o, err = ctl.Tokens(e.ctx, what, asked)
			if err == nil && what != "list" && len(o.Tokens) != 1 {
				err = errors.New("the running perch is of another version: restart it")
			}
			return err
		},
		func(db store.Store) error {
			in := db.Update
			if what == "list" {
				in = db.View
			}
			return in(e.ctx, func(tx store.Tx) error {
				o = asked
				return do(tx, &o)
			})
		})
	return o, err
}

type tokenListCmd struct {
	fileFlag
}

// Run implements the command.
func (c tokenListCmd) Run(e *env) error {
	o, err := c.order(e, "list", app.TokenOrder{}, func(tx store.Tx, o *app.TokenOrder) (err error) {
		o.Tokens, err = web.ListTokens(tx)
		return err
	})
	if err != nil {
		return err
	}
	if len(o.Tokens) == 0 {
		_, err := fmt.Fprintln(e.out, "There is no token. Make one: perch token create NAME")
		return err
	}
	w := tabwriter.NewWriter(e.out, 0, 4, 2, ' ', 0)
	_, _ = fmt.Fprintln(w, "ID\tNAME\tSCOPES\tEXPIRES\tLAST USED\tSTATE")
	for _, t := range o.Tokens {
		scopes := make([]string, len(t.Scopes))
		for i, s := range t.Scopes {
			scopes[i] = string(s)
		}
		_, _ = fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\n", t.ID, t.Name, strings.Join(scopes, ","), date(t.Expires, "never"), date(t.Used, "never"), tokenState(t))
	}
	return w.Flush()
}

func date(t time.Time, zero string) string {
	if t.IsZero() {
		return zero
	}
	return t.UTC().Format("2006-01-02 15:04 UTC")
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
	o, err := c.order(e, "revoke", app.TokenOrder{Ref: c.Token}, func(tx store.Tx, o *app.TokenOrder) error {
		t, err := web.RevokeToken(tx, o.Ref)
		o.Tokens = []web.Token{t}
		return err
	})
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(e.out, "Revoked %q. It opens nothing from now on.\n", o.Tokens[0].Name)
	return err
}

func scopeNames() string {
	var names []string
	for _, s := range web.Scopes() {
		names = append(names, string(s))
	}
	return strings.Join(names, ", ")
}
