package incident

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"github.com/perch-chat/perch/internal/accounts"
	"github.com/perch-chat/perch/internal/outbox"
	"github.com/perch-chat/perch/store"
)

// wish is how an entry is to be published.
type wish struct {
	accounts []string
	mode     Mode
	approval bool
	override bool
	keyBase  string
}

// publish gives an entry, not stored yet, its publications.
func (s *Service) publish(tx store.Tx, inc Incident, e *Entry, w wish) error {
	ids := slices.Clone(w.accounts)
	slices.Sort(ids)
	if ids = slices.Compact(ids); len(ids) == 0 {
		ids = []string{""}
	}
	for _, account := range ids {
		p := Publication{Account: account, Approval: w.approval, Override: w.override, KeyBase: w.keyBase, Confirmed: w.mode == ModeDirect}
		if slices.ContainsFunc(e.Posts, func(o Publication) bool { return account != "" && o.Account == account && o.live() }) {
			continue
		}
		if err := s.prepare(tx, inc, e, &p); err != nil {
			return err
		}
		e.Posts = append(e.Posts, p)
	}
	return nil
}

// live reports whether the publication has posts that are out or on their way.
func (p Publication) live() bool {
	return slices.ContainsFunc(p.Parts, func(part Part) bool {
		return part.State != outbox.Cancelled && !part.Gone
	})
}

// prepare checks whether p can be published and, if it can, adds its actions
// in the state that is due: draft, awaiting approval or queued. p must have no
// actions of its own any more.
func (s *Service) prepare(tx store.Tx, inc Incident, e *Entry, p *Publication) error {
	texts, err := s.check(tx, inc, e.Text, p)
	if err != nil || texts == nil {
		return err
	}
	state := outbox.Draft
	if p.Confirmed {
		state = outbox.Queued
		if p.Approval {
			state = outbox.Awaiting
		}
	}
	e.Gen++
	base := p.KeyBase
	if base == "" {
		base = "incident:post:" + e.ID
	}
	base += ":" + p.Account + ":" + strconv.Itoa(e.Gen)
	p.Parts = nil
	for i, text := range texts {
		x := accounts.XPost{Account: p.Account, Text: text, Thread: inc.Thread()}
		a := outbox.Action{
			Kind: accounts.KindPost, Key: base + ":" + strconv.Itoa(i+1), Order: "x.post:" + p.Account,
			Lanes: []string{"x:" + p.Account, "x:" + p.Account + ":post"}, Subject: subject(*e), State: state, CreatedBy: e.wordsBy(),
		}
		if i > 0 {
			before := p.Parts[i-1].Action
			x.Thread, x.ReplyToAction, a.After = "", before, before
		}
		part, err := s.add(tx, a, x)
		if err != nil {
			return err
		}
		part.Text = text
		p.Parts = append(p.Parts, part)
	}
	p.settle()
	return nil
}

func subject(e Entry) string { return subjectPrefix + e.ID }

const subjectPrefix = "event:"

func (s *Service) add(tx store.Tx, a outbox.Action, payload any) (Part, error) {
	raw, err := json.Marshal(payload)
	if err != nil {
		return Part{}, fmt.Errorf("encode %s: %w", a.Kind, err)
	}
	a.Payload = raw
	a, _, err = s.ob.Add(tx, a)
	if err != nil {
		return Part{}, fmt.Errorf("add %s: %w", a.Kind, err)
	}
	return Part{Action: a.ID, State: a.State}, nil
}

// check fills in what can be said of p before it is sent, and returns the
// texts of its posts, or none if it can't be sent: then State says why.
func (s *Service) check(tx store.Tx, inc Incident, text string, p *Publication) ([]string, error) {
	p.Failure, p.Warnings, p.Possible, p.Parts = nil, nil, 0, nil
	p.Weighted, _ = weigh(text)
	p.Limit = defaultLimit
	acc, ok, err := s.accounts.Account(tx, p.Account)
	if err != nil {
		return nil, fmt.Errorf("find the X account: %w", err)
	}
	if !ok {
		p.stop(PubNoAccount, CodeNoAccount, "Connect an X account first: /twitter authorize")
		return nil, nil
	}
	p.Account, p.Handle = acc.ID, acc.Handle
	if acc.Limit > 0 {
		p.Limit = acc.Limit
	}
	if !acc.Ready {
		p.Warnings = append(p.Warnings, "@"+acc.Handle+" has to be connected again before this can go out: /twitter authorize")
	}
	if inc.Private && !p.Override {
		p.stop(PubRefused, CodePrivate, inc.Name()+" is private: its entries aren't published unless you insist.")
		return nil, nil
	}
	refusal, warnings := guard(text)
	p.Warnings = append(p.Warnings, warnings...)
	if refusal != "" {
		p.stop(PubRefused, CodeRefused, refusal)
		return nil, nil
	}
	return s.fit(text, p)
}

