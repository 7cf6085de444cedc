package incident

import (
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/perch-chat/perch/internal/id"
	"github.com/perch-chat/perch/store"
)

// Add writes an entry to an incident's timeline. One that is visible on X gets
// its publications: see Entry.Posts for what became of them, which is never a
// reason to lose the entry. An Origin that is there already returns the entry
// that has it.
func (s *Service) Add(tx store.Tx, incidentRef string, n NewEntry) (Entry, error) {
	inc, err := s.Get(tx, incidentRef)
	if err != nil {
		return Entry{}, err
	}
	if n.Origin != "" {
		old, ok, err := entries.First(tx, "origin", store.Key(inc.ID, n.Origin))
		if err != nil || ok {
			return old, err
		}
	}
	if inc.Status.Final() && n.Source != FromSystem {
		return Entry{}, &Error{Code: CodeClosed, Message: fmt.Sprintf("%s is %s and takes no more entries.", inc.Name(), inc.Status)}
	}
	e, err := newEntry(inc, n)
	if err != nil {
		return Entry{}, err
	}
	if e.Visibility == Twitter {
		w := wish{accounts: n.Accounts, mode: s.mode(e.Source), approval: n.approval || s.o.Publish.Approval, override: n.Override, keyBase: n.keyBase}
		if err := s.publish(tx, inc, &e, w); err != nil {
			return Entry{}, err
		}
	}
	if err := entries.Put(tx, e); err != nil {
		return Entry{}, err
	}
	err = s.told(tx, inc, nil, &e)
	return e, err
}

// told tells the observers of an entry and of its publications.
func (s *Service) told(tx store.Tx, inc Incident, was, now *Entry) error {
	if err := s.entryChanged(tx, inc, was, now); err != nil || now == nil {
		return err
	}
	for _, p := range now.Posts {
		if err := s.publicationChanged(tx, inc, *now, p); err != nil {
			return err
		}
	}
	return nil
}

func (s *Service) mode(src Source) Mode {
	switch src {
	case FromAPI, FromEmail:
		return s.o.Publish.API
	case FromWorkflow:
		return s.o.Publish.Workflow
	case FromChat, FromWeb, FromSystem:
	}
	return ModeDraft
}

func newEntry(inc Incident, n NewEntry) (Entry, error) {
	now := time.Now().UTC()
	e := Entry{
		ID: id.New(), IncidentID: inc.ID, Text: strings.TrimSpace(n.Text), Visibility: n.Visibility, Source: n.Source,
		Author: n.By.Ref, AuthorName: n.By.Name, Locked: n.Locked, OccurredAt: n.OccurredAt.UTC(), CreatedAt: now, UpdatedAt: now,
		Origin: n.Origin, Permalink: n.Permalink,
	}
	if n.Said != (Person{}) {
		e.Author, e.AuthorName = n.Said.Ref, n.Said.Name
		e.AddedBy, e.AddedByName, e.WordsBy = n.By.Ref, n.By.Name, n.By.Ref
	}
	if e.Visibility == "" {
		e.Visibility = Internal
	}
	if n.OccurredAt.IsZero() {
		e.OccurredAt = now
	}
	if n.Starred {
		e.StarredAt = now
	}
	return e, checkEntry(e)
}

func checkEntry(e Entry) error {
	switch {
	case e.Text == "":
		return invalid("text", "Event can't be blank")
	case !utf8.ValidString(e.Text) || strings.ContainsRune(e.Text, 0):
		return invalid("text", "Event is not valid text")
	case utf8.RuneCountInString(e.Text) > MaxText:
		return invalid("text", "Event is over %d characters", MaxText)
	case e.Visibility != Internal && e.Visibility != StatusPage && e.Visibility != Twitter:
		return invalid("visibility", "%q is not a visibility: use internal, status page, or status page + twitter.", e.Visibility)
	case e.OccurredAt.Year() < 2000 || e.OccurredAt.Year() > 2200: // the index sorts by nanoseconds since 1970
		return invalid("occurred_at", "Occurred at is too far away")
	}
	return nil
}

// system writes what Perch itself saw happen.
func (s *Service) system(tx store.Tx, inc Incident, by Person, text string) error {
	_, err := s.Add(tx, inc.ID, NewEntry{Text: text, Source: FromSystem, By: by, Locked: true})
	return err
}

// Entry finds an entry.
func (s *Service) Entry(tx store.Tx, entryID string) (Entry, error) {
	if !id.Valid(entryID) {
		return Entry{}, notFound("event", entryID)
	}
	e, ok, err := entries.Find(tx, store.Key(strings.ToLower(entryID)))
	if err != nil {
		return Entry{}, fmt.Errorf("find entry: %w", err)
	}
	if !ok || e.Deleted() {
		return Entry{}, notFound("event", entryID)
	}
	return e, nil
}

