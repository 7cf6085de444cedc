package webchat

import (
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/perch-chat/perch/bot"
)

// View is the chat as one person sees it.
type View struct {
	Me       User          `json:"me"`
	Users    []User        `json:"users"`
	Bot      User          `json:"bot"`
	Channels []ViewChannel `json:"channels"`
	Messages []ViewMessage `json:"messages"`
	Forms    []ViewForm    `json:"forms"`
	Cursor   string        `json:"cursor"` // where to go on from with the stream
}

// ViewChannel is a channel as it is shown.
type ViewChannel struct {
	Ref     bot.ChannelRef `json:"ref"`
	Name    string         `json:"name"`
	Purpose string         `json:"purpose,omitempty"`
	Topic   string         `json:"topic,omitempty"`
	Private bool           `json:"private,omitempty"`
}

// ViewMessage is a message as it is shown to one person.
type ViewMessage struct {
	Ref       bot.MessageRef `json:"ref"`
	Number    int64          `json:"number"` // order
	Channel   bot.ChannelRef `json:"channel"`
	Thread    bot.MessageRef `json:"thread,omitempty"`
	User      bot.UserRef    `json:"user"`
	Only      bool           `json:"only,omitempty"` // nobody else sees it
	Author    *bot.Author    `json:"author,omitempty"`
	Text      string         `json:"text,omitempty"`
	Blocks    []bot.Block    `json:"blocks,omitempty"`
	Files     []ViewFile     `json:"files,omitempty"`
	Reactions []ViewReaction `json:"reactions,omitempty"`
	At        time.Time      `json:"at"`
	Edited    time.Time      `json:"edited,omitzero"`
	Deleted   bool           `json:"deleted,omitempty"`
	Pinned    bool           `json:"pinned,omitempty"`
}

// ViewReaction is a reaction and who set it.
type ViewReaction struct {
	Emoji string        `json:"emoji"`
	Users []bot.UserRef `json:"users"`
}

// ViewForm is a form that the person has open.
type ViewForm struct {
	ID   string   `json:"id"`
	Form bot.Form `json:"form"`
}

// Look is the chat as u sees it now.
func (a *Adapter) Look(u bot.UserRef) (View, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	me, ok := a.users[u]
	if !ok || u == a.o.Bot.Ref {
		return View{}, problem(403, "unknown_user", "Choose one of the people of this chat.")
	}
	v := View{
		Me: me, Users: slices.Clone(a.o.Users), Bot: a.o.Bot, Forms: a.formsLocked(u),
		Messages: []ViewMessage{}, Channels: []ViewChannel{}, Cursor: a.cursorLocked(a.st.seq),
	}
	for _, c := range a.st.sortedChannels() {
		v.Channels = append(v.Channels, viewChannel(c))
	}
	for _, m := range a.st.sortedMessages() {
		if m.visibleTo(u) {
			v.Messages = append(v.Messages, view(m))
		}
	}
	return v, nil
}

func (a *Adapter) formsLocked(u bot.UserRef) []ViewForm {
	out := []ViewForm{}
	for id, of := range a.forms {
		if of.user == u {
			out = append(out, ViewForm{ID: id, Form: of.form})
		}
	}
	slices.SortFunc(out, func(x, y ViewForm) int { return a.forms[x.ID].at.Compare(a.forms[y.ID].at) })
	return out
}

func (a *Adapter) cursorLocked(seq int64) string { return fmt.Sprintf("%s.%d", a.st.epoch, seq) }

// sinceLocked is the change after which a browser wants to go on. It is false
// if the browser knows another chat, or none.
func (a *Adapter) sinceLocked(cursor string) (int64, bool) {
	epoch, n, ok := strings.Cut(cursor, ".")
	seq, err := strconv.ParseInt(n, 10, 64)
	return seq, ok && err == nil && epoch == a.st.epoch && seq >= 0 && seq <= a.st.seq
}

func viewChannel(c *channel) ViewChannel {
	return ViewChannel{Ref: c.Ref, Name: c.Name, Purpose: c.Purpose, Topic: c.Topic, Private: c.Private}
}

func view(m *message) ViewMessage {
	v := ViewMessage{
		Ref: m.Ref, Number: m.Number, Channel: m.Channel, Thread: m.Thread, User: m.User, Only: m.Only != "",
		Author: m.Author, Text: m.Text, Blocks: safeBlocks(m.Blocks), Files: viewFiles(m.Files), At: m.At, Edited: m.Edited, Deleted: m.Deleted, Pinned: m.Pinned,
	}
	for _, r := range m.Reactions {
		v.Reactions = append(v.Reactions, ViewReaction(r))
	}
	return v
}

// safeURL is u if a browser may be sent there, else nothing.
func safeURL(u string) string {
	p, err := url.Parse(u)
	if err != nil || (p.Scheme != "http" && p.Scheme != "https") || p.Host == "" {
		return ""
	}
	return u
}

func safeSpans(in []bot.Span) []bot.Span {
	out := slices.Clone(in)
	for i := range out {
		out[i].URL = safeURL(out[i].URL)
	}
	return out
}

// safeBlocks copies blocks and leaves out addresses that aren't of the web.
// Texts stay as they are: the page only ever shows them as text.
func safeBlocks(in []bot.Block) []bot.Block {
	out := slices.Clone(in)
	for i := range out {
		b := &out[i]
		b.Spans = safeSpans(b.Spans)
		b.Items = slices.Clone(b.Items)
		for j := range b.Items {
			b.Items[j] = safeSpans(b.Items[j])
		}
		b.Fields = slices.Clone(b.Fields)
		for j := range b.Fields {
			b.Fields[j].Value = safeSpans(b.Fields[j].Value)
		}
		b.Buttons = slices.Clone(b.Buttons)
		for j := range b.Buttons {
			b.Buttons[j].URL = safeURL(b.Buttons[j].URL)
		}
		if b.Image != nil {
			b.Image = &bot.Image{URL: safeURL(b.Image.URL), Alt: b.Image.Alt}
		}
	}
	return out
}
