package slack

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/slack-go/slack"

	"github.com/perch-chat/perch/bot"
)

// Limits of Block Kit. See https://docs.slack.dev/reference/block-kit/blocks
const (
	maxBlocks   = 50
	maxWords    = 12_000 // units of rich text in a message, under Slack's own unwritten bound
	maxPiece    = 3000   // of one text
	maxHeader   = 150
	maxFields   = 10
	maxField    = 2000
	maxElements = 10 // of a context
	maxButtons  = 25 // of one row
	maxLabel    = 75
	maxValue    = 2000
	maxID       = 255
	maxConfirm  = 300
	maxAlt      = 2000
	maxFallback = 3900 // Slack asks to stay below 4000
)

// content is a message as Slack takes it.
type content struct {
	text   string // escaped; for notifications and screen readers
	blocks []slack.Block
	images bool // there are pictures, which Slack may fail to fetch
}

// renderer turns messages into content. A name of an author is written as the
// first line where the installation can't show it as the sender.
type renderer struct {
	refs     refs
	byline   bool
	pictures bool
	most     int // blocks; 0 means those of a message
}

// message renders m. Its error is a *bot.Error: nothing was sent.
func (r renderer) message(m bot.Message) (content, error) {
	d := drawing{renderer: r, words: maxWords}
	if r.byline && m.Author != nil {
		d.author(*m.Author)
	}
	blocks := m.Blocks
	if len(blocks) == 0 {
		blocks = []bot.Block{bot.Para(bot.Plain(m.Text))}
	}
	if r.repeats(m, blocks) {
		blocks = blocks[1:]
	}
	before := len(d.out)
	for _, b := range blocks {
		d.block(b)
	}
	if d.err != nil {
		return content{}, d.err
	}
	if len(d.out) == before {
		return content{}, &bot.Error{Code: "no_text", Message: "The message is empty."}
	}
	most := r.most
	if most == 0 {
		most = maxBlocks
	}
	if len(d.out) > most {
		d.out = append(d.out[:most-1:most-1], contextBlock(words("… the rest does not fit into one message in Slack.")))
	}
	text := clean(m.Text)
	if strings.TrimSpace(text) == "" {
		text = "New message"
	}
	if r.byline && m.Author != nil {
		text = clean(m.Author.Name) + ": " + text
	}
	return content{text: cutEscaped(text, maxFallback), blocks: d.out, images: d.images}, nil
}

// repeats reports whether a message begins with a header that says no more than
// the sender's name above it.
func (r renderer) repeats(m bot.Message, blocks []bot.Block) bool {
	if r.byline || m.Author == nil || len(blocks) < 2 || blocks[0].Kind != bot.BlockHeader {
		return false
	}
	name := senderName(*m.Author)
	return name != "" && size(name) <= maxSender && strings.TrimSpace(clean(blocks[0].Text)) == name
}

// drawing is a message in the making.
type drawing struct {
	renderer
	out    []slack.Block
	words  int // units of rich text left
	images bool
	err    error
}

func (d *drawing) fail(code, message string) {
	if d.err == nil {
		d.err = &bot.Error{Code: code, Message: message}
	}
}

func (d *drawing) author(a bot.Author) {
	who := senderName(a)
	if who == "" {
		return
	}
	elements := []slack.MixedElement{words(cut(who, maxLabel))}
	if u, ok := safeURL(a.AvatarURL); ok && d.pictures {
		d.images = true
		elements = append([]slack.MixedElement{slack.NewImageBlockElement(u, cut(who, maxLabel))}, elements...)
	}
	d.out = append(d.out, slack.NewContextBlock("", elements...))
}

