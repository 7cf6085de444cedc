package slackfake

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// Message is what a person sees, and a little of what they don't.
type Message struct {
	Channel, TS, ThreadTS string
	User, BotID, Username string
	Icon                  string // emoji or image
	Subtype               string
	Text                  string // the text field as it was sent
	Shown                 string // what is read: the blocks as text if there are any, else the text
	Notifies              []string
	Links                 []string // targets that a person can follow
	Buttons               []Button
	Blocks, Metadata      json.RawMessage
	Files                 []File
	Reactions             map[string][]string
	Edited, Ephemeral     bool
	Pinned, Unfurls       bool
	Tombstone             bool
}

// Button is an element of a message or view that can be used.
type Button struct {
	BlockID, ActionID, Kind, Text, Value, URL, Style string
}

// File is a file of a message.
type File struct {
	ID, Name, Title, MIME string
	Alt                   string
	Size                  int64
	Data                  []byte
}

// Modal is an open view or a home tab.
type Modal struct {
	ID, User, CallbackID, Title, Submit, PrivateMetadata, Hash string
	Shown                                                      string
	Blocks                                                     json.RawMessage
	Buttons                                                    []Button
	Errors                                                     map[string]string // by block
}

func (s *Server) show1(m *message) Message {
	out := Message{
		Channel: m.channel, TS: m.ts, ThreadTS: m.threadTS, User: m.user, BotID: m.botID, Username: m.username, Subtype: m.subtype, Text: m.text,
		Edited: m.editedTS != "", Ephemeral: m.only != "", Unfurls: m.unfurl, Tombstone: m.tombstone, Reactions: map[string][]string{},
	}
	f := &flat{s: s}
	if len(m.blocks) > 0 {
		out.Blocks = mustJSON(m.blocks)
		out.Shown = f.blocks(m.blocks)
	} else {
		out.Shown = f.mrkdwn(m.text)
	}
	for _, a := range m.attachments {
		if o, ok := a.(obj); ok {
			if bl, ok := o["blocks"].([]any); ok {
				out.Shown += "\n" + f.blocks(bl)
			} else if t, _ := o["text"].(string); t != "" {
				out.Shown += "\n" + f.mrkdwn(t)
			}
		}
	}
	out.Notifies, out.Buttons, out.Links = f.notifies, f.buttons, f.links
	for _, v := range m.icons {
		out.Icon, _ = v.(string)
	}
	if m.metadata != nil {
		out.Metadata = mustJSON(m.metadata)
	}
	for _, r := range m.reactions {
		out.Reactions[r.name] = slices.Clone(r.users)
	}
	for _, fl := range m.files {
		out.Files = append(out.Files, File{ID: fl.id, Name: fl.name, Title: fl.title, MIME: fl.mime, Alt: fl.alt, Size: fl.size, Data: fl.data})
	}
	if ch := s.st.channels[m.channel]; ch != nil && m.only == "" {
		out.Pinned = slices.Contains(ch.pins, m.ts)
	}
	return out
}

// Messages returns what the channel holds, threads included, oldest first.
func (s *Server) Messages(channel string) (out []Message) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if ch := s.st.channels[s.channelID(channel)]; ch != nil {
		for _, m := range ch.msgs {
			out = append(out, s.show1(m))
		}
	}
	return out
}

// Thread returns a thread with its first message.
func (s *Server) Thread(channel, ts string) (out []Message) {
	for _, m := range s.Messages(channel) {
		if m.TS == ts || m.ThreadTS == ts {
			out = append(out, m)
		}
	}
	return out
}

// Ephemerals returns what one person alone was shown and still sees, what
// Slack itself told them included.
func (s *Server) Ephemerals(who string) (out []Message) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, m := range s.st.ephemeral {
		if m.only == s.userID(who) && !m.gone {
			out = append(out, s.show1(m))
		}
	}
	return out
}

// Views returns the modals that a person has open, the lowest first.
func (s *Server) Views(who string) (out []Modal) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, v := range s.stack(s.userID(who)) {
		out = append(out, s.modal(v))
	}
	return out
}

// Home returns a person's home tab, if one was published.
func (s *Server) Home(who string) (Modal, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	v := s.st.homes[s.userID(who)]
	if v == nil {
		return Modal{}, false
	}
	return s.modal(v), true
}

func (s *Server) modal(v *view) Modal {
	f := &flat{s: s}
	blocks, _ := v.body["blocks"].([]any)
	m := Modal{ID: v.id, User: v.user, Hash: v.hash, Shown: f.blocks(blocks), Blocks: mustJSON(blocks), Buttons: f.buttons, Errors: v.errors}
	m.CallbackID, _ = v.body["callback_id"].(string)
	m.PrivateMetadata, _ = v.body["private_metadata"].(string)
	m.Title, m.Submit = plainOf(v.body["title"]), plainOf(v.body["submit"])
	return m
}

func plainOf(v any) string {
	o, _ := v.(obj)
	t, _ := o["text"].(string)
	return t
}

// flat turns blocks into the text that a person reads.
type flat struct {
	s        *Server
	notifies []string
	links    []string
	buttons  []Button
}

