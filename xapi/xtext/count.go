package xtext

import (
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// The numbers of twitter-text's configuration v3, in whole characters (its
// scale of 100 divides every weight there is).
const (
	// DefaultLimit is the weighted length of the longest post of an account
	// without a subscription.
	DefaultLimit = 280
	// PremiumLimit is the weighted length of the longest post of an account
	// with X Premium.
	PremiumLimit = 25_000
	// URLWeight is what any URL weighs, however long it is: X shows t.co links.
	URLWeight = 23

	lightWeight = 1
	heavyWeight = 2
)

// Result says how X counts a text.
type Result struct {
	// Weighted is the weighted length: what X compares with the limit.
	Weighted int
	// Limit is the weighted length that was allowed.
	Limit int
	// Valid reports that X would take the text: it isn't empty, it isn't over
	// the limit and it has no invalid character.
	Valid bool
	// URLs is how many URLs X sees in the text (posts with one cost more).
	URLs int
	// Invalid lists the characters that X refuses in any post.
	Invalid []InvalidChar
}

// Over returns by how much the text is too long; 0 if it fits.
func (r Result) Over() int { return max(0, r.Weighted-r.Limit) }

// InvalidChar is a character that X refuses, and where it stands.
type InvalidChar struct {
	// Offset is the character's place in the text, in bytes.
	Offset int
	// Rune is U+FFFE, U+FEFF or U+FFFF.
	Rune rune
}

// Count counts s against DefaultLimit.
func Count(s string) Result { return CountLimit(s, DefaultLimit) }

// CountLimit counts s against limit.
func CountLimit(s string, limit int) Result {
	res := Result{Limit: limit}
	var buf [8]Span
	if isASCII(s) {
		urls := appendURLs(buf[:0], s)
		res.Weighted = len(s)
		for _, u := range urls {
			res.Weighted += URLWeight - (u.End - u.Start)
		}
		res.URLs = len(urls)
	} else {
		text := normalize(s)
		urls := appendURLs(buf[:0], text)
		res.URLs = len(urls)
		var invalid bool
		res.Weighted, invalid = weigh(text, urls)
		if invalid {
			res.Invalid = invalidChars(s)
		}
	}
	res.Valid = res.Weighted > 0 && res.Weighted <= limit && len(res.Invalid) == 0
	return res
}

// normalize returns s in NFC.
func normalize(s string) string {
	for _, r := range s {
		if r >= utf8.RuneSelf && !isPlain(r) {
			if norm.NFC.IsNormalString(s) {
				return s
			}
			return norm.NFC.String(s)
		}
	}
	return s
}

// isPlain reports whether NFC never changes r, whatever stands before it. It
// knows the most common such characters: to look each up takes twice as long as
// the rest of counting.
func isPlain(r rune) bool {
	switch {
	case r < 0x300,
		r >= 0x400 && r <= 0x482,
		r >= 0x2010 && r <= 0x2027,
		r >= 0x3001 && r <= 0x3029,
		r >= 0x3041 && r <= 0x3096,
		r >= 0x30A1 && r <= 0x30FF,
		r >= 0x4E00 && r <= 0x9FFF,
		r >= 0xAC00 && r <= 0xD7A3,
		r >= 0xFF01 && r <= 0xFF60,
		r >= 0x1F300 && r <= 0x1FAFF,
		r == zwj, r == vs16, r == '€', r == '™':
		return true
	}
	return false
}

// weigh adds up the weights of the text, which is in NFC; invalid tells of an
// invalid character anywhere in it.
func weigh(s string, urls []Span) (weighted int, invalid bool) {
	lastURL := 0 // where the last URL ended: a keycap never reaches into one
	for i := 0; i < len(s); {
		if len(urls) > 0 && urls[0].Start == i {
			weighted += URLWeight
			i = urls[0].End
			lastURL = i
			urls = urls[1:]
			continue
		}
		if s[i] < utf8.RuneSelf {
			weighted += lightWeight
			i++
			continue
		}
		r, size := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == keycap:
			weighted += weighKeycap(s[lastURL:i])
		case mayBeginEmoji(r):
			if n := emojiLen(s[i:], r, size); n > 0 {
				size = n
				weighted += heavyWeight
			} else {
				weighted += weight(r)
			}
			invalid = invalid || isInvalid(r)
		default:
			weighted += weight(r)
		}
		i += size
	}
	return weighted, invalid
}

// weight is the weight of a character that belongs to no URL and no emoji.
func weight(r rune) int {
	switch {
	case r <= 0x10FF,
		r >= 0x2000 && r <= 0x200D,
		r >= 0x2010 && r <= 0x201F,
		r >= 0x2032 && r <= 0x2037:
		return lightWeight
	}
	return heavyWeight
}

// isInvalid reports whether r makes any post invalid.
func isInvalid(r rune) bool { return r == 0xFFFE || r == 0xFEFF || r == 0xFFFF }

func invalidChars(s string) []InvalidChar {
	var found []InvalidChar
	for i, r := range s {
		if isInvalid(r) {
			found = append(found, InvalidChar{Offset: i, Rune: r})
		}
	}
	return found
}

// isASCII reports whether s has ASCII characters only.
func isASCII(s string) bool {
	for len(s) >= 8 {
		if (s[0]|s[1]|s[2]|s[3]|s[4]|s[5]|s[6]|s[7])&utf8.RuneSelf != 0 {
			return false
		}
		s = s[8:]
	}
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}
