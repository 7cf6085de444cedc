package xtext_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"unicode"

	"github.com/google/go-cmp/cmp"

	"github.com/perch-chat/perch/xapi/xtext"
)

func TestSplitWhole(t *testing.T) {
	for _, text := range []string{"short", "  trimmed\n", strings.Repeat("x", 280), strings.Repeat("漢", 140)} {
		got, err := xtext.Split(text, 0)
		if want := []string{strings.TrimSpace(text)}; err != nil || !cmp.Equal(want, got) {
			t.Errorf("Split(%q) = %q, %v", text, got, err)
		}
	}
}

func TestSplitErrors(t *testing.T) {
	tests := []struct {
		name, text string
		limit      int
		want       error
	}{
		{"empty", "", 280, xtext.ErrEmpty},
		{"space", " \n\u3000", 280, xtext.ErrEmpty},
		{"invalid", "a\uFFFEb", 280, xtext.ErrInvalidChars},
		{"too small", strings.Repeat("a ", 40), 49, xtext.ErrLimit},
		{"too long", strings.Repeat("word ", 1400), 280, xtext.ErrTooManyParts},
		{"far too long", strings.Repeat("word ", 1<<20), 280, xtext.ErrTooManyParts},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := xtext.Split(tt.text, tt.limit)
			if !errors.Is(err, tt.want) || got != nil {
				t.Errorf("Split = %d parts, %v; want %v", len(got), err, tt.want)
			}
		})
	}
}

func TestSplitBorders(t *testing.T) {
	words := func(n int, w string) string { return strings.TrimSpace(strings.Repeat(w+" ", n)) }
	tests := []struct {
		name, text string
		limit      int
		want       []string
	}{
		{"words", words(30, "abcd"), 60, []string{
			words(11, "abcd") + " 1/3", words(11, "abcd") + " 2/3", words(8, "abcd") + " 3/3",
		}},
		{"sentences", "We see errors on the public API since noon. They began with a deploy that is rolled back now.", 60, []string{
			"We see errors on the public API since noon. 1/2", "They began with a deploy that is rolled back now. 2/2",
		}},
		{"paragraphs", "Errors since noon on our API.\n\nThey began with a deploy. That one is rolled back now.", 60, []string{
			"Errors since noon on our API. 1/2", "They began with a deploy. That one is rolled back now. 2/2",
		}},
		{"URL", "Everything about this incident is at https://status.example.com/incidents/42/a/b/c/d/e/f for you to read", 60, []string{
			"Everything about this incident is at 1/2",
			"https://status.example.com/incidents/42/a/b/c/d/e/f for you to read 2/2",
		}},
		{"long word", strings.Repeat("x", 100), 60, []string{
			strings.Repeat("x", 54) + " 1/2", strings.Repeat("x", 46) + " 2/2",
		}},
		{"emoji", strings.Repeat("👩‍💻", 40), 60, []string{
			strings.Repeat("👩‍💻", 27) + " 1/2", strings.Repeat("👩‍💻", 13) + " 2/2",
		}},
		{"Japanese", "現在、一部のお客様に障害が発生しています。復旧作業を進めています。", 60, []string{
			"現在、一部のお客様に障害が発生しています。 1/2", "復旧作業を進めています。 2/2",
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := xtext.Split(tt.text, tt.limit)
			if err != nil {
				t.Fatal(err)
			}
			if tt.name == "long word" || tt.name == "emoji" {
				checkParts(t, tt.text, tt.limit, got)
				if len(got) != len(tt.want) {
					t.Errorf("%d parts, want %d: %q", len(got), len(tt.want), got)
				}
				return
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
		})
	}
}

// Entities that stand without spaces in a long text stay whole.
func TestSplitKeepsEntities(t *testing.T) {
	entities := []string{"https://example.com/a/long/path?with=query", "@perch_chat", "#障害情報", "example.org/x"}
	for lead := range 70 {
		for _, e := range entities {
			text := strings.Repeat("語", lead) + "、" + e + "、" + strings.Repeat("文", 60)
			parts, err := xtext.Split(text, 100)
			if err != nil {
				t.Fatal(err)
			}
			checkParts(t, text, 100, parts)
			if len(parts) > 1 && !strings.Contains(strings.Join(parts, "\n"), e) {
				t.Errorf("Split(%q) cut %q: %q", text, e, parts)
			}
		}
	}
}

func TestSplitTenAndMore(t *testing.T) {
	text := strings.TrimSpace(strings.Repeat("Lorem ipsum dolor sit amet, consectetur elit. ", 100))
	parts, err := xtext.Split(text, 280)
	if err != nil {
		t.Fatal(err)
	}
	checkParts(t, text, 280, parts)
	if len(parts) < 17 || len(parts) > 21 {
		t.Errorf("%d parts of %d characters", len(parts), len(text))
	}
}

func checkParts(t *testing.T, text string, limit int, parts []string) {
	t.Helper()
	var joined strings.Builder
	for i, p := range parts {
		if res := xtext.CountLimit(p, limit); !res.Valid {
			t.Errorf("part %d is invalid: %+v: %q", i+1, res, p)
		}
		if len(parts) > 1 {
			var ok bool
			if p, ok = strings.CutSuffix(p, fmt.Sprintf(" %d/%d", i+1, len(parts))); !ok {
				t.Errorf("part %d has no number: %q", i+1, p)
			}
		}
		joined.WriteString(p)
	}
	if got, want := squeeze(joined.String()), squeeze(text); got != want {
		t.Errorf("the parts have %q, the text %q", got, want)
	}
	if len(parts) > xtext.MaxParts {
		t.Errorf("%d parts", len(parts))
	}
}

// squeeze drops all white space.
func squeeze(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) {
			return -1
		}
		return r
	}, s)
}

func FuzzSplit(f *testing.F) {
	f.Add(strings.Repeat("word https://example.com/x @user #tag 👩‍💻 ", 20), 280)
	f.Add(strings.Repeat("障害。", 200), 60)
	f.Add(strings.Repeat("a.com", 60)+"\n\n"+strings.Repeat("e\u0301", 300), 100)
	f.Add(strings.Repeat("x", 300)+"@y", 50)
	f.Fuzz(func(t *testing.T, s string, limit int) {
		parts, err := xtext.Split(s, limit)
		if err != nil {
			if parts != nil {
				t.Errorf("parts beside %v", err)
			}
			return
		}
		if limit == 0 {
			limit = xtext.DefaultLimit
		}
		checkParts(t, strings.ToValidUTF8(s, "\uFFFD"), limit, parts)
	})
}

func BenchmarkSplit(b *testing.B) {
	text := strings.Repeat("We are investigating errors, see https://status.example.com/42 for more. 障害が発生しています。 ", 15)
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		if _, err := xtext.Split(text, 280); err != nil {
			b.Fatal(err)
		}
	}
}
