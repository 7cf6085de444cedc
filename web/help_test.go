package web_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/perch-chat/perch/incident"
	"github.com/perch-chat/perch/incident/template"
	"github.com/perch-chat/perch/internal/outbox"
	"github.com/perch-chat/perch/store"
	"github.com/perch-chat/perch/store/bolt/bolttest"
	"github.com/perch-chat/perch/web"
)

func TestMain(m *testing.M) {
	template.ChildMain()
	os.Exit(m.Run())
}

type acme struct{}

func (acme) Account(store.Tx, string) (incident.XAccount, bool, error) {
	return incident.XAccount{ID: "22", Handle: "acme", Limit: 280, Ready: true}, true, nil
}

// world is the API over a real store, with a token for everything.
type world struct {
	t     testing.TB
	db    store.Store
	ob    *outbox.Outbox
	deps  web.Deps
	h     http.Handler
	token string
	inc   incident.Incident
}

func newWorld(t testing.TB, change ...func(*web.Deps)) *world {
	t.Helper()
	db := bolttest.Open(t)
	ob := outbox.New(db, outbox.Options{})
	s := incident.NewService(ob, acme{}, incident.Options{
		PublicURL: "https://perch.example", Templates: template.New(template.Options{Timeout: 20 * time.Second}),
		Publish: incident.Policy{API: incident.ModeDirect},
	})
	ob.OnChange(s.ActionChanged)
	w := &world{t: t, db: db, ob: ob, deps: web.Deps{DB: db, Incidents: s, PublicURL: "https://perch.example"}}
	for _, fn := range change {
		fn(&w.deps)
	}
	w.h = web.New(w.deps)
	w.token = w.newToken(web.NewToken{Name: "all", Scopes: web.Scopes()})
	w.update(func(tx store.Tx) (err error) {
		w.inc, err = s.Create(tx, incident.New{Title: "Payments are slow"})
		return err
	})
	return w
}

func (w *world) update(fn func(tx store.Tx) error) {
	w.t.Helper()
	if err := w.db.Update(context.Background(), fn); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) newToken(n web.NewToken) (secret string) {
	w.t.Helper()
	w.update(func(tx store.Tx) (err error) { secret, _, err = web.CreateToken(tx, n); return err })
	return secret
}

// answer is what a request was answered with.
type answer struct {
	Status int
	Header http.Header
	Body   string
}

func (a answer) doc(t testing.TB) map[string]any {
	t.Helper()
	var m map[string]any
	if err := json.Unmarshal([]byte(a.Body), &m); err != nil {
		t.Fatalf("the answer is not JSON: %v: %s", err, a.Body)
	}
	return m
}

// at walks through a document: at("data", "attributes", "event").
func (a answer) at(t testing.TB, path ...any) any {
	t.Helper()
	var v any = a.doc(t)
	for _, p := range path {
		switch p := p.(type) {
		case string:
			m, ok := v.(map[string]any)
			if !ok {
				t.Fatalf("no %v in %s", path, a.Body)
			}
			v = m[p]
		case int:
			l, ok := v.([]any)
			if !ok || p >= len(l) {
				t.Fatalf("no %v in %s", path, a.Body)
			}
			v = l[p]
		}
	}
	return v
}

func (a answer) str(t testing.TB, path ...any) string {
	t.Helper()
	s, ok := a.at(t, path...).(string)
	if !ok {
		t.Fatalf("%v is no string in %s", path, a.Body)
	}
	return s
}

func (w *world) do(method, path, body string, header ...string) answer {
	w.t.Helper()
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	r.Header.Set("Authorization", "Bearer "+w.token)
	if body != "" {
		r.Header.Set("Content-Type", "application/vnd.api+json")
	}
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	rec := httptest.NewRecorder()
	w.h.ServeHTTP(rec, r)
	res := rec.Result()
	defer func() { _ = res.Body.Close() }()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		w.t.Fatal(err)
	}
	return answer{Status: res.StatusCode, Header: res.Header, Body: string(b)}
}

func (w *world) events() string { return "/v1/incidents/" + w.inc.ID + "/events" }

func eventBody(attrs string) string {
	return `{"data":{"type":"incident_events","attributes":` + attrs + `}}`
}

// noLimit lifts the limit on requests.
func noLimit(d *web.Deps) { d.RateLimit = 1 << 30 }

func jsonOf(v any) (string, error) {
	b, err := json.Marshal(v)
	return string(b), err
}
