package incident

import (
	"errors"
	"unicode/utf8"
)

const defaultLimit = 280

// weigh is the length of a post as X counts it.
func weigh(text string) (weighted int, valid bool) {
	return utf8.RuneCountInString(text), utf8.ValidString(text)
}

// split cuts a text into the numbered posts of a thread.
func split(text string, limit int) ([]string, error) {
	var parts []string
	for r := []rune(text); len(r) > 0; {
		n := min(len(r), limit)
		parts = append(parts, string(r[:n]))
		r = r[n:]
	}
	if len(parts) == 0 {
		return nil, errors.New("no text")
	}
	return parts, nil
}
