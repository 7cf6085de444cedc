package slack_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/perch-chat/perch/bot/slack"
	"github.com/perch-chat/perch/bot/slack/slackfake"
)

func TestHealthOfAConnection(t *testing.T) {
	t.Parallel()
	w := newWorkspace(t, slackfake.Options{})
	a := w.adapter(t)
	if h := a.Health(); h.Problem == "" || h.Began || h.Refused {
		t.Errorf("before the start: %+v, want a problem that passes", h)
	}
	stop := start(t, w, a, &kept{})
	w.Command(w.ada, w.channel, "/twitter", "help")
	await(t, w, "acknowledgement", func() bool { return a.Stats().Acked == 1 })
	if h := a.Health(); h.Problem != "" || !h.Began || h.Sockets != 2 || h.Wanted != 2 || h.Received != 1 || h.Acked != 1 || time.Since(h.Heard) > 15*time.Second {
		t.Errorf("connected: %+v", h)
	}
	w.FailOpens(3, "503")
	w.Drop()
	await(t, w, "trouble", func() bool { return a.Health().Problem != "" })
	if h := a.Health(); h.Refused || !h.Began || !strings.Contains(h.Problem, "by itself") {
		t.Errorf("while Slack is away: %+v, want a problem that passes", h)
	}
	await(t, w, "connection", func() bool { return a.Health().Problem == "" })
	stop()
}

func TestHealthSaysWhatToDo(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		change func(*slack.Options)
		opens  string
		want   []string
	}{
		{"wrong app token", func(o *slack.Options) { o.AppToken = "xapp-wrong" }, "", []string{"app token", "App-Level Tokens", "chat.slack.app_token"}},
		{"wrong bot token", func(o *slack.Options) { o.BotToken = "xoxb-wrong" }, "", []string{"Install the app again"}},
		{"app token without its scope", func(*slack.Options) {}, "missing_scope", []string{"connections:write", "App-Level Tokens"}},
		{"another kind of token", func(*slack.Options) {}, "not_allowed_token_type", []string{"xapp-"}},
		{"Socket Mode off", func(*slack.Options) {}, "app_not_enabled", []string{"Socket Mode is off", "Switch it on"}},
		{"removed", func(*slack.Options) {}, "account_inactive", []string{"app token", "connections:write"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := newWorkspace(t, slackfake.Options{})
			if tt.opens != "" {
				w.FailOpens(50, tt.opens)
			}
			a := w.adapter(t, tt.change)
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
			defer cancel()
			if err := a.Run(ctx, &kept{}); err == nil {
				t.Fatal("Run ended without an error")
			}
			h := a.Health()
			for _, words := range tt.want {
				if !h.Refused || !strings.Contains(h.Problem, words) {
					t.Errorf("health %+v, want %q in it", h, words)
				}
			}
			if strings.Contains(h.Problem, "xoxb-wrong") || strings.Contains(h.Problem, "xapp-wrong") {
				t.Errorf("a token is shown: %s", h.Problem)
			}
		})
	}
}

// A socket that Socket Mode's end or too many connections closed is not opened
// again at once, however often that happens.
func TestNoStormOfSockets(t *testing.T) {
	t.Parallel()
	w := newWorkspace(t, slackfake.Options{MaxConnections: 1})
	a := w.adapter(t)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- a.Run(ctx, &kept{}) }()
	// The second one is told too_many_websockets, each time.
	<-time.After(4 * time.Second)
	if n := w.Opens(); n < 2 || n > 8 {
		t.Errorf("%d sockets were asked for in 4 s, want a few", n)
	}
	await(t, w, "one connection", func() bool { return len(w.Connections()) == 1 })
	d := w.Command(w.ada, w.channel, "/twitter", "help")
	await(t, w, "acknowledgement", func() bool { _, ok := d.Acked(); return ok })
	before := w.Opens()
	w.DisableLink()
	if err := <-ended; err == nil || !strings.Contains(a.Health().Problem, "Socket Mode is off") {
		t.Errorf("Run = %v, health %+v; want it to say that Socket Mode is off", err, a.Health())
	}
	if n := w.Opens() - before; n > 3 {
		t.Errorf("%d sockets were asked for while Socket Mode was off", n)
	}
	cancel()
}

// Who was refused may run again, once an admin has seen to it.
func TestRunAgainAfterARefusal(t *testing.T) {
	t.Parallel()
	w := newWorkspace(t, slackfake.Options{})
	a, sink := w.adapter(t), &kept{}
	ended := make(chan error, 1)
	go func() { ended <- a.Run(t.Context(), sink) }()
	await(t, w, "connection", func() bool { return a.Health().Problem == "" && a.Health().Began })
	w.DisableLink()
	if err := <-ended; err == nil || !a.Health().Refused {
		t.Fatalf("Run = %v, health %+v; want a refusal", err, a.Health())
	}
	w.EnableLink()
	stop := start(t, w, a, sink)
	await(t, w, "its word that it is connected again", func() bool { h := a.Health(); return h.Problem == "" && !h.Refused })
	d := w.Command(w.ada, w.channel, "/twitter", "help")
	await(t, w, "acknowledgement", func() bool { _, ok := d.Acked(); return ok })
	stop()
}
