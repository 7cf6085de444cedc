package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/lmittmann/tint"
	"golang.org/x/term"

	"github.com/perch-chat/perch/internal/app"
	"github.com/perch-chat/perch/internal/config"
)

// startOver is how long after it is ready a Perch has connected and caught up,
// as a rule.
const startOver = 2 * time.Second

// fileFlag names the configuration.
type fileFlag struct {
	Config string `help:"The configuration file. Every key can also come from the environment (see: perch config example)." placeholder:"FILE" env:"PERCH_CONFIG"`
}

// load reads the configuration and shows every mistake in it.
func (f fileFlag) load(e *env) (config.Config, error) {
	cfg, err := config.Load(f.Config, e.lookup)
	if problems, ok := errors.AsType[config.Problems](err); ok {
		if err = showProblems(e, problems); f.Config == "" {
			_, _ = fmt.Fprintln(e.err, "No configuration file was read: name it, as with --config perch.yaml")
		}
		return cfg, err
	}
	return cfg, err
}

// loadStore is load for commands that need the store alone: a backup must not
// fail because the secrets of X are not in its environment.
func (f fileFlag) loadStore(e *env) (config.Config, error) {
	cfg, err := config.Load(f.Config, e.lookup)
	problems, ok := errors.AsType[config.Problems](err)
	if !ok {
		return cfg, err
	}
	problems = slices.DeleteFunc(problems, func(p config.Problem) bool {
		return p.Path != "data" && p.Path != "(file)" && p.Path != "store" && !strings.HasPrefix(p.Path, "store.")
	})
	if len(problems) > 0 {
		return cfg, showProblems(e, problems)
	}
	return cfg, nil
}

func showProblems(e *env, problems config.Problems) error {
	_, _ = fmt.Fprintf(e.err, "The configuration has %s:\n", count(len(problems), "mistake"))
	for _, p := range problems {
		_, _ = fmt.Fprintln(e.err, "  "+p.String())
	}
	return exitCode(1)
}

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

func logger(w io.Writer, level, format string) *slog.Logger {
	var l slog.Level
	if err := l.UnmarshalText([]byte(level)); err != nil {
		l = slog.LevelInfo
	}
	if format == "json" {
		return slog.New(slog.NewJSONHandler(w, &slog.HandlerOptions{Level: l}))
	}
	if f, ok := w.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		return slog.New(tint.NewTextHandler(w, &tint.Options{Level: l, TimeFormat: time.TimeOnly}))
	}
	return slog.New(slog.NewTextHandler(w, &slog.HandlerOptions{Level: l}))
}

type serveCmd struct {
	fileFlag
}

// Run implements the command.
func (c serveCmd) Run(e *env) error {
	cfg, err := c.load(e)
	if err != nil {
		return err
	}
	log := logger(e.err, cfg.Log.Level, cfg.Log.Format)
	platforms, pages, err := app.Chats(cfg, log)
	if err != nil {
		return err
	}
	ln, err := (&net.ListenConfig{}).Listen(e.ctx, "tcp", cfg.Listen)
	if err != nil {
		return fmt.Errorf("listen on %s (is another Perch running? else change listen in the configuration): %w", cfg.Listen, err)
	}
	a, err := app.New(e.ctx, app.Options{
		Config: cfg, Log: log, Version: buildVersion(), Listener: ln, Platforms: platforms, Routes: pages,
		Ready: func() {
			log.InfoContext(e.ctx, "perch is ready", "address", ln.Addr().String(), "version", buildVersion())
			_, _ = fmt.Fprintf(e.out, "ready http://%s\n", ln.Addr()) // somebody may wait for it
			time.AfterFunc(startOver, releaseStart)
		},
	})
	if err != nil {
		return errors.Join(err, ln.Close())
	}
	return a.Run(e.ctx)
}

type sandboxCmd struct {
	Listen   string `help:"The address of the page." default:"127.0.0.1:8080" placeholder:"ADDR"`
	Data     string `help:"Keep everything in this folder. Without it nothing is kept." placeholder:"DIR"`
	APIToken string `help:"A token that the HTTP API accepts." placeholder:"T" name:"api-token" env:"PERCH_SANDBOX_API_TOKEN"`
	Verbose  bool   `help:"Log what happens." short:"v"`
}

// Run implements the command.
func (c sandboxCmd) Run(e *env) error {
	level := "warn"
	if c.Verbose {
		level = "debug"
	}
	return app.Sandbox(e.ctx, app.SandboxOptions{
		Listen: c.Listen, Data: c.Data, APIToken: c.APIToken, Log: logger(e.err, level, "text"), Version: buildVersion(),
		Ready: func(url string) {
			// Programs wait for the first line, people read the second.
			_, _ = fmt.Fprintf(e.out, "ready %s\nOpen %s in your browser. Stop with Ctrl-C.\n", url, url)
		},
	})
}

type healthCmd struct {
	URL string `help:"Where Perch listens." default:"http://127.0.0.1:8080" env:"PERCH_HEALTH_URL"`
}

// Run implements the command.
func (c healthCmd) Run(e *env) error {
	ctx, cancel := context.WithTimeout(e.ctx, 5*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimRight(c.URL, "/")+"/readyz", nil)
	if err != nil {
		return err
	}
	resp, err := (&http.Client{}).Do(req)
	if err != nil {
		return fmt.Errorf("perch does not answer at %s: %w", c.URL, err)
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("perch is not ready: %s", resp.Status)
	}
	var said struct {
		Status string
		Chats  map[string]struct{ Problem string }
	}
	if err := json.NewDecoder(io.LimitReader(resp.Body, 1<<20)).Decode(&said); err != nil || said.Status == "" {
		said.Status = "ready" // of another version
	}
	_, err = fmt.Fprintln(e.out, said.Status)
	for name, c := range said.Chats {
		if c.Problem != "" && err == nil {
			_, err = fmt.Fprintf(e.out, "%s: %s\n", name, c.Problem)
		}
	}
	return err
}