func (d *drawing) block(b bot.Block) {
	switch b.Kind {
	case bot.BlockHeader:
		if s := clean(b.Text); strings.TrimSpace(s) != "" {
			d.out = append(d.out, slack.NewHeaderBlock(words(cut(s, maxHeader))))
		}
	case bot.BlockText:
		d.rich(section, b.Spans)
	case bot.BlockQuote:
		d.rich(quote, b.Spans)
	case bot.BlockSteps:
		d.steps(b.Items)
	case bot.BlockFields:
		d.fields(b.Fields)
	case bot.BlockContext:
		d.context(b.Spans)
	case bot.BlockActions:
		d.actions(b.Buttons)
	case bot.BlockImage:
		d.image(b.Image)
	case bot.BlockPreview:
		d.preview(b.Preview)
	case bot.BlockDivider:
		d.out = append(d.out, slack.NewDividerBlock())
	default: // of a newer version: better its words than nothing
		if b.Text != "" {
			d.rich(section, []bot.Span{bot.Plain(b.Text)})
		}
		d.rich(section, b.Spans)
	}
}

func section(e []slack.RichTextSectionElement) slack.RichTextElement {
	return slack.NewRichTextSection(e...)
}

func quote(e []slack.RichTextSectionElement) slack.RichTextElement {
	return &slack.RichTextQuote{Type: slack.RTEQuote, Elements: e}
}

// rich writes spans as rich text, in as many blocks as it takes.
func (d *drawing) rich(wrap func([]slack.RichTextSectionElement) slack.RichTextElement, spans []bot.Span) {
	for _, elements := range d.elements(spans) {
		d.out = append(d.out, slack.NewRichTextBlock("", wrap(elements)))
	}
}

// elements turns spans into groups of elements that each fit into one block.
// What is beyond the whole message's bound is cut.
func (d *drawing) elements(spans []bot.Span) [][]slack.RichTextSectionElement {
	var groups [][]slack.RichTextSectionElement
	var group []slack.RichTextSectionElement
	used := 0
	put := func(e slack.RichTextSectionElement, n int) {
		if used+n > maxPiece && len(group) > 0 {
			groups, group, used = append(groups, group), nil, 0
		}
		group, used = append(group, e), used+n
		d.words -= n
	}
	for _, s := range spans {
		if d.words <= 0 {
			break
		}
		if e, n := d.element(s); e != nil {
			put(e, n)
			continue
		}
		text := clean(s.Text)
		if text == "" && s.URL != "" {
			text = clean(s.URL) // an address that must not be a link
		}
		if size(text) > d.words {
			text = cut(text, d.words)
		}
		for _, piece := range chunk(text, maxPiece) {
			put(slack.NewRichTextSectionTextElement(piece, style(s)), size(piece))
		}
	}
	if len(group) > 0 {
		groups = append(groups, group)
	}
	return groups
}

// element is the element of a span that is more than text, with its length.
func (d *drawing) element(s bot.Span) (slack.RichTextSectionElement, int) {
	const mention = 20
	if s.Mention != "" {
		id, ok := d.refs.userID(s.Mention)
		switch {
		case ok && id[0] == 'S':
			return slack.NewRichTextSectionUserGroupElement(id), mention
		case ok:
			return slack.NewRichTextSectionUserElement(id, style(s)), mention
		case s.Text == "":
			return slack.NewRichTextSectionTextElement("@…", style(s)), 2
		}
		return nil, 0
	}
	if s.Channel != "" {
		id, ok := d.refs.channelID(s.Channel)
		switch {
		case ok:
			return slack.NewRichTextSectionChannelElement(id, style(s)), mention
		case s.Text == "":
			return slack.NewRichTextSectionTextElement("#…", style(s)), 2
		}
		return nil, 0
	}
	if s.URL == "" {
		return nil, 0
	}
	u, ok := safeURL(s.URL)
	if !ok {
		return nil, 0
	}
	text := cut(clean(s.Text), maxPiece)
	return slack.NewRichTextSectionLinkElement(u, text, style(s)), max(size(text), mention)
}

func style(s bot.Span) *slack.RichTextSectionTextStyle {
	if !s.Bold && !s.Italic && !s.Code && !s.Strike {
		return nil
	}
	return &slack.RichTextSectionTextStyle{Bold: s.Bold, Italic: s.Italic, Code: s.Code, Strike: s.Strike}
}

