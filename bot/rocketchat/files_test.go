package rocketchat

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/perch-chat/perch/bot"
)

// host is a web server that remembers what it was asked, and as whom.
type host struct {
	*httptest.Server
	mu    sync.Mutex
	asked []string
}

func newHost(t *testing.T, answer func(w http.ResponseWriter, r *http.Request)) *host {
	t.Helper()
	h := &host{}
	h.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h.mu.Lock()
		h.asked = append(h.asked, strings.TrimSpace(r.URL.Path+" "+r.Header.Get("X-Auth-Token")+r.Header.Get("X-User-Id")+r.Header.Get("Cookie")+r.Header.Get("Authorization")))
		h.mu.Unlock()
		answer(w, r)
	}))
	t.Cleanup(h.Close)
	return h
}

// heard is what the host was asked since the last time.
func (h *host) heard() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	out := h.asked
	h.asked = nil
	return out
}

func download(t *testing.T, base string, f bot.File, limit int64) (string, error) {
	t.Helper()
	a, err := New(Options{URL: base, UserID: "ubot", Token: "secret"})
	if err != nil {
		t.Fatal(err)
	}
	body, err := a.Download(t.Context(), f, limit)
	if err != nil {
		return "", err
	}
	raw, err := io.ReadAll(body)
	if cerr := body.Close(); cerr != nil {
		t.Errorf("close: %v", cerr)
	}
	return string(raw), err
}

// A workspace may keep its files elsewhere, and sends whoever asks there. The
// bot's login stays at home, however often and wherever it is sent.
func TestDownloadKeepsTheLoginAtHome(t *testing.T) {
	var home, store *host
	store = newHost(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/back" {
			http.Redirect(w, r, home.URL+"/file-upload/F/here", http.StatusFound)
			return
		}
		_, _ = io.WriteString(w, "from the store")
	})
	home = newHost(t, func(w http.ResponseWriter, r *http.Request) {
		to := map[string]string{
			"/file-upload/F/away": store.URL + "/bucket/F?signature=x", "/file-upload/F/moved": "/file-upload/F/here", "/file-upload/F/back": store.URL + "/back",
			"/file-upload/F/loop": "/file-upload/F/loop", "/file-upload/F/disk": "file:///etc/passwd", "/file-upload/F/user": "http://a:b@" + strings.TrimPrefix(store.URL, "http://") + "/",
		}[r.URL.Path]
		if to == "" {
			_, _ = io.WriteString(w, "from home")
			return
		}
		http.Redirect(w, r, to, http.StatusFound)
	})
	const me = " secretubot"
	for _, c := range []struct {
		at          string
		text        string
		home, store []string
	}{
		{"here", "from home", []string{"/file-upload/F/here" + me}, nil},
		{"moved", "from home", []string{"/file-upload/F/moved" + me, "/file-upload/F/here" + me}, nil},
		{"away", "from the store", []string{"/file-upload/F/away" + me}, []string{"/bucket/F"}},
		{"back", "from home", []string{"/file-upload/F/back" + me, "/file-upload/F/here"}, []string{"/back"}},
		{"disk", "", []string{"/file-upload/F/disk" + me}, nil},
		{"user", "", []string{"/file-upload/F/user" + me}, nil},
	} {
		got, err := download(t, home.URL, bot.File{URL: "/file-upload/F/" + c.at}, 1000)
		if got != c.text || (err == nil) != (c.text != "") {
			t.Errorf("%s: %q, %v, want %q", c.at, got, err, c.text)
		}
		if diff := cmp.Diff([][]string{c.home, c.store}, [][]string{home.heard(), store.heard()}); diff != "" {
			t.Errorf("%s: asked for (-want +got):\n%s", c.at, diff)
		}
	}
	if _, err := download(t, home.URL, bot.File{URL: "/file-upload/F/loop"}, 1000); code(err) != goneFile || len(home.heard()) != maxRedirects {
		t.Errorf("a loop: %v", err)
	}
	store.CloseClientConnections()
	store.Close()
	_, err := download(t, home.URL, bot.File{URL: "/file-upload/F/away"}, 1000)
	if err == nil || strings.Contains(err.Error(), "signature") || strings.Contains(err.Error(), "secret") {
		t.Errorf("the store is gone: %v, want an error without its address", err)
	}
}

// The address of a file comes with a message, which anybody may have written.
func TestDownloadAsksForFilesOnly(t *testing.T) {
	home := newHost(t, func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, r.URL.Path) })
	for _, below := range []string{"", "/chat"} {
		for at, ok := range map[string]bool{
			"/file-upload/F/a b.png": true, "/file-upload/F/a%20b..png": true, "/file-upload/F/%25.png": true, home.URL + below + "/file-upload/F/a.png": true,
			"/file-upload/F/../../api/v1/users.list": false, "/file-upload/F/%2e%2e/%2e%2e/api/v1/users.list": false, "/file-upload/F/..%2f..%2fapi/v1/users.list": false,
			"/file-upload/F/%252e%252e/x": false, `/file-upload/F/..\..\api`: false, "/api/v1/users.list": false, "//evil.example/file-upload/F/a": false, "": false,
			"https://evil.example/file-upload/F/a": false, "file-upload/F/a": false, "/file-upload": false, "javascript:alert(1)": false, home.URL + below + "/api/v1/me": false,
		} {
			_, err := download(t, home.URL+below, bot.File{URL: at}, 1000)
			asked := home.heard()
			if (err == nil) != ok || len(asked) > 0 != ok || !ok && code(err) != goneFile {
				t.Errorf("%q below %q: %v, asked %q", at, below, err, asked)
			}
			for _, p := range asked {
				if !strings.HasPrefix(p, below+"/file-upload/F/") {
					t.Errorf("%q asked for %q", at, p)
				}
			}
		}
	}
}

// A file is read no further than its limit, whatever its length was said to be.
func TestDownloadIsBounded(t *testing.T) {
	home := newHost(t, func(w http.ResponseWriter, r *http.Request) {
		flush := http.NewResponseController(w)
		if strings.HasSuffix(r.URL.Path, "long") {
			w.Header().Set("Content-Length", "1000000")
		}
		for i := range 1000 {
			if _, err := fmt.Fprintf(w, "%0999d\n", i); err != nil {
				return
			}
			_ = flush.Flush()
		}
	})
	for _, at := range []string{"long", "endless"} {
		got, err := download(t, home.URL, bot.File{URL: "/file-upload/F/" + at}, 2500)
		if e, ok := errors.AsType[*bot.Error](err); !ok || e.Code != "file_too_large" || e.Message == "" || len(got) > 2500 {
			t.Errorf("%s: %d bytes, %v", at, len(got), err)
		}
	}
	if got, err := download(t, home.URL, bot.File{URL: "/file-upload/F/long"}, 1_000_000); err != nil || len(got) != 1_000_000 {
		t.Errorf("all of it: %d bytes, %v", len(got), err)
	}
}
