package incident

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/perch-chat/perch/internal/accounts"
	"github.com/perch-chat/perch/internal/outbox"
	"github.com/perch-chat/perch/store"
)

// ActionChanged takes what became of an action over to the entry it is about.
// It is for the outbox's OnChange.
func (s *Service) ActionChanged(tx store.Tx, was outbox.State, a outbox.Action) error {
	switch a.Kind {
	case KindRun:
		return s.runChanged(tx, was, a)
	case accounts.KindPost:
		return s.postChanged(tx, was, a)
	case accounts.KindDelete:
		return s.deleteChanged(tx, a)
	}
	return nil
}

// of finds the entry that an action is about, deleted or not.
func (s *Service) of(tx store.Tx, a outbox.Action) (Entry, bool, error) {
	entryID, ok := strings.CutPrefix(a.Subject, subjectPrefix)
	if !ok {
		return Entry{}, false, nil
	}
	return entries.Find(tx, store.Key(entryID))
}

// EntryOf finds the entry, and its incident, that an action is about. It says
// false if the action is about something else or the entry was deleted.
func (s *Service) EntryOf(tx store.Tx, a outbox.Action) (Entry, Incident, bool, error) {
	e, ok, err := s.of(tx, a)
	if err != nil || !ok || e.Deleted() {
		return Entry{}, Incident{}, false, err
	}
	inc, err := s.Get(tx, e.IncidentID)
	return e, inc, err == nil, err
}

func (s *Service) postChanged(tx store.Tx, was outbox.State, a outbox.Action) error {
	e, ok, err := s.of(tx, a)
	if err != nil || !ok {
		return err
	}
	p, part := e.part(func(_ Publication, part Part) bool { return part.Action == a.ID })
	if part == nil {
		return nil
	}
	part.take(a)
	p.settle()
	if a.State == outbox.Done {
		if err := s.posted(tx, e, a, *part); err != nil {
			return err
		}
	}
	if err := entries.Put(tx, e); err != nil {
		return err
	}
	if a.State == outbox.Queued && (was == outbox.Attempting || was == outbox.Unknown) {
		if gone, err := s.hold(tx, e, p.Account, a); err != nil || gone {
			return err
		}
	}
	return s.tell(tx, e, *p)
}

// hold withdraws a post that was on its way when its entry was deleted or its
// incident became private, and that turns out not to be out.
func (s *Service) hold(tx store.Tx, e Entry, account string, a outbox.Action) (gone bool, err error) {
	if e.Deleted() {
		_, err := s.ob.Cancel(tx, a.ID, e.DeletedBy)
		return true, refusal(err)
	}
	inc, err := s.Get(tx, e.IncidentID)
	if err != nil || !inc.Private {
		return false, err
	}
	i := slices.IndexFunc(e.Posts, func(p Publication) bool { return p.Account == account })
	if e.Posts[i].Override {
		return false, nil
	}
	return true, s.unpublishOne(tx, inc, e.ID, i, Person{Ref: byItself})
}

// byItself is who withdraws what nobody may send any more.
const byItself = "perch"

// tell tells of a publication, whose entry may be deleted.
func (s *Service) tell(tx store.Tx, e Entry, p Publication) error {
	inc, err := s.Get(tx, e.IncidentID)
	if err != nil {
		return err
	}
	return s.publicationChanged(tx, inc, e, p)
}

func (s *Service) posted(tx store.Tx, e Entry, a outbox.Action, part Part) error {
	var x accounts.XPost
	if err := json.Unmarshal(a.Payload, &x); err != nil {
		return fmt.Errorf("decode %s: %w", a.Kind, err)
	}
	if x.Thread != "" && part.PostID != "" {
		if _, ok, err := roots.Find(tx, store.Key(x.Thread, x.Account)); err != nil {
			return err
		} else if !ok {
			if err := roots.Put(tx, root{Thread: x.Thread, Account: x.Account, PostID: part.PostID, Entry: e.ID}); err != nil {
				return err
			}
		}
	}
	if e.Deleted() && e.DeletePost { // deleted while it was on its way
		return s.deletePost(tx, e, x.Account, part, e.DeletedBy)
	}
	return nil
}

func (s *Service) deletePost(tx store.Tx, e Entry, account string, part Part, by string) error {
	if part.PostID == "" || part.Gone {
		return nil
	}
	_, err := s.add(tx, outbox.Action{
		Kind: accounts.KindDelete, Key: "incident:delete:" + part.PostID, Order: "x.post:" + account,
		Lanes: []string{"x:" + account, "x:" + account + ":post"}, Subject: subject(e), CreatedBy: by,
	}, accounts.XDelete{Account: account, PostID: part.PostID})
	return err
}

