package nearest

import (
	"strings"
	"testing"
)

func TestWord(t *testing.T) {
	words := []string{"authorize", "unauthorize", "support", "help", "on"}
	for _, tt := range []struct{ in, want string }{
		{"authorise", "authorize"},
		{"auhtorize", "authorize"},
		{"AUTHORIZE", "authorize"},
		{"unauthorise", "unauthorize"},
		{"hepl", "help"},
		{"support", "support"},
		{"no", "on"},
		{"zzzzzz", ""},
		{"", ""},
		{strings.Repeat("a", 1<<16), ""},
	} {
		if got, ok := Word(tt.in, words); got != tt.want || ok != (tt.want != "") {
			t.Errorf("Word(%.20q) = %q, %v, want %q", tt.in, got, ok, tt.want)
		}
	}
}
