package slack_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/perch-chat/perch/bot"
	"github.com/perch-chat/perch/bot/bottest"
	"github.com/perch-chat/perch/bot/slack"
	"github.com/perch-chat/perch/bot/slack/slackfake"
)

// testWriter gives log lines to the test.
type testWriter struct{ t *testing.T }

func (w testWriter) Write(p []byte) (int, error) {
	w.t.Helper()
	w.t.Log(strings.TrimSpace(string(p)))
	return len(p), nil
}

// workspace is a Slack on loopback with Ada, Rio and the bot in one channel.
type workspace struct {
	*slackfake.Server
	url     string
	channel string
	ada     string
	rio     string
}

func newWorkspace(t *testing.T, o slackfake.Options) *workspace {
	t.Helper()
	o.RefuseBodyTokens = true
	w := &workspace{Server: slackfake.New(o)}
	srv := httptest.NewServer(w.Handler())
	w.url = srv.URL
	w.SetURL(srv.URL)
	t.Cleanup(func() {
		w.Close()
		srv.CloseClientConnections()
		srv.Close()
	})
	w.ada, w.rio = w.AddUser(slackfake.User{Name: "ada", RealName: "Ada"}), w.AddUser(slackfake.User{Name: "rio", RealName: "Rio"})
	w.channel = w.AddChannel(slackfake.Channel{Name: "support", Members: []string{"ada", "rio", "perch"}})
	return w
}

