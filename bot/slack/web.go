package slack

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"strings"

	"github.com/perch-chat/perch/bot"
)

// metadataType marks our messages' metadata; its payload's key is the action's.
const metadataType = "perch_action"

func noChannel() error {
	return &bot.Error{Code: "channel_not_found", Message: sentence("channel_not_found", "")}
}

func noMessage() error {
	return &bot.Error{Code: "message_not_found", Message: sentence("message_not_found", "")}
}

func onlyOne() error {
	return &bot.Error{Code: "ephemeral", Message: "Only one person sees this message; Slack lets nobody change it."}
}

// values are the arguments of a method; empty ones are left out.
func values(kv ...string) url.Values {
	v := url.Values{}
	for i := 0; i+1 < len(kv); i += 2 {
		if kv[i+1] != "" {
			v.Set(kv[i], kv[i+1])
		}
	}
	return v
}

func (a *Adapter) render(m bot.Message, byline, pictures bool) (content, url.Values, error) {
	c, err := renderer{refs: a.refs, byline: byline, pictures: pictures}.message(m)
	if err != nil {
		return c, nil, err
	}
	blocks, err := json.Marshal(c.blocks)
	if err != nil {
		return c, nil, &bot.Error{Code: "invalid_blocks", Message: sentence("invalid_blocks", ""), Err: err}
	}
	// parse=none and no unfurls: a customer's words neither link nor load anything.
	return c, values("text", c.text, "blocks", string(blocks), "unfurl_links", "false", "unfurl_media", "false", "link_names", "false", "parse", "none"), nil
}

// target is where a message goes: a channel's ID, or a person's.
func (a *Adapter) target(m bot.Message) (string, error) {
	if m.Channel != "" {
		if id, ok := a.refs.channelID(m.Channel); ok {
			return id, nil
		}
		return "", noChannel()
	}
	if id, ok := a.refs.userID(m.Only); ok {
		return id, nil
	}
	return "", noChannel()
}

// posted is the answer of chat.postMessage.
type posted struct {
	Channel   string `json:"channel"`
	TS        string `json:"ts"`
	MessageTS string `json:"message_ts"` // of chat.postEphemeral
	Message   struct {
		ThreadTS string `json:"thread_ts"`
	} `json:"message"`
}

// Post sends a message. See [bot.Platform].
func (a *Adapter) Post(ctx context.Context, m bot.Message) (bot.MessageRef, error) {
	if shown, err := a.answerInView(ctx, m); err != nil {
		return "", err
	} else if shown {
		at, _ := a.refs.channelID(m.Channel)
		return a.refs.only(at, ""), nil
	}
	channel, err := a.target(m)
	if err != nil {
		return "", err
	}
	thread := ""
	if m.Thread != "" {
		root, ok := a.refs.messageID(m.Thread)
		if !ok || root.only || m.Channel != "" && root.channel != channel {
			return "", &bot.Error{Code: "thread_not_found", Message: sentence("thread_not_found", "")}
		}
		channel, thread = root.channel, root.ts
	}
	if m.Only != "" && m.Channel != "" {
		return a.whisper(ctx, m, channel, thread)
	}
	id, err := a.whoami(ctx)
	if err != nil {
		// Nothing was sent yet, whatever became of this call.
		return "", unsent(err)
	}
	own := id.may("chat:write.customize")
	send := func(pictures bool) (content, posted, error) {
		var p posted
		c, args, err := a.render(m, !own, pictures)
		if err != nil {
			return c, p, err
		}
		args.Set("channel", channel)
		if thread != "" {
			args.Set("thread_ts", thread)
		}
		if own && m.Author != nil {
			sender(args, *m.Author)
		}
		if m.Key != "" {
			meta, err := json.Marshal(map[string]any{"event_type": metadataType, "event_payload": map[string]string{"key": m.Key}})
			if err != nil {
				return c, p, &bot.Error{Code: "bad_key", Message: "The message can't be marked.", Err: err}
			}
			args.Set("metadata", string(meta))
		}
		err = a.joined(ctx, channel, func() error {
			_, err := a.web.call(ctx, a.o.BotToken, "chat.postMessage", args, &p)
			return err
		})
		return c, p, err
	}
	c, p, err := send(true)
	if code(err) == "invalid_blocks" && c.images {
		// Slack refuses a message whole if it can't fetch one of its pictures.
		_, p, err = send(false)
	}
	if err != nil {
		return "", err
	}
	if thread != "" && p.Message.ThreadTS != thread && p.TS != thread {
		return "", a.misplaced(ctx, p)
	}
	ref := a.refs.message(p.Channel, p.TS)
	if ref == "" {
		return "", fmt.Errorf("slack: chat.postMessage: the answer says not where the message is")
	}
	return ref, nil
}

