// Package metrics shows what Perch is doing in the form that Prometheus reads.
// It measures nothing itself: it asks, when it is asked.
package metrics

import (
	"context"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/perch-chat/perch/internal/inbox"
	"github.com/perch-chat/perch/internal/outbox"
)

// Sources are what is asked.
type Sources struct {
	Outbox  func(context.Context) (outbox.Stats, error)
	Inbox   func(context.Context) (inbox.Stats, error)
	Chats   func() []Chat // may be nil
	Version string
}

// Chat is how the connection to a chat is doing. Counts are since the start.
type Chat struct {
	Platform string
	Up       bool
	Sockets  int
	Opened   int64
	Received int64
	Acked    int64
	// Undecoded could not be read; NotStored were not stored in time, and so
	// not acknowledged.
	Undecoded, NotStored int64
	Heard                time.Time // zero if never
}

// patience bounds one collection.
const patience = 5 * time.Second

type collector struct {
	src Sources

	depth, oldest, stuck, holds, attempts *prometheus.Desc
	inDepth, inOldest, inDead             *prometheus.Desc
	failed                                *prometheus.Desc
	chatUp, chatSockets, chatAge          *prometheus.Desc
	chatOpened, chatDeliveries            *prometheus.Desc
}

// Handler serves the metrics.
func Handler(src Sources) http.Handler {
	reg := prometheus.NewRegistry()
	info := prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "perch_info", Help: "The running version.", ConstLabels: prometheus.Labels{"version": src.Version},
	}, func() float64 { return 1 })
	reg.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}), info, newCollector(src))
	return promhttp.HandlerFor(reg, promhttp.HandlerOpts{MaxRequestsInFlight: 2, Timeout: 2 * patience})
}

func newCollector(src Sources) *collector {
	desc := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc(name, help, labels, nil)
	}
	return &collector{
		src:      src,
		depth:    desc("perch_outbox_actions", "Actions that are not over, by kind and state.", "kind", "state"),
		oldest:   desc("perch_outbox_oldest_queued_seconds", "Age of the oldest action that waits to go out."),
		stuck:    desc("perch_outbox_stuck_actions", "Actions on which a person has to decide."),
		holds:    desc("perch_outbox_held_lanes", "Lanes on which nothing goes out at the moment."),
		attempts: desc("perch_outbox_attempts_total", "Attempts and look-ups since the start, by kind and outcome.", "kind", "outcome"),
		inDepth:  desc("perch_inbox_items", "Events that are stored and not handled yet."),
		inOldest: desc("perch_inbox_oldest_seconds", "Age of the oldest event that is not handled yet."),
		inDead:   desc("perch_inbox_dead_items", "Events that could not be handled."),
		failed:   desc("perch_collect_failed", "1 if the figures of a part could not be read.", "part"),

		chatUp:         desc("perch_chat_up", "1 if what people do in the chat reaches Perch.", "platform"),
		chatSockets:    desc("perch_chat_sockets", "Sockets to the chat that are open.", "platform"),
		chatAge:        desc("perch_chat_last_heard_seconds", "How long ago the chat was last heard.", "platform"),
		chatOpened:     desc("perch_chat_sockets_opened_total", "Sockets opened since the start.", "platform"),
		chatDeliveries: desc("perch_chat_deliveries_total", "Deliveries of the chat since the start: received, and of those acked, undecoded, not_stored.", "platform", "outcome"),
	}
}

// Describe implements prometheus.Collector.
func (c *collector) Describe(ch chan<- *prometheus.Desc) { prometheus.DescribeByCollect(c, ch) }

// Collect implements prometheus.Collector, whose interface has no context.
func (c *collector) Collect(ch chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	out, err := c.src.Outbox(ctx)
	gauge(c.failed, flag(err != nil), "outbox")
	if err == nil {
		for _, d := range out.Depth {
			gauge(c.depth, float64(d.Count), d.Kind, string(d.State))
		}
		gauge(c.oldest, out.Oldest.Seconds())
		gauge(c.stuck, float64(out.Stuck))
		gauge(c.holds, float64(out.Holds))
		for _, a := range out.Attempts {
			ch <- prometheus.MustNewConstMetric(c.attempts, prometheus.CounterValue, float64(a.Count), a.Kind, a.Outcome)
		}
	}
	in, err := c.src.Inbox(ctx)
	gauge(c.failed, flag(err != nil), "inbox")
	if err == nil {
		gauge(c.inDepth, float64(in.Depth))
		gauge(c.inOldest, in.Oldest.Seconds())
		gauge(c.inDead, float64(in.Dead))
	}
	c.chats(ch)
}

// chats shows the connections to the chats.
func (c *collector) chats(ch chan<- prometheus.Metric) {
	if c.src.Chats == nil {
		return
	}
	show := func(d *prometheus.Desc, kind prometheus.ValueType, v float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, kind, v, labels...)
	}
	for _, x := range c.src.Chats() {
		show(c.chatUp, prometheus.GaugeValue, flag(x.Up), x.Platform)
		show(c.chatSockets, prometheus.GaugeValue, float64(x.Sockets), x.Platform)
		if !x.Heard.IsZero() {
			show(c.chatAge, prometheus.GaugeValue, time.Since(x.Heard).Seconds(), x.Platform)
		}
		show(c.chatOpened, prometheus.CounterValue, float64(x.Opened), x.Platform)
		for outcome, n := range map[string]int64{"received": x.Received, "acked": x.Acked, "undecoded": x.Undecoded, "not_stored": x.NotStored} {
			show(c.chatDeliveries, prometheus.CounterValue, float64(n), x.Platform, outcome)
		}
	}
}

func flag(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
