package main

import (
	"context"
	"errors"
	"fmt"
	"text/tabwriter"

	"github.com/perch-chat/perch/internal/app"
	"github.com/perch-chat/perch/internal/config"
	"github.com/perch-chat/perch/store"
)

type slackLinkCmd struct {
	fileFlag
}

// Run implements the command.
func (c slackLinkCmd) Run(e *env) error {
	cfg, err := c.load(e)
	if err != nil {
		return err
	}
	if cfg.Chat.Slack.ClientID == "" {
		return errors.New("chat.slack.client_id is empty: with one workspace the bot token is in the configuration, and no link is needed")
	}
	o, err := slackOrder(e, cfg, (*app.Control).SlackLink, true, func(tx store.Tx) (app.SlackOrder, error) {
		return app.NewSlackLink(tx, cfg.PublicURL)
	})
	if err != nil {
		return err
	}
	_, _ = fmt.Fprintf(e.err, "Whoever opens this link can add Perch to one Slack workspace, once, until %s. Give it to that person alone.\n", date(o.Expires, ""))
	_, err = fmt.Fprintln(e.out, o.Link)
	return err
}

type slackWorkspacesCmd struct {
	fileFlag
}

// Run implements the command.
func (c slackWorkspacesCmd) Run(e *env) error {
	cfg, err := c.loadStore(e)
	if err != nil {
		return err
	}
	o, err := slackOrder(e, cfg, (*app.Control).SlackWorkspaces, false, app.ListSlackWorkspaces)
	if err != nil {
		return err
	}
	if len(o.Workspaces) == 0 {
		_, err := fmt.Fprintln(e.out, "Perch is installed in no Slack workspace by link. Make a link: perch slack install-link")
		return err
	}
	w := tabwriter.NewWriter(e.out, 0, 4, 2, ' ', 0)
	_, _ = fmt.Fprintln(w, "ID\tNAME\tBOT\tINSTALLED\tBY")
	for _, x := range o.Workspaces {
		_, _ = fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", x.Team, x.Name, x.Bot, date(x.At, ""), x.By)
	}
	return w.Flush()
}

// slackOrder has the running Perch carry an order out, or does so itself.
func slackOrder(e *env, cfg config.Config, ask func(*app.Control, context.Context) (app.SlackOrder, error), changes bool, do func(store.Tx) (app.SlackOrder, error)) (o app.SlackOrder, err error) {
	err = live(e, cfg,
		func(ctl *app.Control) (err error) {
			o, err = ask(ctl, e.ctx)
			return err
		},
		func(db store.Store) error {
			in := db.View
			if changes {
				in = db.Update
			}
			return in(e.ctx, func(tx store.Tx) (err error) {
				o, err = do(tx)
				return err
			})
		})
	return o, err
}
