package app

import (
	"context"
	"strings"
	"time"

	"github.com/perch-chat/perch/bot"
	"github.com/perch-chat/perch/store"
	"github.com/perch-chat/perch/xapi"
)

const (
	typingKept  = 64              // customers who write at once; more are not shown
	typingEvery = 4 * time.Second // how often it is shown of one: chats forget it after a few seconds
	typingTime  = 5 * time.Second // for one try
)

// typist shows agents that a customer writes. That is worth nothing a moment
// later, so it is neither stored nor tried again.
type typist struct {
	app   *App
	chats map[string]bot.Typer // by platform
	seen  chan [2]string       // account, customer
}

func newTypist(a *App) *typist {
	t := &typist{app: a, chats: map[string]bot.Typer{}, seen: make(chan [2]string, typingKept)}
	for _, p := range a.o.Platforms {
		if c, ok := p.(bot.Typer); ok {
			t.chats[p.Name()] = c
		}
	}
	return t
}

// able reports whether there is a chat that shows it.
func (t *typist) able() bool { return len(t.chats) > 0 }

// saw takes what X says. It never waits.
func (t *typist) saw(events []xapi.Event) {
	for _, e := range events {
		if e.Kind != xapi.Typing || e.UserID == e.Account || !t.able() {
			continue
		}
		select {
		case t.seen <- [2]string{e.Account, e.UserID}:
		default: // too many at once
		}
	}
}

func (t *typist) run(ctx context.Context) error {
	last := map[[2]string]time.Time{}
	for {
		select {
		case <-ctx.Done():
			return nil
		case who := <-t.seen:
			now := time.Now()
			for k, at := range last {
				if now.Sub(at) >= typingEvery {
					delete(last, k)
				}
			}
			if _, known := last[who]; known {
				continue
			}
			last[who] = now
			if err := t.show(ctx, who); err != nil && ctx.Err() == nil {
				t.app.log.DebugContext(ctx, "that a customer writes was not shown", "err", err)
			}
		}
	}
}

func (t *typist) show(ctx context.Context, who [2]string) error {
	ctx, cancel := context.WithTimeout(ctx, typingTime)
	defer cancel()
	var room bot.MessageRef
	var name string
	err := t.app.DB.View(ctx, func(tx store.Tx) (err error) {
		room, name, err = t.app.Desk.Writes(tx, who[0], who[1])
		return err
	})
	if err != nil || room == "" {
		return err
	}
	platform, _, _ := strings.Cut(string(room), ":")
	c, ok := t.chats[platform]
	if !ok {
		return nil
	}
	return c.Typing(ctx, room, name)
}
