package slack

import (
	"encoding/json"
	"net/http"
	"testing"
	"time"

	"github.com/perch-chat/perch/bot"
)

// TestWhoActsIsNamed has somebody act of whom nothing is known yet: a command
// and a button bring only the handle, and customers may be shown the name.
func TestWhoActsIsNamed(t *testing.T) {
	command := delivery{kind: kindCommand, id: "e1", payload: json.RawMessage(`{"command":"/duty","text":"on","user_id":"U2","user_name":"rio","team_id":"T1","channel_id":"C1","trigger_id":"1.1"}`)}
	button := delivery{kind: kindInteraction, id: "e2", payload: json.RawMessage(`{"type":"block_actions","user":{"id":"U2","username":"rio","team_id":"T1"},"channel":{"id":"C1"},
		"container":{"message_ts":"1.1","channel_id":"C1"},"trigger_id":"1.2","actions":[{"action_id":"x","action_ts":"1.3"}]}`)}
	for _, d := range []delivery{command, button} {
		events, err := testAPI(t, people).decode(t.Context(), testIdentity(), d)
		if err != nil || len(events) != 1 {
			t.Fatalf("%s: %v, %v", d.kind, events, err)
		}
		if want := (bot.User{Ref: "slack:U2", Name: "Rio", Handle: "rio"}); events[0].User != want {
			t.Errorf("%s of somebody new: %+v, want %+v", d.kind, events[0].User, want)
		}
	}

	// Slack says nothing: people don't wait for a name.
	silent := testAPI(t, func(_ http.ResponseWriter, r *http.Request) {
		_ = r.ParseForm() // only then is it noticed that the caller left
		<-r.Context().Done()
	})
	began := time.Now()
	events, err := silent.decode(t.Context(), testIdentity(), command)
	if err != nil || len(events) != 1 || events[0].User.Name != "rio" {
		t.Errorf("without an answer: %+v, %v", events, err)
	}
	if took := time.Since(began); took > time.Second {
		t.Errorf("somebody waited %s for a name", took)
	}
}