// fit checks the length.
func (s *Service) fit(text string, p *Publication) ([]string, error) {
	weighted, valid := weigh(text)
	p.Weighted = weighted
	if !valid {
		p.stop(PubRefused, CodeRefused, "The text has characters that X doesn't take: remove them.")
		return nil, nil
	}
	if weighted <= p.Limit {
		return []string{text}, nil
	}
	parts, err := split(text, p.Limit)
	if err != nil {
		p.stop(PubRefused, CodeRefused, "The text is too long and can't be split: shorten it.")
		return nil, nil //nolint:nilerr // that is the answer: the entry is kept, its publication says why it can't go out
	}
	if p.SplitInto {
		return parts, nil
	}
	p.Possible = len(parts)
	p.stop(PubTooLong, CodeTooLong, fmt.Sprintf("%d of %d: shorten the text, or split it into %d posts.", p.Weighted, p.Limit, len(parts)))
	return nil, nil
}

func (p *Publication) stop(st PubState, code, message string) {
	p.State, p.Failure = st, &outbox.Failure{Code: code, Message: message}
}

func (p Publication) err() *Error {
	e := &Error{Code: CodeNothing, Message: "There is nothing to publish here.", Weighted: p.Weighted, Limit: p.Limit, Parts: p.Possible}
	if p.Failure != nil {
		e.Code, e.Message = p.Failure.Code, p.Failure.Message
	}
	return e
}

// detach takes the unsent actions of p out of the entry, stores it, so that
// their end isn't taken for p's, and cancels them. It reports whether none of
// p's posts is out or on its way; if some is, p is left as it is.
func (s *Service) detach(tx store.Tx, e *Entry, i int, by string) (bool, error) {
	if !e.Posts[i].idle() {
		return false, nil
	}
	return true, s.drop(tx, e, i, by)
}

func (s *Service) drop(tx store.Tx, e *Entry, i int, by string) error {
	p := &e.Posts[i]
	parts := p.Parts
	p.Parts = nil
	if err := entries.Put(tx, *e); err != nil {
		return err
	}
	for _, part := range slices.Backward(parts) {
		if part.State == outbox.Cancelled {
			continue
		}
		if _, err := s.ob.Cancel(tx, part.Action, by); err != nil {
			return fmt.Errorf("withdraw post: %w", err)
		}
	}
	return nil
}

// idle reports whether nothing of p is out, or may be.
func (p Publication) idle() bool {
	for _, part := range p.Parts {
		switch part.State {
		case outbox.Attempting, outbox.Done, outbox.Unknown:
			return false
		case outbox.Draft, outbox.Awaiting, outbox.Queued, outbox.Failed, outbox.Cancelled:
		}
	}
	return true
}

// out reports whether something of p is out, or is being sent.
func (p Publication) out() bool {
	return slices.ContainsFunc(p.Parts, func(part Part) bool {
		return part.State == outbox.Attempting || part.State == outbox.Done || part.State == outbox.Unknown && !part.Stuck
	})
}

// Confirm sends what a person has seen as a preview: a draft goes out, or goes
// to a second person where the policy asks for one, who confirms it likewise.
// Everything is checked again, also what the policy asks for now. A publication that waited for an account is
// made a draft, to be previewed and confirmed.
func (s *Service) Confirm(tx store.Tx, entryID string, by Person) (Entry, error) {
	return s.act(tx, entryID, func(e *Entry, inc Incident) (bool, error) {
		acted := false
		var refused *Error
		for i := range e.Posts {
			ok, err := s.confirm(tx, inc, e, i, by)
			if err != nil && !errors.As(err, &refused) {
				return false, err
			}
			acted = acted || ok && err == nil
		}
		if refused != nil && !acted {
			return false, refused
		}
		return acted, nil
	})
}

