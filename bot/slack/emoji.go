package slack

import (
	"regexp"
	"strings"
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
		if e := common(name); e != "" {
			return e
		}
		return m
	})
}

// common is the character of a usual emoji.
func common(name string) string {
	switch name {
	case "+1", "thumbsup":
		return "👍"
	case "-1", "thumbsdown":
		return "👎"
	case "slightly_smiling_face":
		return "🙂"
	case "smile":
		return "😄"
	case "smiley":
		return "😃"
	case "grinning":
		return "😀"
	case "grin":
		return "😁"
	case "blush":
		return "😊"
	case "wink":
		return "😉"
	case "joy":
		return "😂"
	case "sweat_smile":
		return "😅"
	case "heart_eyes":
		return "😍"
	case "thinking_face":
		return "🤔"
	case "disappointed":
		return "😞"
	case "cry":
		return "😢"
	case "sob":
		return "😭"
	case "heart":
		return "❤️"
	case "pray":
		return "🙏"
	case "clap":
		return "👏"
	case "wave":
		return "👋"
	case "ok_hand":
		return "👌"
	case "muscle":
		return "💪"
	case "raised_hands":
		return "🙌"
	case "eyes":
		return "👀"
	case "tada":
		return "🎉"
	case "rocket":
		return "🚀"
	case "fire":
		return "🔥"
	case "sparkles":
		return "✨"
	case "star":
		return "⭐"
	case "100":
		return "💯"
	case "white_check_mark":
		return "✅"
	case "heavy_check_mark":
		return "✔️"
	case "x":
		return "❌"
	case "warning":
		return "⚠️"
	case "lock":
		return "🔒"
	case "hourglass_flowing_sand":
		return "⏳"
	case "rotating_light":
		return "🚨"
	case "bulb":
		return "💡"
	case "bug":
		return "🐛"
	case "point_right":
		return "👉"
	case "information_source":
		return "ℹ️"
	}
	return ""
}
