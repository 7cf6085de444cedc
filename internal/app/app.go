// Package app puts Perch together: it opens the store, binds every kind of
// action to its client, runs the parts and ends them in order. It is the only
// place that knows everybody; what Perch does is decided elsewhere.
package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"sync/atomic"
	"time"

	"github.com/perch-chat/perch/bot"
	"github.com/perch-chat/perch/commands"
	"github.com/perch-chat/perch/desk"
	"github.com/perch-chat/perch/incident"
	"github.com/perch-chat/perch/incident/template"
	"github.com/perch-chat/perch/internal/accounts"
	"github.com/perch-chat/perch/internal/config"
	"github.com/perch-chat/perch/internal/inbox"
	"github.com/perch-chat/perch/internal/installs"
	"github.com/perch-chat/perch/internal/outbox"
	"github.com/perch-chat/perch/store"
	"github.com/perch-chat/perch/store/bolt"
	"github.com/perch-chat/perch/store/postgres"
	"github.com/perch-chat/perch/xapi"
)

// Options are what an App is made from.
type Options struct {
	Config  config.Config
	Log     *slog.Logger
	Version string

	// Listener is where the web server answers. The App closes it.
	Listener net.Listener

	// Platforms are the chats. Those that have a Close() error are closed at the end.
	Platforms []bot.Platform

	// Routes adds pages of its own, for the sandbox.
	Routes Routes

	// PostURL is where people see a post; nil is x.com.
	PostURL func(handle, postID string) string

	// Ready is called once everything runs.
	Ready func()

	// Ladder is how long to wait before each look for a post or a message
	// whose outcome is unknown; nil is what fits X.
	Ladder []time.Duration

	// Recheck is how long X is left alone after it said that nothing goes
	// (no credits, suspended); 0 is what fits X.
	Recheck time.Duration

	// AtEnd is called when the end begins: it ends streams.
	AtEnd func()

	// OwnX: the app at X is this program's alone, so that a webhook of another
	// address is one of its own that is left over.
	OwnX bool

	transport http.RoundTripper // to X; nil is the default one
	noControl bool              // without the socket for the command line: it can't be had in played time
}

// App is the running program.
type App struct {
	o   Options
	log *slog.Logger

	DB        store.Store
	Outbox    *outbox.Outbox
	Inbox     *inbox.Inbox
	Accounts  *accounts.Accounts
	Incidents *incident.Service
	Desk      *desk.Desk
	Commands  *commands.Router
	Installs  *installs.Installs // nil without several Slack workspaces
	Roles     *roles
	X         *xapi.Client

	// Changed, if set before Run, is called when the fate of something changed.
	Changed func()

	named  atomic.Pointer[config.Config] // the configuration with people in the places of their usernames
	asking atomic.Bool                   // the chat is to be asked again who somebody is

	poll      *poller
	live      bot.ChannelRef // the department of those that the configuration has none for, if a chat serves customers
	handler   http.Handler
	health    *health
	typist    *typist
	delivered atomic.Int64 // when X delivered last, in seconds since 1970
}

// attempts is how many actions are carried out at once: most of their time
// they wait for the network.
const attempts = 128

// linger is how long what came of a call may wait for company on its way to the
// disk: little beside the call itself.
const linger = 2 * time.Millisecond

// xLadder leaves X time to show what it took: its reads lag behind its writes.
func xLadder() []time.Duration {
	return []time.Duration{2 * time.Second, 10 * time.Second, 30 * time.Second, 2 * time.Minute}
}

// OpenStore opens the store that the configuration names.
func OpenStore(ctx context.Context, c config.Config) (store.Store, error) {
	if c.Store.Driver == "postgres" {
		return postgres.Open(ctx, c.Store.PostgresURL.Reveal())
	}
	if err := os.MkdirAll(c.Data, 0o700); err != nil {
		return nil, fmt.Errorf("make the data folder: %w", err)
	}
	return bolt.Open(StoreFile(c))
}

// StoreFile is the file of the embedded store.
func StoreFile(c config.Config) string { return filepath.Join(c.Data, "perch.db") }

