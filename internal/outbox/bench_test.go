package outbox

import (
	"context"
	"encoding/json"
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/perch-chat/perch/internal/benchtest"
	"github.com/perch-chat/perch/store"
	"github.com/perch-chat/perch/store/bolt/bolttest"
)

// ready has its effect at once.
type ready struct{ done func() }

func (r ready) Do(context.Context, Action) (Receipt, error) {
	r.done()
	return Receipt{Result: json.RawMessage(`{"id":"1"}`)}, nil
}

// BenchmarkAddDone is the whole life of an action, added and carried out, by
// producers of their own orders.
func BenchmarkAddDone(b *testing.B) {
	for _, producers := range []int{1, 16, 64} {
		b.Run(fmt.Sprint("producers=", producers), func(b *testing.B) {
			db := bolttest.Open(b)
			var left atomic.Int64
			left.Store(int64(b.N))
			all := make(chan struct{})
			ob := New(db, Options{Exclusive: true})
			ob.Register("x", ready{func() {}})
			ob.OnChange(func(tx store.Tx, _ State, a Action) error {
				if a.State == Done {
					tx.OnCommit(func() {
						if left.Add(-1) == 0 {
							close(all)
						}
					})
				}
				return nil
			})
			stop := runOutbox(b, ob)
			b.ResetTimer()
			benchtest.Produce(b, producers, func(ctx context.Context, p, i int) error {
				return db.Update(ctx, func(tx store.Tx) error {
					_, _, err := ob.Add(tx, Action{
						Kind: "x", Key: fmt.Sprint(p, "-", i), Order: fmt.Sprint("o", p), Lanes: []string{"x:1", "x:1:dm"},
						Payload: json.RawMessage(`{"account":"1","recipient":"2","text":"We are on it, thank you for your patience."}`),
					})
					return err
				})
			})
			<-all
			b.StopTimer()
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "actions/s")
			stop()
		})
	}
}

// BenchmarkAdd is a command's own part: state and action in one durable update.
func BenchmarkAdd(b *testing.B) {
	for _, producers := range []int{1, 16, 64} {
		b.Run(fmt.Sprint("producers=", producers), func(b *testing.B) {
			db := bolttest.Open(b)
			ob := New(db, Options{Exclusive: true})
			benchtest.Produce(b, producers, func(ctx context.Context, p, i int) error {
				return db.Update(ctx, func(tx store.Tx) error {
					_, _, err := ob.Add(tx, Action{Kind: "x", Key: fmt.Sprint(p, "-", i), Order: fmt.Sprint(p, "-", i%100)})
					return err
				})
			})
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "actions/s")
		})
	}
}
