package app

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/perch-chat/perch/bot"
	"github.com/perch-chat/perch/desk"
	"github.com/perch-chat/perch/internal/config"
	"github.com/perch-chat/perch/internal/outbox"
	"github.com/perch-chat/perch/store"
)

// chatSecret is what customers' tokens for a customer service are made with. It
// is as secret as the conversations beside it in the store, and stays the same
// for as long as they do, whatever becomes of the configuration's keys.
type chatSecret struct {
	Platform string    `json:"platform"`
	Secret   []byte    `json:"secret"`
	Made     time.Time `json:"made"`
}

var chatSecrets = store.Table[chatSecret]{
	Name: "app_chat_secrets",
	Key:  func(s chatSecret) []byte { return store.Key(s.Platform) },
}

// secretOf is the secret for a platform, made at its first use: the same one
// for all replicas.
func secretOf(ctx context.Context, db store.Store, platform string) ([]byte, error) {
	fresh := make([]byte, 32)
	_, _ = rand.Read(fresh) // never fails, https://pkg.go.dev/crypto/rand#Read
	var s chatSecret
	err := db.Update(ctx, func(tx store.Tx) (err error) {
		var ok bool
		if s, ok, err = chatSecrets.Find(tx, store.Key(platform)); err != nil || ok {
			return err
		}
		s = chatSecret{Platform: platform, Secret: fresh, Made: time.Now().UTC()}
		return chatSecrets.Put(tx, s)
	})
	if err != nil {
		return nil, fmt.Errorf("secret for %s: %w", platform, err)
	}
	return s.Secret, nil
}

// serviceLook bounds how long the start waits for a chat to say whether it has
// a customer service.
const serviceLook = 5 * time.Second

// livechats hands the chats that serve customers what they need before they
// run. Where the configuration has no departments, it also asks which of them
// is to serve customers.
func (a *App) livechats(ctx context.Context) error {
	for _, p := range a.o.Platforms {
		s, ok := p.(interface{ SetSecret(secret []byte) })
		if !ok {
			continue
		}
		secret, err := secretOf(ctx, a.DB, p.Name())
		if err != nil {
			return err
		}
		s.SetSecret(secret)
		o, ok := p.(interface {
			Omnichannel(ctx context.Context) (bool, error)
		})
		if !ok || len(a.o.Config.Departments) > 0 {
			continue
		}
		look, cancel := context.WithTimeout(ctx, serviceLook)
		on, err := o.Omnichannel(look)
		cancel()
		switch {
		case err != nil:
			// What it was before counts on.
			a.log.WarnContext(ctx, "the chat does not say whether it serves customers", "platform", p.Name(), "err", err)
			on, err = a.servedBefore(ctx, p.Name())
			if err != nil {
				return err
			}
		case !on:
			a.log.InfoContext(ctx, "the chat does not serve customers: Omnichannel is off", "platform", p.Name())
		}
		if on && a.live == "" {
			a.live = bot.LiveChannel(p.Name(), "")
		}
	}
	return nil
}

func (a *App) servedBefore(ctx context.Context, platform string) (yes bool, err error) {
	err = a.DB.View(ctx, func(tx store.Tx) error {
		all, err := desk.New(a.Outbox, desk.Options{}).Departments(tx)
		for _, dep := range all {
			name, _, live := bot.LiveDepartment(dep.Channel)
			yes = yes || live && name == platform
		}
		return err
	})
	return yes, err
}

// anyDepartment is the name of the department where the configuration has none.
const anyDepartment = "Support"

// withLive is the configuration with the department that serves customers where
// it names none and a chat serves them: the default one of that chat, by the
// chat's own name, or whichever the chat chooses.
func (a *App) withLive(c config.Config) config.Config {
	if a.live == "" || len(c.Departments) > 0 {
		return c
	}
	name, ch := anyDepartment, a.live
	if c.Desk.DefaultDepartment != "" {
		platform, _, _ := bot.LiveDepartment(a.live)
		name, ch = c.Desk.DefaultDepartment, bot.LiveChannel(platform, c.Desk.DefaultDepartment)
	}
	c.Departments = []config.Department{{Name: name, Channel: string(ch)}}
	return c
}

// enter brings a customer into a room of the chat's customer service. While
// nobody is there, or the chat does not answer, it waits for as long as it
// takes: all that the customer says waits behind it.
type enter struct {
	outbox.Repeatable // an interrupted attempt that is made again finds the same room

	c       *chats
	patient time.Duration // between two tries, at most
}

var _ outbox.Reconciler = enter{}

func (x enter) Do(ctx context.Context, a outbox.Action) (outbox.Receipt, error) {
	var e bot.Enter
	if err := json.Unmarshal(a.Payload, &e); err != nil {
		return outbox.Receipt{}, unreadable(err)
	}
	l, err := able[bot.Livechat](x.c, e.Platform+":", "serve customers")
	if err != nil {
		return outbox.Receipt{}, err
	}
	e.Visitor.Since = a.Created
	in, err := l.Enter(ctx, e.Visitor)
	if err == nil {
		if !in.Served {
			// The chat may let customers in whom nobody serves. Where it doesn't say,
			// somebody is going to.
			on, err := l.Serves(ctx, e.Visitor.Department)
			in.Unserved = err == nil && !on
		}
		return receipt(in)
	}
	f := outbox.Failure{Code: "chat_unreachable", Message: "The chat did not answer. Perch tries again by itself.", Detail: err.Error()}
	wait := unanswered
	if b, ok := errors.AsType[*bot.Error](err); ok {
		f.Code, f.Message = b.Code, b.Message
		wait = time.Duration(b.RetryAfter) * time.Second
		switch {
		case b.Temporary:
		case ofAll(b.Code):
			f.Code, wait = bot.CodeSetUp, x.patient
		default:
			return outbox.Receipt{}, chatError(err)
		}
	}
	now := time.Now().UTC()
	until := now.Add(max(min(wait, x.patient), shortHold))
	hold := outbox.Hold{Lane: bot.LiveLane + string(bot.LiveChannel(e.Platform, e.Visitor.Department)), Code: f.Code, Message: f.Message, Since: now, Until: until}
	return outbox.Receipt{}, &outbox.Error{Outcome: outbox.Later, Failure: f, Hold: &hold, Err: err}
}

// ofAll reports whether a refusal would meet every customer, whoever they are.
// Once it is mended, all that wait go on by themselves.
func ofAll(code string) bool {
	switch code {
	case "forbidden", "unauthorized", "totp-required", "error-omnichannel-is-disabled", "error-mac-limit-reached":
		return true
	}
	return false
}

// unanswered is how long a chat is left alone that did not answer.
const unanswered = 10 * time.Second

func (c *chats) serves(ctx context.Context, x bot.Serve) (any, error) {
	l, err := able[bot.Livechat](c, x.Platform+":", "serve customers")
	if err != nil {
		return nil, err
	}
	on, err := l.Serves(ctx, x.Department)
	return bot.Served{Served: on}, err
}

func (c *chats) leave(ctx context.Context, x bot.Leave) (any, error) {
	l, err := able[bot.Livechat](c, string(x.Room), "serve customers")
	if err != nil {
		return nil, err
	}
	return struct{}{}, l.Leave(ctx, x.Room, x.Why)
}
