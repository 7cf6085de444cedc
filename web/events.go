package web

import (
	"net/http"

	"github.com/perch-chat/perch/incident"
	"github.com/perch-chat/perch/store"
)

const kindEvents = "incident_events"

func (s *server) eventRoutes(mux *http.ServeMux, base string) {
	of := base + "/incidents/{incident_id}/events"
	mux.Handle("POST "+of, s.guard(EventsWrite, s.createEvent))
	mux.Handle("GET "+of, s.guard(EventsRead, s.listEvents))
	for _, one := range []string{of + "/{id}", base + "/events/{id}"} {
		mux.Handle("GET "+one, s.guard(EventsRead, s.getEvent))
		mux.Handle("PUT "+one, s.guard(EventsWrite, s.updateEvent))
		mux.Handle("PATCH "+one, s.guard(EventsWrite, s.updateEvent))
		mux.Handle("DELETE "+one, s.guard(EventsWrite, s.deleteEvent))
	}
}

// event is an entry as the API shows it.
type event struct {
	Event        string        `json:"event"`
	EventRaw     string        `json:"event_raw"`
	Kind         string        `json:"kind"`
	Source       string        `json:"source"`
	Visibility   string        `json:"visibility"`
	User         *string       `json:"user_display_name"`
	OccurredAt   *string       `json:"occurred_at"`
	StarredAt    *string       `json:"starred_at"`
	CreatedAt    *string       `json:"created_at"`
	UpdatedAt    *string       `json:"updated_at"`
	Locked       bool          `json:"locked"`
	Publications []publication `json:"publications"`
}

// publication is what became of an event on an X account.
type publication struct {
	Account  string   `json:"account,omitempty"`
	Handle   string   `json:"handle,omitempty"`
	State    string   `json:"state"`
	URLs     []string `json:"urls"`
	Weighted int      `json:"weighted_length"`
	Limit    int      `json:"limit"`
	Parts    int      `json:"parts,omitempty"` // of a text that is too long: in how many posts it would go
	Failure  string   `json:"failure,omitempty"`
	Code     string   `json:"failure_code,omitempty"`
	Stale    bool     `json:"stale,omitempty"`
	Warnings []string `json:"warnings,omitempty"`
}

func eventOf(e incident.Entry) resource {
	ev := event{
		Event: e.Text, EventRaw: e.Text, Kind: "event", Source: string(e.Source), Visibility: visibilityName(e.Visibility),
		OccurredAt: stamp(e.OccurredAt), StarredAt: stamp(e.StarredAt), CreatedAt: stamp(e.CreatedAt), UpdatedAt: stamp(e.UpdatedAt),
		Locked: e.Locked, Publications: []publication{},
	}
	if e.AuthorName != "" {
		ev.User = &e.AuthorName
	}
	if e.Locked {
		ev.Kind = "trail"
	}
	for _, p := range e.Posts {
		pub := publication{
			Account: p.Account, Handle: p.Handle, State: string(p.State), URLs: p.URLs(), Weighted: p.Weighted, Limit: p.Limit,
			Parts: p.Possible, Stale: p.Stale, Warnings: p.Warnings,
		}
		if pub.URLs == nil {
			pub.URLs = []string{}
		}
		if p.Failure != nil {
			pub.Failure, pub.Code = p.Failure.Message, p.Failure.Code
		}
		ev.Publications = append(ev.Publications, pub)
	}
	return resource{ID: e.ID, Type: kindEvents, Attributes: ev}
}

// visibilityName is a visibility in Rootly's words, which has none for X.
func visibilityName(v incident.Visibility) string {
	if v == incident.StatusPage {
		return "external"
	}
	return string(v)
}

func (a *attributes) visibility() *incident.Visibility {
	s := a.str("visibility")
	if s == nil {
		return nil
	}
	v, ok := incident.ParseVisibility(*s)
	if !ok {
		a.problem("/data/attributes/visibility", "Visibility must be internal, external or twitter")
		return nil
	}
	return &v
}

func (s *server) createEvent(w http.ResponseWriter, r *http.Request, t Token) error {
	body, err := readBody(w, r)
	if err != nil {
		return err
	}
	n, err := newEvent(body)
	if err != nil {
		return err
	}
	n.Source, n.By = incident.FromAPI, by(t)
	return s.change(w, r, t, body, http.StatusCreated, func(tx store.Tx) (any, error) {
		e, err := s.Incidents.Add(tx, r.PathValue("incident_id"), n)
		return single{Data: eventOf(e)}, err
	})
}

