package rocketchat_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/perch-chat/perch/bot"
	"github.com/perch-chat/perch/bot/bottest"
	"github.com/perch-chat/perch/bot/rocketchat"
	"github.com/perch-chat/perch/bot/rocketchat/rcfake"
)

const prefix = "rocketchat:"

// testWriter gives log lines to the test.
type testWriter struct{ t *testing.T }

func (w testWriter) Write(p []byte) (int, error) {
	w.t.Helper()
	w.t.Log(strings.TrimSpace(string(p)))
	return len(p), nil
}

// workspace is a Rocket.Chat on loopback with Ada, Rio and the bot in one room.
type workspace struct {
	*rcfake.Server
	url, room string
	public    string // Perch's own address
}

func newWorkspace(t *testing.T) *workspace { return newWorkspaceOf(t, rcfake.Options{}) }

func newWorkspaceOf(t *testing.T, o rcfake.Options) *workspace {
	t.Helper()
	w := &workspace{Server: rcfake.New(o)}
	srv := httptest.NewServer(w.Handler())
	w.url = srv.URL
	t.Cleanup(func() {
		judge(t, w.Server)
		w.Close()
		srv.CloseClientConnections()
		srv.Close()
	})
	w.AddUser(rcfake.User{Username: "ada", Name: "Ada"})
	w.AddUser(rcfake.User{Username: "rio", Name: "Rio"})
	w.room = w.AddRoom("support", true, "ada", "rio", "twitter.bot")
	return w
}

