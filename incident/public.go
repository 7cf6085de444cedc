package incident

import (
	"fmt"
	"slices"
	"time"

	"github.com/perch-chat/perch/internal/outbox"
	"github.com/perch-chat/perch/store"
)

// maxUpdates is how many updates of an incident are shown to everybody: its
// newest.
const maxUpdates = 200

// Public is what everybody may know of an incident: what was posted already.
// It has no title and no names, so that whoever shows it can't show them.
type Public struct {
	Name    string // "INC-4"
	Status  Status
	Updates []Update // newest first, never empty
}

// Update is an entry as everybody read it on X.
type Update struct {
	At    time.Time
	Texts []string // as posted; several if it was split
	Links []Link   // to its first post, on each account
}

// Link leads to a post on X.
type Link struct {
	Handle string // without @
	URL    string
}

// Public finds what everybody may know of an incident. One that is private, or
// of which nothing was posted, is not found, as one that doesn't exist.
func (s *Service) Public(tx store.Tx, ref string) (Public, error) {
	inc, err := s.Get(tx, ref)
	if err != nil {
		return Public{}, err
	}
	if inc.Private {
		return Public{}, notFound("incident", ref)
	}
	p := Public{Name: inc.Name(), Status: inc.Status}
	newest := store.Range{Reverse: true, Limit: maxUpdates}
	for e, err := range entries.By(tx, "public", store.Key(inc.ID), newest) {
		if err != nil {
			return Public{}, fmt.Errorf("list what is public: %w", err)
		}
		p.Updates = append(p.Updates, e.updates()...)
	}
	if len(p.Updates) == 0 {
		return Public{}, notFound("incident", ref)
	}
	return p, nil
}

// updates are the entry's texts that are out; accounts that posted the same
// share one.
func (e Entry) updates() []Update {
	if e.Deleted() || e.Visibility != Twitter {
		return nil
	}
	var out []Update
	for _, p := range e.Posts {
		u, ok := p.update(e.OccurredAt)
		if !ok {
			continue
		}
		same := slices.IndexFunc(out, func(o Update) bool { return slices.Equal(o.Texts, u.Texts) })
		if same < 0 {
			out = append(out, u)
			continue
		}
		out[same].Links = append(out[same].Links, u.Links...)
		if u.At.Before(out[same].At) {
			out[same].At = u.At
		}
	}
	slices.SortStableFunc(out, func(a, b Update) int { return b.At.Compare(a.At) })
	return out
}

// update is what is out of a publication. Posts whose time isn't known have
// the entry's.
func (p Publication) update(at time.Time) (Update, bool) {
	if p.State != PubPosted {
		return Update{}, false
	}
	u := Update{}
	for _, part := range p.Parts {
		if part.State != outbox.Done || part.Gone {
			continue
		}
		if len(u.Texts) == 0 {
			if u.At = part.At; u.At.IsZero() {
				u.At = at
			}
		}
		if part.URL != "" && len(u.Links) == 0 {
			u.Links = []Link{{Handle: p.Handle, URL: part.URL}}
		}
		u.Texts = append(u.Texts, part.Text)
	}
	return u, len(u.Texts) > 0
}

// publicKeys are the index of entries that are out, by the time of their
// newest post.
func publicKeys(e Entry) [][]byte {
	if len(e.Posts) == 0 {
		return nil
	}
	us := e.updates()
	if len(us) == 0 {
		return nil
	}
	return [][]byte{store.Key(e.IncidentID, us[0].At)}
}
