package web

import (
	"net/http"

	"github.com/perch-chat/perch/incident"
	"github.com/perch-chat/perch/store"
)

// areaForm is how the API names a kind of area and the impacts on it.
type areaForm struct {
	kind    incident.AreaKind
	plural  string // type and path of the areas
	impacts string // type and path of the impacts
	id      string // the attribute of an impact that names its area
}

var areaForms = []areaForm{ //nolint:gochecknoglobals // a table that nobody changes
	{incident.AreaService, "services", "incident_event_services", "service_id"},
	{incident.AreaFunctionality, "functionalities", "incident_event_functionalities", "functionality_id"},
}

func (s *server) areaRoutes(mux *http.ServeMux, base string, k areaForm) {
	all, one := base+"/"+k.plural, base+"/"+k.plural+"/{id}"
	mux.Handle("POST "+all, s.guard(IncidentsWrite, s.createArea(k)))
	mux.Handle("GET "+all, s.guard(IncidentsRead, s.listAreas(k)))
	mux.Handle("GET "+one, s.guard(IncidentsRead, s.getArea(k)))
	mux.Handle("PUT "+one, s.guard(IncidentsWrite, s.updateArea(k)))
	mux.Handle("PATCH "+one, s.guard(IncidentsWrite, s.updateArea(k)))
	mux.Handle("DELETE "+one, s.guard(IncidentsWrite, s.deleteArea(k)))
	s.impactRoutes(mux, base, k)
}

func (k areaForm) area(a incident.Area) resource {
	return resource{ID: a.ID, Type: k.plural, Attributes: map[string]any{
		"name": a.Name, "slug": a.Slug, "description": text(a.Description), "created_at": stamp(a.CreatedAt), "updated_at": stamp(a.UpdatedAt),
	}}
}

// read changes an area as a request's body says.
func (k areaForm) read(body []byte, into *incident.Area) error {
	a, err := decode(body, k.plural)
	if err != nil {
		return err
	}
	if v := a.str("name"); v != nil {
		into.Name = *v
	}
	if v := a.str("description"); v != nil {
		into.Description = *v
	}
	a.skipUnset()
	return a.done()
}

func (s *server) createArea(k areaForm) authed {
	return func(w http.ResponseWriter, r *http.Request, t Token) error {
		body, err := readBody(w, r)
		if err != nil {
			return err
		}
		n := incident.Area{Kind: k.kind}
		if err := k.read(body, &n); err != nil {
			return err
		}
		return s.change(w, r, t, body, http.StatusCreated, func(tx store.Tx) (any, error) {
			a, err := s.Incidents.SaveArea(tx, n, by(t))
			return single{Data: k.area(a)}, err
		})
	}
}

func (s *server) updateArea(k areaForm) authed {
	return func(w http.ResponseWriter, r *http.Request, t Token) error {
		body, err := readBody(w, r)
		if err != nil {
			return err
		}
		return s.change(w, r, t, body, http.StatusOK, func(tx store.Tx) (any, error) {
			a, err := s.Incidents.Area(tx, k.kind, r.PathValue("id"))
			if err != nil {
				return nil, err
			}
			if err := k.read(body, &a); err != nil {
				return nil, err
			}
			a, err = s.Incidents.SaveArea(tx, a, by(t))
			return single{Data: k.area(a)}, err
		})
	}
}

func (s *server) deleteArea(k areaForm) authed {
	return func(w http.ResponseWriter, r *http.Request, t Token) error {
		return s.change(w, r, t, nil, http.StatusOK, func(tx store.Tx) (any, error) {
			a, err := s.Incidents.DeleteArea(tx, k.kind, r.PathValue("id"))
			return single{Data: k.area(a)}, err
		})
	}
}

func (s *server) getArea(k areaForm) authed {
	return func(w http.ResponseWriter, r *http.Request, _ Token) error {
		var a incident.Area
		err := s.DB.View(r.Context(), func(tx store.Tx) error {
			var err error
			a, err = s.Incidents.Area(tx, k.kind, r.PathValue("id"))
			return err
		})
		if err != nil {
			return err
		}
		return answer(w, http.StatusOK, single{Data: k.area(a)})
	}
}

func (s *server) listAreas(k areaForm) authed {
	return func(w http.ResponseWriter, r *http.Request, _ Token) error {
		p, err := paging(r)
		if err != nil {
			return err
		}
		name, slug := option(r, "name"), option(r, "slug")
		var data []resource
		err = s.DB.View(r.Context(), func(tx store.Tx) error {
			as, err := s.Incidents.Areas(tx, k.kind, option(r, "search"))
			data = make([]resource, 0, len(as))
			for _, a := range as {
				if (name == "" || a.Name == name) && (slug == "" || a.Slug == slug) {
					data = append(data, k.area(a))
				}
			}
			return err
		})
		if err != nil {
			return err
		}
		return answer(w, http.StatusOK, s.list(r, cut(data, p), len(data), p))
	}
}

// cut is the page of a list that is all there.
func cut(all []resource, p incident.Page) []resource {
	from := min((p.Number-1)*p.Size, len(all))
	return all[from:min(from+p.Size, len(all))]
}

// option reads filter[name], or name, as some clients have it.
func option(r *http.Request, name string) string {
	q := r.URL.Query()
	if v := q.Get("filter[" + name + "]"); v != "" {
		return v
	}
	return q.Get(name)
}
