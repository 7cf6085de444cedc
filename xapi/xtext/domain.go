package xtext

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxLabel is the longest label of a host name once it is in punycode.
const maxLabel = 63

// label is a part of a run of domain characters that ends with a dot.
type label struct {
	start, end int  // end is where the dot stands
	tld        int  // length of the top-level domain behind the dot; 0 if none
	ends       bool // the last character may end a label
	underscore int  // offset of its last underscore; -1 if it has none
	best       int  // end of the longest domain that begins with the whole label; 0 if none
}

// appendLabels cuts the run into labels and works out, from the last to the
// first, where the longest domain that begins at each of them would end.
func appendLabels(dst []label, s string, run Span) []label {
	first := len(dst)
	for start := run.Start; ; {
		i := strings.IndexByte(s[start:run.End], '.')
		if i < 0 {
			break
		}
		l := label{start: start, end: start + i, underscore: -1}
		if i > 0 {
			l.ends = s[l.end-1] != '-' && s[l.end-1] != '_'
			if u := strings.LastIndexByte(s[start:l.end], '_'); u >= 0 {
				l.underscore = start + u
			}
			l.tld = tldLen(s, l.end+1)
		}
		dst = append(dst, l)
		start = l.end + 1
	}
	for j := len(dst) - 1; j >= first; j-- {
		dst[j].best, _ = dst[j].match(s, dst, j, dst[j].start)
	}
	return dst
}

// match returns the end of the longest domain that begins at u, which lies in
// the label l, the jth of labels.
func (l *label) match(s string, labels []label, j, u int) (end int, ok bool) {
	if u >= l.end || !l.ends || s[u] == '-' || s[u] == '_' {
		return 0, false
	}
	if j+1 < len(labels) && labels[j+1].best > 0 {
		return labels[j+1].best, true
	}
	if l.tld > 0 && l.underscore < u {
		return l.end + 1 + l.tld, true
	}
	return 0, false
}

// runStart returns where the run of domain characters around the dot begins,
// not before floor.
func runStart(s string, floor, dot int) int {
	for i := dot; i > floor; {
		r, size := utf8.DecodeLastRuneInString(s[floor:i])
		if !inDomain(r) {
			return i
		}
		i -= size
		if i == floor {
			return floor
		}
	}
	return dot
}

func runEnd(s string, dot int) int {
	for i := dot; i < len(s); {
		r, size := utf8.DecodeRuneInString(s[i:])
		if !inDomain(r) {
			return i
		}
		i += size
	}
	return len(s)
}

// inDomain reports whether r may stand in a domain, dots between labels and
// hyphens and underscores inside them among it. Nearly everything may.
func inDomain(r rune) bool {
	switch {
	case r < utf8.RuneSelf:
		switch r {
		case '-', '_', '.':
			return true
		case '!', '\'', '#', '%', '&', '(', ')', '*', '+', ',', '\\', '/', ':', ';', '<', '=', '>', '?',
			'@', '[', ']', '^', '{', '|', '}', '~', '$', ' ', '\t', '\n', '\v', '\f', '\r':
			return false
		}
		return true
	case r < 0x1680:
		return r != 0x85 && r != 0xA0 && r != 0x61C
	case r > 0x3000:
		return !isInvalid(r)
	}
	switch {
	case r == 0x1680, r == 0x180E, r == 0x3000, r == 0x205F,
		r >= 0x2000 && r <= 0x200A, // spaces
		r == 0x200E, r == 0x200F, r >= 0x2066 && r <= 0x2069,
		r >= 0x2028 && r <= 0x202F: // separators, marks of direction, a space
		return false
	}
	return true
}

// appendASCIIDomains appends the domains in Latin letters of s[from:], where
// s ends with the domain.
func appendASCIIDomains(dst []Span, s string, from int) []Span {
	for i := from; i < len(s); {
		start, end := i, 0
		j := i
		for j < len(s) { // one label after another
			n := j
			for n < len(s) {
				r, size := utf8.DecodeRuneInString(s[n:])
				if !inLatinDomain(r) {
					break
				}
				n += size
			}
			if n == j || n == len(s) || s[n] != '.' {
				j = n
				break
			}
			j = n + 1
			if t := tldLen(s, j); t > 0 {
				end = j + t
			}
		}
		if end > 0 {
			dst = append(dst, Span{start, end})
			i = end
			continue
		}
		_, size := utf8.DecodeRuneInString(s[j:])
		i = j + max(size, 1)
	}
	return dst
}

func inLatinDomain(r rune) bool {
	return r == '-' || r < utf8.RuneSelf && isAlnum(byte(r)) || isLatinAccent(r)
}

// tldLen returns the length of the top-level domain at s[i:], 0 if there is
// none. A known one must not run on into an ASCII letter or digit, @, + or -.
func tldLen(s string, i int) int {
	n := i
	for n < len(s) && isAlnum(s[n]) {
		n++
	}
	const longest = 24
	if n > i && n-i <= longest && endsTLD(s, n) {
		var low [longest]byte
		for k := range n - i {
			low[k] = lower(s[i+k])
		}
		if isTLD(string(low[:n-i])) {
			return n - i
		}
	}
	if n < len(s) && s[n] >= utf8.RuneSelf {
		if t := wideTLDLen(s, i); t > 0 {
			return t
		}
	}
	return punycodeTLDLen(s[i:])
}

// wideTLDLen is tldLen for the internationalized ones.
func wideTLDLen(s string, i int) int {
	var (
		low  [96]byte
		ends [24]int // in s, and in low, after each character
		lows [24]int
		n    int
	)
	for end, written := i, 0; n < len(ends) && end < len(s); n++ {
		r, size := utf8.DecodeRuneInString(s[end:])
		if r < utf8.RuneSelf && !isAlnum(byte(r)) || r == utf8.RuneError {
			break
		}
		r = unicode.ToLower(r)
		if written+utf8.RuneLen(r) > len(low) {
			break
		}
		written += utf8.EncodeRune(low[written:], r)
		end += size
		ends[n], lows[n] = end, written
	}
	for n--; n >= 0; n-- {
		if end := ends[n]; endsTLD(s, end) && isWideTLD(string(low[:lows[n]])) {
			return end - i
		}
	}
	return 0
}

// endsTLD reports whether a top-level domain may end before s[i].
func endsTLD(s string, i int) bool {
	return i == len(s) || !isAlnum(s[i]) && s[i] != '@' && s[i] != '+' && s[i] != '-'
}

func punycodeTLDLen(s string) int {
	const prefix = "xn--"
	if len(s) <= len(prefix) || s[2] != '-' || s[3] != '-' || lower(s[0]) != 'x' || lower(s[1]) != 'n' {
		return 0
	}
	n := len(prefix)
	for n < len(s) && (isAlnum(s[n]) || s[n] == '-') {
		n++
	}
	if n == len(prefix) {
		return 0
	}
	return n
}

// validDomain reports whether DNS could hold the domain: each label has 1 to
// 63 characters once it is in punycode.
func validDomain(domain string) bool {
	if strings.HasPrefix(domain, "xn--") && len(appendASCIIDomains(nil, domain, 0)) == 0 {
		return false
	}
	for label := range strings.SplitSeq(domain, ".") {
		if n := punycodeLen(label); n < 1 || n > maxLabel {
			return false
		}
	}
	return true
}

func isAlnum(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
}

func lower(c byte) byte {
	if c >= 'A' && c <= 'Z' {
		return c + 'a' - 'A'
	}
	return c
}
