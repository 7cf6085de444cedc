package e2e

import (
	"encoding/json"
	"net/http"
	"regexp"
	"strconv"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"
)

var (
	incidentID = regexp.MustCompile(`@INC([0-9]+)`)
	answerID   = regexp.MustCompile(`@ID\(([^)]+)\)`)
	secret     = regexp.MustCompile(`@SECRET\(([^)]+)\)`)
)

// api calls the HTTP API. @INC1 in a path or body is the ID of INC-1, @ID(f)
// that of the answer in the file f, @SECRET(f) what stands in it.
func api(ts *testscript.TestScript, neg bool, args []string) {
	p := ts.Value(playKey{}).(*play)
	bearer, err := p.token()
	ts.Check(err)
	full := bearer
	if len(args) > 0 && strings.HasPrefix(args[0], "-token=") {
		bearer, args = strings.TrimPrefix(args[0], "-token="), args[1:]
	}
	if len(args) < 3 || neg {
		ts.Fatalf("usage: api [-token=T] METHOD PATH STATUS [FILE]")
	}
	bearer = secret.ReplaceAllStringFunc(bearer, func(ref string) string {
		return strings.TrimSpace(ts.ReadFile(secret.FindStringSubmatch(ref)[1]))
	})
	expand := func(s string) string {
		s = answerID.ReplaceAllStringFunc(s, func(ref string) string {
			var one struct{ Data struct{ ID string } }
			ts.Check(json.Unmarshal([]byte(ts.ReadFile(answerID.FindStringSubmatch(ref)[1])), &one))
			return one.Data.ID
		})
		return incidentID.ReplaceAllStringFunc(s, func(ref string) string {
			var one struct{ Data struct{ ID string } }
			status, body, err := p.call(full, http.MethodGet, "/v1/incidents/INC-"+strings.TrimPrefix(ref, "@INC"), nil)
			ts.Check(err)
			if status != http.StatusOK {
				ts.Fatalf("%s: %d %s", ref, status, body)
			}
			ts.Check(json.Unmarshal(body, &one))
			return one.Data.ID
		})
	}
	var body []byte
	if len(args) > 3 {
		body = []byte(expand(ts.ReadFile(args[3])))
	}
	status, out, err := p.call(bearer, args[0], expand(args[1]), body)
	ts.Check(err)
	if strconv.Itoa(status) != args[2] {
		ts.Fatalf("%s %s: %d, want %s: %s", args[0], args[1], status, args[2], out)
	}
	_, err = ts.Stdout().Write(out)
	ts.Check(err)
}

func (p *play) call(bearer, method, path string, body []byte) (int, []byte, error) {
	req, err := http.NewRequest(method, p.url+path, strings.NewReader(string(body)))
	if err != nil {
		return 0, nil, err
	}
	if bearer != "" {
		req.Header.Set("Authorization", "Bearer "+bearer)
	}
	req.Header.Set("Content-Type", "application/vnd.api+json")
	return send(p.client, req)
}

// token is one that may do everything.
func (p *play) token() (string, error) {
	if p.bearer != nil {
		return p.bearer()
	}
	return token, nil
}
