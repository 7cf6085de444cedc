package rocketchat

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/perch-chat/perch/bot"
)

// Run receives until ctx ends. See [bot.Platform].
func (a *Adapter) Run(ctx context.Context, sink bot.Sink) error {
	if !a.running.CompareAndSwap(false, true) {
		return errors.New("rocketchat: the adapter is already running")
	}
	defer a.running.Store(false)
	a.sink.Store(&sink)
	defer a.sink.Store(nil)
	a.mu.Lock()
	a.began = time.Now()
	a.mu.Unlock()
	defer a.keepApp(ctx)()
	var again retry
	for ctx.Err() == nil {
		began := time.Now()
		up, err := a.session(ctx, sink)
		if ctx.Err() != nil {
			return nil
		}
		a.health.failed(err)
		if fatal(err) {
			return fmt.Errorf("rocketchat: connect: %w", err)
		}
		a.log.WarnContext(ctx, "the connection to rocket.chat ended; it is made again", "err", err)
		pause(ctx, again.next(up, time.Since(began)))
	}
	return nil
}

// How long a connection that ended is waited for.
const (
	firstWait   = 500 * time.Millisecond
	longestWait = 30 * time.Second
	settled     = 10 * time.Second // one that lived as long has worked
	hasty       = 5                // so many that end sooner are made again at once
)

// retry says how long to wait before the next connection: ever longer, unless
// the last one worked. One that is cut as soon as it is made is no better than
// none.
type retry struct {
	wait  time.Duration
	short int // connections in a row that came about and ended soon
}

func (r *retry) next(up bool, lived time.Duration) time.Duration {
	switch {
	case up && lived >= settled:
		*r = retry{wait: firstWait}
	case up && r.short < hasty:
		r.short++
		r.wait = firstWait
	default:
		r.wait = min(max(2*r.wait, firstWait), longestWait)
	}
	return r.wait*4/5 + rand.N(r.wait/5+1) //nolint:gosec // no secret
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
func (a *Adapter) session(ctx context.Context, sink bot.Sink) (up bool, err error) {
	// Asked anew each time: the bot may have got another name, or lost its token.
	if err := a.meet(ctx); err != nil {
		return false, err
	}
	a.mu.Lock()
	since := a.since
	a.mu.Unlock()
	rt, err := dial(ctx, a.rest.http, a.rest.base, a.rest.auth, a.o.live)
	if err != nil {
		return false, err
	}
	defer rt.close()
	a.health.realtime.Store(rt)
	defer a.health.up.Store(false)
	if err := rt.require(ctx, "stream-room-messages", "__my_messages__"); err != nil {
		return false, err
	}
	if err := rt.require(ctx, "stream-notify-user", a.o.UserID+"/rooms-changed"); err != nil {
		return false, err
	}
	if err := a.watchNames(ctx, rt); err != nil {
		return false, err
	}
	if err := a.watchRooms(ctx, rt); err != nil {
		return false, err
	}
	// Only now, after the streams are open, is what was missed read: so nothing
	// falls in between. What came twice has the same ID twice.
	if err := a.store(ctx, sink, gapEvent(since)); err != nil {
		return false, err
	}
	if since.IsZero() {
		since = a.now().Add(-before)
	}
	if err := a.catchUp(ctx, rt, sink, since); err != nil {
		return false, err
	}
	if err := a.patiently(ctx, rt, func() error { return a.findRooms(ctx) }); err != nil {
		return false, err
	}
	heard := map[string]*attended{}
	if err := a.listen(ctx, rt, sink, heard, tries); err != nil {
		return false, err
	}
	a.readable()
	a.health.worked()
	a.once.Do(func() { close(a.started) })
	a.log.InfoContext(ctx, "rocket.chat is connected")
	return true, a.attend(ctx, rt, sink, heard)
}

// attend takes what comes on a connection until it ends. What has to be asked
// for is asked for beside it: people's words don't wait for that.
func (a *Adapter) attend(ctx context.Context, rt *realtime, sink bot.Sink, heard map[string]*attended) error {
	life, stop := context.WithCancelCause(ctx)
	var wg sync.WaitGroup
	defer wg.Wait()
	defer stop(nil)
	wg.Go(func() { stop(a.keepLooking(life, rt, sink, heard)) })
	for {
		select {
		case <-life.Done():
			if ctx.Err() != nil {
				return nil
			}
			return context.Cause(life)
		case n, ok := <-rt.notices:
			if !ok {
				return rt.why()
			}
			list := rt.more(n)
			err := a.patiently(ctx, rt, func() error {
				done, err := a.notices(ctx, rt, sink, list)
				list = list[done:]
				return err
			})
			if err != nil {
				return err
			}
		}
	}
}

// keepLooking listens to the rooms of new customers, and looks at all rooms now
// and then, until it can't.
func (a *Adapter) keepLooking(ctx context.Context, rt *realtime, sink bot.Sink, heard map[string]*attended) error {
	look := time.NewTicker(a.o.live.look)
	defer look.Stop()
	for {
		var err error
		select {
		case <-ctx.Done():
			return nil
		case <-a.wakeRooms:
			err = a.listen(ctx, rt, sink, heard, 0)
		case <-look.C:
			err = a.look(ctx, rt, sink, heard)
		}
		if err != nil {
			return err
		}
	}
}

// look reads besides listening: a stream that fell silent without a word is
// noticed by it. What can't be read now is read at the next look.
func (a *Adapter) look(ctx context.Context, rt *realtime, sink bot.Sink, heard map[string]*attended) error {
	// Another replica may have brought a customer in, and be gone.
	err := a.findRooms(ctx)
	if err == nil {
		err = a.lookRooms(ctx, sink)
	}
	if err == nil {
		err = a.lookCustomers(ctx, rt, sink, heard)
	}
	if fatal(err) {
		return err // the streams may have ended with the login, without a word
	}
	if err != nil && ctx.Err() == nil {
		a.log.WarnContext(ctx, "rooms could not be looked at; the next look is soon", "err", err)
	}
	return a.listen(ctx, rt, sink, heard, 0)
}

// patiently makes a call again while the server takes no more of its kind, as
// long as the connection lives. Another connection would have to ask the same.
func (a *Adapter) patiently(ctx context.Context, rt *realtime, call func() error) error {
	for {
		err := call()
		e, ok := errors.AsType[*bot.Error](err)
		if !ok || e.Code != codeLimited {
			return err
		}
		a.health.trouble.Store(&trouble{words: "Rocket.Chat takes only a few calls a minute from Perch, so that starting takes long. Give the bot's user the role bot."})
		t := time.NewTimer(max(time.Duration(e.RetryAfter)*time.Second, time.Second))
		select {
		case <-t.C:
		case <-rt.ended:
			t.Stop()
			return rt.why()
		case <-ctx.Done():
			t.Stop()
			return fmt.Errorf("rocketchat: %w", ctx.Err())
		}
	}
}
