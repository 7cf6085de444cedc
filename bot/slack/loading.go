package slack

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"sync"
	"time"

	"github.com/perch-chat/perch/bot"
)

// A form must be shown within 3 s of the click, and what is in it may have to
// be read first. So an empty one is opened at once, while the event is still
// being stored, and its name goes with the event in place of the trigger:
// Slack lets a view that was named be changed at any time.
const (
	viewMark     = "view:"          // before the name, where a trigger of Slack's would be
	triggerLife  = 3 * time.Second  // see https://docs.slack.dev/interactivity/handling-user-interaction#modal_responses
	lateAfter    = 20 * time.Second // of a view that nothing has filled
	fillWait     = 5 * time.Second  // for a view that is still being opened
	fillEvery    = 200 * time.Millisecond
	maxLoading   = 256  // views that are being opened or wait to be filled
	loadingKept  = 1024 // views that are remembered
	loadingLife  = 10 * time.Minute
	textLoading  = "⏳ Loading…"
	textLate     = "⚠ This takes longer than it should. Close this and try again."
	defaultTitle = "Perch"
)

// loading is a view that was opened before anybody knew what would be in it.
type loading struct {
	name    string // its external ID
	title   string
	trigger string
	began   time.Time
	opened  chan struct{} // closed when the opening call is over
	err     error         // of that call; read after opened is closed
	filled  chan struct{} // closed when something is in it

	turn chan struct{} // holds one token while the view is being changed
}

// modals are the views of this process that were opened early.
type modals struct {
	mu      sync.Mutex
	at      map[string]*loading
	busy    int           // goroutines that open views and wait
	quit    chan struct{} // closed at the end of Run; nil while Run does not run
	working sync.WaitGroup
}

// start lets views be opened until the returned func is called, which waits
// for those that are being opened.
func (m *modals) start() (end func()) {
	m.mu.Lock()
	defer m.mu.Unlock()
	quit := make(chan struct{})
	m.quit = quit
	return func() {
		m.mu.Lock()
		m.quit = nil
		m.mu.Unlock()
		close(quit)
		m.working.Wait()
	}
}

// known returns a view that was opened early, nil if this process knows nothing of it.
func (m *modals) known(name string) *loading {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.at[name]
}

// add remembers a view and has work done for it. It returns false if there is
// no room, or if the end has come; a view that is known is not opened again.
func (m *modals) add(l *loading, work func(quit <-chan struct{})) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.quit == nil {
		return false
	}
	if m.at[l.name] != nil {
		return true
	}
	if m.busy >= maxLoading {
		return false
	}
	if len(m.at) >= loadingKept {
		for name, old := range m.at {
			if time.Since(old.began) > loadingLife {
				delete(m.at, name)
			}
		}
		if len(m.at) >= loadingKept {
			return false
		}
	}
	if m.at == nil {
		m.at = map[string]*loading{}
	}
	m.at[l.name] = l
	m.busy++
	quit := m.quit
	m.working.Go(func() {
		work(quit)
		m.mu.Lock()
		defer m.mu.Unlock()
		m.busy--
	})
	return true
}

// openEarly opens an empty view for an event that will ask for a form, and puts
// the view's name in place of the trigger. It waits for nothing.
func (a *Adapter) openEarly(ctx context.Context, ev *bot.Event) {
	if a.o.Opens == nil || ev.Trigger == "" {
		return
	}
	title, ok := a.o.Opens(*ev)
	if !ok {
		return
	}
	sum := sha256.Sum256([]byte(ev.ID))
	l := &loading{
		name: "perch-" + hex.EncodeToString(sum[:16]), title: title, trigger: ev.Trigger, began: time.Now(),
		opened: make(chan struct{}), filled: make(chan struct{}), turn: make(chan struct{}, 1),
	}
	ctx = context.WithoutCancel(ctx)
	if a.modals.add(l, func(quit <-chan struct{}) { a.load(ctx, l, quit) }) {
		ev.Trigger = viewMark + l.name
	}
}