// NewSealer returns the sealer of the configured keys.
func NewSealer(c config.Config) (*accounts.Sealer, error) {
	var keys []accounts.SealKey
	for _, text := range append([]config.Secret{c.EncryptionKey}, c.OldEncryptionKeys...) {
		k, err := accounts.ParseSealKey(text.Reveal())
		if err != nil {
			return nil, err
		}
		keys = append(keys, k)
	}
	return accounts.NewSealer(keys...)
}

// NewX returns the client of X that the configuration describes.
func NewX(c config.Config, version string) *xapi.Client { return newX(c, version, nil) }

func newX(c config.Config, version string, t http.RoundTripper) *xapi.Client {
	return xapi.New(xapi.Config{
		APIBase: c.X.APIBase, AuthorizeURL: c.X.AuthorizeURL,
		ClientID: c.X.ClientID, ClientSecret: c.X.ClientSecret.Reveal(), RedirectURL: c.PublicURL + "/x/callback",
		ConsumerKey: c.X.ConsumerKey.Reveal(), ConsumerSecret: c.X.ConsumerSecret.Reveal(), BearerToken: c.X.BearerToken.Reveal(),
		HTTP: &http.Client{Transport: t, Timeout: 30 * time.Second}, UserAgent: "perch/" + version,
	})
}

// New opens the store and puts the parts together. It changes the store only
// by migrations and by what the configuration says of departments.
func New(ctx context.Context, o Options) (*App, error) {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Ladder == nil {
		o.Ladder = xLadder()
	}
	if o.PostURL == nil {
		o.PostURL = xapi.PostURL
	}
	if o.Recheck == 0 {
		o.Recheck = recheck
	}
	o.Config = plainRefs(o.Config)
	team, left := o.Config, 0
	if anyNamed(team) {
		look, cancel := context.WithTimeout(ctx, firstLook)
		var err error
		if team, left, err = unnamed(look, team, o.Platforms); err != nil {
			o.Log.WarnContext(ctx, "the configuration names people whom the chat does not tell", "err", err)
		}
		cancel()
	}
	sealer, err := NewSealer(o.Config)
	if err != nil {
		return nil, err
	}
	db, err := OpenStore(ctx, o.Config)
	if err != nil {
		return nil, err
	}
	a := &App{o: o, log: o.Log, DB: db, Roles: newRoles(team), X: newX(o.Config, o.Version, o.transport), health: &health{}}
	a.named.Store(&team)
	a.asking.Store(left > 0)
	if err := a.assemble(ctx, sealer); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return a, nil
}

func (a *App) assemble(ctx context.Context, sealer *accounts.Sealer) error {
	c, drain := a.o.Config, time.Duration(a.o.Config.Shutdown.Drain)
	if err := store.Migrate(ctx, a.DB, migrations()); err != nil {
		return err
	}
	exclusive := c.Store.Driver == "bolt" // nobody else can have the file open
	a.Outbox = outbox.New(a.DB, outbox.Options{Log: a.log.With("part", "outbox"), Drain: drain, Exclusive: exclusive, Workers: attempts, Linger: linger})
	a.Inbox = inbox.New(a.DB, inbox.Options{Log: a.log.With("part", "inbox"), Drain: drain})
	a.Accounts = accounts.New(a.DB, a.Outbox, sealer, accounts.Options{
		Log: a.log.With("part", "accounts"), PublicURL: c.PublicURL, Authorizer: authorizer{a.X},
	})
	a.Incidents = incident.NewService(a.Outbox, postAccounts{a.Accounts}, incident.Options{
		Log: a.log.With("part", "incident"), PublicURL: c.PublicURL, Templates: template.New(template.Options{}),
		Publish: incident.Policy{API: incident.Mode(c.Publish.API), Workflow: incident.Mode(c.Publish.Workflows), Approval: c.Publish.Approval},
	})
	if err := a.livechats(ctx); err != nil {
		return err
	}
	a.Desk = desk.New(a.Outbox, desk.Options{
		Log: a.log.With("part", "desk"), Roles: a.Roles, Accounts: a.Accounts, Settings: deskSettings(a.withLive(c)),
		Remind: time.Duration(c.Desk.Remind), Emoji: desk.Emoji(c.Desk.Emoji),
		PublicChannels: c.Desk.PublicChannels, Can: a.chatCan, Attention: a.tellAdmins, OnSetting: a.settingsChanged,
	})
	a.typist = newTypist(a)
	a.poll = newPoller(a.xs(), a.DB, a.Inbox, time.Duration(c.X.PollInterval), a.log.With("part", "poll"))
	a.Commands = commands.New(commands.Deps{
		Log: a.log.With("part", "commands"), Outbox: a.Outbox, Inbox: a.Inbox, Accounts: a.Accounts, Incidents: a.Incidents, Desk: a.Desk, Roles: a.Roles,
		SetupChannel: bot.ChannelRef(c.Channels.Setup), IncidentsChannel: bot.ChannelRef(c.Channels.Incidents), OnSetup: a.setupFound, OnRoom: a.roomFound,
		Rooms: a.departmentRooms, PerIncident: c.Channels.PerIncident, Emoji: c.Timeline.Emoji,
		Version: a.o.Version, Support: a.poll,
	})
	if err := a.newInstalls(sealer); err != nil {
		return err
	}
	a.bind()
	if err := a.DB.Update(ctx, a.seed); err != nil {
		return fmt.Errorf("store what the configuration says: %w", err)
	}
	return a.routes()
}

