package slackfake

import (
	"context"
	"net/http/httptest"
	"testing"

	"github.com/coder/websocket"
)

// BenchmarkCommands shows how much the fake itself can carry, so that it is
// not what a benchmark of an app measures.
func BenchmarkCommands(b *testing.B) {
	s := New(Options{})
	web := httptest.NewServer(s.Handler())
	defer web.Close()
	defer s.Close()
	s.AddUser(User{Name: "ada"})
	s.AddChannel(Channel{ID: "C0SUPPORT", Name: "support", Members: []string{"perch", "ada"}})
	s.mu.Lock()
	s.sock.tickets["t"] = s.now().Add(1 << 40)
	s.mu.Unlock()
	ws, res, err := websocket.Dial(b.Context(), web.URL+"/link/?ticket=t", nil)
	if err != nil {
		b.Fatal(err)
	}
	if res.Body != nil {
		_ = res.Body.Close()
	}
	ctx, cancel := context.WithCancel(b.Context())
	defer cancel()
	go func() {
		for {
			_, p, err := ws.Read(ctx)
			if err != nil {
				return
			}
			// The id is found, not decoded: the client should cost little.
			const key = `"envelope_id":"`
			for i := 0; i+len(key)+36 < len(p); i++ {
				if string(p[i:i+len(key)]) == key {
					id := p[i+len(key) : i+len(key)+36]
					_ = ws.Write(ctx, websocket.MessageText, []byte(`{"envelope_id":"`+string(id)+`"}`))
					break
				}
			}
		}
	}()
	slots := make(chan struct{}, 64)
	b.ResetTimer()
	for b.Loop() {
		slots <- struct{}{}
		d := s.Command("U0ADA", "C0SUPPORT", "/twitter", "help")
		go func() { <-d.Done(); <-slots }()
	}
	for range 64 {
		slots <- struct{}{}
	}
	b.StopTimer()
	if n := len(s.Unacked()); n > 0 {
		b.Errorf("%d unacked", n)
	}
}
