package slackfake

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"testing"
	"time"

	"github.com/slack-go/slack"
)

type got struct {
	head http.Header
	body []byte
}

// app is an HTTP app that answers with what it is told.
func app(t *testing.T, answer func(n int, w http.ResponseWriter, body []byte)) (*httptest.Server, chan got) {
	t.Helper()
	in := make(chan got, 20)
	n := 0
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		v, err := slack.NewSecretsVerifier(r.Header, "signing-secret")
		if err != nil {
			t.Errorf("signature headers: %v", err)
		}
		if _, err := v.Write(b); err != nil {
			t.Error(err)
		}
		if err := v.Ensure(); err != nil {
			t.Errorf("signature: %v", err)
		}
		n++
		answer(n, w, b)
		in <- got{r.Header, b}
	}))
	t.Cleanup(web.Close)
	return web, in
}

func recv(t *testing.T, in chan got) got {
	t.Helper()
	select {
	case g := <-in:
		return g
	case <-time.After(10 * time.Second):
		t.Fatal("nothing was delivered")
		return got{}
	}
}

func TestHTTPEvents(t *testing.T) {
	s, _ := start(t, Options{Retries: []time.Duration{0, 0, 0}})
	web, in := app(t, func(n int, w http.ResponseWriter, _ []byte) {
		if n <= 2 {
			http.Error(w, "no", http.StatusInternalServerError)
		}
	})
	s.SetRequestURLs(web.URL, "", "")
	if _, err := s.PersonSays("ada", "support", "hello"); err != nil {
		t.Fatal(err)
	}
	var event string
	for i := range 3 {
		g := recv(t, in)
		var o struct {
			EventID string `json:"event_id"`
		}
		if err := json.Unmarshal(g.body, &o); err != nil {
			t.Fatal(err)
		}
		if i == 0 {
			event = o.EventID
		} else if g.head.Get("X-Slack-Retry-Num") != strconv.Itoa(i) || g.head.Get("X-Slack-Retry-Reason") != "http_error" {
			t.Errorf("attempt %d has retry headers %q, %q", i, g.head.Get("X-Slack-Retry-Num"), g.head.Get("X-Slack-Retry-Reason"))
		}
		if o.EventID != event {
			t.Errorf("attempt %d is event %s, want %s", i, o.EventID, event)
		}
	}
	within(t, s, "the ack", func() bool { return len(s.Unacked()) == 0 && len(s.Acks()) == 1 })
}

func TestHTTPNoRetry(t *testing.T) {
	s, _ := start(t, Options{Retries: []time.Duration{0}})
	web, in := app(t, func(_ int, w http.ResponseWriter, _ []byte) {
		w.Header().Set("X-Slack-No-Retry", "1")
		http.Error(w, "no", http.StatusInternalServerError)
	})
	s.SetRequestURLs(web.URL, "", "")
	if _, err := s.PersonSays("ada", "support", "hello"); err != nil {
		t.Fatal(err)
	}
	recv(t, in)
	d := s.Deliveries()[0]
	<-d.Done()
	if n := len(d.Envelopes()); n != 1 {
		t.Errorf("%d attempts after X-Slack-No-Retry, want 1", n)
	}
}

func TestHTTPCommand(t *testing.T) {
	s, _ := start(t, Options{})
	web, in := app(t, func(_ int, w http.ResponseWriter, _ []byte) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `{"text":"heard"}`)
	})
	s.SetRequestURLs("http://127.0.0.1:1/", web.URL, "http://127.0.0.1:1/")
	d := s.Command("ada", "support", "/twitter", "help & more")
	v, err := url.ParseQuery(string(recv(t, in).body))
	if err != nil {
		t.Fatal(err)
	}
	if v.Get("command") != "/twitter" || v.Get("text") != "help &amp; more" || v.Get("response_url") != d.ResponseURL {
		t.Errorf("command = %v", v)
	}
	<-d.Done()
	if es := s.Ephemerals("ada"); len(es) != 1 || es[0].Shown != "heard" {
		t.Errorf("Ada sees %+v, want heard", es)
	}
}

func TestVerifyURL(t *testing.T) {
	s, _ := start(t, Options{})
	for _, tt := range []struct {
		name   string
		answer func(challenge string) string
		ok     bool
	}{
		{"plain", func(c string) string { return c }, true},
		{"json", func(c string) string { return `{"challenge":"` + c + `"}` }, true},
		{"something else", func(string) string { return "hello" }, false},
	} {
		web, _ := app(t, func(_ int, w http.ResponseWriter, b []byte) {
			var o struct{ Challenge string }
			if err := json.Unmarshal(b, &o); err != nil {
				t.Error(err)
			}
			_, _ = io.WriteString(w, tt.answer(o.Challenge))
		})
		s.SetRequestURLs(web.URL, "", "")
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		if err := s.VerifyURL(ctx); (err == nil) != tt.ok {
			t.Errorf("%s: %v, want ok %v", tt.name, err, tt.ok)
		}
		cancel()
	}
}
