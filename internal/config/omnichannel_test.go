package config

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

func TestOmnichannelDepartments(t *testing.T) {
	chat := []string{"PERCH_CHAT_ROCKETCHAT_URL", "https://chat.example.com", "PERCH_CHAT_ROCKETCHAT_USER_ID", "u", "PERCH_CHAT_ROCKETCHAT_TOKEN", "t"}
	for _, tt := range []struct {
		name, file string
		env        []string
		want       []string // the paths of the mistakes
	}{
		{"any", "departments: [{name: Support, channel: rocketchat:omnichannel}]", chat, nil},
		{"one of the chat's", "departments: [{name: Sales, channel: \"rocketchat:omnichannel:Sales & Co\"}]", chat, nil},
		{"none named", "departments: [{name: Sales, channel: \"rocketchat:omnichannel:\"}]", chat, []string{"departments[0].channel"}},
		{"of another chat", "departments: [{name: Sales, channel: slack:omnichannel}]", chat, []string{"departments[0].channel"}},
		{"no chat", "departments: [{name: Sales, channel: rocketchat:omnichannel}]", nil, []string{"departments[0].channel"}},
		{"with people", "departments: [{name: Sales, channel: rocketchat:omnichannel, agents: [rocketchat:U1]}]", chat, []string{"departments[0]"}},
		{"the default is the chat's", "desk: {default_department: Sales}", chat, nil},
		{"the default is nobody's", "desk: {default_department: Sales}", nil, []string{"desk.default_department"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "perch.yaml")
			if err := os.WriteFile(path, []byte(tt.file+"\n"), 0o600); err != nil {
				t.Fatal(err)
			}
			_, err := Load(path, secrets(tt.env...))
			var ps Problems
			errors.As(err, &ps)
			var got []string
			for _, p := range ps {
				got = append(got, p.Path)
			}
			if !slices.Equal(got, tt.want) {
				t.Errorf("mistakes at %q, want %q: %v", got, tt.want, err)
			}
		})
	}
}
