package slack

import (
	"context"
	"errors"
	"strconv"
	"strings"

	"github.com/perch-chat/perch/bot"
)

// Bounds of what is read to find something.
const (
	historyPage    = 100
	historyPages   = 10
	channelPage    = 200
	channelPages   = 100
	maxChannelName = 80
	maxPurpose     = 250
)

// errTooFar is returned when a message was not found and there is more to read.
var errTooFar = errors.New("slack: the message is not among the newest")

// FindMessage looks for a message with m's Key in its metadata. What only one
// person saw can't be found; to say so again does no harm, so it is taken as missing.
func (a *Adapter) FindMessage(ctx context.Context, m bot.Message) (bot.MessageRef, error) {
	if m.Key == "" || m.Only != "" && m.Channel != "" {
		return "", bot.ErrNotFound
	}
	channel, err := a.target(m)
	if err != nil {
		return "", err
	}
	if userRE.MatchString(channel) {
		if channel, err = a.direct(ctx, channel); err != nil {
			return "", err
		}
	}
	method, args := "conversations.history", values("channel", channel)
	if m.Thread != "" {
		root, ok := a.refs.messageID(m.Thread)
		if !ok {
			return "", bot.ErrNotFound // it was never posted either
		}
		method = "conversations.replies"
		args = values("channel", root.channel, "ts", root.ts)
		channel = root.channel
	}
	args.Set("limit", strconv.Itoa(historyPage))
	args.Set("include_all_metadata", "true")
	for range historyPages {
		var page struct {
			Messages []struct {
				TS       string `json:"ts"`
				Metadata struct {
					Type    string `json:"event_type"`
					Payload struct {
						Key any `json:"key"`
					} `json:"event_payload"`
				} `json:"metadata"`
			} `json:"messages"`
			More bool `json:"has_more"`
		}
		ans, err := a.web.call(ctx, a.o.BotToken, method, args, &page)
		if code(err) == "thread_not_found" || code(err) == "message_not_found" {
			return "", bot.ErrNotFound
		}
		if err != nil {
			return "", err
		}
		for _, msg := range page.Messages {
			if msg.Metadata.Type == metadataType && msg.Metadata.Payload.Key == m.Key {
				return a.refs.message(channel, msg.TS), nil
			}
		}
		if !page.More || ans.Metadata.Cursor == "" {
			return "", bot.ErrNotFound
		}
		args.Set("cursor", ans.Metadata.Cursor)
	}
	return "", errTooFar
}

// direct is the conversation with one person.
func (a *Adapter) direct(ctx context.Context, user string) (string, error) {
	var out struct {
		Channel struct {
			ID string `json:"id"`
		} `json:"channel"`
	}
	_, err := a.web.call(ctx, a.o.BotToken, "conversations.open", values("users", user), &out)
	return out.Channel.ID, err
}

// conversation is a channel as Slack lists it.
type conversation struct {
	ID       string `json:"id"`
	Name     string `json:"name"`
	Member   bool   `json:"is_member"`
	Archived bool   `json:"is_archived"`
	Private  bool   `json:"is_private"`
}

// EnsureChannel finds or makes a channel and joins it.
func (a *Adapter) EnsureChannel(ctx context.Context, name, purpose string, private bool) (bot.ChannelRef, error) {
	s := slug(name)
	if s == "" {
		return "", &bot.Error{Code: "invalid_name", Message: sentence("invalid_name_specials", "")}
	}
	var made struct {
		Channel conversation `json:"channel"`
	}
	_, err := a.web.call(ctx, a.o.BotToken, "conversations.create", values("name", s, "is_private", strconv.FormatBool(private)), &made)
	switch {
	case err == nil:
		if purpose != "" {
			// A channel without its purpose serves all the same.
			if _, err := a.web.call(ctx, a.o.BotToken, "conversations.setPurpose", values("channel", made.Channel.ID, "purpose", cutEscaped(clean(purpose), maxPurpose)), nil); err != nil {
				a.log.Warn("channel has no purpose", "channel", made.Channel.ID, "err", err)
			}
		}
		return a.refs.channel(made.Channel.ID), nil
	case code(err) != "name_taken":
		return "", err
	}
	ch, err := a.channelNamed(ctx, s, err)
	if err != nil {
		return "", err
	}
	if ch.Archived {
		return "", &bot.Error{Code: "is_archived", Message: sentence("is_archived", "")}
	}
	if !ch.Member && !ch.Private {
		if _, err := a.web.call(ctx, a.o.BotToken, "conversations.join", values("channel", ch.ID), nil); err != nil {
			return "", err
		}
	}
	return a.refs.channel(ch.ID), nil
}

// channelNamed finds a channel that the bot can see, or returns taken.
func (a *Adapter) channelNamed(ctx context.Context, name string, taken error) (conversation, error) {
	types := "public_channel,private_channel"
	if id, err := a.whoami(ctx); err == nil && !id.may("groups:read") {
		types = "public_channel"
	}
	args := values("types", types, "limit", strconv.Itoa(channelPage))
	for range channelPages {
		var page struct {
			Channels []conversation `json:"channels"`
		}
		ans, err := a.web.call(ctx, a.o.BotToken, "conversations.list", args, &page)
		if err != nil {
			return conversation{}, err
		}
		for _, c := range page.Channels {
			if strings.EqualFold(c.Name, name) {
				return c, nil
			}
		}
		if ans.Metadata.Cursor == "" {
			break
		}
		args.Set("cursor", ans.Metadata.Cursor)
	}
	return conversation{}, taken
}
