package slack

import (
	"bytes"
	"encoding/json"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

func FuzzOpenFrame(f *testing.F) {
	for _, s := range []string{
		`{"type":"hello","num_connections":1}`,
		`{"envelope_id":"e1","type":"events_api","payload":{"a":[1,{"b":"}"}]},"retry_attempt":0}`,
		` { "payload" : "text" , "type":"slash_commands", "envelope_id":"\u0041\"" }`,
		`{"type":"disconnect","reason":"warning"}`, `{"type":1,"envelope_id":null,"payload":null}`, `{}`, `[]`, `"x"`, `{"type":"x"`, ``, `null`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		was := bytes.Clone(raw)
		got, err := openFrame(raw)
		if err == nil && !json.Valid(got.Payload) {
			got.Payload = nil // whoever decodes it finds out
		}
		if !bytes.Equal(raw, was) {
			t.Fatalf("the frame was changed: %q", raw)
		}
		clear(raw) // it is used for the next frame
		var want envelope
		if !utf8.Valid(was) || json.Unmarshal(was, &want) != nil || twice(was) {
			return // nothing to compare with
		}
		if err != nil {
			t.Fatalf("openFrame(%q): %v", was, err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("openFrame(%q) (-encoding/json +openFrame):\n%s", was, diff)
		}
	})
}

// twice reports whether an object has a key twice, or one that differs from
// ours in nothing but its case, of which each decoder takes another.
func twice(raw []byte) bool {
	var all map[string]json.RawMessage
	if json.Unmarshal(raw, &all) != nil {
		return true
	}
	var again bytes.Buffer
	enc, err := json.Marshal(all)
	if err != nil || json.Compact(&again, raw) != nil || len(enc) != again.Len() {
		return true
	}
	for key := range all {
		for _, ours := range []string{"type", "envelope_id", "reason", "payload"} {
			if key != ours && len(key) == len(ours) {
				return true
			}
		}
	}
	return false
}

func TestOwnEcho(t *testing.T) {
	tests := []struct {
		name, kind, payload string
		want                bool
	}{
		{name: "our message", kind: kindEvent, payload: `{"event":{"type":"message","bot_id":"BPERCH","channel":"C1"}}`, want: true},
		{name: "another bot's", kind: kindEvent, payload: `{"event":{"type":"message","bot_id":"B2"}}`},
		{name: "a person's", kind: kindEvent, payload: `{"event":{"type":"message","user":"U1"}}`},
		{name: "ours, deleted", kind: kindEvent, payload: `{"event":{"type":"message","subtype":"message_deleted","bot_id":"BPERCH"}}`},
		{name: "a reaction", kind: kindEvent, payload: `{"event":{"type":"reaction_added","bot_id":"BPERCH"}}`},
		{name: "a command that says so", kind: kindCommand, payload: `{"event":{"type":"message","bot_id":"BPERCH"}}`},
		{name: "no JSON", kind: kindEvent, payload: `{"event":`},
	}
	a := &Adapter{}
	if a.ownEcho(delivery{kind: kindEvent, payload: json.RawMessage(tests[0].payload)}) {
		t.Error("nobody knows yet who the bot is")
	}
	a.auth.Store(&identity{Bot: "BPERCH"})
	for _, tt := range tests {
		if got := a.ownEcho(delivery{kind: tt.kind, payload: json.RawMessage(tt.payload)}); got != tt.want {
			t.Errorf("%s: ownEcho = %t", tt.name, got)
		}
	}
}
