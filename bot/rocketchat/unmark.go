package rocketchat

import (
	"regexp"
	"strings"
)

// Marks of Rocket.Chat's messages. Only what the chat shows as a style is
// taken away: 2*3*4 and a_b stay.
var (
	fenceRE  = regexp.MustCompile("(?s)```[a-zA-Z0-9]*\n?(.*?)\n?```")
	inlineRE = regexp.MustCompile("`([^`\n]+)`")
	linkRE   = regexp.MustCompile(`!?\[([^\]\n]*)\]\((https?://[^)\s]+)\)`)
	angleRE  = regexp.MustCompile(`<(https?://[^|>\s]+)\|([^>\n]+)>`)
	headRE   = regexp.MustCompile(`(?m)^#{1,6} +`)
	quoteRE  = regexp.MustCompile(`(?m)^> ?`)
	markedRE = regexp.MustCompile(`(^|[\s(\["'>])(\*\*|\*|__|_|~~|~)(\S|\S[^\n]*?\S)(\*\*|\*|__|_|~~|~)($|[\s)\].,;:!?"'<])`)
	slashRE  = regexp.MustCompile("\\\\([*_~`#])")
	permaRE  = regexp.MustCompile(`^\[ \]\(https?://[^)\s]+\)\s*`) // a quoted message, in front of the words
)

// unmark turns what an agent wrote into plain text: X shows marks as they are.
func unmark(s string) string {
	s = permaRE.ReplaceAllString(strings.ReplaceAll(s, joiner, ""), "")
	var kept []string // code is not looked into
	keep := func(code string) string {
		kept = append(kept, code)
		return "\x00" + string(rune(0xE000+len(kept)-1)) + "\x00"
	}
	s = fenceRE.ReplaceAllStringFunc(s, func(m string) string { return keep(fenceRE.FindStringSubmatch(m)[1]) })
	s = inlineRE.ReplaceAllStringFunc(s, func(m string) string { return keep(inlineRE.FindStringSubmatch(m)[1]) })
	s = linkRE.ReplaceAllStringFunc(s, func(m string) string {
		p := linkRE.FindStringSubmatch(m)
		if label := strings.TrimSpace(p[1]); label != "" && label != p[2] {
			return label + " (" + p[2] + ")"
		}
		return p[2]
	})
	s = angleRE.ReplaceAllString(s, "$2 ($1)")
	s = headRE.ReplaceAllString(s, "")
	s = quoteRE.ReplaceAllString(s, "")
	for range 4 { // styles within styles, and neighbours that share a space
		was := s
		s = markedRE.ReplaceAllStringFunc(s, func(m string) string {
			p := markedRE.FindStringSubmatch(m)
			if p[2] != p[4] {
				return m
			}
			return p[1] + p[3] + p[5]
		})
		if s == was {
			break
		}
	}
	s = emojify(slashRE.ReplaceAllString(s, "$1"))
	for i, code := range kept {
		s = strings.Replace(s, "\x00"+string(rune(0xE000+i))+"\x00", code, 1)
	}
	return strings.TrimSpace(strings.ReplaceAll(s, "\x00", ""))
}
