package postgres

import (
	"encoding/json"
	"strings"
	"testing"
)

func TestClean(t *testing.T) {
	for _, tt := range []struct{ in, want string }{
		{`{}`, `{}`},
		{`"\\u0000"`, `"\\u0000"`},
		{`"\\\u0000"`, `"\\\ufffd"`},
		{`"\u0000\u0000"`, `"\ufffd\ufffd"`},
		{`"\uD83D\uDC26"`, `"\uD83D\uDC26"`},
		{`"\ud83d"`, `"\ufffd"`},
		{`"\ud83dx"`, `"\ufffdx"`},
		{`"\udc26\ud83d"`, `"\ufffd\ufffd"`},
		{`"\ud83d\u0000"`, `"\ufffd\ufffd"`},
		{"\"\xff\"", "\"\ufffd\""},
		{`{"\u0000":1}`, `{"\ufffd":1}`},
		{`"\`, `"\`},         // not JSON: the server refuses it
		{`"\u00"`, `"\u00"`}, // nor is this
	} {
		if got := string(clean([]byte(tt.in))); got != tt.want {
			t.Errorf("clean(%s) = %s, want %s", tt.in, got, tt.want)
		}
	}
}

func FuzzClean(f *testing.F) {
	for _, seed := range []string{`{"a":"\u0000"}`, `"\ud83d\udc26\ud83d"`, "\"\xff\\\"", `["\\u0000\\\u0000"]`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		if !json.Valid(in) {
			return
		}
		before := string(in)
		out := clean(in)
		if string(in) != before {
			t.Fatal("clean changed what it was given")
		}
		if string(clean(out)) != string(out) {
			t.Errorf("clean(%q) = %q is not clean", in, out)
		}
		var was, is any
		if err := json.Unmarshal(in, &was); err != nil {
			return // a number that Go has no room for
		}
		if err := json.Unmarshal(out, &is); err != nil {
			t.Fatalf("clean(%q) = %q: %v", in, out, err)
		}
		s1, err1 := json.Marshal(was)
		s2, err2 := json.Marshal(is)
		if err1 != nil || err2 != nil {
			t.Fatal(err1, err2)
		}
		// Keys may meet when their zeros are replaced, so only texts are compared.
		if _, ok := was.(string); ok && strings.ReplaceAll(string(s1), `\u0000`, "\ufffd") != strings.ReplaceAll(string(s2), `\ufffd`, "\ufffd") &&
			!strings.Contains(string(s1), `\\u0000`) {
			t.Errorf("clean(%q) = %q", in, out)
		}
	})
}
