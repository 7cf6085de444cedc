package xapi

import (
	"bytes"
	"encoding/json"
	"errors"
	maps0 "maps"
	"slices"
	"strings"
)

// ErrBody is returned for a delivery that is not JSON of a known outline.
var ErrBody = errors.New("the body is not a delivery of X")

// DecodeWebhook reads what X delivered, in the form of the X Activity API or
// of the older Account Activity API: every event in it, in X's order. What it
// does not know comes back as Unknown with its bytes; a field of an unexpected
// type costs that field only. The signature must have been verified before.
func DecodeWebhook(body []byte) ([]Event, error) {
	body = bytes.TrimSpace(body)
	if bytes.HasPrefix(body, []byte("[")) {
		var list []json.RawMessage
		if json.Unmarshal(body, &list) != nil {
			return nil, ErrBody
		}
		var all []Event
		for _, one := range list {
			events, err := decodeObject(one)
			if err != nil {
				return nil, err
			}
			all = append(all, events...)
		}
		return all, nil
	}
	return decodeObject(body)
}

func decodeObject(body []byte) ([]Event, error) {
	var top map[string]json.RawMessage
	if json.Unmarshal(body, &top) != nil || top == nil {
		return nil, ErrBody
	}
	if data, ok := top["data"]; ok {
		if events, ok := decodeXAA(data); ok {
			return events, nil
		}
	}
	if events, ok := decodeAAA(body, top); ok {
		return events, nil
	}
	return []Event{{Kind: Unknown, Type: typeOf(top), Raw: bytes.Clone(body)}}, nil
}

// typeOf names an unknown outline by its keys.
func typeOf(top map[string]json.RawMessage) string {
	keys := make([]string, 0, len(top))
	for k := range top {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return clip(strings.Join(keys, ","), 100)
}

// lenient decodes what fits. It reports whether b was JSON of the right outline.
func lenient(b []byte, into any) bool {
	if len(b) == 0 {
		return false
	}
	err := json.Unmarshal(b, into)
	return err == nil || typeError(err)
}

// wireUsers is the map of users of a payload: v1 users by id, or v2 users
// below "data"; or, in includes, a list.
type wireUsers map[string]User

func (m *wireUsers) UnmarshalJSON(b []byte) error {
	*m = wireUsers{}
	var list []wireUser
	if bytes.HasPrefix(b, []byte("[")) {
		if lenient(b, &list) {
			for _, w := range list {
				m.add("", w)
			}
		}
		return nil
	}
	var byID map[string]json.RawMessage
	if !lenient(b, &byID) {
		return nil
	}
	for key, raw := range byID {
		var below struct {
			Data *wireUser `json:"data"`
		}
		var w wireUser
		switch {
		case lenient(raw, &below) && below.Data != nil:
			m.add(key, *below.Data)
		case lenient(raw, &w):
			m.add(key, w)
		}
	}
	return nil
}

func (m *wireUsers) add(key string, w wireUser) {
	u := w.user()
	// The key is text: it is right where a number in the object was not.
	if validID(key) {
		u.ID = key
	}
	if u.ID != "" {
		(*m)[u.ID] = u
	}
}

func merge(maps ...map[string]User) map[string]User {
	all := map[string]User{}
	for _, m := range maps {
		maps0.Copy(all, m)
	}
	return all
}
