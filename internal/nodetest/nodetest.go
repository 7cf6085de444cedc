// Package nodetest runs the suites under conformance/ with Node: vendors' own
// clients and parsers, as judges of what stands in for their services; and
// those beside what is itself written for Node. It is for tests only.
package nodetest

import (
	"cmp"
	"context"
	"errors"
	"fmt"
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
	node, dir, err := find(t.Context(), cmp.Or(s.Folder, "conformance"), s.Packages)
	if errors.Is(err, ErrMissing) {
		Needed(t, "%v", err)
	} else if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), node, s.Script) //nolint:gosec // a script of this repository
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

// Output runs a script of conformance/ that only prints, and returns what that
// is. Its error is an ErrMissing where Node or the packages are.
func Output(ctx context.Context, script string, packages ...string) ([]byte, error) {
	node, dir, err := find(ctx, "conformance", packages)
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, node, script) //nolint:gosec // a script of this repository
	cmd.Dir = dir
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("nodetest: %s: %w", script, err)
	}
	return out, nil
}

// ErrMissing is in the error of what is not installed.
var ErrMissing = errors.New("not installed")

// find is Node and a folder of the module with the packages in it.
func find(ctx context.Context, name string, packages []string) (node, dir string, err error) {
	if node, err = exec.LookPath("node"); err != nil {
		return "", "", fmt.Errorf("node is %w; apt-get install nodejs npm, or see https://nodejs.org", ErrMissing)
	}
	version, err := exec.CommandContext(ctx, node, "-p", "process.versions.node").Output()
	if err != nil {
		return "", "", fmt.Errorf("nodetest: node: %w", err)
	}
	if major, _, _ := strings.Cut(string(version), "."); len(major) < len(oldest) || major < oldest {
		return "", "", fmt.Errorf("node %s or newer is %w; there is %s", oldest, ErrMissing, strings.TrimSpace(string(version)))
	}
	if dir, err = folder(name); err != nil {
		return "", "", err
	}
	for _, p := range packages {
		if _, err := os.Stat(filepath.Join(dir, "node_modules", p, "package.json")); err != nil {
			return "", "", fmt.Errorf("%[2]s is %[3]w in %[1]s/node_modules; run: npm ci --prefix %[1]s", name, p, ErrMissing)
		}
	}
	return node, dir, nil
}

// folder is the one of that name at the root of the module.
func folder(name string) (string, error) {
	dir, err := filepath.Abs(".")
	if err != nil {
		return "", fmt.Errorf("nodetest: %w", err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return filepath.Join(dir, name), nil
		}
		up := filepath.Dir(dir)
		if up == dir {
			return "", errors.New("nodetest: no go.mod above this folder")
		}
		dir = up
	}
}
