package slackfake

import (
	"encoding/json"
	"strings"
	"testing"
)

func FuzzMustJSON(f *testing.F) {
	for _, s := range []string{
		`{"b":[1,2.5,-3e9,true,null,{}],"a":"<@U1> & \" \\ \u2028 é","c":[]}`, `"x"`, `null`,
		`{"` + strings.Repeat("k", 40) + `":{"a":{"b":{"c":[[[]]]}}}}`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		var v any
		if json.Unmarshal(raw, &v) != nil {
			return
		}
		want, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		if got := mustJSON(v); string(got) != string(want) {
			t.Errorf("mustJSON = %s\njson.Marshal = %s", got, want)
		}
	})
}

func TestMustJSONOfOurTypes(t *testing.T) {
	many := map[string]string{}
	for _, r := range "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ" {
		many[string(r)] = string(r) + "\n"
	}
	for _, v := range []any{
		many,
		[]obj{{"a": 1}, nil},
		[]obj(nil), []any(nil), obj(nil), map[string]string(nil), int64(7),
		[]string{"x"},
		json.RawMessage(`{"raw": true}`),
		obj{"list": []obj{}, "text": "\x7f\xff"},
	} {
		want, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		if got := mustJSON(v); string(got) != string(want) {
			t.Errorf("mustJSON = %s\njson.Marshal = %s", got, want)
		}
	}
}
