package slack

import (
	"context"
	"errors"
	"strconv"

	"github.com/perch-chat/perch/bot"
)

// Bounds of what is read to find something.
const (
	historyPage  = 200
	historyPages = 20
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
