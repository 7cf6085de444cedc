package rocketchat

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/perch-chat/perch/bot"
)

// Options say which workspace it is.
type Options struct {
	URL    string // the address at which people open it
	UserID string // the bot's
	Token  string // its personal access token

	// Secret makes the customers' tokens, for the customer service of the
	// workspace. It must stay the same; empty means that there is none.
	Secret []byte

	// AppSecret is shared with the companion app in the workspace, empty if there
	// is none. AppSettings takes what is changed on its page of settings, and
	// returns the values that count then; a *[bot.Error] is a refusal. See App.
	AppSecret   string
	AppSettings func(ctx context.Context, s AppSettings) (map[string]string, error)

	// Shelf keeps what the companion app is behind with; nil: the memory does.
	Shelf Shelf

	// PublicURL is Perch's own address, without a slash at its end, at which
	// FormHandler is mounted. Without it no forms are shown.
	PublicURL string

	HTTP *http.Client // default: one with a timeout of 30 s
	Log  *slog.Logger

	live liveness // for tests; zero is the usual one
}

// Adapter is the connection to a workspace. Make one with New.
type Adapter struct {
	o    Options
	log  *slog.Logger
	rest client

	customers customers
	app       *companion
	staged    staged
	forms     forms
	health    health
	speech    speech
	wakeRooms chan struct{} // there is a customer's room that nobody listens to

	running atomic.Bool
	sink    atomic.Pointer[bot.Sink] // while Run runs
	started chan struct{}
	once    sync.Once

	telling sync.Mutex // what is said is told one after the other, whoever heard of it

	mu      sync.Mutex
	me      person
	people  map[string]person        // by ID
	rooms   map[string]room          // by ID
	written map[string]origin        // people's messages, by ID
	threads map[string]string        // of our own messages, by room and ID: the thread they are in
	reacted map[string]seenReactions // by message
	handled map[string]int64         // by message: the change of it that was told last, in milliseconds
	sealed  map[string]time.Time     // by person: when they were told that the bot can't read what they write
	brakes  map[string]*brake        // by person
	asides  map[string]bool          // orders of which the room knows that the answer is elsewhere
	failing map[string]int           // by room: how often it could not be read
	began   time.Time                // when Run did
	since   time.Time                // by the server's clock: what came before is told. Zero: nothing is yet
	looked  time.Time                // likewise: until when rooms were looked at
}

// origin is who wrote a message, and in which thread: what the server does not
// say of one that was deleted.
type origin struct {
	by     person
	thread string
}

// known bounds what is remembered of people, rooms and messages.
const known = 20_000

// New returns an adapter that does nothing yet. It calls nobody.
func New(o Options) (*Adapter, error) {
	var errs []error
	if u, err := url.Parse(o.URL); err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" {
		errs = append(errs, errors.New("rocketchat: the address of the workspace is none"))
	}
	if !idRE.MatchString(o.UserID) {
		errs = append(errs, errors.New("rocketchat: the bot's user ID is none"))
	}
	if o.Token == "" {
		errs = append(errs, errors.New("rocketchat: the bot's token is missing"))
	}
	if len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	o.AppSecret = strings.TrimSpace(o.AppSecret) // as the app does: files end in a line
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.live == (liveness{}) {
		o.live = usual()
	}
	return &Adapter{
		o: o, log: o.Log.With("platform", Platform), started: make(chan struct{}), wakeRooms: make(chan struct{}, 1), app: newCompanion(),
		rest:   newClient(o.HTTP, o.URL, credentials{o.UserID, o.Token}),
		people: map[string]person{}, rooms: map[string]room{}, written: map[string]origin{}, threads: map[string]string{}, reacted: map[string]seenReactions{}, handled: map[string]int64{}, failing: map[string]int{}, sealed: map[string]time.Time{}, brakes: map[string]*brake{}, asides: map[string]bool{},
	}, nil
}

// Name is "rocketchat".
func (a *Adapter) Name() string { return Platform }

// Started is closed once events are taken for the first time.
func (a *Adapter) Started() <-chan struct{} { return a.started }

// gapEvent says that things may have been said since a time that never came.
func gapEvent(since time.Time) bot.Event {
	now := time.Now().UTC()
	return bot.Event{ID: fmt.Sprintf("gap:%d:%08x", now.UnixNano(), rand.Uint32()), Platform: Platform, Kind: bot.EventGap, At: now, Since: since} //nolint:gosec // no secret
}

// store hands events to the sink until it takes them: Rocket.Chat would not
// send them again.
func (a *Adapter) store(ctx context.Context, sink bot.Sink, evs ...bot.Event) error {
	wait := 20 * time.Millisecond
	a.health.received.Add(int64(len(evs)))
	for len(evs) > 0 {
		n, err := deliver(ctx, sink, evs)
		if err == nil {
			a.health.acked.Add(int64(n))
			evs = evs[n:]
			continue
		}
		a.health.unstored.Add(1)
		if ctx.Err() != nil {
			return errors.Join(err, ctx.Err())
		}
		a.log.DebugContext(ctx, "event not stored", "event", evs[0].ID, "err", err)
		pause(ctx, wait)
		wait = min(2*wait, time.Second)
	}
	return nil
}

// deliver hands over as many events as the sink takes at once, and says how many
// those were.
func deliver(ctx context.Context, sink bot.Sink, evs []bot.Event) (int, error) {
	all, ok := sink.(bot.BatchSink)
	if !ok || len(evs) == 1 {
		return 1, sink.Deliver(ctx, evs[0]) //nolint:wrapcheck // it is logged, and the caller's own
	}
	return len(evs), all.DeliverAll(ctx, evs) //nolint:wrapcheck // as above
}
