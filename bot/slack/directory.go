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
	enterprise   string // the organization that the person is of, if any
	bot          bool
	deleted      bool // the person has left
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
	d.put(id, n)
	return n
}

// put remembers an entry. The lock is held.
func (d *directory) put(id string, e entry) {
	if len(d.at) >= directorySize {
		clear(d.at)
	}
	d.at[id] = e
}

// keep remembers what Slack said by the way.
func (d *directory) keep(id string, e entry) {
	e.expires = time.Now().Add(directoryLife)
	d.mu.Lock()
	defer d.mu.Unlock()
	d.put(id, e)
}

// person is somebody as Slack describes them.
type person struct {
	ID       string `json:"id"`
	Name     string `json:"name"`
	RealName string `json:"real_name"`
	Team     string `json:"team_id"`
	Bot      bool   `json:"is_bot"`
	Deleted  bool   `json:"deleted"`
	Org      struct {
		ID string `json:"enterprise_id"`
	} `json:"enterprise_user"`
	Profile struct {
		Display string `json:"display_name"`
		Real    string `json:"real_name"`
	} `json:"profile"`
}

// entry is what is remembered of a person: the name that people see first.
func (p person) entry() entry {
	e := entry{handle: p.Name, team: p.Team, enterprise: p.Org.ID, bot: p.Bot, deleted: p.Deleted}
	for _, n := range []string{p.Profile.Display, p.Profile.Real, p.RealName, p.Name} {
		if e.name = strings.TrimSpace(n); e.name != "" {
			break
		}
	}
	return e
}

func (a *Adapter) lookUser(ctx context.Context, id string) (entry, error) {
	var out struct {
		User person `json:"user"`
	}
	if _, err := a.web.call(ctx, a.o.BotToken, "users.info", values("user", id), &out); err != nil {
		return entry{}, err
	}
	return out.User.entry(), nil
}

func (a *Adapter) lookChannel(ctx context.Context, id string) (entry, error) {
	var out struct {
		Channel conversation `json:"channel"`
	}
	_, err := a.web.call(ctx, a.o.BotToken, "conversations.info", values("channel", id), &out)
	return entry{name: out.Channel.Name}, err
}

// lookGroup reads all user groups, for Slack tells of no single one.
func (a *Adapter) lookGroup(ctx context.Context, id string) (entry, error) {
	if me, err := a.whoami(ctx); err == nil && !me.may("usergroups:read") {
		return entry{}, nil
	}
	var out struct {
		Groups []struct {
			ID     string `json:"id"`
			Name   string `json:"name"`
			Handle string `json:"handle"`
		} `json:"usergroups"`
	}
	if _, err := a.web.call(ctx, a.o.BotToken, "usergroups.list", nil, &out); err != nil {
		return entry{}, err
	}
	var found entry
	for _, g := range out.Groups {
		e := entry{name: g.Name, handle: g.Handle}
		if g.ID == id {
			found = e
		} else {
			a.groups.keep(g.ID, e)
		}
	}
	return found, nil
}
