package outbox

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/perch-chat/perch/store"
)

func TestDone(t *testing.T) {
	inBubble(t, Options{}, func(w *world) {
		w.run()
		ids := w.add(Action{Key: "a", Payload: json.RawMessage(`{"n":1}`)})
		pass(0)
		a := w.wantState(ids[0], Done)
		if got, want := string(a.Result), `{"key":"a"}`; got != want {
			t.Errorf("result = %s, want %s", got, want)
		}
		if a.Attempts != 1 || a.Failure != nil {
			t.Errorf("attempts = %d, failure = %v, want 1 and none", a.Attempts, a.Failure)
		}
		w.wantEffects("a")
	})
}

// TestStoredBeforeCall: the service is called only once the store says so.
func TestStoredBeforeCall(t *testing.T) {
	inBubble(t, Options{}, func(w *world) {
		var seen Action
		w.svc.onDo = func(_ context.Context, a Action) (Receipt, error) {
			seen = w.get(a.ID)
			return Receipt{}, nil
		}
		w.run()
		w.add(Action{Key: "a"})
		pass(0)
		if seen.State != Attempting || seen.Attempts != 1 {
			t.Errorf("during the call the store has %s, attempts %d; want attempting, 1", seen.State, seen.Attempts)
		}
	})
}

func TestRejected(t *testing.T) {
	inBubble(t, Options{}, func(w *world) {
		w.svc.setFates(first(rejects))
		w.run()
		ids := w.add(Action{Key: "a", Order: "o"}, Action{Key: "b", Order: "o"})
		pass(time.Hour)
		a := w.wantState(ids[0], Failed)
		if a.Failure == nil || a.Failure.Code != "no" {
			t.Errorf("failure = %+v, want code no", a.Failure)
		}
		w.wantState(ids[1], Done) // what failed doesn't block its order
		w.wantEffects("b")

		w.update(func(tx store.Tx) error { _, err := w.ob.Retry(tx, ids[0], "ada"); return err })
		pass(0)
		a = w.wantState(ids[0], Done)
		if a.ChangedBy != "ada" {
			t.Errorf("ChangedBy = %q, want ada", a.ChangedBy)
		}
	})
}

func TestLater(t *testing.T) {
	inBubble(t, Options{Backoff: 2 * time.Second, MaxAttempts: 4}, func(w *world) {
		w.svc.fates = func(Action) fate { return putsOff }
		w.run()
		start := time.Now()
		ids := w.add(Action{Key: "a", Order: "o"}, Action{Key: "b", Order: "o"})
		pass(0)
		a := w.wantState(ids[0], Queued)
		if d := a.NotBefore.Sub(start); d < 1600*time.Millisecond || d > 2*time.Second {
			t.Errorf("first wait = %v, want 2s less up to a fifth", d)
		}
		if !a.Failure.RetryAt.Equal(a.NotBefore) {
			t.Errorf("RetryAt = %v, want %v", a.Failure.RetryAt, a.NotBefore)
		}
		if n := w.svc.called("b"); n != 0 {
			t.Errorf("b was called %d times while a backs off", n)
		}
		pass(time.Minute)
		a = w.wantState(ids[0], Failed)
		if n := w.svc.called("a"); n != 4 {
			t.Errorf("calls = %d, want 4", n)
		}
		if !strings.Contains(a.Failure.Message, "4 times") {
			t.Errorf("message = %q, want it to say how often", a.Failure.Message)
		}
	})
}

func TestRetryAtIsExact(t *testing.T) {
	inBubble(t, Options{}, func(w *world) {
		var times []time.Duration
		start := time.Now()
		at := start.Add(17*time.Minute + 3*time.Second).UTC()
		w.svc.onDo = func(context.Context, Action) (Receipt, error) {
			times = append(times, time.Since(start))
			if len(times) == 1 {
				return Receipt{}, &Error{Outcome: Later, Failure: Failure{Code: "busy", RetryAt: at}}
			}
			return Receipt{}, nil
		}
		w.run()
		ids := w.add(Action{Key: "a"})
		pass(time.Hour)
		w.wantState(ids[0], Done)
		if len(times) != 2 || times[1] != at.Sub(start) {
			t.Errorf("calls at %v, want the second at exactly %v", times, at.Sub(start))
		}
	})
}

