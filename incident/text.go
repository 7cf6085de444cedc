package incident

import "github.com/perch-chat/perch/xapi/xtext"

const defaultLimit = xtext.DefaultLimit

// weigh is the length of a post as X counts it, and whether X takes its
// characters.
func weigh(text string) (weighted int, valid bool) {
	r := xtext.Count(text)
	return r.Weighted, len(r.Invalid) == 0
}

// split cuts a text into the numbered posts of a thread.
func split(text string, limit int) ([]string, error) { return xtext.Split(text, limit) }
