package app

import (
	"context"
	"fmt"
	"time"

	"github.com/perch-chat/perch/internal/accounts"
	"github.com/perch-chat/perch/internal/outbox"
	"github.com/perch-chat/perch/store"
)

// restored says that the store came out of a backup and was not started since.
type restored struct {
	At time.Time `json:"at"`
}

var restoredMarks = store.Table[restored]{
	Name: "app_restored",
	Key:  func(restored) []byte { return store.Key("restored") },
}

func markRestored(ctx context.Context, db store.Store) error {
	err := db.Update(ctx, func(tx store.Tx) error { return restoredMarks.Put(tx, restored{At: time.Now().UTC()}) })
	if err != nil {
		return fmt.Errorf("mark the store as restored: %w", err)
	}
	return nil
}

// manyWaiting bounds how much of what waits is looked at after a restore.
const manyWaiting = 10_000

// afterRestore holds what waited to go to X when the backup was made: it may
// have gone out since, and only a person can tell. It goes on when an admin
// says so; where there is no chat to say it in, after a quarter of an hour.
func (a *App) afterRestore(tx store.Tx) error {
	mark, ok, err := restoredMarks.Find(tx, store.Key("restored"))
	if err != nil || !ok {
		return err
	}
	if err := restoredMarks.Delete(tx, store.Key("restored")); err != nil {
		return err
	}
	waiting, err := a.Outbox.ByState(tx, outbox.Queued, manyWaiting)
	if err != nil {
		return err
	}
	held := map[string]bool{}
	for _, act := range waiting {
		what, ok := map[string]string{accounts.KindPost: "posts", accounts.KindDM: "answers to customers"}[act.Kind]
		if !ok || len(act.Lanes) == 0 {
			continue
		}
		lane := act.Lanes[len(act.Lanes)-1] // the narrowest: one of an account's posts or messages
		if held[lane] {
			continue
		}
		held[lane] = true
		h := outbox.Hold{
			Lane: lane, Code: "restored", Since: mark.At,
			Message: "Perch was restored from a backup, and some " + what + " that waited then may have gone out since. Discard those, then send what is left.",
		}
		if a.o.Config.Channels.Setup == "" {
			h.Until = time.Now().Add(15 * time.Minute).UTC()
			a.log.Warn("restored from a backup: what waited then goes out in 15 minutes and may have gone out before", "lane", lane)
		}
		if err := a.Outbox.Hold(tx, h); err != nil {
			return fmt.Errorf("hold what waited: %w", err)
		}
	}
	return nil
}
