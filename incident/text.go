package incident

import (
	"strings"

	"github.com/perch-chat/perch/xapi/xtext"
)

const defaultLimit = xtext.DefaultLimit

// weigh is the length of a post as X counts it, and whether X takes its
// characters.
func weigh(text string) (weighted int, valid bool) {
	r := xtext.Count(text)
	return r.Weighted, len(r.Invalid) == 0
}

// split cuts a text into the numbered posts of a thread.
func split(text string, limit int) ([]string, error) { return xtext.Split(text, limit) }

// excerpt is the beginning of a text, on one line.
func excerpt(text string) string {
	r := []rune(strings.Join(strings.Fields(text), " "))
	if len(r) > 100 {
		return string(r[:100]) + "…"
	}
	return string(r)
}
