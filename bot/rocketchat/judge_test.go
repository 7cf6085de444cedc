package rocketchat_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/url"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/legacy"

	"github.com/perch-chat/perch/bot/rocketchat/rcfake"
	"github.com/perch-chat/perch/internal/nodetest"
)

// Rocket.Chat's server checks requests with the schemas of its package
// @rocket.chat/rest-typings. What the adapter sends in any test here is held
// against them, and, where its OpenAPI documents are at hand, against those,
// with what the stand-in answers.

// typings are the schemas, read once: Node takes half a second to start.
var typings = sync.OnceValues(func() (map[string]*openapi3.Schema, error) {
	raw, err := nodetest.Output(context.Background(), "rocketchat/schemas.mjs", "@rocket.chat/rest-typings")
	if err != nil {
		return nil, err
	}
	var all map[string]json.RawMessage
	if err := json.Unmarshal(raw, &all); err != nil {
		return nil, err
	}
	out := map[string]*openapi3.Schema{}
	for name, raw := range all {
		s := &openapi3.Schema{}
		if json.Unmarshal(raw, s) == nil { // some are of what Perch never calls, and stranger
			out[name] = s
		}
	}
	return out, nil
})

// checkCall holds a request against its schema; known says whether there is one.
func checkCall(c rcfake.Call) (known bool, err error) {
	all, err := typings()
	if err != nil {
		return false, err
	}
	name := rcfake.SchemaOf(c.Route)
	if name == "" {
		return false, nil
	}
	s := all[name]
	if s == nil {
		return true, fmt.Errorf("%s: the package has no %s", c.Route, name)
	}
	var value any
	if strings.HasPrefix(c.Route, "GET ") {
		value = fromQuery(c.Query)
	} else if err := json.Unmarshal(c.Body, &value); err != nil {
		return true, fmt.Errorf("%s: %w", c.Route, err)
	}
	if err := s.VisitJSON(value, openapi3.MultiErrors()); err != nil {
		return true, fmt.Errorf("%s %v: %w", c.Route, value, err)
	}
	return true, nil
}

// fromQuery is a query as the server's check gets it, numbers being numbers.
func fromQuery(q url.Values) map[string]any {
	out := map[string]any{}
	for k, v := range q {
		out[k] = v[0]
		if n, err := strconv.ParseFloat(v[0], 64); err == nil && slices.Contains([]string{"count", "offset", "limit"}, k) {
			out[k] = n
		}
	}
	return out
}

// judge holds all calls of a workspace against the schemas and the documents.
// Calls that were to be refused for what is in them are not among them.
func judge(t *testing.T, w *rcfake.Server) {
	t.Helper()
	_, err := typings()
	if err != nil && !errors.Is(err, nodetest.ErrMissing) {
		t.Error(err)
	}
	doc, derr := documents()
	if derr != nil && !errors.Is(derr, fs.ErrNotExist) {
		t.Error(derr)
	}
	bad := map[string]bool{}
	for _, c := range w.Calls() {
		if err == nil {
			if _, err := checkCall(c); err != nil {
				bad[err.Error()] = true
			}
		}
		if derr == nil {
			if _, err := doc.check(c); err != nil {
				bad[err.Error()] = true
			}
		}
	}
	for b := range bad {
		t.Errorf("a call that Rocket.Chat refuses, or an answer that it does not give: %s", b)
	}
}

// TestJudges shows that those who check all other tests are there, and can say no.
func TestJudges(t *testing.T) {
	t.Run("typings", func(t *testing.T) {
		if _, err := typings(); errors.Is(err, nodetest.ErrMissing) {
			nodetest.Needed(t, "%v", err)
		} else if err != nil {
			t.Fatal(err)
		}
		for _, c := range []struct {
			call rcfake.Call
			ok   bool
		}{
			{rcfake.Call{Route: "POST livechat/message", Body: json.RawMessage(`{"token":"t","rid":"r","msg":"m","_id":"x"}`)}, true},
			{rcfake.Call{Route: "POST livechat/message", Body: json.RawMessage(`{"token":"t","rid":"r","msg":"m","id":"x"}`)}, false},
			{rcfake.Call{Route: "POST livechat/message", Body: json.RawMessage(`{"token":"t","rid":"r"}`)}, false},
			{rcfake.Call{Route: "GET rooms.info", Query: url.Values{"roomId": {"r"}}}, true},
			{rcfake.Call{Route: "GET rooms.info", Query: url.Values{"roomId": {"r"}, "fields": {"{}"}}}, false},
			{rcfake.Call{Route: "GET livechat/rooms", Query: url.Values{"open": {"true"}, "count": {"100"}}}, true},
			{rcfake.Call{Route: "GET livechat/rooms", Query: url.Values{"open": {"true"}, "count": {"many"}}}, false},
		} {
			known, err := checkCall(c.call)
			if !known || (err == nil) != c.ok {
				t.Errorf("%s %s %v: %v, want ok %v", c.call.Route, c.call.Body, c.call.Query, err, c.ok)
			}
		}
	})
	t.Run("documents", func(t *testing.T) {
		doc, err := documents()
		if errors.Is(err, fs.ErrNotExist) {
			t.Skipf("Rocket.Chat's OpenAPI documents are absent: %s*.yaml", specifications)
		}
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range []struct {
			call rcfake.Call
			ok   bool
		}{
			{rcfake.Call{Route: "POST livechat/message", Path: "/api/v1/livechat/message", Body: json.RawMessage(`{"token":"t","rid":"r","msg":"m"}`)}, true},
			{rcfake.Call{Route: "POST livechat/message", Path: "/api/v1/livechat/message", Body: json.RawMessage(`{"token":"t","msg":1}`)}, false},
		} {
			known, err := doc.check(c.call)
			if !known || (err == nil) != c.ok {
				t.Errorf("%s %s: %v %v, want ok %v", c.call.Route, c.call.Body, known, err, c.ok)
			}
		}
	})
}

