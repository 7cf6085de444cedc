package slackfake

import (
	"context"
	"encoding/json"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"
)

// A client that opens the next socket at the notice and reads the old one to
// its end loses nothing in a row of refreshes under load: the fake must not
// lose it either, or no app could pass.
func TestRotationsUnderLoad(t *testing.T) {
	s, web := start(t, Options{})
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	var mu sync.Mutex
	seen := map[string]int{}
	var serve func(p *peer)
	serve = func(p *peer) {
		for {
			_, b, err := p.ws.Read(ctx)
			if err != nil {
				return
			}
			var f frame
			if err := json.Unmarshal(b, &f); err != nil {
				t.Errorf("frame %s: %v", b, err)
				return
			}
			switch {
			case f.Type == "disconnect" && f.Reason == "warning":
				next := dial(t, web)
				wg.Go(func() { serve(next) })
			case f.EnvelopeID != "":
				mu.Lock()
				seen[f.EnvelopeID]++
				mu.Unlock()
				_ = p.ws.Write(ctx, websocket.MessageText, mustJSON(obj{"envelope_id": f.EnvelopeID}))
			}
		}
	}
	for range 2 {
		p := dial(t, web)
		wg.Go(func() { serve(p) })
	}
	within(t, s, "two connections", func() bool { return len(s.Connections()) == 2 })
	const rotations, commands = 20, 400
	rotated := make(chan struct{})
	wg.Go(func() {
		defer close(rotated)
		for range rotations {
			old := s.Rotate(10 * time.Millisecond)[0]
			within(t, s, "the next socket", func() bool {
				open := s.Connections()
				return len(open) == 2 && !slices.Contains(open, old)
			})
		}
	})
	slots := make(chan struct{}, 16)
	for range commands {
		slots <- struct{}{}
		d := s.Command("ada", "support", "/twitter", "")
		wg.Go(func() { <-d.Done(); <-slots })
	}
	<-rotated
	within(t, s, "every ack", func() bool { return len(s.Unacked()) == 0 })
	cancel()
	wg.Wait()
	mu.Lock()
	defer mu.Unlock()
	for id, n := range seen {
		if n != 1 {
			t.Errorf("envelope %s came %d times", id, n)
		}
	}
	if len(seen) != commands {
		t.Errorf("%d envelopes came, want %d", len(seen), commands)
	}
}
