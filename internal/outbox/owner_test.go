package outbox

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/perch-chat/perch/store"
)

// instance is another outbox on the world's store, whose process can be killed.
func (w *world) instance(o Options) (ob *Outbox, m *mortal) {
	m = newMortal(w.db)
	if o.Poll == 0 {
		o.Poll = time.Second
	}
	ob = New(m, o)
	ob.Register("x", w.svc)
	ob.Register("blunt", plain{w.svc})
	return ob, m
}

// leaveAttempt has an instance killed during the call for an action.
func (w *world) leaveAttempt(o Options, a Action) (id string, stop func()) {
	w.t.Helper()
	w.svc.gate, w.svc.begun = make(chan struct{}), make(chan string, 1)
	ob, m := w.instance(o)
	id = w.add(a)[0]
	stop = runOutbox(w.t, ob)
	<-w.svc.begun
	m.kill()
	close(w.svc.gate) // the call goes through
	synctest.Wait()
	w.svc.mu.Lock()
	w.svc.begun, w.svc.gate = nil, nil
	w.svc.mu.Unlock()
	w.wantState(id, Attempting)
	return id, stop
}

// TestRestart: on a machine of its own, what was under way is looked up at once.
func TestRestart(t *testing.T) {
	inBubble(t, Options{}, func(w *world) {
		id, stop := w.leaveAttempt(Options{Exclusive: true}, Action{Key: "a"})
		w.run()
		pass(0)
		if a := w.wantState(id, Unknown); code(a.Failure) != "interrupted" {
			t.Errorf("failure = %+v, want code interrupted", a.Failure)
		}
		pass(time.Minute)
		w.wantState(id, Done)
		w.wantEffects("a")
		stop()
	})
}

// TestLease: beside others, an attempt is left alone while its owner lives.
func TestLease(t *testing.T) {
	inBubble(t, Options{Owner: "second", Lease: 30 * time.Second}, func(w *world) {
		id, stop := w.leaveAttempt(Options{Owner: "first", Lease: 30 * time.Second}, Action{Key: "a"})
		w.run()
		pass(25 * time.Second)
		w.wantState(id, Attempting)
		pass(2 * time.Minute)
		w.wantState(id, Done)
		w.wantEffects("a")
		stop()
	})
}

// TestLeaseIsKept: a long call isn't given up while its instance lives, and the
// lease is given back at the end.
func TestLeaseIsKept(t *testing.T) {
	inBubble(t, Options{Owner: "second", Lease: 9 * time.Second}, func(w *world) {
		w.svc.gate, w.svc.begun = make(chan struct{}), make(chan string, 9)
		one, _ := w.instance(Options{Owner: "first", Lease: 9 * time.Second, AttemptTimeout: time.Hour})
		stop := runOutbox(w.t, one)
		id := w.add(Action{Key: "a"})[0]
		<-w.svc.begun
		w.run()
		pass(10 * time.Minute)
		w.wantState(id, Attempting)
		close(w.svc.gate)
		pass(0)
		w.wantState(id, Done)
		stop()
		w.stop()
		w.update(func(tx store.Tx) error {
			ws, err := store.Collect(owners().Scan(tx, store.Range{}))
			if len(ws) > 0 {
				t.Errorf("leases left: %v", ws)
			}
			return err
		})
		w.wantEffects("a")
	})
}

// TestOwnersAreBuried: each process that is killed leaves a lease behind.
func TestOwnersAreBuried(t *testing.T) {
	inBubble(t, Options{Owner: "me", Lease: 30 * time.Second}, func(w *world) {
		w.update(func(tx store.Tx) error {
			for id, until := range map[string]time.Duration{"killed": -25 * time.Hour, "of today": -time.Hour} {
				if err := owners().Put(tx, owner{ID: id, Until: now().Add(until)}); err != nil {
					return err
				}
			}
			return nil
		})
		w.run()
		pass(2 * time.Minute) // the first time that it is looked after
		w.update(func(tx store.Tx) error {
			ws, err := store.Collect(owners().Scan(tx, store.Range{}))
			var left []string
			for _, o := range ws {
				left = append(left, o.ID)
			}
			if fmt.Sprint(left) != "[me of today]" {
				t.Errorf("leases left: %v", left)
			}
			return err
		})
	})
}

