package rocketchat

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/perch-chat/perch/bot"
)

// What a message may hold. A workspace's own limit is the setting
// Message_MaxAllowedSize, 5000 by default; attachments are not counted in it.
const (
	maxText        = 4500
	maxPiece       = 4000
	maxAttachments = 30
	maxLabel       = 75
)

// attachment is a part of a message that stands apart from its text.
type attachment struct {
	Color     string       `json:"color,omitempty"`
	Author    string       `json:"author_name,omitempty"`
	Icon      string       `json:"author_icon,omitempty"`
	AuthorURL string       `json:"author_link,omitempty"`
	Title     string       `json:"title,omitempty"`
	Text      string       `json:"text,omitempty"`
	Image     string       `json:"image_url,omitempty"`
	Fields    []field      `json:"fields,omitempty"`
	Align     string       `json:"button_alignment,omitempty"`
	Actions   []actionItem `json:"actions,omitempty"`
}

type field struct {
	Short bool   `json:"short"`
	Title string `json:"title"`
	Value string `json:"value"`
}

// actionItem is a button: one with Msg writes that message as the person who
// presses it, one with URL opens it.
type actionItem struct {
	Type    string `json:"type"`
	Text    string `json:"text"`
	Msg     string `json:"msg,omitempty"`
	InChat  bool   `json:"msg_in_chat_window,omitempty"`
	Process string `json:"msg_processing_type,omitempty"`
	URL     string `json:"url,omitempty"`

	style bot.ButtonStyle
}

// content is a message as Rocket.Chat takes it.
type content struct {
	msg         string
	attachments []attachment
}

// renderer turns messages into content.
type renderer struct {
	who  func(bot.UserRef) string    // a person's username
	room func(bot.ChannelRef) string // a room's name
	id   string                      // the message's own ID: its buttons say which message they were on
	base string                      // Perch's own address, empty if there is none

	// speak writes Perch's own words as people here have to, nil for as they are.
	speak func(string) string

	formulas bool // what stands between two dollar signs is a formula here
	most     int  // characters that a message may have here, 0 for as many as usual
}

// message renders m. Its error is a *bot.Error: nothing was sent.
func (r renderer) message(m bot.Message) (content, error) {
	d := drawing{renderer: r}
	blocks := m.Blocks
	if len(blocks) == 0 {
		blocks = []bot.Block{bot.Para(bot.Plain(m.Text))}
	}
	if m.Author != nil {
		d.speak = nil // somebody else's words
		d.byline(*m.Author, blocks)
	} else {
		for _, b := range blocks {
			d.block(b)
		}
	}
	d.flush()
	if d.err != nil {
		return content{}, d.err
	}
	if len(d.lines) == 0 && len(d.out) == 0 {
		return content{}, &bot.Error{Code: "no_text", Message: "The message is empty."}
	}
	msg := strings.Join(d.lines, "\n")
	if r.formulas {
		msg = prices(msg)
	}
	if len(d.out) > maxAttachments {
		d.out = append(d.out[:maxAttachments-1:maxAttachments-1], attachment{Text: "… the rest does not fit into one message."})
	}
	for i := range d.out { // below a message a line ends only where it says so
		d.out[i].Text = strings.ReplaceAll(d.out[i].Text, "\n", "  \n")
	}
	return content{msg: msg, attachments: d.out}, nil
}

// drawing is a message in the making: its own lines first, then attachments.
// Once there is an attachment all that follows is one, so that the order stays.
type drawing struct {
	renderer
	lines []string
	size  int // of the lines, as the server counts
	out   []attachment
	open  *attachment // takes more lines
	err   error
}

func (d *drawing) spans(list []bot.Span) string { return spans(list, d.who, d.room) }

func (d *drawing) flush() {
	if d.open != nil {
		d.out = append(d.out, *d.open)
		d.open = nil
	}
}

// longest is how long the message's own lines may be together. What is more
// stands below them, where the workspace counts nothing.
func (d *drawing) longest() int {
	if d.most > 0 {
		return min(d.most, maxText)
	}
	return maxText
}

// add puts a line where the message has come to.
func (d *drawing) add(line string) {
	if strings.TrimSpace(line) == "" {
		return
	}
	if n := length(line) + 1; d.open == nil && len(d.out) == 0 && d.size+n <= d.longest() {
		d.lines, d.size = append(d.lines, line), d.size+n
		return
	}
	if d.open != nil && len(d.open.Actions) == 0 && d.open.Image == "" && len(d.open.Fields) == 0 && len(d.open.Text)+len(line) < maxPiece {
		if d.open.Text != "" {
			d.open.Text += "\n"
		}
		d.open.Text += line
		return
	}
	d.flush()
	d.open = &attachment{Text: line}
}

