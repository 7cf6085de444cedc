package config

import (
	"errors"
	"testing"
)

func TestRocketChatAppSecret(t *testing.T) {
	chat := []string{"PERCH_CHAT_ROCKETCHAT_URL", "https://chat.example.com", "PERCH_CHAT_ROCKETCHAT_USER_ID", "u", "PERCH_CHAT_ROCKETCHAT_TOKEN", "t"}
	const name, good = "PERCH_CHAT_ROCKETCHAT_APP_SECRET", "0123456789abcdef01234567"
	for _, tt := range []struct {
		env  []string
		want string // the path of the mistake; empty: none
	}{
		{chat, ""},
		{append([]string{name, good}, chat...), ""},
		{append([]string{name, good[1:]}, chat...), "chat.rocketchat.app_secret"},
		{[]string{name, good}, "chat.rocketchat.url"},
	} {
		_, err := Load("", secrets(tt.env...))
		var ps Problems
		errors.As(err, &ps)
		if tt.want == "" && err != nil || tt.want != "" && (len(ps) != 1 || ps[0].Path != tt.want) {
			t.Errorf("%v: %v, want a mistake at %q", tt.env, err, tt.want)
		}
	}
}
