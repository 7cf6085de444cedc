package slack

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/google/go-cmp/cmp"
	"github.com/slack-go/slack"
)

func manifest(t *testing.T, o ManifestOptions) Manifest {
	t.Helper()
	m, err := NewManifest(o)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestManifestGolden(t *testing.T) {
	m := manifest(t, ManifestOptions{})
	golden(t, "manifest.json", m)
	golden(t, "manifest_http.json", manifest(t, ManifestOptions{Name: "Acme", Handle: "acme", RequestURL: "https://perch.example/slack/events", Redirect: "https://perch.example/slack/oauth", Shortcuts: []Shortcut{
		{ID: "timeline.shortcut", Name: "Add to timeline", Description: "Add this message to the incident's timeline", OnMessage: true},
		{ID: "incident.shortcut", Name: "Declare incident", Description: "Open the form for a new incident"},
	}}))
	y, err := m.YAML()
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join("testdata", "manifest.yaml")
	if *update {
		if err := os.WriteFile(path, y, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(want), string(y)); d != "" {
		t.Errorf("manifest.yaml (-want +got):\n%s", d)
	}
}

// The two forms say the same, and the SDK's own type knows every word of them.
func TestManifestForms(t *testing.T) {
	m := manifest(t, ManifestOptions{RequestURL: "https://perch.example/slack/events"})
	j, err := m.JSON()
	if err != nil {
		t.Fatal(err)
	}
	y, err := m.YAML()
	if err != nil {
		t.Fatal(err)
	}
	fromYAML, err := yaml.YAMLToJSON(y)
	if err != nil {
		t.Fatal(err)
	}
	var a, b any
	if err := json.Unmarshal(j, &a); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(fromYAML, &b); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(a, b); d != "" {
		t.Errorf("JSON and YAML differ:\n%s", d)
	}
	dec := json.NewDecoder(strings.NewReader(string(j)))
	dec.DisallowUnknownFields()
	var sdk slack.Manifest
	if err := dec.Decode(&sdk); err != nil {
		t.Errorf("the SDK does not know the manifest: %v", err)
	}
}

func TestManifestHasTheModeAsked(t *testing.T) {
	socket, web := manifest(t, ManifestOptions{}), manifest(t, ManifestOptions{RequestURL: "https://perch.example/slack/events"})
	if !socket.Settings.Socket || socket.Settings.Events.URL != "" || socket.Features.Commands[0].URL != "" {
		t.Errorf("Socket Mode: %+v", socket.Settings)
	}
	if web.Settings.Socket || web.Settings.Events.URL == "" || web.Settings.Interactivity.URL == "" {
		t.Errorf("HTTP mode: %+v", web.Settings)
	}
	for _, c := range web.Features.Commands {
		if !c.Escape || c.URL == "" || !strings.HasPrefix(c.Command, "/") || len(c.Command) > 32 || c.Description == "" || len(c.Hint) > 1000 {
			t.Errorf("command %+v", c)
		}
	}
}

func TestManifestRefusesWhatSlackWould(t *testing.T) {
	for name, o := range map[string]ManifestOptions{
		"name":     {Name: strings.Repeat("n", 36)},
		"address":  {RequestURL: "http://perch.example/slack/events"},
		"shortcut": {Shortcuts: []Shortcut{{ID: "x", Name: "A name of more than 24 characters", Description: "x"}}},
	} {
		if _, err := NewManifest(o); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

// Every scope that an event or a method of ours needs is asked for, and each
// is asked for once with its reason.
func TestScopesCoverWhatIsUsed(t *testing.T) {
	var have []string
	for _, s := range Scopes() {
		if s.Why == "" || slices.Contains(have, s.Name) {
			t.Errorf("scope %+v is there twice or has no reason", s)
		}
		have = append(have, s.Name)
	}
	if !slices.IsSorted(have) {
		t.Error("the scopes are not sorted")
	}
	needs := map[string][]string{
		"app_mention": {"app_mentions:read"}, "message.channels": {"channels:history"}, "message.groups": {"groups:history"}, "message.im": {"im:history"},
		"reaction_added": {"reactions:read"}, "reaction_removed": {"reactions:read"}, "member_joined_channel": {"channels:read", "groups:read"},
		"app_uninstalled": nil, "tokens_revoked": nil, "app_home_opened": nil,
		"subteam_members_changed": {"usergroups:read"}, "subteam_updated": {"usergroups:read"}, "usergroups.users.list": {"usergroups:read"}, "usergroups.list": {"usergroups:read"},
		"pins.add": {"pins:write"}, "pins.remove": {"pins:write"}, "views.publish": nil, "views.update": nil,
		"conversations.invite": {"channels:manage", "groups:write"}, "conversations.archive": {"channels:manage", "groups:write"},
		"files.getUploadURLExternal": {"files:write"}, "files.completeUploadExternal": {"files:write"}, "files.info": {"files:read"},
		"chat.postMessage": {"chat:write", "chat:write.customize"}, "chat.postEphemeral": {"chat:write"}, "chat.update": {"chat:write"}, "chat.delete": {"chat:write"}, "chat.getPermalink": nil,
		"reactions.add": {"reactions:write"}, "reactions.remove": {"reactions:write"}, "views.open": nil, "auth.test": nil, "apps.connections.open": nil,
		"conversations.history": {"channels:history", "groups:history", "im:history"}, "conversations.replies": {"channels:history", "groups:history", "im:history"},
		"conversations.open": {"im:write"}, "conversations.create": {"channels:manage", "groups:write"}, "conversations.setPurpose": {"channels:manage", "groups:write"}, "conversations.setTopic": {"channels:manage", "groups:write"},
		"conversations.list": {"channels:read", "groups:read"}, "conversations.info": {"channels:read", "groups:read"}, "conversations.join": {"channels:join"}, "users.info": {"users:read"},
		"users.list": {"users:read"}, "files.delete": {"files:write"},
	}
	used := manifest(t, ManifestOptions{}).Settings.Events.Bot
	method := regexp.MustCompile(`"((?:auth|apps|chat|conversations|files|pins|reactions|usergroups|users|views)\.[a-zA-Z.]+)"`)
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		raw, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasSuffix(f, "_test.go") {
			continue
		}
		for _, m := range method.FindAllStringSubmatch(string(raw), -1) {
			used = append(used, m[1])
		}
	}
	if len(used) < 20 {
		t.Errorf("only %d events and methods were found", len(used))
	}
	for _, u := range used {
		scopes, known := needs[u]
		if !known {
			t.Errorf("nobody knows what %s needs", u)
		}
		for _, s := range scopes {
			if !slices.Contains(have, s) {
				t.Errorf("%s needs %s", u, s)
			}
		}
	}
}
