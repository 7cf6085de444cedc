package web_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/net/html"

	"github.com/perch-chat/perch/incident"
	"github.com/perch-chat/perch/internal/accounts"
	"github.com/perch-chat/perch/internal/outbox"
	"github.com/perch-chat/perch/store"
	"github.com/perch-chat/perch/web"
)

// posted adds an entry and has X take its posts, the first at the time given,
// or not, if at is zero.
func (w *world) posted(inc string, n incident.NewEntry, at time.Time) (e incident.Entry) {
	w.t.Helper()
	n.Source, n.By = incident.FromAPI, incident.Person{Ref: "token:1", Name: "Rio Responder"}
	w.update(func(tx store.Tx) (err error) { e, err = w.deps.Incidents.Add(tx, inc, n); return err })
	if at.IsZero() {
		return e
	}
	w.update(func(tx store.Tx) error {
		for _, p := range e.Posts {
			for i, part := range p.Parts {
				a, err := w.ob.Get(tx, part.Action)
				if err != nil {
					return err
				}
				id := fmt.Sprintf("%s%d", e.ID, i)
				a.State = outbox.Done
				if a.Result, err = json.Marshal(accounts.XPosted{ID: id, URL: "https://x.com/acme/status/" + id, At: at}); err != nil {
					return err
				}
				if err := w.deps.Incidents.ActionChanged(tx, outbox.Attempting, a); err != nil {
					return err
				}
			}
		}
		return nil
	})
	return e
}

// shown is what a page says, element by element.
type shown struct {
	Title, Heading, Status string
	Times, Texts, Links    []string
}

func show(t *testing.T, a answer) (s shown) {
	t.Helper()
	words(t, a)
	doc, err := html.Parse(strings.NewReader(a.Body))
	if err != nil {
		t.Fatal(err)
	}
	attr := func(n *html.Node, name string) string {
		for _, a := range n.Attr {
			if a.Key == name {
				return a.Val
			}
		}
		return ""
	}
	for n := range doc.Descendants() {
		if n.Type != html.ElementNode {
			continue
		}
		text := ""
		for c := range n.Descendants() {
			if c.Type == html.TextNode {
				text += c.Data
			}
		}
		switch {
		case n.Data == "title":
			s.Title = text
		case n.Data == "h1":
			s.Heading = text
		case strings.HasPrefix(attr(n, "class"), "status"):
			s.Status = text
		case n.Data == "time":
			s.Times = append(s.Times, text+" = "+attr(n, "datetime"))
		case attr(n, "class") == "text":
			s.Texts = append(s.Texts, text)
		case n.Data == "a":
			s.Links = append(s.Links, text+" → "+attr(n, "href"))
		}
	}
	return s
}