func (f *flat) blocks(list []any) string {
	var lines []string
	for _, x := range list {
		b, _ := x.(obj)
		var l []string
		id, _ := b["block_id"].(string)
		if t := f.text(b["text"]); t != "" {
			l = append(l, t)
		}
		if b["type"] == "markdown" {
			t, _ := b["text"].(string)
			l = append(l, t)
		}
		if b["type"] == "image" {
			alt, _ := b["alt_text"].(string)
			l = append(l, "["+alt+"]")
		}
		if t := plainOf(b["label"]); t != "" {
			l = append(l, t+":")
		}
		for _, k := range []string{"fields", "elements"} {
			es, _ := b[k].([]any)
			for _, e := range es {
				o, _ := e.(obj)
				if t := f.element(id, o); t != "" {
					l = append(l, t)
				}
			}
		}
		for _, k := range []string{"accessory", "element"} {
			if o, ok := b[k].(obj); ok {
				l = append(l, f.element(id, o))
			}
		}
		if t := plainOf(b["hint"]); t != "" {
			l = append(l, "("+t+")")
		}
		sep := " "
		if b["type"] == "rich_text" || b["fields"] != nil {
			sep = "\n"
		}
		if len(l) > 0 {
			lines = append(lines, strings.Join(l, sep))
		}
	}
	return strings.Join(lines, "\n")
}

func (f *flat) text(v any) string {
	o, _ := v.(obj)
	t, _ := o["text"].(string)
	if o["type"] == "mrkdwn" {
		return f.mrkdwn(t)
	}
	return t
}

func (f *flat) element(block string, o obj) string {
	typ, _ := o["type"].(string)
	switch {
	case typ == "mrkdwn" || typ == "plain_text":
		return f.text(o)
	case typ == "image":
		alt, _ := o["alt_text"].(string)
		return "[" + alt + "]"
	case strings.HasPrefix(typ, "rich_text_") && typ != "rich_text_input":
		return f.rich(o)
	}
	b := Button{BlockID: block, Kind: typ, Text: plainOf(o["text"])}
	b.ActionID, _ = o["action_id"].(string)
	b.Value, _ = o["value"].(string)
	b.URL, _ = o["url"].(string)
	b.Style, _ = o["style"].(string)
	f.buttons = append(f.buttons, b)
	if typ == "button" {
		return "[" + b.Text + "]"
	}
	t, _ := o["initial_value"].(string)
	if t == "" {
		opt, _ := o["initial_option"].(obj)
		t = plainOf(opt["text"])
	}
	return "<" + t + ">"
}

func (f *flat) rich(o obj) string {
	var sb strings.Builder
	es, _ := o["elements"].([]any)
	for i, x := range es {
		e, _ := x.(obj)
		get := func(k string) string { t, _ := e[k].(string); return t }
		switch e["type"] {
		case "text":
			sb.WriteString(get("text"))
		case "link":
			f.links = append(f.links, get("url"))
			t := get("text")
			if t == "" || t == get("url") {
				sb.WriteString(get("url"))
			} else {
				fmt.Fprintf(&sb, "%s (%s)", t, get("url"))
			}
		case "emoji":
			sb.WriteString(":" + get("name") + ":")
		case "user":
			sb.WriteString(f.mention("@" + get("user_id")))
		case "channel":
			sb.WriteString(f.mention("#" + get("channel_id")))
		case "usergroup":
			sb.WriteString(f.mention("!subteam^" + get("usergroup_id")))
		case "broadcast":
			sb.WriteString(f.mention("!" + get("range")))
		case "date":
			sb.WriteString(get("fallback"))
		case "rich_text_section":
			if i > 0 {
				sb.WriteString("\n")
			}
			mark := "• "
			if o["style"] == "ordered" {
				mark = fmt.Sprintf("%d. ", i+1)
			}
			sb.WriteString(mark + f.rich(e))
		}
	}
	t := sb.String()
	if o["type"] == "rich_text_quote" {
		t = "> " + strings.ReplaceAll(t, "\n", "\n> ")
	}
	return t
}

var control = regexp.MustCompile(`<([^<>]*)>`)

// mrkdwn reads control sequences as Slack does; entities are decoded last, so
// that what was escaped stays harmless.
func (f *flat) mrkdwn(t string) string {
	t = control.ReplaceAllStringFunc(t, func(m string) string {
		in, label, has := strings.Cut(m[1:len(m)-1], "|")
		if in == "" {
			return m
		}
		if strings.ContainsRune("@#!", rune(in[0])) {
			if rest, ok := strings.CutPrefix(in, "!date^"); ok {
				_ = rest
				return label
			}
			return f.mention(in)
		}
		if !strings.Contains(in, ":") {
			return m
		}
		f.links = append(f.links, in)
		if has && label != in {
			return label + " (" + in + ")"
		}
		return in
	})
	return unescaper.Replace(t)
}

// mention notes who is told and gives the name that is shown.
func (f *flat) mention(what string) string {
	id := strings.TrimLeft(what, "@#!")
	switch {
	case strings.HasPrefix(what, "#"):
		if c := f.s.st.channels[id]; c != nil {
			return "#" + c.name
		}
		return "#" + id
	case strings.HasPrefix(what, "!subteam^"):
		id = strings.TrimPrefix(id, "subteam^")
		f.notifies = append(f.notifies, id)
		if g := f.s.st.groups[id]; g != nil {
			return "@" + g.handle
		}
		return "@" + id
	case strings.HasPrefix(what, "!"):
		f.notifies = append(f.notifies, "@"+id)
		return "@" + id
	}
	f.notifies = append(f.notifies, id)
	if u := f.s.st.users[id]; u != nil {
		return "@" + u.Name
	}
	return "@" + id
}
