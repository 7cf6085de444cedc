package inbox

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/perch-chat/perch/store"
	"github.com/perch-chat/perch/store/bolt/bolttest"
)

// world is an inbox in a bubble of time, and what its handler did.
type world struct {
	t    *testing.T
	db   store.Store
	in   *Inbox
	stop func()
}

func inBubble(t *testing.T, o Options, fn func(w *world)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		db := bolttest.Open(t)
		if o.Poll == 0 {
			o.Poll = 24 * time.Hour // so that a missed wake-up shows
		}
		w := &world{t: t, db: db, in: New(db, o)}
		fn(w)
		if w.stop != nil {
			w.stop()
		}
	})
}

func (w *world) run() { w.stop = runInbox(w.t, w.in) }

func runInbox(t testing.TB, in *Inbox) (stop func()) {
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- in.Run(ctx) }()
	return sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run: %v", err)
		}
	})
}

// put stores an item a name: "thread/rest", of kind "k".
func (w *world) put(names ...string) {
	w.t.Helper()
	for _, name := range names {
		thread, _, _ := strings.Cut(name, "/")
		body, err := json.Marshal(name)
		if err != nil {
			w.t.Fatal(err)
		}
		if _, err := w.in.Put(w.t.Context(), Item{Key: name, Thread: thread, Kind: "k", Body: body}); err != nil {
			w.t.Fatal(err)
		}
	}
}

func (w *world) update(fn func(tx store.Tx) error) {
	w.t.Helper()
	if err := w.db.Update(w.t.Context(), fn); err != nil {
		w.t.Fatal(err)
	}
}

// note is a handler: the names it was given, in order, kept in the
// store as a real one's would be.
func note(tx store.Tx, it Item) error {
	var name string
	if err := json.Unmarshal(it.Body, &name); err != nil {
		return err
	}
	n := 0
	for _, err := range tx.Scan("handled", store.Range{}) {
		if err != nil {
			return err
		}
		n++
	}
	return tx.Put("handled", store.Key(n), it.Body)
}