func newEvent(body []byte) (incident.NewEntry, error) {
	var n incident.NewEntry
	a, err := decode(body, kindEvents)
	if err != nil {
		return n, err
	}
	if text := a.str("event"); text != nil {
		n.Text = *text
	}
	if v := a.visibility(); v != nil {
		n.Visibility = *v
	}
	if at := a.time("occurred_at"); at != nil {
		n.OccurredAt = *at
	}
	if on := a.boolean("starred"); on != nil {
		n.Starred = *on
	}
	n.Accounts = a.strings("publish")
	if len(n.Accounts) > 0 {
		n.Visibility = incident.Twitter
	}
	return n, a.done()
}

func (s *server) listEvents(w http.ResponseWriter, r *http.Request, _ Token) error {
	p, err := paging(r)
	if err != nil {
		return err
	}
	var data, more []resource
	var total int
	err = s.DB.View(r.Context(), func(tx store.Tx) error {
		es, n, err := s.Incidents.Entries(tx, r.PathValue("incident_id"), p)
		if err != nil {
			return err
		}
		total, data = n, make([]resource, len(es))
		for i, e := range es {
			data[i] = eventOf(e)
		}
		more, err = s.include(tx, r, data)
		return err
	})
	if err != nil {
		return err
	}
	l := s.list(r, data, total, p)
	l.Included = more
	return answer(w, http.StatusOK, l)
}

func answer(w http.ResponseWriter, status int, doc any) error {
	body, err := marshal(doc)
	if err != nil {
		return err
	}
	reply(w, status, body)
	return nil
}

// event finds the event of the address, which may name its incident too.
func (s *server) event(tx store.Tx, r *http.Request) (incident.Entry, error) {
	e, err := s.Incidents.Entry(tx, r.PathValue("id"))
	if err != nil {
		return e, err
	}
	if ref := r.PathValue("incident_id"); ref != "" {
		inc, err := s.Incidents.Get(tx, ref)
		if err != nil {
			return e, err
		}
		if inc.ID != e.IncidentID {
			return e, &fail{code: codeNotFound}
		}
	}
	return e, nil
}

func (s *server) getEvent(w http.ResponseWriter, r *http.Request, _ Token) error {
	var doc single
	err := s.DB.View(r.Context(), func(tx store.Tx) error {
		e, err := s.event(tx, r)
		if err != nil {
			return err
		}
		data := []resource{eventOf(e)}
		doc.Included, err = s.include(tx, r, data)
		doc.Data = data[0]
		return err
	})
	if err != nil {
		return err
	}
	return answer(w, http.StatusOK, doc)
}

func (s *server) updateEvent(w http.ResponseWriter, r *http.Request, t Token) error {
	body, err := readBody(w, r)
	if err != nil {
		return err
	}
	a, err := decode(body, kindEvents)
	if err != nil {
		return err
	}
	c := incident.Edit{Source: incident.FromAPI, Text: a.str("event"), Visibility: a.visibility(), OccurredAt: a.time("occurred_at"), Starred: a.boolean("starred")}
	if raw, ok := a.raw["event"]; ok && string(raw) == "null" {
		c.Text = new(string) // null is blank, not "as it was"
	}
	if err := a.done(); err != nil {
		return err
	}
	return s.change(w, r, t, body, http.StatusOK, func(tx store.Tx) (any, error) {
		e, err := s.event(tx, r)
		if err != nil {
			return nil, err
		}
		e, err = s.Incidents.Edit(tx, e.ID, c, by(t))
		return single{Data: eventOf(e)}, err
	})
}

// deleteEvent deletes an event; its posts on X too if delete_posts=true says so.
func (s *server) deleteEvent(w http.ResponseWriter, r *http.Request, t Token) error {
	alsoPost := r.URL.Query().Get("delete_posts") == "true"
	return s.change(w, r, t, nil, http.StatusOK, func(tx store.Tx) (any, error) {
		e, err := s.event(tx, r)
		if err != nil {
			return nil, err
		}
		e, err = s.Incidents.Delete(tx, e.ID, by(t), alsoPost)
		return single{Data: eventOf(e)}, err
	})
}
