package rocketchat

import (
	"context"
	"testing"
	"time"
)

// A token that is revoked leaves the connection as it is: the server answers
// pings and says nothing more. It is noticed, and the connection is given up.
func TestRevokedWhileConnected(t *testing.T) {
	w := newTeam(t)
	w.live.look = 20 * time.Millisecond
	a := w.adapter(t)
	ctx, cancel := context.WithTimeout(t.Context(), soon)
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- a.Run(ctx, newCollector()) }()
	<-a.Started()
	w.Revoke("twitter.bot")
	err := <-done
	if h := a.Health(); !fatal(err) || !h.Refused || h.Sockets != 0 {
		t.Errorf("Run ended with %v, and the health is %+v: want a refusal", err, h)
	}
}
