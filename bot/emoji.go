package bot

// Emoji is the character of a usual emoji, by a name that all chats have for it,
// without colons; "" if it is none of them. X shows names as they are.
func Emoji(name string) string {
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
