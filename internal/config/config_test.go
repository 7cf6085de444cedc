package config

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const key = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="

// secrets is an environment with all that the file should not hold.
func secrets(more ...string) Env {
	m := map[string]string{
		"PERCH_ENCRYPTION_KEY": key, "PERCH_X_CLIENT_ID": "id", "PERCH_X_CLIENT_SECRET": "s",
		"PERCH_X_CONSUMER_SECRET": "cs", "PERCH_X_BEARER_TOKEN": "b", "PERCH_PUBLIC_URL": "https://perch.example.com",
	}
	for i := 0; i < len(more); i += 2 {
		m[more[i]] = more[i+1]
	}
	return func(name string) (string, bool) { v, ok := m[name]; return v, ok }
}

func write(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "perch.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestExampleIsValidAndComplete(t *testing.T) {
	got, err := Load(write(t, Example()), secrets())
	if err != nil {
		t.Fatalf("the example has mistakes:\n%v", err)
	}
	want, err := Load("", secrets("PERCH_DATA", "/var/lib/perch"))
	if err != nil {
		t.Fatal(err)
	}
	// Empty lists in the file and absent ones are the same to everybody.
	if d := cmp.Diff(fmt.Sprintf("%+v", want), fmt.Sprintf("%+v", got)); d != "" {
		t.Errorf("the example's values are not the defaults (-want +got):\n%s", d)
	}
	var walk func(t reflect.Type, path string)
	walk = func(typ reflect.Type, path string) {
		for f := range typ.Fields() {
			if f.Type.Kind() == reflect.Struct {
				walk(f.Type, path+f.Name+".")
				continue
			}
			if !strings.Contains(Example(), f.Tag.Get("yaml")+":") {
				t.Errorf("the example does not have %s%s", path, f.Tag.Get("yaml"))
			}
		}
	}
	walk(reflect.TypeFor[Config](), "")
}

func TestLoadReportsEveryMistake(t *testing.T) {
	path := write(t, `listen: nowhere
public_url: http://perch.example.com/path
tocken: x
x:
  cleint_id: a
  poll_interval: soon
  webhook: perhaps
  api_base: ftp://x
team:
  admins: ada
  responders: [U123]
departments:
  - name: Support
    channel: slack:C1
    agents: [slack:U1]
    on_duty: [slack:U2]
  - name: Support
desk:
  max_upload_size: huge
  default_department: Sales
log: loud
log: {level: loud}
`)
	_, err := Load(path, secrets("PERCH_PUBLIC_URL", "http://perch.example.com", "PERCH_ENCRYPTION_KEY", "short",
		"PERCH_X_CLIENT_SECRET_FILE", "/nonexistent", "PERCH_STORE_DRIVER", "mysql"))
	var ps Problems
	if !errors.As(err, &ps) {
		t.Fatalf("Load = %v, want Problems", err)
	}
	got := map[string]bool{}
	for _, p := range ps {
		got[p.Path] = true
		if strings.TrimSpace(p.Message) == "" {
			t.Errorf("%s has no message", p.Path)
		}
	}
	want := []string{
		"listen", "public_url", "tocken", "x.cleint_id", "x.poll_interval", "x.webhook", "x.api_base", "team.admins",
		"team.responders[0]", "departments[0].on_duty[0]", "departments[1].name", "departments[1].channel",
		"desk.max_upload_size", "desk.default_department", "log", "encryption_key", "x.client_secret", "store.driver",
	}
	for _, w := range want {
		if !got[w] {
			t.Errorf("no problem reported for %s in:\n%v", w, ps)
		}
	}
	text := ps.Error()
	for _, w := range []string{`did you mean "client_id"?`, "perch.yaml:3: tocken", "perch.yaml:1: listen", "openssl rand -base64 32"} {
		if !strings.Contains(text, w) {
			t.Errorf("%q is not in:\n%s", w, text)
		}
	}
}

