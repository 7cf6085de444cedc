// Package webchat is the built-in chat: a small team chat kept by Perch itself
// and shown in the browser by the sandbox. To the rest of Perch it is a chat
// like any other: an adapter of [bot.Platform] that stores what people do,
// hands it to the sink before it answers the browser, and keeps its refs over a
// restart. It has no passwords, so it never listens anywhere by itself and
// never guards anything but the machine it is tried on. It decides nothing.
package webchat

import (
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/perch-chat/perch/bot"
)

// Platform is the first part of every ref of this chat.
const Platform = "webchat"

// Limits that are not options.
const (
	maxBody     = 256 << 10 // bytes of a request
	maxText     = 40_000    // characters a person may write at once, as in Slack
	maxMessage  = 256 << 10 // bytes of a message of the bot, as JSON
	maxRequests = 4096      // answered requests that are remembered
	triggerLife = time.Minute
)

// User is a person of the chat, or the bot.
type User struct {
	Ref    bot.UserRef `json:"ref"`
	Name   string      `json:"name"`
	Handle string      `json:"handle"`
	Title  string      `json:"title,omitempty"`  // their part in the team
	Colour string      `json:"colour,omitempty"` // of their avatar, "#rrggbb"
}

// Channel is a channel to begin with.
type Channel struct {
	Name    string
	Purpose string
	Private bool
}

// Options say who is in the chat and how much of it is kept.
type Options struct {
	// Journal is the file that keeps the chat; people's files are in a folder
	// beside it. Empty: all is kept in memory only.
	Journal string

	Users    []User    // everybody who may act
	Channels []Channel // made at the start if they are missing

	Bot User // shown as the sender of what Perch says; default Perch, @perch

	// PublicURL is the address of the page, for links to messages.
	PublicURL string

	// Hosts are names, besides localhost and plain addresses, under which the
	// chat may be asked for. All others are refused: a hostile page could
	// have bound its own name to this machine.
	Hosts []string

	History int // messages kept a channel, default 2000
	Streams int // browsers that can watch at once, default 64

	Log *slog.Logger
}

// Adapter is the chat. Make one with Open.
type Adapter struct {
	o     Options
	log   *slog.Logger
	users map[bot.UserRef]User

	mu       sync.Mutex
	st       state
	journal  *journal
	shelf    *shelf
	forms    map[string]openForm // by the form's view id
	triggers map[string]trigger
	watchers map[*watcher]struct{}
	formSeq  int64
	closed   bool

	sinkMu    sync.Mutex
	sink      bot.Sink
	deliverer chan struct{} // holds one token: whoever has it delivers, so that order is kept
	wake      chan struct{} // events wait; one is enough to know

	started   chan struct{} // closed once Run has a sink
	startOnce sync.Once

	done     chan struct{}
	doneOnce sync.Once
}

var (
	_ bot.Platform  = (*Adapter)(nil)
	_ bot.Editor    = (*Adapter)(nil)
	_ bot.Reactor   = (*Adapter)(nil)
	_ bot.Opener    = (*Adapter)(nil)
	_ bot.Finder    = (*Adapter)(nil)
	_ bot.Channeler = (*Adapter)(nil)
	_ bot.Linker    = (*Adapter)(nil)
	_ bot.Stager    = (*Adapter)(nil)
)

// Open reads the journal, if there is one, and returns the chat as it was left.
func Open(o Options) (*Adapter, error) {
	if o.History <= 0 {
		o.History = 2000
	}
	if o.Streams <= 0 {
		o.Streams = 64
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Bot.Ref == "" {
		o.Bot = User{Ref: Platform + ":U_perch", Name: "Perch", Handle: "perch", Title: "App"}
	}
	a := &Adapter{
		o: o, log: o.Log,
		users:     map[bot.UserRef]User{o.Bot.Ref: o.Bot},
		forms:     map[string]openForm{},
		triggers:  map[string]trigger{},
		watchers:  map[*watcher]struct{}{},
		deliverer: make(chan struct{}, 1),
		wake:      make(chan struct{}, 1),
		started:   make(chan struct{}),
		done:      make(chan struct{}),
	}
	a.st = newState(o.History)
	for _, u := range o.Users {
		if !strings.HasPrefix(string(u.Ref), Platform+":") || u.Name == "" {
			return nil, fmt.Errorf("webchat: user %q needs a name and a ref that begins with %q", u.Ref, Platform+":")
		}
		if _, ok := a.users[u.Ref]; ok {
			return nil, fmt.Errorf("webchat: user %q is there twice", u.Ref)
		}
		a.users[u.Ref] = u
	}
	if err := a.load(); err != nil {
		return nil, err
	}
	return a, nil
}

// load replays the journal and makes what a new chat lacks.
func (a *Adapter) load() error {
	j, err := openJournal(a.o.Journal, &a.st)
	if err != nil {
		return err
	}
	a.journal = j
	if a.shelf, err = newShelf(a.o.Journal); err == nil {
		err = a.shelf.sweep(func(id string) bool { _, ok := a.st.files[id]; return ok })
		a.st.gone = nil
	}
	if err != nil {
		return errors.Join(err, j.close())
	}
	if a.st.epoch == "" {
		if err := a.commitLocked(record{Epoch: strings.ToLower(rand.Text()[:8])}); err != nil {
			return errors.Join(err, j.close())
		}
	}
	for _, c := range a.o.Channels {
		if _, err := a.ensureChannelLocked(c.Name, c.Purpose, c.Private); err != nil {
			return errors.Join(err, j.close())
		}
	}
	return nil
}

// Name is "webchat".
func (a *Adapter) Name() string { return Platform }

// Done is closed when the chat has ended, by Close or because Run returned.
// Whoever serves long answers beside it ends them then.
func (a *Adapter) Done() <-chan struct{} { return a.done }

// Close ends the streams and closes the journal. It may be called twice.
func (a *Adapter) Close() error {
	a.end()
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.closed {
		return nil
	}
	a.closed = true
	return a.journal.close()
}

func (a *Adapter) end() { a.doneOnce.Do(func() { close(a.done) }) }

// commitLocked gives the record its number, stores it and lets it take effect.
// Nothing changed if it returns an error.
func (a *Adapter) commitLocked(r record) error {
	if a.closed {
		return errClosed
	}
	r.Seq = a.st.seq + 1
	if r.Message != nil {
		r.Message.Changed = r.Seq
	}
	if r.Channel != nil {
		r.Channel.Changed = r.Seq
	}
	if err := a.journal.append(r, &a.st); err != nil {
		return err
	}
	a.st.apply(r)
	for _, id := range a.st.gone {
		a.shelf.drop(id)
	}
	a.st.gone = nil
	if r.Event != nil {
		notify(a.wake)
	}
	a.notifyLocked()
	return nil
}

var errClosed = errors.New("webchat: the chat is closed") //nolint:errname // not for callers

// notify wakes whoever waits on ch, which holds one.
func notify(ch chan struct{}) {
	select {
	case ch <- struct{}{}:
	default:
	}
}

var slugRE = regexp.MustCompile(`[^\p{L}\p{N}_-]+`)

// slug is the name of a channel as it is written: lower case, no spaces.
func slug(name string) string {
	s := strings.Trim(slugRE.ReplaceAllString(strings.ToLower(name), "-"), "-")
	if r := []rune(s); len(r) > 60 {
		s = strings.Trim(string(r[:60]), "-")
	}
	return s
}
