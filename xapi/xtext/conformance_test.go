package xtext_test

import (
	"encoding/json"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/perch-chat/perch/xapi/xtext"
)

type found struct {
	Text  string
	Found []string
}

// suite is testdata/twitter-text.json.
type suite struct {
	Count []struct {
		Description, Text string
		Weighted          int
		Valid             bool
	}
	URLs []struct {
		Text string
		URLs []string
	}
	Mentions, Hashtags, Cashtags []found
}

func readSuite(t testing.TB) suite {
	t.Helper()
	data, err := os.ReadFile("testdata/twitter-text.json")
	if err != nil {
		t.Fatal(err)
	}
	var s suite
	if err := json.Unmarshal(data, &s); err != nil {
		t.Fatal(err)
	}
	if len(s.Count) < 40 || len(s.URLs) < 80 || len(s.Mentions) == 0 || len(s.Hashtags) == 0 || len(s.Cashtags) == 0 {
		t.Fatal("testdata/twitter-text.json has lost cases")
	}
	return s
}

func TestConformanceCount(t *testing.T) {
	for _, tt := range readSuite(t).Count {
		t.Run(tt.Description, func(t *testing.T) {
			got := xtext.Count(tt.Text)
			if got.Weighted != tt.Weighted || got.Valid != tt.Valid {
				t.Errorf("Count(%+q) = %d, valid %v; want %d, valid %v", tt.Text, got.Weighted, got.Valid, tt.Weighted, tt.Valid)
			}
		})
	}
}

func TestConformanceURLs(t *testing.T) {
	for _, tt := range readSuite(t).URLs {
		if diff := cmp.Diff(tt.URLs, texts(tt.Text, xtext.URLs(tt.Text)), cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("URLs(%q): -want +got\n%s", tt.Text, diff)
		}
	}
}

func TestConformanceEntities(t *testing.T) {
	s := readSuite(t)
	for _, kind := range []struct {
		name  string
		cases []found
		find  func(string) []xtext.Span
	}{
		{"Mentions", s.Mentions, xtext.Mentions},
		{"Hashtags", s.Hashtags, xtext.Hashtags},
		{"Cashtags", s.Cashtags, xtext.Cashtags},
	} {
		for _, tt := range kind.cases {
			if diff := cmp.Diff(tt.Found, texts(tt.Text, kind.find(tt.Text)), cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("%s(%q): -want +got\n%s", kind.name, tt.Text, diff)
			}
		}
	}
}

func texts(s string, spans []xtext.Span) []string {
	var out []string
	for _, p := range spans {
		out = append(out, p.In(s))
	}
	return out
}
