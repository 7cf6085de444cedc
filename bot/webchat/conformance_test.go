package webchat_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/perch-chat/perch/bot"
	"github.com/perch-chat/perch/bot/bottest"
	"github.com/perch-chat/perch/bot/webchat"
)

const (
	ada = bot.UserRef("webchat:U_ada")
	sam = bot.UserRef("webchat:U_sam")
)

func options(journal string) webchat.Options {
	return webchat.Options{
		Journal: journal,
		Users: []webchat.User{
			{Ref: ada, Name: "Ada", Handle: "ada", Title: "Admin"},
			{Ref: sam, Name: "Sam", Handle: "sam", Title: "Support agent"},
		},
		Channels: []webchat.Channel{{Name: "setup"}, {Name: "support"}},
	}
}

func openChat(t *testing.T, o webchat.Options) *webchat.Adapter {
	t.Helper()
	a, err := webchat.Open(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := a.Close(); err != nil {
			t.Error(err)
		}
	})
	return a
}

// browser acts over HTTP, as the page does.
type browser struct {
	base string
	last func(ctx context.Context) error // sends the last request again
	ids  atomic.Int64
}

func (b *browser) send(ctx context.Context, path string, q webchat.Ask) (int, webchat.Answer, error) {
	body, err := json.Marshal(q)
	if err != nil {
		return 0, webchat.Answer{}, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, b.base+"/chat/"+path, bytes.NewReader(body))
	if err != nil {
		return 0, webchat.Answer{}, err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set(webchat.Header, "1")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, webchat.Answer{}, err
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		return 0, webchat.Answer{}, err
	}
	var a webchat.Answer
	if resp.StatusCode != http.StatusOK {
		return resp.StatusCode, a, fmt.Errorf("%s: %d %s", path, resp.StatusCode, raw)
	}
	return resp.StatusCode, a, json.Unmarshal(raw, &a)
}

// do sends as the page does: what was kept but not taken yet counts as done.
func (b *browser) do(ctx context.Context, path string, q webchat.Ask) (webchat.Answer, error) {
	q.ID = fmt.Sprintf("r%d", b.ids.Add(1))
	status, a, err := b.send(ctx, path, q)
	b.last = func(ctx context.Context) error { _, _, err := b.send(ctx, path, q); return err }
	if status == http.StatusServiceUnavailable {
		return webchat.Answer{}, nil
	}
	return a, err
}

func (b *browser) state(ctx context.Context, who bot.UserRef) (webchat.View, error) {
	var v webchat.View
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, b.base+"/chat/state?as="+url.QueryEscape(string(who)), nil)
	if err != nil {
		return v, err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return v, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return v, fmt.Errorf("state: %d", resp.StatusCode)
	}
	return v, json.NewDecoder(resp.Body).Decode(&v)
}

// get fetches a file that a message shows.
func (b *browser) get(ctx context.Context, path string) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, b.base+path, nil)
	if err != nil {
		return nil, err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s: %d", path, resp.StatusCode)
	}
	return io.ReadAll(resp.Body)
}

