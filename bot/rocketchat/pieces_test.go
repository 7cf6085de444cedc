package rocketchat

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

// FuzzPieces cuts any text into pieces that are short enough, in which nothing is
// missing.
func FuzzPieces(f *testing.F) {
	f.Add("Where is *my* order?", 12)
	f.Add(strings.Repeat("word ", 30), 40)
	f.Add("@@@@@@@@@@ :smile: 👍🏽👍🏽👍🏽", 8)
	f.Add("https://x.com/a/b/c?d=e_f https://x.com/a/b/c?d=e_f", 30)
	f.Add("", 10)
	f.Fuzz(func(t *testing.T, text string, most int) {
		if !utf8.ValidString(text) || len(text) > 2000 {
			t.Skip()
		}
		most = 8 + max(most, -most)%4000
		text = clean(text)
		bare := func(s string) string {
			return strings.Map(func(r rune) rune {
				if unicode.IsSpace(r) || r == '\\' || string(r) == joiner {
					return -1
				}
				return r
			}, s)
		}
		var got strings.Builder
		for _, p := range pieces(text, most) {
			if n := length(p); n > most {
				t.Errorf("a piece of %d for a limit of %d: %q", n, most, p)
			}
			got.WriteString(bare(p))
		}
		if want := bare(text); got.String() != want {
			t.Errorf("pieces have %q, want %q", got.String(), want)
		}
	})
}
