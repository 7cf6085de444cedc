package rcfake

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/perch-chat/perch/internal/nodetest"
)

// schema is what is compared of a schema of the server's.
type schema struct {
	Properties map[string]json.RawMessage
	Required   []string
	Additional any      `json:"additionalProperties"`
	OneOf      []schema `json:"oneOf"`
	AnyOf      []schema `json:"anyOf"`
}

// keys are those that may be there, those that must in any case marked with "!".
func (s schema) keys() (out []string, closed bool) {
	kinds := append(s.OneOf, s.AnyOf...)
	kinds = slices.DeleteFunc(kinds, func(k schema) bool { return k.Properties == nil })
	if s.Properties != nil || len(kinds) == 0 {
		kinds = []schema{s}
	}
	in, must := map[string]bool{}, map[string]int{}
	closed = true
	for _, k := range kinds {
		closed = closed && k.Additional == false
		for name := range k.Properties {
			in[name] = true
		}
		for _, name := range k.Required {
			must[name]++
		}
	}
	for name := range in {
		if must[name] == len(kinds) {
			name = "!" + name
		}
		out = append(out, name)
	}
	slices.Sort(out)
	return out, closed
}

// TestTableFollowsTypings shows that the stand-in takes and refuses the keys
// that the server's own schemas do.
func TestTableFollowsTypings(t *testing.T) {
	raw, err := nodetest.Output(t.Context(), "rocketchat/schemas.mjs", "@rocket.chat/rest-typings")
	if errors.Is(err, nodetest.ErrMissing) {
		nodetest.Needed(t, "%v", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	var all map[string]json.RawMessage
	if err := json.Unmarshal(raw, &all); err != nil {
		t.Fatal(err)
	}
	checked := 0
	for _, r := range (&Server{}).table() {
		if r.schema == "" {
			continue
		}
		var s schema
		if err := json.Unmarshal(all[r.schema], &s); err != nil {
			t.Errorf("%s: %s: %v", r.name(), r.schema, err)
			continue
		}
		want, closed := s.keys()
		got := r.body
		if r.method == "GET" {
			got = r.query
		}
		if got == nil && !closed {
			continue
		}
		if diff := cmp.Diff(want, slices.Sorted(slices.Values(got))); diff != "" {
			t.Errorf("%s: keys as in %s (-the server's +ours):\n%s", r.name(), r.schema, strings.TrimSpace(diff))
		}
		checked++
	}
	if checked < 30 {
		t.Errorf("only %d routes were compared", checked)
	}
}
