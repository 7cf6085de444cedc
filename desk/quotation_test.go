package desk

import "testing"

func TestQuotation(t *testing.T) {
	for in, want := range map[string]string{
		"on time": "“on time”.", "On time.": "“On time.”", "Really?": "“Really?”", "Stop!": "“Stop!”", "and so on…": "“and so on…”", "": "“”.",
	} {
		if got := quotation(in); got != want {
			t.Errorf("quotation(%q) = %q, want %q", in, got, want)
		}
	}
}