// load opens the empty view. If nothing has filled it in time it says so.
func (a *Adapter) load(ctx context.Context, l *loading, quit <-chan struct{}) {
	l.err = a.openView(ctx, l)
	close(l.opened)
	if l.err != nil {
		a.log.Warn("slack view not opened", "code", code(l.err), "err", l.err)
		return
	}
	t := time.NewTimer(lateAfter)
	defer t.Stop()
	select {
	case <-l.filled:
		return
	case <-quit:
		return // the event is stored, and fills the view after the next start
	case <-t.C:
	}
	l.turn <- struct{}{}
	defer func() { <-l.turn }()
	select {
	case <-l.filled:
		return
	default:
	}
	view, err := notice(l.title, l.name, textLate)
	if err == nil {
		ctx, cancel := context.WithTimeout(ctx, fillWait)
		defer cancel()
		err = a.updateView(ctx, l.name, view)
	}
	if err != nil && code(err) != "not_found" { // the person has closed it
		a.log.Warn("slack view stays empty", "err", err)
	}
}

func (a *Adapter) openView(ctx context.Context, l *loading) error {
	view, err := notice(l.title, l.name, textLoading)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, triggerLife)
	defer cancel()
	_, err = a.web.call(ctx, a.o.BotToken, "views.open", values("trigger_id", l.trigger, "view", view), nil)
	if code(err) == "" {
		return nil // if it was not opened after all, filling it says so
	}
	return err
}

func (a *Adapter) updateView(ctx context.Context, name, view string) error {
	_, err := a.web.call(ctx, a.o.BotToken, "views.update", values("external_id", name, "view", view), nil)
	return err
}

// viewName returns the name of a view that was opened early.
func viewName(trigger string) (string, bool) { return strings.CutPrefix(trigger, viewMark) }

// fill puts something into a view that was opened early. render makes it for a
// title. An error that is a *bot.Error says that the person does not see it.
func (a *Adapter) fill(ctx context.Context, name string, render func(title string) (string, error)) error {
	l := a.modals.known(name)
	if l == nil {
		// It was opened before the last start, or by another process.
		return a.fillUnknown(ctx, name, render)
	}
	if err := waitFor(ctx, l.opened, fillWait); err != nil {
		return unsent(err)
	}
	select {
	case <-l.opened:
	default:
		return &bot.Error{Code: "view_not_open", Message: "Slack has not opened the form yet. Press the button again.", Temporary: true}
	}
	view, err := render(l.title)
	if err != nil {
		return err
	}
	if l.err != nil {
		return l.err
	}
	select {
	case l.turn <- struct{}{}:
		defer func() { <-l.turn }()
	case <-ctx.Done():
		return unsent(ctx.Err())
	}
	if err := a.updateView(ctx, name, view); err != nil {
		return gone(err)
	}
	select {
	case <-l.filled:
	default:
		close(l.filled)
	}
	return nil
}

// fillUnknown fills a view of which this process knows only the name. Whoever
// opened it may just be about to.
func (a *Adapter) fillUnknown(ctx context.Context, name string, render func(title string) (string, error)) error {
	view, err := render(defaultTitle)
	if err != nil {
		return err
	}
	end := time.Now().Add(triggerLife)
	for {
		if err = a.updateView(ctx, name, view); code(err) != "not_found" || time.Now().After(end) {
			return gone(err)
		}
		wait := backoff{first: fillEvery, most: fillEvery}
		if err := wait.sleep(ctx); err != nil {
			return unsent(err)
		}
	}
}

// CodeViewClosed is the code of a [bot.Error] of a form that the person closed
// before it was filled.
const CodeViewClosed = "view_closed"

// gone says in plain words that a view is not there any more.
func gone(err error) error {
	if code(err) != "not_found" {
		return err
	}
	return &bot.Error{Code: CodeViewClosed, Message: "The form was closed before it was filled. Press the button again.", Err: err}
}

// isFilled reports whether something is in a view already.
func (a *Adapter) isFilled(name string) bool {
	l := a.modals.known(name)
	if l == nil {
		return false
	}
	select {
	case <-l.filled:
		return true
	default:
		return false
	}
}