func TestHoldIsNoAttempt(t *testing.T) {
	inBubble(t, Options{MaxAttempts: 2}, func(w *world) {
		w.svc.lane = "x:1"
		next := first(paces, paces, paces, paces)
		w.svc.setFates(func(a Action) fate {
			if a.Key == "a" {
				return next(a)
			}
			return works
		})
		w.run()
		ids := w.add(Action{Key: "a", Lanes: []string{"x:1"}}, Action{Key: "other", Lanes: []string{"x:2"}})
		pass(30 * time.Second)
		a := w.wantState(ids[0], Queued)
		if a.Attempts != 0 || code(a.Failure) != "rate_limited" {
			t.Errorf("attempts = %d, failure %+v; want 0, rate_limited", a.Attempts, a.Failure)
		}
		pass(10 * time.Minute)
		a = w.wantState(ids[0], Done)
		if a.Attempts != 1 {
			t.Errorf("attempts = %d, want 1", a.Attempts)
		}
	})
}

// TestHoldElsewhere: a hold on a lane that isn't the action's own doesn't make
// it try in circles.
func TestHoldElsewhere(t *testing.T) {
	inBubble(t, Options{}, func(w *world) {
		w.svc.lane = "x:elsewhere"
		w.svc.fates = func(Action) fate { return paces }
		w.run()
		w.add(Action{Key: "a", Lanes: []string{"x:1"}})
		pass(time.Minute)
		if n := w.svc.called("a"); n < 2 || n > 8 {
			t.Errorf("calls in a minute = %d, want a few", n)
		}
	})
}

func TestUnknownFound(t *testing.T) {
	for _, f := range []fate{lost, blowsAfter} {
		inBubble(t, Options{}, func(w *world) {
			w.svc.setFates(first(f))
			w.run()
			ids := w.add(Action{Key: "a", Order: "o"}, Action{Key: "b", Order: "o"})
			w.svc.hide("a", 1)
			pass(time.Second)
			a := w.wantState(ids[0], Unknown)
			if a.Failure == nil || a.Failure.Message == "" {
				t.Error("an unknown outcome has no reason for people")
			}
			w.wantState(ids[1], Queued) // it blocks its order
			pass(time.Minute)
			a = w.wantState(ids[0], Done)
			if string(a.Result) != `{"found":true}` || a.Lookups != 1 {
				t.Errorf("result = %s after %d lookups that found nothing, want the found one after 1", a.Result, a.Lookups)
			}
			w.wantState(ids[1], Done)
			w.wantEffects("a", "b")
		})
	}
}

func TestUnknownAbsent(t *testing.T) {
	for _, f := range []fate{vanishes, blows, hangs} {
		inBubble(t, Options{AttemptTimeout: 20 * time.Second}, func(w *world) {
			w.svc.setFates(first(f))
			w.run()
			ids := w.add(Action{Key: "a"})
			pass(41 * time.Second) // less than the ladder
			if n := w.svc.called("a"); n != 1 {
				t.Errorf("fate %d: %d calls before the ladder's end, want 1", f, n)
			}
			pass(time.Minute)
			w.wantState(ids[0], Done)
			w.wantEffects("a")
			if n := w.svc.looked("a"); n != 3 {
				t.Errorf("fate %d: lookups = %d, want 3", f, n)
			}
		})
	}
}

func TestUnknownTwiceIsStuck(t *testing.T) {
	inBubble(t, Options{}, func(w *world) {
		var heard []bool
		w.ob.OnChange(func(_ store.Tx, was State, a Action) error {
			if a.State == Unknown {
				heard = append(heard, a.Stuck)
			}
			return nil
		})
		w.svc.fates = func(a Action) fate {
			if a.Key == "a" {
				return vanishes
			}
			return works
		}
		w.run()
		ids := w.add(Action{Key: "a", Order: "o"}, Action{Key: "b", Order: "o"}, Action{Key: "c", After: ""})
		pass(time.Hour)
		a := w.wantState(ids[0], Unknown)
		if !a.Stuck || w.svc.called("a") != 2 {
			t.Errorf("stuck = %v after %d calls, want true after 2", a.Stuck, w.svc.called("a"))
		}
		if n := len(heard); n == 0 || !heard[n-1] {
			t.Errorf("hooks heard %v of the unknown action, want stuck at the end", heard)
		}
		w.wantState(ids[1], Queued)
		w.update(func(tx store.Tx) error {
			_, err := w.ob.Settle(tx, ids[0], "ada", json.RawMessage(`{"by":"eye"}`))
			return err
		})
		pass(0)
		w.wantState(ids[0], Done)
		w.wantState(ids[1], Done)
	})
}

func TestNoReconcilerIsStuckAtOnce(t *testing.T) {
	inBubble(t, Options{}, func(w *world) {
		w.svc.setFates(first(lost))
		w.run()
		ids := w.add(Action{Key: "a", Kind: "blunt"})
		pass(0)
		if a := w.wantState(ids[0], Unknown); !a.Stuck {
			t.Error("an action that nobody can look up isn't stuck")
		}
		pass(24 * time.Hour)
		if n := w.svc.called("a"); n != 1 {
			t.Errorf("calls = %d, want 1", n)
		}
	})
}

