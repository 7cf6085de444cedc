package bot_test

import (
	"testing"

	"github.com/perch-chat/perch/bot"
)

// Who turns letters around does it in their own words only.
func TestClean(t *testing.T) {
	for in, want := range map[string]string{
		"plain":                            "plain",
		"a\r\nb\tc\x00\x1b[31m\xff":        "a\nb\tc[31m\uFFFD",
		"Jane\u202e":                       "Jane\u202e\u202c",
		"a\u202eb\u202cc":                  "a\u202eb\u202cc",
		"a\u2066b\u202ec":                  "a\u2066b\u202ec\u202c\u2069",
		"a\u2066b\u202ec\u2069":            "a\u2066b\u202ec\u2069",
		"a\u202ab\u2069\u202bc\u202c":      "a\u202ab\u2069\u202bc\u202c\u202c",
		"\u202c\u2069 ends without a turn": "\u202c\u2069 ends without a turn",
		"\u05e9\u05dc\u05d5\u05dd \u200f":  "\u05e9\u05dc\u05d5\u05dd \u200f",
	} {
		if got := bot.Clean(in); got != want {
			t.Errorf("Clean(%+q) = %+q, want %+q", in, got, want)
		}
	}
}
