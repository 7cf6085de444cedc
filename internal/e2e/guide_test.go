package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// guide is the operator's guide, or the README.
func guide(t *testing.T, name string) string {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join("..", "..", filepath.FromSlash(name)))
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

// TestGuideLeadsSomewhere: what the documents link to is there.
func TestGuideLeadsSomewhere(t *testing.T) {
	link := regexp.MustCompile(`\]\(([^)\s]+)\)`)
	heading := regexp.MustCompile(`(?m)^#+ (.*)$`)
	odd := regexp.MustCompile(`[^a-z0-9 _-]`)
	anchors := func(text string) map[string]bool {
		out := map[string]bool{}
		for _, h := range heading.FindAllStringSubmatch(text, -1) {
			out[strings.ReplaceAll(odd.ReplaceAllString(strings.ToLower(h[1]), ""), " ", "-")] = true
		}
		return out
	}
	for _, name := range []string{"README.md", "docs/operator.md", "CONTRIBUTING.md", "ARCHITECTURE.md"} {
		for _, m := range link.FindAllStringSubmatch(guide(t, name), -1) {
			if strings.Contains(m[1], "://") {
				continue
			}
			file, anchor, _ := strings.Cut(m[1], "#")
			at := name
			if file != "" {
				at = filepath.ToSlash(filepath.Join(filepath.Dir(name), file))
			}
			if _, err := os.Stat(filepath.Join("..", "..", filepath.FromSlash(at))); err != nil {
				t.Errorf("%s leads to %s: %v", name, m[1], err)
			} else if anchor != "" && !anchors(guide(t, at))[anchor] {
				t.Errorf("%s leads to %s, where no heading is", name, m[1])
			}
		}
	}
}

// TestGuideConfigurations has the program check the configurations that the
// guide shows for Rocket.Chat, as somebody would who copies them.
func TestGuideConfigurations(t *testing.T) {
	part := func(from, to string) string {
		t.Helper()
		_, rest, ok := strings.Cut(guide(t, "docs/operator.md"), from)
		if !ok {
			t.Fatalf("the guide has no %q", from)
		}
		rest, _, _ = strings.Cut(rest, to)
		return rest
	}
	var blocks []string
	for _, b := range strings.Split(part("## Join Rocket.Chat", "\n## "), "```yaml\n")[1:] {
		b, _, _ = strings.Cut(b, "```")
		blocks = append(blocks, b)
	}
	if len(blocks) != 2 {
		t.Fatalf("%d configurations are shown, want the one to begin with and the one with rooms", len(blocks))
	}
	var live strings.Builder
	for line := range strings.Lines(part("To choose:\n\n", "\n\n")) {
		live.WriteString(strings.TrimPrefix(line, "    "))
	}
	const base = "public_url: https://perch.example.com\nx:\n  client_id: id\n"
	for name, c := range map[string]struct {
		text string
		good bool
	}{
		"as it begins":                {base + blocks[0], true},
		"rooms":                       {base + blocks[0] + blocks[1], true},
		"departments of Rocket.Chat":  {base + blocks[0] + live.String(), true},
		"rooms, with another mistake": {base + blocks[0] + blocks[1] + "nonsense: 1\n", false},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			file := filepath.Join(dir, "perch.yaml")
			if err := os.WriteFile(file, []byte(c.text+"\ndata: "+dir+"\n"), 0o600); err != nil {
				t.Fatal(err)
			}
			cmd := exec.Command(perch, "config", "check", "--config", file)
			cmd.Env = append(os.Environ(), "PERCH_CHAT_ROCKETCHAT_TOKEN=token", "PERCH_X_CLIENT_SECRET=s", "PERCH_X_CONSUMER_KEY=k",
				"PERCH_X_CONSUMER_SECRET=s", "PERCH_ENCRYPTION_KEY="+childKey)
			if out, err := cmd.CombinedOutput(); (err == nil) != c.good {
				t.Errorf("%v: %s\nof\n%s", err, out, c.text)
			}
		})
	}
}
