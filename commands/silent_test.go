package commands

import (
	"testing"

	"github.com/perch-chat/perch/bot"
	"github.com/perch-chat/perch/incident"
	"github.com/perch-chat/perch/internal/outbox"
	"github.com/perch-chat/perch/store"
)

// A sign that the chat does not let Perch set is missed by nobody: support and
// the doctor say so, until it works.
func TestWhatIsNotPermittedIsSaid(t *testing.T) {
	ada, _, _, _ := people()
	sceneOf(t, cast{}, incident.Policy{}, func(t *testing.T, w *world) {
		became := func(state outbox.State, code string) {
			t.Helper()
			a := outbox.Action{ID: "1", Kind: bot.KindReact, State: state, Failure: &outbox.Failure{Code: code, Message: "The app lacks the scope reactions:write."}}
			w.update(func(tx store.Tx) error { return w.r.ActionChanged(tx, outbox.Attempting, a) })
		}
		became(outbox.Failed, "message_not_found")
		hasNot(t, "support", w.say(ada, "/twitter support"), "reactions:write")
		// As Slack says it, and Rocket.Chat: of a role, and of a setting.
		for _, code := range []string{"missing_scope", "forbidden", "error-action-not-allowed"} {
			became(outbox.Failed, code)
			has(t, code, w.say(ada, "/twitter support"), "The signs on messages", "The app lacks the scope reactions:write.")
			became(outbox.Done, "")
			hasNot(t, code, w.say(ada, "/twitter support"), "reactions:write")
		}
	})
}
