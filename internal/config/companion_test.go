package config

import (
	"errors"
	"strings"
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

// TestRocketChatAddress: whoever writes another address than https is told what
// to write.
func TestRocketChatAddress(t *testing.T) {
	for url, says := range map[string]string{
		"https://chat.example.com":      "",
		"https://chat.example.com/team": "",
		"http://127.0.0.1:3000":         "",
		"http://chat.example.com/team":  "write https://chat.example.com/team",
		"chat.example.com":              "write https:// before it",
		"localhost:3000":                "write https:// before it",
		"ftp://chat.example.com":        "is no https address",
	} {
		_, err := Load("", secrets("PERCH_CHAT_ROCKETCHAT_URL", url, "PERCH_CHAT_ROCKETCHAT_USER_ID", "u", "PERCH_CHAT_ROCKETCHAT_TOKEN", "t"))
		if (err == nil) != (says == "") || err != nil && !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v, want it to say %q", url, err, says)
		}
	}
}
