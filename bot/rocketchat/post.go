package rocketchat

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/perch-chat/perch/bot"
)

// messageKey is the ID of the message with a key: the same for a repeat, which
// the server refuses then. Without a key it is random.
func messageKey(key string) string {
	if key == "" {
		return "p" + rand.Text()
	}
	sum := sha256.Sum256([]byte("perch " + key))
	return "p" + strings.NewReplacer("-", "a", "_", "b").Replace(base64.RawURLEncoding.EncodeToString(sum[:18]))
}

// where is the room that a message goes to and the thread in it. What only one
// person may see goes into the room that they have with the bot alone:
// Rocket.Chat lets nobody but its own apps whisper.
func (a *Adapter) where(ctx context.Context, m bot.Message) (rid, thread string, err error) {
	if rid, live := liveRoom(m.Thread); live && (m.Only == "" || !m.Secret) {
		// In a customer's room all are agents. The channel is the department that
		// it came from, and the room is no thread of its own.
		return rid, "", nil
	}
	if m.Only != "" {
		uid, ok := userID(m.Only)
		if !ok {
			return "", "", gone("person")
		}
		rid, err = a.direct(ctx, uid)
		return rid, "", err
	}
	rid, ok := roomID(m.Channel)
	if m.Channel != "" && !ok {
		return "", "", gone("room")
	}
	if m.Thread != "" {
		room, id, ok := messageID(m.Thread)
		if !ok || rid != "" && room != rid {
			return "", "", gone("thread")
		}
		rid, thread = room, id
	}
	if rid == "" {
		return "", "", gone("room")
	}
	return rid, thread, nil
}

// placed adds to an answer for one person where they asked: it comes to the
// room that they have with the bot alone.
func (a *Adapter) placed(ctx context.Context, m bot.Message) bot.Message {
	rid, ok := roomID(m.Channel)
	if m.Only == "" || !ok {
		return m
	}
	r, err := a.room(ctx, rid)
	if err != nil || r.Name == "" || r.Kind != "c" && r.Kind != "p" {
		return m
	}
	line := []bot.Span{bot.Plain("In "), {Channel: m.Channel}}
	if m.Thread != "" {
		if link, err := a.Permalink(ctx, m.Thread); err == nil {
			line = append(line, bot.Plain(", "), bot.Link("this thread", link))
		}
	}
	if len(m.Blocks) == 0 {
		m.Blocks = []bot.Block{bot.Para(bot.Plain(m.Text))}
	}
	m.Blocks = append(slices.Clip(m.Blocks), bot.Context(line...))
	return m
}

// render writes a message, with the names of those whom it mentions.
func (a *Adapter) render(ctx context.Context, m bot.Message, id string) (content, error) {
	m = a.placed(ctx, m)
	slashes, self, here := a.slashes(ctx), a.self().Username, a.reads(ctx)
	return renderer{
		formulas: here.formulas, most: here.most,
		who: func(u bot.UserRef) string {
			uid, ok := userID(u)
			if !ok {
				return ""
			}
			p, err := a.person(ctx, uid)
			if err != nil {
				return ""
			}
			return p.Username
		},
		room: func(c bot.ChannelRef) string {
			rid, ok := roomID(c)
			if !ok {
				return ""
			}
			r, err := a.room(ctx, rid)
			if err != nil {
				return ""
			}
			return r.Name
		},
		id: id, base: a.o.PublicURL,
		speak: func(s string) string { return spoken(s, slashes, self) },
	}.message(m)
}

