package inbox

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"runtime/debug"
	"slices"
	"sync"
	"time"

	"github.com/perch-chat/perch/internal/crew"
	"github.com/perch-chat/perch/store"
)

// maxChain bounds how many items of one thread a worker handles in a row, so
// that the other threads get their turn.
const maxChain = 16

// Run handles items until ctx ends, those first that an earlier run left. Then
// it waits for the handlers at work, for as long as Options.Drain says; an item
// whose handler isn't done by then is handled by the next run.
func (in *Inbox) Run(ctx context.Context) error {
	if !in.begin() {
		return errors.New("inbox: Run was called before")
	}
	work, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	r := &runner{
		Inbox: in, busy: map[string]bool{}, delayed: map[string]time.Time{},
		crew: crew.New(in.opt.Workers),
	}

	var tend sync.WaitGroup
	tend.Go(func() { in.tend(ctx) })
	defer tend.Wait()

	in.works.Store(true)
	stopQuick := context.AfterFunc(ctx, func() { in.works.Store(false) })
	defer stopQuick()
	crew.Dispatch(ctx, r.wakes, r.opt.Poll, func() (time.Time, error) { return r.pass(ctx, work) }, func(err error) {
		r.log.Error("look for items", "err", err)
	})
	in.works.Store(false)
	r.crew.End()
	if !r.crew.WaitFor(in.opt.Drain) {
		in.log.Warn("handlers at work at the end of the drain")
		stop()
		r.crew.WaitFor(time.Second)
	}
	return nil
}

func (in *Inbox) begin() bool {
	in.mu.Lock()
	defer in.mu.Unlock()
	was := in.running
	in.running = true
	return !was
}

// tend forgets old keys from time to time.
func (in *Inbox) tend(ctx context.Context) {
	timer := time.NewTimer(time.Minute) // not while all begins
	defer timer.Stop()
	var from []byte
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		}
		next, err := in.forget(ctx, from)
		if err != nil && ctx.Err() == nil {
			in.log.Error("forget keys", "err", err)
		}
		from = next
		if next != nil && err == nil {
			timer.Reset(100 * time.Millisecond) // others want to write too
		} else {
			timer.Reset(time.Hour)
		}
	}
}

// runner is what one Run knows in memory: what is being handled, never what
// waits.
type runner struct {
	*Inbox
	crew *crew.Crew

	mu      sync.Mutex
	turn    []byte               // of what is due, where the next look begins; only pass uses it
	busy    map[string]bool      // by the item's place in the store
	delayed map[string]time.Time // items that the store refused
}

// pass begins what is due and returns when to look again at the latest.
func (r *runner) pass(ctx, work context.Context) (next time.Time, err error) {
	free := r.free()
	if free <= 0 {
		return time.Time{}, nil // the end of a handler wakes
	}
	look := due{now: time.Now(), free: free}
	err = r.db.View(ctx, func(tx store.Tx) error {
		look.items, look.next, look.last = nil, time.Time{}, nil
		err := r.find(tx, &look, store.Range{From: r.turn})
		if err == nil && r.turn != nil && len(look.items) < free {
			err = r.find(tx, &look, store.Range{To: r.turn})
		}
		return err
	})
	if err != nil {
		return time.Time{}, err
	}
	r.turn = look.last
	for _, pk := range look.items {
		r.mu.Lock()
		r.busy[string(pk)] = true
		r.mu.Unlock()
		r.crew.Go(func() { r.work(ctx, work, pk) })
	}
	return look.next, nil
}

// due is what a look at the store finds to do.
type due struct {
	now   time.Time
	free  int // how many are looked for
	items [][]byte
	last  []byte    // behind the thread of the last of them, if there may be more
	next  time.Time // when something more becomes due
}

