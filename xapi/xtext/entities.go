package xtext

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

const maxHandle = 20

// Mentions returns the @mentions in s, each with its @ and without a list's name.
func Mentions(s string) []Span {
	var found []Span
	taken := 0 // what one mention used up can't come before another
	for i := 0; i < len(s); {
		n := atSign(s[i:])
		if n == 0 {
			i++
			continue
		}
		end := i + n
		for end < len(s) && end-i-n < maxHandle && isWord(s[end]) {
			end++
		}
		if end == i+n || taken > 0 && taken == i || !mayMention(s[taken:i]) {
			i += n
			continue
		}
		next := end + listLen(s[end:])
		if endsMention(s[next:]) {
			found = append(found, Span{i, end})
		}
		i, taken = next, next
	}
	return found
}

// atSign returns the length of the @ that s begins with.
func atSign(s string) int {
	switch {
	case s[0] == '@':
		return 1
	case strings.HasPrefix(s, "＠"):
		return len("＠")
	}
	return 0
}

// mayMention reports whether an @ after this text can begin a mention: not in
// the middle of a word, unless that word is RT.
func mayMention(before string) bool {
	r, _ := utf8.DecodeLastRuneInString(before)
	if before == "" || !isWordRune(r) && !strings.ContainsRune("!#$%&*@＠", r) {
		return true
	}
	before = strings.TrimSuffix(before, ":")
	n := len(before) - 2
	if n < 0 || !strings.EqualFold(before[n:], "rt") {
		return false
	}
	if n == 0 {
		return true
	}
	r, _ = utf8.DecodeLastRuneInString(before[:n])
	return !isWordRune(r) && !strings.ContainsRune("+~.-", r)
}

// listLen returns the length of the /list that s begins with.
func listLen(s string) int {
	if len(s) < 2 || s[0] != '/' || !isAlnum(s[1]) || s[1] <= '9' {
		return 0
	}
	const longest = 26
	n := 2
	for n < len(s) && n < longest && (isWord(s[n]) || s[n] == '-') {
		n++
	}
	return n
}

// endsMention reports whether a mention may end where s follows it.
func endsMention(s string) bool {
	if s == "" {
		return true
	}
	r, _ := utf8.DecodeRuneInString(s)
	return r != '@' && r != '＠' && !isLatinAccent(r) && !strings.HasPrefix(s, "://")
}

// Hashtags returns the hashtags in s, each with its #, those inside URLs left out.
func Hashtags(s string) []Span {
	var found []Span
	if !strings.ContainsAny(s, "#＃") {
		return nil
	}
	urls := URLs(s)
	taken := -1 // what one hashtag used up can't come before another
	for i := 0; i < len(s); {
		r, size := utf8.DecodeRuneInString(s[i:])
		if r != '#' && r != '＃' {
			i += size
			continue
		}
		start := i
		i += size
		before, n := utf8.DecodeLastRuneInString(s[:start])
		if n > 0 && before != vs16 && before != vs15 && (before == '&' || inHashtag(before)) {
			continue
		}
		if next, _ := utf8.DecodeRuneInString(s[i:]); next == vs16 || next == keycap {
			continue // the emoji of the # key
		}
		letters := false
		for i < len(s) {
			r, size := utf8.DecodeRuneInString(s[i:])
			if !inHashtag(r) {
				break
			}
			letters = letters || unicode.IsLetter(r) || unicode.IsMark(r)
			i += size
		}
		if start == taken || !letters {
			continue
		}
		taken = i
		if rest := s[i:]; strings.HasPrefix(rest, "://") || strings.HasPrefix(rest, "#") || strings.HasPrefix(rest, "＃") {
			continue
		}
		if !inAny(urls, start) {
			found = append(found, Span{start, i})
		}
	}
	return found
}

func inHashtag(r rune) bool {
	switch r {
	case utf8.RuneError:
		return false
	case '_', 0x200C, zwj, 0xA67E, 0x5BE, 0x5F3, 0x5F4, '～', '〜', '゛', '゜', '゠', '・', '〃', 0xF0B, 0xF0C, '·':
		return true
	}
	return unicode.IsLetter(r) || unicode.IsMark(r) || unicode.Is(unicode.Nd, r)
}

// Cashtags returns the cashtags in s ($TWTR), each with its $.
func Cashtags(s string) []Span {
	var found []Span
	for i := 0; i < len(s); {
		d := strings.IndexByte(s[i:], '$')
		if d < 0 {
			break
		}
		start := i + d
		i = start + 1
		if before, n := utf8.DecodeLastRuneInString(s[:start]); n > 0 && !isSpace(before) {
			continue
		}
		end := i + lettersLen(s[i:], 6)
		if end == i {
			continue
		}
		if end < len(s) && (s[end] == '.' || s[end] == '_') {
			if n := lettersLen(s[end+1:], 2); n > 0 && endsCashtag(s[end+1+n:]) {
				end += 1 + n
			}
		}
		if endsCashtag(s[end:]) {
			found = append(found, Span{start, end})
			i = end
		}
	}
	return found
}

func lettersLen(s string, most int) int {
	n := 0
	for n < len(s) && n < most && isAlnum(s[n]) && s[n] > '9' {
		n++
	}
	return n
}

func endsCashtag(s string) bool {
	if s == "" {
		return true
	}
	r, _ := utf8.DecodeRuneInString(s)
	return isSpace(r) || r == 0xFEFF || strings.ContainsRune(`!'#%&()*+,\-./:;<=>?@[]^_{|}~$`, r)
}

// inAny reports whether one of the spans holds i.
func inAny(spans []Span, i int) bool {
	for _, p := range spans {
		if p.Start <= i && i < p.End {
			return true
		}
	}
	return false
}

func isSpace(r rune) bool { return unicode.IsSpace(r) || r == 0x180E }

func isWord(c byte) bool { return isAlnum(c) || c == '_' }

func isWordRune(r rune) bool { return r < utf8.RuneSelf && isWord(byte(r)) }
