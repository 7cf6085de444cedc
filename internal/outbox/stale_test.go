package outbox

import (
	"fmt"
	"testing"
	"time"

	"github.com/perch-chat/perch/store"
)

// TestWhichAnswersCount is the table of an answer that comes when its action
// is no longer as it was: only what is sure may change what was decided since.
func TestWhichAnswersCount(t *testing.T) {
	outcomes := []State{Done, Failed, Unknown, Queued}
	for _, c := range []struct {
		now   State
		owner string
		try   int
		want  []State // that count
	}{
		{Attempting, "me", 1, outcomes},
		{Attempting, "other", 1, nil},
		{Attempting, "me", 2, nil}, // another attempt
		{Unknown, "", 1, []State{Done, Failed}},
		{Unknown, "", 2, nil},
		{Queued, "", 1, []State{Done}}, // looked for, not found, not sent again yet
		{Queued, "", 2, nil},
		{Done, "", 1, nil},
		{Failed, "", 1, nil},
		{Cancelled, "", 1, nil},
	} {
		r := &runner{}
		old := record{Action: Action{State: c.now}, Owner: c.owner, Try: c.try}
		mine := record{Action: Action{State: Attempting}, Owner: "me", Try: 1}
		var got []State
		for _, to := range outcomes {
			if r.counts(&old, &mine, to) {
				got = append(got, to)
			}
		}
		if fmt.Sprint(got) != fmt.Sprint(c.want) {
			t.Errorf("%s by %q, try %d: %v count, want %v", c.now, c.owner, c.try, got, c.want)
		}
	}
}

// TestOtherAttemptIsNotGivenUp: between the look for attempts of the dead and
// the change, the action may have gone on.
func TestOtherAttemptIsNotGivenUp(t *testing.T) {
	inBubble(t, Options{}, func(w *world) {
		id := w.inState("attempting")
		r := newRunner(w.ob)
		for _, seen := range []struct {
			try   int
			owner string
			want  State
		}{
			{2, "somebody", Attempting},
			{1, "another", Attempting},
			{1, "somebody", Unknown},
			{1, "somebody", Unknown}, // is already
		} {
			w.update(func(tx store.Tx) error {
				dead, err := find(tx, id)
				if err != nil {
					return err
				}
				dead.Try, dead.Owner = seen.try, seen.owner
				return r.giveUp(tx, &dead)
			})
			w.wantState(id, seen.want)
		}
	})
}

// TestOnlyTheFirstLookCounts: two instances may look at once.
func TestOnlyTheFirstLookCounts(t *testing.T) {
	inBubble(t, Options{}, func(w *world) {
		r := newRunner(w.ob)
		for _, name := range []string{"unknown", "stuck", "done"} {
			id := w.inState(name)
			for _, c := range []struct {
				what   string
				change func(rec *record)
				want   bool
			}{
				{"as it was", func(*record) {}, name == "unknown"},
				{"another attempt", func(rec *record) { rec.Try++ }, false},
				{"another look", func(rec *record) { rec.Lookups++ }, false},
				{"another failed look", func(rec *record) { rec.LookFail++ }, false},
			} {
				asked := false
				w.update(func(tx store.Tx) error {
					was, err := find(tx, id)
					if err != nil {
						return err
					}
					c.change(&was)
					asked = false
					return r.looked(tx, &was, func(*record) string { asked = true; return "" })
				})
				if asked != c.want {
					t.Errorf("%s, %s: counts %v, want %v", name, c.what, asked, c.want)
				}
			}
		}
	})
}

// TestNoLeaseNoAttempt: others may take this instance for dead.
func TestNoLeaseNoAttempt(t *testing.T) {
	inBubble(t, Options{Owner: "me", Lease: 30 * time.Second}, func(w *world) {
		id := w.add(Action{Key: "a"})[0]
		r := newRunner(w.ob)
		for _, left := range []time.Duration{-time.Second, 0, time.Second} {
			r.leaseEnd = now().Add(left)
			w.update(func(tx store.Tx) error {
				rec, err := find(tx, id)
				if err != nil {
					return err
				}
				ok, err := r.claimable(tx, &rec)
				if want := left > 0; ok != want {
					t.Errorf("lease for %v: claimable %v, want %v", left, ok, want)
				}
				return err
			})
		}
	})
}