// find looks for what is due in a range of the index. Threads stand there by
// their names: where not all fit, the next look goes on behind the last, or the
// last of them would never have their turn.
func (r *runner) find(tx store.Tx, d *due, in store.Range) error {
	in.Limit = d.free + r.opt.Workers + r.delays() // what is being handled still stands in the index
	for p, err := range tx.Scan(tableName+"."+byDue, in) {
		if err != nil {
			return err
		}
		if len(p.Key) <= 18 {
			return fmt.Errorf("inbox: index of what is due: key %x", p.Key)
		}
		at := time.Unix(0, int64(binary.BigEndian.Uint64(p.Key)^1<<63))
		if at.After(d.now) {
			d.next = at
			return nil
		}
		if pk := p.Key[10:]; !r.skip(pk) { // behind the time and 00 00
			if d.items = append(d.items, pk); len(d.items) == d.free {
				d.last = behindThread(p.Key)
				return nil
			}
		}
	}
	return nil
}

// behindThread is behind all places in the index that the thread of a key can
// have at its time: what comes last in a place is the number in the thread.
func behindThread(key []byte) []byte {
	return append(slices.Clip(key[:len(key)-8]), bytes.Repeat([]byte{0xff}, 9)...)
}

func (r *runner) free() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	t := time.Now()
	for pk, until := range r.delayed {
		if !until.After(t) {
			delete(r.delayed, pk)
		}
	}
	return r.opt.Workers - len(r.busy)
}

func (r *runner) delays() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.delayed)
}

func (r *runner) skip(pk []byte) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.busy[string(pk)] || !r.delayed[string(pk)].IsZero()
}

// move goes from one item to the next, or to none.
func (r *runner) move(from, to []byte) {
	r.mu.Lock()
	delete(r.busy, string(from))
	if to != nil {
		r.busy[string(to)] = true
	}
	r.mu.Unlock()
	if to == nil {
		r.wake()
	}
}

// work handles the item at pk and those behind it.
func (r *runner) work(ctx, work context.Context, pk []byte) {
	for n := 1; ; n++ {
		next := r.handle(work, pk)
		if n == maxChain || ctx.Err() != nil {
			next = nil
		}
		r.move(pk, next)
		if next == nil {
			return
		}
		pk = next
	}
}

// handle handles one item and returns the place of the next of its thread.
func (r *runner) handle(ctx context.Context, pk []byte) (next []byte) {
	var failed error // the handler's, not the store's
	var rec record
	var gone bool
	err := r.db.Update(ctx, func(tx store.Tx) error {
		next, failed, gone = nil, nil, false // it may run twice
		var ok bool
		var err error
		rec, ok, err = items().Find(tx, pk)
		if err != nil {
			return err
		}
		if gone = !ok || !rec.Head || rec.NotBefore.After(now()); gone {
			return nil // another instance was faster
		}
		h := r.handlers[rec.Kind]
		if h == nil {
			h = unknown
		}
		if failed = try(h, tx, rec.Item); failed != nil {
			return failed
		}
		if err := items().Delete(tx, pk); err != nil {
			return err
		}
		next, err = r.promote(tx, rec.Queue)
		return err
	})
	switch {
	case err == nil:
		if !gone {
			r.tally(1, 0)
		}
		return next
	case failed == nil || ctx.Err() != nil || errors.Is(err, store.ErrClosed):
		if ctx.Err() == nil {
			r.log.Error("handle item", "kind", rec.Kind, "item", rec.ID, "err", err)
		}
		r.delay(pk)
		return nil
	case isNotYet(failed):
		r.log.Debug("item waits", "kind", rec.Kind, "item", rec.ID, "err", failed)
		r.later(ctx, pk, rec)
		return nil
	default:
		r.tally(0, 1)
		r.log.Error("handle item", "kind", rec.Kind, "item", rec.ID, "attempt", rec.Attempts+1, "err", failed)
		return r.failed(ctx, pk, rec.ID, failed)
	}
}

// isNotYet reports whether a handler says of an item that it came before what it
// needs, and that nothing is wrong. Errors with NotYet() bool say so.
func isNotYet(err error) bool {
	e, ok := errors.AsType[interface {
		error
		NotYet() bool
	}](err)
	return ok && e.NotYet()
}

// longestNotYet is how long an item waits at most that came too early.
const longestNotYet = 30 * time.Second