func TestEnvironmentOverrides(t *testing.T) {
	file := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(file, []byte("from-file\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg, err := Load(write(t, "listen: 127.0.0.1:1\nteam: {admins: [slack:U9]}\n"), secrets(
		"PERCH_LISTEN", "127.0.0.1:2", "PERCH_TEAM_ADMINS", "slack:U1, slack:U2", "PERCH_X_CONSUMER_KEY_FILE", file,
		"PERCH_SHUTDOWN_DRAIN", "3s", "PERCH_DESK_MAX_UPLOAD_SIZE", "2MB", "PERCH_X_WEBHOOK", "false"))
	if err != nil {
		t.Fatal(err)
	}
	if cfg.Listen != "127.0.0.1:2" || cfg.X.ConsumerKey.Reveal() != "from-file" || cfg.Shutdown.Drain.String() != "3s" ||
		cfg.Desk.MaxUpload != 2<<20 || cfg.X.Webhook {
		t.Errorf("Load = %+v", cfg)
	}
	if d := cmp.Diff([]string{"slack:U1", "slack:U2"}, cfg.Team.Admins); d != "" {
		t.Error(d)
	}
}

func TestWebchatNeedsLoopback(t *testing.T) {
	for listen, ok := range map[string]bool{"127.0.0.1:8080": true, "[::1]:8080": true, "0.0.0.0:8080": false, ":8080": false} {
		_, err := Load("", secrets("PERCH_LISTEN", listen, "PERCH_CHAT_WEBCHAT", "true", "PERCH_PUBLIC_URL", "http://127.0.0.1:8080"))
		if (err == nil) != ok {
			t.Errorf("webchat on %s: %v", listen, err)
		}
	}
	if _, err := Load("", secrets("PERCH_CHAT_WEBCHAT", "true")); err == nil || !strings.Contains(err.Error(), "reachable from outside") {
		t.Errorf("webchat behind a public address: %v", err)
	}
}

func TestSlackKeys(t *testing.T) {
	for _, tt := range []struct {
		env  []string
		want string // the path of the mistake; empty: none
	}{
		{nil, ""},
		{[]string{"PERCH_CHAT_SLACK_BOT_TOKEN", "xoxb-1", "PERCH_CHAT_SLACK_APP_TOKEN", "xapp-1"}, ""},
		{[]string{"PERCH_CHAT_SLACK_BOT_TOKEN", "xoxb-1", "PERCH_CHAT_SLACK_HTTP_MODE", "true", "PERCH_CHAT_SLACK_SIGNING_SECRET", "s"}, ""},
		{[]string{"PERCH_CHAT_SLACK_BOT_TOKEN", "xoxp-1", "PERCH_CHAT_SLACK_APP_TOKEN", "xapp-1"}, "chat.slack.bot_token"},
		{[]string{"PERCH_CHAT_SLACK_BOT_TOKEN", "xoxb-1"}, "chat.slack.app_token"},
		{[]string{"PERCH_CHAT_SLACK_BOT_TOKEN", "xoxe.xoxb-1-abc", "PERCH_CHAT_SLACK_APP_TOKEN", "xapp-1"}, "chat.slack.bot_token"},
		{[]string{"PERCH_CHAT_SLACK_BOT_TOKEN", "xoxb-1", "PERCH_CHAT_SLACK_HTTP_MODE", "true"}, "chat.slack.signing_secret"},
		{[]string{"PERCH_CHAT_SLACK_APP_TOKEN", "xapp-1"}, "chat.slack.bot_token"},
		{[]string{"PERCH_CHAT_SLACK_BOT_TOKEN", "xoxb-1", "PERCH_CHAT_SLACK_APP_TOKEN", "xapp-1", "PERCH_CHAT_SLACK_API_URL", "http://slack.example"}, "chat.slack.api_url"},
	} {
		_, err := Load("", secrets(tt.env...))
		var ps Problems
		errors.As(err, &ps)
		if tt.want == "" && err != nil || tt.want != "" && (len(ps) != 1 || ps[0].Path != tt.want) {
			t.Errorf("%v: %v, want a mistake at %q", tt.env, err, tt.want)
		}
	}
}