func (a *App) xs() *xs { return &xs{x: a.X, acc: a.Accounts, recheck: a.o.Recheck} }

// bind gives each kind of action its executor and each change its watchers.
func (a *App) bind() {
	platforms := map[string]bot.Platform{}
	for _, p := range a.o.Platforms {
		platforms[p.Name()] = p
	}
	toChat := &chats{db: a.DB, ob: a.Outbox, in: a.Inbox, platforms: platforms, recheck: a.o.Recheck}
	toChat.register()
	a.Outbox.Register(bot.KindUpload, pacedUpload{chatUpload{xs: a.xs(), c: toChat}})
	files := xFiles{xs: a.xs(), platforms: platforms}
	webhook := ""
	if a.o.Config.X.Webhook {
		webhook = a.o.Config.PublicURL + "/x/webhook"
	}
	a.Outbox.Register(accounts.KindPost, xPost{xFiles: files, db: a.DB, ob: a.Outbox, incidents: a.Incidents, ladder: a.o.Ladder, url: a.o.PostURL})
	soon := outbox.Repeatable{Pause: time.Second}
	a.Outbox.Register(accounts.KindDelete, xDelete{xs: a.xs(), Repeatable: soon})
	a.Outbox.Register(accounts.KindDM, xDM{xFiles: files, db: a.DB, ladder: a.o.Ladder})
	a.Outbox.Register(accounts.KindSubscribe, xSubscribe{xs: a.xs(), Repeatable: soon, url: webhook, own: a.o.OwnX, typing: a.typist.able()})
	a.Outbox.Register(accounts.KindRevoke, xRevoke{xs: a.xs(), Repeatable: soon})
	a.Outbox.Register(incident.KindRun, incident.NewWorkflowExecutor(a.Incidents, a.DB))
	a.Outbox.Register(commands.KindSaveWorkflow, commands.WorkflowSaver{DB: a.DB, Router: a.Commands})
	a.Outbox.Register(commands.KindHomes, commands.HomeKeeper{DB: a.DB, Router: a.Commands})

	a.Outbox.OnChange(noteEffect)
	a.Outbox.OnChange(a.Incidents.ActionChanged)
	a.Outbox.OnChange(a.Desk.ActionChanged)
	a.Outbox.OnChange(a.Commands.ActionChanged)
	a.Outbox.OnChange(a.formFailed)
	a.Outbox.OnChange(func(tx store.Tx, _ outbox.State, _ outbox.Action) error {
		if a.Changed != nil {
			tx.OnCommit(a.Changed)
		}
		return nil
	})
	a.Outbox.OnHold(a.Desk.HoldChanged)
	a.Outbox.OnHold(a.Commands.HoldChanged)
	a.Accounts.OnChange(func(tx store.Tx, _, now accounts.Account) error {
		if now.State == accounts.Connected {
			tx.OnCommit(a.poll.wake)
		}
		return nil
	})
	a.Outbox.OnChange(func(tx store.Tx, _ outbox.State, act outbox.Action) error {
		if act.Kind == accounts.KindSubscribe && act.State == outbox.Done {
			tx.OnCommit(a.poll.wake) // what was written before X delivered is read
		}
		return nil
	})
	a.Inbox.Handle(inbox.KindEvent, a.chatEvent)
	a.Inbox.Handle(kindX, xHandler{acc: a.Accounts, desk: a.Desk, log: a.log.With("part", "x")}.handle)
	a.Inbox.Handle(kindAppSettings, a.appSettingsChanged)
	a.Inbox.OnDead(a.Commands.ItemDead)
}

