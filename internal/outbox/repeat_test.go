package outbox

import (
	"context"
	"errors"
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
