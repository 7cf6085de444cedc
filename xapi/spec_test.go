package xapi

import (
	"context"
	"errors"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers/legacy"
)

// specification is X's OpenAPI document of the names that we send.
const specification = "../shared/reference/specs/x-api-v2.166-openapi.json"

// TestRequestsFollowTheSpecification validates every request of every method
// against X's own document. It is an optional input of the tests.
func TestRequestsFollowTheSpecification(t *testing.T) {
	path := filepath.Join(moduleRoot(t), filepath.FromSlash(specification))
	doc, err := openapi3.NewLoader().LoadFromFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		t.Skipf("X's OpenAPI document is absent: %s", specification)
	}
	if err != nil {
		t.Fatal(err)
	}
	var answer string // calls come one at a time
	var router http.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		answering(200, answer)(w, r)
	})
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { router.ServeHTTP(w, r) }))
	t.Cleanup(srv.Close)
	doc.Servers = openapi3.Servers{{URL: srv.URL}}
	routes, err := legacy.NewRouter(doc, openapi3.DisableExamplesValidation(), openapi3.DisableSchemaDefaultsValidation(), openapi3.DisableSchemaPatternValidation())
	if err != nil {
		t.Fatal(err)
	}
	checked := 0
	check := func(name string, r *http.Request) {
		full := r.Clone(r.Context())
		full.URL.Scheme, full.URL.Host = "http", r.Host
		route, params, err := routes.FindRoute(full)
		if err != nil {
			t.Errorf("%s: %s %s is not in the specification: %v", name, r.Method, r.URL.Path, err)
			return
		}
		err = openapi3filter.ValidateRequest(r.Context(), &openapi3filter.RequestValidationInput{
			Request: full, PathParams: params, Route: route,
			Options: &openapi3filter.Options{
				AuthenticationFunc: openapi3filter.NoopAuthenticationFunc, SkipSettingDefaults: true,
				// The validator reads no form whose schema is a choice; the tests of the upload check this one.
				ExcludeRequestBody: strings.HasSuffix(r.URL.Path, "/append"),
			},
		})
		r.Body = full.Body // the validator has read it and put a copy there
		if err != nil {
			t.Errorf("%s: %s %s breaks the specification: %v", name, r.Method, r.URL, err)
		}
		checked++
	}
	// The specification leaves these out.
	outside := []string{"/2/oauth2/token", "/2/oauth2/revoke", "/oauth2/token"}
	inner := router
	for _, call := range everyCall() {
		answer = call.answer
		router = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if !slices.Contains(outside, r.URL.Path) {
				check(call.name, r)
			}
			inner.ServeHTTP(w, r)
		})
		if err := call.run(context.WithoutCancel(t.Context()), clientOf(srv.URL, srv.Client())); err != nil {
			t.Errorf("%s: %v", call.name, err)
		}
	}
	if checked < len(everyCall())-len(outside) {
		t.Errorf("only %d requests were checked", checked)
	}

	// The judge must be able to say no.
	bad := httptest.NewRequest(http.MethodGet, srv.URL+"/2/users/me?user.fields=shoe_size", nil)
	route, params, err := routes.FindRoute(bad)
	if err != nil {
		t.Fatal(err)
	}
	if openapi3filter.ValidateRequest(t.Context(), &openapi3filter.RequestValidationInput{
		Request: bad, PathParams: params, Route: route,
		Options: &openapi3filter.Options{AuthenticationFunc: openapi3filter.NoopAuthenticationFunc},
	}) == nil {
		t.Error("the validator accepts a field that X does not have")
	}
}
