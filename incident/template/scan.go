package template

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

type kind int

const (
	word kind = iota
	property
	number
	str
	badString
	dots
	other
)

type token struct {
	kind    kind
	text    string
	at      int  // offset in what was scanned
	keyword bool // a word with a colon behind it: limit: 3
}

// scan breaks an expression into tokens as the engine's own scanner does, as
// far as names are concerned.
func scan(s string) []token {
	var toks []token
	for i := 0; i < len(s); {
		c := s[i]
		start := i
		switch {
		case c == ' ' || c == '\t' || c == '\n' || c == '\r':
			i++
			continue
		case c == '\'' || c == '"':
			i = stringEnd(s, i)
			if i < 0 {
				return append(toks, token{kind: badString, text: s[start:], at: start})
			}
			toks = append(toks, token{kind: str, text: s[start:i], at: start})
		case strings.HasPrefix(s[i:], ".."):
			i += 2
			toks = append(toks, token{kind: dots, text: "..", at: start})
		case c == '.' && i+1 < len(s) && nameStart(s[i+1:]):
			i = nameEnd(s, i+1)
			toks = append(toks, token{kind: property, text: s[start+1 : i], at: start + 1})
		case digit(c) || c == '-' && i+1 < len(s) && digit(s[i+1]):
			i = numberEnd(s, i+1)
			toks = append(toks, token{kind: number, text: s[start:i], at: start})
		case nameStart(s[i:]):
			i = nameEnd(s, i)
			t := token{kind: word, text: s[start:i], at: start, keyword: i < len(s) && s[i] == ':'}
			if len(toks) > 0 && toks[len(toks)-1].text == "|" {
				t.keyword = false // a filter: "| append: x"
			}
			toks = append(toks, t)
		default:
			i++
			toks = append(toks, token{kind: other, text: s[start:i], at: start})
		}
	}
	return toks
}

// stringEnd is the offset behind the string that begins at i, or -1.
func stringEnd(s string, i int) int {
	q := s[i]
	for i++; i < len(s); i++ {
		switch {
		case s[i] == q:
			return i + 1
		case s[i] == '\\' && q == '"':
			i++
		}
	}
	return -1
}

// numberEnd reads 12 and 1.5, but not the dots of 1..5.
func numberEnd(s string, i int) int {
	for i < len(s) && digit(s[i]) {
		i++
	}
	if i+1 < len(s) && s[i] == '.' && digit(s[i+1]) {
		for i++; i < len(s) && digit(s[i]); i++ {
		}
	}
	return i
}

func nameStart(s string) bool {
	r, _ := utf8.DecodeRuneInString(s)
	return r == '_' || unicode.IsLetter(r)
}

func nameEnd(s string, i int) int {
	for i < len(s) {
		r, n := utf8.DecodeRuneInString(s[i:])
		if r == '?' {
			return i + n
		}
		if r != '_' && r != '-' && !unicode.IsLetter(r) && !unicode.IsDigit(r) {
			break
		}
		i += n
	}
	return i
}

func digit(c byte) bool { return '0' <= c && c <= '9' }

func wordByte(c byte) bool {
	return c == '_' || digit(c) || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
}

// Words that are no variables.
var reserved = map[string]bool{ //nolint:gochecknoglobals // a table that nobody changes
	"and": true, "or": true, "contains": true, "in": true, "true": true, "false": true, "nil": true,
	"reversed": true,
}

// The filters that there are, checked against the engine by a test.
var filterNames = map[string]bool{ //nolint:gochecknoglobals // a table that nobody changes
	"default": true, "json": true, "compact": true, "concat": true, "join": true, "map": true, "reverse": true, "sort": true,
	"first": true, "last": true, "uniq": true, "where": true, "sum": true, "date": true, "abs": true, "ceil": true, "floor": true,
	"modulo": true, "minus": true, "plus": true, "times": true, "divided_by": true, "round": true, "at_least": true, "at_most": true,
	"size": true, "pluralize": true, "handleize": true, "handle": true, "append": true, "capitalize": true, "downcase": true,
	"escape": true, "escape_once": true, "newline_to_br": true, "prepend": true, "remove": true, "remove_first": true,
	"remove_last": true, "replace": true, "replace_first": true, "replace_last": true, "sort_natural": true, "slice": true,
	"split": true, "strip_html": true, "strip_newlines": true, "strip": true, "lstrip": true, "rstrip": true, "truncate": true,
	"truncatewords": true, "upcase": true, "url_encode": true, "url_decode": true, "inspect": true, "type": true,
	"to_iso8601": true, "to_utc": true, "in_time_zone": true, "humanize": true, "titleize": true, "dasherize": true,
}

func keys[V any](m map[string]V) []string {
	names := make([]string, 0, len(m))
	for k := range m {
		names = append(names, k)
	}
	return names
}

// nearest is a hint at the name that was probably meant, or "".
func nearest(name string, names []string) string {
	slices.Sort(names)
	best, at := "", max(2, len(name)/3)+1
	for _, n := range names {
		if d := distance(name, n); d < at {
			best, at = n, d
		}
	}
	if best == "" {
		return ""
	}
	return ": did you mean " + best + "?"
}

// distance counts the letters to change, add or drop to get from a to b.
func distance(a, b string) int {
	if len(a) > 64 || len(b) > 64 {
		return 64
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diag := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diag
			if a[i] != b[j] {
				cost++
			}
			diag = row[j+1]
			row[j+1] = min(cost, row[j+1]+1, row[j]+1)
		}
	}
	return row[len(b)]
}
