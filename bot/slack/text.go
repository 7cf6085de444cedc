package slack

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/perch-chat/perch/bot"
)

// Slack's three entities, and back.
//
//nolint:gochecknoglobals // neither changes
var (
	entities     = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;")
	fromEntities = strings.NewReplacer("&lt;", "<", "&gt;", ">", "&amp;", "&")
)

// size is the length of a text as Slack's limits count it, at the worst: in
// UTF-16 units, so that an emoji counts double.
func size(s string) int {
	n := 0
	for _, r := range s {
		n += max(utf16.RuneLen(r), 1)
	}
	return n
}

// cut shortens a text to n units, with an ellipsis as the last one.
func cut(s string, n int) string {
	if len(s) <= n || size(s) <= n {
		return s
	}
	head, _ := splitAt(s, n-1)
	return head + "…"
}

// splitAt returns the longest beginning of at most n units, and the rest.
func splitAt(s string, n int) (head, rest string) {
	units := 0
	for i, r := range s {
		units += max(utf16.RuneLen(r), 1)
		if units > n {
			return s[:i], s[i:]
		}
	}
	return s, ""
}

// chunk splits a text into pieces of at most n units, after a line or a word
// where there is one in the last half.
func chunk(s string, n int) []string {
	var out []string
	for size(s) > n {
		head, rest := splitAt(s, n)
		at := strings.LastIndexByte(head, '\n')
		if at < len(head)/2 {
			at = strings.LastIndexByte(head, ' ')
		}
		if at >= len(head)/2 {
			head, rest = s[:at+1], s[at+1:]
		}
		out = append(out, head)
		s = rest
	}
	if s != "" {
		out = append(out, s)
	}
	return out
}

// clean is [bot.Clean].
func clean(s string) string { return bot.Clean(s) }

// escape writes the three characters that Slack reads as markup in a text or a
// mrkdwn object. It never escapes more: Slack unescapes only these.
func escape(s string) string {
	return entities.Replace(s)
}

// cutEscaped escapes a text and cuts the result to n units, never in an entity.
func cutEscaped(s string, n int) string {
	if e := escape(s); size(e) <= n {
		return e
	}
	var b strings.Builder
	units := 1 // the ellipsis
	for _, r := range s {
		e := escape(string(r))
		units += size(e)
		if units > n {
			break
		}
		b.WriteString(e)
	}
	return b.String() + "…"
}

func unescape(s string) string {
	return fromEntities.Replace(s)
}

// safeURL returns the address if it is one that a person may be sent to.
func safeURL(s string) (string, bool) {
	if len(s) > 3000 || strings.ContainsFunc(s, func(r rune) bool {
		return unicode.IsSpace(r) || unicode.IsControl(r) || r == '<' || r == '>' || r == '|' || r == '"' || !utf8.ValidRune(r)
	}) {
		return "", false
	}
	u, err := url.Parse(s)
	if err != nil || u.Host == "" || u.User != nil || u.Scheme != "http" && u.Scheme != "https" {
		return "", false
	}
	return s, true
}

// The kinds of those whom a text can mention by ID.
const (
	namesUser    = '@'
	namesChannel = '#'
	namesGroup   = '&'
)

// names tells the names of those whom a text mentions by ID. look returns ""
// if it knows none: an ID means nothing to people. found is told of each that
// was found, as it stands in the text. Both may be nil.
type names struct {
	look  func(kind byte, id string) string
	found func(kind byte, id, text string)
}

// of is what people see of a mention. The label is what Slack wrote beside it,
// a person's handle.
func (n names) of(kind byte, id, label string) string {
	mark := string(kind)
	if kind == namesGroup {
		mark = "@"
	}
	name := ""
	if n.look != nil {
		name = n.look(kind, id)
	}
	if name = strings.TrimPrefix(orWord(name, label), mark); name == "" {
		name = "…"
	}
	if n.found != nil {
		n.found(kind, id, mark+name)
	}
	return mark + name
}

// plain returns what a person wrote, out of the text that Slack made of it.
func plain(s string, n names) string {
	var b strings.Builder
	for s != "" {
		open := strings.IndexByte(s, '<')
		if open < 0 {
			break
		}
		shut := strings.IndexByte(s[open:], '>')
		if shut < 0 {
			break
		}
		b.WriteString(unescape(s[:open]))
		b.WriteString(token(s[open+1:open+shut], n))
		s = s[open+shut+1:]
	}
	b.WriteString(unescape(s))
	return emojify(b.String())
}

