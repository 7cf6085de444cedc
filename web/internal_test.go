package web

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

var update = flag.Bool("update", false, "write docs/errors.md anew")

// TestCatalogue keeps docs/errors.md as the catalogue has it.
func TestCatalogue(t *testing.T) {
	var b bytes.Buffer
	b.WriteString("# Errors of the HTTP API\n\nAn error is answered as `{\"errors\":[{\"title\":…,\"status\":…,\"code\":…}]}`, with one element for each thing that is wrong.\n" +
		"`status` is a string. `code` is stable: programs can rely on it (401 has none, as Rootly's). Where a part of the body is at fault,\n`source.pointer` names it as a JSON pointer.\n\n" +
		"| Status | Code | Title | What to do |\n|---|---|---|---|\n")
	var codes []code
	for c := range catalogue {
		codes = append(codes, c)
	}
	slices.SortFunc(codes, func(x, y code) int {
		if d := catalogue[x].status - catalogue[y].status; d != 0 {
			return d
		}
		return strings.Compare(string(x), string(y))
	})
	for _, c := range codes {
		e := catalogue[c]
		if http.StatusText(e.status) == "" || e.title == "" || !strings.HasSuffix(e.todo, ".") {
			t.Errorf("%s is not described: %+v", c, e)
		}
		fmt.Fprintf(&b, "| %d | `%s` | %s | %s |\n", e.status, c, e.title, e.todo)
	}
	const path = "../docs/errors.md"
	if *update {
		if err := os.MkdirAll("../docs", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, b.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	have, err := os.ReadFile(path)
	if err != nil || !bytes.Equal(have, b.Bytes()) {
		t.Errorf("%s is not what the catalogue says (%v): go test ./web -run Catalogue -update", path, err)
	}
}

// FuzzBody feeds the API's decoder with anything: it must answer with what it
// understood or with a client's error, and never with two readings of one body.
func FuzzBody(f *testing.F) {
	for _, s := range []string{
		`{"data":{"type":"incident_events","attributes":{"event":"x","visibility":"twitter","occurred_at":"2026-03-14T09:26:53Z","starred":true,"publish":["1"]}}}`,
		`{"data":{"type":"incident_events","attributes":null}}`, `{"data":null}`, `[]`, `null`, `""`, ``, `{`, `{"a":1,"a":2}`, `{"data":{"type":1}}`,
		`{"data":{"type":"incident_events","attributes":{"event":"\ud800"}}}`, "{\"data\":\xff}", `{"data":{"a":[[[[]]]]}} x`, `{"a":1,"\u0061":2}`, `1 2`,
		strings.Repeat("[", 100), `{"data":{"type":"incident_events","attributes":{"event":{"event":[1,{"a":"b","c":null}]}}}}`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		n, err := newEvent(body)
		if err != nil {
			if f := failure(err); catalogue[f.code].status != http.StatusBadRequest && catalogue[f.code].status != http.StatusUnprocessableEntity {
				t.Errorf("newEvent(%q) = %v", body, err)
			}
			for _, p := range failure(err).problems {
				if !utf8.ValidString(p.Title) || len(p.Title) > 400 {
					t.Errorf("title = %q", p.Title)
				}
			}
			return
		}
		var doc struct {
			Data struct {
				Attributes struct {
					Event *string `json:"event"`
				} `json:"attributes"`
			} `json:"data"`
		}
		if err := json.Unmarshal(body, &doc); err != nil {
			t.Fatalf("newEvent(%q) takes what is not JSON: %v", body, err)
		}
		if e := doc.Data.Attributes.Event; e != nil && *e != n.Text {
			t.Errorf("newEvent(%q) has %q, another reader %q", body, n.Text, *e)
		}
	})
}

func TestFailure(t *testing.T) {
	if f := failure(errors.New("x")); f.code != codeInternal {
		t.Errorf("an unknown error is %s", f.code)
	}
	if f := failure(fmt.Errorf("read: %w", &http.MaxBytesError{Limit: 1})); f.code != codeTooLarge {
		t.Errorf("a body that is too large is %s", f.code)
	}
}
