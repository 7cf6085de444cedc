package slack

import (
	"regexp"
	"strings"

	"github.com/perch-chat/perch/bot"
)

var shortcodeRE = regexp.MustCompile(`:([a-z0-9_+'-]+):(?::skin-tone-[2-6]:)?`)

// emojify writes the usual emoji as characters. Others keep their names: the
// whole table belongs to Slack, which sends the character beside the name in
// all that people write with its own editor.
func emojify(s string) string {
	if strings.Count(s, ":") < 2 {
		return s
	}
	return shortcodeRE.ReplaceAllStringFunc(s, func(m string) string {
		name, _, _ := strings.Cut(m[1:], ":")
		if e := bot.Emoji(name); e != "" {
			return e
		}
		return m
	})
}
