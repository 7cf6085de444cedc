package outbox

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/perch-chat/perch/store"
	"github.com/perch-chat/perch/store/bolt/bolttest"
)

// fate is what the service does with a call.
type fate int

const (
	works      fate = iota
	lost            // has its effect, the answer doesn't arrive
	vanishes        // has no effect, no answer arrives
	rejects         // says no
	putsOff         // says later
	paces           // says that it takes no more for a while
	blows           // the executor panics before the effect
	blowsAfter      // and after it
	hangs           // no answer until the call is cancelled; no effect
)

// service is the outside world: it keeps its own log of what had an effect, and
// is the judge of what Perch did.
type service struct {
	mu      sync.Mutex
	effects []string          // keys, in order
	calls   map[string]int    // Do by key
	under   map[string]int    // calls under way by order
	overlap []string          // orders with two calls at once
	fates   func(Action) fate // nil: works
	blind   func(n int) error // what the nth lookup fails with; nil: it doesn't
	lookups map[string]int    // by key
	hidden  map[string]int    // lookups until an effect is seen, by key
	lane    string            // held by paces
	gate    chan struct{}     // if set, Do waits for it
	slow    func() time.Duration
	begun   chan string // if set, is sent the key of each call
	peak    int         // most calls at once
	now     int         // calls at once
	ladder  []time.Duration
	onDo    func(context.Context, Action) (Receipt, error) // if set, instead of all this
}

func newService() *service {
	return &service{
		calls: map[string]int{}, under: map[string]int{}, lookups: map[string]int{}, hidden: map[string]int{},
		ladder: []time.Duration{2 * time.Second, 10 * time.Second, 30 * time.Second},
	}
}

func (s *service) Ladder() []time.Duration { return s.ladder }

func (s *service) Do(ctx context.Context, a Action) (Receipt, error) {
	if s.onDo != nil {
		return s.onDo(ctx, a)
	}
	f := s.enter(a)
	defer s.exit(a)
	if s.begun != nil {
		s.begun <- a.Key
	}
	if s.gate != nil {
		select {
		case <-s.gate:
		case <-ctx.Done():
			return Receipt{}, ctx.Err()
		}
	}
	if f == works || f == lost || f == blowsAfter {
		s.mu.Lock()
		s.effects = append(s.effects, a.Key)
		s.mu.Unlock()
	}
	if s.slow != nil { // the answer takes its time
		select {
		case <-time.After(s.slow()):
		case <-ctx.Done():
			return Receipt{}, ctx.Err()
		}
	}
	switch f {
	case works:
		return Receipt{Result: json.RawMessage(`{"key":"` + a.Key + `"}`)}, nil
	case rejects:
		return Receipt{}, &Error{Outcome: Rejected, Failure: Failure{Code: "no", Message: "The service says no."}}
	case putsOff:
		return Receipt{}, &Error{Outcome: Later, Failure: Failure{Code: "busy", Message: "The service is busy."}}
	case paces:
		return Receipt{}, &Error{
			Outcome: Later, Failure: Failure{Code: "rate_limited", Message: "Too many."},
			Hold: &Hold{Lane: s.lane, Code: "rate_limited", Message: "Too many.", Until: time.Now().Add(time.Minute)},
		}
	case blows, blowsAfter:
		panic("executor blew up")
	case hangs:
		<-ctx.Done()
		return Receipt{}, ctx.Err()
	default:
		return Receipt{}, errors.New("connection reset")
	}
}

func (s *service) enter(a Action) fate {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls[a.Key]++
	if a.Order != "" {
		if s.under[a.Order]++; s.under[a.Order] > 1 {
			s.overlap = append(s.overlap, a.Order)
		}
	}
	s.now++
	s.peak = max(s.peak, s.now)
	if s.fates == nil {
		return works
	}
	return s.fates(a)
}

func (s *service) exit(a Action) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.under[a.Order]--
	s.now--
}

func (s *service) Reconcile(_ context.Context, a Action) (Verdict, Receipt, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lookups[a.Key]++
	if s.blind != nil {
		if err := s.blind(s.lookups[a.Key]); err != nil {
			return Absent, Receipt{}, err
		}
	}
	if s.hidden[a.Key] > 0 {
		s.hidden[a.Key]--
		return Absent, Receipt{}, nil
	}
	if slices.Contains(s.effects, a.Key) {
		return Found, Receipt{Result: json.RawMessage(`{"found":true}`)}, nil
	}
	return Absent, Receipt{}, nil
}

func (s *service) count(key string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := 0
	for _, k := range s.effects {
		if k == key {
			n++
		}
	}
	return n
}

func (s *service) log() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string(nil), s.effects...)
}

// plain is a service that can't be asked what became of a call.
type plain struct{ s *service }

func (p plain) Do(ctx context.Context, a Action) (Receipt, error) { return p.s.Do(ctx, a) }

