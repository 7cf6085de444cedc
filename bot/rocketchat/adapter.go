package rocketchat

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/url"
	"slices"
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
	staged    staged
	forms     forms
	health    health
	speech    speech
	wakeRooms chan struct{} // there is a customer's room that nobody listens to

	running atomic.Bool
	sink    atomic.Pointer[bot.Sink] // while Run runs
	started chan struct{}
	once    sync.Once

	mu       sync.Mutex
	me       person
	people   map[string]person   // by ID
	rooms    map[string]room     // by ID
	written  map[string]origin   // people's messages, by ID
	threads  map[string]string   // of our own messages, by ID: the thread they are in
	reacted  map[string][]string // by message: "emoji username" that are known
	lastSeen time.Time           // the newest time of the server's that was seen
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
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.live == (liveness{}) {
		o.live = usual()
	}
	return &Adapter{
		o: o, log: o.Log.With("platform", Platform), started: make(chan struct{}), wakeRooms: make(chan struct{}, 1),
		rest:   newClient(o.HTTP, o.URL, credentials{o.UserID, o.Token}),
		people: map[string]person{}, rooms: map[string]room{}, written: map[string]origin{}, threads: map[string]string{}, reacted: map[string][]string{},
	}, nil
}

// Name is "rocketchat".
func (a *Adapter) Name() string { return Platform }

// Started is closed once events are taken for the first time.
func (a *Adapter) Started() <-chan struct{} { return a.started }

// Run receives until ctx ends. See [bot.Platform].
func (a *Adapter) Run(ctx context.Context, sink bot.Sink) error {
	if !a.running.CompareAndSwap(false, true) {
		return errors.New("rocketchat: the adapter is already running")
	}
	defer a.running.Store(false)
	a.sink.Store(&sink)
	defer a.sink.Store(nil)
	wait := time.Duration(0)
	for first := true; ctx.Err() == nil; first = false {
		up, err := a.session(ctx, sink, first)
		if ctx.Err() != nil {
			return nil
		}
		a.health.failed(err)
		if fatal(err) {
			return fmt.Errorf("rocketchat: connect: %w", err)
		}
		a.log.WarnContext(ctx, "the connection to rocket.chat ended; it is made again", "err", err)
		// One that worked is made again soon, one that never did ever later.
		wait = min(max(2*wait, 500*time.Millisecond), 30*time.Second)
		if up {
			wait = 500 * time.Millisecond
		}
		pause(ctx, wait*4/5+rand.N(wait/5+1)) //nolint:gosec // no secret
	}
	return nil
}

func pause(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}

// before is how far back rooms are read at the start: whoever wrote while Perch
// was being restarted is answered. What was handled then is known by its ID.
const before = 30 * time.Minute

// session is one connection, from its beginning to its end. It reports whether
// the connection came to work.
func (a *Adapter) session(ctx context.Context, sink bot.Sink, first bool) (up bool, err error) {
	if _, err := a.whoami(ctx); err != nil {
		return up, err
	}
	a.mu.Lock()
	since := a.lastSeen
	a.mu.Unlock()
	rt, err := dial(ctx, a.rest.http, a.rest.base, a.rest.auth, a.o.live)
	if err != nil {
		return up, err
	}
	defer rt.close()
	a.health.realtime.Store(rt)
	defer a.health.up.Store(false)
	if err := rt.require(ctx, "stream-room-messages", "__my_messages__"); err != nil {
		return up, err
	}
	if err := rt.require(ctx, "stream-notify-user", a.o.UserID+"/rooms-changed"); err != nil {
		return up, err
	}
	if err := a.watchRooms(ctx, rt); err != nil {
		return up, err
	}
	// Only now, after the streams are open, is what was missed read: so nothing
	// falls in between. What came twice has the same ID twice.
	if err := a.store(ctx, sink, gapEvent(since)); err != nil {
		return up, err
	}
	if first && since.IsZero() {
		since = time.Now().Add(-before)
	}
	if err := a.catchUp(ctx, sink, since); err != nil {
		return up, err
	}
	if err := a.findRooms(ctx); err != nil {
		return up, err
	}
	heard := map[string]string{} // the subscription of each customer's room
	if err := a.listen(ctx, rt, sink, heard); err != nil {
		return up, err
	}
	a.once.Do(func() { close(a.started) })
	up = true
	a.health.worked()
	a.log.InfoContext(ctx, "rocket.chat is connected")
	look := time.NewTicker(lookEvery)
	defer look.Stop()
	for {
		select {
		case <-ctx.Done():
			return up, nil
		case <-a.wakeRooms:
			if err := a.listen(ctx, rt, sink, heard); err != nil {
				return up, err
			}
		case <-look.C:
			// Another replica may have brought a customer in, and be gone.
			if err := a.findRooms(ctx); err != nil && code(err) == "" {
				return up, err
			}
			if err := a.listen(ctx, rt, sink, heard); err != nil {
				return up, err
			}
			for rid := range a.customers.watched() {
				if err := a.readRoom(ctx, sink, rid, before); err != nil {
					return up, err
				}
			}
		case n, ok := <-rt.notices:
			if !ok {
				return up, rt.why()
			}
			if err := a.notice(ctx, rt, sink, n); err != nil {
				return up, err
			}
		}
	}
}

