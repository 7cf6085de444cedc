package app

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/perch-chat/perch/bot"
	"github.com/perch-chat/perch/bot/webchat"
	"github.com/perch-chat/perch/internal/config"
	"github.com/perch-chat/perch/internal/sandbox"
	"github.com/perch-chat/perch/store"
	"github.com/perch-chat/perch/web"
	"github.com/perch-chat/perch/xapi/xfake"
)

// SandboxOptions are the settings of a sandbox.
type SandboxOptions struct {
	Listen   string // address of the page
	Data     string // folder to keep everything in; empty: nothing is kept
	APIToken string // an API token to accept, with every scope
	Log      *slog.Logger
	Version  string

	// Ready is called with the page's address once it can be opened.
	Ready func(url string)
}

// Sandbox runs the whole of Perch with a chat and an X of its own, on this
// machine only, until ctx ends.
func Sandbox(ctx context.Context, o SandboxOptions) error {
	data := o.Data
	if data == "" {
		dir, err := os.MkdirTemp("", "perch-sandbox-")
		if err != nil {
			return fmt.Errorf("make a folder for the sandbox: %w", err)
		}
		defer func() { _ = os.RemoveAll(dir) }() // the system empties it in the end
		data = dir
	} else if err := os.MkdirAll(data, 0o700); err != nil {
		return fmt.Errorf("make the data folder: %w", err)
	}
	ln, err := (&net.ListenConfig{}).Listen(ctx, "tcp", o.Listen)
	if err != nil {
		return fmt.Errorf("listen on %s (choose another address with --listen): %w", o.Listen, err)
	}
	if tcp, ok := ln.Addr().(*net.TCPAddr); ok && !tcp.IP.IsLoopback() {
		o.Log.WarnContext(ctx, "the sandbox has no passwords: everybody who reaches this address can use it", "address", ln.Addr().String())
	}
	standIn, err := startX(ctx, data, o.Log)
	if err != nil {
		return errors.Join(err, ln.Close())
	}
	err = runSandbox(ctx, o, data, ln, standIn)
	return errors.Join(err, standIn.stop(context.WithoutCancel(ctx)))
}

func runSandbox(ctx context.Context, o SandboxOptions, data string, ln net.Listener, x *standIn) error {
	url := "http://" + reachable(ln.Addr())
	chat, err := webchat.Open(webchat.Options{
		Journal: filepath.Join(data, "chat.journal"), Users: sandboxPeople(), Channels: sandboxChannels(), PublicURL: url,
		Log: o.Log.With("part", "webchat"),
	})
	if err != nil {
		return errors.Join(err, ln.Close())
	}
	key, err := sandboxKey(filepath.Join(data, "sandbox.key"))
	if err != nil {
		return errors.Join(err, ln.Close(), chat.Close())
	}
	x.server.AddRedirectURL(url + "/x/callback")
	var page *sandbox.Handler
	a, err := New(ctx, Options{
		Config: sandboxConfig(url, data, key, x), Log: o.Log, Version: o.Version, Listener: ln, Platforms: []bot.Platform{chat},
		Ladder:  []time.Duration{time.Second, 2 * time.Second, 4 * time.Second},
		Recheck: 5 * time.Second,
		OwnX:    true,
		PostURL: func(handle, id string) string { return x.url + "/" + handle + "/status/" + id },
		AtEnd:   func() { _ = chat.Close() }, // ends the browsers' streams; closing again is harmless
		Routes: func(mux *http.ServeMux, a *App) error {
			c := &xControl{x: x.server, account: demoAccount}
			h, err := sandbox.New(sandbox.Deps{Chat: chat, X: c, Tour: (&tour{a: a, x: x.server}).look, Log: o.Log.With("part", "sandbox")})
			if err != nil {
				return err
			}
			page = h
			mux.Handle("GET /{$}", h)
			mux.Handle("/sandbox/", h)
			mux.Handle("/chat/", h)
			return nil
		},
	})
	if err != nil {
		return errors.Join(err, ln.Close(), chat.Close())
	}
	x.server.OnChange(page.Changed)
	a.Changed = page.Changed
	if o.APIToken != "" {
		err := a.DB.Update(ctx, func(tx store.Tx) error {
			_, _, err := web.CreateToken(tx, web.NewToken{Name: "sandbox", Scopes: web.Scopes(), Secret: o.APIToken})
			return err
		})
		if err != nil {
			return errors.Join(err, ln.Close(), chat.Close(), a.DB.Close())
		}
	}
	if o.Ready != nil {
		a.o.Ready = func() { o.Ready(url) }
	}
	return a.Run(ctx)
}

