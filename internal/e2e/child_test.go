package e2e

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"github.com/perch-chat/perch/bot"
	"github.com/perch-chat/perch/bot/webchat"
	"github.com/perch-chat/perch/internal/app"
	"github.com/perch-chat/perch/internal/config"
	"github.com/perch-chat/perch/store"
	"github.com/perch-chat/perch/web"
)

// childEnv makes this test binary a Perch of its own: "listen|data|URL of X".
const childEnv = "PERCH_E2E_CHILD"

// servedEnv makes this test binary `perch serve` with the configuration file
// that it names, as impatient as the child.
const servedEnv = "PERCH_E2E_SERVED"

// The people and keys of the child.
const (
	sam = "webchat:U_sam"
	ada = "webchat:U_ada"
	rio = "webchat:U_rio"

	childKey = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
)

// child is `perch serve` for the kill test: the same program in a process of
// its own, but for how long it waits before it looks for a post or a message
// again whose answer was lost. The real waits are minutes long and each kill
// costs one.
func child(listen, data, x string) error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	log := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelInfo}))
	c := config.Default()
	c.Listen, c.PublicURL, c.Data, c.EncryptionKey = listen, "http://"+listen, data, childKey
	c.X = config.X{
		ClientID: "client-id", ClientSecret: "client-secret", ConsumerKey: "consumer-key", ConsumerSecret: "consumer-secret", BearerToken: "app-bearer",
		APIBase: x, AuthorizeURL: x + "/i/oauth2/authorize", Webhook: true,
	}
	c.Chat.Webchat = true
	c.Team = config.Team{Admins: []string{ada}, Responders: []string{ada, rio}, Agents: []string{sam}}
	c.Channels = config.Channels{Setup: "webchat:setup", Incidents: "webchat:incidents"}
	c.Departments = []config.Department{{Name: "Support", Channel: "webchat:support", Agents: []string{sam}, OnDuty: []string{sam}}}
	c.Desk.DefaultDepartment = "Support"

	if err := os.MkdirAll(data, 0o700); err != nil {
		return err
	}
	chat, err := webchat.Open(webchat.Options{
		Journal: filepath.Join(data, "chat.journal"), PublicURL: c.PublicURL, Log: log,
		Users: []webchat.User{
			{Ref: ada, Name: "Ada", Handle: "ada"}, {Ref: rio, Name: "Rio", Handle: "rio"}, {Ref: sam, Name: "Sam", Handle: "sam"},
		},
		Channels: []webchat.Channel{{Name: "setup"}, {Name: "support"}, {Name: "incidents"}},
	})
	if err != nil {
		return err
	}
	ln, err := (&net.ListenConfig{}).Listen(ctx, "tcp", listen)
	if err != nil {
		return err
	}
	a, err := app.New(ctx, impatient(app.Options{
		Config: c, Log: log, Listener: ln, Platforms: []bot.Platform{chat},
		Routes: func(mux *http.ServeMux, _ *app.App) error {
			mux.Handle("/chat/", chat.Handler())
			return nil
		},
	}))
	if err != nil {
		return err
	}
	err = a.DB.Update(ctx, func(tx store.Tx) error {
		_, _, err := web.CreateToken(tx, web.NewToken{Name: "test", Scopes: web.Scopes(), Secret: token})
		return err
	})
	if err != nil {
		return err
	}
	return a.Run(ctx)
}

// impatient waits no longer than a test can, and says when it is ready.
func impatient(o app.Options) app.Options {
	o.Version = "test"
	o.Config.X.PollInterval = config.Duration(2 * time.Second)
	o.Ladder = []time.Duration{300 * time.Millisecond, 700 * time.Millisecond, 1500 * time.Millisecond}
	o.Recheck = time.Second
	o.PostURL = func(handle, id string) string { return o.Config.X.APIBase + "/" + handle + "/status/" + id }
	o.Ready = func() { fmt.Println("ready http://" + o.Config.Listen) }
	return o
}

// servedChild is `perch serve` in all but its waits.
func servedChild(file string) error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	c, err := config.Load(file, func(string) (string, bool) { return "", false })
	if err != nil {
		return err
	}
	log := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelInfo}))
	platforms, routes, err := app.Chats(c, log)
	if err != nil {
		return err
	}
	ln, err := (&net.ListenConfig{}).Listen(ctx, "tcp", c.Listen)
	if err != nil {
		return err
	}
	a, err := app.New(ctx, impatient(app.Options{Config: c, Log: log, Listener: ln, Platforms: platforms, Routes: routes}))
	if err != nil {
		return err
	}
	return a.Run(ctx)
}
