// Package arch tests the shape of the program: which package may import which,
// and that each says what it is for. It has no code that runs.
package arch

import (
	"encoding/json"
	"errors"
	"go/parser"
	"go/token"
	"io"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/perch-chat/perch/"

// allowed maps each package to the packages of this module that it may
// import; * is any. A package that isn't here may not exist: add it, with what
// it may import. Tests may import what they like.
//
// Imports go downwards only. commands, desk, incident and web never import
// xapi or an adapter: what they want done outside is an outbox action, which
// internal/app binds to a client. So dry run, approval, pacing, audit and fakes
// each live in one place.
var allowed = map[string]string{
	"cmd/perch":            "internal/app internal/config internal/doctor incident/template store web xapi/xtext",
	"internal/app":         "*",
	"internal/sandbox":     "bot bot/webchat",
	"internal/doctor":      "internal/config internal/accounts internal/inbox internal/outbox store xapi",
	"internal/metrics":     "internal/inbox internal/outbox store",
	"internal/arch":        "",
	"internal/benchtest":   "",
	"internal/browsertest": "",
	"internal/nodetest":    "",
	"internal/e2e":         "*",

	"web":                   "desk incident internal/outbox internal/accounts internal/installs internal/inbox store xapi/xtext",
	"commands":              "bot desk incident internal/outbox internal/accounts internal/inbox store xapi/xtext",
	"desk":                  "bot incident internal/outbox internal/accounts store xapi/xtext",
	"incident":              "incident/template internal/outbox internal/accounts store xapi/xtext",
	"incident/template":     "",
	"internal/accounts":     "internal/outbox store",
	"internal/installs":     "internal/accounts store",
	"internal/inbox":        "bot store",
	"internal/outbox":       "store",
	"internal/config":       "",
	"internal/crew":         "",
	"internal/id":           "",
	"internal/nearest":      "",
	"store":                 "",
	"store/bolt":            "store",
	"store/bolt/bolttest":   "store/bolt",
	"store/postgres":        "store",
	"store/storetest":       "store",
	"store/storetest/...":   "store store/storetest",
	"store/postgres/pgtest": "store store/postgres",
	"bot":                   "",
	"bot/bottest":           "bot",
	"bot/webchat":           "bot",
	"bot/slack":             "bot",
	"bot/rocketchat":        "bot",
	"bot/slack/slackfake":   "",
	"bot/rocketchat/rcfake": "",
	"xapi":                  "xapi/xtext",
	"xapi/xtext":            "",
	"xapi/xfake":            "xapi/xtext", // never xapi: a fake that shares its decoding is no judge
}

// everywhere are packages without a say in anything, which all may import.
var everywhere = []string{"internal/crew", "internal/id", "internal/nearest"}

// pkg is what go list says of a package.
type pkg struct {
	ImportPath, Dir                    string
	Imports                            []string
	GoFiles, TestGoFiles, XTestGoFiles []string
}

func (p pkg) name() string { return strings.TrimPrefix(p.ImportPath, module) }

func packages(t *testing.T) []pkg {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", "list", "-json=ImportPath,Dir,Imports,GoFiles,TestGoFiles,XTestGoFiles", module+"...")
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var all []pkg
	for dec := json.NewDecoder(out); ; {
		var p pkg
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		if len(p.GoFiles)+len(p.TestGoFiles)+len(p.XTestGoFiles) > 0 {
			all = append(all, p)
		}
	}
	if err := cmd.Wait(); err != nil {
		t.Fatalf("go list: %v\n%s", err, stderr.String())
	}
	if len(all) < 10 {
		t.Fatalf("go list found %d packages only", len(all))
	}
	return all
}

// rule returns what the package may import.
func rule(name string) (may []string, ok bool) {
	text, ok := allowed[name]
	for dir := name; !ok; {
		i := strings.LastIndexByte(dir, '/')
		if i < 0 {
			return nil, false
		}
		dir = dir[:i]
		text, ok = allowed[dir+"/..."]
	}
	return append(strings.Fields(text), everywhere...), true
}

// denied returns the imports of this module that the package may not have.
func denied(name string, imports []string) (bad []string, known bool) {
	may, known := rule(name)
	if slices.Contains(may, "*") {
		return nil, known
	}
	for _, imp := range imports {
		if imp, ours := strings.CutPrefix(imp, module); ours && !slices.Contains(may, imp) {
			bad = append(bad, imp)
		}
	}
	return bad, known
}

func TestImports(t *testing.T) {
	for _, p := range packages(t) {
		bad, known := denied(p.name(), p.Imports)
		if !known {
			t.Errorf("package %s is not in the map of internal/arch: add it, with what it may import", p.name())
			continue
		}
		for _, imp := range bad {
			t.Errorf("%s must not import %s (it may import: %s)", p.name(), imp, allowed[p.name()])
		}
	}
}

// The rules themselves: a map that allows everything would pass above.
func TestRules(t *testing.T) {
	tests := []struct {
		from, to string
		ok       bool
	}{
		{"commands", "xapi", false},
		{"commands", "bot/webchat", false},
		{"commands", "desk", true},
		{"desk", "commands", false},
		{"desk", "xapi", false},
		{"incident", "bot", false},
		{"incident", "incident/template", true},
		{"incident/template", "incident", false},
		{"web", "xapi", false},
		{"web", "bot", false},
		{"internal/outbox", "internal/id", true},
		{"internal/outbox", "internal/inbox", false},
		{"store/bolt", "store/postgres", false},
		{"store/storetest/pgtest", "store", true},
		{"bot/webchat", "store", false},
		{"xapi", "store", false},
		{"xapi/xfake", "xapi", false},
		{"internal/app", "xapi", true},
	}
	for _, tt := range tests {
		bad, known := denied(tt.from, []string{module + tt.to, "fmt"})
		if !known || (len(bad) == 0) != tt.ok {
			t.Errorf("%s may import %s: %v, want %v", tt.from, tt.to, len(bad) == 0, tt.ok)
		}
	}
	if _, known := denied("util", nil); known {
		t.Error("a package that is in no rule passes")
	}
}

// Every package has one comment that says what it is for and what it never does.
func TestPackageComments(t *testing.T) {
	for _, p := range packages(t) {
		files := p.GoFiles
		if len(files) == 0 {
			files = append(p.TestGoFiles, p.XTestGoFiles...)
		}
		var docs []string
		for _, name := range files {
			f, err := parser.ParseFile(token.NewFileSet(), filepath.Join(p.Dir, name), nil, parser.PackageClauseOnly|parser.ParseComments)
			if err != nil {
				t.Error(err)
				continue
			}
			if f.Doc == nil {
				continue
			}
			docs = append(docs, name)
			want := "Package " + f.Name.Name + " "
			if f.Name.Name == "main" {
				want = "Command " + filepath.Base(p.Dir) + " "
			}
			if text := f.Doc.Text(); !strings.HasPrefix(text, want) {
				t.Errorf("%s/%s: the package comment begins %.40q, want %q", p.name(), name, text, want)
			}
		}
		if len(docs) != 1 {
			t.Errorf("%s has %d package comments (%s), want one", p.name(), len(docs), strings.Join(docs, ", "))
		}
	}
}
