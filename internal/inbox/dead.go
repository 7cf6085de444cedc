package inbox

import (
	"context"
	"fmt"
	"time"

	"github.com/perch-chat/perch/store"
)

// dead is the table of the items that were put aside.
func dead() store.Table[Item] {
	return store.Table[Item]{
		Name: "inbox_dead",
		Key:  func(it Item) []byte { return store.Key(it.ID) },
	}
}

// Dead returns the items that were put aside, oldest first; a limit of 0 means all.
func (in *Inbox) Dead(tx store.Tx, limit int) ([]Item, error) {
	return store.Collect(dead().Scan(tx, store.Range{Limit: limit}))
}

// Retry has an item that was put aside handled again, at the end of its thread.
func (in *Inbox) Retry(tx store.Tx, id string) error {
	it, err := in.takeDead(tx, id)
	if err != nil {
		return err
	}
	it.Attempts, it.NotBefore = 0, time.Time{}
	tx.OnCommit(in.wake)
	return in.enqueue(tx, it)
}

// Discard drops an item that was put aside.
func (in *Inbox) Discard(tx store.Tx, id string) error {
	_, err := in.takeDead(tx, id)
	return err
}

func (in *Inbox) takeDead(tx store.Tx, id string) (Item, error) {
	it, ok, err := dead().Find(tx, store.Key(id))
	if err != nil {
		return Item{}, err
	}
	if !ok {
		return Item{}, fmt.Errorf("%w: %s", ErrUnknown, id)
	}
	return it, dead().Delete(tx, store.Key(id))
}

// Stats is what the inbox looks like now.
type Stats struct {
	Depth   int           // items that wait or are being handled
	Threads int           // threads they are in
	Dead    int           // items that were put aside
	Oldest  time.Duration // age of the oldest that waits, 0 if there is none

	Handled int64 // since this process started
	Failed  int64 // attempts that failed, since this process started
}

type counts struct{ handled, failed int64 }

// maxDepth bounds the work of Stats: more items count as this many.
const maxDepth = 100_000

// Stats counts. Its work grows with what waits, not with what was handled.
func (in *Inbox) Stats(ctx context.Context) (Stats, error) {
	var s Stats
	err := in.db.View(ctx, func(tx store.Tx) error {
		s = Stats{}
		var err error
		if s.Depth, err = rows(tx, tableName); err != nil {
			return err
		}
		if s.Threads, err = rows(tx, tableName+"."+byDue); err != nil {
			return err
		}
		if s.Dead, err = rows(tx, dead().Name); err != nil {
			return err
		}
		// The oldest is the first of its thread, and was due before most.
		for rec, err := range items().By(tx, byDue, nil, store.Range{Limit: 1000}) {
			if err != nil {
				return err
			}
			s.Oldest = max(s.Oldest, now().Sub(rec.Received))
		}
		return nil
	})
	if err != nil {
		return Stats{}, fmt.Errorf("inbox: stats: %w", err)
	}
	in.mu.Lock()
	defer in.mu.Unlock()
	s.Handled, s.Failed = in.counts.handled, in.counts.failed
	return s, nil
}

// rows counts without decoding.
func rows(tx store.Tx, table string) (n int, err error) {
	for _, err := range tx.Scan(table, store.Range{Limit: maxDepth}) {
		if err != nil {
			return 0, err
		}
		n++
	}
	return n, nil
}
