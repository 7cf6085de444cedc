package slack

import (
	"cmp"
	"context"
	"errors"
	"io"
	"strings"
	"time"

	"github.com/perch-chat/perch/bot"
)

var (
	_ bot.Platform  = (*Workspaces)(nil)
	_ bot.Editor    = (*Workspaces)(nil)
	_ bot.Reactor   = (*Workspaces)(nil)
	_ bot.Opener    = (*Workspaces)(nil)
	_ bot.Finder    = (*Workspaces)(nil)
	_ bot.Channeler = (*Workspaces)(nil)
	_ bot.Linker    = (*Workspaces)(nil)
	_ bot.Pinner    = (*Workspaces)(nil)
	_ bot.Homer     = (*Workspaces)(nil)
	_ bot.Grouper   = (*Workspaces)(nil)
	_ bot.Directory = (*Workspaces)(nil)
	_ bot.Inspector = (*Workspaces)(nil)
	_ bot.Inviter   = (*Workspaces)(nil)
	_ bot.Archiver  = (*Workspaces)(nil)
	_ bot.Topicer   = (*Workspaces)(nil)
	_ bot.Reader    = (*Workspaces)(nil)
	_ bot.Historian = (*Workspaces)(nil)
	_ bot.Rereader  = (*Workspaces)(nil)
	_ bot.Stager    = (*Workspaces)(nil)
)

// in calls the adapter of a workspace, as one with the ability T. Without a
// team it is the only workspace there is.
func in[T any](ctx context.Context, w *Workspaces, team string, call func(T) error) error {
	ws, err := w.pick(ctx, team)
	if err != nil {
		return err
	}
	t, ok := any(ws.Adapter).(T)
	if !ok {
		return &bot.Error{Code: "not_able", Message: "Perch can't do this in Slack."}
	}
	return w.judge(ctx, ws, call(t))
}

// pick returns the workspace of a team. Its error says that nothing was sent.
func (w *Workspaces) pick(ctx context.Context, team string) (*workspace, error) {
	if team == "" {
		all, err := w.o.Installations.Teams(ctx)
		switch {
		case err != nil:
			return nil, unsent(err)
		case len(all) != 1:
			return nil, &bot.Error{Code: "no_team", Message: "This doesn't say which Slack workspace it is for. Write its ID behind slack:, such as slack:T012AB3CD:C024BE91L."}
		}
		team = all[0]
	}
	ws, err := w.find(ctx, team)
	switch {
	case errors.Is(err, ErrNotInstalled):
		return nil, notInstalled(team)
	case err != nil:
		return nil, unsent(err)
	}
	return ws, nil
}

// Post sends a message. See [bot.Platform].
func (w *Workspaces) Post(ctx context.Context, m bot.Message) (ref bot.MessageRef, err error) {
	_, m.Trigger = unmark(m.Trigger)
	err = in(ctx, w, teamOfMessage(m), func(p bot.Platform) (err error) {
		ref, err = p.Post(ctx, m)
		return err
	})
	return ref, err
}

func teamOfMessage(m bot.Message) string {
	if m.Channel != "" {
		return teamOf(string(m.Channel))
	}
	return teamOf(string(m.Only))
}

// Edit replaces a message of the bot.
func (w *Workspaces) Edit(ctx context.Context, ref bot.MessageRef, m bot.Message) error {
	_, m.Trigger = unmark(m.Trigger)
	return in(ctx, w, teamOf(string(ref)), func(e bot.Editor) error { return e.Edit(ctx, ref, m) })
}

// Delete deletes a message of the bot.
func (w *Workspaces) Delete(ctx context.Context, ref bot.MessageRef) error {
	return in(ctx, w, teamOf(string(ref)), func(e bot.Editor) error { return e.Delete(ctx, ref) })
}

// React sets or removes a reaction of the bot.
func (w *Workspaces) React(ctx context.Context, ref bot.MessageRef, emoji string, on bool) error {
	return in(ctx, w, teamOf(string(ref)), func(r bot.Reactor) error { return r.React(ctx, ref, emoji, on) })
}

// Open shows a form to the person whose trigger it is.
func (w *Workspaces) Open(ctx context.Context, trigger string, f bot.Form) error {
	team, trigger := unmark(trigger)
	return in(ctx, w, team, func(o bot.Opener) error { return o.Open(ctx, trigger, f) })
}

// FindMessage looks for a message with m's Key.
func (w *Workspaces) FindMessage(ctx context.Context, m bot.Message) (ref bot.MessageRef, err error) {
	err = in(ctx, w, teamOfMessage(m), func(f bot.Finder) (err error) {
		ref, err = f.FindMessage(ctx, m)
		return err
	})
	return ref, err
}

// EnsureChannel finds or makes a channel. The workspace's ID stands before the
// name, "T012AB3CD:incidents", unless there is one workspace only.
func (w *Workspaces) EnsureChannel(ctx context.Context, name, purpose string, private bool) (ref bot.ChannelRef, err error) {
	team, rest, ok := strings.Cut(name, ":")
	if !ok || !teamRE.MatchString(team) {
		team, rest = "", name
	}
	err = in(ctx, w, team, func(c bot.Channeler) (err error) {
		ref, err = c.EnsureChannel(ctx, rest, purpose, private)
		return err
	})
	return ref, err
}

