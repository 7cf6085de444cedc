package bot

import (
	"slices"
	"strings"
	"unicode"
)

// Clean drops what no text of a message may hold: broken UTF-8 and control
// characters other than a line's end and a tab. What turns the direction of
// letters around ends with the text, so that the words beside it stay as they are.
func Clean(s string) string {
	s = strings.ReplaceAll(strings.ToValidUTF8(s, "\uFFFD"), "\r\n", "\n")
	s = strings.Map(func(r rune) rune {
		if r != '\n' && r != '\t' && unicode.IsControl(r) {
			return -1
		}
		return r
	}, s)
	if strings.ContainsAny(s, turnsMarked+turnsIsolated) {
		return s + unturn(s)
	}
	return s
}

// The characters that turn the direction of letters until the matching end.
const (
	turnsMarked   = "\u202A\u202B\u202D\u202E" // until endMarked
	endMarked     = '\u202C'
	turnsIsolated = "\u2066\u2067\u2068" // until endIsolated, which ends those in between too
	endIsolated   = '\u2069'
)

// unturn is what ends all turns that a text leaves open, the last one first.
func unturn(s string) string {
	var open []rune // the ends that lack
	for _, r := range s {
		switch {
		case strings.ContainsRune(turnsMarked, r):
			open = append(open, endMarked)
		case strings.ContainsRune(turnsIsolated, r):
			open = append(open, endIsolated)
		case r == endMarked && len(open) > 0 && open[len(open)-1] == endMarked:
			open = open[:len(open)-1]
		case r == endIsolated && slices.Contains(open, endIsolated):
			for open[len(open)-1] != endIsolated {
				open = open[:len(open)-1]
			}
			open = open[:len(open)-1]
		}
	}
	slices.Reverse(open)
	return string(open)
}
