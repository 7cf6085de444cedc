package commands

import (
	"fmt"
	"time"

	"github.com/perch-chat/perch/bot"
	"github.com/perch-chat/perch/store"
)

// undecoded is something that a chat sent and that can't be read, as it came.
type undecoded struct {
	Platform string    `json:"platform"`
	ID       string    `json:"id"`
	At       time.Time `json:"at"`
	Why      string    `json:"why,omitempty"`
	Raw      string    `json:"raw,omitempty"`
}

var undecodeds = store.Table[undecoded]{
	Name: "commands_undecoded",
	Key:  func(u undecoded) []byte { return store.Key(u.Platform, u.At, u.ID) },
}

// unread counts what one chat sent and that can't be read.
type unread struct {
	Platform string    `json:"platform"`
	Count    int       `json:"count"`
	Last     time.Time `json:"last"`
	Why      string    `json:"why,omitempty"`
	Told     time.Time `json:"told,omitzero"` // when the setup channel was last told
}

var unreads = store.Table[unread]{
	Name: "commands_unread",
	Key:  func(u unread) []byte { return store.Key(u.Platform) },
}

const (
	maxUndecoded = 100                // kept of one chat, the newest
	tellUnread   = 24 * time.Hour     // how often the setup channel is told, at most
	showUnread   = 7 * 24 * time.Hour // how long /twitter support shows it
)

// notUnderstood keeps what can't be read, counts it, and tells of it once a
// day: an update of Perch may be due.
func (r *Router) notUnderstood(tx store.Tx, ev bot.Event) error {
	at := ev.At.UTC()
	if ev.At.IsZero() {
		at = time.Now().UTC()
	}
	if err := undecodeds.Put(tx, undecoded{Platform: ev.Platform, ID: clipLine(ev.ID, 200), At: at, Why: ev.Text, Raw: ev.Raw}); err != nil {
		return err
	}
	kept, err := store.Collect(undecodeds.Scan(tx, store.Prefix(store.Key(ev.Platform))))
	if err != nil {
		return err
	}
	for _, old := range kept[:max(0, len(kept)-maxUndecoded)] {
		if err := undecodeds.Delete(tx, undecodeds.Key(old)); err != nil {
			return err
		}
	}
	u, _, err := unreads.Find(tx, store.Key(ev.Platform))
	if err != nil {
		return err
	}
	u.Platform, u.Count, u.Last, u.Why = ev.Platform, u.Count+1, time.Now().UTC(), clipLine(oneLine(ev.Text), 200)
	setup, err := r.Setup(tx)
	if err != nil {
		return err
	}
	if setup != "" && time.Since(u.Told) >= tellUnread {
		u.Told = u.Last
		m := text("⚠ " + u.line() + "\nNothing else is touched by it. What came is kept in the store. If something that you did in the chat had no effect, look for a newer version of Perch and report it with what the log says.")
		m.Channel = setup
		if err := r.post(tx, m, postOptions{key: fmt.Sprintf("commands:unread:%s:%d", ev.Platform, u.Count)}); err != nil {
			return err
		}
	}
	tx.OnCommit(func() {
		r.Log.Warn("the chat sent what can't be read", "platform", ev.Platform, "event", ev.ID, "err", ev.Text)
	})
	return unreads.Put(tx, u)
}

func (u unread) line() string {
	s := fmt.Sprintf("%s of %s could not be read; the last came at %s.", count(u.Count, "event"), u.Platform, clock(u.Last))
	if u.Why != "" {
		s += " Why: " + u.Why
	}
	return s
}

// unreadLines say, for /twitter support, what could not be read lately.
func unreadLines(tx store.Tx) ([]string, error) {
	list, err := store.Collect(unreads.Scan(tx, store.Range{}))
	var lines []string
	for _, u := range list {
		if time.Since(u.Last) < showUnread {
			lines = append(lines, u.line())
		}
	}
	return lines, err
}
