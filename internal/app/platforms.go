package app

import (
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"

	"github.com/perch-chat/perch/bot"
	"github.com/perch-chat/perch/bot/slack"
	"github.com/perch-chat/perch/bot/webchat"
	"github.com/perch-chat/perch/internal/config"
	"github.com/perch-chat/perch/internal/sandbox"
)

// Routes adds pages to those that Perch has anyway.
type Routes = func(mux *http.ServeMux, a *App) error

// Chats makes the chats that the configuration names, and what they need of
// the web server.
func Chats(c config.Config, log *slog.Logger) ([]bot.Platform, Routes, error) {
	var platforms []bot.Platform
	var pages []Routes
	if c.Chat.Slack.BotToken != "" || c.Chat.Slack.ClientID != "" {
		open := slackChat
		if c.Chat.Slack.ClientID != "" {
			open = slackWorkspaces
		}
		s, routes, err := open(c.Chat.Slack, log.With("part", "slack"))
		if err != nil {
			return nil, nil, err
		}
		platforms, pages = append(platforms, s), append(pages, routes)
	}
	if c.Chat.RocketChat.URL != "" {
		rc, routes, err := rocketChat(c, log.With("part", "rocketchat"))
		if err != nil {
			return nil, nil, err
		}
		platforms, pages = append(platforms, rc), append(pages, routes)
	}
	if c.Chat.Webchat {
		w, err := builtInChat(c, log.With("part", "webchat"))
		if err != nil {
			return nil, nil, err
		}
		platforms, pages = append(platforms, w), append(pages, chatPage(w, log))
	}
	return platforms, func(mux *http.ServeMux, a *App) error {
		for _, add := range pages {
			if err := add(mux, a); err != nil {
				return err
			}
		}
		return nil
	}, nil
}

func slackChat(c config.Slack, log *slog.Logger) (bot.Platform, Routes, error) {
	var app atomic.Pointer[App]
	s, err := slack.New(slack.Options{
		BotToken: c.BotToken.Reveal(), AppToken: c.AppToken.Reveal(), SigningSecret: c.SigningSecret.Reveal(),
		HTTPMode: c.HTTPMode, APIURL: c.APIURL, Log: log, Opens: opens(&app),
	})
	if err != nil {
		return nil, nil, err
	}
	return s, func(mux *http.ServeMux, a *App) error {
		app.Store(a)
		if c.HTTPMode {
			mux.Handle("POST /slack/events", s.Handler())
		}
		return nil
	}, nil
}

// SlackManifest says what a Slack admin makes Perch's app from.
type SlackManifest struct {
	PublicURL  string // Perch's own address, without a slash at the end
	HTTP       bool   // Slack calls Perch
	Workspaces bool   // the app is installed in several
	JSON       bool   // instead of YAML
}

// Text is the manifest.
func (s SlackManifest) Text() ([]byte, error) {
	o := slack.ManifestOptions{}
	if s.HTTP {
		o.RequestURL = s.PublicURL + "/slack/events"
	}
	if s.Workspaces {
		o.Redirect = s.PublicURL + "/slack/oauth"
	}
	m, err := slack.NewManifest(o)
	if err != nil {
		return nil, err
	}
	if s.JSON {
		return m.JSON()
	}
	return m.YAML()
}

// builtInChat is the chat in the browser with the people whom the
// configuration names.
func builtInChat(c config.Config, log *slog.Logger) (*webchat.Adapter, error) {
	if err := os.MkdirAll(c.Data, 0o700); err != nil {
		return nil, fmt.Errorf("make the data folder: %w", err)
	}
	var users []webchat.User
	seen := map[string]bool{}
	add := func(title string, refs ...string) {
		for _, ref := range refs {
			if id, ok := strings.CutPrefix(ref, "webchat:"); ok && !seen[ref] {
				seen[ref] = true
				name := strings.TrimPrefix(id, "U_")
				users = append(users, webchat.User{Ref: bot.UserRef(ref), Name: name, Handle: name, Title: title})
			}
		}
	}
	add("Admin", c.Team.Admins...)
	add("Responder", c.Team.Responders...)
	add("Agent", c.Team.Agents...)
	refs := []string{c.Channels.Setup, c.Channels.Incidents}
	for _, d := range c.Departments {
		add("Agent", d.Agents...)
		refs = append(refs, d.Channel)
	}
	var channels []webchat.Channel
	for _, ref := range refs {
		if name, ok := strings.CutPrefix(ref, "webchat:"); ok && !strings.HasPrefix(name, "#") {
			channels = append(channels, webchat.Channel{Name: name})
		}
	}
	return webchat.Open(webchat.Options{
		Journal: filepath.Join(c.Data, "chat.journal"), Users: users, Channels: channels, PublicURL: c.PublicURL, Log: log,
	})
}

// chatPage mounts the built-in chat's page.
func chatPage(chat *webchat.Adapter, log *slog.Logger) Routes {
	return func(mux *http.ServeMux, _ *App) error {
		h, err := sandbox.New(sandbox.Deps{Chat: chat, Log: log})
		if err != nil {
			return err
		}
		mux.Handle("GET /{$}", h)
		mux.Handle("/sandbox/", h)
		mux.Handle("/chat/", h)
		return nil
	}
}
