package outbox

import (
	"context"
	"errors"
	"maps"
	"sync"
	"time"

	"github.com/perch-chat/perch/internal/crew"
	"github.com/perch-chat/perch/store"
)

// maxBudgets is how many budgets are kept before those that are over are looked for.
const maxBudgets = 1000

// storeGrace is how long outcomes may still be stored after the drain.
const storeGrace = 5 * time.Second

// Run gives up what a process that is gone left under way, then carries out
// actions until ctx ends. It waits for the attempts under way, for as long as
// Options.Drain says, and stores their outcomes; what doesn't end in time is
// looked up at the next start.
func (o *Outbox) Run(ctx context.Context) error {
	if !o.begin() {
		return errors.New("outbox: Run was called before")
	}
	r := newRunner(o)
	// Calls outlive ctx by the drain, writes outlive the calls.
	calls, stopCalls := context.WithCancel(context.WithoutCancel(ctx))
	defer stopCalls()
	writes, stopWrites := context.WithCancel(context.WithoutCancel(ctx))
	defer stopWrites()

	if err := r.beginOwner(ctx); err != nil {
		if ctx.Err() != nil {
			return nil
		}
		return err
	}
	tending, stopTending := context.WithCancel(context.WithoutCancel(ctx))
	var tend sync.WaitGroup
	tend.Go(func() { r.tend(tending) }) // the lease is kept while attempts are under way
	defer tend.Wait()
	defer stopTending()
	r.sc = scope{run: ctx, calls: calls, writes: writes}
	o.runner.Store(r)
	crew.Dispatch(ctx, r.wakes, r.opt.Poll, func() (time.Time, error) { return r.pass(ctx, r.sc) }, func(err error) {
		r.log.Error("look for work", "err", err)
	})
	o.runner.Store(nil)
	r.mu.Lock()
	r.ended = true // nothing boards any more
	r.mu.Unlock()
	r.crew.End()

	if !r.crew.WaitFor(o.opt.Drain) {
		o.log.Warn("attempts under way at the end of the drain", "count", r.flying())
		stopCalls()
		if !r.crew.WaitFor(storeGrace) {
			stopWrites()
			o.log.Error("attempts that don't end were left; they are looked up at the next start", "count", r.flying())
		}
	}
	stopTending()
	tend.Wait()
	r.endOwner(context.WithoutCancel(ctx))
	return nil
}

func (o *Outbox) begin() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	was := o.running
	o.running = true
	return !was
}

// scope is the three lifetimes that an attempt has to do with.
type scope struct {
	run    context.Context //nolint:containedctx // begin nothing new after it
	calls  context.Context //nolint:containedctx // calls under way end with it
	writes context.Context //nolint:containedctx // outcomes are stored until it ends
}

// runner is what one Run knows in memory; the store knows all that matters.
type runner struct {
	*Outbox
	sc   scope
	crew *crew.Crew

	mu       sync.Mutex
	ended    bool
	refused  bool                 // something may have gone out but for what is under way
	claims   int                  // of claimAdded, of which nobody knows yet if they are stored
	flights  map[string]*flight   // by action
	delayed  map[string]time.Time // actions that the store or a hook refused, or that nobody here can do
	busy     map[string]int       // flights by lane
	budgets  map[string]budget    // by lane
	leaseEnd time.Time
	turn     int // which lanes come first, so that none is always last
}

// flight is an action that is being worked on.
type flight struct {
	lanes  []string
	cancel context.CancelFunc // nil until it is attempted
}

// budget is how many more calls a service takes in a lane.
type budget struct {
	left  int
	until time.Time
}

func newRunner(o *Outbox) *runner {
	return &runner{
		Outbox:  o,
		crew:    crew.New(o.opt.Workers),
		flights: map[string]*flight{},
		delayed: map[string]time.Time{},
		busy:    map[string]int{},
		budgets: map[string]budget{},
	}
}

// pass begins what is due and returns when to look again at the latest.
func (r *runner) pass(ctx context.Context, sc scope) (next time.Time, err error) {
	free := r.free()
	if free <= 0 || !r.leased() {
		r.refuse()
		return time.Time{}, nil // the end of an attempt wakes
	}
	var found due
	err = r.db.View(ctx, func(tx store.Tx) error {
		found = due{now: now(), free: free}
		return r.look4work(tx, &found)
	})
	if err != nil {
		return time.Time{}, err
	}
	if found.untidy {
		r.tidy(ctx)
	}
	r.mu.Lock()
	r.claims = 0 // those of transactions that were undone
	r.mu.Unlock()
	picked := found.pick(r.next())
	if len(picked) == free {
		r.refuse() // there may be more
	}
	for _, rec := range picked {
		if !r.board(&rec) {
			continue
		}
		r.crew.Go(func() { r.work(sc, rec) })
	}
	return found.next, nil
}