func (w *workspace) adapter(t *testing.T) *rocketchat.Adapter {
	t.Helper()
	id, token := w.Bot()
	o := rocketchat.Options{URL: w.url, UserID: id, Token: token, PublicURL: w.public}
	if testing.Verbose() {
		o.Log = slog.New(slog.NewTextHandler(testWriter{t}, &slog.HandlerOptions{Level: slog.LevelDebug}))
	}
	a, err := rocketchat.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// last is the last part of a ref.
func last[T ~string](ref T) string { return string(ref[strings.LastIndexByte(string(ref), ':')+1:]) }

// name is the username of a person of the tests.
func name(u bot.UserRef) string { return strings.TrimPrefix(last(u), "U") }

func TestConformance(t *testing.T) {
	bottest.Run(t, func(t *testing.T) *bottest.Harness {
		w, site := newWorkspace(t), newFormSite(t)
		w.public = site.URL
		a := w.adapter(t)
		site.handler = a.FormHandler()
		h := &bottest.Harness{
			Platform: a, Channel: bot.ChannelRef(prefix + w.room), People: [2]bot.UserRef{prefix + "Uada", prefix + "Urio"},
			Names: [2]string{"Ada", "Rio"}, NoUser: prefix + "Unobody", NoChannel: prefix + "nothing", NoMessage: bot.MessageRef(prefix + w.room + ":nothing"),
			Idempotent: true, Alone: true, Handle: "twitter.bot",
		}
		ref := func(id string) bot.MessageRef { return bot.MessageRef(prefix + w.room + ":" + id) }
		h.Say = func(_ context.Context, who bot.UserRef, thread bot.MessageRef, text string) (bot.MessageRef, error) {
			id, err := w.Say(rcfake.Says{Who: name(who), Room: w.room, Text: text, Thread: last(thread)})
			return ref(id), err
		}
		h.Command = func(ctx context.Context, who bot.UserRef, thread bot.MessageRef, text string) error {
			_, err := h.Say(ctx, who, thread, text)
			return err
		}
		h.Press = func(_ context.Context, who bot.UserRef, m bot.MessageRef, button string) error {
			for _, x := range append(w.Messages(w.room), w.Messages(w.DirectRoom(name(who)))...) {
				for _, b := range x.Buttons {
					if x.ID == last(m) && strings.HasPrefix(meant(b.Msg), "!perch "+button+" ") {
						_, err := w.Press(name(who), x.Room, x.ID, b.Text)
						return err
					}
				}
			}
			return fmt.Errorf("no button %s", button)
		}
		h.Change = func(_ context.Context, who bot.UserRef, m bot.MessageRef, text string) error {
			return w.Edit(name(who), w.room, last(m), text)
		}
		h.Remove = func(_ context.Context, who bot.UserRef, m bot.MessageRef) error {
			return w.Delete(name(who), w.room, last(m))
		}
		h.Cut = func(ctx context.Context, unheard func() error) error {
			w.AddFault(rcfake.Fault{Route: "GET websocket", Times: -1})
			defer w.ClearFaults()
			w.DropAll()
			if err := w.Wait(ctx, func() bool { return w.Sessions() == 0 }); err != nil {
				return err
			}
			return unheard()
		}
		h.React = func(_ context.Context, who bot.UserRef, m bot.MessageRef, emoji string, on bool) error {
			return w.React(name(who), w.room, last(m), emoji, on)
		}
		h.Look = func(_ context.Context, who bot.UserRef, ch bot.ChannelRef) ([]bottest.Seen, error) {
			var out []bottest.Seen
			for _, m := range w.Messages(last(ch)) {
				out = append(out, seen(m, false))
			}
			if last(ch) == w.room {
				for _, m := range w.Messages(w.DirectRoom(name(who))) {
					out = append(out, seen(m, true))
				}
			}
			return out, nil
		}
		h.Pinned = func(context.Context, bot.ChannelRef) (out []bot.MessageRef, err error) {
			for _, m := range w.Messages(w.room) {
				if m.Pinned {
					out = append(out, ref(m.ID))
				}
			}
			return out, nil
		}
		h.Topic = func(_ context.Context, ch bot.ChannelRef) (string, error) {
			for _, r := range w.Rooms("") {
				if r.ID == last(ch) {
					return r.Topic, nil
				}
			}
			return "", fmt.Errorf("no room %s", ch)
		}
		h.Inside = func(_ context.Context, who bot.UserRef, ch bot.ChannelRef) (bool, error) {
			for _, r := range w.Rooms("") {
				if r.ID == last(ch) {
					return slices.Contains(r.Members, name(who)), nil
				}
			}
			return false, nil
		}
		h.Attach = func(_ context.Context, who bot.UserRef, thread bot.MessageRef, text, file string, data []byte) (bot.MessageRef, error) {
			id, err := w.Say(rcfake.Says{Who: name(who), Room: w.room, Text: text, Thread: last(thread), Files: []rcfake.Attached{{Name: file, Type: "image/png", Data: data}}})
			return ref(id), err
		}
		h.Files = func(_ context.Context, m bot.MessageRef) (out []bottest.SeenFile, err error) {
			for _, x := range w.Messages(w.room) {
				if x.ID != last(m) {
					continue
				}
				for i, f := range x.Files {
					out = append(out, bottest.SeenFile{Name: f, Alt: x.Alts[i], Data: w.File(x.FileIDs[i])})
				}
			}
			return out, nil
		}
		h.Stall = func(on bool) {
			if on {
				w.AddFault(rcfake.Fault{Route: "POST chat.sendMessage", Times: -1, Delay: time.Second})
			} else {
				w.ClearFaults()
			}
		}
		h.Redeliver = func(context.Context) error {
			all := w.Messages(w.room)
			for _, m := range slices.Backward(all) {
				if m.Username != "twitter.bot" {
					return w.Preview(w.room, m.ID)
				}
			}
			return fmt.Errorf("nothing was said")
		}
		w.forms(t, h, site)
		h.Restart = func(context.Context) (bot.Platform, error) { return w.adapter(t), nil }
		return h
	})
}

var (
	headRE    = regexp.MustCompile(`(?m)^### .*$`)
	linkRE    = regexp.MustCompile(`\[((?:\\.|[^\]\\])*)\]\(([^)\s]+)\)`)
	codeRE    = regexp.MustCompile("(^|[^\\\\])`([^`\n]+)`")
	styleRE   = regexp.MustCompile(`(^|[\s(])([*_~])((?:\\.|[^*_~\\\n])+)([*_~])`)
	mentionRE = regexp.MustCompile(`(^|\s)@([a-zA-Z0-9._-]+)`)
	escapedRE = regexp.MustCompile("\\\\([*_~`#])")
)

// seen draws a message as Rocket.Chat's own clients do.
func seen(m rcfake.Message, only bool) bottest.Seen {
	s := bottest.Seen{Ref: bot.MessageRef(prefix + m.Room + ":" + m.ID), Author: m.Author, Only: only}
	if m.Thread != "" {
		s.Thread = bot.MessageRef(prefix + m.Room + ":" + m.Thread)
	}
	for _, b := range m.Buttons {
		x := bot.Button{Label: b.Text, URL: b.URL}
		order, ask, _ := strings.Cut(meant(b.Msg), " ? ")
		x.Confirm = clean(ask)
		if f := strings.Fields(order); len(f) > 2 {
			x.ID = f[1]
			if len(f) > 3 {
				x.Value, _ = url.QueryUnescape(f[3])
			}
		}
		s.Buttons = append(s.Buttons, x)
	}
	for name := range m.Reactions {
		s.Reactions = append(s.Reactions, strings.Trim(name, ":"))
	}
	slices.Sort(s.Reactions)
	text := m.Text
	for _, at := range mentionRE.FindAllStringSubmatch(text, -1) {
		s.Mentions = append(s.Mentions, prefix+"U"+at[2])
	}
	var heads []string
	text = headRE.ReplaceAllStringFunc(text, func(l string) string {
		heads = append(heads, strings.ReplaceAll(l, "\u2060", "")) // nothing is markup there, a backslash neither
		return ""
	})
	text = linkRE.ReplaceAllStringFunc(text, func(l string) string {
		p := linkRE.FindStringSubmatch(l)
		s.Links = append(s.Links, p[2])
		return p[1]
	})
	text = codeRE.ReplaceAllStringFunc(text, func(c string) string {
		p := codeRE.FindStringSubmatch(c)
		s.Styled = append(s.Styled, p[2])
		return p[1] + p[2]
	})
	text = styleRE.ReplaceAllStringFunc(text, func(c string) string {
		p := styleRE.FindStringSubmatch(c)
		if p[2] != p[4] {
			return c
		}
		s.Styled = append(s.Styled, clean(p[3]))
		return p[1] + p[3]
	})
	s.Text = strings.Join(append(heads, clean(text)), "\n") + "\n" + strings.Join(m.Plain, "\n")
	return s
}

// clean is what is left for the eye.
func clean(s string) string {
	return strings.ReplaceAll(escapedRE.ReplaceAllString(s, "$1"), "\u2060", "")
}

// meant are the words that a button means: they are in the address of the link that
// people see.
func meant(msg string) string {
	if _, q, ok := strings.Cut(msg, "/rocketchat/pressed?"); ok {
		msg, _ = url.QueryUnescape(strings.TrimSuffix(q, ")"))
	}
	return msg
}
