package rocketchat

import (
	"regexp"
	"strings"

	"github.com/perch-chat/perch/bot"
)

// shortcodeRE finds the names that Rocket.Chat's picker of emoji writes in place
// of the characters.
var shortcodeRE = regexp.MustCompile(`:([a-z0-9_+-]+):`)

// emojify writes the usual emoji as characters. X shows the names of others as
// they are.
func emojify(s string) string {
	if strings.Count(s, ":") < 2 {
		return s
	}
	var b strings.Builder
	from := 0
	for _, at := range shortcodeRE.FindAllStringSubmatchIndex(s, -1) {
		// In 10:30:00, http://a:80:b and http://a/:b: nothing is an emoji.
		if at[0] > 0 && (isWord(rune(s[at[0]-1])) || s[at[0]-1] == '/') || at[1] < len(s) && isWord(rune(s[at[1]])) {
			continue
		}
		name, tone, toned := strings.Cut(s[at[2]:at[3]], "_tone")
		e := emoji(name)
		if e == "" {
			continue
		}
		if n := strings.Index("12345", tone); toned && tone != "" && n >= 0 {
			e = strings.TrimSuffix(e, "\uFE0F") + string(rune(0x1F3FB+n))
		}
		b.WriteString(s[from:at[0]])
		b.WriteString(e)
		from = at[1]
	}
	b.WriteString(s[from:])
	return b.String()
}

// emoji is the character of an emoji, by one of the names that Rocket.Chat has
// for it: those of JoyPixels, of which many are every chat's.
func emoji(name string) string {
	if e := bot.Emoji(name); e != "" {
		return e
	}
	if land, ok := strings.CutPrefix(name, "flag_"); ok && len(land) == 2 && isLetter(land[0]) && isLetter(land[1]) {
		return string([]rune{regional + rune(land[0]), regional + rune(land[1])})
	}
	_, rest, ok := strings.Cut(emojiNames, " "+name+"=")
	if !ok {
		return ""
	}
	e, _, _ := strings.Cut(rest, " ")
	return e
}

// regional is how far the letters that make a flag are from the small ones.
const regional = 0x1F1E6 - 'a'

func isLetter(b byte) bool { return 'a' <= b && b <= 'z' }
