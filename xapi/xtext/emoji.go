package xtext

import "unicode/utf8"

const (
	zwj     = 0x200D
	vs15    = 0xFE0E // asks for the text form of the character before it
	vs16    = 0xFE0F // asks for its emoji form
	keycap  = 0x20E3
	tagLow  = 0xE0020
	tagHigh = 0xE007F

	// firstEmoji is the first character that can begin or go on an emoji, © and
	// ® apart.
	firstEmoji = 0x203C
	// maxEmoji is more code points than the longest emoji has.
	maxEmoji = 16
)

// mayBeginEmoji reports whether r could be the first character of an emoji of
// several, or is one that emojiLen or its caller must look at.
func mayBeginEmoji(r rune) bool {
	switch {
	case r >= firstEmoji && r < 0x2C00, r >= 0x1F000:
		return true
	case r == '©', r == '®', r == '〰', r == '〽', r == '㊗', r == '㊙':
		return true
	}
	return isInvalid(r)
}

// emojiLen returns the length in bytes of the emoji of several code points
// that s begins with, or 0 if it begins with none; r is its first character,
// size that one's length. An emoji of one code point weighs what its code
// point weighs, so it isn't looked for.
func emojiLen(s string, r rune, size int) int {
	if len(s) == size || s[size] < utf8.RuneSelf {
		return 0
	}
	var (
		ends [maxEmoji]int // where a sequence could end in s
		keys [maxEmoji]int // how much of key was written by then
		key  [4 * maxEmoji]byte
		n    int
	)
	written := copy(key[:], s[:size])
	prev, end := r, size
	for n < maxEmoji && end < len(s) {
		next, w := utf8.DecodeRuneInString(s[end:])
		if next == zwj {
			after, aw := utf8.DecodeRuneInString(s[end+w:])
			if aw == 0 || after < firstEmoji {
				break
			}
			w += aw
			next = after
		} else if !extends(prev, next, n == 0) {
			break
		}
		if isSkinTone(next) && prev == vs16 {
			written -= utf8.RuneLen(vs16) // ☝️🏽 is ☝🏽
		}
		if written+w > len(key) {
			break
		}
		written += copy(key[written:], s[end:end+w])
		end += w
		ends[n], keys[n] = end, written
		n++
		prev = next
	}
	for n--; n >= 0; n-- {
		if isEmojiSequence(string(key[:keys[n]])) {
			return ends[n]
		}
	}
	if next, w := utf8.DecodeRuneInString(s[size:]); next == vs16 && takesVS16(r) {
		return size + w
	}
	return 0
}

// extends reports whether next can belong to the emoji that prev belongs to;
// second says that prev is its first character.
func extends(prev, next rune, second bool) bool {
	switch {
	case next == vs16, isSkinTone(next):
		return true
	case next >= tagLow && next <= tagHigh:
		return true
	case isRegional(next):
		return second && isRegional(prev)
	}
	return false
}

func isSkinTone(r rune) bool { return r >= 0x1F3FB && r <= 0x1F3FF }

func isRegional(r rune) bool { return r >= 0x1F1E6 && r <= 0x1F1FF }

// weighKeycap is what U+20E3 adds to the weight of what was counted before
// it: a digit, # or * with or without U+FE0F makes one emoji with it.
func weighKeycap(before string) int {
	counted := lightWeight
	if last, size := utf8.DecodeLastRuneInString(before); last == vs16 {
		before = before[:len(before)-size]
		counted += heavyWeight
	}
	if before == "" || !isKey(before[len(before)-1]) {
		return heavyWeight
	}
	return heavyWeight - counted
}

func isKey(c byte) bool { return c >= '0' && c <= '9' || c == '#' || c == '*' }
