package web

import (
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"strings"

	"github.com/perch-chat/perch/incident"
	"github.com/perch-chat/perch/store"
)

// code names an error in the catalogue.
type code string

const (
	codeToken       code = "invalid_token"
	codeForbidden   code = "forbidden"
	codeLocked      code = "locked"
	codeNotFound    code = "not_found"
	codeMethod      code = "method_not_allowed"
	codeBadJSON     code = "bad_json"
	codeMediaType   code = "media_type"
	codeTooLarge    code = "too_large"
	codeInvalid     code = "invalid"
	codeIdempotency code = "idempotency_mismatch"
	codeConflict    code = "conflict"
	codeRate        code = "rate_limited"
	codeSignature   code = "bad_signature"
	codeBusy        code = "busy"
	codeInternal    code = "internal"
)

// entry is an error as docs/errors.md describes it.
type entry struct {
	status int
	title  string
	todo   string // what the caller can do
}

// catalogue is all errors that the API answers with.
var catalogue = map[code]entry{ //nolint:gochecknoglobals // a table that nobody changes
	codeToken:       {http.StatusUnauthorized, "Invalid token", "Send `Authorization: Bearer TOKEN` with a token of `perch token create` that is neither revoked nor expired."},
	codeForbidden:   {http.StatusForbidden, "Unauthorized Action", "The token lacks the scope that the title names. Make one that has it with `perch token create --scopes …`."},
	codeLocked:      {http.StatusForbidden, "Unauthorized Action. This event is locked", "The event was written by Perch itself and can be neither edited nor deleted. Add an event that corrects it."},
	codeNotFound:    {http.StatusNotFound, "Not found or unauthorized", "Check the address and the ID. What was deleted is not found either."},
	codeMethod:      {http.StatusMethodNotAllowed, "Method not allowed", "The `Allow` header names the methods of this address."},
	codeBadJSON:     {http.StatusBadRequest, "The body is not valid JSON", "`detail` says where. Names that occur twice in one object and nesting over 32 levels are not accepted."},
	codeMediaType:   {http.StatusUnsupportedMediaType, "Unsupported media type", "Send `Content-Type: application/vnd.api+json` or `application/json`."},
	codeTooLarge:    {http.StatusRequestEntityTooLarge, "The body is too large", "Bodies may have up to 1 MiB."},
	codeInvalid:     {http.StatusUnprocessableEntity, "The request is not valid", "Each error's title says what is wrong, and `source.pointer` where."},
	codeIdempotency: {http.StatusUnprocessableEntity, "The Idempotency-Key was used for another request", "Use a new key for each new request. Keys are remembered for at least 24 hours."},
	codeConflict:    {http.StatusConflict, "The event can't be changed now", "A post of it is on its way to X. Try again in a moment."},
	codeRate:        {http.StatusTooManyRequests, "Rate limit exceeded", "The request had no effect. Send it again after `RateLimit-Reset` (seconds since 1970) or `Retry-After` (seconds)."},
	codeSignature:   {http.StatusForbidden, "Invalid signature", "Only X may call this address. Check that `x.consumer_secret` belongs to the app whose webhook this is."},
	codeBusy:        {http.StatusServiceUnavailable, "Perch is busy", "The request had no effect. Send it again after `Retry-After` (seconds)."},
	codeInternal:    {http.StatusInternalServerError, "Internal error", "`detail` has a reference to Perch's log. Whether the request had its effect is not known: send it again with the same `Idempotency-Key`."},
}

// problem is one error of an answer.
type problem struct {
	Title  string  `json:"title"`
	Status string  `json:"status"`
	Code   code    `json:"code,omitempty"`
	Detail string  `json:"detail,omitempty"`
	Source *source `json:"source,omitempty"`
}

type source struct {
	Pointer string `json:"pointer"`
}

// fail is an error that the caller is told of.
type fail struct {
	code     code
	problems []problem // none: the catalogue's title
}

func (f *fail) Error() string {
	titles := make([]string, len(f.problems))
	for i, p := range f.problems {
		titles[i] = p.Title
	}
	return string(f.code) + ": " + strings.Join(titles, "; ")
}

// failure finds the catalogue's entry for an error.
func failure(err error) *fail {
	if f, ok := errors.AsType[*fail](err); ok {
		return f
	}
	if refused, ok := errors.AsType[*incident.Error](err); ok {
		return refusal(refused)
	}
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return &fail{code: codeTooLarge}
	}
	if errors.Is(err, incident.ErrBusy) || errors.Is(err, store.ErrBusy) {
		return &fail{code: codeBusy}
	}
	return &fail{code: codeInternal}
}

// twins are the messages that Rootly never has alone.
var twins = map[string]string{ //nolint:gochecknoglobals // a table that nobody changes
	"Event can't be blank":     "Event raw can't be blank",
	"Service must exist":       "Service can't be blank",
	"Functionality must exist": "Functionality can't be blank",
}

func refusal(e *incident.Error) *fail {
	switch e.Code {
	case incident.CodeNotFound:
		return &fail{code: codeNotFound}
	case incident.CodeLocked:
		return &fail{code: codeLocked, problems: []problem{{Title: catalogue[codeLocked].title, Detail: e.Message}}}
	case incident.CodeTooLate:
		return &fail{code: codeConflict, problems: []problem{{Title: catalogue[codeConflict].title, Detail: e.Message}}}
	}
	field := e.Field
	if field == "text" {
		field = "event"
	}
	p := problem{Title: strings.TrimSuffix(e.Message, ".")}
	if field != "" {
		p.Source = &source{Pointer: "/data/attributes/" + field}
	}
	ps := []problem{p}
	if second, ok := twins[p.Title]; ok {
		ps = append(ps, problem{Title: second, Source: p.Source})
	}
	return &fail{code: codeInvalid, problems: ps}
}

// write answers with the error.
func (f *fail) write(w http.ResponseWriter) {
	e := catalogue[f.code]
	ps := f.problems
	if len(ps) == 0 {
		ps = []problem{{Title: e.title}}
	}
	for i := range ps {
		ps[i].Status = strconv.Itoa(e.status)
		if f.code != codeToken { // Rootly's has no more than a title
			ps[i].Code = f.code
		}
	}
	if f.code == codeBusy {
		w.Header().Set("Retry-After", "5")
	}
	body, err := json.Marshal(map[string]any{"errors": ps})
	if err != nil {
		body = []byte(`{"errors":[{"title":"Internal error","status":"500"}]}`)
	}
	if f.code == codeToken {
		w.Header().Set("WWW-Authenticate", `Bearer realm="perch"`)
	}
	reply(w, e.status, body)
}
