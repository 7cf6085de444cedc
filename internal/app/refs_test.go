package app

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/perch-chat/perch/internal/config"
)

func TestPlainRefs(t *testing.T) {
	long := config.Config{
		Team:     config.Team{Admins: []string{"slack:T0ACME:U0ADA", "webchat:T0ACME:U0ADA"}, Responders: []string{"slack:U0RIO"}, Agents: []string{"slack:T0ACME:U0SAM"}},
		Channels: config.Channels{Setup: "slack:T0ACME:#x-setup", Incidents: "slack:T0ACME:C0INC"},
		Departments: []config.Department{{
			Name: "Support", Channel: "slack:T0ACME:C0SUP", Agents: []string{"slack:T0ACME:U0SAM"}, OnDuty: []string{"slack:U0SAM"}, UserGroup: "slack:T0ACME:S0DUTY",
		}},
	}
	several := long
	several.Chat.Slack.ClientID = "1.2"
	if d := cmp.Diff(several, plainRefs(several)); d != "" {
		t.Errorf("with several workspaces (-want +got):\n%s", d)
	}
	long.Chat.Slack.BotToken = "xoxb-1"
	want := long
	want.Team = config.Team{Admins: []string{"slack:U0ADA", "webchat:T0ACME:U0ADA"}, Responders: []string{"slack:U0RIO"}, Agents: []string{"slack:U0SAM"}}
	want.Channels = config.Channels{Setup: "slack:#x-setup", Incidents: "slack:C0INC"}
	want.Departments = []config.Department{{
		Name: "Support", Channel: "slack:C0SUP", Agents: []string{"slack:U0SAM"}, OnDuty: []string{"slack:U0SAM"}, UserGroup: "slack:S0DUTY",
	}}
	if d := cmp.Diff(want, plainRefs(long)); d != "" {
		t.Errorf("with one workspace (-want +got):\n%s", d)
	}
	if long.Departments[0].Channel != "slack:T0ACME:C0SUP" {
		t.Error("the configuration it was given changed")
	}
}