func (w *world) handled() (names []string) {
	w.t.Helper()
	err := w.db.View(context.WithoutCancel(w.t.Context()), func(tx store.Tx) error {
		names = nil
		for p, err := range tx.Scan("handled", store.Range{}) {
			if err != nil {
				return err
			}
			var name string
			if err := json.Unmarshal(p.Val, &name); err != nil {
				return err
			}
			names = append(names, name)
		}
		return nil
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return names
}

func (w *world) wantHandled(want ...string) {
	w.t.Helper()
	if got := w.handled(); fmt.Sprint(got) != fmt.Sprint(want) {
		w.t.Errorf("handled %v, want %v", got, want)
	}
}

func pass(d time.Duration) {
	synctest.Wait()
	if d > 0 {
		<-time.After(d)
		synctest.Wait()
	}
}

func TestPutThenHandle(t *testing.T) {
	inBubble(t, Options{}, func(w *world) {
		w.in.Handle("k", note)
		w.put("a/1", "a/2")
		w.run() // what is stored before is handled first
		pass(0)
		w.put("a/3", "a/1")
		pass(0)
		w.wantHandled("a/1", "a/2", "a/3")
	})
}

// TestDurable: what Put acknowledged is there in another process.
func TestDurable(t *testing.T) {
	inBubble(t, Options{}, func(w *world) {
		w.put("a/1", "b/1", "a/2")
		again := New(w.db, Options{})
		again.Handle("k", note)
		stop := runInbox(w.t, again)
		pass(0)
		stop()
		got := w.handled()
		slices.Sort(got)
		if fmt.Sprint(got) != "[a/1 a/2 b/1]" {
			t.Errorf("handled %v", got)
		}
		if n, err := w.in.Put(w.t.Context(), Item{Key: "a/1", Kind: "k", Body: json.RawMessage(`1`)}); n != 0 || err != nil {
			t.Errorf("Put of what was handled = %d, %v; want 0", n, err)
		}
	})
}

func TestPut(t *testing.T) {
	inBubble(t, Options{}, func(w *world) {
		body := json.RawMessage(`{}`)
		long := strings.Repeat("x", 5000)
		n, err := w.in.Put(w.t.Context(),
			Item{Key: "a", Kind: "k", Body: body}, Item{Key: "a", Kind: "k", Body: body},
			Item{Kind: "k", Body: body}, Item{Kind: "k", Body: body},
			Item{Key: long + "1", Thread: long, Kind: "k", Body: body}, Item{Key: long + "2", Thread: long, Kind: "k", Body: body},
		)
		if n != 5 || err != nil {
			t.Errorf("Put = %d, %v; want 5 new", n, err)
		}
		for name, bad := range map[string]Item{"no kind": {Body: body}, "no JSON": {Kind: "k", Body: json.RawMessage(`{`)}} {
			if _, err := w.in.Put(w.t.Context(), Item{Key: "good", Kind: "k", Body: body}, bad); err == nil {
				t.Errorf("Put of one with %s: no error", name)
			}
		}
		s, err := w.in.Stats(w.t.Context())
		if err != nil || s.Depth != 5 || s.Threads != 4 {
			t.Errorf("Stats = %+v, %v; want 5 items in 4 threads", s, err)
		}
	})
}

func TestOrderAndParallel(t *testing.T) {
	inBubble(t, Options{Workers: 4}, func(w *world) {
		w.in.Handle("k", note)
		for i := range 25 {
			w.put(fmt.Sprintf("a/%02d", i), fmt.Sprintf("b/%02d", i), fmt.Sprintf("c/%02d", i))
		}
		w.run()
		pass(0)
		by := map[string][]string{}
		for _, name := range w.handled() {
			thread, _, _ := strings.Cut(name, "/")
			by[thread] = append(by[thread], name)
		}
		for thread, names := range by {
			if len(names) != 25 || !slices.IsSorted(names) {
				t.Errorf("thread %s was handled as %v", thread, names)
			}
		}
		if len(by) != 3 {
			t.Errorf("threads = %d, want 3", len(by))
		}
	})
}

// TestFailureBlocksItsThread: and no other; then the item is put aside.
func TestFailureBlocksItsThread(t *testing.T) {
	inBubble(t, Options{MaxAttempts: 4, Backoff: time.Second}, func(w *world) {
		var dead []Item
		w.in.OnDead(func(tx store.Tx, it Item) error {
			dead = append(dead, it)
			return tx.Put("told", store.Key(it.ID), []byte(`1`))
		})
		tries := 0
		w.in.Handle("k", func(tx store.Tx, it Item) error {
			if it.Key == "a/bad" {
				if err := tx.Put("mess", store.Key("x"), []byte(`1`)); err != nil {
					return err
				}
				if tries++; tries%2 == 1 {
					panic("handler")
				}
				return errors.New("no")
			}
			return note(tx, it)
		})
		w.run()
		synctest.Wait()
		w.put("a/1", "a/bad", "a/2", "b/1") // a/bad is tried once more, while it is put
		pass(3 * time.Second)               // of about 1 + 2 + 4 s
		w.wantHandled("a/1", "b/1")
		pass(10 * time.Second)
		w.wantHandled("a/1", "b/1", "a/2")
		if len(dead) != 1 || dead[0].Key != "a/bad" || dead[0].Attempts != 4 || !strings.Contains(dead[0].Failure, "handler") {
			t.Errorf("dead = %+v, want a/bad after 4", dead)
		}
		w.update(func(tx store.Tx) error {
			if _, err := tx.Get("mess", store.Key("x")); !errors.Is(err, store.ErrNotFound) {
				t.Error("what a failed handler wrote is stored")
			}
			ds, err := w.in.Dead(tx, 0)
			if err != nil || len(ds) != 1 {
				t.Errorf("Dead = %v, %v; want one", ds, err)
				return err
			}
			if err := w.in.Retry(tx, ds[0].ID); err != nil {
				return err
			}
			if err := w.in.Retry(tx, ds[0].ID); !errors.Is(err, ErrUnknown) {
				t.Errorf("Retry twice: %v, want ErrUnknown", err)
			}
			return nil
		})
		pass(time.Minute)
		if tries != 9 {
			t.Errorf("attempts = %d, want 1 and 4 and 4", tries)
		}
		w.update(func(tx store.Tx) error { return w.in.Discard(tx, dead[0].ID) })
		s, err := w.in.Stats(w.t.Context())
		if err != nil || s.Dead != 0 || s.Depth != 0 || s.Handled != 3 || s.Failed != 8 {
			t.Errorf("Stats = %+v, %v", s, err)
		}
	})
}

// early is the error of a handler that has to be asked again.
type early struct{}

func (early) Error() string { return "not yet" }
func (early) NotYet() bool  { return true }

// TestNotYet: an item that came before what it needs waits for as long as it
// takes, and its thread with it. It is never put aside.
func TestNotYet(t *testing.T) {
	inBubble(t, Options{MaxAttempts: 2, Backoff: time.Second}, func(w *world) {
		w.in.OnDead(func(_ store.Tx, it Item) error { t.Errorf("%s was put aside", it.Key); return nil })
		var ready atomic.Bool
		tries := 0
		w.in.Handle("k", func(tx store.Tx, it Item) error {
			if it.Key == "a/early" && !ready.Load() {
				tries++
				return fmt.Errorf("handle: %w", early{})
			}
			return note(tx, it)
		})
		w.run()
		w.put("a/early", "a/2", "b/1")
		pass(time.Hour)
		w.wantHandled("b/1")
		if tries < 100 || tries > 200 { // twice a minute, more often at first
			t.Errorf("%d tries in an hour", tries)
		}
		ready.Store(true)
		pass(longestNotYet)
		w.wantHandled("b/1", "a/early", "a/2")
	})
}

func TestRetryOfTheDead(t *testing.T) {
	inBubble(t, Options{MaxAttempts: 1}, func(w *world) {
		broken := true
		w.in.Handle("k", func(tx store.Tx, it Item) error {
			if broken {
				return errors.New("no")
			}
			return note(tx, it)
		})
		w.in.OnDead(func(store.Tx, Item) error { return errors.New("nobody listens") })
		w.run()
		w.put("a/1")
		pass(0)
		broken = false
		w.update(func(tx store.Tx) error {
			ds, err := w.in.Dead(tx, 9)
			if err != nil || len(ds) != 1 {
				t.Fatalf("Dead = %v, %v; want one though the hook failed", ds, err)
			}
			return w.in.Retry(tx, ds[0].ID)
		})
		pass(0)
		w.wantHandled("a/1")
	})
}

func TestUnhandledKind(t *testing.T) {
	inBubble(t, Options{}, func(w *world) {
		w.run()
		w.put("a/1")
		pass(time.Minute)
		w.update(func(tx store.Tx) error {
			ds, err := w.in.Dead(tx, 0)
			if len(ds) != 1 || !strings.Contains(ds[0].Failure, `kind "k"`) {
				t.Errorf("Dead = %+v, want the item and the reason", ds)
			}
			return err
		})
	})
}

// Whatever a chat tells again within two days is not handled again.
func TestKeysAreForgotten(t *testing.T) {
	inBubble(t, Options{}, func(w *world) {
		w.in.Handle("k", note)
		w.run()
		w.put("a/1")
		pass(48*time.Hour - time.Minute)
		w.put("a/1")
		w.wantHandled("a/1")
		pass(2 * time.Hour)
		w.put("a/1")
		pass(0)
		w.wantHandled("a/1", "a/1")
	})
}

func TestForgetGoesOn(t *testing.T) {
	inBubble(t, Options{}, func(w *world) {
		w.update(func(tx store.Tx) error {
			for i := range 5000 {
				if err := keys().Put(tx, seen{Key: fmt.Sprint(i), At: time.Now()}); err != nil {
					return err
				}
			}
			return nil
		})
		pass(50 * time.Hour)
		w.run()
		pass(2 * time.Minute)
		w.update(func(tx store.Tx) error {
			n, err := rows(tx, keys().Name)
			if n != 0 {
				t.Errorf("%d keys are left", n)
			}
			return err
		})
	})
}

func TestDrain(t *testing.T) {
	inBubble(t, Options{}, func(w *world) {
		begun, gate := make(chan struct{}), make(chan struct{})
		w.in.Handle("k", func(tx store.Tx, it Item) error {
			close(begun)
			<-gate
			return note(tx, it)
		})
		w.put("a/1", "a/2") // before Run: the handler below holds the store's turn
		w.run()
		<-begun
		stopped := make(chan struct{})
		go func() { w.stop(); close(stopped) }()
		pass(5 * time.Second)
		select {
		case <-stopped:
			t.Fatal("Run returned with a handler at work")
		default:
		}
		close(gate)
		<-stopped
		w.wantHandled("a/1")
	})
}

// TestTwoInstances: two on one store handle each item once, in order.
func TestTwoInstances(t *testing.T) {
	inBubble(t, Options{Poll: 50 * time.Millisecond}, func(w *world) {
		other := &world{t: w.t, db: w.db, in: New(w.db, Options{Poll: 50 * time.Millisecond})}
		w.in.Handle("k", note)
		other.in.Handle("k", note)
		w.run()
		other.run()
		for i := range 60 {
			[]*world{w, other}[i%2].put(fmt.Sprintf("%d/%02d", i%3, i))
		}
		pass(time.Minute)
		got := w.handled()
		if len(got) != 60 {
			t.Errorf("handled %d, want 60", len(got))
		}
		last := map[byte]string{}
		for _, name := range got {
			if name <= last[name[0]] {
				t.Errorf("%s was handled after %s", name, last[name[0]])
			}
			last[name[0]] = name
		}
		other.stop()
	})
}

// flaky is a store whose updates fail now and then, before or after the commit.
type flaky struct {
	store.Store
	mu sync.Mutex
	n  int
}

func (f *flaky) Update(ctx context.Context, fn func(store.Tx) error) error {
	f.mu.Lock()
	f.n++
	n := f.n
	f.mu.Unlock()
	if n%5 == 0 {
		return errors.New("disk full")
	}
	err := f.Store.Update(ctx, fn)
	if err == nil && n%7 == 0 {
		return errors.New("connection lost at commit")
	}
	return err
}

// TestFlakyStore: a store that fails costs time, never an item.
func TestFlakyStore(t *testing.T) {
	inBubble(t, Options{}, func(w *world) {
		in := New(&flaky{Store: w.db}, Options{MaxAttempts: 2})
		in.Handle("k", note)
		stop := runInbox(w.t, in)
		var want []string
		for i := range 40 {
			name := fmt.Sprintf("a/%02d", i)
			w.put(name)
			want = append(want, name)
		}
		pass(5 * time.Minute)
		w.wantHandled(want...)
		stop()
	})
}
