package incident

import (
	"fmt"
	"slices"

	"github.com/perch-chat/perch/internal/outbox"
	"github.com/perch-chat/perch/store"
)

// unpublish takes back what was still to be published of an incident that has
// become private. What is out, or may be, stays; the rest of its thread doesn't
// follow it.
func (s *Service) unpublish(tx store.Tx, inc Incident, by Person) error {
	es, err := store.Collect(entries.By(tx, "timeline", store.Key(inc.ID), store.Range{}))
	if err != nil {
		return fmt.Errorf("list entries: %w", err)
	}
	for _, e := range es {
		for i := range e.Posts {
			if err := s.unpublishOne(tx, inc, e.ID, i, by); err != nil {
				return refusal(err)
			}
		}
	}
	return nil
}

func (s *Service) unpublishOne(tx store.Tx, inc Incident, entryID string, i int, by Person) error {
	e, err := entries.Get(tx, store.Key(entryID)) // anew: what was cancelled before changed it
	if err != nil {
		return err
	}
	p := e.Posts[i]
	switch {
	case p.Override || p.State == PubCancelled || p.State == PubDeleted || p.State == PubPosted:
		return nil
	case !p.idle():
		return s.cutThread(tx, p, by)
	}
	e.Posts = slices.Clone(e.Posts)
	if err := s.drop(tx, &e, i, by.Ref); err != nil {
		return err
	}
	e.Posts[i].Confirmed = false
	if err := s.prepare(tx, inc, &e, &e.Posts[i]); err != nil {
		return err
	}
	if err := entries.Put(tx, e); err != nil {
		return err
	}
	return s.publicationChanged(tx, inc, e, e.Posts[i])
}

// cutThread cancels the posts of p that are not on their way; ActionChanged
// takes that over.
func (s *Service) cutThread(tx store.Tx, p Publication, by Person) error {
	for _, part := range slices.Backward(p.Parts) {
		switch part.State {
		case outbox.Draft, outbox.Awaiting, outbox.Queued, outbox.Failed:
			if _, err := s.ob.Cancel(tx, part.Action, by.Ref); err != nil {
				return fmt.Errorf("withdraw post: %w", err)
			}
		case outbox.Attempting, outbox.Done, outbox.Unknown, outbox.Cancelled:
		}
	}
	return nil
}
