package slack

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

func TestWithin(t *testing.T) {
	tests := []struct {
		name string
		do   func(t *testing.T, ctx context.Context, cancel, outer context.CancelFunc)
		want error
	}{
		{name: "time is over", want: context.DeadlineExceeded, do: func(_ *testing.T, ctx context.Context, _, _ context.CancelFunc) { <-ctx.Done() }},
		{name: "time is over before anybody waits", want: context.DeadlineExceeded, do: func(*testing.T, context.Context, context.CancelFunc, context.CancelFunc) {
			time.Sleep(time.Minute)
		}},
		{name: "cancelled", want: context.Canceled, do: func(_ *testing.T, ctx context.Context, cancel, _ context.CancelFunc) {
			_ = ctx.Done()
			cancel()
		}},
		{name: "cancelled before anybody waits", want: context.Canceled, do: func(_ *testing.T, _ context.Context, cancel, _ context.CancelFunc) { cancel() }},
		{name: "outer one cancelled", want: context.Canceled, do: func(_ *testing.T, ctx context.Context, _, outer context.CancelFunc) {
			outer()
			<-ctx.Done()
		}},
		{name: "of a derived one", want: context.DeadlineExceeded, do: func(_ *testing.T, ctx context.Context, _, _ context.CancelFunc) {
			inner, cancel := context.WithTimeout(ctx, time.Hour)
			defer cancel()
			<-inner.Done()
		}},
		{name: "not over", do: func(*testing.T, context.Context, context.CancelFunc, context.CancelFunc) {}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				began := time.Now()
				outer, endOuter := context.WithCancel(t.Context())
				defer endOuter()
				ctx, cancel := within(outer, time.Second)
				defer cancel()
				if at, ok := ctx.Deadline(); !ok || !at.Equal(began.Add(time.Second)) {
					t.Errorf("Deadline = %s, %t", at, ok)
				}
				tt.do(t, ctx, cancel, endOuter)
				if err := ctx.Err(); !errors.Is(err, tt.want) {
					t.Errorf("Err = %v, want %v", err, tt.want)
				}
			})
		})
	}
	soon, cancel := context.WithDeadline(t.Context(), time.Now().Add(time.Millisecond))
	defer cancel()
	ctx, end := within(soon, time.Hour)
	defer end()
	if a, _ := soon.Deadline(); func() time.Time { b, _ := ctx.Deadline(); return b }() != a {
		t.Error("the outer deadline comes first and is not told")
	}
}
