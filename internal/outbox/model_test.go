package outbox

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/perch-chat/perch/store"
	"github.com/perch-chat/perch/store/bolt/bolttest"
)

// A failing history is played again with -history N -histories 1; goroutines
// still take their own turns, so it may need -count.
var (
	historySeed  = flag.Int("history", 0, "the first history to play")
	historyCount = flag.Int("histories", 15, "how many histories to play")
)

// TestHistories plays random histories: people add, send, cancel and retry
// actions, the service fails in every way it can, lanes are held, and the
// process is killed between any two writes, alone or with another beside it.
// In the end each action had its effect exactly once if it is done, and never
// otherwise; each order was kept; nothing is left that no person was told of.
func TestHistories(t *testing.T) {
	seed, count := *historySeed, *historyCount
	if testing.Short() {
		count = min(count, 5)
	}
	for n := seed; n < seed+count; n++ {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { playHistory(t, n) })
		})
	}
}

type history struct {
	*world
	rng     *rand.Rand // the people's dice
	dice    *rand.Rand // the service's, under its lock
	replica bool       // two instances at once
	rate    float64

	live    []*life
	ids     []string
	added   map[string]Action
	touched map[string]bool // keys that a person retried: their place is their own
}

// life is one process.
type life struct {
	ob   *Outbox
	m    *mortal
	stop func()
}

func playHistory(t *testing.T, n int) {
	h := &history{
		world:   &world{t: t, db: bolttest.Open(t), svc: newService()},
		rng:     rand.New(rand.NewPCG(uint64(n), 7)),
		dice:    rand.New(rand.NewPCG(uint64(n), 8)),
		added:   map[string]Action{},
		touched: map[string]bool{},
	}
	h.replica = n%3 == 2
	h.rate = []float64{0, 0.1, 0.5}[h.rng.IntN(3)]
	h.svc.lane = "lane0"
	h.svc.fates = func(Action) fate { return h.fate() } // with the service's lock held
	h.svc.slow = func() time.Duration {
		h.svc.mu.Lock()
		defer h.svc.mu.Unlock()
		return time.Duration(h.dice.IntN(3000)) * time.Millisecond
	}
	h.svc.blind = func(int) error {
		if h.dice.Float64() < h.rate/2 {
			return errors.New("lookup failed")
		}
		return nil
	}
	t.Logf("fault rate %.1f, replica %v", h.rate, h.replica)
	h.start()
	if h.replica {
		h.start()
	}
	for range 60 {
		h.step()
		pass(time.Duration(h.rng.IntN(4000)) * time.Millisecond)
	}
	h.finish()
	h.judge()
}

func (h *history) fate() fate {
	if h.dice.Float64() >= h.rate {
		return works
	}
	return []fate{lost, vanishes, rejects, putsOff, paces, blows, blowsAfter, hangs}[h.dice.IntN(8)]
}

// start begins a process.
func (h *history) start() {
	o := Options{Workers: 3, Backoff: time.Second, MaxBackoff: time.Minute, MaxAttempts: 6, AttemptTimeout: 5 * time.Second, Drain: time.Second, Poll: 5 * time.Second}
	o.Exclusive = !h.replica
	ob, m := h.instance(o)
	ob.OnChange(func(tx store.Tx, _ State, a Action) error {
		// What people see is kept in the transaction of the change.
		b, err := json.Marshal(a)
		if err != nil {
			return err
		}
		return tx.Put("seen", store.Key(a.ID), b)
	})
	h.live = append(h.live, &life{ob, m, runOutbox(h.t, ob)})
}