// TestLostLease: an instance that can't extend its lease ends its calls before
// others give them up.
func TestLostLease(t *testing.T) {
	inBubble(t, Options{Owner: "second", Lease: 30 * time.Second}, func(w *world) {
		w.svc.setFates(first(hangs))
		one, m := w.instance(Options{Owner: "first", Lease: 30 * time.Second, AttemptTimeout: time.Hour})
		id := w.add(Action{Key: "a"})[0]
		stop := runOutbox(w.t, one)
		pass(0)
		m.kill() // cut off from the store, alive otherwise
		w.run()
		pass(31 * time.Second)
		w.svc.mu.Lock()
		under := w.svc.now
		w.svc.mu.Unlock()
		if under != 0 {
			t.Error("the call is still under way after the lease has run out")
		}
		w.wantState(id, Attempting)
		pass(5 * time.Minute)
		w.wantState(id, Done)
		w.wantEffects("a")
		stop()
	})
}

// TestLateAnswer: an answer that comes after the attempt was given up counts, if
// it is clear.
func TestLateAnswer(t *testing.T) {
	for _, tt := range []struct {
		fate fate
		want State
	}{{works, Done}, {rejects, Failed}, {lost, Unknown}} {
		inBubble(t, Options{}, func(w *world) {
			w.svc.setFates(first(tt.fate))
			w.svc.gate, w.svc.begun = make(chan struct{}), make(chan string, 9)
			w.run()
			id := w.add(Action{Key: "a"})[0]
			<-w.svc.begun
			w.update(func(tx store.Tx) error { // as another instance would
				rec, err := find(tx, id)
				if err != nil {
					return err
				}
				return newRunner(w.ob).giveUp(tx, &rec)
			})
			w.wantState(id, Unknown)
			close(w.svc.gate)
			pass(0)
			w.wantState(id, tt.want)
			pass(time.Hour)
			if n := w.svc.called("a"); n != 1 {
				t.Errorf("calls = %d, want 1", n)
			}
		})
	}
}

// TestTwoInstances: two on one store do no work twice, and keep the orders.
func TestTwoInstances(t *testing.T) {
	inBubble(t, Options{Owner: "one", Poll: 100 * time.Millisecond}, func(w *world) {
		two, _ := w.instance(Options{Owner: "two", Poll: 70 * time.Millisecond})
		w.run()
		stop := runOutbox(w.t, two)
		const n = 200
		for i := range n {
			ob := []*Outbox{w.ob, two}[i%2]
			w.update(func(tx store.Tx) error {
				a := Action{Kind: "x", Key: fmt.Sprintf("%03d", i)}
				if i%3 > 0 {
					a.Order = fmt.Sprint("o", i%7)
				}
				_, _, err := ob.Add(tx, a)
				return err
			})
		}
		pass(time.Minute)
		seen := map[string]int{}
		for _, k := range w.svc.log() {
			seen[k]++
		}
		for i := range n {
			if k := fmt.Sprintf("%03d", i); seen[k] != 1 {
				t.Errorf("%s went out %d times", k, seen[k])
			}
		}
		if len(w.svc.overlap) > 0 {
			t.Errorf("two at once in %v", w.svc.overlap)
		}
		stop()
	})
}

func TestRunTwice(t *testing.T) {
	inBubble(t, Options{}, func(w *world) {
		w.run()
		pass(0)
		if err := w.ob.Run(context.WithoutCancel(w.t.Context())); err == nil {
			t.Error("a second Run: no error")
		}
	})
}
