package slack

import (
	"context"
	"strconv"

	"github.com/perch-chat/perch/bot"
)

const (
	maxGroup = 1000 // people of a group that are listed
	oneByOne = 20   // names that are asked for one at a time; for more, everybody's are read

	peoplePage  = 500
	peoplePages = 40
)

func noPerson() error {
	return &bot.Error{Code: "user_not_found", Message: sentence("user_not_found", "")}
}

// Person tells who somebody is, as Slack says now.
func (a *Adapter) Person(ctx context.Context, user bot.UserRef) (bot.User, error) {
	id, ok := a.refs.userID(user)
	if !ok || groupRE.MatchString(id) {
		return bot.User{}, noPerson()
	}
	e, err := a.lookUser(ctx, id)
	if err != nil {
		return bot.User{}, err
	}
	a.people.keep(id, e)
	return a.userOf(id, e), nil
}

func (a *Adapter) userOf(id string, e entry) bot.User {
	return bot.User{Ref: a.refs.user(id), Name: orWord(e.name, id), Handle: e.handle}
}

// Members lists the people of a user group: not bots, not those who left. A
// name that can't be had is the person's ID.
func (a *Adapter) Members(ctx context.Context, group bot.GroupRef) ([]bot.User, error) {
	id, ok := a.refs.groupID(group)
	if !ok {
		return nil, &bot.Error{Code: "no_such_subteam", Message: sentence("no_such_subteam", "")}
	}
	var out struct {
		Users []string `json:"users"`
	}
	if _, err := a.web.call(ctx, a.o.BotToken, "usergroups.users.list", values("usergroup", id), &out); err != nil {
		return nil, err
	}
	ids := out.Users
	if len(ids) > maxGroup {
		a.log.Warn("user group has more people than are listed", "group", string(group), "people", len(ids), "listed", maxGroup)
		ids = ids[:maxGroup]
	}
	unknown := 0
	for _, u := range ids {
		if _, ok := a.people.known(u); !ok {
			unknown++
		}
	}
	if unknown > oneByOne {
		a.everybody(ctx)
	}
	users := make([]bot.User, 0, len(ids))
	for _, u := range ids {
		e := a.people.get(ctx, u)
		if err := ctx.Err(); err != nil {
			return nil, unsent(err)
		}
		if a.refs.user(u) != "" && !e.bot && !e.deleted {
			users = append(users, a.userOf(u, e))
		}
	}
	return users, nil
}

// everybody reads the names of all people of the workspace. Those that can't be
// read now are asked for one at a time, or stay unknown.
func (a *Adapter) everybody(ctx context.Context) {
	args := values("limit", strconv.Itoa(peoplePage))
	for range peoplePages {
		var page struct {
			Members []person `json:"members"`
		}
		ans, err := a.web.call(ctx, a.o.BotToken, "users.list", args, &page)
		if err != nil {
			a.log.Warn("names not read", "err", err)
			return
		}
		for _, p := range page.Members {
			a.people.keep(p.ID, p.entry())
		}
		if ans.Metadata.Cursor == "" {
			return
		}
		args.Set("cursor", ans.Metadata.Cursor)
	}
}
