package incident

import (
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/perch-chat/perch/internal/id"
	"github.com/perch-chat/perch/store"
)

// AreaKind says what an Area is.
type AreaKind string

// The kinds of areas.
const (
	AreaService       AreaKind = "service"       // what runs
	AreaFunctionality AreaKind = "functionality" // what people use
)

// label begins sentences: "Service must exist".
func (k AreaKind) label() string {
	if k == AreaFunctionality {
		return "Functionality"
	}
	return "Service"
}

// MaxName is how many characters an area's name may have.
const MaxName = 255

// Area is a service or a functionality that incidents have an impact on. It is
// stored as JSON: fields are added, never renamed.
type Area struct {
	ID          string    `json:"id"`
	Kind        AreaKind  `json:"kind"`
	Name        string    `json:"name"` // unique among its kind, whatever its case
	Slug        string    `json:"slug"` // the name as part of an address; unique too
	Description string    `json:"description,omitempty"`
	CreatedBy   Person    `json:"created_by,omitzero"`
	CreatedAt   time.Time `json:"created_at"`
	UpdatedAt   time.Time `json:"updated_at"`
}

// ImpactStatus is how an area fares.
type ImpactStatus string

// The statuses of an impact, as Rootly names them.
const (
	Operational   ImpactStatus = "operational"
	PartialOutage ImpactStatus = "partial_outage"
	MajorOutage   ImpactStatus = "major_outage"
)

// Impact says what an entry means for an area. It is stored as JSON: fields
// are added, never renamed.
type Impact struct {
	ID        string       `json:"id"`
	Kind      AreaKind     `json:"kind"` // of its area
	EntryID   string       `json:"entry_id"`
	AreaID    string       `json:"area_id"`
	Status    ImpactStatus `json:"status"`
	By        Person       `json:"by,omitzero"`
	CreatedAt time.Time    `json:"created_at"`
	UpdatedAt time.Time    `json:"updated_at"`
}

var areas = store.Table[Area]{
	Name: "areas",
	Key:  func(a Area) []byte { return store.Key(a.ID) },
	Indexes: []store.Index[Area]{
		{Name: "name", Unique: true, Keys: func(a Area) [][]byte { return [][]byte{store.Key(string(a.Kind), strings.ToLower(a.Name))} }},
		{Name: "slug", Unique: true, Keys: func(a Area) [][]byte { return [][]byte{store.Key(string(a.Kind), a.Slug)} }},
	},
}

var impacts = store.Table[Impact]{
	Name: "impacts",
	Key:  func(i Impact) []byte { return store.Key(i.ID) },
	Indexes: []store.Index[Impact]{
		{Name: "entry", Keys: func(i Impact) [][]byte { return [][]byte{store.Key(i.EntryID, string(i.Kind), i.CreatedAt)} }},
		{Name: "pair", Unique: true, Keys: func(i Impact) [][]byte { return [][]byte{store.Key(i.AreaID, i.EntryID)} }},
	},
}

// Areas lists the areas of a kind by name; those whose name or description has
// the words of search, if there are any.
func (s *Service) Areas(tx store.Tx, kind AreaKind, search string) ([]Area, error) {
	var out []Area
	search = strings.ToLower(search)
	for a, err := range areas.By(tx, "name", store.Key(string(kind)), store.Range{}) {
		if err != nil {
			return nil, fmt.Errorf("list areas: %w", err)
		}
		if search == "" || strings.Contains(strings.ToLower(a.Name+"\n"+a.Description), search) {
			out = append(out, a)
		}
	}
	return out, nil
}

// Area finds an area of a kind by its ID or slug.
func (s *Service) Area(tx store.Tx, kind AreaKind, ref string) (Area, error) {
	var a Area
	var ok bool
	var err error
	if id.Valid(ref) {
		a, ok, err = areas.Find(tx, store.Key(strings.ToLower(ref)))
	} else if ref != "" {
		a, ok, err = areas.First(tx, "slug", store.Key(string(kind), ref))
	}
	if err != nil {
		return Area{}, fmt.Errorf("find area: %w", err)
	}
	if !ok || a.Kind != kind {
		return Area{}, notFound(string(kind), ref)
	}
	return a, nil
}

// SaveArea stores an area, a new one if it has no ID.
func (s *Service) SaveArea(tx store.Tx, a Area, by Person) (Area, error) {
	a.Name, a.Description = oneLine(a.Name), strings.TrimSpace(a.Description)
	switch {
	case a.Name == "":
		return Area{}, invalid("name", "Name can't be blank")
	case utf8.RuneCountInString(a.Name) > MaxName:
		return Area{}, invalid("name", "Name is over %d characters", MaxName)
	case utf8.RuneCountInString(a.Description) > MaxText:
		return Area{}, invalid("description", "Description is over %d characters", MaxText)
	}
	a.UpdatedAt = time.Now().UTC()
	if a.ID == "" {
		a.ID, a.CreatedAt, a.CreatedBy = id.New(), a.UpdatedAt, by
		a.Slug = areaSlug(a.Name)
		_, taken, err := areas.First(tx, "slug", store.Key(string(a.Kind), a.Slug))
		if err != nil {
			return Area{}, fmt.Errorf("find area: %w", err)
		}
		if taken || a.Slug == "" || id.Valid(a.Slug) {
			a.Slug = strings.TrimPrefix(a.Slug+"-"+a.ID, "-")
		}
	}
	err := areas.Put(tx, a)
	if errors.Is(err, store.ErrExists) {
		return Area{}, invalid("name", "Name has already been taken")
	}
	return a, err
}

