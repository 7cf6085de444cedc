package slack

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/perch-chat/perch/bot"
)

const (
	maxInvited = 100 // people whom one call brings in
	maxNamed   = 10  // people whom an error names
)

// Invite brings people into a channel. One whom Slack refuses does not keep
// the others out.
func (a *Adapter) Invite(ctx context.Context, channel bot.ChannelRef, users []bot.UserRef) error {
	id, ok := a.refs.channelID(channel)
	if !ok {
		return noChannel()
	}
	me, err := a.whoami(ctx)
	if err != nil {
		return unsent(err)
	}
	var ids, out []string
	var why error
	for _, u := range users {
		uid, ok := a.refs.userID(u)
		switch {
		case !ok || groupRE.MatchString(uid):
			out, why = append(out, string(u)), noPerson()
		case uid != me.User && !slices.Contains(ids, uid):
			ids = append(ids, uid)
		}
	}
	for some := range slices.Chunk(ids, maxInvited) {
		refused, err := a.invite(ctx, id, some)
		if err != nil && len(refused) == 0 {
			return err // of the channel, not of one of them
		}
		for _, u := range refused {
			out = append(out, orWord(a.people.get(ctx, u).name, u))
		}
		if err != nil {
			why = err
		}
	}
	if len(out) == 0 {
		return nil
	}
	return notInvited(out, why)
}

// notInvited names those who could not be brought in.
func notInvited(names []string, why error) error {
	e := &bot.Error{Code: "cant_invite", Err: why}
	reason := sentence("cant_invite", "")
	if w, ok := errors.AsType[*bot.Error](why); ok {
		e.Code, e.Temporary, e.RetryAfter, reason = w.Code, w.Temporary, w.RetryAfter, w.Message
	}
	more := ""
	if n := len(names) - maxNamed; n > 0 {
		names, more = names[:maxNamed], fmt.Sprintf(" and %d more", n)
	}
	e.Message = fmt.Sprintf("Not invited: %s%s. %s", strings.Join(names, ", "), more, reason)
	return e
}

// invite brings people in and returns those who could not be, with the reason
// of the last. An error without anybody is one of the channel.
func (a *Adapter) invite(ctx context.Context, channel string, users []string) ([]string, error) {
	call := func(who ...string) error {
		return a.joined(ctx, channel, func() error {
			_, err := a.web.call(ctx, a.o.BotToken, "conversations.invite", values("channel", channel, "users", strings.Join(who, ",")), nil)
			return err
		})
	}
	err := call(users...)
	if err == nil || code(err) == "already_in_channel" && len(users) == 1 {
		return nil, nil
	}
	if !aboutSomebody(code(err)) {
		return nil, err
	}
	if len(users) == 1 {
		return users, err
	}
	// Slack refused all of them because of one. Who it was, it does not always say.
	var refused []string
	var why error
	for _, u := range users {
		switch err := call(u); {
		case err == nil, code(err) == "already_in_channel":
		case aboutSomebody(code(err)):
			refused, why = append(refused, u), err
		default:
			return nil, err
		}
	}
	return refused, why
}

// aboutSomebody reports whether a refusal is about one of the people invited.
func aboutSomebody(code string) bool {
	switch code {
	case "already_in_channel", "cant_invite", "cant_invite_self", "user_not_found", "invitee_cant_see_channel", "org_user_not_in_team",
		"no_external_invite_permission", "ura_max_channels", "user_is_restricted":
		return true
	}
	return false
}
