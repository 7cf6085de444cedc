package slack

import (
	"encoding/json"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/perch-chat/perch/bot"
)

func TestTeamsOf(t *testing.T) {
	form, err := formObject(url.Values{"command": {"/twitter"}, "team_id": {"T1"}, "user_id": {"U1"}})
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name, payload string
		want          []string
	}{
		{"an event", `{"team_id":"T1","context_team_id":"T1","authorizations":[{"team_id":"T1"}]}`, []string{"T1"}},
		{"of a shared channel", `{"team_id":"T2","context_team_id":"T1","authorizations":[{"team_id":"T1","enterprise_id":"E1"}]}`, []string{"T1", "T2"}},
		{"of an organization", `{"team_id":null,"enterprise_id":"E1","authorizations":[{"team_id":null,"enterprise_id":"E1","is_enterprise_install":true}]}`, nil},
		{"a command", string(form), []string{"T1"}},
		{"a button", `{"team":{"id":"T1"},"user":{"id":"U1","team_id":"T2"}}`, []string{"T1", "T2"}},
		{"a form in a shared channel", `{"team":{"id":"T2"},"user":{"team_id":"T2"},"view":{"team_id":"T2","app_installed_team_id":"T1"}}`, []string{"T1", "T2"}},
		{"an organization's button", `{"team":null,"enterprise":{"id":"E1"},"user":{"team_id":"T1"}}`, []string{"T1"}},
		{"odd ids", `{"team_id":"T1:C1","context_team_id":"t1","team":{"id":"../T1"}}`, nil},
		{"odd types", `{"team_id":5}`, nil},
		{"no object", `[]`, nil},
	}
	for _, tt := range tests {
		if got := teamsOf(delivery{payload: json.RawMessage(tt.payload)}); !slices.Equal(got, tt.want) {
			t.Errorf("%s: teamsOf = %q, want %q", tt.name, got, tt.want)
		}
	}
}

func FuzzTeamsOf(f *testing.F) {
	f.Add([]byte(`{"team_id":"T1","authorizations":[{"team_id":"T2"}],"view":{"team_id":"T3"},"team":{"id":"T4"},"user":{"team_id":"T5"}}`))
	f.Fuzz(func(t *testing.T, payload []byte) {
		got := teamsOf(delivery{payload: payload})
		for i, team := range got {
			if !IsTeam(team) || slices.Contains(got[:i], team) {
				t.Errorf("teamsOf(%q) = %q", payload, got)
			}
		}
	})
}

func TestTeamOf(t *testing.T) {
	for ref, want := range map[string]string{
		"slack:T1A:C1": "T1A", "slack:T1A:C1:1.2": "T1A", "slack:T1A": "T1A", "slack:T1A:": "T1A", "slack:E1A:U1": "E1A", "slack:C1": "", "slack:C1:1.2": "",
		"slack:U1": "", "slack:": "", "slack": "", "": "", "webchat:T1A:C1": "", "slack:t1a:C1": "",
	} {
		if got := teamOf(ref); got != want {
			t.Errorf("teamOf(%q) = %q, want %q", ref, got, want)
		}
	}
}

func TestMark(t *testing.T) {
	for _, team := range []string{"", "T1A"} {
		for _, word := range []string{"", "123.456.abc", "F012", "a|b"} {
			if gotTeam, got := unmark(mark(team, word)); got != word || word != "" && gotTeam != team {
				t.Errorf("unmark(mark(%q, %q)) = %q, %q", team, word, gotTeam, got)
			}
		}
	}
	files := []bot.File{{ID: "F1"}}
	ev := label(bot.Event{Kind: bot.EventRemoved, Trigger: "1.2", Team: "T2", Files: files}, "T1A")
	if ev.Trigger != "T1A|1.2" || ev.Team != "T1A" || ev.Files[0].ID != "T1A|F1" || files[0].ID != "F1" {
		t.Errorf("label = %+v, and the files it was given %+v", ev, files)
	}
}

// A workspace's lanes are its own, and one more holds all that goes there.
func TestWorkspaceLanes(t *testing.T) {
	w := &Workspaces{}
	got := w.Lanes(bot.KindPost, "slack:T1A:C1", false)
	if len(got) != 2 || got[0] != Lane("T1A") || !strings.Contains(got[1], "slack:T1A:") {
		t.Errorf("Lanes = %q", got)
	}
	if got := w.Lanes(bot.KindChannel, "slack:T1A:", false); len(got) == 0 || got[0] != Lane("T1A") {
		t.Errorf("Lanes of a new channel = %q", got)
	}
	if got := w.Lanes(bot.KindPost, "slack:C1", false); len(got) != 2 || got[0] != "slack" {
		t.Errorf("Lanes without a workspace = %q", got)
	}
	for _, lane := range append(got, "odd", "") {
		if n, at := w.Left(lane); n != 0 || !at.IsZero() {
			t.Errorf("Left(%q) = %d, %v", lane, n, at)
		}
	}
}