// specifications begin the names of the OpenAPI documents, an optional input.
const specifications = "../shared/reference/specs/rocketchat-openapi-"

// book is the OpenAPI documents.
type book []routers.Router

// documents reads them once.
var documents = sync.OnceValues(func() (book, error) {
	var out book
	for _, name := range []string{"messaging", "rooms", "omnichannel"} {
		path, err := filepath.Abs(filepath.FromSlash("../../" + specifications + name + ".yaml"))
		if err != nil {
			return nil, err
		}
		doc, err := openapi3.NewLoader().LoadFromFile(path)
		if err != nil {
			return nil, err
		}
		doc.Servers = openapi3.Servers{{URL: "http://rocketchat"}}
		// One path lacks its parameter, and nothing of Perch's is there.
		for _, p := range doc.Paths.InMatchingOrder() {
			if strings.Contains(p, "livechat/messages/{rid}") || strings.Contains(p, "livechat/{rid}/messages") {
				doc.Paths.Delete(p)
			}
		}
		if c := doc.Paths.Find("/api/v1/livechat/config"); c != nil {
			// Described by the example of a workspace without the limit; else it is a number.
			of := c.Get.Responses.Status(http.StatusOK).Value.Content["application/json"].Schema.Value
			for _, k := range []string{"config", "settings"} {
				of = of.Properties[k].Value
			}
			delete(of.Properties, "limitTextLength")
		}
		r, err := legacy.NewRouter(doc, openapi3.DisableExamplesValidation(), openapi3.DisableSchemaDefaultsValidation(), openapi3.DisableSchemaPatternValidation())
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		out = append(out, r)
	}
	return out, nil
})

// check holds a call against the document that knows it, if any does.
func (b book) check(c rcfake.Call) (known bool, err error) {
	if c.Route == "POST chat.sendMessage" && strings.Contains(string(c.Body), `"blocks":[`) {
		return false, nil // it takes the text of a block for a string; the server's own schema does not
	}
	method, _, _ := strings.Cut(c.Route, " ")
	u := &url.URL{Scheme: "http", Host: "rocketchat", Path: c.Path, RawQuery: c.Query.Encode()}
	for _, r := range b {
		req, err := http.NewRequestWithContext(context.Background(), method, u.String(), strings.NewReader(string(c.Body)))
		if err != nil {
			return false, err
		}
		req.Header = c.Header.Clone()
		if req.Header == nil {
			req.Header = http.Header{"Content-Type": {"application/json"}}
		}
		req.Header.Set("X-Auth-Token", "t")
		req.Header.Set("X-User-Id", "u")
		route, params, err := r.FindRoute(req)
		if err != nil {
			continue
		}
		in := &openapi3filter.RequestValidationInput{
			Request: req, PathParams: params, Route: route,
			Options: &openapi3filter.Options{
				AuthenticationFunc: openapi3filter.NoopAuthenticationFunc, SkipSettingDefaults: true,
				ExcludeRequestBody: c.Body == nil, MultiError: true,
			},
		}
		if err := openapi3filter.ValidateRequest(req.Context(), in); err != nil {
			return true, fmt.Errorf("%s: request: %w", c.Route, err)
		}
		if c.Status != http.StatusOK || route.Operation.Responses.Status(http.StatusOK) == nil {
			return true, nil
		}
		out := &openapi3filter.ResponseValidationInput{
			RequestValidationInput: in, Status: c.Status, Header: http.Header{"Content-Type": {"application/json"}},
			Options: &openapi3filter.Options{MultiError: true},
		}
		out.SetBodyBytes(c.Answer)
		if err := openapi3filter.ValidateResponse(req.Context(), out); err != nil {
			return true, fmt.Errorf("%s: answer %s: %w", c.Route, c.Answer, err)
		}
		return true, nil
	}
	return false, nil
}
