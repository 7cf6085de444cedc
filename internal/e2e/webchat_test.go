package e2e

import (
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strings"
)

// webStage is the built-in chat, through the requests that its page makes.
type webStage struct{ p *play }

var _ stage = webStage{}

func (webStage) name() string               { return "webchat" }
func (webStage) user(name string) string    { return "webchat:U_" + name }
func (webStage) group(string) string        { return "" }
func (webStage) channel(name string) string { return "webchat:" + name }
func (webStage) ready() error               { return nil }
func (webStage) settled() error             { return nil } // a request is answered once it is stored
func (webStage) opens(_, channel string) error {
	if channel == "home" || channel == "bot" {
		return errNone
	}
	return nil
}
func (webStage) shortcut(string, string, *seen) error { return errNone }

func (w webStage) as(who string) *play {
	return &play{url: w.p.url, client: w.p.client, user: who}
}

func (w webStage) sees(who, channel string) ([]seen, error) {
	p := w.as(who)
	p.channel = channel
	s, err := p.chat()
	if err != nil {
		return nil, err
	}
	var out []seen
	for _, m := range p.here(s) {
		v := seen{ref: m.Ref, thread: m.Thread, channel: m.Channel, reads: m.reads(), mine: m.User == w.user(who), alone: m.Only}
		for _, bl := range m.Blocks {
			for _, sp := range bl.Spans {
				if sp.URL != "" {
					v.links = append(v.links, sp.URL)
				}
				if sp.Mention != "" {
					v.told = append(v.told, sp.Mention)
				}
			}
			for _, b := range bl.Buttons {
				v.buttons = append(v.buttons, knob{label: b.Label, url: b.URL, press: func() error {
					return w.ask(who, "action", map[string]any{"ref": m.Ref, "action": b.ID, "value": b.Value})
				}})
			}
		}
		out = append(out, v)
	}
	return out, nil
}

func (w webStage) forms(who string) ([]form, error) {
	s, err := w.as(who).chat()
	if err != nil {
		return nil, err
	}
	var out []form
	for _, f := range s.Forms {
		v := form{title: f.Form.Title, reads: f.Form.Title}
		initial := map[string]string{}
		for _, in := range f.Form.Inputs {
			v.inputs = append(v.inputs, in.Name)
			v.reads += "\n" + in.Label + ": " + in.Initial
			initial[in.Name] = in.Initial
		}
		v.send = func(fields map[string]string) error {
			for k, was := range initial {
				if _, ok := fields[k]; !ok {
					fields[k] = was
				}
			}
			return w.ask(who, "submit", map[string]any{"form": f.ID, "fields": fields})
		}
		out = append(out, v)
	}
	return out, nil
}

func (w webStage) says(who, channel, thread, text string, files ...attached) error {
	return w.ask(who, "message", map[string]any{"channel": "webchat:" + channel, "thread": thread, "text": text, "files": attachedFiles(files)})
}

func (w webStage) edits(who string, m seen, text string) error {
	return w.ask(who, "edit", map[string]any{"ref": m.ref, "text": text})
}

func (w webStage) deletes(who string, m seen) error {
	return w.ask(who, "delete", map[string]any{"ref": m.ref})
}

func (w webStage) reacts(who string, m seen, emoji string, on bool) error {
	return w.ask(who, "react", map[string]any{"ref": m.ref, "emoji": emoji, "on": on})
}

// ask has a person do something in the chat.
func (w webStage) ask(who, what string, fields map[string]any) error {
	w.p.asks++
	fields["id"] = fmt.Sprintf("%s-%d-%d", what, os.Getpid(), w.p.asks)
	fields["as"] = w.user(who)
	status, body, err := w.p.do(http.MethodPost, "/chat/"+what, "application/json", fields, nil)
	if err != nil {
		return err
	}
	if status >= 300 {
		return fmt.Errorf("%s: %d %s", what, status, body)
	}
	return nil
}

type span struct {
	Text, URL, Mention, Channel string
}

type button struct{ ID, Label, Value, URL string }

type block struct {
	Kind, Text string
	Spans      []span
	Items      [][]span
	Fields     []struct {
		Label string
		Value []span
	}
	Buttons []button
	Preview *struct {
		Account string
		Parts   []string
		Counts  []int
		Limit   int
	}
}

type message struct {
	Ref, Channel, Thread, User, Text string
	Number                           int64
	Only, Deleted                    bool
	Author                           *struct{ Name, Handle string }
	Blocks                           []block
	Files                            []struct{ Name string }
	Reactions                        []struct {
		Emoji string
		Users []string
	}
}

type chatState struct {
	Messages []message
	Forms    []struct {
		ID   string
		Form struct {
			ID     string
			Title  string
			Inputs []struct{ Name, Label, Initial string }
		}
	}
}

func (p *play) chat() (chatState, error) {
	var s chatState
	status, body, err := p.do(http.MethodGet, "/chat/state?as="+url.QueryEscape("webchat:U_"+p.user), "", nil, &s)
	if err == nil && status != http.StatusOK {
		err = fmt.Errorf("chat state: %d %s", status, body)
	}
	return s, err
}

// here are the messages of the channel and thread the person looks at.
func (p *play) here(s chatState) []message {
	var out []message
	for _, m := range s.Messages {
		if m.Channel == "webchat:"+p.channel && !m.Deleted && (p.thread == "" || m.Thread == p.thread || m.Ref == p.thread) {
			out = append(out, m)
		}
	}
	return out
}

func spansText(spans []span) string {
	var b strings.Builder
	for _, s := range spans {
		b.WriteString(s.Text)
		if s.Mention != "" {
			b.WriteString("@" + strings.TrimPrefix(s.Mention, "webchat:U_"))
		}
		if s.Channel != "" {
			b.WriteString("#" + strings.TrimPrefix(s.Channel, "webchat:"))
		}
	}
	return b.String()
}

// reads is everything a person reads in a message.
func (m message) reads() string {
	var b strings.Builder
	if m.Author != nil {
		fmt.Fprintf(&b, "%s @%s: ", m.Author.Name, m.Author.Handle)
	}
	if len(m.Blocks) == 0 {
		b.WriteString(m.Text)
	}
	for _, f := range m.Files {
		b.WriteString("\n{" + f.Name + "}")
	}
	for _, bl := range m.Blocks {
		b.WriteString(bl.Text)
		b.WriteString(spansText(bl.Spans))
		for _, it := range bl.Items {
			b.WriteString(spansText(it) + "\n")
		}
		for _, f := range bl.Fields {
			b.WriteString(f.Label + ": " + spansText(f.Value) + "\n")
		}
		if bl.Preview != nil {
			for i, part := range bl.Preview.Parts {
				fmt.Fprintf(&b, "@%s %s (%d/%d)\n", bl.Preview.Account, part, bl.Preview.Counts[i], bl.Preview.Limit)
			}
		}
		for _, bt := range bl.Buttons {
			b.WriteString("[" + bt.Label + "] ")
		}
		b.WriteByte('\n')
	}
	for _, r := range m.Reactions {
		b.WriteString(":" + r.Emoji + ": ")
	}
	return b.String()
}