func TestChannelsByName(t *testing.T) {
	for _, tt := range []struct {
		env  []string
		want string // the path of the mistake; empty: none
	}{
		{[]string{"PERCH_CHANNELS_SETUP", "slack:#twitter-setup", "PERCH_CHANNELS_INCIDENTS", "slack:T012:#incident_news2"}, ""},
		{[]string{"PERCH_CHANNELS_SETUP", "slack:C012"}, ""},
		{[]string{"PERCH_CHANNELS_SETUP", "slack:#Twitter Setup"}, "channels.setup"},
		{[]string{"PERCH_CHANNELS_SETUP", "slack:#"}, "channels.setup"},
		{[]string{"PERCH_CHANNELS_SETUP", "slack:#" + strings.Repeat("x", 81)}, "channels.setup"},
		{[]string{"PERCH_CHANNELS_INCIDENTS", "#incidents"}, "channels.incidents"},
		{[]string{"PERCH_CHANNELS_INCIDENTS", "irc:#incidents"}, "channels.incidents"},
		{[]string{"PERCH_CHANNELS_PER_INCIDENT", "true"}, "channels.per_incident"},
		{[]string{"PERCH_CHANNELS_PER_INCIDENT", "true", "PERCH_CHANNELS_INCIDENTS", "slack:#news"}, ""},
		{[]string{"PERCH_TIMELINE_EMOJI", "push pin"}, "timeline.emoji"},
		{[]string{"PERCH_DESK_EMOJI_CLAIM", "<!here>"}, "desk.emoji"},
		{[]string{"PERCH_TEAM_ADMINS", "slack:#ada"}, "team.admins[0]"},
		{[]string{"PERCH_TEAM_ADMINS", "rocketchat:@ada.b-c_d"}, ""},
		{[]string{"PERCH_TEAM_ADMINS", "rocketchat:@"}, "team.admins[0]"},
		{[]string{"PERCH_TEAM_ADMINS", "rocketchat:@ada okafor"}, "team.admins[0]"},
		{[]string{"PERCH_TEAM_AGENTS", "slack:@ada"}, "team.agents[0]"},
	} {
		_, err := Load("", secrets(tt.env...))
		var ps Problems
		errors.As(err, &ps)
		if tt.want == "" && err != nil || tt.want != "" && (len(ps) != 1 || ps[0].Path != tt.want) {
			t.Errorf("%v: %v, want a mistake at %q", tt.env, err, tt.want)
		}
	}
}

// Where nothing is named, Rocket.Chat's setup room is that of its old Twitter app.
func TestSetupChannelOfRocketChat(t *testing.T) {
	rocket := []string{"PERCH_CHAT_ROCKETCHAT_URL", "https://chat.example.com", "PERCH_CHAT_ROCKETCHAT_USER_ID", "u1", "PERCH_CHAT_ROCKETCHAT_TOKEN", "t"}
	for _, tt := range []struct {
		env  []string
		want string
	}{
		{nil, ""},
		{rocket, "rocketchat:#omnichannel-twitter-setup"},
		{append([]string{"PERCH_CHANNELS_SETUP", "rocketchat:#x"}, rocket...), "rocketchat:#x"},
	} {
		cfg, err := Load("", secrets(tt.env...))
		if err != nil || cfg.Channels.Setup != tt.want {
			t.Errorf("%v: %q, %v, want %q", tt.env, cfg.Channels.Setup, err, tt.want)
		}
	}
}

func TestSecretIsNeverShown(t *testing.T) {
	cfg, err := Load("", secrets("PERCH_X_CLIENT_SECRET", "canary-7f3a"))
	if err != nil {
		t.Fatal(err)
	}
	js, err := json.Marshal(cfg)
	if err != nil {
		t.Fatal(err)
	}
	var logged strings.Builder
	slog.New(slog.NewTextHandler(&logged, nil)).Info("config", "secret", cfg.X.ClientSecret, "x", cfg.X)
	for _, s := range []string{fmt.Sprint(cfg), fmt.Sprintf("%+v %#v %q", cfg, cfg, cfg.X.ClientSecret), string(js), logged.String()} {
		if strings.Contains(s, "canary-7f3a") {
			t.Errorf("the secret is shown in %s", s)
		}
	}
	if cfg.X.ClientSecret.Reveal() != "canary-7f3a" {
		t.Error("Reveal does not give the secret")
	}
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte(Example()))
	f.Add([]byte("a: &x [*x]\n? b\n: c"))
	f.Add([]byte("team: {admins: {a: b}}\n---\nx: 1"))
	f.Add([]byte("x:\n  client_id: !!binary aGk=\n  <<: {a: b}"))
	f.Fuzz(func(_ *testing.T, data []byte) {
		cfg := Default()
		d := &decoder{file: "f", lines: map[string]int{}}
		d.decode(data, &cfg)
		d.validate(cfg)
		_ = d.problems.Error()
	})
}