func TestLookupFails(t *testing.T) {
	inBubble(t, Options{MaxAttempts: 5}, func(w *world) {
		w.svc.setFates(first(vanishes))
		w.svc.blind = func(n int) error {
			if n <= 3 {
				return errors.New("timeline unavailable")
			}
			return nil
		}
		w.run()
		ids := w.add(Action{Key: "a"})
		pass(15 * time.Minute)
		w.wantState(ids[0], Done)
		if n := w.svc.looked("a"); n != 6 {
			t.Errorf("lookups = %d, want 3 that failed and 3 rungs", n)
		}

		w.svc.setFates(first(vanishes))
		w.svc.setBlind(func(int) error { return errors.New("timeline unavailable") })
		ids = w.add(Action{Key: "b"})
		pass(24 * time.Hour)
		if a := w.wantState(ids[0], Unknown); !a.Stuck || w.svc.called("b") != 1 {
			t.Errorf("stuck = %v after %d calls, want true after 1: nothing is sent blindly", a.Stuck, w.svc.called("b"))
		}
	})
}

// TestLookupWaitsForRelease: while an account is cut off nothing can be looked
// up, which is no reason to bother a person.
func TestLookupWaitsForRelease(t *testing.T) {
	inBubble(t, Options{MaxAttempts: 2}, func(w *world) {
		w.svc.setFates(first(lost))
		w.svc.blind = func(int) error { return errors.New("unauthorized") }
		w.run()
		ids := w.add(Action{Key: "a", Lanes: []string{"x:1"}})
		pass(0)
		w.update(func(tx store.Tx) error {
			return w.ob.Hold(tx, Hold{Lane: "x:1", Code: "reconnect", Message: "Connect the account again."})
		})
		pass(24 * time.Hour)
		if a := w.wantState(ids[0], Unknown); a.Stuck {
			t.Error("it is stuck though its lane is held")
		}
		w.svc.setBlind(nil)
		w.update(func(tx store.Tx) error { return w.ob.Release(tx, "x:1") })
		pass(time.Minute)
		w.wantState(ids[0], Done)
		w.wantEffects("a")
	})
}

// armed is a service that looks before it leaps.
type armed struct {
	*service
	arm func(ctx context.Context, a Action) (json.RawMessage, error)
}

func (s armed) Arm(ctx context.Context, a Action) (json.RawMessage, error) { return s.arm(ctx, a) }

func TestArm(t *testing.T) {
	inBubble(t, Options{}, func(w *world) {
		arms := 0
		ex := armed{newService(), func(_ context.Context, a Action) (json.RawMessage, error) {
			switch arms++; arms {
			case 1:
				return nil, errors.New("can't look")
			case 2:
				panic("can't look at all")
			}
			return json.RawMessage(`{"newest":"42"}`), nil
		}}
		ex.onDo = func(_ context.Context, a Action) (Receipt, error) {
			if got := string(w.get(a.ID).Armed); got != `{"newest":"42"}` || string(a.Armed) != got {
				t.Errorf("armed: stored %s, given %s", got, a.Armed)
			}
			return Receipt{}, nil
		}
		w.ob.Register("armed", ex)
		w.run()
		ids := w.add(Action{Key: "a", Kind: "armed"})
		pass(0)
		if a := w.wantState(ids[0], Queued); a.Attempts != 0 || code(a.Failure) != "not_ready" {
			t.Errorf("attempts = %d, failure %+v; want 0, not_ready", a.Attempts, a.Failure)
		}
		pass(time.Minute)
		if a := w.wantState(ids[0], Done); a.Attempts != 1 || arms != 3 {
			t.Errorf("attempts = %d, arms = %d; want 1, 3", a.Attempts, arms)
		}
	})
}

// patient is a service that may take longer over some actions.
type patient struct {
	armed
	most func(a Action) time.Duration
}

func (s patient) Patience(a Action) time.Duration { return s.most(a) }

