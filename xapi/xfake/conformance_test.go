package xfake

import (
	"net/http/httptest"
	"testing"

	"github.com/perch-chat/perch/internal/nodetest"
)

// TestConformance lets twitter-api-v2, a client in use with the real X, judge
// the fake.
func TestConformance(t *testing.T) {
	s := New(Options{RedirectURLs: []string{callback}})
	web := httptest.NewServer(s.Handler())
	t.Cleanup(web.Close)
	acme := s.AddUser(User{ID: "1001", Handle: "acme", Name: "Acme"})
	kim := s.AddUser(User{ID: "2002", Handle: "kim", Name: "Kim"})
	stranger, err := s.PostAs("kim", "Lovely weather")
	if err != nil {
		t.Fatal(err)
	}
	mention, err := s.MentionAs("kim", "@acme is login slow for you too?")
	if err != nil {
		t.Fatal(err)
	}

	nodetest.Run(t, nodetest.Suite{
		Script: "x/suite.mjs", Packages: []string{"twitter-api-v2"}, Cases: 15,
		Env: []string{
			"XFAKE_URL=" + web.URL, "XFAKE_CLIENT=client-id:client-secret", "XFAKE_BEARER=app-bearer", "XFAKE_CALLBACK=" + callback,
			"XFAKE_USER=" + acme.ID, "XFAKE_CUSTOMER=" + kim.ID, "XFAKE_MENTION=" + mention.ID, "XFAKE_STRANGER=" + stranger.ID,
		},
	})
}