// TestLateBehindALongOne: where every worker is busy nobody looks for what is
// too late, and what is next in its order isn't sent all the same.
func TestLateBehindALongOne(t *testing.T) {
	inBubble(t, Options{Workers: 1, AttemptTimeout: 2 * time.Hour}, func(w *world) {
		w.svc.slow = func() time.Duration { return time.Hour }
		w.run()
		ids := w.add(Action{Key: "a", Order: "o"}, Action{Key: "b", Order: "o", Expires: time.Now().Add(30 * time.Minute)})
		pass(3 * time.Hour)
		w.wantState(ids[0], Done)
		if b := w.wantState(ids[1], Failed); code(b.Failure) != "too_late" {
			t.Errorf("failure = %+v", b.Failure)
		}
		w.wantEffects("a")
	})
}

// TestRetryCountsAnew: a person's word gives an action all its tries again.
func TestRetryCountsAnew(t *testing.T) {
	inBubble(t, Options{MaxAttempts: 3}, func(w *world) {
		retry := func(id string) {
			w.update(func(tx store.Tx) error { _, err := w.ob.Retry(tx, id, "ada"); return err })
			pass(24 * time.Hour)
		}
		w.svc.fates = func(a Action) fate {
			if a.Key == "off" {
				return putsOff
			}
			return vanishes
		}
		w.run()
		ids := w.add(Action{Key: "off"}, Action{Key: "gone"})
		pass(24 * time.Hour)
		for n := 1; n <= 2; n++ {
			w.wantState(ids[0], Failed)
			if a := w.wantState(ids[1], Unknown); !a.Stuck {
				t.Error("what was looked for in vain isn't stuck")
			}
			if off, gone := w.svc.called("off"), w.svc.called("gone"); off != 3*n || gone != 2*n {
				t.Errorf("after %d rounds: %d and %d calls, want %d and %d", n, off, gone, 3*n, 2*n)
			}
			retry(ids[0])
			retry(ids[1])
		}
	})
}

// TestSlotOfWhatWasTried: what may have gone out is not replaced, and coming
// again it replaces nothing that is newer.
func TestSlotOfWhatWasTried(t *testing.T) {
	inBubble(t, Options{}, func(w *world) {
		w.svc.fates = func(a Action) fate {
			return map[string]fate{"tried": putsOff, "failed": rejects}[a.Key]
		}
		w.run()
		tried := w.add(Action{Key: "tried", Slot: "s"})[0]
		failed := w.add(Action{Key: "failed", Slot: "t"})[0]
		pass(time.Second)
		w.wantState(tried, Queued)
		w.wantState(failed, Failed)
		w.update(func(tx store.Tx) error {
			return w.ob.Hold(tx, Hold{Lane: "l", Message: "Wait."})
		})
		newer := w.add(Action{Key: "newer", Slot: "s", Lanes: []string{"l"}}, Action{Key: "newer too", Slot: "t", Lanes: []string{"l"}})
		w.wantState(tried, Queued)
		w.svc.setFates(nil)
		w.update(func(tx store.Tx) error { _, err := w.ob.Retry(tx, failed, "ada"); return err })
		w.wantState(newer[1], Queued)
		pass(time.Minute)
		w.wantState(tried, Done)
		w.wantState(failed, Done)
	})
}

// TestAddBeginsAnew: what only the outbox can know isn't taken from outside.
func TestAddBeginsAnew(t *testing.T) {
	inBubble(t, Options{}, func(w *world) {
		a := w.get(w.add(Action{
			Key: "a", State: Awaiting, ApprovedBy: "rio", Attempts: 3, Stuck: true, Lookups: 2, Armed: []byte(`1`), Result: []byte(`2`),
		})[0])
		if a.ApprovedBy != "" || a.Attempts != 0 || a.Stuck || a.Lookups != 0 || len(a.Armed)+len(a.Result) != 0 {
			t.Errorf("added: %+v", a)
		}
	})
}

// TestTooLateFromTheStart: what is added when it should have gone out already
// isn't sent at once because nothing stands in its way.
func TestTooLateFromTheStart(t *testing.T) {
	inBubble(t, Options{}, func(w *world) {
		w.run()
		pass(time.Second)
		id := w.add(Action{Key: "a", Expires: time.Now().Add(-time.Second)})[0]
		pass(time.Minute)
		if a := w.wantState(id, Failed); code(a.Failure) != "too_late" {
			t.Errorf("failure = %+v", a.Failure)
		}
		w.wantEffects()
	})
}