func (s *Service) deleteChanged(tx store.Tx, a outbox.Action) error {
	if a.State != outbox.Done {
		return nil
	}
	e, ok, err := s.of(tx, a)
	if err != nil || !ok {
		return err
	}
	var x accounts.XDelete
	if err := json.Unmarshal(a.Payload, &x); err != nil {
		return fmt.Errorf("decode %s: %w", a.Kind, err)
	}
	p, part := e.part(func(p Publication, part Part) bool { return p.Account == x.Account && part.PostID == x.PostID })
	if part == nil {
		return nil
	}
	part.Gone = true
	if len(p.URLs()) == 0 {
		p.State = PubDeleted
	}
	if err := entries.Put(tx, e); err != nil {
		return err
	}
	if err := s.tell(tx, e, *p); err != nil {
		return err
	}
	return s.reroot(tx, threadPrefix+e.IncidentID, e.IncidentID, x)
}

// reroot finds another first post for a thread whose first post was deleted:
// X takes no reply to a post that is gone.
func (s *Service) reroot(tx store.Tx, thread, incidentID string, gone accounts.XDelete) error {
	at := store.Key(thread, gone.Account)
	r, ok, err := roots.Find(tx, at)
	if err != nil || !ok || r.PostID != gone.PostID {
		return err
	}
	for e, err := range entries.By(tx, "timeline", store.Key(incidentID), store.Range{}) {
		if err != nil {
			return err
		}
		_, part := e.part(func(p Publication, part Part) bool {
			return p.Account == gone.Account && part.PostID != "" && !part.Gone
		})
		if part != nil {
			return roots.Put(tx, root{Thread: thread, Account: gone.Account, PostID: part.PostID, Entry: e.ID})
		}
	}
	return roots.Delete(tx, at)
}

// ThreadRoot is the post that the posts of a thread on an account reply to:
// the first of them. ok is false if there is none yet.
func (s *Service) ThreadRoot(tx store.Tx, thread, account string) (postID string, ok bool, err error) {
	r, err := roots.Get(tx, store.Key(thread, account))
	if errors.Is(err, store.ErrNotFound) {
		return "", false, nil
	}
	if err != nil {
		return "", false, fmt.Errorf("find the first post of %s: %w", thread, err)
	}
	return r.PostID, true, nil
}

// part finds a part of an entry's publications, to be changed in place.
func (e *Entry) part(is func(Publication, Part) bool) (*Publication, *Part) {
	for i := range e.Posts {
		for j := range e.Posts[i].Parts {
			if is(e.Posts[i], e.Posts[i].Parts[j]) {
				return &e.Posts[i], &e.Posts[i].Parts[j]
			}
		}
	}
	return nil, nil
}

// take takes over where an action stands.
func (p *Part) take(a outbox.Action) {
	p.State, p.Stuck, p.Failure = a.State, a.Stuck, a.Failure
	if a.State != outbox.Done {
		return
	}
	p.Failure = nil
	var r accounts.XPosted
	if json.Unmarshal(a.Result, &r) == nil { // settled by a person it may have no result
		p.PostID, p.URL, p.At = r.ID, r.URL, r.At.UTC()
	}
	if p.At.IsZero() {
		p.At = a.Updated
	}
}

// settle sums the parts up: the worst that a person has to know comes first.
func (p *Publication) settle() {
	if len(p.Parts) == 0 {
		return
	}
	n := map[outbox.State]int{}
	p.Failure = nil
	for _, part := range p.Parts {
		n[part.State]++
		if p.Failure == nil && part.Failure != nil {
			p.Failure = part.Failure
		}
	}
	switch {
	case n[outbox.Failed] > 0:
		p.State = PubFailed
	case n[outbox.Unknown] > 0:
		p.State = PubUnknown
	case n[outbox.Done] == len(p.Parts):
		p.State = PubPosted
	case n[outbox.Attempting] > 0 || n[outbox.Done] > 0 && n[outbox.Queued] > 0:
		p.State = PubSending
	case n[outbox.Queued] > 0:
		p.State = PubQueued
	case n[outbox.Awaiting] > 0:
		p.State = PubAwaiting
	case n[outbox.Draft] > 0:
		p.State = PubDraft
	case n[outbox.Done] > 0:
		p.State = PubPosted
	default:
		p.State = PubCancelled
	}
}
