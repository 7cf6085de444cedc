package inbox

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/perch-chat/perch/bot"
	"github.com/perch-chat/perch/internal/id"
	"github.com/perch-chat/perch/store"
)

// record is an item with what only this package needs to know of it.
type record struct {
	Item
	Queue string `json:"queue"`          // the thread, or what stands for none
	Seq   int64  `json:"seq"`            // the place in the thread
	Head  bool   `json:"head,omitempty"` // the first of its thread
}

const (
	tableName = "inbox"
	byDue     = "due" // the first of each thread, by the time of its next attempt
)

func items() store.Table[record] {
	return store.Table[record]{
		Name:   tableName,
		Frozen: true,
		Key:    func(r record) []byte { return store.Key(r.Queue, r.Seq) },
		Indexes: []store.Index[record]{{Name: byDue, Keys: func(r record) [][]byte {
			if !r.Head {
				return nil
			}
			var due int64
			if !r.NotBefore.IsZero() {
				due = r.NotBefore.UnixNano()
			}
			return [][]byte{store.Key(due)}
		}}},
	}
}

// seen is a key that is remembered.
type seen struct {
	Key string    `json:"key"`
	At  time.Time `json:"at"`
}

func keys() store.Table[seen] {
	return store.Table[seen]{
		Name: "inbox_seen",
		Key:  func(s seen) []byte { return store.Key(s.Key) },
	}
}

// Put stores items and returns how many were new. When it returns, they are
// safe: acknowledge now. While Run is at work, an item that comes alone, and
// before which nothing of its thread waits, is handled in the same transaction:
// what is stored then is what its handler did.
func (in *Inbox) Put(ctx context.Context, items ...Item) (added int, err error) {
	done := false
	if len(items) == 1 {
		added, done, err = in.putQuick(ctx, items[0])
	}
	if !done {
		err = in.db.Update(ctx, func(tx store.Tx) error {
			added, err = in.PutTx(tx, items...)
			return err
		})
	}
	if err != nil {
		return 0, fmt.Errorf("inbox: put: %w", err)
	}
	return added, nil
}

// PutTx is Put as part of tx.
func (in *Inbox) PutTx(tx store.Tx, items ...Item) (added int, err error) {
	for _, it := range items {
		ok, err := in.put(tx, it)
		if err != nil {
			return added, err
		}
		if ok {
			added++
		}
	}
	if added > 0 {
		tx.OnCommit(in.wake)
	}
	return added, nil
}

func (in *Inbox) put(tx store.Tx, it Item) (bool, error) {
	ok, err := in.accept(tx, &it)
	if err != nil || !ok {
		return false, err
	}
	return true, in.enqueue(tx, it)
}

// accept reports whether an item is a new one, remembers its key and gives it
// what every item has.
func (in *Inbox) accept(tx store.Tx, it *Item) (bool, error) {
	if it.Kind == "" {
		return false, errors.New("inbox: an item needs a kind")
	}
	if !it.encoded && !json.Valid(it.Body) {
		return false, fmt.Errorf("inbox: the body of %s %s is not JSON", it.Kind, it.Key)
	}
	t := now()
	if it.Key != "" {
		s := seen{Key: short(it.Key), At: t}
		_, known, err := keys().Find(tx, store.Key(s.Key))
		if err != nil || known {
			return false, err
		}
		if err := keys().Put(tx, s); err != nil {
			return false, err
		}
	}
	it.ID = id.New()
	if it.Received.IsZero() {
		it.Received = t
	}
	it.Attempts, it.Failure = 0, ""
	return true, nil
}

// enqueue puts it at the end of its thread.
func (in *Inbox) enqueue(tx store.Tx, it Item) error {
	rec := record{Item: it, Queue: queueOf(it.Thread), Seq: now().UnixNano(), Head: true}
	if it.Thread == "" {
		rec.Queue = "i:" + it.ID
		return items().Put(tx, rec)
	}
	r := store.Prefix(store.Key(rec.Queue))
	r.Reverse, r.Limit = true, 1
	for last, err := range items().Scan(tx, r) {
		if err != nil {
			return err
		}
		// Time alone would let a clock that goes back break the order.
		rec.Seq, rec.Head = max(rec.Seq, last.Seq+1), false
	}
	return items().Put(tx, rec)
}

// queueOf is what the places of a thread's items begin with.
func queueOf(thread string) string { return "t:" + short(thread) }

// short makes a key of bounded size: what others choose may be long.
func short(s string) string {
	const most = 200
	if len(s) <= most {
		return s
	}
	sum := sha256.Sum256([]byte(s))
	return s[:most/2] + "#" + hex.EncodeToString(sum[:])
}

// KindEvent is the kind of the items that Sink stores; the body is a [bot.Event].
const KindEvent = "bot.event"

// Sink returns a sink that stores a platform's events. It is a [bot.BatchSink].
func (in *Inbox) Sink(platform string) bot.Sink { return sink{in, platform} }

type sink struct {
	in       *Inbox
	platform string
}

var _ bot.BatchSink = sink{}

// Deliver implements [bot.Sink].
func (s sink) Deliver(ctx context.Context, ev bot.Event) error {
	return s.DeliverAll(ctx, []bot.Event{ev})
}

// DeliverAll implements [bot.BatchSink].
func (s sink) DeliverAll(ctx context.Context, evs []bot.Event) error {
	list := make([]Item, 0, len(evs))
	for _, ev := range evs {
		it, err := EventItem(s.platform, ev)
		if err != nil {
			return err
		}
		list = append(list, it)
	}
	_, err := s.in.Put(ctx, list...)
	return err
}

// EventItem is the item that holds an event of a platform. An event has one
// key, whichever way it came.
func EventItem(platform string, ev bot.Event) (Item, error) {
	body, err := json.Marshal(ev)
	if err != nil {
		return Item{}, fmt.Errorf("inbox: encode event: %w", err)
	}
	return Item{Key: platform + ":" + ev.ID, Thread: thread(ev), Source: platform, Kind: KindEvent, Body: body, encoded: true}, nil
}

// thread says what an event is handled in order with: the rest of its thread,
// of which a message may become the first, and what is done with that message,
// such as to press its buttons; else what the same person does in the same
// channel.
func thread(ev bot.Event) string {
	switch {
	case ev.Thread != "":
		return string(ev.Thread)
	case ev.Message != "" && ev.Kind != bot.EventCommand:
		return string(ev.Message)
	default:
		return ev.Platform + " " + string(ev.Channel) + " " + string(ev.User.Ref)
	}
}

// forget removes the keys that were remembered long enough, a part of them at a
// time: the key to go on from is returned, nil at the end.
func (in *Inbox) forget(ctx context.Context, from []byte) (next []byte, err error) {
	const batch = 2000
	before := time.Now().Add(-in.opt.Remember)
	var old [][]byte
	err = in.db.View(ctx, func(tx store.Tx) error {
		old, next = nil, nil
		n := 0
		for s, err := range keys().Scan(tx, store.Range{From: from, Limit: batch}) {
			if err != nil {
				return err
			}
			k := store.Key(s.Key)
			if s.At.Before(before) {
				old = append(old, k)
			}
			if n++; n == batch {
				next = append(k, 0)
			}
		}
		return nil
	})
	if err != nil || len(old) == 0 {
		return next, err
	}
	return next, in.db.Update(ctx, func(tx store.Tx) error {
		for _, k := range old {
			if err := keys().Delete(tx, k); err != nil {
				return err
			}
		}
		return nil
	})
}
