package xapi

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"testing"
)

// TestOpenMedia: the token goes with what is private, to the API alone; what is
// public is read without it, and from X only.
func TestOpenMedia(t *testing.T) {
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if a := r.Header.Get("Authorization"); a != "" {
			t.Errorf("another host got the token: %q", a)
		}
		_, _ = io.WriteString(w, "elsewhere")
	}))
	t.Cleanup(other.Close)
	c := newClient(t, func(w http.ResponseWriter, r *http.Request) {
		private := strings.HasPrefix(r.URL.Path, "/2/")
		if got := r.Header.Get("Authorization"); private != (got == "Bearer "+canary) {
			t.Errorf("%s came with the token %q", r.URL.Path, got)
		}
		switch r.URL.Path {
		case "/2/dm_conversations/media/1/2/here.jpg", "/2/dm_conversations/media/1/2/bare", "/media/1":
			w.Header().Set("Content-Type", "image/png")
			_, _ = io.WriteString(w, "0123456789")
		case "/2/dm_conversations/media/1/2/away.jpg", "/media/away":
			http.Redirect(w, r, other.URL+"/x", http.StatusFound)
		case "/media/moved":
			http.Redirect(w, r, "/media/1", http.StatusFound)
		default:
			answering(404, `{"title":"Not Found"}`)(w, r)
		}
	})
	tests := []struct {
		address, want string
		code          Code
	}{
		{"https://ton.twitter.com/1.1/ton/data/dm/1/2/here.jpg", "image/png 10 0123456789", ""},
		{"https://ton.twitter.com/1.1/ton/data/dm/1/2/bare.png", "image/png 10 0123456789", ""},
		{"https://ton.twitter.com/1.1/ton/data/dm/1/2/away.jpg", "text/plain; charset=utf-8 9 elsewhere", ""},
		{"https://ton.twitter.com/1.1/ton/data/dm/1/2/gone.jpg", "", CodeNotFound},
		{c.cfg.APIBase + "/media/1", "image/png 10 0123456789", ""},
		{c.cfg.APIBase + "/media/moved", "image/png 10 0123456789", ""},
		{c.cfg.APIBase + "/media/away", "", CodeBadResponse},
		{c.cfg.APIBase + "/media/gone", "", CodeNotFound},
		{other.URL + "/x", "", CodeBadResponse},
		{"https://169.254.169.254/latest/meta-data", "", CodeBadResponse},
		{"file:///etc/passwd", "", CodeBadResponse},
		{"", "", CodeBadResponse},
	}
	for _, tt := range tests {
		d, _, err := c.OpenMedia(t.Context(), canary, tt.address)
		if tt.code != "" {
			if e := asError(t, err); e.Code != tt.code || d != nil {
				t.Errorf("%s: %+v, %v, want %q", tt.address, d, err, tt.code)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", tt.address, err)
			continue
		}
		data, _ := io.ReadAll(d.Body)
		_ = d.Body.Close()
		if got := strings.Join([]string{d.Type, strconv.FormatInt(d.Size, 10), string(data)}, " "); got != tt.want {
			t.Errorf("%s: %q, want %q", tt.address, got, tt.want)
		}
	}
}

func TestOfX(t *testing.T) {
	c := New(Config{})
	for address, want := range map[string]bool{
		"https://pbs.twimg.com/media/a.jpg":          true,
		"https://video.twimg.com/ext_tw_video/1":     true,
		"https://api.x.com/media/1":                  true,
		"http://pbs.twimg.com/media/a.jpg":           false,
		"https://pbs.twimg.com:8443/media/a.jpg":     false,
		"https://twimg.com.evil.example/a.jpg":       false,
		"https://eviltwimg.com/a.jpg":                false,
		"https://user@pbs.twimg.com/a.jpg":           false,
		"https://pbs.twimg.com@evil.example/a.jpg":   false,
		"https://169.254.169.254/a":                  false,
		"http://localhost:8080/a":                    false,
		"https://api.x.com:444/a":                    false,
		"https://api.x.com.evil.example/a":           false,
		"//pbs.twimg.com/a":                          false,
		"javascript:alert(1)//https://pbs.twimg.com": false,
	} {
		u, err := url.Parse(address)
		if err != nil {
			t.Fatal(err)
		}
		if got := c.ofX(u); got != want {
			t.Errorf("ofX(%q) = %v, want %v", address, got, want)
		}
	}
}
