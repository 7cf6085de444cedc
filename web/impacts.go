package web

import (
	"net/http"
	"slices"
	"strings"

	"github.com/perch-chat/perch/incident"
	"github.com/perch-chat/perch/store"
)

func (s *server) impactRoutes(mux *http.ServeMux, base string, k areaForm) {
	one := base + "/" + k.impacts + "/{id}"
	for _, of := range []string{base + "/events/{id}/" + k.plural, base + "/incidents/{incident_id}/events/{id}/" + k.plural} {
		mux.Handle("POST "+of, s.guard(EventsWrite, s.createImpact(k)))
		mux.Handle("GET "+of, s.guard(EventsRead, s.listImpacts(k)))
	}
	mux.Handle("GET "+one, s.guard(EventsRead, s.getImpact(k)))
	mux.Handle("PUT "+one, s.guard(EventsWrite, s.updateImpact(k)))
	mux.Handle("PATCH "+one, s.guard(EventsWrite, s.updateImpact(k)))
	mux.Handle("DELETE "+one, s.guard(EventsWrite, s.deleteImpact(k)))
}

func (k areaForm) impact(i incident.Impact) resource {
	return resource{ID: i.ID, Type: k.impacts, Attributes: map[string]any{
		"incident_event_id": i.EntryID, k.id: i.AreaID, "status": i.Status,
	}}
}

// newImpact is what a request wants of an impact.
type newImpact struct {
	event, area string
	status      *incident.ImpactStatus
}

func (k areaForm) readImpact(body []byte) (newImpact, error) {
	var n newImpact
	a, err := decode(body, k.impacts)
	if err != nil {
		return n, err
	}
	for name, into := range map[string]*string{"incident_event_id": &n.event, k.id: &n.area} {
		if v := a.str(name); v != nil {
			*into = *v
		}
	}
	if v := a.str("status"); v != nil {
		st := incident.ImpactStatus(*v)
		n.status = &st
	}
	return n, a.done()
}

// fits checks that the body names the event and area that it is about already.
func (k areaForm) fits(n newImpact, event, area string) error {
	a := &attributes{}
	if n.event != "" && !strings.EqualFold(n.event, event) {
		a.problem("/data/attributes/incident_event_id", "Incident event id is not that of the address")
	}
	if n.area != "" && area != "" && !strings.EqualFold(n.area, area) {
		a.problem("/data/attributes/"+k.id, human(k.id)+" can't be changed")
	}
	return a.err()
}

func (s *server) createImpact(k areaForm) authed {
	return func(w http.ResponseWriter, r *http.Request, t Token) error {
		body, err := readBody(w, r)
		if err != nil {
			return err
		}
		n, err := k.readImpact(body)
		if err != nil {
			return err
		}
		return s.change(w, r, t, body, http.StatusCreated, func(tx store.Tx) (any, error) {
			e, err := s.event(tx, r)
			if err != nil {
				return nil, err
			}
			if err := k.fits(n, e.ID, ""); err != nil {
				return nil, err
			}
			var st incident.ImpactStatus
			if n.status != nil {
				st = *n.status
			}
			i, err := s.Incidents.AddImpact(tx, e.ID, k.kind, n.area, st, by(t))
			return single{Data: k.impact(i)}, err
		})
	}
}

func (s *server) listImpacts(k areaForm) authed {
	return func(w http.ResponseWriter, r *http.Request, _ Token) error {
		p, err := paging(r)
		if err != nil {
			return err
		}
		var data []resource
		err = s.DB.View(r.Context(), func(tx store.Tx) error {
			e, err := s.event(tx, r)
			if err != nil {
				return err
			}
			is, err := s.Incidents.Impacts(tx, e.ID, k.kind)
			data = make([]resource, len(is))
			for n, i := range is {
				data[n] = k.impact(i)
			}
			return err
		})
		if err != nil {
			return err
		}
		return answer(w, http.StatusOK, s.list(r, cut(data, p), len(data), p))
	}
}

func (s *server) getImpact(k areaForm) authed {
	return func(w http.ResponseWriter, r *http.Request, _ Token) error {
		var i incident.Impact
		err := s.DB.View(r.Context(), func(tx store.Tx) error {
			var err error
			i, err = s.Incidents.Impact(tx, k.kind, r.PathValue("id"))
			return err
		})
		if err != nil {
			return err
		}
		return answer(w, http.StatusOK, single{Data: k.impact(i)})
	}
}

func (s *server) updateImpact(k areaForm) authed {
	return func(w http.ResponseWriter, r *http.Request, t Token) error {
		body, err := readBody(w, r)
		if err != nil {
			return err
		}
		n, err := k.readImpact(body)
		if err != nil {
			return err
		}
		return s.change(w, r, t, body, http.StatusOK, func(tx store.Tx) (any, error) {
			i, err := s.Incidents.Impact(tx, k.kind, r.PathValue("id"))
			if err != nil {
				return nil, err
			}
			if err := k.fits(n, i.EntryID, i.AreaID); err != nil {
				return nil, err
			}
			i, err = s.Incidents.SetImpact(tx, k.kind, i.ID, n.status, by(t))
			return single{Data: k.impact(i)}, err
		})
	}
}

func (s *server) deleteImpact(k areaForm) authed {
	return func(w http.ResponseWriter, r *http.Request, t Token) error {
		return s.change(w, r, t, nil, http.StatusOK, func(tx store.Tx) (any, error) {
			i, err := s.Incidents.DeleteImpact(tx, k.kind, r.PathValue("id"))
			return single{Data: k.impact(i)}, err
		})
	}
}

// include links events to their impacts, and these to their areas, and returns
// both, if the request's include asks for them. Rootly's other words are let
// pass.
func (s *server) include(tx store.Tx, r *http.Request, events []resource) (more []resource, err error) {
	words := strings.Split(r.URL.Query().Get("include"), ",")
	for _, k := range areaForms {
		if !slices.Contains(words, k.plural) {
			continue
		}
		met := map[string]bool{}
		var on []resource
		for n := range events {
			event := &events[n]
			is, err := s.Incidents.Impacts(tx, event.ID, k.kind)
			if err != nil {
				return nil, err
			}
			ids := make([]identifier, len(is))
			for j, i := range is {
				ids[j] = identifier{ID: i.ID, Type: k.impacts}
				res := k.impact(i)
				res.Relationships = map[string]relation{string(k.kind): {Data: identifier{ID: i.AreaID, Type: k.plural}}}
				more = append(more, res)
				if met[i.AreaID] {
					continue
				}
				met[i.AreaID] = true
				a, err := s.Incidents.Area(tx, k.kind, i.AreaID)
				if err != nil {
					return nil, err
				}
				on = append(on, k.area(a))
			}
			if event.Relationships == nil {
				event.Relationships = map[string]relation{}
			}
			event.Relationships[k.plural] = relation{Data: ids}
		}
		more = append(more, on...)
	}
	return more, nil
}
