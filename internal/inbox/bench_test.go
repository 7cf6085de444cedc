package inbox

import (
	"context"
	"fmt"
	"slices"
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

// BenchmarkDeliverAll stores what an adapter missed, a hundred events at a time,
// beside the same events one by one: new ones, and such as are known.
func BenchmarkDeliverAll(b *testing.B) {
	const missed, most = 500, 100
	in := New(bolttest.Open(b), Options{})
	sink, ok := in.Sink("webchat").(bot.BatchSink)
	if !ok {
		b.Fatal("the sink takes one event at a time")
	}
	var evs []bot.Event
	alone := func() {
		for _, ev := range evs {
			if err := sink.Deliver(b.Context(), ev); err != nil {
				b.Fatal(err)
			}
		}
	}
	together := func() {
		for part := range slices.Chunk(evs, most) {
			if err := sink.DeliverAll(b.Context(), part); err != nil {
				b.Fatal(err)
			}
		}
	}
	took := func(fn func()) time.Duration {
		began := time.Now()
		fn()
		return time.Since(began)
	}
	n := 0
	var news, known [2]time.Duration
	for b.Loop() {
		for i, fn := range []func(){alone, together} {
			evs = nil
			for range missed {
				n++
				evs = append(evs, event(0, n))
			}
			news[i] += took(fn)
			known[i] += took(fn)
		}
	}
	b.ReportMetric(float64(news[0])/float64(news[1]), "ratio-new")
	b.ReportMetric(float64(known[0])/float64(known[1]), "ratio-known")
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