func (s *Service) confirm(tx store.Tx, inc Incident, e *Entry, i int, by Person) (bool, error) {
	p := &e.Posts[i]
	p.Approval = p.Approval || s.o.Publish.Approval // the policy may have become stricter
	switch p.State {
	case PubDraft, PubAwaiting, PubNoAccount, PubTooLong, PubRefused:
	case PubQueued, PubSending, PubPosted, PubFailed, PubUnknown, PubCancelled, PubDeleted:
		return false, nil
	}
	probe := *p
	texts, err := s.check(tx, inc, e.Text, &probe)
	if err != nil {
		return false, err
	}
	p.Warnings = probe.Warnings
	if texts == nil {
		if len(p.Parts) > 0 { // its preview says so, if those on other accounts go out
			p.Warnings = append(p.Warnings, probe.Failure.Message)
		}
		return false, probe.err()
	}
	switch p.State {
	case PubAwaiting:
		return true, s.each(tx, p, func(id string) (outbox.Action, error) { return s.ob.Approve(tx, id, by.Ref) })
	case PubDraft:
		same := slices.Equal(texts, p.Texts())
		if !same || p.Approval {
			ok, err := s.detach(tx, e, i, by.Ref)
			if err != nil || !ok {
				return false, refusal(err)
			}
			p.Confirmed = same // else what was previewed isn't what would be sent: show it again
			return true, s.prepare(tx, inc, e, p)
		}
		p.Confirmed = true
		return true, s.each(tx, p, func(id string) (outbox.Action, error) { return s.ob.Submit(tx, id, by.Ref) })
	default: // it couldn't go out before: show it first
		p.Confirmed = false
		return true, s.prepare(tx, inc, e, p)
	}
}

// each applies fn to p's actions and takes over their states.
func (s *Service) each(tx store.Tx, p *Publication, fn func(id string) (outbox.Action, error)) error {
	for i := range p.Parts {
		a, err := fn(p.Parts[i].Action)
		if err != nil {
			return refusal(err)
		}
		p.Parts[i].take(a)
	}
	p.settle()
	return nil
}

// refusal turns the outbox's refusals into words for people.
func refusal(err error) error {
	switch {
	case errors.Is(err, outbox.ErrSelfApproval):
		return &Error{Code: CodeSelfApproval, Message: "These are your words, so another person has to approve them."}
	case errors.Is(err, outbox.ErrTooLate):
		return &Error{Code: CodeTooLate, Message: "It is on its way already."}
	case errors.Is(err, outbox.ErrState):
		return &Error{Code: CodeNothing, Message: "There is nothing to do here: it was done already."}
	}
	return err
}

// act applies fn to an entry's publications, stores it and tells the observers
// if fn reports a change.
func (s *Service) act(tx store.Tx, entryID string, fn func(*Entry, Incident) (bool, error)) (Entry, error) {
	e, inc, err := s.editable(tx, entryID)
	if err != nil {
		return Entry{}, err
	}
	e.Posts = slices.Clone(e.Posts)
	for i := range e.Posts {
		e.Posts[i].Parts = slices.Clone(e.Posts[i].Parts)
	}
	ok, err := fn(&e, inc)
	if err != nil {
		return Entry{}, err
	}
	if !ok {
		return e, &Error{Code: CodeNothing, Message: "There is nothing to do here: it was done already."}
	}
	if err := entries.Put(tx, e); err != nil {
		return Entry{}, err
	}
	for _, p := range e.Posts {
		if err := s.publicationChanged(tx, inc, e, p); err != nil {
			return Entry{}, err
		}
	}
	return e, nil
}

// Insist makes posts of an entry whose incident is private, as drafts that
// still have to be confirmed. The timeline says who wanted it.
func (s *Service) Insist(tx store.Tx, entryID string, by Person) (Entry, error) {
	e, err := s.act(tx, entryID, func(e *Entry, inc Incident) (bool, error) {
		acted := false
		for i := range e.Posts {
			p := &e.Posts[i]
			if p.State != PubRefused || p.Failure == nil || p.Failure.Code != CodePrivate {
				continue
			}
			p.Override, p.Confirmed = true, false
			if err := s.prepare(tx, inc, e, p); err != nil {
				return false, err
			}
			acted = true
		}
		return acted, nil
	})
	if err != nil {
		return e, err
	}
	inc, err := s.Get(tx, e.IncidentID)
	if err != nil {
		return e, err
	}
	who := by.Name
	if who == "" {
		who = "Somebody"
	}
	return e, s.system(tx, inc, by, who+" insisted on publishing an entry of this private incident on X: "+excerpt(e.Text))
}

