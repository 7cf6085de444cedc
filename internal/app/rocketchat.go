package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"sync/atomic"

	"github.com/perch-chat/perch/bot"
	"github.com/perch-chat/perch/bot/rocketchat"
	"github.com/perch-chat/perch/desk"
	"github.com/perch-chat/perch/internal/config"
	"github.com/perch-chat/perch/internal/inbox"
	"github.com/perch-chat/perch/store"
)

func rocketChat(conf config.Config, log *slog.Logger) (bot.Platform, Routes, error) {
	var app atomic.Pointer[App]
	c := conf.Chat.RocketChat
	rc, err := rocketchat.New(rocketchat.Options{
		URL: c.URL, UserID: c.UserID, Token: c.Token.Reveal(), PublicURL: conf.PublicURL, Log: log, AppSecret: c.AppSecret.Reveal(),
		AppSettings: func(ctx context.Context, s rocketchat.AppSettings) (map[string]string, error) {
			return app.Load().appSettings(ctx, s)
		},
		Shelf: shelf{&app},
	})
	if err != nil {
		return nil, nil, err
	}
	return rc, func(mux *http.ServeMux, a *App) error {
		app.Store(a)
		mux.Handle(rocketchat.FormPath, rc.FormHandler())
		mux.Handle("GET "+rocketchat.PressedPath, rocketchat.PressedHandler())
		if h := rc.App(); h != nil {
			mux.Handle("/rocketchat/app", h)
		}
		return nil
	}, nil
}

// kindAppSettings are items that say what the companion app changed. They make
// a repeat harmless: the inbox remembers them.
const kindAppSettings = "rocketchat.settings"

// appSettings changes settings of conversations, all or none, and returns those
// that count then. A refusal is a *bot.Error.
func (a *App) appSettings(ctx context.Context, s rocketchat.AppSettings) (map[string]string, error) {
	var now desk.Settings
	change := func(tx store.Tx) (err error) {
		if now, err = a.Desk.Settings(tx); err != nil || len(s.Changes) == 0 {
			return err
		}
		body, err := json.Marshal(s)
		if err != nil {
			return fmt.Errorf("encode settings: %w", err)
		}
		added, err := a.Inbox.PutTx(tx, inbox.Item{Key: rocketchat.Platform + ":" + s.ID, Source: rocketchat.Platform, Kind: kindAppSettings, Body: body})
		if err != nil || added == 0 {
			return err
		}
		for _, key := range slices.Sorted(maps.Keys(s.Changes)) {
			if now, err = a.Desk.Set(tx, key, s.Changes[key], s.By); err != nil {
				return err
			}
		}
		return nil
	}
	do := a.DB.Update
	if len(s.Changes) == 0 {
		do = a.DB.View
	}
	if err := do(ctx, change); err != nil {
		if e, ok := errors.AsType[*desk.Error](err); ok {
			return nil, &bot.Error{Code: "invalid", Message: e.Message, Err: err}
		}
		return nil, fmt.Errorf("change settings: %w", err)
	}
	all := map[string]string{}
	for _, key := range desk.SettingKeys() {
		all[key] = now.Value(key)
	}
	return all, nil
}

// settingsChanged has the pages that chats have for settings show what counts now.
func (a *App) settingsChanged() {
	for _, p := range a.o.Platforms {
		if s, ok := p.(interface{ SettingsChanged() }); ok {
			s.SettingsChanged()
		}
	}
}

// appSettingsChanged writes into the log what the app changed; it was done when
// the item came in.
func (a *App) appSettingsChanged(tx store.Tx, it inbox.Item) error {
	var s rocketchat.AppSettings
	if err := json.Unmarshal(it.Body, &s); err != nil {
		return fmt.Errorf("decode settings: %w", err)
	}
	tx.OnCommit(func() {
		a.log.Info("settings changed", "by", s.By, "settings", slices.Sorted(maps.Keys(s.Changes)))
	})
	return nil
}
