package commands

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/perch-chat/perch/bot"
	"github.com/perch-chat/perch/desk"
	"github.com/perch-chat/perch/internal/accounts"
	"github.com/perch-chat/perch/internal/id"
	"github.com/perch-chat/perch/internal/inbox"
	"github.com/perch-chat/perch/internal/outbox"
	"github.com/perch-chat/perch/store"
)

// The buttons of a dead letter. Their value is the action.
const (
	btnLetterRetry   = "outbox.retry"
	btnLetterDiscard = "outbox.discard"
	btnRelease       = "outbox.release" // value: the lane
	btnItemRetry     = "inbox.retry"    // value: the item
	btnItemDiscard   = "inbox.discard"
)

func (r *Router) attentionButtons() {
	r.buttons[btnLetterRetry] = onLetter((*outbox.Outbox).Retry, "It is tried again.")
	r.buttons[btnLetterDiscard] = onLetter((*outbox.Outbox).Cancel, "It is discarded.")
	r.buttons[btnRelease] = release
	r.buttons[btnItemRetry] = onItem((*inbox.Inbox).Retry, "It is tried again.")
	r.buttons[btnItemDiscard] = onItem((*inbox.Inbox).Discard, "It is discarded.")
}

func onItem(do func(*inbox.Inbox, store.Tx, string) error, done string) func(*call) error {
	return func(c *call) error {
		if err := c.need(admin); err != nil {
			return err
		}
		err := do(c.Inbox, c.tx, c.ev.Value)
		if errors.Is(err, inbox.ErrUnknown) {
			return refuse("Somebody did this already.")
		}
		if err != nil {
			return err
		}
		return c.reply(text(done))
	}
}

func onLetter(do func(*outbox.Outbox, store.Tx, string, string) (outbox.Action, error), done string) func(*call) error {
	return func(c *call) error {
		if err := c.need(admin); err != nil {
			return err
		}
		if _, err := do(c.Outbox, c.tx, c.ev.Value, string(c.ev.User.Ref)); err != nil {
			return err
		}
		return c.reply(text(done))
	}
}

func release(c *call) error {
	if err := c.need(admin); err != nil {
		return err
	}
	if err := c.Outbox.Release(c.tx, c.ev.Value); err != nil {
		return err
	}
	return c.reply(text("Perch tries again now."))
}

// attention shows, in the setup channel, what failed and has no place of its
// own in chat: entries and answers show their own fate.
func (r *Router) attention(tx store.Tx, a outbox.Action) error {
	if a.State != outbox.Failed && (a.State != outbox.Unknown || !a.Stuck) {
		return nil
	}
	what, ok := map[string]string{
		accounts.KindSubscribe: "subscribe to the account's messages",
		accounts.KindRevoke:    "give the access back at X",
		accounts.KindDelete:    "delete a post on X",
		bot.KindPost:           "post a message in chat",
	}[a.Kind]
	if !ok || strings.HasPrefix(a.Key, "commands:letter:") || strings.HasPrefix(a.Key, "commands:reply:") || strings.HasPrefix(a.Key, setupPrefix) {
		return nil
	}
	if desk.SeesTo(a) {
		return nil
	}
	setup, err := r.Setup(tx)
	if err != nil || setup == "" {
		return err
	}
	why := "No reason is known."
	if a.Failure != nil {
		why = a.Failure.Message
	}
	head := "⚠ Perch could not " + what + "."
	nth := fmt.Sprint(a.Attempts)
	if !chatRef(a.ChangedBy) && a.Failure != nil {
		nth = a.Failure.Code // tried again by Perch itself, with the same end: it was said already
	}
	return r.post(tx, bot.Message{
		Channel: setup, Text: head + " " + why,
		Blocks: []bot.Block{
			bot.Para(bot.Bold(head), bot.Plain(" "+why)),
			bot.Actions(
				bot.Button{ID: btnLetterRetry, Label: "Retry", Value: a.ID, Style: bot.ButtonPrimary},
				bot.Button{ID: btnLetterDiscard, Label: "Discard", Value: a.ID},
			),
		},
	}, postOptions{key: fmt.Sprintf("commands:letter:%s:%s", a.ID, nth)})
}

// HoldChanged tells the setup channel that something was stopped, and when it
// goes on. It is for the outbox's OnHold. Ordinary pacing is not told: what
// waits says so itself.
func (r *Router) HoldChanged(tx store.Tx, h outbox.Hold, on bool) error {
	told := map[string]struct{ head, then, button, off string }{
		"restored": {
			"⚠ Perch was restored from a backup. ", "Until you say so, nothing of this goes out.", "Send what is left",
			"✅ What was left is going out.",
		},
	}
	for _, code := range []string{"no_credits", "usage_cap", "suspended"} {
		told[code] = struct{ head, then, button, off string }{
			"⚠ X stopped taking calls. ", "Nothing is lost: everything waits here, in order, and Perch tries again by itself.", "Try again now",
			"✅ X takes calls again. What waited is going out.",
		}
	}
	say, ok := told[h.Code]
	setup, err := r.Setup(tx)
	if err != nil || setup == "" || !ok {
		return err
	}
	key := fmt.Sprintf("commands:hold:%s:%s:%d", h.Lane, h.Code, h.Since.UnixNano())
	m := bot.Message{
		Channel: setup, Text: "⚠ " + h.Message,
		Blocks: []bot.Block{
			bot.Para(bot.Bold(say.head), bot.Plain(h.Message)),
			bot.Para(bot.Plain(say.then)),
			bot.Actions(bot.Button{ID: btnRelease, Label: say.button, Value: h.Lane}),
		},
	}
	if !on {
		if _, posted, err := r.Outbox.FindKey(tx, key); err != nil || !posted {
			return err
		}
		return r.edit(tx, key, "off", text(say.off))
	}
	return r.post(tx, m, postOptions{key: key})
}

func postedRef(a outbox.Action) (bot.MessageRef, error) {
	var res bot.PostResult
	if err := json.Unmarshal(a.Result, &res); err != nil {
		return "", fmt.Errorf("result of %s: %w", a.Key, err)
	}
	return res.Ref, nil
}

// chatRef reports whether ref names a person of a chat.
func chatRef(ref string) bool {
	platform, _, ok := strings.Cut(ref, ":")
	return ok && (platform == "slack" || platform == "rocketchat" || platform == "webchat")
}

// ItemDead shows an event that could not be handled, in the setup channel. It
// is for the inbox's OnDead.
func (r *Router) ItemDead(tx store.Tx, it inbox.Item) error {
	setup, err := r.Setup(tx)
	if err != nil || setup == "" {
		return err
	}
	what := "something that happened in chat"
	if it.Source == "x" {
		what = "a message or mention from X"
	}
	head := "⚠ Perch could not handle " + what + "."
	return r.post(tx, bot.Message{
		Channel: setup, Text: head,
		Blocks: []bot.Block{
			bot.Para(bot.Bold(head), bot.Plain(" It is kept. The log of Perch says why, under the item's number; once that is mended, press Retry.")),
			bot.Context(bot.Plain("Item " + it.ID)),
			bot.Actions(
				bot.Button{ID: btnItemRetry, Label: "Retry", Value: it.ID, Style: bot.ButtonPrimary},
				bot.Button{ID: btnItemDiscard, Label: "Discard", Value: it.ID, Confirm: "Discard it for good?"},
			),
		},
	}, postOptions{key: "commands:dead:" + it.ID + ":" + id.New()})
}
