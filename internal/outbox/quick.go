package outbox

import "github.com/perch-chat/perch/store"

// claimAdded claims an action that is being added, if it can go out at once and
// nothing is to be looked at first: rec then is what is attempted after the
// commit. That spares it a transaction of its own: most of what a chat is told
// is told at once. Whatever stands in the way, the action is queued like any
// other.
//
// What replaces an older one (Slot) is left to wait its turn: the next may
// replace it in turn.
func (o *Outbox) claimAdded(tx store.Tx, old, rec *record) (bool, error) {
	r := o.runner.Load()
	if r == nil || old != nil || rec.State != Queued || rec.Slot != "" {
		return false, nil
	}
	ex := r.kinds[rec.Kind]
	if _, looks := ex.(Armer); looks || ex == nil {
		return false, nil
	}
	ok, err := r.claimable(tx, rec)
	if err != nil || !ok || isLate(rec) || !r.reserve(rec.Lanes) {
		return false, err
	}
	r.claim(rec, nil)
	tx.OnCommit(func() { r.launch(*rec) })
	return true, nil
}

// reserve takes a place for an action that is being claimed, if there is one.
func (r *runner) reserve(lanes []string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.ended || r.sc.run.Err() != nil || len(r.flights)+r.claims >= r.opt.Workers || !r.within(lanes) {
		r.refused = true
		return false
	}
	r.claims++
	return true
}

// launch attempts what claimAdded claimed, now that it is stored. After the end
// of the run it is left as a process that is gone leaves it: the next one looks
// it up.
func (r *runner) launch(rec record) {
	r.mu.Lock()
	r.claims = max(r.claims-1, 0)
	if r.ended || r.flights[rec.ID] != nil {
		r.mu.Unlock()
		return
	}
	r.enter(&rec)
	r.crew.Go(func() { r.carryOut(r.sc, rec) }) // before the end: r.mu is held
	r.mu.Unlock()
}
