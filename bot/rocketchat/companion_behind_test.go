package rocketchat

import (
	"net/http"
	"net/http/httptest"
	"testing"
)

// What an app that has just gone was to show waits for it: the rest of a row
// that was begun while it was there must not be shown to nobody.
func TestNothingIsShownByAnAppThatIsGone(t *testing.T) {
	asked := 0
	srv := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked++ }))
	defer srv.Close()
	a, err := New(Options{URL: srv.URL, UserID: "bot", Token: "token", AppSecret: "secret"})
	if err != nil {
		t.Fatal(err)
	}
	a.later(t.Context(), "m1", map[string]any{"type": "edit"}, false)
	if a.showLate(t.Context(), "m1") || asked > 0 {
		t.Errorf("the app was asked %d times", asked)
	}
	if len(a.app.behind) != 1 {
		t.Error("it is forgotten")
	}
}
