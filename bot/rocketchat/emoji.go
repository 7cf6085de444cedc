package rocketchat

import (
	"regexp"
	"strings"
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
		// In 10:30:00 and http://a:80:b nothing is an emoji.
		if at[0] > 0 && isWord(rune(s[at[0]-1])) || at[1] < len(s) && isWord(rune(s[at[1]])) {
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
// them: those of JoyPixels.
func emoji(name string) string {
	switch name {
	case "grinning":
		return "😀"
	case "smiley":
		return "😃"
	case "smile":
		return "😄"
	case "grin":
		return "😁"
	case "laughing", "satisfied":
		return "😆"
	case "sweat_smile":
		return "😅"
	case "joy":
		return "😂"
	case "rofl", "rolling_on_the_floor_laughing":
		return "🤣"
	case "slight_smile", "slightly_smiling_face":
		return "🙂"
	case "upside_down", "upside_down_face":
		return "🙃"
	case "wink":
		return "😉"
	case "blush":
		return "😊"
	case "innocent":
		return "😇"
	case "heart_eyes":
		return "😍"
	case "star_struck":
		return "🤩"
	case "kissing_heart":
		return "😘"
	case "yum":
		return "😋"
	case "hugging", "hugging_face":
		return "🤗"
	case "thinking", "thinking_face":
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
	case "disappointed":
		return "😞"
	case "cry":
		return "😢"
	case "sob":
		return "😭"
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
	case "thumbsup", "+1":
		return "👍"
	case "thumbsdown", "-1":
		return "👎"
	case "ok_hand":
		return "👌"
	case "wave":
		return "👋"
	case "clap":
		return "👏"
	case "pray":
		return "🙏"
	case "raised_hands":
		return "🙌"
	case "muscle":
		return "💪"
	case "handshake":
		return "🤝"
	case "point_right":
		return "👉"
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
	case "heart":
		return "❤️"
	case "blue_heart":
		return "💙"
	case "green_heart":
		return "💚"
	case "yellow_heart":
		return "💛"
	case "broken_heart":
		return "💔"
	case "100":
		return "💯"
	case "fire":
		return "🔥"
	case "sparkles":
		return "✨"
	case "star":
		return "⭐"
	case "tada":
		return "🎉"
	case "birthday":
		return "🎂"
	case "gift":
		return "🎁"
	case "rocket":
		return "🚀"
	case "eyes":
		return "👀"
	case "bulb":
		return "💡"
	case "bug":
		return "🐛"
	case "warning":
		return "⚠️"
	case "rotating_light":
		return "🚨"
	case "white_check_mark":
		return "✅"
	case "heavy_check_mark":
		return "✔️"
	case "x":
		return "❌"
	case "question":
		return "❓"
	case "exclamation":
		return "❗"
	case "information_source":
		return "ℹ️"
	case "hourglass", "hourglass_flowing_sand":
		return "⏳"
	case "lock":
		return "🔒"
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
