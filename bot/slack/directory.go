package slack

import (
	"context"
	"strings"
	"sync"
	"time"
)

const (
	directoryLife  = time.Hour
	directoryRetry = 30 * time.Second // until a name that was not found is asked for again
	directorySize  = 20_000
	lookTimeout    = time.Second // Slack waits 3 s for an acknowledgement
)

// directory remembers the names of people or channels.
type directory struct {
	look func(ctx context.Context, id string) (entry, error)

	mu sync.Mutex
	at map[string]entry
}

type entry struct {
	name, handle string
	team         string // the person's
	bot          bool
	expires      time.Time
}

func newDirectory(look func(context.Context, string) (entry, error)) *directory {
	return &directory{look: look, at: map[string]entry{}}
}

// known returns what is remembered, asking nobody.
func (d *directory) known(id string) (entry, bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	e, ok := d.at[id]
	return e, ok && time.Now().Before(e.expires)
}

// get returns a name, asking Slack for it if it must. An unknown name is empty:
// what happened counts more than who is shown for it.
func (d *directory) get(ctx context.Context, id string) entry {
	if id == "" {
		return entry{}
	}
	e, ok := d.known(id)
	if ok {
		return e
	}
	ctx, cancel := context.WithTimeout(ctx, lookTimeout)
	defer cancel()
	n, err := d.look(ctx, id)
	n.expires = time.Now().Add(directoryLife)
	if err != nil {
		n = e // an old name is better than none
		n.expires = time.Now().Add(directoryRetry)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.at) >= directorySize {
		clear(d.at)
	}
	d.at[id] = n
	return n
}

func (a *Adapter) lookUser(ctx context.Context, id string) (entry, error) {
	var out struct {
		User struct {
			Name     string `json:"name"`
			RealName string `json:"real_name"`
			Team     string `json:"team_id"`
			Bot      bool   `json:"is_bot"`
			Profile  struct {
				Display string `json:"display_name"`
				Real    string `json:"real_name"`
			} `json:"profile"`
		} `json:"user"`
	}
	if _, err := a.web.call(ctx, a.o.BotToken, "users.info", values("user", id), &out); err != nil {
		return entry{}, err
	}
	u := out.User
	for _, n := range []string{u.Profile.Display, u.Profile.Real, u.RealName, u.Name} {
		if n = strings.TrimSpace(n); n != "" {
			return entry{name: n, handle: u.Name, team: u.Team, bot: u.Bot}, nil
		}
	}
	return entry{team: u.Team, bot: u.Bot}, nil
}

func (a *Adapter) lookChannel(ctx context.Context, id string) (entry, error) {
	var out struct {
		Channel conversation `json:"channel"`
	}
	_, err := a.web.call(ctx, a.o.BotToken, "conversations.info", values("channel", id), &out)
	return entry{name: out.Channel.Name}, err
}