// later has an item that came too early wait, which costs it no attempt: a while
// at first, longer the longer it has waited.
func (r *runner) later(ctx context.Context, pk []byte, rec record) {
	err := r.db.Update(ctx, func(tx store.Tx) error {
		was, ok, err := items().Find(tx, pk)
		if err != nil || !ok || was.ID != rec.ID {
			return err
		}
		t := now()
		wait := min(max(t.Sub(rec.Received)/4, r.opt.Backoff), longestNotYet)
		was.NotBefore = t.Add(wait.Truncate(time.Microsecond)) // now is no finer
		return items().Put(tx, was)
	})
	if err != nil {
		if ctx.Err() == nil {
			r.log.Error("store that an item waits", "item", rec.ID, "err", err)
		}
		r.delay(pk)
	}
}

// try calls a handler.
func try(h Handler, tx store.Tx, it Item) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("panic: %v\n%s", v, debug.Stack())
		}
	}()
	return h(tx, it)
}

// unknown stands for the handler of a kind that has none.
func unknown(_ store.Tx, it Item) error {
	return fmt.Errorf("inbox: nothing handles items of kind %q", it.Kind)
}

// promote makes the next of a thread its first.
func (r *runner) promote(tx store.Tx, queue string) ([]byte, error) {
	all := store.Prefix(store.Key(queue))
	all.Limit = 1
	for rec, err := range items().Scan(tx, all) {
		if err != nil {
			return nil, err
		}
		rec.Head = true
		return store.Key(rec.Queue, rec.Seq), items().Put(tx, rec)
	}
	return nil, nil
}

// failed stores that an attempt failed: the thread waits, or goes on without
// the item if that was the last.
func (r *runner) failed(ctx context.Context, pk []byte, itemID string, cause error) (next []byte) {
	write := func(hooks bool) error {
		return r.db.Update(ctx, func(tx store.Tx) (err error) {
			next, err = r.failedIn(tx, pk, itemID, cause, hooks)
			return err
		})
	}
	err := write(true)
	if err != nil && ctx.Err() == nil {
		r.log.Error("store failure of item", "item", itemID, "err", err)
		err = write(false) // what is put aside without notice is still in Dead
	}
	if err != nil {
		r.log.Error("store failure of item", "item", itemID, "err", err)
		r.delay(pk)
		return nil
	}
	return next
}

func (r *runner) failedIn(tx store.Tx, pk []byte, itemID string, cause error, hooks bool) ([]byte, error) {
	rec, ok, err := items().Find(tx, pk)
	if err != nil || !ok || rec.ID != itemID {
		return nil, err
	}
	rec.Attempts++
	rec.Failure = detail(cause)
	if rec.Attempts < r.opt.MaxAttempts {
		rec.NotBefore = now().Add(r.opt.Backoff << min(rec.Attempts-1, 10))
		return nil, items().Put(tx, rec)
	}
	rec.NotBefore = time.Time{}
	if err := items().Delete(tx, pk); err != nil {
		return nil, err
	}
	if err := dead().Put(tx, rec.Item); err != nil {
		return nil, err
	}
	if hooks {
		if err := r.tellDead(tx, rec.Item); err != nil {
			return nil, err
		}
	}
	return r.promote(tx, rec.Queue)
}

func (r *runner) tellDead(tx store.Tx, it Item) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("panic: %v\n%s", v, debug.Stack())
		}
	}()
	for _, fn := range r.dead {
		if err := fn(tx, it); err != nil {
			return fmt.Errorf("inbox: hook: dead item %s: %w", it.ID, err)
		}
	}
	return nil
}

// detail is an error cut to a size that does no harm.
func detail(err error) string {
	const most = 500
	s := err.Error()
	if len(s) > most {
		s = s[:most] + "…"
	}
	return s
}

// delay has an item left alone for a second: trying at once would go wrong again.
func (r *runner) delay(pk []byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.delayed[string(pk)] = time.Now().Add(time.Second)
}

func (in *Inbox) tally(handled, failed int64) {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.counts.handled += handled
	in.counts.failed += failed
}
