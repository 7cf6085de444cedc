package slack_test

import (
	"context"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/perch-chat/perch/bot"
	"github.com/perch-chat/perch/bot/slack/slackfake"
)

// clocked is a sink that notes when each command was stored.
type clocked struct {
	mu     sync.Mutex
	stored map[string]time.Time // by the trigger
}

func (c *clocked) Deliver(_ context.Context, ev bot.Event) error {
	if ev.Kind == bot.EventGap {
		return nil
	}
	<-time.After(10 * time.Millisecond) // a slow disk
	c.mu.Lock()
	defer c.mu.Unlock()
	c.stored[ev.Trigger] = time.Now()
	return nil
}

// Slack hears of a command after it is stored, and within 50 ms of that.
func TestAcksFollowTheStoreAtOnce(t *testing.T) {
	w := newWorkspace(t, slackfake.Options{AckWithin: time.Minute})
	a, sink := w.adapter(t), &clocked{stored: map[string]time.Time{}}
	stop := start(t, w, a, sink)
	defer stop()
	const n, each = 15, 4
	var all []*slackfake.Delivery
	for i := range n {
		for range each {
			all = append(all, w.Command(w.ada, w.channel, "/twitter", "help"))
		}
		await(t, w, "acknowledgements", func() bool { return a.Stats().Acked == int64((i+1)*each) && len(w.Unacked()) == 0 })
	}
	sink.mu.Lock()
	defer sink.mu.Unlock()
	var took []time.Duration
	for _, d := range all {
		ack, ok := d.Acked()
		at, stored := sink.stored[d.TriggerID]
		if !ok || !stored || ack.At.Before(at) {
			t.Fatalf("command %s was acknowledged at %v, stored at %v", d.TriggerID, ack.At, at)
		}
		took = append(took, ack.At.Sub(at))
	}
	slices.Sort(took)
	// The slowest say more of a busy machine than of the adapter.
	if half := took[len(took)/2]; half > 50*time.Millisecond {
		t.Errorf("half of the acknowledgements came within %v of the store, want 50 ms", half)
	}
}