// unsent marks an error from before the call that matters.
func unsent(err error) error {
	if code(err) != "" {
		return err
	}
	return &bot.Error{Code: "unreachable", Message: "Slack did not answer. Perch tries again by itself.", Temporary: true, Err: err}
}

// misplaced takes back an answer that Slack put into the channel because its
// thread has gone: what belongs to one customer must not be seen by all.
func (a *Adapter) misplaced(ctx context.Context, p posted) error {
	if _, err := a.web.call(ctx, a.o.BotToken, "chat.delete", values("channel", p.Channel, "ts", p.TS), nil); err != nil && code(err) != "message_not_found" {
		return fmt.Errorf("slack: an answer landed outside of its thread: %w", errOpaque{err})
	}
	return &bot.Error{Code: "thread_not_found", Message: sentence("thread_not_found", "")}
}

// errOpaque keeps an error's words but not what it says of its own call: the
// outcome of the whole is not known.
type errOpaque struct{ err error }

func (e errOpaque) Error() string { return e.err.Error() }

// maxSender is how much of a sender's name is shown.
const maxSender = 80

func sender(args url.Values, author bot.Author) {
	name := senderName(author)
	if name == "" {
		return
	}
	args.Set("username", cutEscaped(name, maxSender))
	if u, ok := safeURL(author.AvatarURL); ok {
		args.Set("icon_url", u)
	}
}

// senderName is what an author is called: "Casey Rivera (@casey_r)".
func senderName(a bot.Author) string {
	name, handle := strings.TrimSpace(clean(a.Name)), clean(a.Handle)
	if handle != "" && name != "@"+handle {
		name = strings.TrimSpace(name + " (@" + handle + ")")
	}
	return name
}

// whisper shows a message to one person in a channel: by the event's
// response_url, which works wherever the person is, else as an ephemeral one,
// else, where Perch may not write, as a direct message.
func (a *Adapter) whisper(ctx context.Context, m bot.Message, channel, thread string) (bot.MessageRef, error) {
	user, ok := a.refs.userID(m.Only)
	if !ok {
		return "", &bot.Error{Code: "user_not_found", Message: sentence("user_not_found", "")}
	}
	if m.Respond != "" && a.mayRespond(m.Respond) {
		err := a.respond(ctx, m, thread, false)
		if err == nil {
			return a.refs.only(channel, ""), nil
		}
		if code(err) == "" || code(err) == "cancelled" || code(err) == "ratelimited" {
			return "", err
		}
		a.log.Debug("response_url refused, posting instead", "code", code(err))
	}
	c, args, err := a.render(m, true, true)
	if err != nil {
		return "", err
	}
	args.Set("channel", channel)
	args.Set("user", user)
	if thread != "" {
		args.Set("thread_ts", thread)
	}
	var p posted
	_, err = a.web.call(ctx, a.o.BotToken, "chat.postEphemeral", args, &p)
	if code(err) == "invalid_blocks" && c.images {
		_, plainer, rerr := a.render(m, true, false)
		if rerr != nil {
			return "", rerr
		}
		args.Set("blocks", plainer.Get("blocks"))
		_, err = a.web.call(ctx, a.o.BotToken, "chat.postEphemeral", args, &p)
	}
	switch code(err) {
	case "":
	case "user_not_in_channel", "not_in_channel", "channel_not_found", "is_archived":
		// Commands work anywhere, also where Perch is not: the person gets the
		// answer from it alone.
		m.Channel, m.Thread, m.Respond, m.Trigger = "", "", "", ""
		return a.Post(ctx, m)
	}
	if err != nil {
		return "", err
	}
	return a.refs.only(channel, p.MessageTS), nil
}

