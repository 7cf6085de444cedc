package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// perch is the program under test, built once.
var perch string

func TestMain(m *testing.M) {
	os.Exit(run(m))
}

func run(m *testing.M) int {
	if at := strings.Split(os.Getenv(childEnv), "|"); len(at) == 3 {
		if err := child(at[0], at[1], at[2]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		return 0
	}
	if at := strings.Split(os.Getenv(benchEnv), "|"); len(at) == 2 {
		if err := benchChild(at[0], at[1]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		return 0
	}
	dir, err := os.MkdirTemp("", "perch-e2e-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer func() { _ = os.RemoveAll(dir) }()
	perch = filepath.Join(dir, "perch")
	build := exec.Command("go", "build", "-o", perch, "github.com/perch-chat/perch/cmd/perch")
	build.Stdout, build.Stderr = os.Stderr, os.Stderr
	if err := build.Run(); err != nil {
		fmt.Fprintln(os.Stderr, "build perch:", err)
		return 1
	}
	return m.Run()
}

// TestFlows runs the conversations of testdata over the whole program.
func TestFlows(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata",
		RequireExplicitExec: true,
		Setup: func(env *testscript.Env) error {
			env.Setenv("PERCH", perch)
			p := &play{bin: perch, data: filepath.Join(env.WorkDir, "data"), log: filepath.Join(env.WorkDir, "perch.log"), used: map[string]bool{}}
			env.Values[playKey{}] = p
			env.Defer(p.kill)
			return nil
		},
		Cmds: commands(),
	})
}