func (w *workspace) adapter(t *testing.T, change ...func(*slack.Options)) *slack.Adapter {
	t.Helper()
	o := slack.Options{BotToken: "xoxb-perch-bot", AppToken: "xapp-perch-app", SigningSecret: "signing-secret", APIURL: w.url + "/api/"}
	if testing.Verbose() {
		o.Log = slog.New(slog.NewTextHandler(testWriter{t}, &slog.HandlerOptions{Level: slog.LevelDebug}))
	}
	for _, f := range change {
		f(&o)
	}
	a, err := slack.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// id is the last part of a ref.
func id[T ~string](ref T) string { return string(ref[strings.LastIndexByte(string(ref), ':')+1:]) }

func TestConformance(t *testing.T) {
	conform(t, "slack:", func(t *testing.T, w *workspace) bot.Platform { return w.adapter(t, early) })
}

// TestConformanceOfWorkspaces is the same in one of several workspaces.
func TestConformanceOfWorkspaces(t *testing.T) {
	conform(t, "slack:T0ACME:", func(t *testing.T, w *workspace) bot.Platform { return w.workspaces(t, keep(w.installation())) })
}

// conform runs the suite over a platform whose refs begin with prefix.
func conform(t *testing.T, prefix string, open func(t *testing.T, w *workspace) bot.Platform) {
	bottest.Run(t, func(t *testing.T) *bottest.Harness {
		// Slack's own waits, up to 5 minutes, are too long for what happens before the start.
		w := newWorkspace(t, slackfake.Options{Retries: slices.Repeat([]time.Duration{50 * time.Millisecond}, 40)})
		h := &bottest.Harness{
			Platform: open(t, w), Channel: bot.ChannelRef(prefix + w.channel), People: [2]bot.UserRef{bot.UserRef(prefix + w.ada), bot.UserRef(prefix + w.rio)},
			NoChannel: bot.ChannelRef(prefix + "C0NONE"), NoMessage: bot.MessageRef(prefix + w.channel + ":1.000001"), Handle: "perch",
		}
		ref := func(ts string) bot.MessageRef { return bot.MessageRef(prefix + w.channel + ":" + ts) }
		h.Say = func(_ context.Context, who bot.UserRef, thread bot.MessageRef, text string) (bot.MessageRef, error) {
			ts, err := w.PersonSays(id(who), w.channel, text, id(thread))
			return ref(ts), err
		}
		h.Command = func(ctx context.Context, who bot.UserRef, _ bot.MessageRef, text string) error {
			// Nobody repeats a command that was given while nothing was connected.
			if err := w.Wait(ctx, func() bool { return len(w.Connections()) > 0 }); err != nil {
				return err
			}
			name, rest, _ := strings.Cut(text, " ")
			w.Command(id(who), w.channel, name, strings.TrimSpace(rest))
			return nil
		}
		h.Press = func(_ context.Context, who bot.UserRef, m bot.MessageRef, button string) error {
			_, err := w.Click(id(who), strings.TrimPrefix(id(m), "only-"), button)
			return err
		}
		h.Change = func(_ context.Context, who bot.UserRef, m bot.MessageRef, text string) error {
			return w.PersonEdits(id(who), w.channel, id(m), text)
		}
		h.Remove = func(_ context.Context, who bot.UserRef, m bot.MessageRef) error {
			return w.PersonDeletes(id(who), w.channel, id(m))
		}
		h.React = func(_ context.Context, who bot.UserRef, m bot.MessageRef, emoji string, on bool) error {
			return w.PersonReacts(id(who), w.channel, id(m), emoji, on)
		}
		h.Look = func(_ context.Context, who bot.UserRef, ch bot.ChannelRef) ([]bottest.Seen, error) {
			var out []bottest.Seen
			for _, m := range append(w.Messages(id(ch)), w.Ephemerals(id(who))...) {
				if m.Channel == id(ch) && !m.Tombstone && !strings.HasPrefix(m.Subtype, "channel_") {
					out = append(out, seen(prefix, m))
				}
			}
			return out, nil
		}
		h.LookForm = func(_ context.Context, who bot.UserRef) (*bottest.SeenForm, error) {
			views := w.Views(id(who))
			if len(views) == 0 {
				return nil, nil //nolint:nilnil // what the harness asks for
			}
			f := &bottest.SeenForm{Title: views[0].Title}
			var blocks []struct {
				Label struct {
					Text string `json:"text"`
				} `json:"label"`
			}
			err := json.Unmarshal(views[0].Blocks, &blocks)
			for _, b := range blocks {
				f.Labels = append(f.Labels, b.Label.Text)
			}
			return f, err
		}
		h.Submit = func(_ context.Context, who bot.UserRef, fields map[string]string) error {
			views := w.Views(id(who))
			if len(views) == 0 {
				return errors.New("no form")
			}
			_, err := w.Submit(id(who), views[0].ID, fields)
			return err
		}
		w.more(h, prefix)
		h.Redeliver = func(context.Context) error {
			all := w.Deliveries()
			if len(all) == 0 {
				return errors.New("nothing was delivered")
			}
			w.Redeliver(all[len(all)-1])
			return nil
		}
		h.Cut = func(ctx context.Context, unheard func() error) error {
			w.AddFault(slackfake.Fault{Method: "apps.connections.open", Times: -1})
			defer w.ClearFaults()
			w.Drop()
			if err := w.Wait(ctx, func() bool { return len(w.Connections()) == 0 }); err != nil {
				return err
			}
			return unheard()
		}
		h.Stall = func(on bool) {
			if on {
				w.AddFault(slackfake.Fault{Method: "chat.postMessage", Times: -1, Delay: time.Second})
			} else {
				w.ClearFaults()
			}
		}
		h.Restart = func(context.Context) (bot.Platform, error) { return open(t, w), nil }
		return h
	})
}

// more says how people see what a chat can do besides.
func (w *workspace) more(h *bottest.Harness, prefix string) {
	ref := func(ts string) bot.MessageRef { return bot.MessageRef(prefix + w.channel + ":" + ts) }
	h.Names, h.NoUser = [2]string{"Ada", "Rio"}, bot.UserRef(prefix+"U0NOBODY")
	w.AddUser(slackfake.User{Name: "helper", Bot: true})
	w.AddUser(slackfake.User{Name: "past", Deleted: true})
	h.Group = bot.GroupRef(prefix + w.AddUserGroup("oncall", "On call", "ada", "rio", "helper", "past"))
	h.Attach = func(_ context.Context, who bot.UserRef, thread bot.MessageRef, text, name string, data []byte) (bot.MessageRef, error) {
		ts, err := w.Person(slackfake.Says{User: id(who), Channel: w.channel, Thread: id(thread), Text: text, Files: []slackfake.Upload{{Name: name, MIME: "image/png", Data: data}}})
		return ref(ts), err
	}
	h.Files = func(_ context.Context, m bot.MessageRef) (out []bottest.SeenFile, err error) {
		for _, x := range w.Messages(w.channel) {
			if x.TS != id(m) {
				continue
			}
			for _, f := range x.Files {
				out = append(out, bottest.SeenFile{Name: f.Name, Alt: f.Alt, Data: f.Data})
			}
		}
		return out, nil
	}
	h.Pinned = func(context.Context, bot.ChannelRef) (out []bot.MessageRef, err error) {
		for _, m := range w.Messages(w.channel) {
			if m.Pinned {
				out = append(out, ref(m.TS))
			}
		}
		return out, nil
	}
	h.Home = func(_ context.Context, who bot.UserRef) (*bottest.Seen, error) {
		v, ok := w.Home(id(who))
		if !ok {
			return nil, nil //nolint:nilnil // what the harness asks for
		}
		s := seen(prefix, slackfake.Message{Blocks: v.Blocks, Buttons: v.Buttons})
		return &s, nil
	}
	h.Topic = func(_ context.Context, ch bot.ChannelRef) (string, error) {
		topic, _ := w.Topic(id(ch))
		return strings.NewReplacer("&lt;", "<", "&gt;", ">", "&amp;", "&").Replace(topic), nil
	}
	h.Inside = func(_ context.Context, who bot.UserRef, ch bot.ChannelRef) (bool, error) {
		return slices.Contains(w.Members(id(ch)), id(who)), nil
	}
}

var styleRE = regexp.MustCompile("(?:^|\\W)([*_~`])(\\S|\\S.*?\\S)([*_~`])(?:\\W|$)")

// seen draws a message as Slack's own clients do.
func seen(prefix string, m slackfake.Message) bottest.Seen {
	s := bottest.Seen{Ref: bot.MessageRef(prefix + m.Channel + ":" + m.TS), Author: m.Username, Links: m.Links, Only: m.Ephemeral}
	if m.Ephemeral {
		s.Ref = bot.MessageRef(prefix + m.Channel + ":only-" + m.TS)
	}
	if m.ThreadTS != "" && m.ThreadTS != m.TS {
		s.Thread = bot.MessageRef(prefix + m.Channel + ":" + m.ThreadTS)
	}
	for _, n := range m.Notifies {
		s.Mentions = append(s.Mentions, prefix+n)
	}
	for _, b := range m.Buttons {
		s.Buttons = append(s.Buttons, bot.Button{ID: b.ActionID, Label: b.Text, Value: b.Value, URL: b.URL})
	}
	for name := range m.Reactions {
		s.Reactions = append(s.Reactions, name)
	}
	slices.Sort(s.Reactions)
	var blocks []any
	if json.Unmarshal(m.Blocks, &blocks) != nil || len(blocks) == 0 {
		s.Text = m.Shown
		return s
	}
	var text strings.Builder
	for _, b := range blocks {
		draw(b, &text, &s)
		text.WriteString("\n")
	}
	s.Text = text.String()
	return s
}

// draw writes the words of a block, in the order in which they are shown.
func draw(v any, text *strings.Builder, s *bottest.Seen) {
	switch v := v.(type) {
	case []any:
		for _, x := range v {
			draw(x, text, s)
		}
	case map[string]any:
		if v["type"] == "button" {
			return // drawn apart
		}
		if t, ok := v["text"].(string); ok {
			if v["type"] == "mrkdwn" {
				for _, m := range styleRE.FindAllStringSubmatch(t, -1) {
					if m[1] == m[3] {
						s.Styled = append(s.Styled, m[2])
					}
				}
				t = strings.NewReplacer("&lt;", "<", "&gt;", ">", "&amp;", "&").Replace(t)
			}
			text.WriteString(t)
			if style, ok := v["style"].(map[string]any); ok && len(style) > 0 {
				s.Styled = append(s.Styled, t)
			}
		} else {
			draw(v["text"], text, s)
		}
		draw(v["fields"], text, s)
		draw(v["elements"], text, s)
		if strings.HasPrefix(fmt.Sprint(v["type"]), "rich_text_") {
			text.WriteString("\n")
		}
	}
}
