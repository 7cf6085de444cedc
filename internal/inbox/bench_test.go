package inbox

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/perch-chat/perch/bot"
	"github.com/perch-chat/perch/internal/benchtest"
	"github.com/perch-chat/perch/store"
	"github.com/perch-chat/perch/store/bolt/bolttest"
)

// BenchmarkDeliver is what an adapter waits for before it acknowledges an event,
// beside one raw fsync on the same disk.
func BenchmarkDeliver(b *testing.B) {
	for _, producers := range []int{1, 16, 64} {
		b.Run(fmt.Sprint("producers=", producers), func(b *testing.B) {
			in := New(bolttest.Open(b), Options{})
			sink := in.Sink("webchat")
			benchtest.Produce(b, producers, func(ctx context.Context, p, i int) error {
				return sink.Deliver(ctx, event(p, i))
			})
			b.StopTimer()
			report(b)
		})
	}
}

// BenchmarkDeliverAndHandle has the events handled meanwhile, all of them.
func BenchmarkDeliverAndHandle(b *testing.B) {
	for _, producers := range []int{1, 16, 64} {
		b.Run(fmt.Sprint("producers=", producers), func(b *testing.B) {
			in := New(bolttest.Open(b), Options{})
			var left atomic.Int64
			left.Store(int64(b.N))
			all := make(chan struct{})
			in.Handle(KindEvent, func(tx store.Tx, it Item) error {
				tx.OnCommit(func() {
					if left.Add(-1) == 0 {
						close(all)
					}
				})
				return tx.Put("state", store.Key(it.Thread), it.Body)
			})
			stop := runInbox(b, in)
			sink := in.Sink("webchat")
			b.ResetTimer()
			benchtest.Produce(b, producers, func(ctx context.Context, p, i int) error {
				return sink.Deliver(ctx, event(p, i))
			})
			<-all
			b.StopTimer()
			report(b)
			stop()
		})
	}
}

func event(p, i int) bot.Event {
	return bot.Event{
		ID: fmt.Sprint(p, "-", i), Platform: "webchat", Kind: bot.EventMessage, At: time.Now(),
		User:    bot.User{Ref: "webchat:U_ada", Name: "Ada", Handle: "ada"},
		Channel: "webchat:support", ChannelName: "support", Message: bot.MessageRef(fmt.Sprint("webchat:", p, ":", i%50)),
		Text: "Checkout is slow since ten o'clock, we are looking at the database.",
	}
}

// report adds the rate, and how many raw fsyncs one event takes as long as.
func report(b *testing.B) {
	b.Helper()
	rate := float64(b.N) / b.Elapsed().Seconds()
	b.ReportMetric(rate, "events/s")
	b.ReportMetric(float64(benchtest.Fsync(b))*rate/1e9, "events/fsync")
}
