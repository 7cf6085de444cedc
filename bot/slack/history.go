package slack

import (
	"cmp"
	"context"
	"slices"
	"strconv"
	"time"

	"github.com/perch-chat/perch/bot"
)

// Bounds of what is read of a thread. Slack lets an app ask for 1,000 messages
// at a time and advises 200. See https://docs.slack.dev/reference/methods/conversations.replies
const (
	repliesPage  = 200
	repliesPages = 50
	// An edit says nothing of itself but in its message, so that messages are
	// read which were known before.
	editsBehind = 24 * time.Hour
)

// page is a part of a thread or a channel.
type page struct {
	Messages []message `json:"messages"`
	More     bool      `json:"has_more"`
}

// decoderNow reads what was asked for rather than delivered.
func (a *Adapter) decoderNow(ctx context.Context) (decoder, error) {
	me, err := a.whoami(ctx)
	return decoder{Adapter: a, ctx: ctx, me: me, now: time.Now().UTC()}, err
}

// History reads what our people wrote in a thread after a time, and what they
// changed since of what they had written up to a day before. See [bot.Historian].
func (a *Adapter) History(ctx context.Context, thread bot.MessageRef, after time.Time, limit int) ([]bot.Event, error) {
	at, ok := a.refs.messageID(thread)
	if !ok || at.only {
		return nil, noMessage()
	}
	if limit <= 0 {
		return nil, nil
	}
	d, err := a.decoderNow(ctx)
	if err != nil {
		return nil, err
	}
	var out []bot.Event
	_, err = a.each(ctx, at, since(after), func(m message) bool {
		out = append(out, d.past(at.channel, m, after)...)
		return len(out) < limit
	})
	if code(err) == "thread_not_found" || code(err) == "message_not_found" {
		err = noMessage()
	}
	if err != nil {
		return nil, err
	}
	return out[:min(len(out), limit)], nil
}

// since is from when on messages are read, to find what was changed after a time.
func since(after time.Time) time.Time {
	if after.IsZero() {
		return after
	}
	return after.Add(-editsBehind)
}

// each calls do for each message of a thread or, where at has no ts, of a
// channel, until do says false. A page is in the order of time; it returns
// whether all pages were read.
func (a *Adapter) each(ctx context.Context, at place, oldest time.Time, do func(message) bool) (all bool, err error) {
	method, args := "conversations.history", values("channel", at.channel, "limit", strconv.Itoa(repliesPage))
	if at.ts != "" {
		method = "conversations.replies"
		args.Set("ts", at.ts)
	}
	if !oldest.IsZero() {
		args.Set("oldest", stamp(oldest))
	}
	seen := map[string]bool{} // the thread's first message is on every page
	for range repliesPages {
		var p page
		ans, err := a.web.call(ctx, a.o.BotToken, method, args, &p)
		if err != nil {
			return false, err
		}
		slices.SortStableFunc(p.Messages, func(a, b message) int { return cmp.Compare(a.TS, b.TS) })
		for _, m := range p.Messages {
			if seen[m.TS] {
				continue
			}
			seen[m.TS] = true
			if !do(m) {
				return false, nil
			}
		}
		if !p.More || ans.Metadata.Cursor == "" {
			return true, nil
		}
		args.Set("cursor", ans.Metadata.Cursor)
	}
	return false, nil
}

// past is what would have been told of a message, had it been delivered.
func (d decoder) past(ch string, m message, after time.Time) []bot.Event {
	switch m.Subtype {
	case "", "file_share", "thread_broadcast", "me_message":
	default:
		return nil
	}
	var out []bot.Event
	ev := bot.Event{Platform: Platform}
	if !d.written(&ev, ch, m) {
		return nil
	}
	if ev.At.After(after) {
		out = append(out, ev)
	}
	if edited := d.when(m.Edited.TS); m.Edited.TS != "" && edited.After(after) {
		e := bot.Event{Platform: Platform, Kind: bot.EventMessageEdited, At: edited, Channel: ev.Channel, Message: ev.Message, Thread: ev.Thread}
		d.edited(&e, ch, m)
		out = append(out, e)
	}
	return out
}

// stamp is a time as Slack writes it.
func stamp(t time.Time) string {
	us := strconv.FormatInt(t.UnixMicro(), 10)
	if t.UnixMicro() < 1e6 {
		return "0"
	}
	return us[:len(us)-6] + "." + us[len(us)-6:]
}

// ReadMessage reads a message as it is now. See [bot.Reader].
func (a *Adapter) ReadMessage(ctx context.Context, ref bot.MessageRef) (bot.Event, error) {
	at, ok := a.refs.messageID(ref)
	if !ok || at.only {
		return bot.Event{}, bot.ErrNotFound
	}
	d, err := a.decoderNow(ctx)
	if err != nil {
		return bot.Event{}, err
	}
	m, err := a.find(ctx, at)
	if err != nil {
		return bot.Event{}, err
	}
	ev := bot.Event{
		ID: a.refs.eventID("msg", at.channel, m.TS), Platform: Platform, Kind: bot.EventMessage, At: d.when(m.TS), User: d.author(m),
		Channel: a.refs.channel(at.channel), Message: a.refs.message(at.channel, m.TS), Thread: d.thread(at.channel, m.TS, m.ThreadTS),
		Files: m.files(),
	}
	ev.Text = d.text(&ev, m)
	return ev, nil
}

// find reads one message, wherever in its channel it is.
func (a *Adapter) find(ctx context.Context, at place) (message, error) {
	args := values("channel", at.channel, "latest", at.ts, "oldest", at.ts, "inclusive", "true", "limit", "1")
	args.Set("ts", at.ts)
	for _, method := range []string{"conversations.replies", "conversations.history"} {
		var p page
		_, err := a.web.call(ctx, a.o.BotToken, method, args, &p)
		if c := code(err); err != nil && c != "thread_not_found" && c != "message_not_found" {
			return message{}, err
		}
		for _, m := range p.Messages {
			if m.TS == at.ts {
				if m.Subtype == "tombstone" {
					return message{}, bot.ErrNotFound
				}
				return m, nil
			}
		}
		args.Del("ts") // history has no such argument
	}
	return message{}, bot.ErrNotFound
}

var (
	_ bot.Historian = (*Adapter)(nil)
	_ bot.Reader    = (*Adapter)(nil)
)
