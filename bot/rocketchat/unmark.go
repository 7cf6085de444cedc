package rocketchat

import (
	"regexp"
	"strings"
)

// Marks of Rocket.Chat's messages. Only what the chat shows as a style is
// taken away: 2*3*4 and a_b stay.
var (
	fenceRE  = regexp.MustCompile("(?s)```(?:[a-zA-Z0-9+#.-]*\n)?(.*?)\n?```") // a language stands alone in its line
	inlineRE = regexp.MustCompile("`([^`\n]+)`")
	linkRE   = regexp.MustCompile(`!?\[([^\]\n]*)\]\(((?:https?://|mailto:|tel:)[^)\s]+)\)`)
	angleRE  = regexp.MustCompile(`<(https?://[^|>\s]+)\|([^>\n]+)>`)
	headRE   = regexp.MustCompile(`(?m)^#{1,6} +`)
	markedRE = regexp.MustCompile(`(^|[\s(\["'>])(\*\*|\*|__|_|~~|~|\|\|)(\S|\S[^\n]*?\S)(\*\*|\*|__|_|~~|~|\|\|)($|[\s)\].,;:!?"'<])`)
	slashRE  = regexp.MustCompile("\\\\([*_~`#])")
	permaRE  = regexp.MustCompile(`^(?:\[ \]\(https?://[^)\s]+\)\s*)+`)         // quoted messages, in front of the words
	unseenRE = regexp.MustCompile(`(^|[^!])(?:\[ *\]\(https?://[^)\s]+\)\s*)+`) // links without a word: nobody sees them
)

// unmark turns what an agent wrote into plain text: X shows marks as they are.
// Where a message is quoted, that is a link into the workspace which shows
// nothing there, and is none of the customer's business.
func unmark(s string) string {
	s = permaRE.ReplaceAllString(strings.ReplaceAll(s, joiner, ""), "")
	var kept []string // code is not looked into
	keep := func(code string) string {
		kept = append(kept, code)
		return "\x00" + string(rune(0xE000+len(kept)-1)) + "\x00"
	}
	s = fenceRE.ReplaceAllStringFunc(s, func(m string) string { return keep(fenceRE.FindStringSubmatch(m)[1]) })
	s = inlineRE.ReplaceAllStringFunc(s, func(m string) string { return keep(inlineRE.FindStringSubmatch(m)[1]) })
	s = unseenRE.ReplaceAllString(s, "$1")
	s = linkRE.ReplaceAllStringFunc(s, func(m string) string {
		p := linkRE.FindStringSubmatch(m)
		to := strings.TrimPrefix(strings.TrimPrefix(p[2], "mailto:"), "tel:")
		if label := strings.TrimSpace(p[1]); label != "" && label != to {
			return label + " (" + to + ")"
		}
		return to
	})
	s = angleRE.ReplaceAllString(s, "$2 ($1)")
	s = headRE.ReplaceAllString(s, "")
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
