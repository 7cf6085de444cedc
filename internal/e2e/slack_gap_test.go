package e2e

import (
	"context"
	"slices"
	"testing"
	"time"
)

// TestSlackNoGap has Slack do to Perch's sockets what it does in the course of
// weeks, while people work: it refreshes them, lets them go silent, cuts them
// and refuses new ones. Nothing is left without an acknowledgement, nothing is
// handled twice, no dead socket stays unnoticed, and Slack isn't stormed.
//
// PERCH_PROOF=full has 50 rotations instead of 8, and more of the rest.
func TestSlackNoGap(t *testing.T) {
	if testing.Short() {
		t.Skip("takes half a minute")
	}
	rotations, silences, cuts := 8, 1, 1
	if full() {
		rotations, silences, cuts = 50, 5, 3
	}
	o := newOffice(t)
	o.work()
	opens := o.slack.Opens()
	// Perch opens no more sockets than Slack allows, which is one a second.
	pace := time.NewTicker(1050 * time.Millisecond)
	defer pace.Stop()
	for i := range rotations {
		if i >= 8 {
			<-pace.C
		}
		rotate := o.slack.Rotate
		if i%3 == 2 {
			rotate = o.slack.Refresh
		}
		old := rotate(time.Duration(i%4) * 20 * time.Millisecond)
		if err := o.slack.Wait(within(t, 10*time.Second), func() bool {
			now := o.slack.Connections()
			return len(now) == 2 && !slices.Contains(now, old[0])
		}); err != nil {
			t.Fatalf("rotation %d: %v", i, err)
		}
	}
	if n := o.slack.Opens() - opens; n != rotations {
		t.Errorf("%d rotations made Perch open %d sockets", rotations, n)
	}
	for _, a := range o.slack.Acks() {
		if a.WrongConn || a.Late || a.Unknown || a.Repeated {
			t.Errorf("acknowledged in a way that does not count: %+v", a)
		}
	}
	var slowest time.Duration
	for i := range silences {
		var dead []int
		// What was on the wire of a socket that dies is nobody's to save.
		o.idle(func() { dead = o.slack.HalfOpen(false) })
		began := time.Now()
		if err := o.slack.Wait(within(t, 20*time.Second), func() bool {
			live := slices.DeleteFunc(o.slack.Connections(), func(id int) bool { return slices.Contains(dead, id) })
			return len(live) == 2
		}); err != nil {
			t.Fatalf("silence %d: %v", i, err)
		}
		slowest = max(slowest, time.Since(began))
	}
	if slowest > 12*time.Second {
		t.Errorf("a dead socket was replaced after %s, want 12 s", slowest)
	}
	opens = o.slack.Opens()
	for range cuts {
		o.idle(func() {
			o.slack.FailOpens(3, "internal_error", "503", "service_unavailable")
			o.slack.Drop(o.slack.Connections()[0])
		})
		if err := o.slack.Wait(within(t, time.Minute), func() bool { return len(o.slack.Connections()) == 2 }); err != nil {
			t.Fatalf("failing opens: %v", err)
		}
	}
	if n := o.slack.Opens() - opens; n > cuts {
		t.Errorf("%d cuts made Perch open %d sockets", cuts, n)
	}
	asked := len(o.slack.Calls("apps.connections.open"))
	o.close()
	f := o.judge(t, 20*time.Second, nil)
	t.Logf("%d rotations, %d silent sockets (replaced after %s at most), %d cuts with 3 failing opens each, %d calls for a socket in all: %s",
		rotations, silences, slowest.Round(time.Millisecond), cuts, asked, f)
	for _, e := range o.slack.Unacked() {
		if !e.Lost && time.Since(e.Sent) < ackTime {
			continue
		}
		t.Errorf("not acknowledged: %+v", e)
	}
	if err := o.p.stop(); err != nil {
		t.Errorf("the end: %v", err)
	}
	checkLog(t, o.p.log)
}

// within is a context that ends after d.
func within(t *testing.T, d time.Duration) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), d)
	t.Cleanup(cancel)
	return ctx
}
