package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"github.com/perch-chat/perch/bot"
	"github.com/perch-chat/perch/bot/slack"
	"github.com/perch-chat/perch/internal/accounts"
	"github.com/perch-chat/perch/internal/config"
	"github.com/perch-chat/perch/internal/inbox"
	"github.com/perch-chat/perch/internal/installs"
	"github.com/perch-chat/perch/internal/outbox"
	"github.com/perch-chat/perch/store"
	"github.com/perch-chat/perch/web"
)

// slackWorkspaces is Slack with any number of workspaces.
func slackWorkspaces(c config.Slack, log *slog.Logger) (bot.Platform, Routes, error) {
	kept := &keptWorkspaces{}
	w, err := slack.NewWorkspaces(slack.WorkspacesOptions{
		AppToken: c.AppToken.Reveal(), SigningSecret: c.SigningSecret.Reveal(), HTTPMode: c.HTTPMode, APIURL: c.APIURL, Log: log,
		Opens: opens(&kept.app), Installations: kept,
	})
	if err != nil {
		return nil, nil, err
	}
	return w, func(mux *http.ServeMux, a *App) error {
		kept.app.Store(a)
		a.Installs.OnChange(func(tx store.Tx, ws installs.Workspace, _ bool) error {
			tx.OnCommit(func() { w.Forget(ws.Team) })
			return nil
		})
		if c.HTTPMode {
			mux.Handle("POST /slack/events", w.Handler())
		}
		return nil
	}, nil
}

// keptWorkspaces gives the adapter the workspaces of the store, which is opened
// after the adapter was made.
type keptWorkspaces struct{ app atomic.Pointer[App] }

var _ slack.Installations = (*keptWorkspaces)(nil)

var errNotOpen = errors.New("the store is not open yet")

// Find implements slack.Installations.
func (k *keptWorkspaces) Find(ctx context.Context, team string) (slack.Installation, error) {
	a := k.app.Load()
	if a == nil {
		return slack.Installation{}, errNotOpen
	}
	g, ok, err := a.Installs.Find(ctx, team)
	switch {
	case errors.Is(err, accounts.ErrUnsealable):
		// With the token goes the installation: to refuse what Slack delivers
		// would only bring it again.
		a.log.ErrorContext(ctx, "the token of a slack workspace can't be opened: set the key that sealed it, or install perch there again", "team", team, "err", err)
		return slack.Installation{}, slack.ErrNotInstalled
	case err != nil:
		return slack.Installation{}, err
	case !ok:
		return slack.Installation{}, slack.ErrNotInstalled
	}
	return slack.Installation{
		ID: g.ID, Team: g.Team, Name: g.Name, Enterprise: g.Enterprise, App: g.App, BotUser: g.BotUser, BotID: g.BotID, BotName: g.BotName,
		Scopes: g.Scopes, Token: slack.Token(g.Token.Reveal()), By: g.By, At: g.At,
	}, nil
}

// Teams implements slack.Installations.
func (k *keptWorkspaces) Teams(ctx context.Context) ([]string, error) {
	a := k.app.Load()
	if a == nil {
		return nil, errNotOpen
	}
	var teams []string
	err := a.DB.View(ctx, func(tx store.Tx) error {
		all, err := installs.List(tx)
		teams = teams[:0]
		for _, w := range all {
			teams = append(teams, w.Team)
		}
		return err
	})
	return teams, err
}

// Broken implements slack.Installations. The end of a token goes the way of
// what Slack itself tells of it.
func (k *keptWorkspaces) Broken(ctx context.Context, i slack.Installation, code string) error {
	a := k.app.Load()
	if a == nil {
		return errNotOpen
	}
	at := time.Now().UTC()
	if at.Before(i.At) {
		at = i.At // the clocks differ
	}
	it, err := inbox.EventItem(slack.Platform, bot.Event{
		ID: "broken:" + i.ID, Platform: slack.Platform, Kind: bot.EventRemoved, At: at, Team: i.Team, Text: code,
	})
	if err != nil {
		return err
	}
	_, err = a.Inbox.Put(ctx, it)
	return err
}

