package slack

import (
	"net/http"
	"strings"
	"testing"
	"time"
)

func TestScopesThatLack(t *testing.T) {
	t.Parallel()
	var all []string
	for _, s := range Scopes() {
		all = append(all, s.Name)
	}
	for _, tt := range []struct {
		has     string
		lacks   []string
		serious bool
	}{
		{strings.Join(all, ","), nil, false},
		{strings.Join(all, ", ") + ",users:read.email", nil, false},
		{strings.Join(all[1:], ","), all[:1], true},
		{"chat:write", []string{"commands", "users:read", "reactions:write"}, true},
		{"", nil, false}, // Slack does not say
	} {
		f := scopes(http.Header{"X-Oauth-Scopes": {tt.has}})
		if f.Serious != tt.serious || f.Serious && f.Do == "" {
			t.Errorf("scopes(%q) = %+v", tt.has, f)
		}
		for _, s := range tt.lacks {
			if !strings.Contains(f.Text, s) {
				t.Errorf("scopes(%q) = %q, want %s in it", tt.has, f.Text, s)
			}
		}
	}
}

func TestClockThatIsOff(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	for _, tt := range []struct {
		slack   time.Duration // ahead of us
		words   string
		serious bool
	}{
		{0, "agrees", false},
		{20 * time.Second, "agrees", false},
		{2 * time.Minute, "2m0s behind", false},
		{-2 * time.Minute, "2m0s ahead of", false},
		{-10 * time.Minute, "10m0s ahead of", true},
	} {
		f := clock(http.Header{"Date": {now.Add(tt.slack).Format(http.TimeFormat)}}, now)
		if !strings.Contains(f.Text, tt.words) || f.Serious != tt.serious || (f.Do == "") != (tt.words == "agrees") {
			t.Errorf("clock %v ahead: %+v, want %q", tt.slack, f, tt.words)
		}
	}
	if f := clock(http.Header{"Date": {"yesterday"}}, now); f.Serious || f.Do != "" {
		t.Errorf("no date: %+v", f)
	}
}
