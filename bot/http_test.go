package bot

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"
)

func TestCallClient(t *testing.T) {
	elsewhere := 0
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { elsewhere++ }))
	defer other.Close()
	srv := httptest.NewServer(http.RedirectHandler(other.URL, http.StatusTemporaryRedirect))
	defer srv.Close()
	given := &http.Client{Timeout: time.Minute}
	for _, h := range []*http.Client{nil, given} {
		c := CallClient(h, 7)
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, srv.URL, nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := c.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		if resp.StatusCode != http.StatusTemporaryRedirect || elsewhere > 0 {
			t.Errorf("status %d, %d calls elsewhere: want the redirect itself", resp.StatusCode, elsewhere)
		}
		tr, ok := c.Transport.(*http.Transport)
		if !ok || tr == http.DefaultTransport || tr.MaxIdleConnsPerHost != 7 {
			t.Errorf("transport %+v, want one of its own with 7 connections", c.Transport)
		}
		want := callTimeout
		if h != nil {
			want = h.Timeout
		}
		if c.Timeout != want {
			t.Errorf("timeout %s, want %s", c.Timeout, want)
		}
	}
	if given.CheckRedirect != nil || given.Transport != nil {
		t.Error("the client that was given is changed")
	}
}
