package slack

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/perch-chat/perch/bot"
)

// WorkspacesOptions say how the app in several workspaces is reached.
type WorkspacesOptions struct {
	AppToken      string // xapp-…, for Socket Mode: it takes the events of all workspaces
	SigningSecret string // for HTTP mode
	HTTPMode      bool
	APIURL        string // default https://slack.com/api/
	HTTP          *http.Client
	Log           *slog.Logger
	Opens         func(bot.Event) (title string, ok bool) // see Options

	Installations Installations
}

// freshFor is how long an installation is taken for what it was: another
// replica may have replaced or ended it.
const freshFor = 15 * time.Second

// Workspaces is the app in several workspaces: one receiving side for all, and
// an Adapter for each. Its refs have a team part ("slack:T012:C345"). A
// workspace may come and go while it runs. Make it with NewWorkspaces.
type Workspaces struct {
	o    WorkspacesOptions
	log  *slog.Logger
	hub  *Adapter // receives; it calls nobody but apps.connections.open
	mu   sync.Mutex
	open map[string]*workspace
}

// workspace is one of the workspaces, open.
type workspace struct {
	*Adapter
	inst    Installation
	checked time.Time
}

// NewWorkspaces returns an adapter that does nothing yet. It calls nobody.
func NewWorkspaces(o WorkspacesOptions) (*Workspaces, error) {
	w := &Workspaces{o: o, open: map[string]*workspace{}}
	opts := w.options(Installation{})
	errs := opts.checkReceiving()
	if o.Installations == nil {
		errs = append(errs, errors.New("slack: several workspaces need a place to be kept in"))
	}
	if len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	w.hub = newAdapter(opts)
	w.hub.teams = w
	w.log = w.hub.log
	return w, nil
}

func (w *Workspaces) options(i Installation) Options {
	return Options{
		BotToken: i.Token.Reveal(), AppToken: w.o.AppToken, SigningSecret: w.o.SigningSecret, HTTPMode: w.o.HTTPMode, Team: i.Team,
		APIURL: w.o.APIURL, HTTP: w.o.HTTP, Log: w.o.Log, Opens: w.o.Opens,
	}
}

// Name is "slack".
func (w *Workspaces) Name() string { return Platform }

// Run receives for all workspaces until ctx ends. See [bot.Platform].
func (w *Workspaces) Run(ctx context.Context, sink bot.Sink) error { return w.hub.Run(ctx, sink) }

// Handler takes Slack's requests in HTTP mode. See [Adapter.Handler].
func (w *Workspaces) Handler() http.Handler { return w.hub.Handler() }

// Stats says how the connection is doing, for all workspaces together.
func (w *Workspaces) Stats() Stats { return w.hub.Stats() }

// Forget closes a workspace, so that its installation is looked up anew. It is
// for when that was replaced or deleted.
func (w *Workspaces) Forget(team string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.open, team)
}

// find returns the open workspace of a team, or opens it.
func (w *Workspaces) find(ctx context.Context, team string) (*workspace, error) {
	w.mu.Lock()
	ws := w.open[team]
	fresh := ws != nil && time.Since(ws.checked) < freshFor
	w.mu.Unlock()
	if fresh {
		return ws, nil
	}
	inst, err := w.o.Installations.Find(ctx, team)
	if errors.Is(err, ErrNotInstalled) {
		w.Forget(team)
	}
	if err != nil {
		return nil, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if ws = w.open[team]; ws != nil && ws.inst.same(inst) {
		// What is remembered of people and channels is kept. The time is in a
		// new value, for others may be reading this one.
		ws = &workspace{Adapter: ws.Adapter, inst: inst, checked: time.Now()}
	} else {
		ws = &workspace{Adapter: w.adapter(inst), inst: inst, checked: time.Now()}
	}
	w.open[team] = ws
	return ws, nil
}

// same reports whether nothing of it changed that an adapter was made from.
func (i Installation) same(o Installation) bool {
	return i.Token == o.Token && i.At.Equal(o.At) && i.Team == o.Team && i.ID == o.ID
}

// adapter is an adapter to one workspace. It knows already who it is.
func (w *Workspaces) adapter(i Installation) *Adapter {
	a := newAdapter(w.options(i))
	a.log = a.log.With("team", i.Team)
	a.stats, a.modals = w.hub.stats, w.hub.modals
	if i.BotUser != "" {
		a.auth.Store(&identity{Team: i.Team, User: i.BotUser, Bot: i.BotID, Name: i.BotName, Enterprise: i.Enterprise, scopes: i.Scopes})
	}
	return a
}

// take hands a delivery to the workspace that it is for. See [Adapter.take].
func (w *Workspaces) take(ctx context.Context, sink bot.Sink, d delivery) error {
	teams := teamsOf(d)
	for _, team := range teams {
		ws, err := w.find(ctx, team)
		switch {
		case err == nil:
			return ws.take(ctx, labelled{sink, ws}, d)
		case !errors.Is(err, ErrNotInstalled):
			w.hub.stats.received.Add(1)
			w.hub.stats.refused.Add(1)
			return fmt.Errorf("slack: whose delivery is it: %w", err)
		}
	}
	w.hub.stats.received.Add(1)
	if len(teams) == 0 {
		return w.hub.unread(ctx, sink, d.payload, errNoTeam)
	}
	// Slack tells a workspace's last words after the app was removed there. To
	// refuse them would only bring them again.
	w.log.Info("slack delivered for a workspace in which perch is not installed", "team", teams[0], "kind", d.kind)
	return nil
}

var errNoTeam = errors.New("slack: the delivery is of no workspace")

// judge looks at how a call in a workspace ended. If Slack did not take its
// token, and says so again when asked, the workspace is over until somebody
// installs the app anew: the other workspaces go on.
func (w *Workspaces) judge(ctx context.Context, ws *workspace, err error) error {
	why := code(err)
	if !broken(why) && why != "invalid_auth" {
		return err
	}
	w.Forget(ws.inst.Team)
	now, ferr := w.o.Installations.Find(ctx, ws.inst.Team)
	switch {
	case errors.Is(ferr, ErrNotInstalled):
		return notInstalled(ws.inst.Team)
	case ferr != nil:
		return unsent(ferr)
	case !now.same(ws.inst):
		// It was installed anew: the next attempt uses the new token.
		return &bot.Error{Code: "token_replaced", Message: "Perch was installed again in this workspace. It goes on by itself.", Temporary: true, Err: err}
	}
	if !broken(why) {
		return err
	}
	_, terr := w.adapter(now).web.call(ctx, now.Token.Reveal(), "auth.test", nil, nil)
	if !broken(code(terr)) {
		return &bot.Error{Code: why, Message: "Slack did not take Perch's token for a moment. Perch tries again by itself.", Temporary: true, Err: err}
	}
	w.log.Error("slack does not take the token of a workspace any more; install perch there again", "team", ws.inst.Team, "workspace", ws.inst.Name, "code", code(terr))
	if berr := w.o.Installations.Broken(ctx, now, code(terr)); berr != nil {
		return unsent(berr)
	}
	return notInstalled(ws.inst.Team)
}