// gapEvent says that things may have been said since a time that never came.
func gapEvent(since time.Time) bot.Event {
	now := time.Now().UTC()
	return bot.Event{ID: fmt.Sprintf("gap:%d:%08x", now.UnixNano(), rand.Uint32()), Platform: Platform, Kind: bot.EventGap, At: now, Since: since} //nolint:gosec // no secret
}

// store hands an event to the sink until it takes it: Rocket.Chat would not
// send it again.
func (a *Adapter) store(ctx context.Context, sink bot.Sink, ev bot.Event) error {
	wait := 20 * time.Millisecond
	a.health.received.Add(1)
	for {
		err := sink.Deliver(ctx, ev)
		if err == nil {
			a.health.acked.Add(1)
			return nil
		}
		a.health.unstored.Add(1)
		if ctx.Err() != nil {
			return errors.Join(err, ctx.Err())
		}
		a.log.DebugContext(ctx, "event not stored", "event", ev.ID, "err", err)
		pause(ctx, wait)
		wait = min(2*wait, time.Second)
	}
}

// notice stores what an event of a stream says.
func (a *Adapter) notice(ctx context.Context, rt *realtime, sink bot.Sink, n notice) error {
	rid, what, _ := strings.Cut(n.key, "/")
	switch {
	case n.stream == undecoded && len(n.args) > 0:
		return a.unread(ctx, sink, n.args[0], errors.New("this frame is none of the protocol"))
	case n.stream == "stream-room-messages" && len(n.args) > 0:
		var m message
		if err := json.Unmarshal(n.args[0], &m); err != nil {
			return a.unread(ctx, sink, n.args[0], err)
		}
		kind := ""
		if a.customers.watches(rid) {
			kind = "l"
		}
		if len(n.args) > 1 {
			var about struct{ RoomType, RoomName string }
			if json.Unmarshal(n.args[1], &about) == nil {
				kind = about.RoomType
				a.remember(room{ID: m.Room, Kind: about.RoomType, Name: about.RoomName})
			}
		}
		if kind == "l" && m.System == systemClose {
			// Before the end is told all that was said before it is, also what the
			// stream kept to itself.
			if err := a.readRoom(ctx, sink, m.Room, before); err != nil {
				return err
			}
		}
		return a.said(ctx, sink, m, kind)
	case n.stream == "stream-notify-room" && what == "deleteMessage" && len(n.args) > 0:
		var gone struct {
			ID string `json:"_id"`
		}
		if err := json.Unmarshal(n.args[0], &gone); err != nil {
			return a.unread(ctx, sink, n.args[0], err)
		}
		if messageRef(rid, gone.ID) == "" {
			return nil
		}
		return a.store(ctx, sink, a.goneEvent(rid, gone.ID))
	case n.stream == "stream-notify-user" && what == "rooms-changed" && len(n.args) > 1:
		var op string
		var r room
		if err := errors.Join(json.Unmarshal(n.args[0], &op), json.Unmarshal(n.args[1], &r)); err != nil {
			return a.unread(ctx, sink, n.args[1], err)
		}
		if op != "inserted" || r.ID == "" {
			return nil
		}
		a.remember(r)
		if err := a.watchRoom(ctx, rt, r); err != nil {
			return err
		}
		if r.Kind == "d" || r.Kind == "l" {
			return nil
		}
		me := a.self()
		return a.store(ctx, sink, bot.Event{
			ID: fmt.Sprintf("joined:%s:%d", r.ID, time.Now().UnixNano()), Platform: Platform, Kind: bot.EventJoined, At: time.Now().UTC(),
			User: me.user(), Channel: roomRef(r.ID), ChannelName: r.Name,
		})
	}
	return nil
}

