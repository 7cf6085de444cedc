package xfake

import (
	"github.com/perch-chat/perch/xapi/xtext"
)

// weigh counts a text as X does and says whether all its characters may be
// posted.
func weigh(text string) (weighted int, valid bool) {
	r := xtext.CountLimit(text, premiumLength)
	return r.Weighted, len(r.Invalid) == 0
}