func (d *drawing) steps(items [][]bot.Span) {
	list := slack.NewRichTextList(slack.RTEListOrdered, 0)
	for _, item := range items {
		for i, elements := range d.elements(item) {
			if i > 0 { // an item that is too long for a block goes on without a number
				d.flush(list)
				list = slack.NewRichTextList(slack.RTEListOrdered, 0)
				d.out = append(d.out, slack.NewRichTextBlock("", slack.NewRichTextSection(elements...)))
				continue
			}
			list.Elements = append(list.Elements, slack.NewRichTextSection(elements...))
		}
	}
	d.flush(list)
}

func (d *drawing) flush(list *slack.RichTextList) {
	if len(list.Elements) > 0 {
		d.out = append(d.out, slack.NewRichTextBlock("", list))
	}
}

// labelRE is a label that looks like one: only those are bold.
var labelRE = regexp.MustCompile(`^[\p{L}\p{N}](?:[\p{L}\p{N} .,'()/-]{0,58}[\p{L}\p{N}.)])?$`)

// fields are in two columns where nothing in them could be read as markup,
// else one below the other.
func (d *drawing) fields(fields []bot.Field) {
	columns := make([]*slack.TextBlockObject, 0, len(fields))
	for _, f := range fields {
		label := clean(f.Label)
		value, ok := d.mrkdwn(f.Value)
		text := "*" + escape(label) + "*\n" + value
		if !ok || value == "" || !labelRE.MatchString(label) || size(text) > maxField {
			columns = nil
			break
		}
		columns = append(columns, marked(text))
	}
	if columns != nil {
		for len(columns) > 0 {
			n := min(len(columns), maxFields)
			d.out = append(d.out, slack.NewSectionBlock(nil, columns[:n], nil))
			columns = columns[n:]
		}
		return
	}
	var lines []bot.Span
	for i, f := range fields {
		if i > 0 {
			lines = append(lines, bot.Plain("\n"))
		}
		lines = append(lines, bot.Span{Text: f.Label, Bold: labelRE.MatchString(f.Label)}, bot.Plain(": "))
		lines = append(lines, f.Value...)
	}
	d.rich(section, lines)
}

// context is small print. Rich text can't be small, so it is written as plain
// text, or as mrkdwn where nothing in it could be read as markup.
func (d *drawing) context(spans []bot.Span) {
	var text strings.Builder
	special := false
	for _, s := range spans {
		special = special || s.Bold || s.Italic || s.Code || s.Strike || s.URL != "" || s.Mention != "" || s.Channel != ""
		text.WriteString(clean(s.Text))
	}
	if !special {
		if strings.TrimSpace(text.String()) == "" {
			return
		}
		var elements []slack.MixedElement
		for _, piece := range chunk(text.String(), maxPiece) {
			elements = append(elements, words(piece))
		}
		d.out = append(d.out, slack.NewContextBlock("", elements[:min(len(elements), maxElements)]...))
		return
	}
	if s, ok := d.mrkdwn(spans); ok && s != "" && size(s) <= maxPiece {
		d.out = append(d.out, contextBlock(marked(s)))
		return
	}
	d.rich(section, spans)
}

var emojiRE = regexp.MustCompile(`:[\w+'-]+:`)

// inert reports whether Slack would show a text in mrkdwn as it is, once it is escaped.
func inert(s string) bool {
	if strings.ContainsAny(s, "*~`\n") || emojiRE.MatchString(s) {
		return false
	}
	// A _ restyles only at a word's edge, and handles are full of them.
	for i, c := range []byte(s) {
		if c == '_' && (i == 0 || i == len(s)-1 || !wordByte(s[i-1]) || !wordByte(s[i+1])) {
			return false
		}
	}
	return !strings.HasPrefix(strings.TrimSpace(s), ">")
}

func wordByte(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '_'
}

