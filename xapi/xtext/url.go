package xtext

import (
	"strings"
	"unicode/utf8"
)

const (
	maxURL      = 4096 // UTF-16 units, the scheme counted twice as twitter-text does
	maxTcoSlug  = 40
	assumedURLs = "https://" // what X puts before a URL without a scheme
)

// Span is a piece of a text: text[Start:End], in bytes.
type Span struct{ Start, End int }

// In returns the piece of text that the span stands for.
func (p Span) In(text string) string { return text[p.Start:p.End] }

// URLs returns the URLs that X makes links of: those with http or https, and
// bare domains with a known top-level domain, in the order of the text.
func URLs(s string) []Span { return appendURLs(nil, s) }

// appendURLs appends the URLs of s to dst.
//
// It walks from dot to dot: only a dot with a known top-level domain behind it
// can be in a URL, and text without one is passed over at the speed of
// strings.IndexByte. Around such a dot it takes the whole run of characters
// that may stand in a domain, and finds in it what twitter-text's regular
// expression would find first.
func appendURLs(dst []Span, s string) []Span {
	consumed := 0 // nothing before this is looked at again
	var buf [16]label
	for from := 0; ; {
		d := strings.IndexByte(s[from:], '.')
		if d < 0 {
			return dst
		}
		d += from
		if tldLen(s, d+1) == 0 {
			from = d + 1
			continue
		}
		run := Span{Start: runStart(s, consumed, d), End: runEnd(s, d)}
		m, ok := findDomain(s, run, consumed, buf[:0])
		if !ok {
			from = run.End
			continue
		}
		dst, consumed = m.appendTo(dst, s)
		from = consumed
	}
}

// match is what twitter-text's expression matched: a candidate for a URL.
type match struct {
	start  int  // of the scheme, or of the domain if there is none
	domain Span // with the top-level domain
	before rune // the character before start; -1 at the start of the text
}

// appendTo appends the URLs that m comes to, often one, sometimes none, and
// returns where m ends.
func (m match) appendTo(dst []Span, s string) (_ []Span, end int) {
	end, hasPath := urlEnd(s, m.domain.End)
	domain := m.domain.In(s)
	scheme := s[m.start:m.domain.Start]
	bare := scheme == ""
	if bare {
		scheme = assumedURLs
	}
	if !validDomain(domain) || len(scheme)+utf16Len(s[m.start:end]) > maxURL {
		return dst, end
	}
	if !bare {
		if n, slug := tcoLen(s[m.start:end]); n > 0 {
			if slug <= maxTcoSlug {
				dst = append(dst, Span{m.start, m.start + n})
			}
			return dst, end
		}
		return append(dst, Span{m.start, end}), end
	}
	if m.before == '-' || m.before == '_' || m.before == '.' || m.before == '/' {
		return dst, end
	}
	// Without a scheme only the ASCII part of a domain counts, and a longer
	// text that runs on without spaces may hold several.
	first := len(dst)
	dst = appendASCIIDomains(dst, s[:m.domain.End], m.domain.Start)
	if hasPath && len(dst) > first {
		dst[len(dst)-1].End = end
	}
	return dst, end
}

// findDomain finds the first match in the run of domain characters.
func findDomain(s string, run Span, consumed int, buf []label) (match, bool) {
	labels := appendLabels(buf, s, run)
	// A scheme right before the run comes first.
	if n := schemeLen(s[consumed:run.Start]); n > 0 {
		start := run.Start - n
		before, ok := precedes(s, start, consumed)
		if ok && len(labels) > 0 {
			if end, ok := labels[0].match(s, labels, 0, run.Start); ok {
				return match{start, Span{run.Start, end}, before}, true
			}
		}
	}
	// The expression tries the character before a URL first as a character
	// and only then as the start of the text.
	if run.Start == 0 && len(labels) > 0 {
		r, size := utf8.DecodeRuneInString(s)
		if canPrecede(r) {
			if end, ok := labels[0].match(s, labels, 0, size); ok {
				return match{size, Span{size, end}, r}, true
			}
		}
	}
	for j := range labels {
		l := &labels[j]
		if !l.ends || (l.tld == 0 && (j+1 == len(labels) || labels[j+1].best == 0)) {
			continue
		}
		for u := l.start; u < l.end; {
			if before, ok := precedes(s, u, consumed); ok {
				if end, ok := l.match(s, labels, j, u); ok {
					return match{u, Span{u, end}, before}, true
				}
			}
			_, size := utf8.DecodeRuneInString(s[u:])
			u += size
		}
	}
	return match{}, false
}

// precedes reports whether a URL may begin at i, and what stands before it.
func precedes(s string, i, consumed int) (before rune, ok bool) {
	if i == 0 {
		return -1, true
	}
	if i <= consumed {
		return 0, false
	}
	before, _ = utf8.DecodeLastRuneInString(s[:i])
	return before, canPrecede(before)
}

// canPrecede reports whether a URL may follow r.
func canPrecede(r rune) bool {
	switch {
	case r < utf8.RuneSelf:
		return !isAlnum(byte(r)) && r != '@' && r != '$' && r != '#'
	case r == '＠', r == '＃', isInvalid(r):
		return false
	}
	return true
}

// schemeLen returns the length of the http:// or https:// that s ends with.
func schemeLen(s string) int {
	for _, scheme := range [...]string{"https://", "http://"} {
		if n := len(s) - len(scheme); n >= 0 && strings.EqualFold(s[n:], scheme) && isASCII(s[n:]) {
			return len(scheme)
		}
	}
	return 0
}

// utf16Len is the length of s in UTF-16, as twitter-text measures a URL.
func utf16Len(s string) int {
	n := 0
	for _, r := range s {
		n++
		if r > 0xFFFF {
			n++
		}
	}
	return n
}
