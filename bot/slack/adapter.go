package slack

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/perch-chat/perch/bot"
)

// Options say which installation it is and how it is reached.
type Options struct {
	BotToken      string // xoxb-…
	AppToken      string // xapp-…, for Socket Mode
	SigningSecret string // for HTTP mode

	// HTTPMode takes events through Handler instead of over sockets.
	HTTPMode bool

	// Team makes refs with a team part, for an installation among several. Leave
	// it empty for a single workspace: refs are then what the configuration says.
	Team string

	// APIURL is the address of the Web API, default https://slack.com/api/.
	APIURL string

	// Opens says which events will ask for a form, and the form's title. For
	// those an empty one is opened at once, before Slack's trigger ends; Open,
	// or the answer to that person, fills it. It must not block.
	Opens func(bot.Event) (title string, ok bool)

	// Paced keeps Slack's published limits from the first call on. It is always
	// so at Slack itself; elsewhere a limit is kept to once it was heard of.
	Paced bool

	HTTP *http.Client // default: one with a timeout of 30 s
	Log  *slog.Logger
}

// Adapter is the connection to Slack. Make one with New.
type Adapter struct {
	o      Options
	log    *slog.Logger
	refs   refs
	web    client
	files  *http.Client // for the bytes of files
	stats  *counters
	health health

	teams *Workspaces // of the receiving side of several workspaces, which hands everything on

	authMu sync.Mutex
	auth   atomic.Pointer[identity]

	people   *directory
	channels *directory
	groups   *directory // of user groups, by their handles
	homes    homes
	modals   *modals
	turns    turns // of what comes over HTTP

	sink atomic.Pointer[bot.Sink] // set while Run runs
}

var (
	_ bot.Platform  = (*Adapter)(nil)
	_ bot.Editor    = (*Adapter)(nil)
	_ bot.Reactor   = (*Adapter)(nil)
	_ bot.Opener    = (*Adapter)(nil)
	_ bot.Finder    = (*Adapter)(nil)
	_ bot.Channeler = (*Adapter)(nil)
	_ bot.Linker    = (*Adapter)(nil)
	_ bot.Pinner    = (*Adapter)(nil)
	_ bot.Homer     = (*Adapter)(nil)
	_ bot.Grouper   = (*Adapter)(nil)
	_ bot.Directory = (*Adapter)(nil)
	_ bot.Inspector = (*Adapter)(nil)
	_ bot.Inviter   = (*Adapter)(nil)
	_ bot.Archiver  = (*Adapter)(nil)
	_ bot.Topicer   = (*Adapter)(nil)
	_ bot.Stager    = (*Adapter)(nil)
	_ bot.Pacer     = (*Adapter)(nil)
)

// New returns an adapter that does nothing yet. It calls nobody.
func New(o Options) (*Adapter, error) {
	var errs []error
	if !strings.HasPrefix(o.BotToken, "xoxb-") {
		errs = append(errs, errors.New("slack: the bot token must begin with xoxb-"))
	}
	errs = append(errs, o.checkReceiving()...)
	if len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	return newAdapter(o), nil
}

// checkReceiving says what is wrong with how deliveries come.
func (o Options) checkReceiving() (errs []error) {
	if o.HTTPMode && o.SigningSecret == "" {
		errs = append(errs, errors.New("slack: HTTP mode needs the signing secret"))
	}
	if !o.HTTPMode && !strings.HasPrefix(o.AppToken, "xapp-") {
		errs = append(errs, errors.New("slack: Socket Mode needs an app token that begins with xapp-"))
	}
	if o.APIURL != "" {
		if u, err := url.Parse(o.APIURL); err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" {
			errs = append(errs, errors.New("slack: the address of the API is none"))
		}
	}
	return errs
}

