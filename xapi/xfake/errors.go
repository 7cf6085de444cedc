package xfake

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
)

const problems = "https://api.twitter.com/2/problems/"

// problem is X's RFC 7807 body.
type problem struct {
	Errors []problemItem `json:"errors,omitempty"`
	Title  string        `json:"title"`
	Detail string        `json:"detail"`
	Type   string        `json:"type"`
	Status int           `json:"status,omitempty"`
	Reason string        `json:"reason,omitempty"`
	Period string        `json:"period,omitempty"`
	Scope  string        `json:"scope,omitempty"`
}

type problemItem struct {
	Parameters map[string][]string `json:"parameters,omitempty"`
	Message    string              `json:"message"`
	Code       int                 `json:"code,omitempty"`
}

func blank(status int, title, detail string) reply {
	return reply{status: status, body: problem{Title: title, Detail: detail, Type: "about:blank", Status: status}}
}

func forbidden(detail string) reply { return blank(http.StatusForbidden, "Forbidden", detail) }

func unauthorized() reply { return blank(http.StatusUnauthorized, "Unauthorized", "Unauthorized") }

func notFoundPath() reply { return blank(http.StatusNotFound, "Not Found", "Not Found") }

// invalid is the 400 of a request that does not fit the specification.
func invalid(param, value, format string, args ...any) reply {
	it := problemItem{Message: fmt.Sprintf(format, args...), Parameters: map[string][]string{}}
	if param != "" {
		it.Parameters[param] = []string{value}
	}
	return reply{status: http.StatusBadRequest, body: problem{
		Errors: []problemItem{it},
		Title:  "Invalid Request", Detail: "One or more parameters to your request was invalid.",
		Type: problems + "invalid-request",
	}}
}

func unsupportedAuth(got string, want ...string) reply {
	return reply{status: http.StatusForbidden, body: problem{
		Title: "Unsupported Authentication", Type: problems + "unsupported-authentication", Status: http.StatusForbidden,
		Detail: fmt.Sprintf("Authenticating with %s is forbidden for this endpoint.  Supported authentication types are [%s].", got, strings.Join(want, ", ")),
	}}
}

func noCredits() reply {
	return reply{status: http.StatusPaymentRequired, body: problem{
		Title: "CreditsDepleted", Type: problems + "credits",
		Detail: "Your enrolled account [1234567890] does not have any credits to fulfill this request.",
	}}
}

func usageCapped() reply {
	return reply{status: http.StatusTooManyRequests, body: problem{
		Title: "UsageCapExceeded", Period: "Monthly", Scope: "Product", Type: problems + "usage-capped",
		Detail: "Usage cap exceeded: Monthly product cap",
	}}
}

func tooMany() reply {
	return blank(http.StatusTooManyRequests, "Too Many Requests", "Too Many Requests")
}

func suspended() reply {
	return reply{status: http.StatusForbidden, body: problem{
		Title: "Forbidden", Type: problems + "user-suspended", Status: http.StatusForbidden,
		Detail: "Your account is suspended and is not permitted to access this feature.",
	}}
}

// missing is how X says that a single resource does not exist: a 200 with
// errors for lookups.
type missing struct {
	Value        string `json:"value"`
	Detail       string `json:"detail"`
	Title        string `json:"title"`
	ResourceType string `json:"resource_type"`
	Parameter    string `json:"parameter"`
	ResourceID   string `json:"resource_id"`
	Type         string `json:"type"`
}

func notFound(kind, param, id string) missing {
	return missing{
		Value: id, ResourceID: id, Parameter: param, ResourceType: kind, Title: "Not Found Error",
		Detail: fmt.Sprintf("Could not find %s with %s: [%s].", kind, param, id),
		Type:   problems + "resource-not-found",
	}
}

// oauthError is the body of the /2/oauth2 endpoints.
type oauthError struct {
	Error       string `json:"error"`
	Description string `json:"error_description"`
}

func oauthBad(format string, args ...any) reply {
	return reply{status: http.StatusBadRequest, body: oauthError{"invalid_request", fmt.Sprintf(format, args...)}}
}

func oauthNoClient() reply {
	return reply{status: http.StatusUnauthorized, body: oauthError{"unauthorized_client", "Missing valid authorization header"}}
}

// checkQuery refuses parameters that the endpoint does not have, as X does.
func checkQuery(c *call, allowed []string, values func(param string) []string) (reply, bool) {
	for name, vs := range c.r.URL.Query() {
		if !slices.Contains(allowed, name) {
			return invalid(name, strings.Join(vs, ","), "The query parameter [%s] is not one of [%s]", name, strings.Join(allowed, ",")), false
		}
		if len(vs) != 1 {
			return invalid(name, strings.Join(vs, ","), "The query parameter [%s] is given %d times", name, len(vs)), false
		}
		enum := values(name)
		if enum == nil {
			continue
		}
		for v := range strings.SplitSeq(vs[0], ",") {
			if !slices.Contains(enum, v) {
				return invalid(name, v, "The `%s` query parameter value [%s] is not one of [%s]", name, v, strings.Join(enum, ",")), false
			}
		}
	}
	return reply{}, true
}
