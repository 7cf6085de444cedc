package rocketchat

import (
	"context"
	"encoding/json"
	"net/url"
	"slices"
	"time"

	"github.com/perch-chat/perch/bot"
)

var (
	_ bot.Reader    = (*Adapter)(nil)
	_ bot.Historian = (*Adapter)(nil)
)

// History reads what people wrote in a thread after a time, and what they
// changed and deleted since. See [bot.Historian].
func (a *Adapter) History(ctx context.Context, thread bot.MessageRef, after time.Time, limit int) ([]bot.Event, error) {
	rid, root, ok := messageID(thread)
	if !ok {
		return nil, gone("thread")
	}
	me, err := a.whoami(ctx)
	if err != nil {
		return nil, err
	}
	read := a.syncThread
	if root == roomMark {
		read = func(ctx context.Context, rid, _ string, since time.Time) ([]message, []string, error) {
			return a.sync(ctx, rid, since)
		}
	}
	updated, deleted, err := read(ctx, rid, root, after)
	if err != nil {
		return nil, err
	}
	var out []bot.Event
	for _, m := range updated {
		kind := "p"
		if root == roomMark {
			kind = "l"
		}
		for _, ev := range (decoder{me}).events(m, kind) {
			if !ev.At.IsZero() && !ev.At.After(after) {
				continue // it was touched since, and said nothing new
			}
			if ev.Kind == bot.EventAction && ev.Thread == "" {
				ev.Thread = thread
			}
			out = append(out, ev)
		}
	}
	for _, id := range deleted {
		out = append(out, a.goneEvent(rid, id))
	}
	if limit > 0 && len(out) > limit {
		out = out[:limit]
	}
	return out, nil
}

// syncThread reads what changed in a thread since a time, oldest first, and
// what was deleted. See https://developer.rocket.chat/apidocs/sync-thread-messages
func (a *Adapter) syncThread(ctx context.Context, rid, root string, since time.Time) (updated []message, deleted []string, err error) {
	var out struct {
		Messages struct {
			Update []json.RawMessage
			Remove []struct {
				ID string `json:"_id"`
			}
		} `json:"messages"`
	}
	if since.Year() < 1970 {
		since = time.Unix(0, 0) // the server reads no times before
	}
	err = a.ask(ctx, request{route: "GET chat.syncThreadMessages", query: url.Values{"tmid": {root}, "updatedSince": {stamp(since)}}}, &out)
	if code(err) == "error-invalid-message" {
		return nil, nil, gone("thread")
	}
	if err != nil {
		return nil, nil, err
	}
	updated, deleted = a.read(ctx, rid, changed{out.Messages.Update, out.Messages.Remove})
	return slices.DeleteFunc(updated, func(m message) bool { return m.Room != rid || m.Thread != root }), deleted, nil
}

// ReadMessage reads a message. See [bot.Reader].
func (a *Adapter) ReadMessage(ctx context.Context, ref bot.MessageRef) (bot.Event, error) {
	rid, id, ok := messageID(ref)
	if !ok {
		return bot.Event{}, bot.ErrNotFound
	}
	m, err := a.get(ctx, rid, id)
	if err == nil && m.System == systemGone {
		err = bot.ErrNotFound
	}
	if err != nil {
		return bot.Event{}, err
	}
	ev := bot.Event{
		ID: "msg:" + rid + ":" + id, Platform: Platform, Kind: bot.EventMessage, At: m.At.Time, User: m.User.user(),
		Channel: roomRef(rid), Message: ref, Text: m.Text, Files: m.files(),
	}
	if m.Thread != "" {
		ev.Thread = messageRef(rid, m.Thread)
	}
	if m.Token != "" || m.System != "" || m.User.ID == a.o.UserID {
		ev.User.Ref = ""
	}
	return ev, nil
}

// get reads a message by its ID. There is none where the server says no more
// than that it won't.
func (a *Adapter) get(ctx context.Context, rid, id string) (message, error) {
	m, err := a.getAnywhere(ctx, id)
	if err == nil && m.Room != rid {
		return message{}, bot.ErrNotFound
	}
	return m, err
}

// getAnywhere is get in whichever room the message is.
func (a *Adapter) getAnywhere(ctx context.Context, id string) (message, error) {
	var out struct{ Message *message }
	err := a.ask(ctx, request{route: "GET chat.getMessage", query: url.Values{"msgId": {id}}}, &out)
	if code(err) == "refused" {
		return message{}, bot.ErrNotFound
	}
	if err != nil {
		return message{}, err
	}
	if out.Message == nil {
		return message{}, bot.ErrNotFound
	}
	if out.Message.User.ID == a.o.UserID {
		a.app.drawn(id, out.Message.hasBlocks())
	}
	return *out.Message, nil
}

// threadOf is the thread that one of our messages is in. Its error says to ask
// again.
func (a *Adapter) threadOf(ctx context.Context, ref bot.MessageRef) (bot.MessageRef, error) {
	rid, id, ok := messageID(ref)
	if !ok {
		return "", nil
	}
	a.mu.Lock()
	thread, ok := a.threads[at(rid, id)]
	a.mu.Unlock()
	if !ok {
		m, err := a.get(ctx, rid, id)
		switch {
		case unsure(err):
			return "", err
		case err == nil:
			thread = m.Thread
		default:
			return "", nil // there is no such message, and so no thread
		}
		a.inThread(rid, id, thread)
	}
	if thread == "" {
		return "", nil
	}
	return messageRef(rid, thread), nil
}

// at is where a message stands: an ID that somebody names may be of another room.
func at(rid, id string) string { return rid + ":" + id }

func (a *Adapter) inThread(rid, id, thread string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	bound(a.threads)
	a.threads[at(rid, id)] = thread
}