// Entries returns a page of an incident's timeline in the order in which
// things happened, or, with Page.Newest, from the end; and how many there are.
func (s *Service) Entries(tx store.Tx, incidentRef string, p Page) ([]Entry, int, error) {
	inc, err := s.Get(tx, incidentRef)
	if err != nil {
		return nil, 0, err
	}
	p = p.norm()
	at := store.Prefix(store.Key(inc.ID))
	total := 0
	for _, err := range tx.Scan("entries.timeline", at) {
		if err != nil {
			return nil, 0, fmt.Errorf("count entries: %w", err)
		}
		total++
	}
	if p.skip() >= total {
		return nil, total, nil
	}
	at.Reverse, at.Limit = p.Newest, p.skip()+p.Size
	i := 0
	var out []Entry
	for e, err := range entries.ByRange(tx, "timeline", at) {
		if err != nil {
			return nil, 0, fmt.Errorf("list entries: %w", err)
		}
		if i++; i > p.skip() {
			out = append(out, e)
		}
	}
	return out, total, nil
}

// Edit changes an entry and keeps what it said before. What is on X already is
// not changed by it: such publications are marked Stale.
func (s *Service) Edit(tx store.Tx, entryID string, c Edit, by Person) (Entry, error) {
	e, inc, err := s.editable(tx, entryID)
	if err != nil {
		return Entry{}, err
	}
	was := e
	e.Posts = slices.Clone(e.Posts)
	now := time.Now().UTC()
	if err := c.apply(&e, now); err != nil {
		return Entry{}, err
	}
	textChanged, visChanged := e.Text != was.Text, e.Visibility != was.Visibility
	if textChanged || visChanged || !e.OccurredAt.Equal(was.OccurredAt) {
		e.Revisions = append(slices.Clone(was.Revisions), Revision{Text: was.Text, Visibility: was.Visibility, OccurredAt: was.OccurredAt, By: by.Ref, At: now})
	} else if e.Starred() == was.Starred() {
		return was, nil
	}
	e.UpdatedAt = now
	if textChanged {
		e.WordsBy = by.Ref
	}
	if textChanged || visChanged {
		if err := s.republish(tx, inc, &e, c, by); err != nil {
			return Entry{}, err
		}
	}
	if err := entries.Put(tx, e); err != nil {
		return Entry{}, err
	}
	err = s.told(tx, inc, &was, &e)
	return e, err
}

func (c Edit) apply(e *Entry, now time.Time) error {
	if c.Text != nil {
		e.Text = strings.TrimSpace(*c.Text)
	}
	if c.Visibility != nil {
		e.Visibility = *c.Visibility
	}
	if c.OccurredAt != nil {
		e.OccurredAt = c.OccurredAt.UTC()
	}
	if c.Starred != nil && *c.Starred != e.Starred() {
		e.StarredAt = time.Time{}
		if *c.Starred {
			e.StarredAt = now
		}
	}
	return checkEntry(*e)
}

// editable finds an entry that people may change, and its incident.
func (s *Service) editable(tx store.Tx, entryID string) (Entry, Incident, error) {
	e, err := s.Entry(tx, entryID)
	if err != nil {
		return Entry{}, Incident{}, err
	}
	if e.Locked {
		return Entry{}, Incident{}, &Error{Code: CodeLocked, Message: "This entry was written by Perch itself and can't be changed."}
	}
	inc, err := s.Get(tx, e.IncidentID)
	return e, inc, err
}

// Star marks an entry, or takes the mark away.
func (s *Service) Star(tx store.Tx, entryID string, on bool, by Person) (Entry, error) {
	return s.Edit(tx, entryID, Edit{Starred: &on}, by)
}

// SetText changes an entry's text: of a draft, what will be posted.
func (s *Service) SetText(tx store.Tx, entryID, text string, by Person) (Entry, error) {
	return s.Edit(tx, entryID, Edit{Text: &text}, by)
}

// Delete takes an entry off the timeline. Its unsent posts are withdrawn; what
// is on X is deleted only if alsoPost is set.
func (s *Service) Delete(tx store.Tx, entryID string, by Person, alsoPost bool) (Entry, error) {
	e, inc, err := s.editable(tx, entryID)
	if err != nil {
		return Entry{}, err
	}
	was := e
	e.Posts = slices.Clone(e.Posts)
	e.DeletedAt, e.DeletedBy, e.DeletePost = time.Now().UTC(), by.Ref, alsoPost
	if err := s.withdraw(tx, &e, by); err != nil {
		return Entry{}, err
	}
	if err := entries.Put(tx, e); err != nil {
		return Entry{}, err
	}
	if alsoPost {
		for _, p := range e.Posts {
			for _, part := range p.Parts {
				if err := s.deletePost(tx, e, p.Account, part, by.Ref); err != nil {
					return Entry{}, err
				}
			}
		}
	}
	for i, p := range e.Posts {
		if p.State == was.Posts[i].State {
			continue
		}
		if err := s.publicationChanged(tx, inc, e, p); err != nil {
			return Entry{}, err
		}
	}
	return e, s.entryChanged(tx, inc, &was, nil)
}
