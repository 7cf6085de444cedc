package xtext

import "unicode/utf8"

// urlEnd returns where a URL ends whose domain ends at i: after its port,
// path and query. Punctuation at the end of a path stays outside, and so does
// a parenthesis without its partner.
func urlEnd(s string, i int) (end int, hasPath bool) {
	if n := portLen(s[i:]); n > 0 {
		i += n
	}
	if i < len(s) && s[i] == '/' {
		i += 1 + pathLen(s[i+1:])
		hasPath = true
	}
	if i < len(s) && s[i] == '?' {
		if n := queryLen(s[i+1:]); n > 0 {
			i += 1 + n
		}
	}
	return i, hasPath
}

func portLen(s string) int {
	if s == "" || s[0] != ':' {
		return 0
	}
	n := 1
	for n < len(s) && s[n] >= '0' && s[n] <= '9' {
		n++
	}
	if n == 1 {
		return 0
	}
	return n
}

// pathLen returns the length of the longest path that s begins with and that
// ends with a character that may end one, or with a balanced parenthesis.
func pathLen(s string) int {
	end := 0
	for i := 0; i < len(s); {
		if s[i] == '(' {
			n := parensLen(s[i:])
			if n == 0 {
				break
			}
			i += n
			end = i
			continue
		}
		size, ends := pathChar(s[i:])
		if size == 0 {
			break
		}
		i += size
		if ends {
			end = i
		}
	}
	return end
}

// parensLen returns the length of the balanced parentheses that s begins
// with, at most two deep as twitter-text has it.
func parensLen(s string) int {
	inner, filled := false, false
	for i := 1; i < len(s); {
		switch s[i] {
		case '(':
			n := 1
			for i+n < len(s) {
				size, _ := pathChar(s[i+n:])
				if size == 0 {
					break
				}
				n += size
			}
			if inner || n == 1 || i+n == len(s) || s[i+n] != ')' {
				return 0
			}
			inner = true
			i += n + 1
			continue
		case ')':
			if !inner && !filled {
				return 0
			}
			return i + 1
		}
		size, _ := pathChar(s[i:])
		if size == 0 {
			return 0
		}
		filled = true
		i += size
	}
	return 0
}

// pathChar returns the length of the path character that s begins with, 0 if
// it begins with none, and whether a path may end with it.
func pathChar(s string) (size int, ends bool) {
	c := s[0]
	if c < utf8.RuneSelf {
		if isAlnum(c) {
			return 1, true
		}
		switch c {
		case '+', '-', '=', '_', '#', '/':
			return 1, true
		case '!', '*', '\'', ';', ':', ',', '.', '$', '%', '[', ']', '~', '@', '|', '&':
			return 1, false
		}
		return 0, false
	}
	r, size := utf8.DecodeRuneInString(s)
	switch {
	case r >= 0x400 && r <= 0x4FF, isLatinAccent(r):
		return size, true
	case r == '–':
		return size, false
	}
	return 0, false
}

// queryLen returns the length of the longest query that s begins with and
// that ends with a character that may end one.
func queryLen(s string) int {
	end := 0
	for i := range len(s) {
		c := s[i]
		if isAlnum(c) {
			end = i + 1
			continue
		}
		switch c {
		case '-', '_', '&', '=', '#', '/':
			end = i + 1
		case '!', '?', '*', '\'', '@', '(', ')', ';', ':', '+', '$', '%', '[', ']', '.', ',', '~', '|':
		default:
			return end
		}
	}
	return end
}

// tcoLen returns the length of the t.co link that the URL is or begins with,
// 0 if it is none, and the length of its slug. X's own links end with the
// slug whatever follows.
func tcoLen(url string) (n, slug int) {
	const host = "t.co/"
	scheme := len("http://")
	if lower(url[4]) == 's' {
		scheme++
	}
	if len(url) < scheme+len(host) {
		return 0, 0
	}
	for i := range len(host) {
		if lower(url[scheme+i]) != host[i] {
			return 0, 0
		}
	}
	start := scheme + len(host)
	n = start
	for n < len(url) && isAlnum(url[n]) {
		n++
	}
	if n == start {
		return 0, 0
	}
	slug = n - start
	if n < len(url) && url[n] == '?' {
		if q := queryLen(url[n+1:]); q > 0 {
			n += 1 + q
		}
	}
	return n, slug
}

// isLatinAccent reports whether r is a Latin letter with an accent, or an
// accent, by twitter-text's list.
func isLatinAccent(r rune) bool {
	switch {
	case r < 0xC0 || r > 0x1EFF:
		return false
	case r <= 0x24F:
		return r != 0xD7 && r != 0xF7
	case r >= 0x300 && r <= 0x36F, r >= 0x1E00:
		return true
	}
	switch r {
	case 0x253, 0x254, 0x256, 0x257, 0x259, 0x25B, 0x263, 0x268, 0x26F, 0x272, 0x289, 0x28B, 0x2BB:
		return true
	}
	return false
}
