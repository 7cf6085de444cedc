package e2e

import (
	"fmt"
	"maps"
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
	if file := os.Getenv(servedEnv); file != "" {
		if err := servedChild(file); err != nil {
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

// TestFlows runs the conversations of testdata over the whole program, each on
// the chats that its first line names.
//
//nolint:tparallel // the chats play side by side, but not beside the tests that load the machine
func TestFlows(t *testing.T) {
	files, err := filepath.Glob(filepath.Join("testdata", "*.txtar"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no scripts: %v", err)
	}
	on := map[string][]string{}
	for _, file := range files {
		raw, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		first, _, _ := strings.Cut(string(raw), "\n")
		words := strings.Fields(first)
		if len(words) < 2 || words[0] != "chats" {
			t.Fatalf("%s does not begin with the chats it runs on", file)
		}
		for _, chat := range words[1:] {
			on[chat] = append(on[chat], file)
		}
		for _, problem := range unexplained(file, words[1:]) {
			t.Error(problem)
		}
	}
	for chat, make := range map[string]func(dir string) (*play, func(), error){
		"webchat":    func(dir string) (*play, func(), error) { p := sandboxed(dir); return p, p.kill, nil },
		"slack":      slackPlay,
		"rocketchat": rocketPlay,
	} {
		files := on[chat]
		t.Run(chat, func(t *testing.T) {
			t.Parallel()
			flows(t, chat, files, make)
		})
		delete(on, chat)
	}
	for chat, files := range on {
		t.Errorf("there is no chat %q, for %q", chat, files)
	}
}

func flows(t *testing.T, chat string, files []string, make func(dir string) (*play, func(), error)) {
	t.Helper()
	words := commands()
	maps.Copy(words, slackCommands())
	maps.Copy(words, installCommands())
	maps.Copy(words, bothCommands(slackCommands()))
	maps.Copy(words, liveCommands())
	testscript.Run(t, testscript.Params{
		Files:               files,
		RequireExplicitExec: true,
		Setup: func(env *testscript.Env) error {
			env.Setenv("PERCH", perch)
			p, end, err := make(env.WorkDir)
			if err != nil {
				return err
			}
			env.Values[playKey{}] = p
			env.Defer(end)
			return nil
		},
		Condition: func(cond string) (bool, error) {
			if cond != "webchat" && cond != "slack" && cond != "rocketchat" {
				return false, fmt.Errorf("there is no chat %q", cond)
			}
			return cond == chat, nil
		},
		Cmds: words,
	})
}