// mortal is a store whose process can be killed: from then on nothing is
// written, whatever was under way.
type mortal struct {
	store.Store
	dead   atomic.Bool
	budget atomic.Int64 // updates left, if not 0
	after  atomic.Bool  // the last update is committed, but its caller doesn't learn it
	died   chan struct{}
	once   sync.Once
}

func newMortal(db store.Store) *mortal { return &mortal{Store: db, died: make(chan struct{})} }

func (m *mortal) kill() {
	m.dead.Store(true)
	m.once.Do(func() { close(m.died) })
}

func (m *mortal) View(ctx context.Context, fn func(store.Tx) error) error {
	if m.dead.Load() {
		return store.ErrClosed
	}
	return m.Store.View(ctx, fn)
}

func (m *mortal) Update(ctx context.Context, fn func(store.Tx) error) error {
	if m.dead.Load() {
		return store.ErrClosed
	}
	last := m.budget.Load() > 0 && m.budget.Add(-1) == 0
	if last && !m.after.Load() {
		m.kill()
		return store.ErrClosed
	}
	err := m.Store.Update(ctx, func(tx store.Tx) error {
		if m.dead.Load() {
			return store.ErrClosed
		}
		return fn(tx)
	})
	if last {
		m.kill()
		return store.ErrClosed
	}
	return err
}

// world is an outbox, its store and the service outside, in a bubble of time.
type world struct {
	t    *testing.T
	db   store.Store
	svc  *service
	opt  Options
	ob   *Outbox
	stop func() // ends Run and waits for it
}

// inBubble runs fn with an outbox that isn't running yet.
func inBubble(t *testing.T, o Options, fn func(w *world)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		db := bolttest.Open(t)
		o.Exclusive = o.Exclusive || o.Owner == ""
		if o.Poll == 0 {
			o.Poll = 24 * time.Hour // so that a missed wake-up shows
		}
		w := &world{t: t, db: db, svc: newService(), opt: o}
		w.build(db)
		fn(w)
		if w.stop != nil {
			w.stop()
		}
	})
}

func (w *world) build(db store.Store) {
	if w.opt.Log == nil {
		w.opt.Log = slog.New(slog.DiscardHandler)
	}
	w.ob = New(db, w.opt)
	w.ob.Register("x", w.svc)
	w.ob.Register("blunt", plain{w.svc})
}

func (w *world) run() {
	w.stop = runOutbox(w.t, w.ob)
}

// runOutbox runs ob until the function it returns is called, or the test ends.
func runOutbox(t testing.TB, ob *Outbox) (stop func()) {
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- ob.Run(ctx) }()
	return sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil && !errors.Is(err, store.ErrClosed) { // killed before it began
			t.Errorf("Run: %v", err)
		}
	})
}

func (w *world) update(fn func(tx store.Tx) error) {
	w.t.Helper()
	if err := w.db.Update(context.WithoutCancel(w.t.Context()), fn); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) add(as ...Action) (ids []string) {
	w.t.Helper()
	w.update(func(tx store.Tx) error {
		ids = nil
		for _, a := range as {
			if a.Kind == "" {
				a.Kind = "x"
			}
			got, _, err := w.ob.Add(tx, a)
			if err != nil {
				return err
			}
			ids = append(ids, got.ID)
		}
		return nil
	})
	return ids
}

func (w *world) get(id string) (a Action) {
	w.t.Helper()
	err := w.db.View(w.t.Context(), func(tx store.Tx) (err error) {
		a, err = w.ob.Get(tx, id)
		return err
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return a
}

func (w *world) wantState(id string, want State) Action {
	w.t.Helper()
	a := w.get(id)
	if a.State != want {
		w.t.Errorf("%s is %s (failure %+v), want %s", a.Key, a.State, a.Failure, want)
	}
	return a
}

func (w *world) wantEffects(want ...string) {
	w.t.Helper()
	if got := w.svc.log(); fmt.Sprint(got) != fmt.Sprint(want) {
		w.t.Errorf("effects = %v, want %v", got, want)
	}
}

// pass lets d go by, and all that happens in it happen.
func pass(d time.Duration) {
	synctest.Wait()
	if d > 0 {
		<-time.After(d)
		synctest.Wait()
	}
}

// first answers with fs, one a call, and then works.
func first(fs ...fate) func(Action) fate {
	return func(Action) fate {
		if len(fs) == 0 {
			return works
		}
		f := fs[0]
		fs = fs[1:]
		return f
	}
}

func (s *service) called(key string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.calls[key]
}

func (s *service) looked(key string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.lookups[key]
}

// hide has the next n lookups miss what is there.
func (s *service) hide(key string, n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.hidden[key] = n
}

func (s *service) setFates(f func(Action) fate) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fates = f
}

func (s *service) setBlind(f func(int) error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.blind = f
}
