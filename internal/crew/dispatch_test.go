package crew

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestDispatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		began := time.Now()
		wake := make(chan struct{}, 1)
		var looks, failures []time.Duration
		due := map[int]time.Duration{ // after which look something is due, and when
			1: 3 * time.Second,  // sooner than the poll
			2: time.Hour,        // later
			4: -time.Second,     // is long due: but not in a loop without a pause
			6: 90 * time.Second, // a wake comes first
		}
		done := make(chan struct{})
		go func() {
			defer close(done)
			Dispatch(ctx, wake, time.Minute, func() (time.Time, error) {
				looks = append(looks, time.Since(began))
				var err error
				if len(looks) == 3 {
					err = errors.New("no")
				}
				if d, ok := due[len(looks)]; ok {
					return time.Now().Add(d), err
				}
				return time.Time{}, err
			}, func(error) { failures = append(failures, time.Since(began)) })
		}()
		time.Sleep(3*time.Minute + 30*time.Second)
		wake <- struct{}{}
		synctest.Wait()
		cancel()
		<-done
		want := []time.Duration{
			0, 3 * time.Second, 63 * time.Second, 123 * time.Second, 123*time.Second + time.Millisecond,
			183*time.Second + time.Millisecond, 210 * time.Second,
		}
		if diff := cmp.Diff(want, looks); diff != "" {
			t.Errorf("looked at (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff([]time.Duration{63 * time.Second}, failures); diff != "" {
			t.Errorf("failed at (-want +got):\n%s", diff)
		}
	})
}

func TestWaitFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := New(1)
		c.Go(func() { time.Sleep(time.Minute) })
		c.End()
		if c.WaitFor(59 * time.Second) {
			t.Error("all are gone, it says, but one works")
		}
		if !c.WaitFor(2 * time.Second) {
			t.Error("all are gone and it does not say so")
		}
	})
}
