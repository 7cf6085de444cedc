package xfake

import (
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// needed skips a test whose tools are absent, and fails it where nothing may
// be left out.
func needed(t *testing.T, format string, args ...any) {
	t.Helper()
	if os.Getenv("CI") == "true" || os.Getenv("PERCH_REQUIRE_ALL") == "1" {
		t.Fatalf(format, args...)
	}
	t.Skipf(format, args...)
}

// TestConformance lets twitter-api-v2, a client in use with the real X, judge
// the fake.
func TestConformance(t *testing.T) {
	node, err := exec.LookPath("node")
	if err != nil {
		needed(t, "node is not installed; apt-get install nodejs npm, or see https://nodejs.org")
	}
	dir, err := filepath.Abs("../../conformance")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(dir, "node_modules", "twitter-api-v2", "package.json")); err != nil {
		needed(t, "conformance/node_modules has no twitter-api-v2; run: npm ci --prefix conformance")
	}

	s := New(Options{RedirectURLs: []string{callback}})
	web := httptest.NewServer(s.Handler())
	t.Cleanup(web.Close)
	acme := s.AddUser(User{ID: "1001", Handle: "acme", Name: "Acme"})
	kim := s.AddUser(User{ID: "2002", Handle: "kim", Name: "Kim"})
	stranger, err := s.PostAs("kim", "Lovely weather")
	if err != nil {
		t.Fatal(err)
	}
	mention, err := s.MentionAs("kim", "@acme is login slow for you too?")
	if err != nil {
		t.Fatal(err)
	}

	cmd := exec.CommandContext(t.Context(), node, "x/suite.mjs")
	cmd.Dir = dir
	cmd.Env = append(os.Environ(),
		"XFAKE_URL="+web.URL, "XFAKE_CLIENT=client-id:client-secret", "XFAKE_BEARER=app-bearer", "XFAKE_CALLBACK="+callback,
		"XFAKE_USER="+acme.ID, "XFAKE_CUSTOMER="+kim.ID, "XFAKE_MENTION="+mention.ID, "XFAKE_STRANGER="+stranger.ID,
	)
	out, err := cmd.CombinedOutput()
	t.Logf("%s", out)
	if err != nil {
		t.Fatalf("twitter-api-v2 does not agree with the fake: %v", err)
	}
	if n := strings.Count(string(out), "\nok "); n < 15 {
		t.Errorf("%d cases ran, want at least 15", n)
	}
}
