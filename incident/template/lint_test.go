package template

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/osteele/liquid"
)

// TestFilterNames holds the list of filters against the engine.
func TestFilterNames(t *testing.T) {
	e := newLiquid()
	for name := range filterNames {
		_, err := e.ParseAndRenderString("{{ 'x' | "+name+" }}", liquid.Bindings{})
		if err != nil && strings.Contains(err.Error(), "undefined filter") {
			t.Errorf("the engine has no filter %q", name)
		}
	}
	for name := range ownFilters() {
		if !filterNames[name] {
			t.Errorf("filterNames lacks %q", name)
		}
	}
}

func TestNearest(t *testing.T) {
	names := []string{"title", "status", "severity", "summary"}
	for in, want := range map[string]string{"titel": "title", "statsu": "status", "qqqqqqqq": "", "severty": "severity"} {
		hint := nearest(in, slices.Clone(names))
		if want == "" && hint != "" || want != "" && !strings.Contains(hint, want) {
			t.Errorf("nearest(%q) = %q, want %q", in, hint, want)
		}
	}
}

// FuzzLint checks that whatever passes the linter has all its marks closed, so
// that the engine can't print one as text.
func FuzzLint(f *testing.F) {
	for _, s := range []string{
		"{{ incident.title }}", "{% if incident.title %}x{% endif %}", "{{", "{%", "{{-}}", "{%-%}", "{{ 'a' | append: \"b\" }}",
		"{% for e in incident.events %}{{ e.event }}{% endfor %}", "{% comment %}{{ x }}{% endcomment %}", "{% assign x = (1..3) %}", "}}", "{{ a\n}}",
		"{%if\n\n%}{%endif%}", "{{ incident.title[0][", "{% for x in %}", "{{{ }}}", "{{ incident.title -}}", "{%%}", "{% endcomment %}",
	} {
		f.Add(s)
	}
	vars := map[string]any{"incident": map[string]any{"title": "T", "events": []any{map[string]any{"event": "E"}}}}
	f.Fuzz(func(t *testing.T, src string) {
		began := time.Now()
		err := lint(src, vars)
		if took := time.Since(began); took > 2*time.Second {
			t.Fatalf("lint took %v for %d bytes", took, len(src))
		}
		if err != nil {
			return
		}
		if a, b := strings.Count(src, "{{"), strings.Count(src, "}}"); a > 0 && b == 0 || b > 0 && a == 0 {
			t.Errorf("lint(%q) passes with %d {{ and %d }}", src, a, b)
		}
		if a, b := strings.Count(src, "{%"), strings.Count(src, "%}"); a != b {
			t.Errorf("lint(%q) passes with %d {%% and %d %%}", src, a, b)
		}
	})
}
