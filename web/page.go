package web

import (
	"net/http"
	"net/url"
	"strconv"

	"github.com/perch-chat/perch/incident"
)

// paging reads page[number] and page[size].
func paging(r *http.Request) (incident.Page, error) {
	q := r.URL.Query()
	p := incident.Page{Number: 1, Size: 25}
	var problems []problem
	read := func(name string, into *int) {
		v := q.Get(name)
		if v == "" {
			return
		}
		n, err := strconv.Atoi(v)
		if err != nil || n < 1 || n > 1<<24 {
			problems = append(problems, problem{Title: name + " must be a number from 1"})
			return
		}
		*into = n
	}
	read("page[number]", &p.Number)
	read("page[size]", &p.Size)
	p.Size = min(p.Size, incident.MaxPage)
	if len(problems) > 0 {
		return p, &fail{code: codeInvalid, problems: problems}
	}
	return p, nil
}

type links struct {
	Self  string  `json:"self"`
	First string  `json:"first"`
	Prev  *string `json:"prev"`
	Next  *string `json:"next"`
	Last  string  `json:"last"`
}

type meta struct {
	CurrentPage int  `json:"current_page"`
	NextPage    *int `json:"next_page"`
	PrevPage    *int `json:"prev_page"`
	TotalCount  int  `json:"total_count"`
	TotalPages  int  `json:"total_pages"`
}

// list is the envelope of a list.
type list struct {
	Data     []resource `json:"data"`
	Included []resource `json:"included,omitempty"`
	Links    links      `json:"links"`
	Meta     meta       `json:"meta"`
}

func (s *server) list(r *http.Request, data []resource, total int, p incident.Page) list {
	pages := max(1, (total+p.Size-1)/p.Size)
	at := func(n int) string {
		q := r.URL.Query()
		q.Set("page[number]", strconv.Itoa(n))
		q.Set("page[size]", strconv.Itoa(p.Size))
		return s.base(r) + (&url.URL{Path: r.URL.Path, RawQuery: q.Encode()}).String()
	}
	l := list{Data: data, Links: links{Self: at(p.Number), First: at(1), Last: at(pages)}, Meta: meta{CurrentPage: p.Number, TotalCount: total, TotalPages: pages}}
	if data == nil {
		l.Data = []resource{}
	}
	if p.Number > 1 {
		prev := min(p.Number-1, pages)
		link := at(prev)
		l.Meta.PrevPage, l.Links.Prev = &prev, &link
	}
	if p.Number < pages {
		next := p.Number + 1
		link := at(next)
		l.Meta.NextPage, l.Links.Next = &next, &link
	}
	return l
}

// resource is a JSON:API resource.
type resource struct {
	ID            string              `json:"id"`
	Type          string              `json:"type"`
	Attributes    any                 `json:"attributes"`
	Relationships map[string]relation `json:"relationships,omitempty"`
}

// relation leads from a resource to others: an identifier, or several.
type relation struct {
	Data any `json:"data"`
}

// identifier names a resource.
type identifier struct {
	ID   string `json:"id"`
	Type string `json:"type"`
}

// single is the envelope of one resource.
type single struct {
	Data     resource   `json:"data"`
	Included []resource `json:"included,omitempty"`
}