func areaSlug(name string) string {
	return strings.Join(strings.FieldsFunc(strings.ToLower(name), func(r rune) bool {
		return r > unicode.MaxASCII || !unicode.IsLetter(r) && !unicode.IsDigit(r)
	}), "-")
}

// DeleteArea deletes an area and what entries say of it.
func (s *Service) DeleteArea(tx store.Tx, kind AreaKind, ref string) (Area, error) {
	a, err := s.Area(tx, kind, ref)
	if err != nil {
		return Area{}, err
	}
	on, err := store.Collect(impacts.By(tx, "pair", store.Key(a.ID), store.Range{}))
	if err != nil {
		return Area{}, fmt.Errorf("list impacts: %w", err)
	}
	for _, i := range on {
		if err := impacts.Delete(tx, store.Key(i.ID)); err != nil {
			return Area{}, err
		}
	}
	return a, areas.Delete(tx, store.Key(a.ID))
}

// AddImpact says what an entry means for an area.
func (s *Service) AddImpact(tx store.Tx, entryID string, kind AreaKind, areaRef string, st ImpactStatus, by Person) (Impact, error) {
	e, err := s.Entry(tx, entryID)
	if err != nil {
		return Impact{}, err
	}
	a, err := s.Area(tx, kind, areaRef)
	if refused, ok := errors.AsType[*Error](err); ok && refused.Code == CodeNotFound {
		return Impact{}, invalid(string(kind)+"_id", "%s must exist", kind.label())
	}
	if err != nil {
		return Impact{}, err
	}
	if err := checkImpact(st); err != nil {
		return Impact{}, err
	}
	now := time.Now().UTC()
	i := Impact{ID: id.New(), Kind: kind, EntryID: e.ID, AreaID: a.ID, Status: st, By: by, CreatedAt: now, UpdatedAt: now}
	err = impacts.Put(tx, i)
	if errors.Is(err, store.ErrExists) {
		return Impact{}, invalid(string(kind)+"_id", "%s has already been taken", kind.label())
	}
	return i, err
}

func checkImpact(st ImpactStatus) error {
	switch st {
	case Operational, PartialOutage, MajorOutage:
		return nil
	case "":
		return invalid("status", "Status can't be blank")
	}
	return invalid("status", "Status must be operational, partial_outage or major_outage")
}

// Impacts lists what an entry means for the areas of a kind, oldest first.
func (s *Service) Impacts(tx store.Tx, entryID string, kind AreaKind) ([]Impact, error) {
	e, err := s.Entry(tx, entryID)
	if err != nil {
		return nil, err
	}
	is, err := store.Collect(impacts.By(tx, "entry", store.Key(e.ID, string(kind)), store.Range{}))
	if err != nil {
		return nil, fmt.Errorf("list impacts: %w", err)
	}
	return is, nil
}

// Impact finds an impact on an area of a kind. With its entry it is gone.
func (s *Service) Impact(tx store.Tx, kind AreaKind, impactID string) (Impact, error) {
	if !id.Valid(impactID) {
		return Impact{}, notFound("impact", impactID)
	}
	i, ok, err := impacts.Find(tx, store.Key(strings.ToLower(impactID)))
	if err != nil {
		return Impact{}, fmt.Errorf("find impact: %w", err)
	}
	if !ok || i.Kind != kind {
		return Impact{}, notFound("impact", impactID)
	}
	if _, err := s.Entry(tx, i.EntryID); err != nil {
		return Impact{}, err
	}
	return i, nil
}

// SetImpact changes how the area fares; nil leaves it.
func (s *Service) SetImpact(tx store.Tx, kind AreaKind, impactID string, st *ImpactStatus, by Person) (Impact, error) {
	i, err := s.Impact(tx, kind, impactID)
	if err != nil || st == nil || *st == i.Status {
		return i, err
	}
	if err := checkImpact(*st); err != nil {
		return Impact{}, err
	}
	i.Status, i.By, i.UpdatedAt = *st, by, time.Now().UTC()
	return i, impacts.Put(tx, i)
}

// DeleteImpact takes an impact back.
func (s *Service) DeleteImpact(tx store.Tx, kind AreaKind, impactID string) (Impact, error) {
	i, err := s.Impact(tx, kind, impactID)
	if err != nil {
		return Impact{}, err
	}
	return i, impacts.Delete(tx, store.Key(i.ID))
}