// newInstalls makes the installations where the app is for several workspaces.
func (a *App) newInstalls(sealer *accounts.Sealer) error {
	c := a.o.Config.Chat.Slack
	if c.ClientID == "" {
		return nil
	}
	in, err := slack.NewInstaller(slack.InstallerOptions{
		ClientID: c.ClientID, ClientSecret: c.ClientSecret.Reveal(), RedirectURL: a.o.Config.PublicURL + "/slack/oauth", APIURL: c.APIURL,
		HTTP: &http.Client{Timeout: 20 * time.Second},
	})
	if err != nil {
		return err
	}
	a.Installs = installs.New(a.DB, sealer, installs.Options{
		Log: a.log.With("part", "slack"), PublicURL: a.o.Config.PublicURL, Slack: slackInstaller{in},
	})
	a.Installs.OnChange(a.workspaceChanged)
	return nil
}

// slackInstaller is Slack's side of an installation.
type slackInstaller struct{ *slack.Installer }

var _ installs.Slack = slackInstaller{}

// Exchange implements installs.Slack.
func (s slackInstaller) Exchange(ctx context.Context, code string) (installs.Grant, error) {
	i, err := s.Installer.Exchange(ctx, code)
	if err != nil {
		return installs.Grant{}, &installs.Error{Code: installs.CodeRefused, Message: slack.InstallProblem(err) + " Nothing was installed.", Err: err}
	}
	return installs.Grant{
		Team: i.Team, Name: i.Name, Enterprise: i.Enterprise, App: i.App, BotUser: i.BotUser, BotID: i.BotID, BotName: i.BotName,
		Scopes: i.Scopes, By: i.By, At: i.At, Token: accounts.Secret(i.Token.Reveal()),
	}, nil
}

// workspaceChanged tells of an installation or a removal, in its transaction.
func (a *App) workspaceChanged(tx store.Tx, w installs.Workspace, installed bool) error {
	name := fmt.Sprintf("%s (%s)", w.Name, w.Team)
	if !installed {
		a.log.Warn("perch was removed from a slack workspace", "team", w.Team, "workspace", w.Name)
		err := a.Outbox.Hold(tx, outbox.Hold{
			Lane: slack.Lane(w.Team), Code: slack.CodeNotInstalled, Since: time.Now().UTC(),
			Message: "Perch was removed from the Slack workspace " + name + ". Install it again with a link from: perch slack install-link.",
		})
		if err != nil {
			return fmt.Errorf("hold what waits for workspace %s: %w", w.Team, err)
		}
		return a.tellOtherSetup(tx, w, "⚠ Perch was removed from the Slack workspace "+name+".",
			"What goes there waits. To go on, install Perch again: whoever runs it gets a link from perch slack install-link.")
	}
	it, err := inbox.EventItem(slack.Platform, bot.Event{
		ID: "installed:" + w.ID, Platform: slack.Platform, Kind: bot.EventInstalled, At: w.At, Team: w.Team,
		User: bot.User{Ref: bot.UserRef(slack.Platform + ":" + w.Team + ":" + w.By), Name: w.By},
	})
	if err != nil {
		return err
	}
	if _, err := a.Inbox.PutTx(tx, it); err != nil {
		return err
	}
	if err := a.Outbox.Release(tx, slack.Lane(w.Team)); err != nil {
		return fmt.Errorf("release what waits for workspace %s: %w", w.Team, err)
	}
	return a.tellOtherSetup(tx, w, "✅ Perch was installed in the Slack workspace "+name+".",
		"In the configuration its channels and people are written slack:"+w.Team+":ID.")
}