// Post sends a message. A repeat of a key finds the message that is there. See
// [bot.Platform].
func (a *Adapter) Post(ctx context.Context, m bot.Message) (bot.MessageRef, error) {
	if _, err := a.whoami(ctx); err != nil {
		return "", unsent(err)
	}
	if rid, token, err := a.asCustomer(ctx, m.Thread, m); err != nil {
		return "", err
	} else if token != "" {
		ref, err := a.tell(ctx, rid, token, m)
		return ref, a.shut(ctx, rid, err)
	}
	rid, thread, err := a.where(ctx, m)
	if err != nil {
		return "", unsent(err)
	}
	id := messageKey(m.Key)
	c, err := a.render(ctx, m, id)
	if err != nil {
		return "", err
	}
	body := map[string]any{"_id": id, "rid": rid, "msg": c.msg}
	drawn := a.draws(c)
	if drawn {
		body["msg"], body["blocks"] = said(c, m), a.blocks(rid, c)
	} else if len(c.attachments) > 0 {
		body["attachments"] = c.attachments
	}
	if thread != "" {
		body["tmid"] = thread
	}
	// No previews: a customer's link is not to be fetched from inside.
	err = a.rest.call(ctx, request{route: "POST chat.sendMessage", body: map[string]any{"message": body, "previewUrls": []string{}}}, nil)
	if c := code(err); c != "" && !temporary(err) {
		// The server does not say of an ID that it is there already; what it says
		// instead has changed before.
		if there, gerr := a.get(ctx, rid, id); gerr == nil && there.User.ID == a.o.UserID {
			drawn, err = there.hasBlocks(), nil
		} else if c == "refused" && !errors.Is(gerr, bot.ErrNotFound) {
			return "", gerr
		}
	}
	if err != nil {
		return "", err
	}
	a.inThread(rid, id, thread)
	a.app.drawn(id, drawn)
	a.asided(ctx, m, rid)
	return messageRef(rid, id), nil
}

// unsent marks an error from before the message was sent: it surely had no effect.
func unsent(err error) error {
	if _, ok := errors.AsType[*bot.Error](err); ok {
		return err
	}
	return &bot.Error{Code: "not_ready", Message: "Rocket.Chat did not answer. Perch tries again by itself.", Temporary: true, RetryAfter: unreached, Err: err}
}

// FindMessage looks a message up by its key. See [bot.Finder].
func (a *Adapter) FindMessage(ctx context.Context, m bot.Message) (bot.MessageRef, error) {
	rid, _, err := a.where(ctx, m)
	if err != nil {
		return "", err
	}
	id := messageKey(m.Key)
	switch _, err := a.get(ctx, rid, id); {
	case errors.Is(err, bot.ErrNotFound):
		return "", err
	case err != nil:
		return "", unsent(err) // a look has no effect: it is taken again for as long as it takes
	}
	return messageRef(rid, id), nil
}

// Edit changes a message of the bot. What one person sees is said anew where
// it can't be changed: because the workspace allows no editing, or because the
// person pressed a button by hand that stands on no message of ours. See
// [bot.Editor].
func (a *Adapter) Edit(ctx context.Context, ref bot.MessageRef, m bot.Message) error {
	if m.Only == "" {
		return a.edit(ctx, ref, m)
	}
	there, err := a.ours(ctx, ref)
	if err != nil {
		return err
	}
	if there {
		err = a.edit(ctx, ref, m)
		if e, refused := errors.AsType[*bot.Error](err); !refused || e.Temporary {
			return err
		}
	}
	raw, jerr := json.Marshal(m)
	if jerr != nil {
		return err
	}
	m.Key = fmt.Sprintf("anew %s %x", ref, sha256.Sum256(raw)) // said once, however often it is tried
	_, err = a.Post(ctx, m)
	return err
}

// ours reports whether a message is there and the bot's: the server passes over
// a change of one that is not without a word.
func (a *Adapter) ours(ctx context.Context, ref bot.MessageRef) (bool, error) {
	rid, id, ok := messageID(ref)
	if !ok {
		return false, gone("message")
	}
	m, err := a.get(ctx, rid, id)
	if errors.Is(err, bot.ErrNotFound) {
		return false, nil
	}
	return err == nil && m.User.ID == a.o.UserID, err
}

// edit changes a message. The call for it in REST leaves attachments as they
// are, so it is the method that Rocket.Chat's own clients use. Without a list of
// previews it would change nothing where the text stays.
func (a *Adapter) edit(ctx context.Context, ref bot.MessageRef, m bot.Message) error {
	rid, id, ok := messageID(ref)
	if !ok {
		return gone("message")
	}
	if _, token, err := a.asCustomer(ctx, ref, m); err != nil {
		return err
	} else if token != "" {
		return a.retell(ctx, rid, id, token, m)
	}
	if err := a.exists(ctx, rid, id); err != nil {
		return err
	}
	c, err := a.render(ctx, m, id)
	if err != nil {
		return err
	}
	if a.o.AppSecret != "" {
		a.app.order.RLock()
		defer a.app.order.RUnlock()
	}
	c, done, err := a.editDrawn(ctx, rid, id, c, m)
	if done || err != nil {
		return err
	}
	return a.update(ctx, rid, id, c)
}

