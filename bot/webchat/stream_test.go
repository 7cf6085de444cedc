package webchat_test

import (
	"bufio"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/perch-chat/perch/bot"
	"github.com/perch-chat/perch/bot/webchat"
)

type event struct{ id, kind, data string }

// stream reads server-sent events into a channel until the test ends.
func stream(t *testing.T, base string, who bot.UserRef, since string) <-chan event {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, base+"/chat/events?as="+url.QueryEscape(string(who)), nil)
	if err != nil {
		t.Fatal(err)
	}
	if since != "" {
		req.Header.Set("Last-Event-ID", since)
	}
	resp, err := http.DefaultClient.Do(req) //nolint:bodyclose // closed when the test ends
	if err != nil {
		t.Fatal(err)
	}
	if resp.StatusCode != http.StatusOK {
		t.Fatalf("stream: %s", resp.Status)
	}
	body := resp.Body
	t.Cleanup(func() { _ = body.Close() }) // it has ended with the test
	out := make(chan event, 100)
	go func() {
		defer close(out)
		var e event
		for sc := bufio.NewScanner(body); sc.Scan(); {
			k, v, _ := strings.Cut(sc.Text(), ": ")
			switch k {
			case "id":
				e.id = v
			case "event":
				e.kind = v
			case "data":
				e.data = v
			case "":
				if e.kind != "" {
					out <- e
				}
				e = event{}
			}
		}
	}()
	return out
}

func next(t *testing.T, ch <-chan event, kind string) event {
	t.Helper()
	end := time.After(10 * time.Second)
	for {
		select {
		case e, ok := <-ch:
			if !ok {
				t.Fatalf("the stream ended before a %s", kind)
			}
			if e.kind == kind {
				return e
			}
		case <-end:
			t.Fatalf("no %s in the stream", kind)
		}
	}
}

func TestStream(t *testing.T) {
	t.Parallel()
	a := openChat(t, options(""))
	b := serve(t, a)
	v, err := b.state(t.Context(), sam)
	if err != nil {
		t.Fatal(err)
	}
	live := stream(t, b.base, sam, v.Cursor)
	post := func(m bot.Message) {
		t.Helper()
		m.Channel = "webchat:support"
		if _, err := a.Post(t.Context(), m); err != nil {
			t.Fatal(err)
		}
	}
	post(bot.Message{Text: "one"})
	first := next(t, live, "message")
	post(bot.Message{Text: "secret of ada", Only: ada})
	post(bot.Message{Text: "two"})
	post(bot.Message{Text: "for sam", Only: sam})

	// Both a stream that went on and one that comes back later get the same.
	for name, ch := range map[string]<-chan event{"live": live, "resumed": stream(t, b.base, sam, first.id)} {
		for _, want := range []string{"two", "for sam"} {
			e := next(t, ch, "message")
			var m webchat.ViewMessage
			if err := json.Unmarshal([]byte(e.data), &m); err != nil {
				t.Fatal(err)
			}
			if m.Text != want || m.Only != (want == "for sam") {
				t.Errorf("%s stream has %s, want %q", name, e.data, want)
			}
		}
	}
	// A browser that knows another chat reads everything anew.
	next(t, stream(t, b.base, sam, "other.3"), "reset")
	next(t, stream(t, b.base, sam, ""), "reset")

	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	until(t, "the stream ends with the chat", func() bool {
		select {
		case _, ok := <-live:
			return !ok
		default:
			return false
		}
	})
}

func TestStreamsAreBounded(t *testing.T) {
	t.Parallel()
	o := options("")
	o.Streams = 2
	a := openChat(t, o)
	b := serve(t, a)
	for range 2 {
		next(t, stream(t, b.base, ada, ""), "reset")
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, b.base+"/chat/events?as=webchat:U_ada", nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("third stream: %s, want 503", resp.Status)
	}
}
