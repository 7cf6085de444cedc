package app

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/perch-chat/perch/bot"
	"github.com/perch-chat/perch/internal/config"
)

// firstLook bounds how long the start waits for a chat to tell who is meant by
// a username. lookAgain is how long Perch waits then before it asks again.
const (
	firstLook = 5 * time.Second
	lookAgain = 5 * time.Second
)

// userNamed splits a person who is configured by username: rocketchat:@sam.
func userNamed(ref string) (platform, name string, ok bool) {
	platform, name, ok = strings.Cut(ref, ":@")
	return platform, name, ok && platform != "" && name != ""
}

// people goes through all people of a configuration and returns one with
// others in their places. The one given is left as it is.
func people(c config.Config, one func(ref string) string) config.Config {
	all := func(refs []string) []string {
		out := make([]string, len(refs))
		for i, r := range refs {
			out[i] = one(r)
		}
		return out
	}
	c.Team.Admins, c.Team.Responders, c.Team.Agents = all(c.Team.Admins), all(c.Team.Responders), all(c.Team.Agents)
	c.Departments = slices.Clone(c.Departments)
	for i, d := range c.Departments {
		c.Departments[i].Agents, c.Departments[i].OnDuty = all(d.Agents), all(d.OnDuty)
	}
	return c
}

// unnamed puts people in the places of their usernames. Whoever could not be
// found stays a name; left are those who may be found by asking again.
func unnamed(ctx context.Context, c config.Config, platforms []bot.Platform) (out config.Config, left int, err error) {
	found := map[string]string{}
	var errs []error
	out = people(c, func(ref string) string {
		platform, name, ok := userNamed(ref)
		if !ok {
			return ref
		}
		if r, ok := found[ref]; ok {
			return r
		}
		found[ref] = ref
		u, err := personNamed(ctx, platforms, platform, name)
		if err != nil {
			errs = append(errs, fmt.Errorf("who is %s: %w", ref, err))
			if e, ok := errors.AsType[*bot.Error](err); !ok || e.Temporary {
				left++
			}
			return ref
		}
		found[ref] = string(u.Ref)
		return string(u.Ref)
	})
	return out, left, errors.Join(errs...)
}

func personNamed(ctx context.Context, platforms []bot.Platform, platform, name string) (bot.User, error) {
	for _, p := range platforms {
		if n, ok := p.(bot.Namer); ok && p.Name() == platform {
			return n.PersonNamed(ctx, name)
		}
	}
	return bot.User{}, &bot.Error{Code: "no_chat", Message: "Perch is not connected to a chat that knows people by their usernames."}
}

// learnNames goes on asking who is meant, where the chat did not answer at the
// start, until it does.
func (a *App) learnNames(ctx context.Context) error {
	for {
		c, left, err := unnamed(ctx, *a.named.Load(), a.o.Platforms)
		a.named.Store(&c)
		a.Roles.set(c)
		a.asking.Store(left > 0)
		if err != nil && ctx.Err() == nil && left == 0 { // those who are asked for again may be known
			a.log.WarnContext(ctx, "the configuration names people whom the chat does not know", "err", err)
		}
		if uerr := a.DB.Update(ctx, a.seed); uerr != nil {
			return fmt.Errorf("store what the configuration says: %w", uerr)
		}
		if left == 0 {
			return nil
		}
		t := time.NewTimer(lookAgain)
		select {
		case <-t.C:
		case <-ctx.Done():
			t.Stop()
			return nil
		}
	}
}

// anyNamed reports whether somebody is merely named still.
func anyNamed(c config.Config) (yes bool) {
	people(c, func(ref string) string {
		_, _, named := userNamed(ref)
		yes = yes || named
		return ref
	})
	return yes
}
