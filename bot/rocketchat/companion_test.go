package rocketchat_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/perch-chat/perch/bot"
	"github.com/perch-chat/perch/bot/rocketchat"
	"github.com/perch-chat/perch/internal/nodetest"
)

// TestCompanionApp packages the companion app, installs it in the AppManager of
// Rocket.Chat, and has it talk with the handler here.
func TestCompanionApp(t *testing.T) {
	var (
		mu      sync.Mutex
		changes []map[string]string
	)
	w := newAppWorld(t, func(_ context.Context, s rocketchat.AppSettings) (map[string]string, error) {
		mu.Lock()
		defer mu.Unlock()
		if len(s.Changes) > 0 {
			changes = append(changes, s.Changes)
		}
		if s.Changes["media_types"] == "nonsense" {
			return nil, &bot.Error{Code: "invalid", Message: `"nonsense" is no media type.`}
		}
		return map[string]string{"welcome": "Hello from Perch.", "max_upload": "6291456", "file_upload": "false", "reply_mode": "claimed"}, nil
	})
	mux := http.NewServeMux()
	mux.Handle("/rocketchat/app", w.handler)
	srv := httptest.NewServer(mux)
	defer srv.Close()
	nodetest.Run(t, nodetest.Suite{
		Folder: "rocketchat-app", Script: "test/appmanager.mjs", Cases: 15,
		Packages: []string{"@rocket.chat/apps-cli", "@rocket.chat/apps-engine", "apps-engine-1.42", "typescript"},
		Env:      []string{"PERCH_URL=" + srv.URL, "PERCH_SECRET=" + appSecret},
	})
	ada := bot.User{Ref: "rocketchat:adaadaadaadaadaad", Name: "Ada", Handle: "ada"}
	room := bot.ChannelRef("rocketchat:roomroomroomroomr")
	want := []bot.Event{
		{Platform: "rocketchat", Kind: bot.EventCommand, User: ada, Channel: room, ChannelName: "support", Command: "/twitter", Text: "authorize"},
		{
			Platform: "rocketchat", Kind: bot.EventCommand, User: ada, Channel: room, ChannelName: "support",
			Thread: "rocketchat:roomroomroomroomr:threadthreadthrea", Command: "/incident", Text: "new --severity sev1  It \"burns\"\nbadly ü",
		},
		{
			Platform: "rocketchat", Kind: bot.EventAction, User: ada, Channel: room, ChannelName: "support",
			Message: "rocketchat:roomroomroomroomr:messagemessagemes", Thread: "rocketchat:roomroomroomroomr:threadthreadthrea",
			Action: "claim", Value: "7",
		},
	}
	got := w.of(bot.EventCommand, bot.EventAction, bot.EventSubmit)
	if d := cmp.Diff(want, got, cmpopts.IgnoreFields(bot.Event{}, "ID", "At")); d != "" {
		t.Error(d)
	}
	mu.Lock()
	defer mu.Unlock()
	if d := cmp.Diff([]map[string]string{{"finished": "Bye."}, {"media_types": "nonsense"}, {"media_types": "image/*"}}, changes); d != "" {
		t.Error(d)
	}
}
