package commands

import (
	"github.com/perch-chat/perch/bot"
	"github.com/perch-chat/perch/internal/outbox"
	"github.com/perch-chat/perch/store"
)

// silent is what an action of the kind is called that leaves no trace where it
// fails: nobody misses a sign that was never there.
func silent(kind string) string {
	switch kind {
	case bot.KindReact:
		return "The signs on messages (⏳ ✅ ⚠)"
	case bot.KindEdit:
		return "Keeping messages current"
	case bot.KindTopic:
		return "The topics of incidents' channels"
	case bot.KindRead, bot.KindHistory:
		return "Reading messages"
	}
	return ""
}

// unpermitted notes that the chat does not let Perch do something silent, until
// it does. Other failures concern one message only.
func (r *Router) unpermitted(tx store.Tx, a outbox.Action) error {
	what := silent(a.Kind)
	switch {
	case what == "":
		return nil
	case a.State == outbox.Failed && a.Failure != nil && lacksRight(a.Failure.Code):
		return r.trouble(tx, what, a)
	case a.State == outbox.Done:
		if _, known, err := troubles.Find(tx, store.Key(what)); err != nil || !known {
			return err
		}
		return r.cured(tx, what)
	}
	return nil
}

// lacksRight reports whether a chat refused because of a scope, a role or a
// setting of the workspace: what an admin there can give.
func lacksRight(code string) bool {
	switch code {
	case "missing_scope", "forbidden", "error-action-not-allowed":
		return true
	}
	return false
}
