package commands

import (
	"strings"
	"time"

	"github.com/perch-chat/perch/internal/outbox"
	"github.com/perch-chat/perch/store"
)

// trouble is something in a chat that Perch could not do and that whoever runs
// it has to see to, until it worked.
type trouble struct {
	What string    `json:"what"` // what it is about, as a beginning of a sentence
	Why  string    `json:"why"`  // and what to do
	At   time.Time `json:"at"`
}

var troubles = store.Table[trouble]{
	Name: "commands_troubles",
	Key:  func(t trouble) []byte { return store.Key(t.What) },
}

// Troubles are what went wrong in the chats and has to be seen to, a sentence
// or two each. A doctor shows them.
func Troubles(tx store.Tx) ([]string, error) {
	list, err := store.Collect(troubles.Scan(tx, store.Range{Limit: 20}))
	if err != nil {
		return nil, err
	}
	var lines []string
	for _, t := range list {
		what := t.What
		if ref, ok := strings.CutPrefix(what, channelTrouble); ok {
			if _, name, named := strings.Cut(ref, ":#"); named { // as people know it
				what = channelTrouble + "#" + name
			}
		}
		lines = append(lines, what+": "+t.Why)
	}
	return lines, nil
}

// trouble notes why an action failed. What a chat lacks altogether is none.
func (r *Router) trouble(tx store.Tx, what string, a outbox.Action) error {
	why := "No reason is known. The log may have one."
	if a.Failure != nil {
		if a.Failure.Code == "not_able" {
			return nil
		}
		why = a.Failure.Message
	}
	tx.OnCommit(func() { r.Log.Warn("something did not work in chat", "what", what, "kind", a.Kind, "err", why) })
	return troubles.Put(tx, trouble{What: what, Why: why, At: time.Now().UTC()})
}

// cured forgets a trouble.
func (r *Router) cured(tx store.Tx, what string) error {
	return troubles.Delete(tx, store.Key(what))
}