// letWorkspacesGo lets go what was held for want of a token: that may be a new
// one, or there is the key to it again. If not, the first call says so.
func (a *App) letWorkspacesGo(tx store.Tx) error {
	all, err := installs.List(tx)
	if err != nil {
		return err
	}
	lanes := []string{slack.Lane("")}
	for _, w := range all {
		lanes = append(lanes, slack.Lane(w.Team))
	}
	for _, l := range lanes {
		if err := a.Outbox.Release(tx, l); err != nil {
			return err
		}
	}
	return nil
}

// tellOtherSetup tells the setup channel, unless it is in that workspace.
func (a *App) tellOtherSetup(tx store.Tx, w installs.Workspace, head, more string) error {
	ch, err := a.Commands.Setup(tx)
	if err != nil || ch == "" || strings.HasPrefix(string(ch), slack.Lane(w.Team)+":") {
		return err
	}
	payload, err := json.Marshal(bot.Post{Message: bot.Message{
		Channel: ch, Text: head + " " + more, Blocks: []bot.Block{bot.Para(bot.Bold(head), bot.Plain(" "+more))},
	}})
	if err != nil {
		return fmt.Errorf("encode: %w", err)
	}
	_, _, err = a.Outbox.Add(tx, outbox.Action{
		Kind: bot.KindPost, Key: "app:workspace:" + w.ID + ":" + head, Subject: "workspace:" + w.Team, Payload: payload,
	})
	return err
}

// workspaceEvent forgets a workspace that took Perch's access away.
func (a *App) workspaceEvent(tx store.Tx, ev bot.Event) error {
	if ev.Kind != bot.EventRemoved || ev.Platform != slack.Platform {
		return nil
	}
	if a.Installs == nil {
		return a.Outbox.Hold(tx, outbox.Hold{
			Lane: slack.Lane(""), Code: slack.CodeNotInstalled, Since: time.Now().UTC(),
			Message: "Slack took Perch's access to the workspace away. Install the app again, put its new token into the configuration and restart Perch. What waits goes out then.",
		})
	}
	_, _, err := a.Installs.Remove(tx, ev.Team, ev.At)
	return err
}

// slackPages says what the pages of an installation need.
func (a *App) slackPages(d *web.Deps) {
	if a.Installs == nil {
		return
	}
	d.Slack = a.Installs
	for _, s := range slack.Scopes() {
		d.SlackScopes = append(d.SlackScopes, web.SlackScope{Name: s.Name, Why: s.Why})
	}
	c := a.o.Config
	places := []string{c.Channels.Setup, c.Channels.Incidents}
	for _, dep := range c.Departments {
		places = append(places, dep.Channel)
	}
	d.SlackNamed = func(team string) bool {
		for _, p := range places {
			if strings.HasPrefix(p, slack.Lane(team)+":") {
				return true
			}
		}
		return false
	}
}

// plainRefs takes the workspace out of what the configuration names, where
// there is one only: that is how its events name things.
func plainRefs(c config.Config) config.Config {
	if c.Chat.Slack.BotToken == "" {
		return c
	}
	one := func(ref string) string {
		platform, rest, _ := strings.Cut(ref, ":")
		team, id, ok := strings.Cut(rest, ":")
		if platform != slack.Platform || !ok || !slack.IsTeam(team) {
			return ref
		}
		return platform + ":" + id
	}
	all := func(refs []string) []string {
		out := make([]string, len(refs))
		for i, r := range refs {
			out[i] = one(r)
		}
		return out
	}
	c.Team.Admins, c.Team.Responders, c.Team.Agents = all(c.Team.Admins), all(c.Team.Responders), all(c.Team.Agents)
	c.Channels.Setup, c.Channels.Incidents = one(c.Channels.Setup), one(c.Channels.Incidents)
	deps := make([]config.Department, len(c.Departments))
	for i, d := range c.Departments {
		d.Channel, d.Agents, d.OnDuty, d.UserGroup = one(d.Channel), all(d.Agents), all(d.OnDuty), one(d.UserGroup)
		deps[i] = d
	}
	c.Departments = deps
	return c
}
