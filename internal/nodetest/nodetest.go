// Package nodetest runs the suites under conformance/ with Node: vendors' own
// clients and parsers, as judges of what stands in for their services; and
// those beside what is itself written for Node. It is for tests only.
package nodetest

import (
	"cmp"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// oldest is the first line of Node on which the packages run.
const oldest = "20"

// Suite is one script and what it needs.
type Suite struct {
	Folder   string // where it and its packages are, "conformance" if empty
	Script   string // in the folder: "slack/bolt.mjs"
	Packages []string
	Cases    int // at least so many must have run
	Env      []string
	Stdin    io.Reader
}

// Run runs a suite and fails the test if it does not agree. Where Node or the
// packages are missing the test is skipped, with what to do about it, or fails
// if nothing may be left out (CI=true or PERCH_REQUIRE_ALL=1).
func Run(t *testing.T, s Suite) {
	t.Helper()
	node, err := exec.LookPath("node")
	if err != nil {
		Needed(t, "node is not installed; apt-get install nodejs npm, or see https://nodejs.org")
	}
	version, err := exec.CommandContext(t.Context(), node, "-p", "process.versions.node").Output()
	if err != nil {
		t.Fatal(err)
	}
	if major, _, _ := strings.Cut(string(version), "."); len(major) < len(oldest) || major < oldest {
		Needed(t, "node is %s; the packages need %s or newer", strings.TrimSpace(string(version)), oldest)
	}
	name := cmp.Or(s.Folder, "conformance")
	dir := folder(t, name)
	for _, p := range s.Packages {
		if _, err := os.Stat(filepath.Join(dir, "node_modules", p, "package.json")); err != nil {
			Needed(t, "%[1]s/node_modules has no %[2]s; run: npm ci --prefix %[1]s", name, p)
		}
	}
	cmd := exec.CommandContext(t.Context(), node, s.Script)
	cmd.Dir, cmd.Env, cmd.Stdin = dir, append(os.Environ(), s.Env...), s.Stdin
	out, err := cmd.CombinedOutput()
	t.Logf("%s", out)
	if err != nil {
		t.Fatalf("%s does not agree: %v", s.Script, err)
	}
	if n := strings.Count(string(out), "\nok "); n < s.Cases {
		t.Errorf("%d cases ran, want at least %d", n, s.Cases)
	}
}

// Needed skips a test whose tools are absent, and fails it where nothing may be
// left out.
func Needed(t *testing.T, format string, args ...any) {
	t.Helper()
	if os.Getenv("CI") == "true" || os.Getenv("PERCH_REQUIRE_ALL") == "1" {
		t.Fatalf(format, args...)
	}
	t.Skipf(format, args...)
}

// folder is the one of that name at the root of the module.
func folder(t *testing.T, name string) string {
	t.Helper()
	dir, err := filepath.Abs(".")
	if err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return filepath.Join(dir, name)
		}
		up := filepath.Dir(dir)
		if up == dir {
			t.Fatal("no go.mod above this folder")
		}
		dir = up
	}
}