// Split makes a numbered thread of a text that is too long for one post, as a
// draft that still has to be confirmed.
func (s *Service) Split(tx store.Tx, entryID string, _ Person) (Entry, error) {
	return s.act(tx, entryID, func(e *Entry, inc Incident) (bool, error) {
		acted := false
		for i := range e.Posts {
			p := &e.Posts[i]
			if p.State != PubTooLong {
				continue
			}
			p.SplitInto, p.Confirmed = true, false
			if err := s.prepare(tx, inc, e, p); err != nil {
				return false, err
			}
			if len(p.Parts) == 0 {
				return false, p.err()
			}
			acted = true
		}
		return acted, nil
	})
}

// Discard decides against publishing an entry. The entry stays.
func (s *Service) Discard(tx store.Tx, entryID string, by Person) (Entry, error) {
	return s.act(tx, entryID, func(e *Entry, _ Incident) (bool, error) {
		acted := false
		for i := range e.Posts {
			p := &e.Posts[i]
			if p.State == PubCancelled || p.State == PubDeleted || p.State == PubPosted {
				continue
			}
			if p.out() {
				return false, &Error{Code: CodeTooLate, Message: "It is on its way already."}
			}
			if err := s.drop(tx, e, i, by.Ref); err != nil { // what is stuck too: the person has looked
				return false, refusal(err)
			}
			p.State, p.Failure, p.Confirmed = PubCancelled, nil, false
			acted = true
		}
		return acted, nil
	})
}

// RetryPost tries again what failed, or what a person says isn't there.
func (s *Service) RetryPost(tx store.Tx, entryID string, by Person) (Entry, error) {
	return s.act(tx, entryID, func(e *Entry, inc Incident) (bool, error) {
		acted := false
		for i := range e.Posts {
			p := &e.Posts[i]
			for j := range p.Parts {
				part := &p.Parts[j]
				if part.State != outbox.Failed && !part.Stuck {
					continue
				}
				if inc.Private && !p.Override {
					return false, &Error{Code: CodePrivate, Message: inc.Name() + " is private now, so this isn't sent again: discard it."}
				}
				a, err := s.ob.Retry(tx, part.Action, by.Ref)
				if err != nil {
					return false, refusal(err)
				}
				part.take(a)
				acted = true
			}
			p.settle()
		}
		return acted, nil
	})
}

// republish follows an edit: unsent posts are made anew from the new text, and
// what is out already is marked.
func (s *Service) republish(tx store.Tx, inc Incident, e *Entry, c Edit, by Person) error {
	for i := range e.Posts {
		p := &e.Posts[i]
		ok, err := s.detach(tx, e, i, by.Ref)
		if err != nil {
			return refusal(err)
		}
		switch {
		case !ok:
			p.Stale = true
		case p.State == PubCancelled || p.State == PubDeleted:
		case e.Visibility != Twitter:
			p.State, p.Failure = PubCancelled, nil
		default:
			p.SplitInto = false
			if inc.Private || c.Source != FromAPI || s.o.Publish.API != ModeDirect {
				p.Confirmed = false // nobody has seen the new text
			}
			if err := s.prepare(tx, inc, e, p); err != nil {
				return err
			}
		}
	}
	open := slices.ContainsFunc(e.Posts, func(p Publication) bool { return p.State != PubCancelled && p.State != PubDeleted })
	if e.Visibility == Twitter && !open {
		return s.publish(tx, inc, e, wish{accounts: c.Accounts, mode: s.mode(c.Source), approval: s.o.Publish.Approval})
	}
	return nil
}

// withdraw cancels an entry's unsent posts.
func (s *Service) withdraw(tx store.Tx, e *Entry, by Person) error {
	for i := range e.Posts {
		ok, err := s.detach(tx, e, i, by.Ref)
		if err != nil {
			return refusal(err)
		}
		if ok {
			e.Posts[i].State = PubCancelled
		}
	}
	return nil
}