// tidy ends the holds whose time is over and fails what is too late. What a hook
// has against it can't change either.
func (r *runner) tidy(ctx context.Context) {
	work := func(tx store.Tx) error {
		if err := r.endHolds(tx); err != nil {
			return err
		}
		return r.expire(tx)
	}
	err := r.db.Update(ctx, work)
	if _, ok := errors.AsType[*hookError](err); ok {
		r.log.Error("end holds and late actions", "err", err)
		err = r.db.Update(ctx, func(tx store.Tx) error { return work(quietTx{tx}) })
	}
	if err != nil && ctx.Err() == nil {
		r.log.Error("end holds and late actions", "err", err)
	}
}

func (r *runner) next() int {
	r.turn++
	return r.turn
}

func (r *runner) free() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	t := now()
	for id, until := range r.delayed {
		if !until.After(t) {
			delete(r.delayed, id)
		}
	}
	return r.opt.Workers - len(r.flights)
}

func (r *runner) flying() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.flights)
}

// skip reports whether an action that is due is none for this pass.
func (r *runner) skip(id string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.flights[id] != nil {
		r.refused = true
		return true
	}
	return !r.delayed[id].IsZero()
}

// refuse notes that the end of an attempt makes room for something.
func (r *runner) refuse() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.refused = true
}

// delay has an action left alone for a while: trying at once would go wrong again.
func (r *runner) delay(id string, d time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.delayed[id] = now().Add(d)
}

// board takes note that an action is being worked on, if it may be.
func (r *runner) board(rec *record) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.flights[rec.ID] != nil {
		return false
	}
	if len(r.flights) >= r.opt.Workers || !r.within(rec.Lanes) {
		r.refused = true
		return false
	}
	r.enter(rec)
	return true
}

// enter is board without asking; r.mu is held.
func (r *runner) enter(rec *record) {
	r.flights[rec.ID] = &flight{lanes: rec.Lanes}
	for _, lane := range rec.Lanes {
		r.busy[lane]++
		if b, ok := r.budgets[lane]; ok {
			b.left--
			r.budgets[lane] = b
		}
	}
}

// within reports whether the services take one more call in lanes; r.mu is
// held. A lane in which nothing is under way may always be asked, and where
// that is long ago only one goes ahead to ask.
func (r *runner) within(lanes []string) bool {
	t := now()
	for _, lane := range lanes {
		b, ok := r.budgets[lane]
		if ok && !b.until.After(t) {
			b.left = 0
		}
		if ok && b.left <= 0 && r.busy[lane] > 0 {
			return false
		}
	}
	return true
}

// leave is the end of work on an action.
func (r *runner) leave(id string) {
	r.mu.Lock()
	f := r.flights[id]
	delete(r.flights, id)
	if f != nil {
		for _, lane := range f.lanes {
			if r.busy[lane]--; r.busy[lane] <= 0 {
				delete(r.busy, lane)
			}
		}
	}
	wake := r.refused
	r.refused = false
	r.mu.Unlock()
	if wake {
		r.wake()
	}
}

// heed takes the services at their word on how many more calls they take. What
// is under way may not be counted yet, so it is.
func (r *runner) heed(lanes []string, pace []Pace) {
	r.mu.Lock()
	defer r.mu.Unlock()
	t := now()
	for _, lane := range lanes {
		if b, ok := r.budgets[lane]; ok && !b.until.After(t) {
			delete(r.budgets, lane) // unless it is told below, nobody counts any more
		}
	}
	for _, p := range pace {
		if p.Lane != "" {
			r.budgets[p.Lane] = budget{left: p.Remaining - r.busy[p.Lane] + 1, until: p.Reset}
		}
	}
	if len(r.budgets) > maxBudgets {
		// What is over says nothing about a lane in which nothing is under way.
		maps.DeleteFunc(r.budgets, func(lane string, b budget) bool { return !b.until.After(t) && r.busy[lane] == 0 })
	}
}