func (a *Adapter) goneEvent(rid, id string) bot.Event {
	ev := bot.Event{
		ID: "del:" + rid + ":" + id, Platform: Platform, Kind: bot.EventMessageDeleted, At: time.Now().UTC(),
		Channel: roomRef(rid), Message: messageRef(rid, id),
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if was, ok := a.written[id]; ok { // the server does not say who deleted it: it is the author, for all we know
		ev.User = was.by.user()
		if was.thread != "" {
			ev.Thread = messageRef(rid, was.thread)
		}
	}
	return ev
}

// unread stores what can't be read, so that somebody can look at it.
func (a *Adapter) unread(ctx context.Context, sink bot.Sink, raw []byte, why error) error {
	const most = 64 << 10
	a.health.undecoded.Add(1)
	a.log.WarnContext(ctx, "rocket.chat sent what can't be read", "bytes", len(raw), "err", why)
	return a.store(ctx, sink, bot.Event{
		ID: fmt.Sprintf("undecoded:%d:%08x", time.Now().UnixNano(), rand.Uint32()), Platform: Platform, Kind: bot.EventUndecoded, //nolint:gosec // no secret
		At: time.Now().UTC(), Text: why.Error(), Raw: strings.ToValidUTF8(string(raw[:min(len(raw), most)]), "\uFFFD"),
	})
}

// said stores what a message says that was not known.
func (a *Adapter) said(ctx context.Context, sink bot.Sink, m message, kind string) error {
	if kind == "" {
		kind = a.kind(ctx, m.Room)
	}
	a.mu.Lock()
	me := a.me
	if m.Updated.After(a.lastSeen) {
		a.lastSeen = m.Updated.Time
	}
	if m.User.ID != "" && m.Token == "" {
		a.people[m.User.ID] = m.User
		if m.User.ID != me.ID && m.System == "" {
			if len(a.written) >= known {
				clear(a.written)
			}
			a.written[m.ID] = origin{m.User, m.Thread}
		}
	}
	a.mu.Unlock()
	events := (decoder{me}).events(m, kind)
	for _, ev := range events {
		if ev.Kind == bot.EventAction || ev.Kind == bot.EventCommand {
			ev.Trigger = a.triggerFor(m.User)
		}
		if ev.Kind == bot.EventAction && ev.Thread == "" {
			ev.Thread, ev.Alone = a.threadOf(ctx, ev.Message), kind == "d"
		}
		if err := a.store(ctx, sink, ev); err != nil {
			return err
		}
	}
	for _, ev := range a.reactions(m, kind) {
		if err := a.store(ctx, sink, ev); err != nil {
			return err
		}
	}
	if kind == "l" && closes(events) {
		a.customers.unwatch(m.Room)
	}
	return nil
}

// reactions are those that were set or taken back since the message was last
// seen: the server tells what there is, not what somebody did.
func (a *Adapter) reactions(m message, kind string) []bot.Event {
	if kind == "l" || m.System == systemGone || messageRef(m.Room, m.ID) == "" {
		return nil
	}
	var now []string
	for emoji, r := range m.Reactions {
		for _, u := range r.Usernames {
			now = append(now, strings.Trim(emoji, ":")+" "+u)
		}
	}
	slices.Sort(now)
	a.mu.Lock()
	was, seen := a.reacted[m.ID]
	if len(now) == 0 && !seen {
		a.mu.Unlock()
		return nil
	}
	if len(a.reacted) >= known {
		clear(a.reacted)
	}
	a.reacted[m.ID] = now
	me := a.me
	a.mu.Unlock()
	var out []bot.Event
	add := func(k bot.EventKind, what string) {
		emoji, username, _ := strings.Cut(what, " ")
		if username == me.Username {
			return
		}
		p := a.named(username)
		ev := bot.Event{
			ID: "react:" + m.ID + ":" + what, Platform: Platform, Kind: k, At: m.Updated.Time, User: p.user(),
			Channel: roomRef(m.Room), Message: messageRef(m.Room, m.ID), Emoji: emoji,
		}
		if m.Thread != "" {
			ev.Thread = messageRef(m.Room, m.Thread)
		}
		if seen { // what was there at the first sight has one ID, whenever that is
			ev.ID += fmt.Sprintf(":%s:%d", k, m.Updated.UnixMilli())
		}
		if m.User.ID != "" {
			u := m.User.user()
			ev.Author = &u
		}
		out = append(out, ev)
	}
	for _, x := range now {
		if !slices.Contains(was, x) {
			add(bot.EventReaction, x)
		}
	}
	for _, x := range was {
		if !slices.Contains(now, x) {
			add(bot.EventReactionGone, x)
		}
	}
	return out
}

// named is the person with a username, as far as they are known.
func (a *Adapter) named(username string) person {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, p := range a.people {
		if p.Username == username {
			return p
		}
	}
	return person{Username: username}
}