func (h *history) step() {
	dice, pick, slot := h.rng.IntN(100), h.rng.IntN(1<<20), h.rng.IntN(4)
	switch {
	case dice < 50:
		h.write(func(tx store.Tx, ob *Outbox) error { return h.addOne(tx, ob, pick) })
	case dice < 70 && len(h.ids) > 0:
		id := h.ids[pick%len(h.ids)]
		h.write(func(tx store.Tx, ob *Outbox) error { return h.decideOne(tx, ob, id, slot) })
	case dice < 76:
		h.write(func(tx store.Tx, ob *Outbox) error {
			hold := Hold{Lane: fmt.Sprint("lane", slot), Code: "held", Message: "Held."}
			if pick%2 == 0 {
				hold.Until = time.Now().Add(20 * time.Second)
			}
			return ob.Hold(tx, hold)
		})
	case dice < 82:
		h.write(func(tx store.Tx, ob *Outbox) error { return ob.Release(tx, fmt.Sprint("lane", slot)) })
	case dice < 92: // killed at once, or between two writes soon
		l := h.live[pick%len(h.live)]
		if pick%3 == 0 {
			l.m.kill()
		} else {
			l.m.after.Store(pick%2 == 0)
			l.m.budget.Store(int64(1 + pick%5))
			h.write(func(tx store.Tx, ob *Outbox) error { return h.addOne(tx, ob, pick) })
			pass(3 * time.Second)
			l.m.kill()
		}
		h.bury(l)
		h.start()
	default: // restarted in order
		l := h.live[pick%len(h.live)]
		h.bury(l)
		h.start()
	}
}

// bury ends a life, killed or not.
func (h *history) bury(l *life) {
	i := slices.Index(h.live, l)
	h.live = slices.Delete(h.live, i, i+1)
	l.stop()
}

// write is a transaction of somebody else in a process that lives: the outbox
// of the first, the store beneath.
func (h *history) write(fn func(tx store.Tx, ob *Outbox) error) {
	h.update(func(tx store.Tx) error { return fn(tx, h.live[0].ob) })
}

func (h *history) addOne(tx store.Tx, ob *Outbox, pick int) error {
	a := Action{Kind: "x", Key: fmt.Sprintf("%04d", len(h.added)), CreatedBy: "rio"}
	if pick%4 > 0 {
		a.Order = fmt.Sprint("order", pick>>2%3)
	}
	if pick>>4%2 > 0 {
		a.Lanes = []string{fmt.Sprint("lane", pick>>5%4)}
	}
	switch pick >> 7 % 8 {
	case 0:
		a.State = Draft
	case 1:
		a.State = Awaiting
	case 2:
		a.NotBefore = time.Now().Add(10 * time.Second)
	case 3:
		a.Expires = time.Now().Add(time.Minute)
	case 4:
		a.Slot = fmt.Sprint("slot", pick>>10%2)
	case 5:
		if len(h.ids) > 0 {
			a.After = h.ids[pick>>10%len(h.ids)]
		}
	}
	got, _, err := ob.Add(tx, a)
	if err != nil {
		return err
	}
	h.added[a.Key] = got
	h.ids = append(h.ids, got.ID)
	return nil
}

// decideOne has a person do something; what isn't possible is refused.
func (h *history) decideOne(tx store.Tx, ob *Outbox, id string, what int) error {
	a, err := ob.Get(tx, id)
	if err != nil {
		return err
	}
	if a.State == Unknown && a.Stuck {
		return h.look(tx, ob, a)
	}
	switch what {
	case 0:
		_, err = ob.Submit(tx, id, "ada")
	case 1:
		_, err = ob.Approve(tx, id, "ada")
	case 2:
		_, err = ob.Cancel(tx, id, "ada")
	default:
		_, err = ob.Retry(tx, id, "ada")
		h.touched[a.Key] = h.touched[a.Key] || err == nil
	}
	if errors.Is(err, ErrState) || errors.Is(err, ErrTooLate) {
		return nil
	}
	return err
}

// look is what a person does with a stuck action: go and see.
func (h *history) look(tx store.Tx, ob *Outbox, a Action) error {
	var err error
	if h.svc.count(a.Key) > 0 {
		_, err = ob.Settle(tx, a.ID, "ada", nil)
	} else {
		_, err = ob.Retry(tx, a.ID, "ada")
	}
	return err
}