// byline shows a customer as the author of what follows. Rocket.Chat lets a bot
// write under another name, but a name alone is easily taken for a colleague's.
func (d *drawing) byline(a bot.Author, blocks []bot.Block) {
	name := strings.TrimSpace(clean(a.Name))
	if h := clean(a.Handle); h != "" {
		name = strings.TrimSpace(name + " (@" + h + ")")
	}
	d.open = &attachment{Author: cut(name, maxLabel)}
	if u, ok := safeURL(a.AvatarURL); ok {
		d.open.Icon = u
	}
	for _, b := range blocks {
		if b.Kind == bot.BlockHeader && strings.TrimSpace(clean(b.Text)) == name {
			continue // the name stands there already
		}
		d.block(b)
	}
}

func (d *drawing) block(b bot.Block) {
	switch b.Kind {
	case bot.BlockHeader:
		if s := strings.TrimSpace(clean(b.Text)); s != "" {
			d.add("### " + heading(s))
		}
	case bot.BlockText:
		d.add(d.spans(d.own(b.Spans)))
	case bot.BlockQuote:
		d.flush()
		d.open = &attachment{Color: "#8899a6", Text: d.spans(b.Spans)}
		d.flush()
	case bot.BlockSteps:
		for i, item := range b.Items {
			d.add(strconv.Itoa(i+1) + joiner + ". " + d.spans(d.own(item)))
		}
	case bot.BlockFields:
		d.fields(b.Fields)
	case bot.BlockContext:
		d.add(d.spans(d.own(b.Spans)))
	case bot.BlockActions:
		d.actions(b.Buttons)
	case bot.BlockImage:
		d.image(b.Image)
	case bot.BlockPreview:
		d.preview(b.Preview)
	case bot.BlockDivider:
		d.flush()
	default: // of a newer version: better its words than nothing
		d.add(escape(clean(b.Text)))
		d.add(d.spans(b.Spans))
	}
}

func (d *drawing) fields(list []bot.Field) {
	d.flush()
	at := attachment{}
	for _, f := range list {
		// A title is markup like its value, unless that is empty.
		label, value := cut(clean(f.Label), maxLabel), d.spans(f.Value)
		if value == "" {
			value = joiner
		}
		at.Fields = append(at.Fields, field{Short: true, Title: escape(label), Value: value})
	}
	if len(at.Fields) > 0 {
		d.out = append(d.out, at)
	}
}

func (d *drawing) actions(list []bot.Button) {
	d.flush()
	at := attachment{Align: "horizontal"}
	for _, b := range list {
		label := cut(strings.TrimSpace(clean(b.Label)), maxLabel)
		if label == "" {
			continue
		}
		a := actionItem{Type: "button", Text: label, style: b.Style}
		if b.URL != "" {
			u, ok := safeURL(b.URL)
			if !ok {
				continue
			}
			a.URL = u
		} else {
			a.Msg, a.InChat, a.Process = linked(d.base, label, pressed(b, d.id)), true, "sendMessage"
		}
		at.Actions = append(at.Actions, a)
	}
	if len(at.Actions) > 0 {
		d.out = append(d.out, at)
	}
}

func (d *drawing) image(i *bot.Image) {
	if i == nil {
		return
	}
	u, ok := safeURL(i.URL)
	if !ok {
		d.add(escape(clean(i.Alt)))
		return
	}
	d.flush()
	d.out = append(d.out, attachment{Title: cut(clean(i.Alt), 200), Image: u})
}

func (d *drawing) preview(p *bot.Preview) {
	if p == nil {
		return
	}
	d.flush()
	for i, part := range p.Parts {
		at := attachment{Color: "#1d9bf0", Author: cut(clean(p.Name)+" (@"+clean(p.Account)+")", maxLabel), Text: escape(clean(part))}
		if u, ok := safeURL(p.Avatar); ok {
			at.Icon = u
		}
		if i < len(p.Counts) {
			at.Text += "\n" + wrap(fmt.Sprintf("%d of %d", p.Counts[i], p.Limit), "_")
		}
		d.out = append(d.out, at)
	}
}
