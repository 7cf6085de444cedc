package outbox

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"time"

	"github.com/perch-chat/perch/store"
)

// due is what a look at the store finds to do.
type due struct {
	now    time.Time
	free   int
	next   time.Time // when something more becomes due
	untidy bool      // a hold is over, or an action too late
	sets   [][]record
}

// at notes that there is something to do at t.
func (d *due) at(t time.Time) {
	if d.next.IsZero() || t.Before(d.next) {
		d.next = t
	}
}

// pick takes one of each set of lanes in turn, so that a long queue in one
// doesn't keep the others waiting.
func (d *due) pick(turn int) []record {
	var picked []record
	for i := 0; len(picked) < d.free; i++ {
		more := false
		for j := range d.sets {
			set := d.sets[(j+turn)%len(d.sets)]
			if i < len(set) && len(picked) < d.free {
				picked = append(picked, set[i])
				more = true
			}
		}
		if !more {
			break
		}
	}
	return picked
}

// look4work reads what is due: for each set of lanes that isn't held, as many as
// there are free workers. What waits, whatever for, costs nothing.
func (r *runner) look4work(tx store.Tx, d *due) error {
	held, err := r.heldLanes(tx, d)
	if err != nil {
		return err
	}
	for p, err := range tx.Scan(tableName+"."+byExpiry, store.Range{Limit: 1}) {
		if err != nil {
			return err
		}
		if t := time.Unix(0, keyInt(p.Key)); t.After(d.now) {
			d.at(t)
		} else {
			d.untidy = true
		}
	}
	for _, work := range []int{workSend, workLook} {
		if err := r.lookInSets(tx, d, work, held); err != nil {
			return err
		}
	}
	return nil
}

func (r *runner) heldLanes(tx store.Tx, d *due) (map[string]Hold, error) {
	held := map[string]Hold{}
	for h, err := range holds().Scan(tx, store.Range{}) {
		if err != nil {
			return nil, err
		}
		if !holding(h, d.now) {
			d.untidy = true
			continue
		}
		if !h.Until.IsZero() {
			d.at(h.Until)
		}
		held[h.Lane] = h
	}
	return held, nil
}

func (r *runner) lookInSets(tx store.Tx, d *due, work int, held map[string]Hold) error {
	all := store.Prefix(store.Key(work))
	for {
		first, ok, err := firstKey(tx, all)
		if err != nil || !ok {
			return err
		}
		place, err := parseDue(first)
		if err != nil {
			return err
		}
		set := store.Prefix(store.Key(work, place.lanes))
		if !isHeld(work, lanesOf(place.lanes), held) {
			if err := r.lookInSet(tx, d, set); err != nil {
				return err
			}
		}
		all.From = set.To
	}
}

// isHeld reports whether work in lanes has to wait. Looking up doesn't use up
// what a pace counts, so only a hold that somebody has to release stops it.
func isHeld(work int, lanes []string, held map[string]Hold) bool {
	for _, lane := range lanes {
		if h, ok := held[lane]; ok && (work == workSend || h.Until.IsZero()) {
			return true
		}
	}
	return false
}

func (r *runner) lookInSet(tx store.Tx, d *due, set store.Range) error {
	// What is being worked on and not claimed yet still stands in the index.
	var ids []string
	for p, err := range tx.Scan(tableName+"."+byDue, limited(set, d.free+r.opt.Workers+r.delays())) {
		if err != nil {
			return err
		}
		place, err := parseDue(p.Key)
		if err != nil {
			return err
		}
		if t := time.Unix(0, place.at); t.After(d.now) {
			d.at(t)
			break
		}
		if r.skip(place.id) {
			continue
		}
		if ids = append(ids, place.id); len(ids) == d.free {
			break
		}
	}
	var recs []record
	for _, id := range ids {
		rec, err := find(tx, id)
		if err != nil {
			return err
		}
		if r.kinds[rec.Kind] == nil {
			// Another version of the program may know it.
			r.log.Error("no executor for an action's kind", "kind", rec.Kind, "action", rec.ID)
			r.delay(rec.ID, time.Minute)
			continue
		}
		recs = append(recs, rec)
	}
	if len(recs) > 0 {
		d.sets = append(d.sets, recs)
	}
	return nil
}

func (r *runner) delays() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.delayed)
}

func limited(r store.Range, n int) store.Range {
	r.Limit = n
	return r
}

func firstKey(tx store.Tx, r store.Range) ([]byte, bool, error) {
	r.Limit = 1
	for p, err := range tx.Scan(tableName+"."+byDue, r) {
		return p.Key, err == nil, err
	}
	return nil, false, nil
}

// place is where an action stands in the index of what is due.
type place struct {
	lanes string
	at    int64
	id    string
}

// parseDue reads a key of the index: sort of work, lanes, time, 00 00, ID. So
// the many that aren't due yet need not be read themselves.
func parseDue(key []byte) (place, error) {
	var p place
	if len(key) < 8 {
		return p, fmt.Errorf("outbox: index of what is due: key %x", key)
	}
	lanes, rest, ok := cutString(key[8:])
	if !ok || len(rest) < 10 {
		return p, fmt.Errorf("outbox: index of what is due: key %x", key)
	}
	id, _, ok := cutString(rest[10:])
	if !ok {
		return p, fmt.Errorf("outbox: index of what is due: key %x", key)
	}
	return place{lanes: lanes, at: keyInt(rest), id: id}, nil
}

// cutString reads the string that [store.Key] wrote at the start of k.
func cutString(k []byte) (s string, rest []byte, ok bool) {
	if i := bytes.IndexByte(k, 0); i >= 0 && i+1 < len(k) && k[i+1] == 1 {
		return string(k[:i]), k[i+2:], true // nothing in it had to be escaped
	}
	var b []byte
	for {
		i := bytes.IndexByte(k, 0)
		if i < 0 || i+1 >= len(k) {
			return "", nil, false
		}
		b = append(b, k[:i]...)
		end := k[i+1] == 1
		k = k[i+2:]
		if end {
			return string(b), k, true
		}
		b = append(b, 0)
	}
}

// keyInt reads the integer that [store.Key] wrote at the start of k.
func keyInt(k []byte) int64 {
	return int64(binary.BigEndian.Uint64(k) ^ 1<<63)
}

// expire fails what is too late: a person is asked, by Retry or Cancel.
func (o *Outbox) expire(tx store.Tx) error {
	r := store.Range{To: store.Key(now().Add(time.Nanosecond)), Limit: 100}
	late, err := store.Collect(actions().ByRange(tx, byExpiry, r))
	if err != nil {
		return err
	}
	for _, old := range late {
		// Read anew: a change of the one before may have changed it.
		old, err := find(tx, old.ID)
		if err != nil {
			return err
		}
		if old.State != Queued || !isLate(&old) {
			continue
		}
		if err := o.failLate(tx, &old); err != nil {
			return err
		}
	}
	return nil
}

func isLate(rec *record) bool { return !rec.Expires.IsZero() && !rec.Expires.After(now()) }

func (o *Outbox) failLate(tx store.Tx, old *record) error {
	rec := *old
	rec.State, rec.NotBefore = Failed, time.Time{}
	rec.Failure = &Failure{
		Code:    "too_late",
		Message: "It was not sent: it should have gone out by " + rec.Expires.UTC().Format("15:04 UTC") + ". Send it now, or discard it.",
	}
	if old.Failure != nil {
		rec.Failure.Detail = "it waited because: " + old.Failure.Message
	}
	kind := rec.Kind
	tx.OnCommit(func() { o.count(kind, "too_late") })
	return o.change(tx, old, &rec)
}
