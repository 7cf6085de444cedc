package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/perch-chat/perch/bot"
	"github.com/perch-chat/perch/bot/slack"
	"github.com/perch-chat/perch/internal/inbox"
	"github.com/perch-chat/perch/internal/outbox"
	"github.com/perch-chat/perch/store"
)

// chats carries out the chat kinds on the platform that each ref names.
type chats struct {
	db        store.Store
	ob        *outbox.Outbox
	in        *inbox.Inbox
	platforms map[string]bot.Platform
	recheck   time.Duration // the longest wait between two tries to bring a customer in
	changes   changes
}

func (c *chats) register() {
	c.registerPaced(bot.KindPost, chatPost{c})
	c.registerPaced(bot.KindEdit, repeatable(c.edit))
	c.registerPaced(bot.KindDelete, repeatable(c.delete))
	c.registerPaced(bot.KindReact, repeatable(c.react))
	c.ob.Register(bot.KindOpen, chatOnce{do: c.open})
	c.registerPaced(bot.KindChannel, repeatable(c.channel))
	c.registerMore()
}

func (c *chats) platform(ref string) (bot.Platform, error) {
	name, _, _ := strings.Cut(ref, ":")
	p, ok := c.platforms[name]
	if !ok {
		return nil, rejected("no_chat", fmt.Sprintf("Perch is not connected to the chat %q. Add it to the configuration and restart.", name), nil)
	}
	return p, nil
}

func rejected(code, message string, err error) *outbox.Error {
	return &outbox.Error{Outcome: outbox.Rejected, Failure: outbox.Failure{Code: code, Message: message}, Err: err}
}

// unable is for an optional ability that the platform lacks.
func unable(p bot.Platform, what string) error {
	return rejected("not_able", fmt.Sprintf("%s can't %s.", p.Name(), what), nil)
}

// resolve turns the key of a chat.post action into where its message is.
func (c *chats) resolve(ctx context.Context, ref bot.MessageRef, key string) (bot.MessageRef, error) {
	if ref != "" || key == "" {
		return ref, nil
	}
	var res bot.PostResult
	err := c.resultOf(ctx, key, "message", &res)
	return res.Ref, err
}

// resultOf reads what came of the action with a key: of a message or a channel
// that another action needs.
func (c *chats) resultOf(ctx context.Context, key, what string, into any) error {
	return c.db.View(ctx, func(tx store.Tx) error {
		a, ok, err := c.ob.FindKey(tx, key)
		if err != nil {
			return err
		}
		if !ok || a.State == outbox.Failed || a.State == outbox.Cancelled {
			return rejected(what+"_missing", "The "+what+" this belongs to was never made. Retry that one first.", nil)
		}
		if a.State != outbox.Done {
			return &outbox.Error{Outcome: outbox.Later, Failure: outbox.Failure{Code: what + "_pending", Message: "Waits for the " + what + " it belongs to."}}
		}
		if err := json.Unmarshal(a.Result, into); err != nil {
			return fmt.Errorf("result of %s: %w", key, err)
		}
		return nil
	})
}

// chatError says what is known of a failed call: a platform's definite answer
// had no effect, anything else may have had it.
func chatError(err error) error {
	var known *outbox.Error
	if err == nil || errors.As(err, &known) {
		return err
	}
	var e *bot.Error
	if !errors.As(err, &e) {
		return err
	}
	f := outbox.Failure{Code: e.Code, Message: e.Message, Detail: e.Error()}
	out := &outbox.Error{Outcome: outbox.Rejected, Failure: f, Err: err}
	n, missing := errors.AsType[*slack.NotInstalled](err)
	if missing || slack.Ended(err) && !e.Temporary {
		// It waits until Perch is let in again: with one workspace, until the restart.
		if !missing {
			n = &slack.NotInstalled{}
		}
		out.Outcome = outbox.Later
		// Another replica may have installed it in the meantime, so one is tried
		// now and then.
		now := time.Now().UTC()
		out.Hold = &outbox.Hold{Lane: slack.Lane(n.Team), Code: e.Code, Message: e.Message, Since: now, Until: now.Add(recheck)}
		return out
	}
	if e.Temporary {
		out.Outcome = outbox.Later
		if e.RetryAfter > 0 {
			out.Failure.RetryAt = time.Now().Add(time.Duration(e.RetryAfter) * time.Second)
		}
	}
	return out
}

