package slack

import (
	"context"
	"fmt"
	"net/url"
	"regexp"
	"strconv"
	"strings"

	"github.com/perch-chat/perch/bot"
)

const (
	channelPage    = 1000 // conversations.list is called seldom only, so its pages are long
	channelPages   = 30
	maxChannelName = 80
	maxPurpose     = 250 // and of a topic
)

// conversation is a channel as Slack lists it.
type conversation struct {
	ID       string `json:"id"`
	Name     string `json:"name"`
	Creator  string `json:"creator"`
	Member   bool   `json:"is_member"`
	Archived bool   `json:"is_archived"`
	Private  bool   `json:"is_private"`
	Shared   bool   `json:"is_ext_shared"`
	IM       bool   `json:"is_im"`
	Group    bool   `json:"is_mpim"`
	Purpose  struct {
		Value string `json:"value"`
	} `json:"purpose"`
}

// EnsureChannel finds or makes a channel and joins it.
func (a *Adapter) EnsureChannel(ctx context.Context, name, purpose string, private bool) (bot.ChannelRef, error) {
	s := slug(name)
	if s == "" {
		return "", &bot.Error{Code: "invalid_name", Message: sentence("invalid_name_specials", "")}
	}
	me, err := a.whoami(ctx)
	if err != nil {
		return "", unsent(err)
	}
	var made struct {
		Channel conversation `json:"channel"`
	}
	_, err = a.web.call(ctx, a.o.BotToken, "conversations.create", values("name", s, "is_private", strconv.FormatBool(private)), &made)
	switch code(err) {
	case "name_taken", "missing_scope", "no_permission", "restricted_action", "cannot_create_channel", "user_is_restricted":
		// There is one already, or somebody else has to make it: perhaps they have.
		made.Channel, err = a.existing(ctx, me, s, err)
	}
	if err != nil {
		return "", err
	}
	ref := a.refs.channel(made.Channel.ID)
	if ref == "" {
		return "", fmt.Errorf("slack: conversations.create: the answer says not which channel it is")
	}
	// What an earlier, interrupted call left out is made good; what people wrote stays.
	if purpose != "" && made.Channel.Purpose.Value == "" && (made.Channel.Creator == "" || made.Channel.Creator == me.User) {
		if _, err := a.web.call(ctx, a.o.BotToken, "conversations.setPurpose", values("channel", made.Channel.ID, "purpose", cutEscaped(clean(purpose), maxPurpose)), nil); err != nil {
			// A channel without its purpose serves all the same.
			a.log.Warn("channel has no purpose", "channel", made.Channel.ID, "err", err)
		}
	}
	return ref, nil
}

// existing finds a channel and joins it. If there is none that the bot can
// see, the reason why none could be made counts.
func (a *Adapter) existing(ctx context.Context, me identity, name string, why error) (conversation, error) {
	ch, ok, err := a.channelNamed(ctx, me, name)
	switch {
	case err != nil && code(why) == "name_taken":
		return ch, err
	case err != nil || !ok && code(why) != "name_taken":
		return ch, why
	case !ok:
		return ch, &bot.Error{
			Code: "name_taken", Err: why,
			Message: fmt.Sprintf("There is a channel #%s already that Perch can't see: a private one. Write /invite @%s there, or choose another name.", name, orWord(me.Name, "perch")),
		}
	case ch.Archived:
		return ch, &bot.Error{Code: "is_archived", Message: fmt.Sprintf("The channel #%s is archived. Unarchive it or choose another name.", name)}
	case !ch.Member && !ch.Private:
		return ch, a.join(ctx, ch.ID)
	}
	return ch, nil
}

func (a *Adapter) join(ctx context.Context, channel string) error {
	_, err := a.web.call(ctx, a.o.BotToken, "conversations.join", values("channel", channel), nil)
	return err
}

// joined calls again, once, what Slack refused because the bot is not in a
// public channel, if it may join.
func (a *Adapter) joined(ctx context.Context, channel string, call func() error) error {
	err := call()
	if code(err) != "not_in_channel" || !strings.HasPrefix(channel, "C") {
		return err
	}
	if me, merr := a.whoami(ctx); merr != nil || !me.may("channels:join") || a.join(ctx, channel) != nil {
		return err
	}
	return call()
}

// channelNamed finds a channel that the bot can see.
func (a *Adapter) channelNamed(ctx context.Context, me identity, name string) (conversation, bool, error) {
	types := "public_channel,private_channel"
	if !me.may("groups:read") {
		types = "public_channel"
	}
	args := values("types", types, "limit", strconv.Itoa(channelPage))
	for range channelPages {
		var page struct {
			Channels []conversation `json:"channels"`
		}
		ans, err := a.web.call(ctx, a.o.BotToken, "conversations.list", args, &page)
		if err != nil {
			return conversation{}, false, err
		}
		for _, c := range page.Channels {
			if strings.EqualFold(c.Name, name) {
				return c, true, nil
			}
		}
		if ans.Metadata.Cursor == "" {
			break
		}
		args.Set("cursor", ans.Metadata.Cursor)
	}
	return conversation{}, false, nil
}

// Inspect tells what a channel is, as Slack says now.
func (a *Adapter) Inspect(ctx context.Context, channel bot.ChannelRef) (bot.Channel, error) {
	id, ok := a.refs.channelID(channel)
	switch {
	case !ok:
		return bot.Channel{}, noChannel()
	case id[0] == 'D':
		// Slack has a right of its own for what the ID tells.
		return bot.Channel{Ref: a.refs.channel(id), Private: true, Member: true, Direct: true}, nil
	}
	var out struct {
		Channel conversation `json:"channel"`
	}
	if _, err := a.web.call(ctx, a.o.BotToken, "conversations.info", values("channel", id), &out); err != nil {
		return bot.Channel{}, err
	}
	c := out.Channel
	if c.Name != "" {
		a.channels.keep(id, entry{name: c.Name})
	}
	return bot.Channel{
		Ref: a.refs.channel(id), Name: c.Name, Private: c.Private || c.IM || c.Group, Shared: c.Shared,
		Member: c.Member || c.IM, Archived: c.Archived, Direct: c.IM,
	}, nil
}

// Archive closes a channel for good.
func (a *Adapter) Archive(ctx context.Context, channel bot.ChannelRef) error {
	id, ok := a.refs.channelID(channel)
	if !ok {
		return noChannel()
	}
	err := a.joined(ctx, id, func() error {
		_, err := a.web.call(ctx, a.o.BotToken, "conversations.archive", values("channel", id), nil)
		return err
	})
	switch code(err) {
	case "already_archived", "is_archived":
		return nil
	}
	return err
}

// SetTopic sets what stands at the head of a channel.
func (a *Adapter) SetTopic(ctx context.Context, channel bot.ChannelRef, topic string) error {
	id, ok := a.refs.channelID(channel)
	if !ok {
		return noChannel()
	}
	return a.joined(ctx, id, func() error {
		_, err := a.web.call(ctx, a.o.BotToken, "conversations.setTopic", url.Values{"channel": {id}, "topic": {cutEscaped(clean(topic), maxPurpose)}}, nil)
		return err
	})
}

var slugRE = regexp.MustCompile(`[^\p{L}\p{N}_-]+`)

// slug is a name that Slack takes for a channel.
func slug(name string) string {
	s, _ := splitAt(slugRE.ReplaceAllString(strings.ToLower(clean(name)), "-"), maxChannelName)
	return strings.Trim(s, "-")
}