// TestPublicPage checks that the page has what was posted, newest first, and
// nothing else of what the incident has.
func TestPublicPage(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	at := time.Date(2026, 3, 14, 9, 26, 53, 0, time.UTC)
	ref := w.inc.ID
	w.posted(ref, incident.NewEntry{Text: "SECRET internal"}, time.Time{})
	w.posted(ref, incident.NewEntry{Text: "SECRET status page", Visibility: incident.StatusPage}, time.Time{})
	w.posted(ref, incident.NewEntry{Text: "SECRET draft", Visibility: incident.Twitter}, time.Time{})
	second := w.posted(ref, incident.NewEntry{Text: "It is fixed: 1 < 2 & <script>alert(1)</script>", Visibility: incident.Twitter, OccurredAt: at.Add(-time.Hour)}, at.Add(time.Minute))
	first := w.posted(ref, incident.NewEntry{Text: "We are\nlooking into it.", Visibility: incident.Twitter}, at)
	hidden := w.posted(ref, incident.NewEntry{Text: "SECRET made internal", Visibility: incident.Twitter}, at)
	gone := w.posted(ref, incident.NewEntry{Text: "SECRET deleted", Visibility: incident.Twitter}, at)
	w.update(func(tx store.Tx) error {
		s, by := w.deps.Incidents, incident.Person{Name: "Ada"}
		internal, edited := incident.Internal, "SECRET edited"
		if _, err := s.Edit(tx, hidden.ID, incident.Edit{Visibility: &internal}, by); err != nil {
			return err
		}
		if _, err := s.Edit(tx, first.ID, incident.Edit{Text: &edited}, by); err != nil {
			return err
		}
		if _, err := s.Delete(tx, gone.ID, by, false); err != nil {
			return err
		}
		_, err := s.Resolve(tx, ref, by, "SECRET reason")
		return err
	})
	got := w.do("GET", "/incidents/INC-1", "", "Authorization", "")
	want := shown{
		Title: "Incident INC-1: Resolved", Heading: "Incident INC-1", Status: "Resolved",
		Times: []string{"14 March 2026, 09:27 UTC = 2026-03-14T09:27:53Z", "14 March 2026, 09:26 UTC = 2026-03-14T09:26:53Z"},
		Texts: []string{"It is fixed: 1 < 2 & <script>alert(1)</script>", "We are\nlooking into it."},
		Links: []string{
			"See it on X as @acme → https://x.com/acme/status/" + second.ID + "0",
			"See it on X as @acme → https://x.com/acme/status/" + first.ID + "0",
		},
	}
	if diff := cmp.Diff(want, show(t, got)); got.Status != 200 || diff != "" {
		t.Errorf("%d %s", got.Status, diff)
	}
	for _, secret := range []string{"SECRET", "Payments", "payments", "Rio", "Ada", w.inc.ID} {
		if strings.Contains(got.Body, secret) {
			t.Errorf("the page has %q: %s", secret, got.Body)
		}
	}
	if cc := got.Header.Get("Cache-Control"); cc != "public, max-age=15" {
		t.Errorf("Cache-Control = %q", cc)
	}
	if other := w.do("GET", "/incidents/1", ""); other.Body != got.Body {
		t.Error("/incidents/1 is another page")
	}
	if post := w.do("POST", "/incidents/INC-1", ""); post.Status != http.StatusMethodNotAllowed {
		t.Errorf("POST = %d", post.Status)
	}
}

// TestPublicPageThread checks an entry that became several posts, by two
// accounts.
func TestPublicPageThread(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	at := time.Date(2026, 3, 14, 9, 26, 53, 0, time.UTC)
	e := w.posted(w.inc.ID, incident.NewEntry{Text: "Both say so.", Visibility: incident.Twitter, Accounts: []string{"22", "33"}}, at)
	got := show(t, w.do("GET", "/incidents/INC-1", ""))
	link := "See it on X as @acme → https://x.com/acme/status/" + e.ID + "0"
	if diff := cmp.Diff([]string{link, link}, got.Links); diff != "" || len(got.Texts) != 1 {
		t.Errorf("texts = %q, links %s", got.Texts, diff)
	}
}

// TestPublicPageNothing checks that nobody can tell an incident that they may
// not see from one that doesn't exist.
func TestPublicPageNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var private incident.Incident
	w.update(func(tx store.Tx) (err error) {
		private, err = w.deps.Incidents.Create(tx, incident.New{Title: "Takeover", Private: true})
		return err
	})
	w.posted(private.ID, incident.NewEntry{Text: "Out.", Visibility: incident.Twitter, Override: true}, time.Now())
	want := w.do("GET", "/incidents/INC-999", "")
	if want.Status != 404 || show(t, want).Heading != "Nothing to see here" || strings.Contains(want.Body, "999") {
		t.Errorf("unknown = %d %s", want.Status, want.Body)
	}
	for _, ref := range []string{w.inc.Name(), w.inc.ID, private.Name(), private.ID, "", "x/y", "%3Cb%3E", "INC-1/"} {
		if got := w.do("GET", "/incidents/"+ref, ""); got.Status != 404 || got.Body != want.Body || cmp.Diff(want.Header, got.Header) != "" {
			t.Errorf("GET %q = %d %s %v", ref, got.Status, got.Body, got.Header)
		}
	}
}

// brokenStore can't be read.
type brokenStore struct{ store.Store }

func (brokenStore) View(context.Context, func(store.Tx) error) error {
	return errors.New("disk is SECRET")
}

func TestPublicPageBroken(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.deps.DB = brokenStore{w.db}
	w.h = web.New(w.deps)
	got := w.do("GET", "/incidents/INC-1", "")
	if got.Status != 500 || strings.Contains(got.Body, "SECRET") || got.Header.Get("Cache-Control") != "no-store" {
		t.Errorf("%d %v %s", got.Status, got.Header, got.Body)
	}
	words(t, got)
}