// chatPost sends messages. A repeat would be seen, so an unknown outcome is
// looked up by the key the message carries.
type chatPost struct{ c *chats }

var _ outbox.Reconciler = chatPost{}

func (p chatPost) message(ctx context.Context, a outbox.Action) (bot.Platform, bot.Message, error) {
	var post bot.Post
	if err := json.Unmarshal(a.Payload, &post); err != nil {
		return nil, bot.Message{}, unreadable(err)
	}
	m := post.Message
	m.Key = a.Key
	ref := string(m.Channel)
	if ref == "" {
		ref = string(m.Only)
	}
	pf, err := p.c.platform(ref)
	if err != nil {
		return nil, m, err
	}
	m.Thread, err = p.c.resolve(ctx, m.Thread, post.ThreadOf)
	return pf, m, err
}

func (p chatPost) Do(ctx context.Context, a outbox.Action) (outbox.Receipt, error) {
	pf, m, err := p.message(ctx, a)
	if err != nil {
		return outbox.Receipt{}, notSent(err)
	}
	ref, err := pf.Post(ctx, m)
	if err != nil {
		return outbox.Receipt{}, chatError(fmt.Errorf("post to %s: %w", m.Channel, err))
	}
	return receipt(bot.PostResult{Ref: ref})
}

func (p chatPost) Reconcile(ctx context.Context, a outbox.Action) (outbox.Verdict, outbox.Receipt, error) {
	pf, m, err := p.message(ctx, a)
	if err != nil {
		return outbox.Absent, outbox.Receipt{}, err
	}
	f, ok := pf.(bot.Finder)
	if !ok {
		return outbox.Absent, outbox.Receipt{}, unable(pf, "look up messages")
	}
	ref, err := f.FindMessage(ctx, m)
	if errors.Is(err, bot.ErrNotFound) {
		if a.Lookups >= len(p.Ladder())-1 {
			// The chat looked by the key itself and has no such message: it
			// can go again, and must, for the rest of its thread waits for it.
			return outbox.Repeat, outbox.Receipt{}, nil
		}
		return outbox.Absent, outbox.Receipt{}, nil
	}
	if err != nil {
		return outbox.Absent, outbox.Receipt{}, fmt.Errorf("look up message: %w", err)
	}
	r, err := receipt(bot.PostResult{Ref: ref})
	return outbox.Found, r, err
}

func (p chatPost) Ladder() []time.Duration {
	return []time.Duration{time.Second, 5 * time.Second}
}

// notSent marks an error from before the call: it surely had no effect.
func notSent(err error) error {
	if _, ok := errors.AsType[*outbox.Error](err); ok {
		return err
	}
	return &outbox.Error{Outcome: outbox.Later, Failure: outbox.Failure{Code: "internal", Message: "Perch could not prepare this. It tries again by itself."}, Err: err}
}

func receipt(result any) (outbox.Receipt, error) {
	raw, err := json.Marshal(result)
	if err != nil {
		return outbox.Receipt{}, fmt.Errorf("encode result: %w", err)
	}
	return outbox.Receipt{Result: raw}, nil
}

// chatRepeatable carries out what may be done twice: whatever its outcome, it
// is simply done again.
type chatRepeatable struct {
	outbox.Repeatable
	do func(context.Context, outbox.Action) (any, error)
}

