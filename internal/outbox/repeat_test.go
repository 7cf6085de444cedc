package outbox

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/perch-chat/perch/store"
)

// harmless is a service whose effects may be had twice.
type harmless struct{ fail, did int }

func (h *harmless) Do(context.Context, Action) (Receipt, error) {
	h.did++
	if h.did <= h.fail {
		return Receipt{}, errors.New("who knows")
	}
	return Receipt{}, nil
}

func (h *harmless) Reconcile(context.Context, Action) (Verdict, Receipt, error) {
	return Repeat, Receipt{}, nil
}

func (h *harmless) Ladder() []time.Duration { return []time.Duration{0} }

func TestRepeat(t *testing.T) {
	tests := []struct {
		name       string
		fail, want int
		state      State
	}{
		{"once", 1, 2, Done},
		{"many times", 5, 6, Done},
		{"for ever", 1000, 12, Unknown}, // then a person decides
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			inBubble(t, Options{}, func(w *world) {
				h := &harmless{fail: tt.fail}
				w.ob.Register("harmless", h)
				w.run()
				var id string
				w.update(func(tx store.Tx) error {
					a, _, err := w.ob.Add(tx, Action{Kind: "harmless", Key: "k", Payload: []byte("{}")})
					id = a.ID
					return err
				})
				pass(24 * time.Hour)
				if a := w.wantState(id, tt.state); h.did != tt.want || a.Stuck != (tt.state == Unknown) {
					t.Errorf("done %d times, want %d: %+v", h.did, tt.want, a)
				}
			})
		})
	}
}

// slow is a service whose looks have to wait for their turn.
type slow struct{ busy, looks int }

func (s *slow) Do(context.Context, Action) (Receipt, error) {
	return Receipt{}, errors.New("who knows")
}

func (s *slow) Reconcile(context.Context, Action) (Verdict, Receipt, error) {
	s.looks++
	if s.looks <= s.busy {
		return Absent, Receipt{}, &Error{Outcome: Later, Failure: Failure{Code: "ratelimited", RetryAt: time.Now().Add(2 * time.Second)}}
	}
	return Found, Receipt{}, nil
}

func (s *slow) Ladder() []time.Duration { return []time.Duration{0} }

// A look that has to wait for its turn tells nothing, however often: no person
// is asked.
func TestALookThatHasToWaitIsNoFailure(t *testing.T) {
	inBubble(t, Options{MaxAttempts: 3}, func(w *world) {
		s := &slow{busy: 50}
		w.ob.Register("slow", s)
		w.run()
		var id string
		w.update(func(tx store.Tx) error {
			a, _, err := w.ob.Add(tx, Action{Kind: "slow", Key: "k", Payload: []byte("{}")})
			id = a.ID
			return err
		})
		pass(5 * time.Minute)
		if w.wantState(id, Done); s.looks != s.busy+1 {
			t.Errorf("%d looks, want %d", s.looks, s.busy+1)
		}
	})
}

// laned is a service that knows the lanes of its actions itself.
type laned struct{ harmless }

func (l *laned) Lanes(_ store.Tx, a Action) ([]string, error) {
	if a.Key == "bad" {
		return nil, errors.New("no lanes")
	}
	return []string{"chat:1", "x:1"}, nil
}

func TestAnExecutorNamesLanes(t *testing.T) {
	inBubble(t, Options{}, func(w *world) {
		w.ob.Register("laned", &laned{})
		w.update(func(tx store.Tx) error {
			a, _, err := w.ob.Add(tx, Action{Kind: "laned", Key: "k", Lanes: []string{"x:1", "own"}})
			if want := []string{"chat:1", "own", "x:1"}; err != nil || !slices.Equal(a.Lanes, want) {
				t.Errorf("Add = %v, %v, want lanes %v", a.Lanes, err, want)
			}
			if _, _, err := w.ob.Add(tx, Action{Kind: "laned", Key: "bad"}); err == nil {
				t.Error("an action whose lanes are not known was added")
			}
			return nil
		})
	})
}
