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

// emoji is the character of a usual emoji, by the names that Rocket.Chat has for
// them: those of JoyPixels, of which many are every chat's.
func emoji(name string) string {
	if e := bot.Emoji(name); e != "" {
		return e
	}
	switch name {
	case "laughing", "satisfied":
		return "😆"
	case "rofl", "rolling_on_the_floor_laughing":
		return "🤣"
	case "slight_smile":
		return "🙂"
	case "upside_down", "upside_down_face":
		return "🙃"
	case "innocent":
		return "😇"
	case "star_struck":
		return "🤩"
	case "kissing_heart":
		return "😘"
	case "yum":
		return "😋"
	case "hugging", "hugging_face":
		return "🤗"
	case "thinking":
		return "🤔"
	case "neutral_face":
		return "😐"
	case "rolling_eyes", "face_with_rolling_eyes":
		return "🙄"
	case "relieved":
		return "😌"
	case "sunglasses":
		return "😎"
	case "partying_face":
		return "🥳"
	case "confused":
		return "😕"
	case "worried":
		return "😟"
	case "slight_frown", "slightly_frowning_face":
		return "🙁"
	case "open_mouth":
		return "😮"
	case "pleading_face":
		return "🥺"
	case "sweat":
		return "😓"
	case "scream":
		return "😱"
	case "rage":
		return "😡"
	}
	return sign(name)
}

// sign is the character of a usual emoji that is no face.
func sign(name string) string {
	switch name {
	case "handshake":
		return "🤝"
	case "point_left":
		return "👈"
	case "point_up":
		return "☝️"
	case "point_down":
		return "👇"
	case "fingers_crossed":
		return "🤞"
	case "person_shrugging", "shrug":
		return "🤷"
	case "man_shrugging":
		return "🤷‍♂️"
	case "woman_shrugging":
		return "🤷‍♀️"
	case "blue_heart":
		return "💙"
	case "green_heart":
		return "💚"
	case "yellow_heart":
		return "💛"
	case "broken_heart":
		return "💔"
	case "birthday":
		return "🎂"
	case "gift":
		return "🎁"
	case "question":
		return "❓"
	case "exclamation":
		return "❗"
	case "hourglass":
		return "⏳"
	case "package":
		return "📦"
	case "phone", "telephone":
		return "☎️"
	case "envelope":
		return "✉️"
	case "date":
		return "📅"
	case "coffee":
		return "☕"
	case "sunny":
		return "☀️"
	}
	return ""
}