// mayRespond reports whether an address is one that Slack gives out: events
// are stored, and a stored address must not make Perch call anybody else.
func (a *Adapter) mayRespond(address string) bool {
	u, err := url.Parse(address)
	if err != nil || u.User != nil {
		return false
	}
	if u.Scheme == "https" && (u.Host == "hooks.slack.com" || u.Host == "hooks.slack-gov.com") {
		return true
	}
	base, err := url.Parse(a.web.base)
	return err == nil && u.Scheme == base.Scheme && u.Host == base.Host
}

// respond answers by response_url; replace changes the message whose button it was.
func (a *Adapter) respond(ctx context.Context, m bot.Message, thread string, replace bool) error {
	for _, pictures := range []bool{true, false} {
		c, _, err := a.render(m, true, pictures)
		if err != nil {
			return err
		}
		body := map[string]any{
			"response_type": "ephemeral", "replace_original": replace, "text": c.text, "blocks": c.blocks,
			"unfurl_links": false, "unfurl_media": false,
		}
		if thread != "" {
			body["thread_ts"] = thread
		}
		raw, err := json.Marshal(body)
		if err != nil {
			return &bot.Error{Code: "invalid_blocks", Message: sentence("invalid_blocks", ""), Err: err}
		}
		got, _, err := a.web.send(ctx, "response_url", m.Respond, "application/json", string(raw), "")
		if err != nil {
			return err
		}
		// Slack answers "ok", or JSON.
		ans := answer{OK: true}
		if json.Valid(got) {
			err = json.Unmarshal(got, &ans)
		}
		if err != nil || ans.OK {
			return err
		}
		if err = refusal("response_url", ans); code(err) != "invalid_blocks" || !c.images || !pictures {
			return err
		}
	}
	return nil
}

// Edit replaces what a message of the bot says. See [bot.Editor].
func (a *Adapter) Edit(ctx context.Context, ref bot.MessageRef, m bot.Message) error {
	at, ok := a.refs.messageID(ref)
	if !ok {
		return noMessage()
	}
	if at.only {
		return a.editPrivate(ctx, at, m)
	}
	id, err := a.whoami(ctx)
	if err != nil {
		return unsent(err)
	}
	for _, pictures := range []bool{true, false} {
		c, args, rerr := a.render(m, !id.may("chat:write.customize"), pictures)
		if rerr != nil {
			return rerr
		}
		args.Del("unfurl_links")
		args.Del("unfurl_media")
		args.Set("channel", at.channel)
		args.Set("ts", at.ts)
		if _, err = a.web.call(ctx, a.o.BotToken, "chat.update", args, nil); code(err) != "invalid_blocks" || !c.images {
			break
		}
	}
	return err
}

// Delete deletes a message of the bot. One that has gone is no error.
func (a *Adapter) Delete(ctx context.Context, ref bot.MessageRef) error {
	at, ok := a.refs.messageID(ref)
	if !ok {
		return noMessage()
	}
	if at.only {
		return onlyOne()
	}
	_, err := a.web.call(ctx, a.o.BotToken, "chat.delete", values("channel", at.channel, "ts", at.ts), nil)
	if code(err) == "message_not_found" {
		return nil
	}
	return err
}

// React sets or removes a reaction of the bot.
func (a *Adapter) React(ctx context.Context, ref bot.MessageRef, emoji string, on bool) error {
	at, ok := a.refs.messageID(ref)
	if !ok {
		return noMessage()
	}
	if at.only {
		return onlyOne()
	}
	method, done := "reactions.add", "already_reacted"
	if !on {
		method, done = "reactions.remove", "no_reaction"
	}
	_, err := a.web.call(ctx, a.o.BotToken, method, values("channel", at.channel, "timestamp", at.ts, "name", strings.Trim(emoji, ":")), nil)
	if code(err) == done {
		return nil
	}
	return err
}

// Permalink is the address of a message in Slack.
func (a *Adapter) Permalink(ctx context.Context, ref bot.MessageRef) (string, error) {
	at, ok := a.refs.messageID(ref)
	if !ok || at.only {
		return "", noMessage()
	}
	var out struct {
		Permalink string `json:"permalink"`
	}
	if _, err := a.web.call(ctx, a.o.BotToken, "chat.getPermalink", values("channel", at.channel, "message_ts", at.ts), &out); err != nil {
		return "", err
	}
	return out.Permalink, nil
}