// finish lets everything come to its end: the service works, nothing is held,
// and people look at what is stuck.
func (h *history) finish() {
	h.svc.mu.Lock()
	h.rate = 0
	h.svc.mu.Unlock()
	for range 6 {
		h.write(func(tx store.Tx, ob *Outbox) error {
			holds, err := ob.Holds(tx)
			if err != nil {
				return err
			}
			for _, x := range holds {
				if err := ob.Release(tx, x.Lane); err != nil {
					return err
				}
			}
			stuck, err := ob.ByState(tx, Unknown, 0)
			if err != nil {
				return err
			}
			for _, a := range stuck {
				if a.Stuck {
					if err := h.look(tx, ob, a); err != nil {
						return err
					}
				}
			}
			return nil
		})
		pass(10 * time.Minute)
	}
	for len(h.live) > 0 {
		h.bury(h.live[0])
	}
}

func (h *history) judge() {
	t := h.t
	ob := New(h.db, Options{})
	effects := h.svc.log()
	at := map[string]int{}
	for i, k := range effects {
		if _, twice := at[k]; twice {
			t.Errorf("%s had its effect twice", k)
		}
		at[k] = i
	}
	if len(h.svc.overlap) > 0 {
		t.Errorf("two at once in %v", h.svc.overlap)
	}
	states := map[State]int{}
	err := h.db.View(context.WithoutCancel(t.Context()), func(tx store.Tx) error {
		for key, added := range h.added {
			a, err := ob.Get(tx, added.ID)
			if err != nil {
				t.Errorf("%s is lost: %v", key, err)
				continue
			}
			states[a.State]++
			h.judgeOne(tx, ob, a, at)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	h.judgeOrder(effects)
	t.Logf("%v, %d effects", states, len(effects))
}

func (h *history) judgeOne(tx store.Tx, ob *Outbox, a Action, at map[string]int) {
	i, happened := at[a.Key]
	switch a.State {
	case Done:
		if !happened {
			h.t.Errorf("%s is done and had no effect", a.Key)
		}
	case Failed, Cancelled, Draft, Awaiting:
		if happened {
			h.t.Errorf("%s is %s (%+v) and had an effect", a.Key, a.State, a.Failure)
		}
	case Queued:
		h.judgeWaiting(tx, ob, a)
	default:
		h.t.Errorf("%s is %s in the end: %+v", a.Key, a.State, a)
	}
	if a.State == Failed && message(a.Failure) == "" {
		h.t.Errorf("%s failed without a word", a.Key)
	}
	if a.After != "" && happened {
		dep, err := ob.Get(tx, a.After)
		if err != nil {
			h.t.Errorf("what %s follows is lost: %v", a.Key, err)
		} else if j, ok := at[dep.Key]; !ok || j > i {
			h.t.Errorf("%s went out before %s, which it follows", a.Key, dep.Key)
		}
	}
	// What the hooks saw last is what is.
	if b, err := tx.Get("seen", store.Key(a.ID)); err != nil {
		h.t.Errorf("no hook heard of %s: %v", a.Key, err)
	} else if want := fmt.Sprintf(`"state":%q`, a.State); !strings.Contains(string(b), want) {
		h.t.Errorf("the hooks last saw %s as %s, it is %s", a.Key, b, a.State)
	}
}

// judgeWaiting: what is queued in the end waits for a person to do something
// with what it follows.
func (h *history) judgeWaiting(tx store.Tx, ob *Outbox, a Action) {
	for dep := a; dep.After != ""; {
		next, err := ob.Get(tx, dep.After)
		if err != nil {
			break
		}
		if dep = next; dep.State == Failed || dep.State == Draft || dep.State == Awaiting {
			return
		}
	}
	rec, err := find(tx, a.ID)
	h.t.Errorf("%s still waits and nobody knows for what: %+v, %v", a.Key, rec, err)
}

// judgeOrder: what was queued from the start, and needed nobody's help, went
// out in the order in which it was added.
func (h *history) judgeOrder(effects []string) {
	last := map[string]string{}
	for _, k := range effects {
		a := h.added[k]
		if a.Order == "" || a.State != Queued || a.After != "" || h.touched[k] {
			continue
		}
		if k < last[a.Order] {
			h.t.Errorf("%s went out after %s, both of %s", k, last[a.Order], a.Order)
		}
		last[a.Order] = k
	}
}
