package inbox

import (
	"context"
	"time"

	"github.com/perch-chat/perch/store"
)

// quickWithin is how long an item may have waited for the store and still be
// handled in the transaction that stores it. With more than that to do, what
// comes in is stored and acknowledged first, and handled after.
const quickWithin = 250 * time.Millisecond

// putQuick handles an item in the transaction that it would be stored in, if
// nothing of its thread waits: the commit that makes it safe makes its effects
// safe too, and no second one is needed. done is false if the item is to be
// stored as always: nothing runs yet, or any more, or its handler failed, which
// only a stored item can do as often as it may.
//
// An item that can't be handled at once, but may be stored, is stored.
func (in *Inbox) putQuick(ctx context.Context, it Item) (added int, done bool, err error) {
	h := in.handlers[it.Kind]
	if h == nil || !in.works.Load() || !it.NotBefore.IsZero() {
		return 0, false, nil
	}
	began := time.Now()
	var failed error // the handler's
	var handled bool
	err = in.db.Update(ctx, func(tx store.Tx) error {
		added, failed, handled = 0, nil, false // it may run twice
		it := it
		ok, err := in.accept(tx, &it)
		if err != nil || !ok {
			return err
		}
		added = 1
		busy, err := in.waits(tx, it.Thread)
		if err != nil {
			return err
		}
		if busy || time.Since(began) > quickWithin {
			tx.OnCommit(in.wake)
			return in.enqueue(tx, it)
		}
		handled = true
		failed = try(h, tx, it)
		return failed
	})
	if failed != nil {
		in.log.Debug("item is stored for another attempt", "kind", it.Kind, "err", failed)
		return 0, false, nil //nolint:nilerr // the handler's error is met again when the item is handled
	}
	if err == nil && handled {
		in.tally(1, 0)
	}
	return added, true, err
}

// waits reports whether anything of a thread is stored.
func (in *Inbox) waits(tx store.Tx, thread string) (bool, error) {
	if thread == "" {
		return false, nil
	}
	r := store.Prefix(store.Key(queueOf(thread)))
	r.Limit = 1
	for _, err := range tx.Scan(tableName, r) {
		return err == nil, err
	}
	return false, nil
}
