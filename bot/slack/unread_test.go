package slack

import (
	"encoding/json"
	"strings"
	"testing"
	"testing/synctest"
	"time"
	"unicode/utf8"
)

func TestRawText(t *testing.T) {
	for name, raw := range map[string]string{
		"short": "abc", "bytes": strings.Repeat("\xff", maxRaw), "cut in a letter": strings.Repeat("a", maxRaw-1) + "é", "none": "",
	} {
		got := rawText([]byte(raw))
		if len(got) > maxRaw || !utf8.ValidString(got) || raw != "" && got == "" {
			t.Errorf("%s: %d bytes", name, len(got))
		}
	}
	if got := rawText([]byte("a\xffb")); got != "a\uFFFDb" {
		t.Errorf("rawText = %q", got)
	}
}

func FuzzRawText(f *testing.F) {
	f.Add([]byte("\xff\xfe{"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		ev := unreadEvent(raw, errUnknown)
		b, err := json.Marshal(ev)
		if err != nil || !json.Valid(b) || len(ev.Raw) > maxRaw || ev.ID != unreadEvent(raw, errUnknown).ID {
			t.Errorf("unreadEvent(%q) = %+v, %v", raw, ev, err)
		}
	})
}

// The two ways of a gap: no socket was up, or all were silent.
func TestGaps(t *testing.T) {
	var g gaps
	at := time.Unix(1_700_000_000, 0)
	want := func(what string, since time.Time, gap bool) {
		t.Helper()
		s, ok := g.greeted()
		if ok != gap || !s.Equal(since) {
			t.Errorf("%s: gap %v since %v, want %v since %v", what, ok, s, gap, since)
		}
	}
	want("the first socket", time.Time{}, true)
	want("the second", time.Time{}, false)
	g.ended(at)
	want("one of two anew", time.Time{}, false)
	g.ended(at)
	g.ended(at.Add(time.Second))
	want("both gone", at.Add(time.Second), true)
	want("the second again", time.Time{}, false)
}

func TestSilenceIsAGap(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, err := New(Options{BotToken: testToken, AppToken: testApp})
		if err != nil {
			t.Fatal(err)
		}
		sink := &memory{}
		s := &sockets{Adapter: a, Sink: sink}
		hear := func(after time.Duration) int {
			<-time.After(after)
			s.hear(t.Context())
			s.readers.Wait()
			return len(sink.events())
		}
		if n := hear(time.Hour); n != 0 {
			t.Errorf("%d gaps with no socket up: the greeting tells of that one", n)
		}
		s.gaps.up = 1
		if n := hear(pingEvery + pingWithin); n != 0 {
			t.Errorf("%d gaps after the longest wait for a pong", n)
		}
		before := time.Now().UTC()
		if n := hear(time.Minute); n != 1 {
			t.Fatalf("%d gaps after a minute of silence", n)
		}
		if got := sink.events()[0].Since; !got.Equal(before) {
			t.Errorf("since %v, want %v", got, before)
		}
	})
}
