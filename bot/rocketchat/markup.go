package rocketchat

import (
	"net/url"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/perch-chat/perch/bot"
)

// joiner is the word joiner: it shows nothing, and what stands on its two sides
// is no markup any more. It is used where the markup of Rocket.Chat has no
// escape of its own.
const joiner = "\u2060"

// clean is [bot.Clean].
func clean(s string) string { return bot.Clean(s) }

// addressRE finds the addresses in a text, as far as nothing in them could be
// markup: they are left as they are, or they would lead elsewhere.
var addressRE = regexp.MustCompile(`https?://[A-Za-z0-9](?:[A-Za-z0-9./?=&%_~#,;:+-]*[A-Za-z0-9/_])?`)

// escape writes a text so that Rocket.Chat shows it as it is: nobody is
// mentioned, nothing is formatted, and no words lead elsewhere than they say.
// See @rocket.chat/message-parser, which judges it in the tests.
func escape(s string) string {
	var b strings.Builder
	b.Grow(len(s) + len(s)/8)
	from := 0
	for _, at := range addressRE.FindAllStringIndex(s, -1) {
		if at[0] > 0 && !strings.ContainsRune(" \n\t(", rune(s[at[0]-1])) {
			continue // part of something else
		}
		if at[1] < len(s) && !strings.ContainsRune(" \n\t.,;:!?)", rune(s[at[1]])) {
			continue
		}
		plain(&b, s[from:at[0]])
		b.WriteString(s[at[0]:at[1]])
		from = at[1]
	}
	plain(&b, s[from:])
	return b.String()
}

func isWord(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) }

// plain escapes what is no address.
func plain(b *strings.Builder, s string) {
	start := b.Len() == 0 || strings.HasSuffix(b.String(), "\n") // of a line
	before := '\n'
	if !start {
		before = ' '
	}
	// The name is an address too, which leads out of the workspace.
	s = strings.ReplaceAll(s, "Rocket.Chat", "Rocket."+joiner+"Chat")
	for i, r := range s {
		next, _ := utf8.DecodeRuneInString(s[i+utf8.RuneLen(r):])
		switch r {
		case '_':
			if !isWord(before) || !isWord(next) { // a_b is no markup, and in an address it would be wrong
				b.WriteByte('\\')
			}
			b.WriteRune(r)
		case '*', '~', '`', '#':
			b.WriteByte('\\')
			b.WriteRune(r)
		case '\\', '@', '<', '[', '!', '|':
			b.WriteRune(r)
			b.WriteString(joiner)
		case ']':
			b.WriteString(joiner + "]" + joiner)
		case ':':
			b.WriteRune(r)
			if next != '/' && !unicode.IsSpace(next) && next != utf8.RuneError { // an emoji's name follows at once
				b.WriteString(joiner)
			}
		case '>', '-', '+', '=':
			if start || r == '+' {
				b.WriteString(joiner)
			}
			b.WriteRune(r)
		case ' ', '\t':
			// Below a message a line that is set in is code. There, and there alone,
			// text is read as Markdown, by marked.
			if start && before == '\n' && (r == '\t' || next == ' ' || next == '\t') {
				b.WriteString(joiner)
			}
			b.WriteRune(r)
		case '.', ')':
			if start && unicode.IsDigit(before) {
				b.WriteString(joiner) // or the line would be the item of a list
			}
			b.WriteRune(r)
		default:
			b.WriteRune(r)
		}
		start = r == '\n' || start && (unicode.IsDigit(r) || unicode.IsSpace(r))
		before = r
	}
}

// safeURL is an address that may stand in a link.
func safeURL(s string) (string, bool) {
	u, err := url.Parse(s)
	if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" || strings.ContainsAny(s, " <>|\"\\^`{}\n\t") {
		return "", false
	}
	return strings.NewReplacer("(", "%28", ")", "%29", "[", "%5B", "]", "%5D", "$", "%24").Replace(u.String()), true
}

