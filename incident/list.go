package incident

import (
	"fmt"
	"slices"
	"strings"

	"github.com/perch-chat/perch/store"
)

// Filter chooses incidents. The zero Filter is all of them.
type Filter struct {
	Status   Status
	Severity Severity
	Open     bool   // only those that aren't over
	Search   string // in the title and summary
	Kind     string
	Private  *bool

	Statuses   []Status   // any of them; none is all
	Severities []Severity // any of them; none is all

	Sort Sort
}

// Sort is the order of a list of incidents.
type Sort string

// The orders, as Rootly writes them.
const (
	NewestFirst      Sort = "-created_at" // the default
	OldestFirst      Sort = "created_at"
	LastChangedFirst Sort = "-updated_at"
	LastChangedLast  Sort = "updated_at"
)

// Valid reports whether s is a known order, or none, which is NewestFirst.
func (s Sort) Valid() bool {
	switch s {
	case "", NewestFirst, OldestFirst, LastChangedFirst, LastChangedLast:
		return true
	}
	return false
}

func (f Filter) matches(i Incident) bool {
	return (f.Status == "" || i.Status == f.Status) && (f.Severity == "" || i.Severity == f.Severity) &&
		(!f.Open || !i.Status.Over()) && (f.Kind == "" || i.Kind == f.Kind) && (f.Private == nil || *f.Private == i.Private) &&
		(len(f.Statuses) == 0 || slices.Contains(f.Statuses, i.Status)) && (len(f.Severities) == 0 || slices.Contains(f.Severities, i.Severity)) &&
		(f.Search == "" || strings.Contains(strings.ToLower(i.Title+"\n"+i.Summary), strings.ToLower(f.Search)))
}

// List returns a page of incidents, newest first unless the filter says
// otherwise, and how many there are.
func (s *Service) List(tx store.Tx, f Filter, p Page) ([]Incident, int, error) {
	if !f.Sort.Valid() {
		return nil, 0, invalid("sort", "Sort must be created_at, -created_at, updated_at or -updated_at")
	}
	p = p.norm()
	byChange := f.Sort == LastChangedFirst || f.Sort == LastChangedLast
	var out []Incident
	total := 0
	for inc, err := range incidents.ByRange(tx, "seq", store.Range{Reverse: f.Sort != OldestFirst}) {
		if err != nil {
			return nil, 0, fmt.Errorf("list incidents: %w", err)
		}
		if !f.matches(inc) {
			continue
		}
		if byChange || total >= p.skip() && len(out) < p.Size {
			out = append(out, inc)
		}
		total++
	}
	if !byChange {
		return out, total, nil
	}
	slices.SortStableFunc(out, func(a, b Incident) int {
		if f.Sort == LastChangedLast {
			a, b = b, a
		}
		return b.UpdatedAt.Compare(a.UpdatedAt)
	})
	from := min(p.skip(), total)
	return out[from:min(from+p.Size, total)], total, nil
}

// Page is a part of a list.
type Page struct {
	Number int // counts from 1
	Size   int // 0 is 50
	Newest bool
}

// MaxPage is the most of a list that is returned at once.
const MaxPage = 500

func (p Page) norm() Page {
	p.Number = min(max(p.Number, 1), 1<<24) // far enough, and no overflow of Number*Size
	if p.Size <= 0 {
		p.Size = 50
	}
	p.Size = min(p.Size, MaxPage)
	return p
}

func (p Page) skip() int { return (p.Number - 1) * p.Size }