// token is what people see of what Slack put between angle brackets.
func token(s string, n names) string {
	target, label, _ := strings.Cut(s, "|")
	target, label = unescape(target), unescape(label)
	if target == "" {
		return label
	}
	switch target[0] {
	case '@', '#':
		return n.of(target[0], target[1:], label)
	case '!':
		name, id, _ := strings.Cut(target[1:], "^")
		switch {
		case name == "subteam":
			return n.of(namesGroup, id, label)
		case name == "date" && label != "":
			return label
		case label != "":
			return "@" + strings.TrimPrefix(label, "@")
		}
		return "@" + name
	}
	return link(target, label)
}

// link is what people wrote where Slack made a link: the address itself, or
// the words with the address behind them.
func link(target, label string) string {
	bare := strings.TrimSuffix(target, "/")
	for _, scheme := range []string{"https://", "http://", "mailto:", "tel:"} {
		if strings.TrimSuffix(label, "/") == strings.TrimPrefix(bare, scheme) {
			return label
		}
	}
	switch label {
	case "", target:
		return target
	}
	return label + " (" + target + ")"
}

// richText is a rich_text block or a part of one, as far as its words go.
// Unknown parts stay readable: only their text counts.
type richText struct {
	Type     string     `json:"type"`
	Elements []richText `json:"elements"`
	Style    any        `json:"style"` // a string for lists, an object for text
	Offset   int        `json:"offset"`
	Indent   int        `json:"indent"`

	Text    string `json:"text"`
	URL     string `json:"url"`
	User    string `json:"user_id"`
	Channel string `json:"channel_id"`
	Group   string `json:"usergroup_id"`
	Name    string `json:"name"`
	Unicode string `json:"unicode"`
	Range   string `json:"range"`
	Fall    string `json:"fallback"`
}

// plainBlocks returns the words of a person's message out of its blocks. It
// says false if they aren't what the person's own editor makes.
func plainBlocks(raw json.RawMessage, n names) (string, bool) {
	if len(raw) == 0 {
		return "", false
	}
	var blocks []richText
	if err := json.Unmarshal(raw, &blocks); err != nil || len(blocks) == 0 {
		return "", false
	}
	var b strings.Builder
	for _, block := range blocks {
		if block.Type != "rich_text" {
			return "", false
		}
		for _, e := range block.Elements {
			newline(&b)
			e.write(&b, n)
		}
	}
	return strings.TrimRight(b.String(), "\n"), true
}

func newline(b *strings.Builder) {
	if s := b.String(); s != "" && !strings.HasSuffix(s, "\n") {
		b.WriteByte('\n')
	}
}

func (e richText) write(b *strings.Builder, n names) {
	switch e.Type {
	case "rich_text_list":
		for i, item := range e.Elements {
			newline(b)
			mark := "• "
			if e.Style == "ordered" {
				mark = strconv.Itoa(e.Offset+i+1) + ". "
			}
			b.WriteString(strings.Repeat("  ", min(max(e.Indent, 0), 8)) + mark)
			item.write(b, n)
		}
	case "rich_text_quote":
		var in strings.Builder
		e.parts(&in, n)
		for i, line := range strings.Split(strings.TrimRight(in.String(), "\n"), "\n") {
			if i > 0 {
				b.WriteByte('\n')
			}
			b.WriteString("> " + line)
		}
	case "user":
		b.WriteString(n.of(namesUser, e.User, ""))
	case "channel":
		b.WriteString(n.of(namesChannel, e.Channel, ""))
	case "usergroup":
		b.WriteString(n.of(namesGroup, e.Group, ""))
	case "broadcast":
		b.WriteString("@" + e.Range)
	case "emoji":
		b.WriteString(emojiText(e.Name, e.Unicode))
	case "link":
		b.WriteString(link(e.URL, e.Text))
	case "date":
		b.WriteString(e.Fall)
	case "text":
		b.WriteString(e.Text)
	default:
		b.WriteString(e.Text)
		e.parts(b, n)
	}
}

func (e richText) parts(b *strings.Builder, n names) {
	for _, p := range e.Elements {
		p.write(b, n)
	}
}

// emojiText is an emoji as a character, or its name between colons if it is
// one of the workspace's own.
func emojiText(name, hex string) string {
	var b strings.Builder
	for part := range strings.SplitSeq(hex, "-") {
		c, err := strconv.ParseUint(part, 16, 32)
		if err != nil || c == 0 || c > unicode.MaxRune || !utf8.ValidRune(rune(c)) {
			return emojify(fmt.Sprintf(":%s:", name))
		}
		b.WriteRune(rune(c))
	}
	return b.String()
}