// update shows something else in a message of the bot, beside its blocks if it
// has any.
func (a *Adapter) update(ctx context.Context, rid, id string, c content) error {
	if c.attachments == nil {
		c.attachments = []attachment{}
	}
	frame, err := json.Marshal(map[string]any{
		"msg": "method", "id": "1", "method": "updateMessage",
		"params": []any{map[string]any{"_id": id, "rid": rid, "msg": c.msg, "attachments": c.attachments}, []string{}},
	})
	if err != nil {
		return &bot.Error{Code: "bad_call", Message: "The message can't be written.", Err: err}
	}
	var out struct{ Message string }
	if err := a.rest.call(ctx, request{route: "POST method.call/:method", path: "method.call/updateMessage", body: map[string]string{"message": string(frame)}}, &out); err != nil {
		return err
	}
	var res methodAnswer
	if err := json.Unmarshal([]byte(out.Message), &res); err != nil {
		return errors.New("rocketchat: updateMessage: unexpected answer")
	}
	if res.Error != nil {
		return res.Error.err("updateMessage")
	}
	return nil
}

// exists makes sure that a message of ours is there: the server takes a change
// of one that is not, and says nothing.
func (a *Adapter) exists(ctx context.Context, rid, id string) error {
	a.mu.Lock()
	_, ok := a.threads[at(rid, id)]
	a.mu.Unlock()
	if ok {
		return nil
	}
	m, err := a.get(ctx, rid, id)
	switch {
	case errors.Is(err, bot.ErrNotFound), err == nil && m.System == systemGone:
		return gone("message")
	case err != nil:
		return unsent(err)
	}
	a.inThread(rid, id, m.Thread)
	return nil
}

// methodAnswer is the answer of a method that was called over REST.
type methodAnswer struct {
	Error *ddpError `json:"error"`
}

// Delete deletes a message of the bot. See [bot.Editor].
func (a *Adapter) Delete(ctx context.Context, ref bot.MessageRef) error {
	rid, id, ok := messageID(ref)
	if !ok {
		return gone("message")
	}
	if a.kind(ctx, rid) == "l" {
		m, err := a.get(ctx, rid, id)
		switch {
		case errors.Is(err, bot.ErrNotFound):
			return nil
		case err != nil:
			return err
		case m.User.ID != a.o.UserID:
			_, token, err := a.asCustomer(ctx, liveRef(rid), bot.Message{Author: &bot.Author{}})
			if err != nil {
				return err
			}
			return errors.Join(a.drop(ctx, rid, id, token), a.dropParts(ctx, rid, id, token))
		}
	}
	err := a.rest.call(ctx, request{route: "POST chat.delete", body: map[string]any{"roomId": rid, "msgId": id}}, nil)
	if err != nil && !unsure(err) {
		// It is refused too where the answer to a call before was lost.
		m, gerr := a.get(ctx, rid, id)
		if errors.Is(gerr, bot.ErrNotFound) || gerr == nil && (m.System == systemGone || m.Hidden) {
			return nil
		}
	}
	return err
}

const reactRoute = "POST chat.react"

// React sets or removes the bot's reaction. See [bot.Reactor].
func (a *Adapter) React(ctx context.Context, ref bot.MessageRef, emoji string, on bool) error {
	rid, id, ok := messageID(ref)
	if !ok {
		return gone("message")
	}
	if !on {
		// The server adds a reaction that it is to take away from a message
		// which has none.
		me, err := a.whoami(ctx)
		if err != nil {
			return unsent(err)
		}
		m, err := a.get(ctx, rid, id)
		if err == nil && !slices.Contains(m.Reactions[":"+strings.Trim(emoji, ":")+":"].Usernames, me.Username) {
			return nil
		}
	}
	return a.rest.call(ctx, request{route: reactRoute, body: map[string]any{"messageId": id, "emoji": ":" + strings.Trim(emoji, ":") + ":", "shouldReact": on}}, nil)
}

// Pin pins a message. See [bot.Pinner].
func (a *Adapter) Pin(ctx context.Context, ref bot.MessageRef, on bool) error {
	_, id, ok := messageID(ref)
	if !ok {
		return gone("message")
	}
	route := "POST chat.pinMessage"
	if !on {
		route = "POST chat.unPinMessage"
	}
	return a.rest.call(ctx, request{route: route, body: map[string]string{"messageId": id}}, nil)
}
