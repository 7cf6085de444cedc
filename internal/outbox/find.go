package outbox

import (
	"fmt"
	"time"

	"github.com/perch-chat/perch/store"
)

// Get returns an action, or [store.ErrNotFound].
func (o *Outbox) Get(tx store.Tx, id string) (Action, error) {
	rec, err := find(tx, id)
	return rec.Action, err
}

// FindKey returns the action that was added with key, if it is remembered.
func (o *Outbox) FindKey(tx store.Tx, key string) (Action, bool, error) {
	rec, ok, err := actions().First(tx, byKey, store.Key(key))
	return rec.Action, ok, err
}

// BySubject returns the actions about subject, oldest first.
func (o *Outbox) BySubject(tx store.Tx, subject string) ([]Action, error) {
	return list(tx, bySubject, store.Key(subject), 0)
}

// ByState returns the actions in a state, oldest first; a limit of 0 means all.
func (o *Outbox) ByState(tx store.Tx, s State, limit int) ([]Action, error) {
	return list(tx, byState, store.Key(string(s)), limit)
}

func list(tx store.Tx, index string, prefix []byte, limit int) ([]Action, error) {
	var as []Action
	for rec, err := range actions().By(tx, index, prefix, store.Range{Limit: limit}) {
		if err != nil {
			return nil, err
		}
		as = append(as, rec.Action)
	}
	return as, nil
}

// When says, for people, when a queued action goes out and why it waits. The
// time is zero when that can't be known, because a person has to do something
// first; the reason is empty when it goes out at once.
func (o *Outbox) When(tx store.Tx, a Action) (t time.Time, why string, err error) {
	rec, err := find(tx, a.ID)
	if err != nil {
		return time.Time{}, "", err
	}
	return o.when(tx, &rec, 0)
}

// maxWhy bounds how far When follows what waits for what.
const maxWhy = 16

func (o *Outbox) when(tx store.Tx, rec *record, depth int) (time.Time, string, error) {
	switch rec.State {
	case Draft:
		return time.Time{}, "It is a draft: somebody has to send it.", nil
	case Awaiting:
		return time.Time{}, "Somebody else has to approve it.", nil
	case Unknown:
		if rec.Stuck {
			return time.Time{}, message(rec.Failure), nil
		}
		return rec.NotBefore, message(rec.Failure), nil
	case Failed:
		return time.Time{}, message(rec.Failure), nil
	case Done, Cancelled:
		return rec.Updated, "", nil
	case Attempting:
		return rec.Updated, "It is being sent.", nil
	case Queued:
	}
	if depth >= maxWhy {
		return time.Time{}, "Others have to go out first.", nil
	}
	if rec.Waits {
		return o.whenAfter(tx, rec, depth)
	}
	if rec.Order != "" && !rec.Head {
		return o.whenBehind(tx, rec, depth)
	}
	t, why := now(), ""
	if rec.NotBefore.After(t) {
		t, why = rec.NotBefore, message(rec.Failure)
		if rec.Failure == nil {
			why = "It is scheduled for then."
		}
	}
	holds, err := o.holdsOn(tx, rec.Lanes)
	if err != nil {
		return time.Time{}, "", err
	}
	for _, h := range holds {
		if h.Until.IsZero() {
			return time.Time{}, h.Message, nil
		}
		if h.Until.After(t) {
			t, why = h.Until, h.Message
		}
	}
	return t, why, nil
}

func (o *Outbox) whenAfter(tx store.Tx, rec *record, depth int) (time.Time, string, error) {
	dep, err := find(tx, rec.After)
	if err != nil {
		return time.Time{}, "", err
	}
	t, why, err := o.when(tx, &dep, depth+1)
	if err != nil {
		return time.Time{}, "", err
	}
	return t, waitingFor("It goes out after another one.", why), nil
}

func (o *Outbox) whenBehind(tx store.Tx, rec *record, depth int) (time.Time, string, error) {
	head, ok, err := actions().First(tx, byOrder, store.Key(rec.Order))
	if err != nil || !ok || head.ID == rec.ID {
		return now(), "", err
	}
	t, why, err := o.when(tx, &head, depth+1)
	if err != nil {
		return time.Time{}, "", err
	}
	if rec.NotBefore.After(t) && !t.IsZero() {
		t = rec.NotBefore
	}
	return t, waitingFor("It goes out after the one before it.", why), nil
}

func waitingFor(what, why string) string {
	if why == "" {
		return what
	}
	return fmt.Sprintf("%s %s", what, why)
}

func message(f *Failure) string {
	if f == nil {
		return ""
	}
	return f.Message
}