func (r chatRepeatable) Do(ctx context.Context, a outbox.Action) (outbox.Receipt, error) {
	res, err := r.do(ctx, a)
	if err == nil {
		return receipt(res)
	}
	err = chatError(err)
	if _, ok := errors.AsType[*outbox.Error](err); ok {
		return outbox.Receipt{}, err
	}
	return outbox.Receipt{}, &outbox.Error{
		Outcome: outbox.Later, Err: err,
		Failure: outbox.Failure{Code: "chat_unreachable", Message: "The chat did not answer. Perch tries again by itself."},
	}
}

var _ outbox.Reconciler = chatRepeatable{}

// chatOnce carries out what is worth one try only: a form whose trigger ends
// in seconds. A chat that asks for patience gets it: where the trigger has
// ended meanwhile, it says so. It may be repeated: a trigger works once, and a
// form that is filled twice is the same form.
type chatOnce struct {
	outbox.Repeatable
	do func(context.Context, outbox.Action) error
}

func (o chatOnce) Do(ctx context.Context, a outbox.Action) (outbox.Receipt, error) {
	if err := o.do(ctx, a); err != nil {
		message := "The form could not be shown. Press the button again."
		e, ok := errors.AsType[*bot.Error](err)
		switch {
		case ok && e.Temporary:
			return outbox.Receipt{}, chatError(err)
		case ok && e.Code == slack.CodeViewClosed:
			return outbox.Receipt{}, rejected(codeFormClosed, e.Message, err)
		case ok && e.Message != "":
			message = e.Message
		}
		return outbox.Receipt{}, rejected("form_not_shown", message, err)
	}
	return outbox.Receipt{}, nil
}

var _ outbox.Reconciler = chatOnce{}

func unreadable(err error) error {
	return rejected("bad_payload", "This action can't be read: it was made by another version of Perch. Discard it.", err)
}

// editor returns the chat of a message that is to be edited or deleted.
func (c *chats) editor(ctx context.Context, ref bot.MessageRef, key, what string) (bot.Editor, bot.MessageRef, error) {
	ref, err := c.resolve(ctx, ref, key)
	if err != nil {
		return nil, "", err
	}
	ed, err := able[bot.Editor](c, string(ref), what)
	return ed, ref, err
}

func (c *chats) edit(ctx context.Context, e bot.Edit) (any, error) {
	ed, ref, err := c.editor(ctx, e.Ref, e.RefOf, "edit messages")
	if err != nil {
		return nil, err
	}
	return struct{}{}, ed.Edit(ctx, ref, e.Message)
}

func (c *chats) delete(ctx context.Context, e bot.Delete) (any, error) {
	ed, ref, err := c.editor(ctx, e.Ref, e.RefOf, "delete messages")
	if err != nil {
		return nil, err
	}
	return struct{}{}, ed.Delete(ctx, ref)
}

func (c *chats) react(ctx context.Context, e bot.React) (any, error) {
	ref, err := c.resolve(ctx, e.Ref, e.RefOf)
	if err != nil {
		return nil, err
	}
	r, err := able[bot.Reactor](c, string(ref), "react")
	if err != nil {
		return nil, err
	}
	return struct{}{}, r.React(ctx, ref, e.Emoji, e.On)
}

func (c *chats) open(ctx context.Context, a outbox.Action) error {
	var e bot.Open
	if err := json.Unmarshal(a.Payload, &e); err != nil {
		return fmt.Errorf("decode: %w", err)
	}
	o, err := able[bot.Opener](c, e.Platform, "show forms")
	if err != nil {
		return err
	}
	return o.Open(ctx, e.Trigger, e.Form)
}

func (c *chats) channel(ctx context.Context, e bot.EnsureChannel) (any, error) {
	ch, err := able[bot.Channeler](c, e.Platform, "make channels")
	if err != nil {
		return nil, err
	}
	name := e.Name
	if _, team, ok := strings.Cut(e.Platform, ":"); ok {
		name = team + ":" + name // of one of the chat's workspaces
	}
	ref, err := ch.EnsureChannel(ctx, name, e.Purpose, e.Private)
	return bot.ChannelResult{Ref: ref}, err
}