// seed brings the departments and the setup message up to date.
func (a *App) seed(tx store.Tx) error {
	if err := a.seedDepartments(tx); err != nil {
		return err
	}
	if err := a.letWorkspacesGo(tx); err != nil {
		return err
	}
	if err := a.afterRestore(tx); err != nil {
		return err
	}
	return a.Commands.EnsureSetup(tx)
}

// seedDepartments brings the departments up to date.
func (a *App) seedDepartments(tx store.Tx) error {
	departments, err := a.served(tx)
	if err != nil {
		return err
	}
	for _, d := range departments {
		dep := desk.Department{ID: departmentID(d.Name), Name: d.Name, Channel: bot.ChannelRef(d.Channel), Group: bot.GroupRef(d.UserGroup)}
		_, err := a.Desk.Department(tx, dep.ID)
		there := err == nil
		if !there && a.asking.Load() && len(known(d.OnDuty)) < len(d.OnDuty) {
			continue // it begins once the chat has told who is on duty
		}
		if err := a.Desk.SetDepartment(tx, dep); err != nil {
			return err
		}
		if there {
			continue // who is on duty is theirs to say from now on
		}
		for _, u := range known(d.OnDuty) {
			if _, err := a.Desk.On(tx, dep.ID, bot.User{Ref: u, Name: a.name(string(u))}, "configuration"); err != nil {
				return err
			}
		}
	}
	return a.keepDepartments(tx, departments)
}

// Run works until ctx ends, then stops taking things in, finishes what is
// under way within bounds, and closes the store. It is to be called once.
func (a *App) Run(ctx context.Context) error {
	// The stages end one after the other: first what takes in, then what
	// handles it, then what sends.
	take := newStage(ctx)
	handle := newStage(context.WithoutCancel(ctx))
	send := newStage(context.WithoutCancel(ctx))

	send.run("outbox", a.Outbox.Run)
	handle.run("inbox", a.Inbox.Run)
	for _, p := range a.o.Platforms {
		take.run(p.Name(), func(ctx context.Context) error { return a.listen(ctx, p) })
	}
	take.run("poll", a.alone("poll", a.poll.run))
	if !a.o.noControl {
		take.run("control", a.controlled)
	}
	take.run("upkeep", a.alone("upkeep", a.upkeep))
	take.run("desk", a.alone("desk", a.tendDesk))
	if a.asking.Load() {
		take.run("names", a.learnNames)
	}
	take.run("typing", a.typist.run)
	a.awaitChats(ctx)
	take.run("http", func(ctx context.Context) error {
		return serve(ctx, a.o.Listener, a.handler, time.Duration(a.o.Config.Shutdown.Drain), a.log, a.atEnd)
	})
	a.health.ready.Store(true)
	if a.o.Ready != nil {
		a.o.Ready()
	}

	select {
	case <-ctx.Done():
	case <-take.failed:
	case <-handle.failed:
	case <-send.failed:
	}
	a.health.ready.Store(false)
	a.log.InfoContext(ctx, "stopping: no new work is taken in")
	errs := []error{take.stop()}
	a.log.InfoContext(ctx, "stopping: what came in is handled")
	errs = append(errs, handle.stop())
	a.log.InfoContext(ctx, "stopping: what is under way goes out")
	errs = append(errs, send.stop())
	for _, p := range slices.Backward(a.o.Platforms) {
		if c, ok := p.(interface{ Close() error }); ok {
			errs = append(errs, c.Close())
		}
	}
	errs = append(errs, a.DB.Close())
	a.log.InfoContext(ctx, "stopped")
	return errors.Join(errs...)
}

// awaitChats waits until the chats of this process take events, so that nobody
// is turned away right after Perch says that it is ready.
func (a *App) awaitChats(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	for _, p := range a.o.Platforms {
		if s, ok := p.(interface{ Started() <-chan struct{} }); ok {
			select {
			case <-s.Started():
			case <-ctx.Done():
			}
		}
	}
}

func (a *App) atEnd() {
	if a.o.AtEnd != nil {
		a.o.AtEnd()
	}
}