// mrkdwn writes spans as mrkdwn. It says false if they hold anything that
// Slack could read as markup of its own, or a style that can't be written so.
func (d *drawing) mrkdwn(spans []bot.Span) (string, bool) {
	var b strings.Builder
	for _, s := range spans {
		text := clean(s.Text)
		if !inert(text) || s.Italic || s.Code || s.Strike {
			return "", false
		}
		if s.Bold && (text == "" || strings.TrimSpace(text) != text) {
			return "", false
		}
		e, _ := d.element(s)
		out := escape(text)
		switch e := e.(type) {
		case nil:
		case *slack.RichTextSectionUserElement:
			out = "<@" + e.UserID + ">"
		case *slack.RichTextSectionUserGroupElement:
			out = "<!subteam^" + e.UsergroupID + ">"
		case *slack.RichTextSectionChannelElement:
			out = "<#" + e.ChannelID + ">"
		case *slack.RichTextSectionLinkElement:
			if strings.Contains(text, "|") {
				return "", false
			}
			out = "<" + escape(e.URL) + ">"
			if text != "" {
				out = "<" + escape(e.URL) + "|" + escape(text) + ">"
			}
		default:
			return "", false
		}
		if s.Bold {
			out = "*" + out + "*"
		}
		b.WriteString(out)
	}
	// Runs that are harmless alone may not be so side by side.
	return b.String(), !emojiRE.MatchString(strings.ReplaceAll(b.String(), "://", ""))
}

// marked is a mrkdwn object in which Slack looks for no links of its own.
func marked(s string) *slack.TextBlockObject {
	return &slack.TextBlockObject{Type: slack.MarkdownType, Text: s, Verbatim: true}
}

// words is a text that Slack shows as it is, the colons of emoji names too.
func words(s string) *slack.TextBlockObject {
	return slack.NewTextBlockObject(slack.PlainTextType, s, false, false)
}

func contextBlock(t *slack.TextBlockObject) *slack.ContextBlock { return slack.NewContextBlock("", t) }

// openMark begins the action ID of a button that only opens an address, repeatMark
// separates what makes an ID unique in its row.
const (
	openMark   = "open#"
	repeatMark = "#"
)

func (d *drawing) actions(buttons []bot.Button) {
	seen := map[string]int{}
	var row []slack.BlockElement
	for _, b := range buttons {
		label := strings.TrimSpace(clean(b.Label))
		if label == "" {
			continue
		}
		id := b.ID
		u, ok := safeURL(b.URL)
		if b.URL != "" {
			if !ok {
				continue
			}
			id = openMark + id
		}
		seen[id]++
		if n := seen[id]; n > 1 {
			id += repeatMark + strconv.Itoa(n)
		}
		if id == "" || size(id) > maxID || size(b.Value) > maxValue {
			d.fail("invalid_button", fmt.Sprintf("The button %q does not fit into Slack.", cut(label, maxLabel)))
			return
		}
		e := slack.NewButtonBlockElement(id, b.Value, words(cut(label, maxLabel)))
		e.URL = u
		switch b.Style {
		case bot.ButtonPrimary:
			e.Style = slack.StylePrimary
		case bot.ButtonDanger:
			e.Style = slack.StyleDanger
		case bot.ButtonPlain:
		}
		if q := strings.TrimSpace(clean(b.Confirm)); q != "" {
			e.Confirm = slack.NewConfirmationBlockObject(words("Are you sure?"), words(cut(q, maxConfirm)), words("Yes"), words("No"))
		}
		if row = append(row, e); len(row) == maxButtons {
			d.out = append(d.out, slack.NewActionBlock("", row...))
			row, seen = nil, map[string]int{}
		}
	}
	if len(row) > 0 {
		d.out = append(d.out, slack.NewActionBlock("", row...))
	}
}

func (d *drawing) image(im *bot.Image) {
	if im == nil {
		return
	}
	alt := cut(clean(im.Alt), maxAlt)
	if strings.TrimSpace(alt) == "" {
		alt = "Picture"
	}
	u, ok := safeURL(im.URL)
	if !ok || !d.pictures {
		d.rich(section, []bot.Span{bot.Link(alt, im.URL)})
		return
	}
	d.images = true
	d.out = append(d.out, slack.NewImageBlock(u, alt, "", nil))
}
