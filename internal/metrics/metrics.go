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
	Version string
}

// patience bounds one collection.
const patience = 5 * time.Second

type collector struct {
	src Sources

	depth, oldest, stuck, holds, attempts *prometheus.Desc
	inDepth, inOldest, inDead             *prometheus.Desc
	failed                                *prometheus.Desc
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
}

func flag(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
