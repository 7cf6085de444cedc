package slack

import (
	"testing"

	"github.com/perch-chat/perch/bot"
)

func TestRefsWithoutTeamAreWhatTheConfigurationSays(t *testing.T) {
	r := refs{}
	if got := r.user("U012AB3CD"); got != "slack:U012AB3CD" {
		t.Errorf("user = %q", got)
	}
	if got := r.channel("C012"); got != "slack:C012" {
		t.Errorf("channel = %q", got)
	}
	if got := r.message("C012", "1700000000.000100"); got != "slack:C012:1700000000.000100" {
		t.Errorf("message = %q", got)
	}
	if got := (refs{team: "T9"}).message("C012", "1700000000.000100"); got != "slack:T9:C012:1700000000.000100" {
		t.Errorf("message with a team = %q", got)
	}
	for _, id := range []string{"", "u012", "U01:2", "U 1", "<@U1>", "general"} {
		if got := r.user(id); got != "" {
			t.Errorf("user(%q) = %q, want none", id, got)
		}
		if got := r.channel(id); got != "" {
			t.Errorf("channel(%q) = %q, want none", id, got)
		}
	}
}

func TestRefsRead(t *testing.T) {
	tests := []struct {
		team, ref     string
		user, channel string
		at            place
	}{
		{ref: "slack:U012AB3CD", user: "U012AB3CD"},
		{ref: "slack:W012", user: "W012"},
		{ref: "slack:T1:U012", user: "U012"},
		{team: "T1", ref: "slack:U012", user: "U012"},
		{team: "T1", ref: "slack:T1:U012", user: "U012"},
		{team: "T1", ref: "slack:T2:U012"},
		{ref: "slack:C012", channel: "C012"},
		{ref: "slack:T1:D012", channel: "D012"},
		{team: "T1", ref: "slack:T2:C012"},
		{ref: "slack:C012:17.5", at: place{channel: "C012", ts: "17.5"}},
		{ref: "slack:T1:G012:17.5", at: place{channel: "G012", ts: "17.5"}},
		{ref: "slack:C012:only-17.5", at: place{channel: "C012", ts: "17.5", only: true}},
		{ref: "slack:C012:17"},
		{ref: "slack:C012:17.5:9"},
		{ref: "slack:C012:now"},
		{ref: "slack:"},
		{ref: "slack"},
		{ref: ""},
		{ref: "webchat:U012"},
		{ref: "slack:c012"},
	}
	for _, tt := range tests {
		r := refs{team: tt.team}
		user, _ := r.userID(bot.UserRef(tt.ref))
		channel, _ := r.channelID(bot.ChannelRef(tt.ref))
		at, _ := r.messageID(bot.MessageRef(tt.ref))
		if user != tt.user || channel != tt.channel || at != tt.at {
			t.Errorf("refs of team %q read %q as %q, %q, %+v, want %q, %q, %+v", tt.team, tt.ref, user, channel, at, tt.user, tt.channel, tt.at)
		}
	}
}

func TestCanonical(t *testing.T) {
	for in, want := range map[string]string{
		"slack:U1": "slack:U1", "slack:T1:U1": "slack:U1", "slack:T1:C1": "slack:C1", "slack:T1:C1:1.5": "slack:C1:1.5", "slack:T1:C1:only-1.5": "slack:C1:only-1.5",
		"slack:S1": "slack:S1", "slack:general": "", "webchat:U1": "", "slack:": "",
	} {
		if got, ok := Canonical(in); got != want || ok != (want != "") {
			t.Errorf("Canonical(%q) = %q, %v, want %q", in, got, ok, want)
		}
	}
}

func FuzzRefs(f *testing.F) {
	f.Add("", "C012", "1700000000.000100")
	f.Add("T1", "C012", "")
	f.Add("T1", "T2", "1.1")
	f.Fuzz(func(t *testing.T, team, channel, ts string) {
		if !teamRE.MatchString(team) {
			team = ""
		}
		r := refs{team: team}
		if ref := r.message(channel, ts); ref != "" {
			if got, ok := r.messageID(ref); !ok || got != (place{channel: channel, ts: ts}) {
				t.Errorf("messageID(%q) = %+v, %v", ref, got, ok)
			}
			if _, ok := r.channelID(bot.ChannelRef(ref)); ok {
				t.Errorf("%q is read as a channel too", ref)
			}
		}
		if ref := r.only(channel, ts); ref != "" {
			if got, ok := r.messageID(ref); !ok || !got.only || got.channel != channel {
				t.Errorf("messageID(%q) = %+v, %v", ref, got, ok)
			}
		}
		if ref := r.user(channel); ref != "" {
			if got, ok := r.userID(ref); !ok || got != channel {
				t.Errorf("userID(%q) = %q, %v", ref, got, ok)
			}
		}
	})
}