// reachable is the address at which a browser on this machine finds addr.
func reachable(addr net.Addr) string {
	host, port, err := net.SplitHostPort(addr.String())
	if err != nil {
		return addr.String()
	}
	if ip := net.ParseIP(host); ip == nil || ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	return net.JoinHostPort(host, port)
}

const (
	adaRef = bot.UserRef("webchat:U_ada")
	rioRef = bot.UserRef("webchat:U_rio")
	samRef = bot.UserRef("webchat:U_sam")
)

func sandboxPeople() []webchat.User {
	return []webchat.User{
		{Ref: adaRef, Name: "Ada Okafor", Handle: "ada", Title: "Admin", Colour: "#7a5cff"},
		{Ref: rioRef, Name: "Rio Tanaka", Handle: "rio", Title: "Responder", Colour: "#d9480f"},
		{Ref: samRef, Name: "Sam Lindqvist", Handle: "sam", Title: "Support agent", Colour: "#0b7285"},
	}
}

func sandboxChannels() []webchat.Channel {
	return []webchat.Channel{
		{Name: "setup", Purpose: "Where Perch is set up", Private: true},
		{Name: "support", Purpose: "Customers on X, answered by the agents on duty", Private: true},
		{Name: "incidents", Purpose: "Incidents and their timelines"},
	}
}

// sandboxKey is the key that seals the sandbox's tokens, kept beside its data.
func sandboxKey(path string) (config.Secret, error) {
	b, err := os.ReadFile(path) //nolint:gosec // in the folder that the person named
	if err == nil {
		return config.Secret(strings.TrimSpace(string(b))), nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("read the sandbox's key: %w", err)
	}
	raw := make([]byte, 32)
	_, _ = rand.Read(raw) // it never fails: it ends the process instead
	text := base64.StdEncoding.EncodeToString(raw)
	if err := os.WriteFile(path, []byte(text+"\n"), 0o600); err != nil {
		return "", fmt.Errorf("keep the sandbox's key: %w", err)
	}
	return config.Secret(text), nil
}

func sandboxConfig(url, data string, key config.Secret, x *standIn) config.Config {
	c := config.Default()
	c.PublicURL, c.Data, c.EncryptionKey = url, data, key
	c.X = config.X{
		ClientID: xClientID, ClientSecret: xClientSecret, ConsumerKey: xConsumerKey, ConsumerSecret: xConsumerSecret, BearerToken: xBearer,
		APIBase: x.url, AuthorizeURL: x.url + "/i/oauth2/authorize", Webhook: true, PollInterval: config.Duration(time.Minute),
	}
	c.Chat.Webchat = true
	c.Team = config.Team{
		Admins: []string{string(adaRef)}, Responders: []string{string(adaRef), string(rioRef)}, Agents: []string{string(samRef), string(adaRef)},
	}
	c.Channels = config.Channels{Setup: "webchat:setup", Incidents: "webchat:incidents"}
	c.Departments = []config.Department{{
		Name: "Support", Channel: "webchat:support", Agents: []string{string(samRef)}, OnDuty: []string{string(samRef)},
	}}
	c.Desk.DefaultDepartment = "Support"
	c.Shutdown.Drain = config.Duration(3 * time.Second)
	return c
}

// The keys of the app on the stand-in. They open nothing but the sandbox.
const (
	xClientID       = "sandbox-client"
	xClientSecret   = "sandbox-client-secret"
	xConsumerKey    = "sandbox-consumer"
	xConsumerSecret = "sandbox-consumer-secret"
	xBearer         = "sandbox-bearer"
)

// The people on the sandbox's X.
var (
	demoAccount = xfake.User{ID: "1000000000000000001", Handle: "larkspur_hq", Name: "Larkspur", Bio: "Trains, on time. Mostly.", Followers: 48210} //nolint:gochecknoglobals // a constant
	demoPeople  = []xfake.User{                                                                                                                     //nolint:gochecknoglobals // a constant
		{ID: "1000000000000000002", Handle: "casey_r", Name: "Casey Rivera", Bio: "Commuter", Followers: 312},
		{ID: "1000000000000000003", Handle: "noor_writes", Name: "Noor Haddad", Bio: "Essays, trains, tea", Followers: 12840},
	}
)
