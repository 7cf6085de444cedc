package app

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/perch-chat/perch/bot"
	"github.com/perch-chat/perch/bot/webchat"
	"github.com/perch-chat/perch/internal/benchtest"
	"github.com/perch-chat/perch/internal/config"
)

// BenchmarkCommand is what a person waits for who gives a command: the chat
// delivers it, it is stored, and only then acknowledged. The whole program
// runs meanwhile and answers each command. "sink" is an adapter's own view,
// "http" that of a browser, whose chat has to store the command as well.
func BenchmarkCommand(b *testing.B) {
	for _, flight := range []int{1, 16, 64} {
		b.Run(fmt.Sprintf("sink/inflight=%d", flight), func(b *testing.B) {
			a, _ := benchApp(b)
			sink := a.Inbox.Sink(webchat.Platform)
			measure(b, flight, func(ctx context.Context, i int) error {
				return sink.Deliver(ctx, bot.Event{
					ID: fmt.Sprint("bench-", i), Platform: webchat.Platform, Kind: bot.EventCommand, At: time.Now(),
					User: bot.User{Ref: bot.UserRef(fmt.Sprint("webchat:U_", i%flight)), Name: "Somebody"}, Channel: "webchat:setup", ChannelName: "setup",
					Command: "/duty", Text: "who",
				})
			})
		})
	}
	for _, flight := range []int{1, 16, 64} {
		b.Run(fmt.Sprintf("http/inflight=%d", flight), func(b *testing.B) {
			_, url := benchApp(b)
			hc := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: flight, MaxConnsPerHost: flight}}
			defer hc.CloseIdleConnections()
			measure(b, flight, func(ctx context.Context, i int) error {
				body := fmt.Appendf(nil, `{"id":"bench-%d","as":"webchat:U_%d","channel":"webchat:setup","text":"/duty who"}`, i, i%flight)
				req, err := http.NewRequestWithContext(ctx, http.MethodPost, url+"/chat/message", bytes.NewReader(body))
				if err != nil {
					return err
				}
				req.Header.Set("Content-Type", "application/json")
				req.Header.Set("X-Perch-Sandbox", "1")
				req.Header.Set("Origin", url)
				resp, err := hc.Do(req)
				if err != nil {
					return err
				}
				answer, err := io.ReadAll(resp.Body)
				_ = resp.Body.Close()
				if err == nil && resp.StatusCode != http.StatusOK {
					err = fmt.Errorf("%s: %s", resp.Status, answer)
				}
				return err
			})
		})
	}
}

// benchApp runs the whole program, with 64 people in its chat.
func benchApp(b *testing.B) (*App, string) {
	b.Helper()
	dir := b.TempDir()
	ln, err := (&net.ListenConfig{}).Listen(b.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	url := "http://" + ln.Addr().String()
	var people []webchat.User
	for i := range 64 {
		people = append(people, webchat.User{Ref: bot.UserRef(fmt.Sprint("webchat:U_", i)), Name: fmt.Sprint("Person ", i), Handle: fmt.Sprint("person", i)})
	}
	chat, err := webchat.Open(webchat.Options{
		Journal: filepath.Join(dir, "chat.journal"), PublicURL: url, Users: people, Channels: []webchat.Channel{{Name: "setup"}},
	})
	if err != nil {
		b.Fatal(err)
	}
	c := config.Default()
	c.PublicURL, c.Data, c.EncryptionKey = url, dir, "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
	c.Chat.Webchat, c.Channels.Setup = true, "webchat:setup"
	running := make(chan struct{})
	a, err := New(b.Context(), Options{
		Config: c, Version: "bench", Listener: ln, Platforms: []bot.Platform{chat},
		Routes: func(mux *http.ServeMux, _ *App) error {
			mux.Handle("/chat/", chat.Handler())
			return nil
		},
		Ready: func() { close(running) },
	})
	if err != nil {
		b.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- a.Run(ctx) }()
	<-running
	// The chat is joined a moment after the program is ready.
	for ctx, first := context.Background(), (webchat.Ask{ID: "first", As: "webchat:U_0", Channel: "webchat:setup", Text: "hello"}); ; <-time.After(time.Millisecond) {
		if _, err := chat.Say(ctx, first); err == nil {
			break
		}
	}
	b.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			b.Error(err)
		}
	})
	return a, url
}

// measure has so many commands in flight until b.N were acknowledged.
func measure(b *testing.B, flight int, fn func(ctx context.Context, i int) error) {
	b.Helper()
	took := make([]time.Duration, b.N)
	var next atomic.Int64
	var wg sync.WaitGroup
	b.ResetTimer()
	for range flight {
		wg.Go(func() {
			for {
				i := int(next.Add(1)) - 1
				if i >= b.N {
					return
				}
				began := time.Now()
				if err := fn(b.Context(), i); err != nil {
					b.Error(err)
					return
				}
				took[i] = time.Since(began)
			}
		})
	}
	wg.Wait()
	b.StopTimer()
	slices.Sort(took)
	p50, p99 := took[len(took)/2], took[len(took)*99/100]
	raw := benchtest.Fsync(b)
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "acked/s")
	b.ReportMetric(float64(p50.Microseconds())/1000, "p50_ms")
	b.ReportMetric(float64(p99.Microseconds())/1000, "p99_ms")
	b.ReportMetric(float64(p50)/float64(raw), "p50_fsyncs")
}
