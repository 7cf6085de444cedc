package app

import (
	"context"
	"encoding/json"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/perch-chat/perch/bot/rocketchat"
	"github.com/perch-chat/perch/store"
)

// shelved is what the companion app is to show in a message once it is back.
type shelved struct {
	Message string          `json:"message"`
	What    json.RawMessage `json:"what"`
	At      time.Time       `json:"at"`
}

var shelves = store.Table[shelved]{
	Name: "app_rocketchat_shelf",
	Key:  func(s shelved) []byte { return store.Key(s.Message) },
}

// shelf is a [rocketchat.Shelf] in the store.
type shelf struct{ app *atomic.Pointer[App] }

var _ rocketchat.Shelf = shelf{}

func (s shelf) Kept(ctx context.Context) (map[string][]byte, error) {
	kept := map[string][]byte{}
	err := s.app.Load().DB.View(ctx, func(tx store.Tx) error {
		clear(kept)
		for rec, err := range shelves.Scan(tx, store.Range{}) {
			if err != nil {
				return err
			}
			kept[rec.Message] = rec.What
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read the shelf: %w", err)
	}
	return kept, nil
}

func (s shelf) Keep(ctx context.Context, message string, what []byte) error {
	return s.app.Load().DB.Update(ctx, func(tx store.Tx) error {
		return shelves.Put(tx, shelved{Message: message, What: what, At: time.Now().UTC()})
	})
}

func (s shelf) Drop(ctx context.Context, message string) error {
	return s.app.Load().DB.Update(ctx, func(tx store.Tx) error { return shelves.Delete(tx, store.Key(message)) })
}