func newAdapter(o Options) *Adapter {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	a := &Adapter{o: o, log: o.Log.With("platform", Platform), refs: refs{team: o.Team}, web: newClient(o.HTTP, o.APIURL), stats: &counters{}, modals: &modals{}}
	a.files = fileClient(a.web)
	a.web.pace.known = a.web.pace.known || o.Paced
	a.people = newDirectory(a.lookUser)
	a.channels = newDirectory(a.lookChannel)
	a.groups = newDirectory(a.lookGroup)
	return a
}

// Name is "slack".
func (a *Adapter) Name() string { return Platform }

// identity is who we are in Slack.
type identity struct {
	Team       string `json:"team_id"`
	User       string `json:"user_id"`
	Bot        string `json:"bot_id"`
	Name       string `json:"user"`
	Enterprise string `json:"enterprise_id"`

	scopes []string
}

// may reports whether the bot has a scope. Without word of scopes, it may.
func (i identity) may(scope string) bool {
	return len(i.scopes) == 0 || slices.Contains(i.scopes, scope)
}

// whoami asks Slack who we are, once.
func (a *Adapter) whoami(ctx context.Context) (identity, error) {
	if id := a.auth.Load(); id != nil {
		return *id, nil
	}
	a.authMu.Lock()
	defer a.authMu.Unlock()
	if id := a.auth.Load(); id != nil {
		return *id, nil
	}
	var id identity
	ans, err := a.web.call(ctx, a.o.BotToken, "auth.test", nil, &id)
	if err != nil {
		return identity{}, err
	}
	if a.refs.team != "" && id.Team != a.refs.team {
		return identity{}, &bot.Error{Code: "invalid_auth", Message: "The bot token belongs to another workspace."}
	}
	for s := range strings.SplitSeq(ans.header.Get("X-OAuth-Scopes"), ",") {
		if s = strings.TrimSpace(s); s != "" {
			id.scopes = append(id.scopes, s)
		}
	}
	a.auth.Store(&id)
	return id, nil
}

// Run receives until ctx ends. See [bot.Platform].
func (a *Adapter) Run(ctx context.Context, sink bot.Sink) error {
	if !a.sink.CompareAndSwap(nil, &sink) {
		return errors.New("slack: the adapter is already running")
	}
	defer a.modals.start()()
	defer a.sink.Store(nil)
	var err error
	if a.o.HTTPMode {
		err = a.runHTTP(ctx)
	} else {
		err = a.runSockets(ctx, sink)
	}
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// identify asks who we are until Slack answers.
func (a *Adapter) identify(ctx context.Context) error {
	if a.teams != nil {
		return nil // it is another one in each workspace
	}
	wait := backoff{}
	for {
		id, err := a.whoami(ctx)
		if err == nil {
			a.log.Info("slack knows the bot", "team", id.Team, "user", id.User)
			return nil
		}
		a.health.failed(err)
		if fatal(err) {
			return fmt.Errorf("slack: who is the bot: %w", err)
		}
		a.log.Warn("slack does not say who the bot is", "err", err)
		if err := wait.sleep(ctx); err != nil {
			return err
		}
	}
}

// Stats is how the connection is doing.
type Stats struct {
	Sockets   int       // open and greeted
	Opened    int64     // sockets opened so far
	Received  int64     // deliveries taken in
	Acked     int64     // of those, acknowledged
	Undecoded int64     // of those, unreadable
	Refused   int64     // of those, not stored in time
	LastSeen  time.Time // when Slack was last heard on any socket
}

type counters struct {
	sockets, opened, received, acked, undecoded, refused, seen atomic.Int64
}

// Stats says how the connection is doing. In Socket Mode it is alive if
// LastSeen is younger than 15 s, however quiet the workspace is.
func (a *Adapter) Stats() Stats {
	s := Stats{
		Sockets: int(a.stats.sockets.Load()), Opened: a.stats.opened.Load(), Received: a.stats.received.Load(),
		Acked: a.stats.acked.Load(), Undecoded: a.stats.undecoded.Load(), Refused: a.stats.refused.Load(),
	}
	if ns := a.stats.seen.Load(); ns > 0 {
		s.LastSeen = time.Unix(0, ns).UTC()
	}
	return s
}