func TestConformance(t *testing.T) {
	t.Parallel()
	bottest.Run(t, func(t *testing.T) *bottest.Harness {
		o := options(filepath.Join(t.TempDir(), "chat.journal"))
		a := openChat(t, o)
		srv := httptest.NewServer(a.Handler())
		t.Cleanup(func() { srv.Close() })
		b := &browser{base: srv.URL}
		h := &bottest.Harness{
			Platform: a, Channel: "webchat:support", People: [2]bot.UserRef{ada, sam},
			NoChannel: "webchat:nowhere", NoMessage: "webchat:m:zzzzzzzz.1", Idempotent: true, Handle: "perch",
			Names: [2]string{"Ada", "Sam"}, NoUser: "webchat:U_nobody",
		}
		h.Attach = func(ctx context.Context, who bot.UserRef, thread bot.MessageRef, text, name string, data []byte) (bot.MessageRef, error) {
			ans, err := b.do(ctx, "message", webchat.Ask{As: who, Channel: h.Channel, Thread: thread, Text: text, Files: []webchat.Attach{{Name: name, Data: data}}})
			return ans.Ref, err
		}
		h.Files = func(ctx context.Context, ref bot.MessageRef) ([]bottest.SeenFile, error) {
			v, err := b.state(ctx, sam)
			var out []bottest.SeenFile
			for _, m := range v.Messages {
				if m.Ref != ref {
					continue
				}
				for _, f := range m.Files {
					data, gerr := b.get(ctx, f.URL)
					if gerr != nil {
						return nil, gerr
					}
					out = append(out, bottest.SeenFile{Name: f.Name, Alt: f.Alt, Data: data})
				}
			}
			return out, err
		}
		h.Topic = func(ctx context.Context, ch bot.ChannelRef) (string, error) {
			v, err := b.state(ctx, sam)
			for _, c := range v.Channels {
				if c.Ref == ch {
					return c.Topic, err
				}
			}
			return "", fmt.Errorf("no channel %s: %w", ch, err)
		}
		h.Pinned = func(ctx context.Context, ch bot.ChannelRef) (out []bot.MessageRef, err error) {
			v, err := b.state(ctx, sam)
			for _, m := range v.Messages {
				if m.Channel == ch && m.Pinned {
					out = append(out, m.Ref)
				}
			}
			return out, err
		}
		h.Say = func(ctx context.Context, who bot.UserRef, thread bot.MessageRef, text string) (bot.MessageRef, error) {
			ans, err := b.do(ctx, "message", webchat.Ask{As: who, Channel: h.Channel, Thread: thread, Text: text})
			if err != nil || ans.Ref != "" {
				return ans.Ref, err
			}
			v, err := b.state(ctx, who)
			for _, m := range v.Messages {
				if m.User == who && m.Text == text {
					return m.Ref, nil
				}
			}
			return "", fmt.Errorf("not kept: %w", err)
		}
		h.Command = func(ctx context.Context, who bot.UserRef, thread bot.MessageRef, text string) error {
			_, err := b.do(ctx, "message", webchat.Ask{As: who, Channel: h.Channel, Thread: thread, Text: text})
			return err
		}
		h.Press = func(ctx context.Context, who bot.UserRef, ref bot.MessageRef, button string) error {
			seen, err := h.Look(ctx, who, h.Channel)
			if err != nil {
				return err
			}
			for _, s := range seen {
				for _, x := range s.Buttons {
					if s.Ref == ref && x.ID == button {
						_, err := b.do(ctx, "action", webchat.Ask{As: who, Ref: ref, Action: x.ID, Value: x.Value})
						return err
					}
				}
			}
			return fmt.Errorf("no button %q", button)
		}
		h.Change = func(ctx context.Context, who bot.UserRef, ref bot.MessageRef, text string) error {
			_, err := b.do(ctx, "edit", webchat.Ask{As: who, Ref: ref, Text: text})
			return err
		}
		h.Remove = func(ctx context.Context, who bot.UserRef, ref bot.MessageRef) error {
			_, err := b.do(ctx, "delete", webchat.Ask{As: who, Ref: ref})
			return err
		}
		h.React = func(ctx context.Context, who bot.UserRef, ref bot.MessageRef, emoji string, on bool) error {
			_, err := b.do(ctx, "react", webchat.Ask{As: who, Ref: ref, Emoji: emoji, On: on})
			return err
		}
		h.Look = func(ctx context.Context, who bot.UserRef, ch bot.ChannelRef) ([]bottest.Seen, error) {
			v, err := b.state(ctx, who)
			return seen(v, ch), err
		}
		h.LookForm = func(ctx context.Context, who bot.UserRef) (*bottest.SeenForm, error) {
			v, err := b.state(ctx, who)
			if err != nil || len(v.Forms) == 0 {
				return nil, err
			}
			f := &bottest.SeenForm{Title: v.Forms[0].Form.Title}
			for _, i := range v.Forms[0].Form.Inputs {
				f.Labels = append(f.Labels, i.Label)
			}
			return f, nil
		}
		h.Submit = func(ctx context.Context, who bot.UserRef, fields map[string]string) error {
			v, err := b.state(ctx, who)
			if err != nil || len(v.Forms) == 0 {
				return fmt.Errorf("no form: %w", err)
			}
			_, err = b.do(ctx, "submit", webchat.Ask{As: who, Form: v.Forms[0].ID, Fields: fields})
			return err
		}
		h.Redeliver = func(ctx context.Context) error { return b.last(ctx) }
		h.Restart = func(context.Context) (bot.Platform, error) {
			srv.Close()
			if err := a.Close(); err != nil {
				return nil, err
			}
			next := openChat(t, o)
			srv = httptest.NewServer(next.Handler())
			b.base = srv.URL
			return next, nil
		}
		return h
	})
}

// seen draws messages as the page does: every text as text.
func seen(v webchat.View, ch bot.ChannelRef) []bottest.Seen {
	var out []bottest.Seen
	for _, m := range v.Messages {
		if m.Channel != ch || m.Deleted {
			continue
		}
		s := bottest.Seen{Ref: m.Ref, Thread: m.Thread, Only: m.Only}
		if m.Author != nil {
			s.Author = m.Author.Name
		}
		for _, r := range m.Reactions {
			s.Reactions = append(s.Reactions, r.Emoji)
		}
		var text strings.Builder
		spans := func(in []bot.Span) {
			for _, x := range in {
				text.WriteString(x.Text)
				if x.Bold || x.Italic || x.Code || x.Strike {
					s.Styled = append(s.Styled, x.Text)
				}
				if x.URL != "" {
					s.Links = append(s.Links, x.URL)
				}
				if x.Mention != "" {
					s.Mentions = append(s.Mentions, string(x.Mention))
				}
			}
			text.WriteString("\n")
		}
		if len(m.Blocks) == 0 {
			text.WriteString(m.Text)
		}
		for _, b := range m.Blocks {
			text.WriteString(b.Text)
			spans(b.Spans)
			for _, i := range b.Items {
				spans(i)
			}
			for _, f := range b.Fields {
				text.WriteString(f.Label + " ")
				spans(f.Value)
			}
			if p := b.Preview; p != nil {
				for i, part := range p.Parts {
					fmt.Fprintf(&text, "%s %s @%s %d/%d\n", part, p.Name, p.Account, p.Counts[i], p.Limit)
				}
			}
			s.Buttons = append(s.Buttons, b.Buttons...)
		}
		s.Text = text.String()
		out = append(out, s)
	}
	return out
}
