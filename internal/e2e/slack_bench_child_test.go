package e2e

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"runtime/pprof"
	"syscall"

	"github.com/perch-chat/perch/bot"
	"github.com/perch-chat/perch/bot/slack"
	"github.com/perch-chat/perch/internal/app"
	"github.com/perch-chat/perch/internal/config"
	"github.com/perch-chat/perch/internal/inbox"
	"github.com/perch-chat/perch/internal/outbox"
	"github.com/perch-chat/perch/store"
)

// benchEnv makes this test binary the Perch of BenchmarkSlack: "URL of the
// fake|data".
const benchEnv = "PERCH_E2E_BENCH"

// kindBench is the kind of the items that the Perch of BenchmarkSlack stores:
// its handler stands for the commands.
const kindBench = "bench"

// benchChat is the adapter to Slack, whose events are stored as always but go
// to the benchmark's handler.
type benchChat struct {
	*slack.Adapter
	in *inbox.Inbox
}

// Run implements bot.Platform.
func (c *benchChat) Run(ctx context.Context, _ bot.Sink) error { return c.Adapter.Run(ctx, c) }

// Deliver implements bot.Sink.
func (c *benchChat) Deliver(ctx context.Context, ev bot.Event) error {
	it, err := inbox.EventItem(slack.Platform, ev)
	if err != nil {
		return err
	}
	it.Kind = kindBench
	_, err = c.in.Put(ctx, it)
	return err
}

// benchChild is the whole of Perch, with its store, its inbox, its outbox and
// its adapter to Slack, but for what the commands do: /ack nothing, /answer one
// post into the channel it came from, as the app on Bolt beside it.
func benchChild(fake, data string) error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	log := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
	c := config.Default()
	c.PublicURL, c.Data, c.EncryptionKey = "http://127.0.0.1", data, childKey
	c.X.Webhook, c.X.APIBase = false, fake
	sl, err := slack.New(slack.Options{BotToken: slackBot, AppToken: slackApp, APIURL: fake + "/api/", Log: log})
	if err != nil {
		return err
	}
	ln, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	chat := &benchChat{Adapter: sl}
	a, err := app.New(ctx, app.Options{
		Config: c, Log: log, Version: "bench", Listener: ln, Platforms: []bot.Platform{chat},
		Routes: func(*http.ServeMux, *app.App) error { return nil },
	})
	if err != nil {
		return err
	}
	chat.in = a.Inbox
	a.Inbox.Handle(kindBench, func(tx store.Tx, it inbox.Item) error {
		var ev bot.Event
		if err := json.Unmarshal(it.Body, &ev); err != nil {
			return err
		}
		if ev.Command != "/answer" {
			return nil
		}
		raw, err := json.Marshal(bot.Post{Message: bot.Message{Channel: ev.Channel, Text: ev.Text}})
		if err != nil {
			return err
		}
		_, _, err = a.Outbox.Add(tx, outbox.Action{Kind: bot.KindPost, Key: "bench:" + ev.ID, Payload: raw})
		return err
	})
	stopProfile, err := profile(os.Getenv("PERCH_E2E_PROFILE"))
	if err != nil {
		return err
	}
	return errors.Join(a.Run(ctx), stopProfile())
}

// profile writes a CPU profile to a file, if it has a name.
func profile(name string) (stop func() error, err error) {
	if name == "" {
		return func() error { return nil }, nil
	}
	f, err := os.Create(name)
	if err != nil {
		return nil, err
	}
	if err := pprof.StartCPUProfile(f); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return func() error {
		pprof.StopCPUProfile()
		return f.Close()
	}, nil
}