func TestPatience(t *testing.T) {
	inBubble(t, Options{AttemptTimeout: time.Minute}, func(w *world) {
		var armFor, doFor []time.Duration
		left := func(ctx context.Context) time.Duration {
			end, _ := ctx.Deadline()
			return time.Until(end)
		}
		ex := patient{armed{newService(), func(ctx context.Context, _ Action) (json.RawMessage, error) {
			armFor = append(armFor, left(ctx))
			return json.RawMessage(`{}`), nil
		}}, func(a Action) time.Duration {
			if a.Key == "long" {
				return time.Hour
			}
			return 0
		}}
		ex.onDo = func(ctx context.Context, _ Action) (Receipt, error) {
			doFor = append(doFor, left(ctx))
			return Receipt{}, nil
		}
		w.ob.Register("patient", ex)
		w.run()
		for _, key := range []string{"long", "short"} {
			w.add(Action{Key: key, Kind: "patient"})
			pass(time.Second)
		}
		want := []time.Duration{time.Hour, time.Minute}
		if !slices.Equal(armFor, want) || !slices.Equal(doFor, want) {
			t.Errorf("Arm had %v, Do had %v, want %v for both", armFor, doFor, want)
		}
	})
}

func TestArmRejected(t *testing.T) {
	inBubble(t, Options{}, func(w *world) {
		ex := armed{newService(), func(context.Context, Action) (json.RawMessage, error) {
			return nil, &Error{Outcome: Rejected, Failure: Failure{Code: "gone", Message: "The post is gone."}}
		}}
		w.ob.Register("armed", ex)
		w.run()
		ids := w.add(Action{Key: "a", Kind: "armed"})
		pass(0)
		if a := w.wantState(ids[0], Failed); code(a.Failure) != "gone" || ex.called("a") != 0 {
			t.Errorf("failure %+v after %d calls, want gone after 0", a.Failure, ex.called("a"))
		}
	})
}

// TestChangedWhileArming: what was looked at for one text isn't used for another.
func TestChangedWhileArming(t *testing.T) {
	inBubble(t, Options{}, func(w *world) {
		var sent []string
		ex := armed{service: newService()}
		ex.arm = func(_ context.Context, a Action) (json.RawMessage, error) {
			if string(a.Payload) == `"old"` {
				w.update(func(tx store.Tx) error {
					_, err := w.ob.SetPayload(tx, a.ID, json.RawMessage(`"new"`))
					return err
				})
			}
			return a.Payload, nil
		}
		ex.onDo = func(_ context.Context, a Action) (Receipt, error) {
			sent = append(sent, string(a.Payload)+string(a.Armed))
			return Receipt{}, nil
		}
		w.ob.Register("armed", ex)
		w.run()
		w.add(Action{Key: "a", Kind: "armed", Payload: json.RawMessage(`"old"`)})
		pass(time.Minute)
		if len(sent) != 1 || sent[0] != `"new""new"` {
			t.Errorf("sent = %q, want the new text once, armed for it", sent)
		}
	})
}

// TestHookRefuses: a hook that never agrees keeps no outcome from being stored.
func TestHookRefuses(t *testing.T) {
	inBubble(t, Options{}, func(w *world) {
		w.ob.OnChange(func(_ store.Tx, _ State, a Action) error {
			switch {
			case a.Key == "panics" && a.State == Done:
				panic("hook")
			case a.State == Done:
				return errors.New("no")
			}
			return nil
		})
		w.run()
		ids := w.add(Action{Key: "a"}, Action{Key: "panics"})
		pass(time.Minute)
		w.wantState(ids[0], Done)
		w.wantState(ids[1], Done)
		if a, b := w.svc.count("a"), w.svc.count("panics"); a != 1 || b != 1 {
			t.Errorf("effects = %d and %d, want 1 each", a, b)
		}
	})
}

func TestDrain(t *testing.T) {
	inBubble(t, Options{Drain: 10 * time.Second}, func(w *world) {
		w.svc.gate, w.svc.begun = make(chan struct{}), make(chan string, 9)
		w.run()
		ids := w.add(Action{Key: "a", Order: "o"}, Action{Key: "b", Order: "o"})
		<-w.svc.begun
		stopped := make(chan struct{})
		go func() { w.stop(); close(stopped) }()
		pass(5 * time.Second)
		select {
		case <-stopped:
			t.Fatal("Run returned with an attempt under way")
		default:
		}
		close(w.svc.gate)
		<-stopped
		w.wantState(ids[0], Done)
		w.wantState(ids[1], Queued) // nothing new begins
		w.wantEffects("a")
	})
}

func TestDrainIsBounded(t *testing.T) {
	inBubble(t, Options{Drain: 10 * time.Second}, func(w *world) {
		w.svc.setFates(first(hangs))
		w.run()
		ids := w.add(Action{Key: "a"})
		synctest.Wait()
		start := time.Now()
		w.stop()
		if d := time.Since(start); d != 10*time.Second {
			t.Errorf("Run returned after %v, want 10s", d)
		}
		w.wantState(ids[0], Unknown)

		w.build(w.db) // the next start looks it up and sends it once more
		w.run()
		pass(time.Minute)
		w.wantState(ids[0], Done)
		w.wantEffects("a")
	})
}