// nameRE is what may stand behind an @: anything else would be no name there.
var nameRE = regexp.MustCompile(`^[\p{L}\p{N}][\p{L}\p{N}._-]{0,99}$`)

// spans writes runs of text as markup. who gives a person's username.
func spans(list []bot.Span, who func(bot.UserRef) string, room func(bot.ChannelRef) string) string {
	var b strings.Builder
	for _, s := range list {
		b.WriteString(span(s, who, room))
	}
	return b.String()
}

func span(s bot.Span, who func(bot.UserRef) string, room func(bot.ChannelRef) string) string {
	switch {
	case s.Mention != "":
		if name := who(s.Mention); nameRE.MatchString(name) {
			return "@" + name
		}
		return "somebody"
	case s.Channel != "":
		if name := room(s.Channel); name != "" {
			return "#" + name
		}
		return "a room"
	}
	text := clean(s.Text)
	if s.Code {
		return code1(text)
	}
	out := escape(text)
	if s.URL != "" {
		u, ok := safeURL(s.URL)
		if !ok {
			return out
		}
		label, ok := within(strings.ReplaceAll(out, "\n", " "))
		if !ok {
			return out + " (" + u + ")"
		}
		if strings.TrimSpace(label) == "" {
			label = "link"
		}
		return "[" + label + "](" + u + ")"
	}
	inside, ok := within(out)
	if !ok || s.Italic && strings.Contains(inside, "_") {
		return out // better plain than with marks that show
	}
	for _, style := range []struct {
		on   bool
		mark string
	}{{s.Bold, "*"}, {s.Italic, "_"}, {s.Strike, "~"}} {
		if style.on {
			inside = wrap(inside, style.mark)
			out = inside
		}
	}
	return out
}

// within makes an escaped text one that may stand within a style or a link:
// there a backslash escapes nothing and shows. Where it can't be one, ok is
// false, and the marks that would count are left out.
func within(s string) (out string, ok bool) {
	s = strings.ReplaceAll(s, `\#`, "#"+joiner)
	out = escapeRE.ReplaceAllString(s, "")
	if slices.ContainsFunc(addressRE.FindAllString(s, -1), edgeRE.MatchString) {
		return out, false
	}
	return out, out == s
}

var (
	escapeRE = regexp.MustCompile("\\\\[*_~`]")
	edgeRE   = regexp.MustCompile(`\W_|_\W|_$|~`)
)

// heading is a text as a heading, in which nothing is markup for readers. The
// server still looks for names in it.
func heading(s string) string {
	return strings.NewReplacer("\n", " ", "@", "@"+joiner, "#", "#"+joiner).Replace(s)
}

// prices writes dollar signs so that no two of them have a formula between them,
// for workspaces that read them so. That has no escape: the sign is another one,
// which looks like it.
func prices(s string) string {
	if strings.Count(s, "$") < 2 {
		return s
	}
	return strings.ReplaceAll(s, "$", "\uFF04")
}

// codeNameRE finds the names in a run of code, in which the server looks for
// them all the same: it would call everybody.
var codeNameRE = regexp.MustCompile(`([\s>])([@#])`)

// code1 is a run of code: one line, in which nothing is markup but its own mark.
func code1(text string) string {
	text = strings.NewReplacer("`", "'", "\n", " ").Replace(text)
	text = codeNameRE.ReplaceAllString(text, "${1}${2}"+joiner)
	if strings.TrimSpace(text) == "" {
		return text
	}
	return "`" + text + "`"
}

// wrap puts a mark around the words, not around the space beside them: a mark
// beside a space is none.
func wrap(s, mark string) string {
	trimmed := strings.TrimSpace(s)
	if trimmed == "" || strings.Contains(trimmed, "\n") {
		return s
	}
	i := strings.Index(s, trimmed)
	return s[:i] + mark + trimmed + mark + s[i+len(trimmed):]
}
