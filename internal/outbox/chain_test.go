package outbox

import (
	"context"
	"encoding/json"
	"testing"
	"time"

	"github.com/perch-chat/perch/store"
)

// TestChainArms: what follows directly in an order is looked at before it is
// sent, as what came first was.
func TestChainArms(t *testing.T) {
	inBubble(t, Options{}, func(w *world) {
		ex := armed{newService(), func(_ context.Context, a Action) (json.RawMessage, error) {
			return json.RawMessage(`"` + a.Key + `"`), nil
		}}
		var got []string
		ex.onDo = func(_ context.Context, a Action) (Receipt, error) {
			<-time.After(time.Second) // the others queue up
			got = append(got, a.Key+" "+string(a.Armed))
			return Receipt{}, nil
		}
		w.ob.Register("armed", ex)
		w.run()
		w.add(Action{Kind: "armed", Key: "a", Order: "o"}, Action{Kind: "armed", Key: "b", Order: "o"}, Action{Kind: "armed", Key: "c", Order: "o"})
		pass(time.Minute)
		want := []string{`a "a"`, `b "b"`, `c "c"`}
		if len(got) != 3 || got[0] != want[0] || got[1] != want[1] || got[2] != want[2] {
			t.Errorf("sent %q, want %q", got, want)
		}
	})
}

// TestChainEnds: nothing more is begun once the run has ended.
func TestChainEnds(t *testing.T) {
	inBubble(t, Options{}, func(w *world) {
		w.svc.gate, w.svc.begun = make(chan struct{}), make(chan string, 9)
		w.run()
		ids := w.add(Action{Key: "a", Order: "o"}, Action{Key: "b", Order: "o"})
		<-w.svc.begun
		ended := make(chan struct{})
		go func() { w.stop(); close(ended) }()
		pass(0)
		close(w.svc.gate)
		<-ended
		err := w.db.View(context.WithoutCancel(t.Context()), func(tx store.Tx) error {
			for i, want := range []State{Done, Queued} {
				if a, err := w.ob.Get(tx, ids[i]); err != nil || a.State != want {
					t.Errorf("%s is %s, %v, want %s", a.Key, a.State, err, want)
				}
			}
			return nil
		})
		if err != nil {
			t.Error(err)
		}
		w.wantEffects("a")
	})
}