// Permalink is the address of a message in Slack.
func (w *Workspaces) Permalink(ctx context.Context, ref bot.MessageRef) (link string, err error) {
	err = in(ctx, w, teamOf(string(ref)), func(l bot.Linker) (err error) {
		link, err = l.Permalink(ctx, ref)
		return err
	})
	return link, err
}

// Pin pins a message, or takes the pin away.
func (w *Workspaces) Pin(ctx context.Context, ref bot.MessageRef, on bool) error {
	return in(ctx, w, teamOf(string(ref)), func(p bot.Pinner) error { return p.Pin(ctx, ref, on) })
}

// ShowHome shows a person their page of the bot.
func (w *Workspaces) ShowHome(ctx context.Context, user bot.UserRef, page bot.Message) error {
	return in(ctx, w, teamOf(string(user)), func(h bot.Homer) error { return h.ShowHome(ctx, user, page) })
}

// Members lists the members of a user group.
func (w *Workspaces) Members(ctx context.Context, group bot.GroupRef) (users []bot.User, err error) {
	err = in(ctx, w, teamOf(string(group)), func(g bot.Grouper) (err error) {
		users, err = g.Members(ctx, group)
		return err
	})
	return users, err
}

// Person tells who a person is.
func (w *Workspaces) Person(ctx context.Context, user bot.UserRef) (u bot.User, err error) {
	err = in(ctx, w, teamOf(string(user)), func(d bot.Directory) (err error) {
		u, err = d.Person(ctx, user)
		return err
	})
	return u, err
}

// Inspect tells what a channel is.
func (w *Workspaces) Inspect(ctx context.Context, channel bot.ChannelRef) (c bot.Channel, err error) {
	err = in(ctx, w, teamOf(string(channel)), func(i bot.Inspector) (err error) {
		c, err = i.Inspect(ctx, channel)
		return err
	})
	return c, err
}

// Invite brings people into a channel.
func (w *Workspaces) Invite(ctx context.Context, channel bot.ChannelRef, users []bot.UserRef) error {
	return in(ctx, w, teamOf(string(channel)), func(i bot.Inviter) error { return i.Invite(ctx, channel, users) })
}

// Archive closes a channel for good.
func (w *Workspaces) Archive(ctx context.Context, channel bot.ChannelRef) error {
	return in(ctx, w, teamOf(string(channel)), func(a bot.Archiver) error { return a.Archive(ctx, channel) })
}

// SetTopic sets what stands at the head of a channel.
func (w *Workspaces) SetTopic(ctx context.Context, channel bot.ChannelRef, topic string) error {
	return in(ctx, w, teamOf(string(channel)), func(t bot.Topicer) error { return t.SetTopic(ctx, channel, topic) })
}

// ReadMessage reads a message as it is now.
func (w *Workspaces) ReadMessage(ctx context.Context, ref bot.MessageRef) (ev bot.Event, err error) {
	err = in(ctx, w, teamOf(string(ref)), func(r bot.Reader) (err error) {
		ev, err = r.ReadMessage(ctx, ref)
		return err
	})
	return label(ev, teamOf(string(ref))), err
}

// History reads what people wrote in a thread after a time.
func (w *Workspaces) History(ctx context.Context, thread bot.MessageRef, after time.Time, limit int) (events []bot.Event, err error) {
	err = in(ctx, w, teamOf(string(thread)), func(h bot.Historian) (err error) {
		events, err = h.History(ctx, thread, after, limit)
		return err
	})
	for i := range events {
		events[i] = label(events[i], teamOf(string(thread)))
	}
	return events, err
}

// Reread reads what became of messages.
func (w *Workspaces) Reread(ctx context.Context, h bot.History, limit int) (events []bot.Event, err error) {
	team := teamOf(cmp.Or(string(h.Thread), string(h.Channel)))
	err = in(ctx, w, team, func(r bot.Rereader) (err error) {
		events, err = r.Reread(ctx, h, limit)
		return err
	})
	for i := range events {
		events[i] = label(events[i], team)
	}
	return events, err
}

// Download returns the bytes of a file that an event brought.
func (w *Workspaces) Download(ctx context.Context, f bot.File, limit int64) (body io.ReadCloser, err error) {
	var team string
	team, f.ID = unmark(f.ID)
	err = in(ctx, w, team, func(fl bot.Filer) (err error) {
		body, err = fl.Download(ctx, f, limit)
		return err
	})
	return body, err
}

// Upload posts a file.
func (w *Workspaces) Upload(ctx context.Context, u bot.Upload) (ref bot.MessageRef, err error) {
	err = in(ctx, w, teamOf(string(u.Channel)), func(f bot.Filer) (err error) {
		ref, err = f.Upload(ctx, u)
		return err
	})
	return ref, err
}

// Stage brings a file's bytes to Slack, where nobody sees them yet.
func (w *Workspaces) Stage(ctx context.Context, u bot.Upload) (id string, err error) {
	err = in(ctx, w, teamOf(string(u.Channel)), func(s bot.Stager) (err error) {
		id, err = s.Stage(ctx, u)
		return err
	})
	return id, err
}

// Share shows a file that was staged.
func (w *Workspaces) Share(ctx context.Context, u bot.Upload, fileID string) (ref bot.MessageRef, err error) {
	err = in(ctx, w, teamOf(string(u.Channel)), func(s bot.Stager) (err error) {
		ref, err = s.Share(ctx, u, fileID)
		return err
	})
	return ref, err
}
