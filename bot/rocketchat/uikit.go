package rocketchat

import (
	"encoding/json"
	"strconv"
	"strings"

	"github.com/perch-chat/perch/bot"
)

// uiBlock is a block of Rocket.Chat's UI kit: as much of it as messages and
// forms of ours are drawn with. See https://github.com/RocketChat/fuselage and
// @rocket.chat/ui-kit.
type uiBlock struct {
	Type    string      `json:"type"`
	AppID   string      `json:"appId,omitempty"`
	BlockID string      `json:"blockId,omitempty"`
	Text    *uiText     `json:"text,omitempty"`
	Fields  []uiText    `json:"fields,omitempty"`
	Parts   []uiElement `json:"elements,omitempty"`
	Image   string      `json:"imageUrl,omitempty"`
	Alt     string      `json:"altText,omitempty"`

	// Of a form.
	Label    *uiText    `json:"label,omitempty"`
	Element  *uiElement `json:"element,omitempty"`
	Hint     *uiText    `json:"hint,omitempty"`
	Optional bool       `json:"optional,omitempty"`
}

type uiText struct {
	Type string `json:"type"` // plain_text or mrkdwn
	Text string `json:"text"`
}

// uiElement is a button, a field of a form, or a text or picture in small print.
type uiElement struct {
	Type     string          `json:"type"`
	AppID    string          `json:"appId,omitempty"`
	BlockID  string          `json:"blockId,omitempty"`
	ActionID string          `json:"actionId,omitempty"`
	Text     json.RawMessage `json:"text,omitempty"` // of a button a uiText, of small print a string
	Value    string          `json:"value,omitempty"`
	URL      string          `json:"url,omitempty"`
	Style    string          `json:"style,omitempty"`
	Image    string          `json:"imageUrl,omitempty"`
	Alt      string          `json:"altText,omitempty"`

	Hint    *uiText    `json:"placeholder,omitempty"`
	Initial string     `json:"initialValue,omitempty"`
	Lines   bool       `json:"multiline,omitempty"`
	Max     int        `json:"maxLength,omitempty"`
	Options []uiOption `json:"options,omitempty"`
}

type uiOption struct {
	Text  uiText `json:"text"`
	Value string `json:"value"`
}

func plainText(s string) *uiText { return &uiText{"plain_text", s} }
func markupText(s string) uiText { return uiText{"mrkdwn", s} }

// raw is how a value of ours is written; such values can always be.
func raw(v any) json.RawMessage {
	b, _ := json.Marshal(v) //nolint:errchkjson // texts of ours
	return b
}

// hasPress reports whether a message has a button that Perch is told of: only
// such are drawn with blocks, for all else shows better without.
func (c content) hasPress() bool {
	for _, at := range c.attachments {
		for _, b := range at.Actions {
			if b.Msg != "" {
				return true
			}
		}
	}
	return false
}

// blocks draws the whole of a message with blocks: where there are any, clients
// leave out the text, and some the attachments too.
func (a *Adapter) blocks(rid string, c content) []uiBlock {
	d := uiDrawing{press: func(said string) string { return a.appPress(rid, said) }}
	d.section(c.msg)
	for _, at := range c.attachments {
		if at.Author != "" {
			d.byline(at)
		}
		if at.Title != "" && at.Image == "" {
			d.section(wrap(escape(at.Title), "*"))
		}
		if at.Color != "" { // set off: somebody else's words
			d.section(quoted(at.Text))
		} else {
			d.section(at.Text)
		}
		d.fields(at.Fields)
		if at.Image != "" {
			d.add(uiBlock{Type: "image", Image: at.Image, Alt: at.Title})
		}
		d.actions(at.Actions)
	}
	return d.out
}

// uiDrawing is a row of blocks in the making.
type uiDrawing struct {
	out   []uiBlock
	press func(said string) string // the value of a button
}

func (d *uiDrawing) add(b uiBlock) {
	b.AppID, b.BlockID = AppID, "b"+strconv.Itoa(len(d.out))
	d.out = append(d.out, b)
}

func (d *uiDrawing) section(text string) {
	if strings.TrimSpace(text) != "" {
		t := markupText(text)
		d.add(uiBlock{Type: "section", Text: &t})
	}
}

func (d *uiDrawing) byline(at attachment) {
	b := uiBlock{Type: "context"}
	if at.Icon != "" {
		b.Parts = append(b.Parts, uiElement{Type: "image", Image: at.Icon, Alt: at.Author})
	}
	b.Parts = append(b.Parts, uiElement{Type: "plain_text", Text: raw(at.Author)})
	d.add(b)
}

func (d *uiDrawing) fields(list []field) {
	if len(list) == 0 {
		return
	}
	b := uiBlock{Type: "section"}
	for _, f := range list {
		b.Fields = append(b.Fields, markupText(wrap(escape(f.Title), "*")+"\n"+f.Value))
	}
	d.add(b)
}

// linkMark begins the IDs of buttons that open an address: the app keeps clicks
// on them to itself.
const linkMark = "link."

// actions are buttons. One that is pressed says the same as one that writes a
// message: what it said is read by press.
func (d *uiDrawing) actions(list []actionItem) {
	if len(list) == 0 {
		return
	}
	b := uiBlock{Type: "actions"}
	id := "b" + strconv.Itoa(len(d.out))
	for i, a := range list {
		e := uiElement{
			Type: "button", AppID: AppID, BlockID: id, ActionID: id + "." + strconv.Itoa(i), Text: raw(plainText(a.Text)), URL: a.URL,
		}
		if a.Msg != "" {
			e.Value = d.press(a.Msg)
		} else { // the client opens it, and tells the app too
			e.ActionID = linkMark + e.ActionID
		}
		if a.style == bot.ButtonPrimary || a.style == bot.ButtonDanger {
			e.Style = string(a.style) // the words are the same
		}
		b.Parts = append(b.Parts, e)
	}
	d.add(b)
}

// quoted sets markup off as somebody else's words.
func quoted(text string) string {
	if strings.TrimSpace(text) == "" {
		return ""
	}
	return "> " + strings.ReplaceAll(text, "\n", "\n> ")
}

// withoutApp draws a message's blocks with attachments, with buttons that work
// without the app. It says nothing where there are no such buttons in them.
func withoutApp(raw json.RawMessage) []attachment {
	var list []uiBlock
	if len(raw) == 0 || json.Unmarshal(raw, &list) != nil {
		return nil
	}
	var out []attachment
	for _, b := range list {
		if b.Type != "actions" {
			continue
		}
		at := attachment{Align: "horizontal"}
		for _, e := range b.Parts {
			var t uiText
			if e.Type != "button" || json.Unmarshal(e.Text, &t) != nil || t.Text == "" {
				continue
			}
			a := actionItem{Type: "button", Text: t.Text}
			_, said, _ := strings.Cut(e.Value, pressSeal)
			if _, ok := press(said); ok && e.AppID == AppID {
				a.Msg, a.InChat, a.Process = said, true, "sendMessage"
			} else if u, ok := safeURL(e.URL); ok {
				a.URL = u
			} else {
				continue
			}
			at.Actions = append(at.Actions, a)
		}
		if len(at.Actions) > 0 {
			out = append(out, at)
		}
	}
	if !(content{attachments: out}).hasPress() {
		return nil
	}
	return append([]attachment{{Text: goneMark}}, out...)
}

// goneMark stands over the buttons that replace those of an app that is gone.
// They may stay for a while after it came back.
const goneMark = "_The buttons above do not work at the moment. These do:_"
