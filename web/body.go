package web

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

const (
	mediaType = "application/vnd.api+json"
	maxBody   = 1 << 20
	maxDepth  = 32
)

// readBody returns the body of a request that is to have JSON.
func readBody(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	if ct := r.Header.Get("Content-Type"); ct != "" {
		mt, _, err := mime.ParseMediaType(ct)
		if err != nil || mt != mediaType && mt != "application/json" {
			return nil, &fail{code: codeMediaType}
		}
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
			return nil, &fail{code: codeTooLarge}
		}
		return nil, badJSON("The body broke off: " + err.Error())
	}
	return body, nil
}

func badJSON(detail string) *fail {
	return &fail{code: codeBadJSON, problems: []problem{{Title: catalogue[codeBadJSON].title, Detail: detail}}}
}

// attributes are those of a JSON:API document, to be taken one by one: what is
// of the wrong type, and what nobody took, is an error.
type attributes struct {
	raw      map[string]json.RawMessage
	taken    []string
	problems []problem
}

// decode reads {"data":{"type":kind,"attributes":{…}}}.
func decode(body []byte, kind string) (*attributes, error) {
	if err := wellFormed(body); err != nil {
		return nil, err
	}
	a := &attributes{}
	doc := a.object(body, "", "The document")
	data, ok := doc["data"]
	if len(a.problems) == 0 && !ok {
		a.problem("/data", "Data is missing")
	}
	if len(a.problems) > 0 {
		return nil, a.err()
	}
	members := a.object(data, "/data", "Data")
	if len(a.problems) > 0 {
		return nil, a.err()
	}
	var got string
	if raw, ok := members["type"]; !ok {
		a.problem("/data/type", "Type is missing: it must be "+kind)
	} else if json.Unmarshal(raw, &got) != nil || got != kind {
		a.problem("/data/type", "Type must be "+kind)
	}
	for name := range members {
		switch name {
		case "type", "attributes", "id", "relationships", "meta", "links", "lid":
		default:
			a.problem("/data/"+pointer(name), fmt.Sprintf("Unknown member %q", clip(name)))
		}
	}
	if raw, ok := members["attributes"]; ok && string(raw) != "null" {
		a.raw = a.object(raw, "/data/attributes", "Attributes")
	}
	return a, a.err()
}

// object reads an object's members, or notes that it isn't one.
func (a *attributes) object(raw json.RawMessage, at, name string) map[string]json.RawMessage {
	var m map[string]json.RawMessage
	if err := json.Unmarshal(raw, &m); err != nil || m == nil {
		a.problem(at, name+" must be an object")
	}
	return m
}

func (a *attributes) problem(at, title string) {
	a.problems = append(a.problems, problem{Title: title, Source: &source{Pointer: at}})
}

func (a *attributes) err() error {
	if len(a.problems) == 0 {
		return nil
	}
	slices.SortFunc(a.problems, func(x, y problem) int { return strings.Compare(x.Source.Pointer, y.Source.Pointer) })
	return &fail{code: codeInvalid, problems: a.problems[:min(len(a.problems), 20)]}
}

// done returns the errors found, and one for each attribute that nobody took.
func (a *attributes) done() error {
	for name := range a.raw {
		if !slices.Contains(a.taken, name) {
			a.problem("/data/attributes/"+pointer(name), fmt.Sprintf("Unknown attribute %q", clip(name)))
		}
	}
	return a.err()
}

// skipUnset takes the attributes that say nothing: Rootly's Terraform provider
// sends all that it knows of, most of them null, empty or off.
func (a *attributes) skipUnset() {
	for name, raw := range a.raw {
		switch string(raw) {
		case "null", `""`, "[]", "{}", "false", "0":
			a.taken = append(a.taken, name)
		}
	}
}

// take decodes an attribute into v and reports whether it was there and not null.
func (a *attributes) take(name string, v any, want string) bool {
	a.taken = append(a.taken, name)
	raw, ok := a.raw[name]
	if !ok || string(raw) == "null" {
		return false
	}
	if err := json.Unmarshal(raw, v); err != nil {
		a.problem("/data/attributes/"+name, human(name)+" must be "+want)
		return false
	}
	return true
}

func (a *attributes) str(name string) *string {
	var s string
	if !a.take(name, &s, "a string") {
		return nil
	}
	return &s
}

func (a *attributes) boolean(name string) *bool {
	var b bool
	if !a.take(name, &b, "true or false") {
		return nil
	}
	return &b
}

func (a *attributes) integer(name string) *int {
	var n int
	if !a.take(name, &n, "a whole number") {
		return nil
	}
	return &n
}

func (a *attributes) strings(name string) []string {
	var ss []string
	a.take(name, &ss, "an array of strings")
	return ss
}

func (a *attributes) time(name string) *time.Time {
	s := a.str(name)
	if s == nil || *s == "" {
		return nil
	}
	t, err := time.Parse(time.RFC3339, *s)
	if err != nil {
		a.problem("/data/attributes/"+name, human(name)+" must be a time such as 2026-03-14T09:26:53Z")
		return nil
	}
	return &t
}

// human is an attribute's name as Rootly's messages have it: "Occurred at".
func human(name string) string {
	name = strings.ReplaceAll(name, "_", " ")
	return strings.ToUpper(name[:1]) + name[1:]
}

// pointer is a name as part of a JSON pointer.
func pointer(name string) string {
	return strings.NewReplacer("~", "~0", "/", "~1").Replace(clip(name))
}

func clip(s string) string {
	if len(s) <= 64 {
		return s
	}
	return strings.ToValidUTF8(s[:64], "") + "…"
}

// wellFormed refuses what encoding/json lets pass or reads differently than
// others: names that occur twice, deep nesting, invalid UTF-8.
func wellFormed(body []byte) error {
	if !utf8.Valid(body) {
		return badJSON("It is not valid UTF-8.")
	}
	if !json.Valid(body) {
		var v json.RawMessage
		return badJSON(fmt.Sprint(json.Unmarshal(body, &v)))
	}
	var names []map[string]bool      // of the open objects; nil for an array
	for i := 0; i < len(body); i++ { // it is valid: only what matters has to be looked at
		switch body[i] {
		case '{', '[':
			if len(names) >= maxDepth {
				return badJSON(fmt.Sprintf("It is nested more than %d deep.", maxDepth))
			}
			var m map[string]bool
			if body[i] == '{' {
				m = map[string]bool{}
			}
			names = append(names, m)
		case '}', ']':
			names = names[:len(names)-1]
		case '"':
			start := i
			for i++; body[i] != '"'; i++ {
				if body[i] == '\\' {
					i++
				}
			}
			if rest := bytes.TrimLeft(body[i+1:], " \t\r\n"); len(rest) == 0 || rest[0] != ':' {
				continue // a value
			}
			var name string
			if err := json.Unmarshal(body[start:i+1], &name); err != nil {
				return badJSON(err.Error())
			}
			open := names[len(names)-1]
			if open[name] {
				return badJSON(fmt.Sprintf("The name %q occurs twice.", clip(name)))
			}
			open[name] = true
		}
	}
	return nil
}

// reply writes an answer.
func reply(w http.ResponseWriter, status int, body []byte) {
	h := w.Header()
	h.Set("Content-Type", mediaType)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = w.Write(body) // whoever doesn't listen to the end asks again
}

// marshal encodes an answer. Its < and & stay as they are: it is no HTML.
func marshal(v any) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, fmt.Errorf("encode the answer: %w", err)
	}
	return bytes.TrimRight(b.Bytes(), "\n"), nil
}
